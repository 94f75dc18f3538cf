/** Any text is the name of a file of its own, and of no path. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { decodeName, encodeName, shortName } from '../../src/store/file-name.ts'

const anyName = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('', '.', '..', '../a', 'a/b', 'A', 'a', 'nul\u0000', '%41', '%%'))

it('is read back as it was, and holds nothing but small letters, digits and four signs', () => {
  fc.assert(
    fc.property(anyName, (name) => {
      const encoded = encodeName(name)
      assert.match(encoded, /^[a-z0-9_%-]*$/)
      assert.equal(decodeName(encoded), name)
    }),
  )
})

it('keeps names apart where the file system knows no case, also long ones', () => {
  const long = fc.tuple(anyName, fc.nat(300)).map(([name, length]) => name + 'Ä'.repeat(length))
  fc.assert(
    fc.property(long, long, (left, right) => {
      assert.equal(shortName(left).toUpperCase() === shortName(right).toUpperCase(), left === right)
      assert.ok(shortName(left).length <= 160)
    }),
  )
})

it('reads no name out of what it did not write', () => {
  for (const stray of ['A', 'a.b', '%', '%zz', '%C3%A4', '%ff', '%%00']) assert.equal(decodeName(stray), undefined, stray)
})
