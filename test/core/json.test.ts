import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { canonical, digest, type JsonValue } from '../../src/core/json.ts'

test('the canonical form sorts members by UTF-16 code units and writes no white space (RFC 8785 §3.2.3)', () => {
  assert.equal(
    canonical({ '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\ud83d\ude00': 5, '\u0080': 6, ö: 7 }),
    '{"\\r":2,"1":4,"\u0080":6,"ö":7,"€":1,"😀":5,"\ufb33":3}',
  )
})

test('numbers are written as ECMAScript writes them (RFC 8785 §3.2.2.3)', () => {
  assert.equal(
    canonical([Number('333333333.33333329'), 1e30, 4.5, 2e-3, 0.000000000000000000000000001, -0, 1.0]),
    '[333333333.3333333,1e+30,4.5,0.002,1e-27,0,1]',
  )
})

test('the order in which members were written makes no difference to the digest', () => {
  const shuffled = (value: JsonValue): JsonValue => {
    if (Array.isArray(value)) return value.map(shuffled)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(
      Object.entries(value)
        .reverse()
        .map(([name, member]) => [name, shuffled(member ?? null)]),
    )
  }
  fc.assert(fc.property(fc.jsonValue(), (value) => digest(value as JsonValue) === digest(shuffled(value as JsonValue))))
})

test('the canonical form is JSON of the same value', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => assert.deepEqual(JSON.parse(canonical(value as JsonValue)), JSON.parse(JSON.stringify(value)))),
  )
})

test('members that already stand in order, and those that only a sort brings there, are written alike', () => {
  assert.equal(
    canonical({ a: { b: [{ c: 1, d: undefined }] }, e: '\u2028' }),
    canonical({ e: '\u2028', a: { b: [{ d: undefined, c: 1 }] } }),
  )
  assert.equal(canonical({ 9: 'nine', 10: 'ten' }), '{"10":"ten","9":"nine"}')
})
