import assert from 'node:assert/strict'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { compactVerify, SignJWT } from 'jose'
import { Denial } from '../../src/core/denial.ts'
import { isJwtLike, parseJwt } from '../../src/identity/jwt.ts'
import { isSigned } from '../../src/trust/jwk.ts'
import { aToken } from './issuer.ts'

test('what jose signs is read, and its signature found good', async () => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const text = await new SignJWT({ sub: 'ann' }).setProtectedHeader({ alg: 'ES256', typ: 'at+jwt' }).sign(privateKey)
  const jwt = parseJwt(text)
  assert.deepEqual([jwt.header, jwt.payload], [{ alg: 'ES256', typ: 'at+jwt' }, { sub: 'ann' }])
  assert.equal(isSigned('ES256', publicKey, jwt.signed, jwt.signature), true)
})

test('of a token with one letter changed nothing is taken that jose would refuse', async () => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const good = await new SignJWT({ sub: 'ann' }).setProtectedHeader({ alg: 'ES256' }).sign(privateKey)
  const alphabet = 'ABCXYZabcxyz0189-_.= '
  for (let round = 0; round < 400; round++) {
    const [at = 0, which = 0] = randomBytes(2)
    const place = at % good.length
    const text = good.slice(0, place) + (alphabet[which % alphabet.length] ?? '') + good.slice(place + 1)
    let ours = false
    try {
      const jwt = parseJwt(text)
      ours = jwt.header.alg === 'ES256' && isSigned('ES256', publicKey, jwt.signed, jwt.signature)
    } catch (error) {
      assert.ok(error instanceof Denial)
      assert.equal(error.code, 'invalid_token')
    }
    if (ours) {
      assert.equal(text, good)
      await compactVerify(text, publicKey)
    }
  }
})

test('whatever the bytes, it never throws anything but invalid_token', () => {
  const good = aToken()
  for (let round = 0; round < 500; round++) {
    const cut = randomBytes(3)
    const text =
      good.slice(0, (cut[0] ?? 0) % good.length) + randomBytes(cut[1] ?? 0).toString('latin1') + good.slice((cut[2] ?? 0) % good.length)
    try {
      parseJwt(text)
    } catch (error) {
      assert.ok(error instanceof Denial && error.code === 'invalid_token', String(error))
    }
  }
})

test('a token that opens an object and has parts means to be a JWT', () => {
  assert.equal(isJwtLike(aToken()), true)
  assert.equal(isJwtLike('eyJhbGciOiJub25lIn0..'), true)
  for (const text of ['', 'abc', 'eyJhbGciOiJub25lIn0', 'ory_at_abc.def', 'v4.public.abc', 'mcp_abc']) assert.equal(isJwtLike(text), false)
})
