/** For any schema and any arguments: nothing is thrown, nothing of a value is told, and the answer is that of the compiler alone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { isObject, type JsonObject, type JsonValue } from '../../src/core/json.ts'
import { compileSchema } from '../../src/inspect/schema.ts'
import { FINDINGS_MAX } from '../../src/inspect/words.ts'

const NAMES = ['a', 'b', 'constructor', 'x/y'] as const
const name = fc.constantFrom(...NAMES)
const scalar = fc.oneof(fc.constantFrom(null, true, false, 0, 1, 2, 5, -1, 1.5, '', 'a', 'abc', '😀'))

const { value } = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalar,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(name, tie('value'), { maxKeys: 4, noNullPrototype: true }).map(comparable),
  ),
}))

/** Ajv compares objects by their `constructor` first: it takes two that have an equal object there for different, see the test below. */
function comparable(members: Record<string, JsonValue>): JsonObject {
  const own = Object.hasOwn(members, 'constructor') ? members['constructor'] : null
  return typeof own === 'object' && own !== null ? { ...members, constructor: null } : members
}

/** A few keywords at a time: schemas that say everything at once are long to compile and say nothing more. */
const { schema } = fc.letrec<{ schema: JsonValue; keyword: JsonObject }>((tie) => {
  const sub = tie('schema')
  const subs = fc.array(sub, { minLength: 1, maxLength: 3 })
  const type = fc.constantFrom('string', 'number', 'integer', 'object', 'array', 'null', 'boolean')
  const keywords: Readonly<Record<string, fc.Arbitrary<JsonValue>>> = {
    type: fc.oneof(type, fc.uniqueArray(type, { minLength: 1, maxLength: 3 })),
    enum: fc.array(value, { minLength: 1, maxLength: 4 }),
    const: value,
    minimum: fc.constantFrom(0, 1),
    maxLength: fc.constantFrom(0, 1, 3),
    pattern: fc.constantFrom('^a', 'b$', '^[ab]*$'),
    minItems: fc.constantFrom(0, 1),
    uniqueItems: fc.boolean(),
    prefixItems: subs,
    items: sub,
    contains: sub,
    required: fc.uniqueArray(name, { maxLength: 2 }),
    properties: fc.dictionary(name, sub, { maxKeys: 3, noNullPrototype: true }),
    patternProperties: fc.dictionary(fc.constantFrom('^a', 'b'), sub, { maxKeys: 2, noNullPrototype: true }),
    additionalProperties: sub,
    propertyNames: sub,
    allOf: subs,
    anyOf: subs,
    oneOf: subs,
    not: sub,
    if: sub,
    else: sub,
    unevaluatedProperties: sub,
  }
  const each = Object.entries(keywords).map(([keyword, of]) => of.map((written): JsonObject => ({ [keyword]: written })))
  return {
    keyword: fc.oneof(...each),
    schema: fc.oneof(
      { maxDepth: 3, depthSize: 'small' },
      fc.boolean(),
      fc.array(tie('keyword'), { minLength: 1, maxLength: 3 }).map((parts): JsonObject => Object.assign({}, ...parts)),
    ),
  }
})

const args: fc.Arbitrary<JsonObject> = fc.dictionary(name, value, { maxKeys: 4, noNullPrototype: true }).map(comparable)

test('the vetted schema says what the written one says', () => {
  fc.assert(
    fc.property(schema, args, (written, sent) => {
      const root = typeof written === 'boolean' ? { not: written ? {} : true } : written
      if (!isObject(root)) return
      const expected = byAjv(root, sent)
      const { check, usable, flaws } = compileSchema(root, { strict: false })
      assert.ok(usable, JSON.stringify(flaws))
      const passes = check(sent).length === 0
      if (expected !== 'broke') assert.equal(passes, expected, JSON.stringify([root, sent]))
    }),
    { numRuns: 1_000 },
  )
})

/** What ajv says of it; the code that it writes for `unevaluatedProperties` breaks on some schemas, and then there is nothing to compare with. */
function byAjv(root: JsonObject, sent: JsonObject): boolean | 'broke' {
  const validate = new Ajv2020({ strict: false, ownProperties: true, validateSchema: false, meta: false, logger: false }).compile(root)
  try {
    return validate(sent)
  } catch {
    return 'broke'
  }
}

test('where the code that ajv wrote for a schema breaks, nothing passes, and it is told of the definition', () => {
  const broken: JsonObject = {
    anyOf: [{ type: ['string'], patternProperties: { '^a': false } }, true],
    patternProperties: { b: { unevaluatedProperties: false } },
  }
  assert.equal(byAjv(broken, { b: null }), 'broke')
  const found = compileSchema(broken, { strict: false }).check({ b: null })
  assert.deepEqual(
    found.map(({ detector }) => detector),
    ['schema/definition'],
  )
})

test('objects that say the same are equal, whatever they call their members; ajv alone errs', () => {
  const written: JsonObject = { enum: [{ constructor: {} }] }
  const sent: JsonObject = { constructor: {} }
  assert.equal(byAjv(written, sent), false)
  assert.deepEqual(compileSchema(written, { strict: false }).check(sent), [])
})

test('whatever the schema is, nothing is thrown, the findings are few and point somewhere, and no text of a value or of the schema is told', () => {
  const CANARY = 'canary-7f3a'
  const text = fc.constantFrom(CANARY, `${CANARY}/~`, '#/a', 'string', '^a', '(', '__proto__')
  const keyword = fc.constantFrom(
    'type',
    'enum',
    'properties',
    'required',
    'items',
    '$ref',
    'pattern',
    'format',
    'anyOf',
    'not',
    '$defs',
    'minimum',
    'const',
    '$schema',
    '$id',
  )
  const { wild } = fc.letrec<{ wild: JsonValue }>((tie) => ({
    wild: fc.oneof(
      { depthSize: 'small' },
      text,
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('wild'), { maxLength: 3 }),
      fc.dictionary(fc.oneof(keyword, text), tie('wild'), { maxKeys: 5 }),
    ),
  }))
  fc.assert(
    fc.property(
      fc.dictionary(keyword, wild),
      fc.dictionary(name, fc.constantFrom<JsonValue>(CANARY, [CANARY], { a: CANARY }, 1)),
      (written, sent) => {
        const { check, flaws } = compileSchema(written, { strict: false })
        const findings = check(sent)
        assert.ok(findings.length <= FINDINGS_MAX)
        for (const { pointer, rule, detector } of [...findings, ...flaws]) {
          assert.match(pointer, /^(\/([^~/]|~[01])*)*$/)
          assert.doesNotMatch(`${rule} ${detector}`, /canary/)
        }
      },
    ),
    { numRuns: 400 },
  )
})
