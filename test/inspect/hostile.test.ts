/** Schemas that were written to run code, to hang, to reach out, or to be read as something else. Each by its name. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { JsonObject, JsonValue } from '../../src/core/json.ts'
import { compileSchema, type Validator } from '../../src/inspect/schema.ts'
import { SCHEMA_MAX_CHARS, SUBSCHEMAS_MAX } from '../../src/inspect/vet.ts'

/** Generous against a slow machine, and nothing against what is exponential. */
const SOON_MS = 5_000

function soon<T>(work: () => T): T {
  const startedAt = performance.now()
  const result = work()
  const tookMs = performance.now() - startedAt
  assert.ok(tookMs < SOON_MS, `took ${tookMs} ms`)
  return result
}

const compiled = (schema: JsonValue): Validator => soon(() => compileSchema(schema, { strict: false }))
const detectors = (validator: Validator, args: JsonObject): readonly string[] =>
  soon(() => validator.check(args)).map(({ detector }) => detector)
const one = (name: string, schema: JsonValue): JsonObject => ({ type: 'object', properties: { [name]: schema } })
const isRefused = (schema: JsonValue): boolean => !compiled(schema).usable
/** A text over two letters, without a pattern in it that an automaton could use. */
const noise = (chars: number): string => {
  const letters: string[] = []
  for (let at = 0, state = 1; at < chars; at++) {
    state = (state * 48_271) % 2_147_483_647
    letters.push((state & 64) === 0 ? 'a' : 'b')
  }
  return letters.join('')
}

describe('code', () => {
  const BREAKOUTS = [
    '"];globalThis.hacked=1;//',
    "');globalThis.hacked=1;//",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is not to become one.
    '`${globalThis.hacked=1}`',
    '*/globalThis.hacked=1;/*',
    '\u2028globalThis.hacked=1;',
    '\\"+(globalThis.hacked=1)+"',
    'a\nglobalThis.hacked=1\n',
  ]

  test('in names, values, patterns, formats, references and identifiers stays text', () => {
    for (const evil of BREAKOUTS) {
      const schemas: readonly JsonValue[] = [
        { properties: { [evil]: { type: 'string', minLength: 3 } }, required: [evil, `${evil}2`], additionalProperties: { not: {} } },
        { patternProperties: { [evil]: { type: 'number' } }, propertyNames: { enum: [evil] } },
        one('x', { enum: [evil, { [evil]: evil }], const: { [evil]: evil } }),
        one('x', { const: evil }),
        one('x', { pattern: evil, format: evil, title: evil, $comment: evil, description: evil, default: evil, examples: [evil] }),
        { $id: evil, $anchor: evil, $vocabulary: { [evil]: true }, [evil]: evil },
        {
          $defs: { [evil]: { type: 'string' } },
          ...one('x', { $ref: `#/$defs/${encodeURIComponent(evil.replaceAll('~', '~0').replaceAll('/', '~1'))}` }),
        },
        { dependentRequired: { [evil]: [evil, 'b'] }, dependentSchemas: { [evil]: { required: [evil] } } },
        one('x', { type: evil }),
        one('x', { minimum: evil, maxLength: { valueOf: evil }, multipleOf: [evil] }),
        one('x', { $ref: evil }),
        one('x', { discriminator: { propertyName: evil }, oneOf: [{ properties: { [evil]: { const: evil } } }], nullable: evil }),
      ]
      for (const schema of schemas)
        for (const args of [{}, { x: evil }, { x: 1, [evil]: 1 }, { x: { [evil]: evil } }]) compiled(schema).check(args)
    }
    assert.equal(Reflect.get(globalThis, 'hacked'), undefined)
  })

  test('of a format that is a member of every object is not run', () => {
    for (const format of ['constructor', 'toString', '__defineGetter__', '__proto__', 'hasOwnProperty', 'valueOf'])
      assert.deepEqual(detectors(compiled(one('x', { format })), { x: 'anything' }), [], format)
  })

  test('is not reached by $data, which is an ordinary member here (CVE-2025-69873)', () => {
    assert.ok(isRefused(one('x', { pattern: { $data: '1/y' } })))
    assert.ok(isRefused(one('x', { maximum: { $data: '1/y' } })))
    assert.deepEqual(detectors(compiled(one('x', { const: { $data: '1/y' } })), { x: { $data: '1/y' }, y: 5 }), [])
  })

  test('keywords of the compiler, and our own, mean nothing in a schema', () => {
    const mine = {
      'portcullis-step': [-1e9, false],
      $async: true,
      nullable: true,
      errorMessage: 'x',
      formatMinimum: '2020-01-01',
      instanceof: 'Function',
    }
    assert.deepEqual(detectors(compiled({ ...one('x', { type: 'string', ...mine }), ...mine }), { x: null }), ['schema/type'])
  })
})

