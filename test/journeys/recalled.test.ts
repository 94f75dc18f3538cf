/** On Redis who was good the last time is judged at once, and asked about anew before anything is told or done for them: two ways to it a call. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { publicUrlOf } from '../../src/config/public-url.ts'
import type { AuditEvent } from '../../src/core/event.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { Revocations, tokenDigest } from '../../src/identity/revocation.ts'
import { tokensOf } from '../../src/identity/tokens.ts'
import { Clients } from '../../src/oauth/clients.ts'
import { KEYS } from '../../src/store/keys.ts'
import { aGateway, post, type RunningGateway } from '../fixtures/gateway.ts'
import { REDIS_MISSING, type RedisServer, startRedis } from '../fixtures/redis.ts'
import { countWays, type Ways } from '../fixtures/redis-ways.ts'
import { aBareUpstream, type BareUpstream, text } from '../fixtures/upstream.ts'
import { freshId, makePair, openSite, type Site, signJws } from '../trust/fixture.ts'

const SECRET = 'pK7vQ2xW9mN4bT8rY1uJ6hG3fD5sA0zLcEwXiO'
const MINUTE_MS = 60_000

/** Somebody who may call, and how what they call with is ended. */
interface Caller {
  readonly headers: Readonly<Record<string, string>>
  end(): Promise<unknown>
}

