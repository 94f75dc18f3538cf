import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '../../src/core/denial.ts'
import type { Entry } from '../../src/core/event.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { Secret } from '../../src/core/secret.ts'
import { type Tokens, tokensOf } from '../../src/identity/tokens.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import { encode, hmac, NOW } from './issuer.ts'
import { aBearer, PUBLIC_URL, SECRET, verdict } from './tokens-world.ts'

function aMint(publicUrl = PUBLIC_URL) {
  const turned = { now: NOW, events: [] as Entry[] }
  const store = openSqlite(':memory:', { clock: () => turned.now })
  let made = 0
  const mint = (url = publicUrl): Tokens =>
    tokensOf(url, {
      secret: new Secret(SECRET),
      store,
      clock: () => turned.now,
      newId: () => `id-${++made}`,
      onEvent: (entry) => turned.events.push(entry),
    })
  return Object.assign(turned, { store, tokens: mint(), mint })
}

const payloadOf = (text: string): JsonObject => JSON.parse(Buffer.from(text.split('.')[1] ?? '', 'base64url').toString())
const signed = (head: JsonObject, payload: JsonObject): string => {
  const text = `${encode(JSON.stringify(head))}.${encode(JSON.stringify(payload))}`
  return `${text}.${encode(hmac(SECRET, text))}`
}

test('an access token lives thirty minutes, its refresh token seven days', async () => {
  const world = aMint()
  const { accessToken, refreshToken, expiresAt, refreshExpiresAt } = await world.tokens.createTokens({ subject: 'ann', roles: ['user'] })
  assert.deepEqual([expiresAt - NOW, refreshExpiresAt - NOW], [30 * 60_000, 7 * 86_400_000])
  assert.deepEqual((await world.tokens.verifyToken(accessToken)).roles, ['user'])
  world.now = expiresAt
  assert.match(await verdict(world.tokens.verifyToken(accessToken)), /expired/)
  world.now = refreshExpiresAt
  assert.match(await verdict(world.tokens.refreshTokens(refreshToken)), /expired/)
})

test('neither kind is taken for the other', async () => {
  const { tokens } = aMint()
  const { accessToken, refreshToken } = await tokens.createTokens({ subject: 'ann' })
  assert.match(await verdict(tokens.verifyToken(refreshToken)), /typ/)
  assert.match(await verdict(tokens.refreshTokens(accessToken)), /refresh/)
  // Also when one of the two marks is forged by somebody who has the secret.
  const said = payloadOf(refreshToken)
  assert.match(await verdict(tokens.verifyToken(signed({ alg: 'HS256', typ: 'at+jwt' }, said))), /token_use/)
  assert.match(await verdict(tokens.verifyToken(signed({ alg: 'HS256', typ: 'at+jwt' }, { ...said, token_use: 'access' }))), /maxLifetime/)
})

test('a refresh token is good once, and brings new ones with the same rights', async () => {
  const { tokens } = aMint()
  const first = await tokens.createTokens({ subject: 'ann', roles: ['user'], scopes: ['a', 'b'], client: 'desktop', audience: ['urn:x'] })
  const second = await tokens.refreshTokens(first.refreshToken)
  const [before, after] = [payloadOf(first.accessToken), payloadOf(second.accessToken)]
  for (const name of ['sub', 'roles', 'scope', 'client_id', 'aud', 'family', 'iss']) assert.deepEqual(after[name], before[name])
  assert.notEqual(after['jti'], before['jti'])
})

test('a refresh token that is used twice ends all that came from the same sign-in', async () => {
  const { tokens, events } = aMint()
  const first = await tokens.createTokens({ subject: 'ann' })
  const second = await tokens.refreshTokens(first.refreshToken)
  const other = await tokens.createTokens({ subject: 'ann' })
  assert.match(await verdict(tokens.refreshTokens(first.refreshToken)), /used before/)
  assert.deepEqual(
    events.map(({ type, principal }) => [type, principal]),
    [['token.reused', `${PUBLIC_URL}/tokens#ann`]],
  )
  for (const text of [first.accessToken, second.accessToken]) assert.match(await verdict(tokens.verifyToken(text)), /revoked/)
  assert.match(await verdict(tokens.refreshTokens(second.refreshToken)), /revoked/)
  assert.equal(await verdict(tokens.verifyToken(other.accessToken)), 'good')
})

test('of fifty redemptions at once one succeeds, and then nothing of it is good', async () => {
  const { tokens } = aMint()
  const { refreshToken } = await tokens.createTokens({ subject: 'ann' })
  const verdicts = await Promise.all(Array.from({ length: 50 }, () => verdict(tokens.refreshTokens(refreshToken))))
  assert.equal(verdicts.filter((said) => said === 'good').length, 1)
})