describe('prototypes', () => {
  test('are not polluted, and no name stands for one', () => {
    for (const schema of [
      '{"properties":{"__proto__":{"type":"object","default":{"polluted":1},"properties":{"polluted":{"default":1}}}}}',
      '{"required":["__proto__"]}',
      '{"dependentRequired":{"a":["__proto__"]}}',
      '{"patternProperties":{"__proto__":{"default":1}}}',
      '{"dependentSchemas":{"__proto__":{}}}',
    ])
      assert.ok(isRefused(JSON.parse(schema)), schema)
    const safe = compiled(
      JSON.parse(
        '{"type":"object","__proto__":{"polluted":1},"$defs":{"__proto__":{"type":"string"}},"properties":{"x":{"default":{"__proto__":{"polluted":1}}}}}',
      ),
    )
    assert.deepEqual(detectors(safe, JSON.parse('{"__proto__":{"polluted":1}}')), [])
    assert.equal(Reflect.get({}, 'polluted'), undefined)
  })

  test('a reference by way of them leads nowhere', () => {
    for (const $ref of ['#/__proto__', '#/constructor', '#/properties/toString', '#/properties/x/length'])
      assert.ok(isRefused({ properties: { x: { $ref } } }), $ref)
  })
})

describe('time', () => {
  test('a pattern with nested repetition is linear: (a+)+$', () => {
    for (const pattern of ['(a+)+$', '^(a+)+$', '^(a|aa)+$', '^(.*)*$x', '(x+x+)+y', '^([a-z]+.)+[A-Z]$'])
      assert.ok(detectors(compiled(one('x', { pattern })), { x: `${'a'.repeat(100_000)}!` }).every((found) => found === 'schema/pattern'))
  })

  test('a pattern whose automaton has a state for every text is given up before it is tried for long', () => {
    for (const pattern of [
      '[ab]*a[ab]{20}c',
      '[ab]*a[ab]{200}c',
      '([ab]*a[ab]{30}){5}c$',
      '(ab?|b){1,400}c$',
      '[ab]*a[ab][ab][ab][ab]c$',
    ]) {
      const validator = compiled(one('x', { pattern }))
      for (const chars of [100, 10_000, 100_000]) detectors(validator, { x: `c${noise(chars)}d` })
    }
  })

  test('a pattern that is small as text and huge as a program is refused before it is compiled', () => {
    for (const pattern of [
      '((a{1000}b){1000}){1000}',
      `${'\\p{L}{999}'.repeat(50)}`,
      `(${'a|'.repeat(900)}b){1000}`,
      'a'.repeat(2_049),
      '('.repeat(1_000),
    ])
      assert.ok(compiled(one('x', { pattern })).flaws.length > 0, pattern.slice(0, 30))
  })

  test('many patterns together are no more than one', () => {
    const properties = Object.fromEntries(Array.from({ length: 300 }, (_, at) => [`p${at}`, { pattern: `[\\p{L}${at}]{1,90}` }]))
    assert.ok(isRefused({ properties }))
  })

  test('references that double at every step: the billion laughs', () => {
    const $defs = Object.fromEntries(
      Array.from({ length: 100 }, (_, at) => [
        `d${at}`,
        at === 99 ? true : { allOf: [{ $ref: `#/$defs/d${at + 1}` }, { $ref: `#/$defs/d${at + 1}` }] },
      ]),
    )
    assert.deepEqual(detectors(compiled({ $defs, $ref: '#/$defs/d0' }), {}), ['schema/cost'])
  })

  test('a recursive schema that visits every level twice, on deep arguments', () => {
    for (const keyword of ['allOf', 'anyOf', 'oneOf']) {
      const twice = { properties: { a: { $ref: '#' } }, required: ['a'] }
      let args: JsonObject = {}
      for (let depth = 0; depth < 60; depth++) args = { a: args }
      const found = detectors(compiled({ [keyword]: [twice, twice] }), args)
      assert.ok(found.length > 0, keyword)
    }
  })

  test('a reference to itself ends', () => {
    assert.deepEqual(detectors(compiled({ $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } }, $ref: '#/$defs/a' }), {}), [
      'schema/cost',
    ])
    assert.deepEqual(detectors(compiled({ $ref: '#' }), {}), ['schema/cost'])
  })

  test('uniqueItems on a long array is one pass', () => {
    const items = Array.from({ length: 50_000 }, (_, at) => ({ at }))
    assert.deepEqual(detectors(compiled(one('x', { uniqueItems: true })), { x: items }), [])
    assert.deepEqual(detectors(compiled(one('x', { uniqueItems: true })), { x: [...items, { at: 7 }] }), ['schema/uniqueItems'])
  })

  test('a huge enum on every item of a long array is a look-up each', () => {
    const values = Array.from({ length: 10_000 }, (_, at) => `value-${at}`)
    const validator = compiled(one('x', { items: { enum: values } }))
    assert.deepEqual(detectors(validator, { x: Array.from({ length: 50_000 }, () => 'value-9999') }), [])
    assert.ok(detectors(validator, { x: Array.from({ length: 50_000 }, () => 'value-x') }).includes('schema/enum'))
  })

  test('many required names on every item are counted as the work that they are', () => {
    const required = Array.from({ length: 20_000 }, (_, at) => `n${at}`)
    assert.deepEqual(
      detectors(compiled(one('x', { items: { anyOf: [{ required }, true] } })), { x: Array.from({ length: 50_000 }, () => ({ n0: 1 })) }),
      ['schema/cost'],
    )
  })

  test('many subschemas that each go through all members or all characters', () => {
    const members = Object.fromEntries(Array.from({ length: 9_000 }, (_, at) => [`k${at}`, at]))
    const wide = (each: JsonObject): JsonObject => ({ properties: { x: { allOf: Array.from({ length: 450 }, () => each) } } })
    assert.deepEqual(detectors(compiled(wide({ additionalProperties: { type: 'number' } })), { x: members }), ['schema/cost'])
    for (const each of [{ minLength: 1 }, { format: 'uri' }, { format: 'email' }, { pattern: '^a*$' }])
      assert.ok(
        detectors(compiled(wide(each)), { x: 'a'.repeat(500_000) }).every((found) => ['schema/cost', 'schema/format'].includes(found)),
      )
  })
})

