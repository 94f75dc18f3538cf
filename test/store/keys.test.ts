/** Keys cannot be forged by what is put into them. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { encodePart, KEYS } from '../../src/store/keys.ts'

const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) }),
)

it('makes different keys from different parts, whatever is in them', () => {
  fc.assert(
    fc.property(anyText, anyText, (left, right) => {
      assert.equal(KEYS.keyRecord(left) === KEYS.keyRecord(right), left === right)
    }),
  )
})

it('lets no part hold the separator or anything but printable ASCII', () => {
  fc.assert(fc.property(anyText, (part) => assert.match(encodePart(part), /^[!%'()*\-._~0-9A-Za-z]*$/)))
})

it('keeps the use of a key outside the list of key records', () => {
  assert.ok(KEYS.keyRecord('abc').startsWith(KEYS.keyRecords))
  assert.ok(KEYS.keyUse('abc').startsWith(KEYS.keyUses))
  assert.ok(!KEYS.keyUse('abc').startsWith(KEYS.keyRecords))
})