describe('Who called before', { skip: REDIS_MISSING }, () => {
  const pair = makePair('ES256', { kid: 'k1', use: 'sig', alg: 'ES256' })
  const time = { wentBy: 0 }
  let redis: RedisServer
  let ways: Ways
  let upstream: BareUpstream
  let issuer: Site
  let house: RunningGateway
  before(async () => {
    redis = await startRedis()
    ways = await countWays(redis.port)
    upstream = await aBareUpstream({ echo: () => text('hi'), wipe: () => text('gone'), note: () => text('noted') })
    issuer = await openSite()
    issuer.routes.set('/.well-known/oauth-authorization-server', { body: { issuer: issuer.url, jwks_uri: `${issuer.url}/jwks` } })
    issuer.routes.set('/jwks', { body: { keys: [pair.jwk] } })
    house = await aGateway(
      `
servers: { tools: { url: "${upstream.url}" } }
authentication:
  issuers: [{ issuer: "${issuer.url}", allowPrivate: true, roles: { claim: groups, map: { staff: user } } }]
  jwtSecret: ${SECRET}
  oauth: { accessToken: 1h }
access:
  roles: { user: { permissions: ["*"] }, few: { permissions: ["*"] } }
  tools: { "tools/*": { permission: t:use }, tools/wipe: { permission: t:use, approval: true }, tools/locked: { permission: t:use, scope: "none:such" } }
limits: { roles: { few: 2/m } }
inspect: { definitions: { pin: false } }`,
      {
        store: `redis://127.0.0.1:${ways.port}`,
        clock: () => Date.now() + time.wentBy,
        steady: () => performance.now() + time.wentBy,
      },
    )
  })
  after(async () => {
    for (const one of [house, issuer, upstream, ways, redis]) await one?.[Symbol.asyncDispose]()
  })

  const call = async ({ headers }: Caller, tool = 'echo'): Promise<unknown> => {
    const { status, body } = await post(`${house.url}/mcp/tools`, 'tools/call', { name: tool, arguments: {} }, headers)
    return ((body['error'] as JsonObject | undefined)?.['data'] as JsonObject | undefined)?.['code'] ?? status
  }
  const aKey = async (role = 'user'): Promise<Caller> => {
    const key = await house.key({ roles: [role] })
    return { headers: { 'x-api-key': key }, end: () => house.gateway.house.keys.revoke(key.split('_')[1] ?? '') }
  }
  const aForeignToken = async (): Promise<Caller> => {
    const { store, clock } = house.gateway.house
    const [now, exp] = [Math.floor(clock() / 1_000), Math.floor(clock() / 1_000) + 3_600]
    const claims = { iss: issuer.url, aud: `${house.url}/mcp/tools`, sub: 'ann', client_id: 'app', jti: freshId(), iat: now, exp }
    const token = signJws(pair, { typ: 'at+jwt', kid: 'k1' }, { ...claims, groups: ['staff'], scope: 'tools:read' })
    const end = (): Promise<void> => new Revocations(store, clock).revoke(tokenDigest(token), exp * 1_000)
    return { headers: { authorization: `Bearer ${token}` }, end }
  }
  const aTokenOfOurSecret = async (): Promise<Caller> => {
    const { config, store, clock, newId } = house.gateway.house
    const { jwtSecret } = config.authentication
    assert.ok(jwtSecret !== undefined)
    const tokens = tokensOf(publicUrlOf(config), { secret: jwtSecret, store, clock, newId })
    const { accessToken, refreshToken } = await tokens.createTokens({ subject: 'robot', roles: ['user'] })
    return { headers: { authorization: `Bearer ${accessToken}` }, end: () => tokens.revokeToken(refreshToken) }
  }
  const aTokenOfOurServer = async (): Promise<Caller> => {
    const { store, clock } = house.gateway.house
    const clients = new Clients(store, clock)
    const { client, secret } = await clients.add({
      name: 'machine',
      grants: ['client_credentials'],
      redirectUris: [],
      roles: ['user'],
      createdBy: 'test',
    })
    const response = await fetch(`${house.url}/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`${client.id}:${secret?.reveal()}`).toString('base64')}` },
      body: new URLSearchParams({ grant_type: 'client_credentials', resource: `${house.url}/mcp/tools` }),
    })
    const { access_token: token } = (await response.json()) as JsonObject
    return { headers: { authorization: `Bearer ${String(token)}` }, end: () => clients.remove(client.id) }
  }
  const callers = {
    // Our server lives by the machine's clock: before much went by.
    'a token of our server': aTokenOfOurServer,
    'a token of our secret': aTokenOfOurSecret,
    'a token of another issuer': aForeignToken,
    'a key': aKey,
  }

  for (const [what, make] of Object.entries(callers)) {
    it(`${what} goes to Redis twice a call, also after minutes, and three times the first time`, async () => {
      const caller = await make()
      // What is told of the tools, the scripts and the first of every kind of record.
      assert.equal(await call(await make()), 200)
      ways.taken()
      assert.equal(await call(caller), 200)
      assert.equal(ways.taken(), 3)
      for (const wentBy of [0, 0, 0, 10, 6_000, 10 * MINUTE_MS]) {
        time.wentBy += wentBy
        assert.equal(await call(caller), 200)
        assert.equal(ways.taken(), 2, `after ${wentBy} ms`)
      }
    })

    it(`${what} that was ended reaches no server, asks none, has no person asked, and is told nothing but that, whatever it calls`, async () => {
      for (const tool of ['echo', 'wipe', 'unheard-of', 'locked']) {
        const caller = await make()
        assert.equal(await call(caller), 200)
        // What needs a person is looked up again where it is not fresh, and there a wrong guess would end already.
        if (tool === 'wipe') await post(`${house.url}/mcp/tools`, 'tools/list', {}, caller.headers)
        else time.wentBy += MINUTE_MS
        await caller.end()
        const reached = upstream.seen.length
        assert.equal(await call(caller, tool), 'invalid_token', tool)
        assert.equal(await call(caller, tool), 'invalid_token', tool)
        assert.equal(upstream.seen.length, reached, tool)
        const [guessed, lookedUp] = (await house.events())
          .filter(({ type }) => type === 'call.ended')
          .slice(-2)
          .map(toldOf)
        assert.deepEqual(guessed, lookedUp)
      }
      assert.deepEqual(await house.gateway.house.approvals.list(), [])
    })
  }

  it('a call that is paid for nowhere but in this process is said to begin, and is not done', async () => {
    const caller = await aKey('few')
    assert.equal(await call(caller), 200)
    const { store, clock } = house.gateway.house
    // What is left of two a minute, taken by another process.
    const name = `key#${String(caller.headers['x-api-key']).split('_')[1]}`
    const cell = { key: KEYS.limit('limits.roles.few', 'one', name), intervalMs: MINUTE_MS / 2, burst: 2, cost: 1 }
    assert.equal((await store.charge([cell], clock())).allowed, true)
    const reached = upstream.seen.length
    assert.equal(await call(caller), 'rate_limited')
    assert.equal(upstream.seen.length, reached)
    const [begun, ended] = (await house.events()).slice(-2)
    assert.deepEqual([begun?.type, ended?.type, ended?.outcome, ended?.principal], ['call.begun', 'call.ended', 'denied', name])
  })

  it('what has entered the conversation of a key that was ended enters nothing else', async () => {
    const settings = `
servers: { tools: { url: "${upstream.url}" } }
access: { roles: { user: { permissions: ["*"] } }, tools: { "*": { permission: t:use } } }
flow: { labels: { tools/echo: [confidential] }, stores: { memory: { write: tools/note, read: tools/wipe } } }`
    await using ours = await startRedis()
    await using flowing = await aGateway(settings, { store: `redis://127.0.0.1:${ours.port}` })
    const ask = async (key: string, name: string): Promise<number> =>
      (await post(`${flowing.url}/mcp/tools`, 'tools/call', { name, arguments: {} }, { 'x-api-key': key })).status
    const { keys, store } = flowing.gateway.house
    const labels = (): Promise<readonly unknown[]> => store.list(KEYS.flowOf('store', 'memory'))
    const [ended, good] = [await flowing.key({ roles: ['user'] }), await flowing.key({ roles: ['user'] })]
    for (const key of [ended, good]) assert.equal(await ask(key, 'echo'), 200)
    await keys.revoke(ended.split('_')[1] ?? '')
    assert.deepEqual([await ask(ended, 'note'), (await labels()).length], [401, 0])
    assert.deepEqual([await ask(good, 'note'), (await labels()).length], [200, 1])
  })
})

/** What history says of it, but for when. */
function toldOf({
  id: _id,
  at: _at,
  seq: _seq,
  previous: _previous,
  seal: _seal,
  call: _call,
  tookMs: _tookMs,
  ...rest
}: AuditEvent): JsonObject {
  return rest as unknown as JsonObject
}
