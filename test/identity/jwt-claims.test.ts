import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonValue } from '../../src/core/json.ts'
import { aToken, NOW, seconds } from './issuer.ts'
import { aBearer, verdict } from './tokens-world.ts'

const lenient = () => aBearer([{ rules: { typ: 'JWT' } }])
const asJwt = (more: Readonly<Record<string, JsonValue>> = {}) => aToken(more, 'ec', { typ: 'JWT' })

test('an issuer that cannot write at+jwt shows by client and scopes that a token is an access token', async () => {
  const { ask } = lenient()
  assert.equal(await verdict(ask(asJwt())), 'good')
  assert.equal(await verdict(ask(aToken({}, 'ec', { typ: null }))), 'good')
  assert.equal(await verdict(ask(aToken())), 'good')
  assert.equal(await verdict(ask(asJwt({ client_id: null, azp: 'desktop' }))), 'good')
  assert.equal(await verdict(ask(asJwt({ typ: 'Bearer', token_use: 'access' }))), 'good')
})

for (const [why, more] of Object.entries({
  'names no client': { client_id: null },
  'holds no scopes': { scope: null },
  'has a nonce, as ID tokens have': { nonce: 'n' },
  'has an at_hash, as ID tokens have': { at_hash: 'h' },
  'has events, as logout tokens have': { events: {} },
  'says that it is an ID token': { typ: 'ID' },
  'says that it is a refresh token': { typ: 'Refresh' },
})) {
  test(`with that exception a token is refused that ${why}`, async () => {
    assert.match(await verdict(lenient().ask(asJwt(more))), /^invalid_token/)
  })
}

test('with that exception other types are still other types', async () => {
  for (const typ of ['logout+jwt', 'dpop+jwt', 'rt+jwt', 'jwt+x'])
    assert.match(await verdict(lenient().ask(aToken({}, 'ec', { typ }))), /typ/)
})

test('scopes stand where the configuration says, as a text or a list', async () => {
  const { ask } = aBearer([{ rules: { scopes: 'scp' } }])
  assert.deepEqual((await ask(aToken({ scp: ['a', 'b', 'a'] })))?.scopes, ['a', 'b'])
  assert.deepEqual((await ask(aToken({ scp: 'a b' })))?.scopes, ['a', 'b'])
})

test('a token without scopes holds none; where tokens know no scopes it is not measured by them', async () => {
  assert.deepEqual((await aBearer().ask(aToken({ scope: null })))?.scopes, [])
  assert.equal((await aBearer([{ rules: { scopes: false } }]).ask(aToken({ scope: 'x' })))?.scopes, undefined)
})

test('a token that was made to live longer than maxLifetime is refused while it is young', async () => {
  const { ask } = aBearer([{ rules: { maxLifetimeMs: 300_000 } }])
  assert.equal(await verdict(ask(aToken())), 'good')
  assert.match(await verdict(ask(aToken({ exp: seconds(NOW) + 301 }))), /maxLifetime/)
})