test('a revoked access token is refused at once; a revoked refresh token takes its family with it', async () => {
  const { tokens } = aMint()
  const one = await tokens.createTokens({ subject: 'ann' })
  await tokens.revokeToken(one.accessToken)
  await tokens.revokeToken(one.accessToken)
  assert.match(await verdict(tokens.verifyToken(one.accessToken)), /revoked/)
  const next = await tokens.refreshTokens(one.refreshToken)
  await tokens.revokeToken(next.refreshToken)
  assert.match(await verdict(tokens.verifyToken(next.accessToken)), /revoked/)
  assert.match(await verdict(tokens.refreshTokens(next.refreshToken)), /revoked/)
})

test('a token that we did not sign cannot be revoked, so nobody can fill the store', async () => {
  const { tokens, store } = aMint()
  const { accessToken } = await tokens.createTokens({ subject: 'ann' })
  assert.match(await verdict(tokens.revokeToken(`${accessToken.slice(0, -4)}AAAA`)), /^invalid_token/)
  assert.deepEqual(await store.list('revoked'), [])
})

test('another installation with the same secret is another issuer', async () => {
  const { mint } = aMint()
  const { accessToken } = await mint('https://dev.example.com').createTokens({ subject: 'ann' })
  assert.match(await verdict(mint('https://prod.example.com').verifyToken(accessToken)), /issuer/)
})

test('a token for one server is not good for another, nor for all', async () => {
  const { tokens } = aMint()
  const { accessToken } = await tokens.createTokens({ subject: 'ann', audience: [`${PUBLIC_URL}/mcp/files`] })
  assert.equal(await verdict(tokens.verifyToken(accessToken, `${PUBLIC_URL}/mcp/files`)), 'good')
  assert.match(await verdict(tokens.verifyToken(accessToken, `${PUBLIC_URL}/mcp/mail`)), /audience/)
  assert.match(await verdict(tokens.verifyToken(accessToken)), /audience/)
})

test('nothing is issued that would be read otherwise', async () => {
  const { tokens } = aMint()
  for (const request of [{ subject: 'a\nb' }, { subject: '' }, { subject: 'a', scopes: ['a b'] }, { subject: 'a', scopes: ['a', 'a'] }])
    assert.match(await verdict(tokens.createTokens(request)), /^invalid_token/)
})

test('a token without scopes is not measured by them; one with none holds none', async () => {
  const { tokens } = aMint()
  const read = async (scopes?: readonly string[]) =>
    (await tokens.verifyToken((await tokens.createTokens({ subject: 'a', ...(scopes && { scopes }) })).accessToken)).scopes
  assert.equal(await read(), undefined)
  assert.deepEqual(await read([]), [])
  assert.deepEqual(await read(['x']), ['x'])
})

test('only HS256 is taken, and only with a whole signature', async () => {
  const { tokens } = aMint()
  const { accessToken } = await tokens.createTokens({ subject: 'ann' })
  const said = payloadOf(accessToken)
  for (const alg of ['HS384', 'HS512', 'none', 'RS256', 'hs256'])
    assert.match(await verdict(tokens.verifyToken(signed({ alg, typ: 'at+jwt' }, said))), /signature/)
  const [head, body, tail = ''] = accessToken.split('.')
  assert.match(await verdict(tokens.verifyToken(`${head}.${body}.${encode(Buffer.from(tail, 'base64url').subarray(0, 16))}`)), /signature/)
  assert.match(await verdict(tokens.verifyToken(`${head}.${body}.`)), /signature/)
  assert.equal(await verdict(tokens.verifyToken(signed({ alg: 'HS256', typ: 'at+jwt' }, said))), 'good')
})

test('through Bearer the tokens of the installation are good for every server', async () => {
  const { ask, tokens } = aBearer()
  const { accessToken } = await tokens.createTokens({ subject: 'ann', roles: ['user'] })
  assert.deepEqual((await ask(accessToken, { server: 'mail' }))?.roles, ['user'])
  assert.equal(await ask(accessToken), await ask(accessToken))
  await tokens.revokeToken(accessToken)
  assert.match(await verdict(ask(accessToken)), /revoked/)
})

test('a secret that could be guessed starts nothing', () => {
  const options = { store: openSqlite(':memory:', { clock: () => NOW }), clock: () => NOW, newId: () => 'x' }
  assert.throws(
    () => tokensOf(PUBLIC_URL, { ...options, secret: new Secret('your-256-bit-secret-your-256-bit-secret') }),
    (error: unknown) => error instanceof Fault && error.code === 'FAULT_CONFIG' && !error.message.includes('your-256'),
  )
})
