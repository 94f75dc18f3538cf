import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BadProof, createProofReader } from '../../src/trust/proof-text.ts'
import { makePair, signJws } from './fixture.ts'

const pair = makePair('ES256')

test('a proof is read into its parts, and a header that comes again is not read again', () => {
  const read = createProofReader(['ES256'])
  const first = signJws(pair, { typ: 'dpop+jwt', jwk: pair.jwk }, { jti: 'one' })
  const next = signJws(pair, { typ: 'dpop+jwt', jwk: pair.jwk }, { jti: 'two' })
  assert.equal(read(first).signed, first.slice(0, first.lastIndexOf('.')))
  assert.equal(read(first).header.key.equals(pair.publicKey), true)
  assert.equal(read(next).header, read(first).header)
  assert.deepEqual([read(first).claims, read(next).claims], [{ jti: 'one' }, { jti: 'two' }])
})

test('a reader knows the algorithms it was given and no others', () => {
  const proof = signJws(pair, { typ: 'dpop+jwt', jwk: pair.jwk }, {})
  assert.throws(() => createProofReader(['EdDSA', 'RS256'])(proof), BadProof)
})
