/** For any bytes: the parser never throws, the scanner accepts exactly what the strict rules say, streams may be split anywhere. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Denial } from '../../src/core/denial.ts'
import { parseCall } from '../../src/mcp/parse.ts'
import { scan } from '../../src/mcp/scan.ts'
import { decodeHeaderValue, encodeHeaderValue } from '../../src/mcp/sentinel.ts'
import { encodeEvent, SseDecoder } from '../../src/mcp/sse.ts'
import { envelope, META, modern } from '../mcp/envelope.ts'

const RULES = { maxDepth: 8, maxMembers: 60, exactNumbers: true }

/** JSON as text, with everything that makes it ambiguous: repeated and escaped keys, odd numbers, surrogates, depth. */
const KEY = fc.oneof(
  fc.constantFrom(
    '"a"',
    '"b"',
    '"\\u0061"',
    '"__proto__"',
    '"\\u005f_proto__"',
    '"constructor"',
    '"prototype"',
    '"\u212a"',
    '"\\u017f"',
    '"ä"',
    '"\\u00e4"',
    '""',
  ),
  fc.string().map((text) => JSON.stringify(text)),
)
const SCALAR = fc.oneof(
  fc.constantFrom(
    'null',
    'true',
    'false',
    '0',
    '-0',
    '1.5',
    '1e400',
    '1e-400',
    '9007199254740993',
    '0.1',
    '1e5',
    '"\\ud800"',
    '"\\ud83d\\ude00"',
    '"\\udc00"',
    'nul',
    '01',
    '1.',
    '"\\x"',
  ),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
  fc.string({ unit: 'binary' }).map((text) => JSON.stringify(text)),
)
const SPACE = fc.constantFrom('', ' ', '\n', '\t\r')
const { text: JSON_TEXT } = fc.letrec<{ text: string }>((tie) => ({
  text: fc.oneof(
    { depthSize: 'medium', withCrossShrink: true },
    SCALAR,
    fc.tuple(fc.array(tie('text'), { maxLength: 4 }), SPACE).map(([items, space]) => `[${space}${items.join(`${space},`)}${space}]`),
    fc
      .tuple(fc.array(fc.tuple(KEY, tie('text')), { maxLength: 30 }), SPACE)
      .map(([members, space]) => `{${space}${members.map(([key, value]) => `${key}${space}:${value}`).join(',')}${space}}`),
  ),
}))

/** A slow reader of the same rules: recursive descent over the text, values by JSON.parse. */
function verdict(text: string): 'ok' | 'refused' {
  if (!text.isWellFormed()) return 'refused'
  try {
    JSON.parse(text)
  } catch {
    return 'refused'
  }
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g) ?? []
  const open: { kind: string; keys: string[]; under: string | undefined }[] = []
  let members = 0
  let key: string | undefined
  for (const [at, token] of tokens.entries()) {
    const inside = open.at(-1)
    if (token === '{' || token === '[') {
      open.push({ kind: token, keys: [], under: inside?.kind === '{' && token === '{' ? key : undefined })
      if (open.length > RULES.maxDepth) return 'refused'
    } else if (token === '}' || token === ']') open.pop()
    else if (token.startsWith('"')) {
      const value = String(JSON.parse(token))
      if (!value.isWellFormed()) return 'refused'
      if (tokens[at + 1] !== ':' || inside?.kind !== '{') continue
      key = value
      if (++members > RULES.maxMembers || inside.keys.includes(key) || key === '__proto__' || /[\u017f\u212a]/.test(key)) return 'refused'
      if (key === 'prototype' && inside.under === 'constructor') return 'refused'
      inside.keys.push(key)
    } else if (/^[-0-9]/.test(token) && !isKept(token)) return 'refused'
  }
  return 'ok'
}

/** Exact decimals as fractions of big integers. */
function isKept(token: string): boolean {
  const value = Number(token)
  if (!Number.isFinite(value)) return false
  const [left, right] = [fraction(token), fraction(String(value))]
  return left[0] * right[1] === right[0] * left[1]
}
function fraction(text: string): [bigint, bigint] {
  const [mantissa = '0', exponent = '0'] = text.toLowerCase().split('e')
  const [whole = '0', decimals = ''] = mantissa.split('.')
  const power = Number(exponent) - decimals.length
  const digits = BigInt(whole + decimals)
  return power >= 0 ? [digits * 10n ** BigInt(power), 1n] : [digits, 10n ** BigInt(-power)]
}

function accepted(text: string): 'ok' | 'refused' {
  try {
    JSON.parse(scan(Buffer.from(text), RULES))
    return text.isWellFormed() ? 'ok' : 'refused'
  } catch (error) {
    assert.ok(error instanceof Denial || error instanceof SyntaxError)
    return 'refused'
  }
}

