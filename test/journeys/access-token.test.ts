/** Access tokens of an issuer that somebody else runs, through a whole gateway: what opens, what does not, and what the caller is told. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { publicUrlOf } from '../../src/config/public-url.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { tokensOf } from '../../src/identity/tokens.ts'
import { aGateway, post, type Reply, type RunningGateway } from '../fixtures/gateway.ts'
import { aBareUpstream, type BareUpstream, text } from '../fixtures/upstream.ts'
import { freshId, makePair, openSite, type Pair, type Site, signJws } from '../trust/fixture.ts'

const SECRET = 'pK7vQ2xW9mN4bT8rY1uJ6hG3fD5sA0zLcEwXiO'

let issuer: Site
let upstream: BareUpstream
let house: RunningGateway
let pair: Pair

before(async () => {
  pair = makePair('ES256', { kid: 'k1', use: 'sig', alg: 'ES256' })
  issuer = await openSite()
  issuer.routes.set('/.well-known/oauth-authorization-server', { body: { issuer: issuer.url, jwks_uri: `${issuer.url}/jwks` } })
  issuer.routes.set('/jwks', { body: { keys: [pair.jwk] } })
  upstream = await aBareUpstream({ echo: (args) => text(String(args['message'])), write: () => text('written') })
  house = await aGateway(`
servers: { tools: { url: "${upstream.url}" } }
authentication:
  issuers:
    - { issuer: "${issuer.url}", allowPrivate: true, roles: { claim: groups, map: { staff: user } } }
  jwtSecret: ${SECRET}
access:
  roles: { user: { permissions: ["*"] } }
  tools:
    echo: { permission: tools:use, scope: "tools:read" }
    write: { permission: tools:use, scope: "tools:write" }
    "*": { scope: "mcp:tool:{name}" }
`)
})
after(async () => {
  await house[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
  await issuer[Symbol.asyncDispose]()
})

function aToken(claims: JsonObject = {}, header: JsonObject = {}): string {
  const now = Math.floor(Date.now() / 1000)
  return signJws(
    pair,
    { typ: 'at+jwt', kid: 'k1', ...header },
    {
      iss: issuer.url,
      aud: `${house.url}/mcp/tools`,
      sub: 'ann',
      client_id: 'app',
      jti: freshId(),
      iat: now,
      exp: now + 300,
      scope: 'tools:read',
      groups: ['staff'],
      ...claims,
    },
  )
}

const call = (token: string, tool = 'echo'): Promise<Reply> =>
  post(`${house.url}/mcp/tools`, 'tools/call', { name: tool, arguments: { message: 'hi' } }, { authorization: `Bearer ${token}` })
const codeOf = (reply: Reply): unknown =>
  ((reply.body['error'] as JsonObject | undefined)?.['data'] as JsonObject | undefined)?.['code'] ?? reply.status

test('a token for this server opens what its scopes and roles open, and history knows whose it was', async () => {
  assert.equal((await call(aToken())).status, 200)
  const ended = (await house.events()).findLast((event) => event.type === 'call.ended')
  assert.deepEqual([ended?.principal, ended?.client, ended?.roles], [`${issuer.url}#ann`, 'app', ['user']])
})

test('a remembered token is verified once: its issuer is not asked again', async () => {
  const token = aToken()
  await call(token)
  const before = issuer.asked.length
  for (let again = 0; again < 20; again++) assert.equal((await call(token)).status, 200)
  assert.equal(issuer.asked.length, before)
})

test('a missing scope is a 403 that names it, and a broader scope covers it', async () => {
  const refused = await call(aToken(), 'write')
  assert.equal(refused.status, 403)
  const challenge = refused.headers.get('www-authenticate') ?? ''
  assert.match(challenge, /error="insufficient_scope"/)
  assert.match(challenge, /scope="[^"]*tools:write/)
  assert.match(challenge, /resource_metadata="[^"]*\/\.well-known\/oauth-protected-resource\/mcp\/tools"/)
  assert.equal((await call(aToken({ scope: 'mcp:tool:*' }), 'write')).status, 200)
})

test('nobody is sent to fetch a scope that would not help', async () => {
  const refused = await call(aToken({ groups: [] }), 'write')
  assert.equal(codeOf(refused), 'not_found')
  assert.equal(refused.headers.get('www-authenticate'), null)
})

test('a token that is wrong in any way is a 401, the same whatever it is', async () => {
  const now = Math.floor(Date.now() / 1000)
  const wrong: Readonly<Record<string, string>> = {
    'another audience': aToken({ aud: 'https://other.example/mcp' }),
    'an audience that looks alike': aToken({ aud: `${house.url}/mcp/tools/` }),
    expired: aToken({ exp: now - 60, iat: now - 120 }),
    'another issuer': aToken({ iss: 'https://evil.example' }),
    'not an access token': aToken({}, { typ: 'JWT' }),
    'no algorithm': `${Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')}.${aToken().split('.')[1]}.`,
    'a broken signature': `${aToken().slice(0, -4)}AAAA`,
    'a life of a year': aToken({ exp: now + 31_536_000 }),
    garbage: 'x'.repeat(40),
  }
  const answers = new Set<string>()
  for (const [what, token] of Object.entries(wrong)) {
    const reply = await call(token)
    assert.equal(codeOf(reply), 'invalid_token', what)
    answers.add(JSON.stringify([reply.status, reply.body, reply.headers.get('www-authenticate')]))
  }
  assert.equal(answers.size, 1)
  assert.match([...answers][0] ?? '', /resource_metadata/)
})

test('whoever has nothing is told where to get it, and for what', async () => {
  const reply = await post(`${house.url}/mcp/tools`, 'tools/call', { name: 'echo', arguments: {} })
  const challenge = reply.headers.get('www-authenticate') ?? ''
  assert.equal(reply.status, 401)
  assert.doesNotMatch(challenge, /error=|offline_access/)
  const [, url = ''] = /resource_metadata="([^"]+)"/.exec(challenge) ?? []
  const metadata = (await (await fetch(url, { headers: { origin: 'https://any.example' } })).json()) as JsonObject
  assert.deepEqual([metadata['resource'], metadata['authorization_servers']], [`${house.url}/mcp/tools`, [issuer.url]])
  assert.deepEqual(metadata['scopes_supported'], ['tools:read', 'tools:write'])
})

test('tokens of our own secret open, are revoked at the next call, and a refresh token opens nothing', async () => {
  const { config, store, clock, newId } = house.gateway.house
  const { jwtSecret } = config.authentication
  assert.ok(jwtSecret !== undefined)
  const tokens = tokensOf(publicUrlOf(config), { secret: jwtSecret, store, clock, newId })
  const { accessToken, refreshToken } = await tokens.createTokens({ subject: 'robot', roles: ['user'] })
  assert.deepEqual([codeOf(await call(accessToken)), codeOf(await call(refreshToken))], [200, 'invalid_token'])
  await tokens.revokeToken(accessToken)
  assert.equal(codeOf(await call(accessToken)), 'invalid_token')
})

test('the token never reaches the server behind', () => {
  assert.equal(
    upstream.seen.some((seen) => JSON.stringify(seen).includes('eyJ')),
    false,
  )
})
