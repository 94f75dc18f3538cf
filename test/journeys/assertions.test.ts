/** Tokens on the word of others (RFC 7523), through a whole gateway: an identity provider vouches for a person, a platform for a job. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { JsonObject } from '../../src/core/json.ts'
import { Clients, JWT_BEARER } from '../../src/oauth/clients.ts'
import { aGateway, post, type Reply, type RunningGateway } from '../fixtures/gateway.ts'
import { aBareUpstream, type BareUpstream, text } from '../fixtures/upstream.ts'
import { post as postForm } from '../oauth/world.ts'
import { freshId, makePair, openSite, type Pair, type Site, signJws } from '../trust/fixture.ts'

let idp: Site
let cloud: Site
let upstream: BareUpstream
let house: RunningGateway
let pair: Pair
let agent: { readonly id: string; readonly authorization: string }

before(async () => {
  pair = makePair('ES256', { kid: 'k1', use: 'sig', alg: 'ES256' })
  idp = await openSite()
  cloud = await openSite()
  for (const site of [idp, cloud]) {
    site.routes.set('/.well-known/openid-configuration', { body: { issuer: site.url, jwks_uri: `${site.url}/keys` } })
    site.routes.set('/keys', { body: { keys: [pair.jwk] } })
  }
  upstream = await aBareUpstream({ echo: () => text('echoed'), deploy: () => text('deployed') })
  house = await aGateway(`
servers: { tools: { url: "${upstream.url}" } }
authentication:
  oauth:
    users: none
    assertions:
      - { issuer: "${idp.url}", kind: idjag, allowPrivate: true, clients: [agent], roles: { claim: groups, map: { staff: user } } }
      - issuer: ${cloud.url}
        kind: workload
        allowPrivate: true
        workloads: [{ subject: job-1, claims: { environment: production }, roles: [deployer], scopes: ["tools:deploy"] }]
access:
  roles: { user: { permissions: ["tools:use"] }, deployer: { permissions: ["tools:deploy"] } }
  tools:
    echo: { permission: tools:use, scope: "tools:read" }
    deploy: { permission: tools:deploy, scope: "tools:deploy" }
`)
  const { store, clock } = house.gateway.house
  const known = { name: 'Agent', grants: [JWT_BEARER], redirectUris: [], roles: [], createdBy: 'test' } as const
  const { client, secret } = await new Clients(store, clock).add({ ...known, id: 'agent' })
  agent = { id: client.id, authorization: `Basic ${Buffer.from(`${client.id}:${secret?.reveal()}`).toString('base64')}` }
})
after(async () => {
  await house[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
  await idp[Symbol.asyncDispose]()
  await cloud[Symbol.asyncDispose]()
})

const resource = (): string => `${house.url}/mcp/tools`

function assertion(issuer: Site, typ: string, claims: JsonObject): string {
  const now = Math.floor(Date.now() / 1_000)
  return signJws(pair, { typ, kid: 'k1' }, { iss: issuer.url, aud: house.url, jti: freshId(), iat: now, exp: now + 300, ...claims })
}

const idJag = (claims: JsonObject = {}): string => {
  const person = { sub: 'ann', client_id: agent.id, resource: resource(), scope: 'tools:read', groups: ['staff'] }
  return assertion(idp, 'oauth-id-jag+jwt', { ...person, ...claims })
}
const job = (claims: JsonObject = {}): string => assertion(cloud, 'JWT', { sub: 'job-1', environment: 'production', ...claims })

const redeem = (said: string, headers: Readonly<Record<string, string>> = {}) =>
  postForm(`${house.url}/token`, { grant_type: JWT_BEARER, assertion: said, resource: resource() }, headers)
const call = (token: unknown, name: string): Promise<Reply> =>
  post(resource(), 'tools/call', { name, arguments: {} }, { authorization: `Bearer ${String(token)}` })

test('a person whom an identity provider vouches for calls a tool without a browser, and history knows who it was', async () => {
  const { status, body } = await redeem(idJag(), { authorization: agent.authorization })
  assert.equal(status, 200, JSON.stringify(body))
  assert.equal((await call(body['access_token'], 'echo')).status, 200)
  const ended = (await house.events()).findLast((event) => event.type === 'call.ended')
  assert.deepEqual([ended?.principal, ended?.kind, ended?.client, ended?.roles], [`${house.url}#${idp.url}|ann`, 'user', 'agent', ['user']])
})

test('a job that a platform vouches for calls the tool that it was given, and no other', async () => {
  const { status, body } = await redeem(job())
  assert.equal(status, 200, JSON.stringify(body))
  assert.equal((await call(body['access_token'], 'deploy')).status, 200)
  assert.equal((await call(body['access_token'], 'echo')).status, 400)
  const ended = (await house.events()).findLast((event) => event.type === 'call.ended' && event.outcome === 'permitted')
  assert.deepEqual([ended?.principal, ended?.kind], [`${house.url}#${cloud.url}|job-1`, 'service'])
})

test('the metadata tells clients that they may come with an ID-JAG', async () => {
  const metadata = (await (await fetch(`${house.url}/.well-known/oauth-authorization-server`)).json()) as JsonObject
  assert.deepEqual(metadata['authorization_grant_profiles_supported'], ['urn:ietf:params:oauth:grant-profile:id-jag'])
  assert.ok(JSON.stringify(metadata['grant_types_supported']).includes(JWT_BEARER))
})

test('whoever is vouched for by nobody, for another, twice, or as the other kind gets nothing, and history says why', async () => {
  const used = idJag()
  assert.equal((await redeem(used, { authorization: agent.authorization })).status, 200)
  for (const [why, said, headers] of [
    ['used before', used, { authorization: agent.authorization }],
    ['another client', idJag({ client_id: 'other' }), { authorization: agent.authorization }],
    ['as the other kind', idJag({ iss: cloud.url }), { authorization: agent.authorization }],
    ['not known', job({ sub: 'job-2' }), {}],
    ['elsewhere', job({ environment: 'test' }), {}],
    ['as a person', assertion(cloud, 'oauth-id-jag+jwt', { sub: 'job-1', environment: 'production' }), {}],
    ['by a stranger', job({ iss: 'https://stranger.example' }), {}],
  ] as const) {
    const { status, body } = await redeem(said, headers)
    assert.deepEqual([status, body['error'], body['access_token']], [400, 'invalid_grant', undefined], why)
  }
  const refused = (await house.events()).filter((event) => event.type === 'oauth.refused')
  assert.equal(refused.length, 7)
  assert.ok(refused.every(({ detail }) => detail !== undefined && !detail.includes('eyJ')))
})

test('neither an assertion nor a token reaches the server behind', () => {
  assert.ok(!JSON.stringify(upstream.seen).includes('eyJ'))
})