test('the scanner and JSON.parse together accept exactly what the strict rules say', () => {
  let kept = 0
  fc.assert(
    fc.property(JSON_TEXT, (text) => {
      const expected = verdict(text)
      if (expected === 'ok') kept++
      assert.equal(accepted(text), expected)
    }),
    { numRuns: 3_000 },
  )
  assert.ok(kept > 300, `only ${kept} were JSON`)
})

test('every value that JSON.stringify writes within the limits is accepted, and read as it was', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
      const text = JSON.stringify(value)
      const roomy = { ...RULES, maxMembers: 100_000 }
      if (/__proto__|\u017f|\u212a|"prototype"/.test(text)) return
      assert.equal(scan(Buffer.from(text), roomy), text)
    }),
  )
})

test('parseCall never throws and never accepts what is not one object', () => {
  const any = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.string({ unit: 'binary' }).map((text) => Buffer.from(text)),
    JSON_TEXT.map((text) => Buffer.from(text)),
    fc.jsonValue().map((value) => Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: value }))),
    fc
      .jsonValue()
      .map((value) => Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: value, method: 'tools/list', params: { _meta: META } }))),
    fc
      .tuple(fc.string(), fc.jsonValue())
      .map(([method, value]) => Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { _meta: value } }))),
  )
  const given = fc.constantFrom(
    envelope({ headers: modern('tools/call', 'a') }),
    envelope({ headers: {} }),
    envelope({ transport: 'stdio' }),
    envelope({ transport: 'stdio', forcedEra: 'legacy' }),
  )
  fc.assert(
    fc.property(any, given, (bytes, around) => {
      const call = parseCall(bytes, around)
      if (call.flaw !== undefined) {
        assert.notEqual(call.flaw.code, 'unavailable', call.flaw.detail)
        return
      }
      assert.equal(call.message.bytes, bytes)
      assert.equal(call.message.body.jsonrpc, '2.0')
    }),
    { numRuns: 2_000 },
  )
})

test('a mutated call is refused or is the call that its text says', () => {
  const whole = Buffer.from(
    JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'a', arguments: { b: [1, 'c'] }, _meta: META } }),
  )
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => {
      const bytes = Buffer.from(whole)
      bytes[at] = byte
      const call = parseCall(bytes, envelope({ headers: modern('tools/call', 'a') }))
      if (call.flaw === undefined) assert.deepEqual(call.message.body, JSON.parse(bytes.toString()))
    }),
    { numRuns: 2_000 },
  )
})

test('a header value is read as it was written', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.string({ unit: 'grapheme' })), (value) =>
      assert.equal(decodeHeaderValue(encodeHeaderValue(value)), value),
    ),
  )
})

test('events that are written are read as they were, wherever the bytes are split', () => {
  const messages = fc.array(
    fc.tuple(
      fc.jsonValue(),
      fc.option(
        fc.string().filter((id) => !/[\r\n\0]/.test(id)),
        { nil: undefined },
      ),
    ),
    { maxLength: 5 },
  )
  fc.assert(
    fc.property(messages, fc.infiniteStream(fc.integer({ min: 1, max: 40 })), (sent, sizes) => {
      const bodies = sent.map(([value, id]) => ({ body: { jsonrpc: '2.0', id: 1, result: { value } } as const, id }))
      const bytes = Buffer.concat(bodies.map(({ body, id }) => encodeEvent({ body }, id)))
      const decoder = new SseDecoder()
      const events = []
      for (let at = 0; at < bytes.length; ) {
        const size = sizes.next().value
        events.push(...decoder.push(bytes.subarray(at, at + size)))
        at += size
      }
      assert.deepEqual(
        events.map(({ data, id }) => ({ body: JSON.parse(data), id })),
        bodies.map(({ body, id }) => ({ body: JSON.parse(JSON.stringify(body)), id })),
      )
    }),
  )
})

test('any text stream makes the same events whole and split', () => {
  const text = fc
    .array(fc.constantFrom('data: a', 'data', 'id: 1', 'event: e', ':c', '\r', '\n', '\r\n', 'ä', '\ufeff', 'retry: 5', ' '), {
      maxLength: 40,
    })
    .map((parts) => Buffer.from(parts.join('')))
  fc.assert(
    fc.property(text, fc.nat(), fc.nat(), (bytes, first, second) => {
      const [left, right] = [first % (bytes.length + 1), second % (bytes.length + 1)].sort((a, b) => a - b)
      const decoder = new SseDecoder()
      const parts = [bytes.subarray(0, left), bytes.subarray(left, right), bytes.subarray(right)]
      assert.deepEqual(
        parts.flatMap((part) => decoder.push(part)),
        new SseDecoder().push(bytes),
      )
    }),
  )
})