describe('size', () => {
  test('too many subschemas, too deep, too large', () => {
    const flaw = (schema: JsonValue): string | undefined => compiled(schema).flaws[0]?.rule
    const properties = Object.fromEntries(Array.from({ length: SUBSCHEMAS_MAX }, (_, at) => [`p${at}`, {}]))
    assert.equal(flaw({ properties }), 'the input schema has too many subschemas')
    let deep: JsonObject = {}
    for (let depth = 0; depth < 200; depth++) deep = { not: deep }
    assert.equal(flaw(deep), 'the input schema nests too deeply')
    assert.equal(flaw({ description: 'x'.repeat(SCHEMA_MAX_CHARS) }), 'the input schema is too large')
  })

  test('the largest that is taken is compiled and asked soon', () => {
    const kinds: readonly ((at: number) => JsonObject)[] = [
      (at) => ({ type: 'string', minLength: at, enum: [`a${at}`, 'b'] }),
      (at) => ({ properties: { [`q${at}`]: true }, unevaluatedProperties: { type: 'string' } }),
      (at) => ({ const: { at } }),
    ]
    for (const kind of kinds) {
      const all = Array.from({ length: SUBSCHEMAS_MAX / 3 - 10 }, (_, at) => kind(at))
      assert.ok(compiled({ anyOf: all, unevaluatedProperties: false }).usable)
      assert.ok(compiled({ properties: Object.fromEntries(all.map((each, at) => [`p${at}`, each])), additionalProperties: false }).usable)
    }
  })

  test('many references to many places', () => {
    const $defs = Object.fromEntries(Array.from({ length: 400 }, (_, at) => [`d${at}`, {}]))
    assert.ok(isRefused({ $defs, allOf: Object.keys($defs).map((name) => ({ $ref: `#/$defs/${name}` })) }))
  })
})

describe('identity', () => {
  test('two schemas of one $id are two schemas', () => {
    const $id = 'https://example.com/same'
    assert.deepEqual(detectors(compiled({ $id, ...one('x', { type: 'string' }) }), { x: 1 }), ['schema/type'])
    assert.deepEqual(detectors(compiled({ $id, ...one('x', { type: 'number' }) }), { x: 1 }), [])
    assert.deepEqual(detectors(compiled({ $id: 'https://json-schema.org/draft/2020-12/schema' }), {}), [])
  })

  test('an embedded schema changes what references mean, so beside one it is not taken', () => {
    const embedded = { $id: 'https://example.com/inner', $defs: { a: { type: 'number' } }, properties: { y: { $ref: '#/$defs/a' } } }
    assert.ok(isRefused({ $defs: { a: { type: 'string' } }, properties: { x: embedded } }))
    assert.ok(!isRefused(one('x', { $id: 'https://example.com/inner', type: 'string' })))
  })

  test('a value that looks like a schema is a schema only where a reference makes it one, and then it is vetted', () => {
    assert.deepEqual(detectors(compiled({ properties: { x: { $ref: '#/const' } }, const: { properties: {} } }), { properties: {} }), [])
    assert.ok(isRefused({ properties: { x: { $ref: '#/examples/0' } }, examples: [{ pattern: ['('] }] }))
  })
})
