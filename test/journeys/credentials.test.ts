/** What servers behind the gateway are shown: real authorization servers, real HTTP, many callers at once. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { decodeJwt } from 'jose'
import type { JsonObject } from '../../src/core/json.ts'
import { type ClientRequest, TOKEN_EXCHANGE } from '../../src/oauth/clients.ts'
import { aGateway, post, type Reply, type RunningGateway } from '../fixtures/gateway.ts'
import { aBareUpstream, type BareUpstream, text } from '../fixtures/upstream.ts'
import { createWorld, obtainTokens, register, type World } from '../oauth/world.ts'

const FRONT = 'https://front.example/mcp'
const ACCESS =
  'access: { roles: { user: { permissions: ["*"] }, guest: { permissions: ["*"] } }, tools: { "*": { permission: tools:use } } }\n'

interface Place {
  readonly world: World
  readonly upstream: BareUpstream
  /** Tokens that the server does not take any more. */
  readonly ended: Set<string>
}

/** A server that says whom it was called for, and an authorization server for it and for the gateway in front. */
async function aPlace(t: TestContext): Promise<Place> {
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
  const ended = new Set<string>()
  const upstream = await aBareUpstream({
    who: (_args, { headers }, res) => {
      const token = headers.authorization?.slice('Bearer '.length) ?? ''
      if (ended.has(token)) return void res.writeHead(401, { 'www-authenticate': 'Bearer' }).end()
      const { sub = 'somebody', aud = 'nowhere' } = token.includes('.') ? decodeJwt(token) : {}
      return text(`${sub} at ${aud}`)
    },
  })
  t.after(() => upstream[Symbol.asyncDispose]())
  const scopes = [{ name: 'tools:read', isDefault: true }]
  const resources = new Map([FRONT, upstream.url].map((url) => [url, { name: url, scopes }]))
  return { world: await createWorld(t, { resources }), upstream, ended }
}

async function aHouse(t: TestContext, { world }: Pick<Place, 'world'>, servers: string, more = ''): Promise<RunningGateway> {
  const issuers = `issuers: [{ issuer: "${world.issuer}", audience: "${FRONT}", allowPrivate: true, roles: { claim: roles, map: { user: user, guest: guest } } }]`
  const yaml = `servers: { tools: ${servers} }\nauthentication: { ${issuers} }\ninspect: { input: off, definitions: { pin: false } }\n${more}${ACCESS}`
  const house = await aGateway(yaml, { clock: () => Date.now() })
  t.after(() => house[Symbol.asyncDispose]())
  return house
}

async function aMachine({ server }: World, more: Partial<ClientRequest>): Promise<{ readonly id: string; readonly secret: string }> {
  const request: ClientRequest = {
    name: 'gateway',
    grants: ['client_credentials'],
    redirectUris: [],
    roles: ['user'],
    createdBy: 'test',
    ...more,
  }
  const { client, secret } = await server.clients.add(request)
  return { id: client.id, secret: secret?.reveal() ?? '' }
}

const call = (house: RunningGateway, token: string): Promise<Reply> =>
  post(`${house.url}/mcp`, 'tools/call', { name: 'who', arguments: {} }, { authorization: `Bearer ${token}` })

const said = ({ body }: Reply): string | undefined => {
  const { content } = (body['result'] ?? {}) as { readonly content?: readonly JsonObject[] }
  return content === undefined ? JSON.stringify(body) : String(content[0]?.['text'])
}

const issuedBy = ({ events }: World, grant: string): number =>
  events.filter(({ type, method, outcome }) => type === 'oauth.issued' && method === grant && outcome !== 'denied').length

/** 100 calls of each, all at once: whom was the server called for? */
async function crowd(
  house: RunningGateway,
  tokens: Readonly<Record<string, string>>,
): Promise<Readonly<Record<string, readonly string[]>>> {
  const calls = Array.from({ length: 100 }, () => Object.entries(tokens)).flat()
  const answers = await Promise.all(calls.map(async ([name, token]) => [name, said(await call(house, token))] as const))
  return Object.fromEntries(
    Object.keys(tokens).map((name) => [name, [...new Set(answers.flatMap(([who, answer]) => (who === name ? [answer ?? ''] : [])))]]),
  )
}

test('200 calls of two users at once: each reaches the server with a token of its own user, got once and renewed once', async (t) => {
  const place = await aPlace(t)
  const { world, upstream, ended } = place
  const { id, secret } = await aMachine(world, { grants: [TOKEN_EXCHANGE], introspects: [FRONT] })
  const exchange = `issuer: "${world.issuer}", clientId: ${id}, clientSecret: "${secret}", scope: "tools:read", allowPrivate: true`
  const house = await aHouse(t, place, `{ url: "${upstream.url}", credential: { tokenExchange: { ${exchange} } } }`)
  const client = await register(world)
  const tokensOf = async (): Promise<Readonly<Record<string, string>>> => {
    const wish = { client, resource: FRONT, scope: 'tools:read' }
    const [alice, bob] = [await obtainTokens(world, wish), await obtainTokens(world, wish, undefined, 'bob')]
    return { alice: alice.access, bob: bob.access }
  }
  const each = { alice: [`alice at ${upstream.url}`], bob: [`bob at ${upstream.url}`] }

  const first = await tokensOf()
  assert.deepEqual(await crowd(house, first), each)
  assert.equal(issuedBy(world, TOKEN_EXCHANGE), 2)

  // The server takes what it was shown no more: refused all at once, renewed once for each user, and nobody notices.
  t.mock.timers.tick(10_000)
  for (const { headers } of upstream.seen) ended.add(headers.authorization?.slice('Bearer '.length) ?? '')
  assert.deepEqual(await crowd(house, first), each)
  assert.equal(issuedBy(world, TOKEN_EXCHANGE), 4)

  // All have expired, the users' own, too.
  t.mock.timers.tick(301_000)
  assert.equal((await call(house, first['alice'] ?? '')).status, 401)
  assert.deepEqual(await crowd(house, await tokensOf()), each)
  assert.equal(issuedBy(world, TOKEN_EXCHANGE), 6)

  const shown = upstream.seen.map((seen) => JSON.stringify(seen))
  assert.equal(
    shown.some((seen) => Object.values(first).some((token) => seen.includes(token))),
    false,
    "the caller's own token stays here",
  )
  const history = JSON.stringify(await house.events())
  for (const { headers } of upstream.seen) assert.equal(history.includes(headers.authorization ?? 'none'), false)
})

test('who came without a token is refused where tokens are exchanged, and the server hears nothing', async (t) => {
  const place = await aPlace(t)
  const exchange = `issuer: "${place.world.issuer}", clientId: gw, clientSecret: "hush-hush", allowPrivate: true`
  const house = await aHouse(t, place, `{ url: "${place.upstream.url}", credential: { tokenExchange: { ${exchange} } } }`)
  const key = await house.key({ roles: ['user'] })
  const { status, body } = await post(`${house.url}/mcp`, 'tools/call', { name: 'who', arguments: {} }, { 'x-api-key': key })
  assert.deepEqual([status, (body['error'] as JsonObject)['code']], [403, 403])
  assert.equal(place.upstream.seen.length, 0)
})

test('a token that was got for the wide rights of a user is not used for a call with narrow ones', async (t) => {
  const place = await aPlace(t)
  const { world, upstream } = place
  const { id, secret } = await aMachine(world, { grants: [TOKEN_EXCHANGE], introspects: [FRONT] })
  const exchange = `issuer: "${world.issuer}", clientId: ${id}, clientSecret: "${secret}", allowPrivate: true`
  const house = await aHouse(t, place, `{ url: "${upstream.url}", credential: { tokenExchange: { ${exchange} } } }`)
  const client = await register(world)
  const [wide, narrow] = [
    await obtainTokens(world, { client, resource: FRONT, scope: 'tools:read' }),
    await obtainTokens(world, { client: await register(world), resource: FRONT, scope: 'tools:read' }),
  ]
  await call(house, wide.access)
  await call(house, narrow.access)
  await call(house, wide.access)
  const shown = upstream.seen.map(({ headers }) => headers.authorization)
  assert.deepEqual([shown[0] === shown[1], shown[0] === shown[2]], [false, true])
})

test('the gateway speaks for itself with one token for all, and a secret that it is told sealed or plain', async (t) => {
  const place = await aPlace(t)
  const { world, upstream } = place
  const { id, secret } = await aMachine(world, {})
  const told = `tokenUrl: "${world.issuer}/token", clientId: ${id}, clientSecret: "${secret}", allowPrivate: true`
  const house = await aHouse(t, place, `{ url: "${upstream.url}", credential: { clientCredentials: { ${told} } } }`)
  const { access } = await obtainTokens(world, { client: await register(world), resource: FRONT })
  const answers = await Promise.all(Array.from({ length: 20 }, () => call(house, access)))
  assert.deepEqual([...new Set(answers.map(said))], [`${id} at ${upstream.url}`])
  assert.equal(issuedBy(world, 'client_credentials'), 1)
  t.mock.timers.tick(275_000)
  assert.equal(said(await call(house, access)), `${id} at ${upstream.url}`)
  assert.equal(issuedBy(world, 'client_credentials'), 2)
})

test('a failing login at the issuer is 502 when it says no and 503 when it does not answer, once for a crowd, and history says why', async (t) => {
  const place = await aPlace(t)
  const { world, upstream } = place
  const { id } = await aMachine(world, {})
  const { access } = await obtainTokens(world, { client: await register(world), resource: FRONT })
  const servers = (issuer: string): string =>
    `{ url: "${upstream.url}", credential: { clientCredentials: { tokenUrl: "${issuer}/token", clientId: ${id}, clientSecret: "not-the-secret", allowPrivate: true } } }`
  for (const [issuer, status] of [
    [world.issuer, 502],
    ['http://127.0.0.1:9', 503],
  ] as const) {
    const house = await aHouse(t, place, servers(issuer))
    const answers = await Promise.all(Array.from({ length: 10 }, () => call(house, access)))
    assert.deepEqual([...new Set(answers.map((answer) => answer.status))], [status])
    assert.equal(JSON.stringify(answers).includes(issuer), false)
    const refused = (await house.events()).filter(({ type }) => type === 'upstream.refused')
    assert.deepEqual([refused.length, refused[0]?.denial], [1, status === 502 ? 'upstream_failed' : 'unavailable'])
    assert.ok(refused[0]?.detail?.includes(new URL(issuer).host))
    assert.equal(JSON.stringify(await house.events()).includes('not-the-secret'), false)
  }
  assert.equal(upstream.seen.length, 0)
})

test('fixed headers and API keys are sent as they are written, and nothing of the caller beside them', async (t) => {
  const place = await aPlace(t)
  const { world, upstream } = place
  const { access } = await obtainTokens(world, { client: await register(world), resource: FRONT })
  const header = await aHouse(t, place, `{ url: "${upstream.url}", credential: { header: { name: X-Key, value: from-the-vault } } }`)
  await call(header, access)
  const bearer = await aHouse(t, place, `{ url: "${upstream.url}", credential: { apiKey: from-the-vault } }`)
  await call(bearer, access)
  assert.deepEqual(
    upstream.seen.map(({ headers }) => [headers['x-key'], headers.authorization]),
    [
      ['from-the-vault', undefined],
      [undefined, 'Bearer from-the-vault'],
    ],
  )
})

test('a command finds its secret in its environment, and the configuration does not show it', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-environment-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const seen = join(folder, 'seen')
  const script = 'require("fs").writeFileSync(process.argv[1], process.env.TOKEN + process.env.LEVEL)'
  const command = JSON.stringify([process.execPath, '-e', script, seen])
  await using house = await aGateway(
    `servers: { tools: { command: ${command}, env: { LEVEL: " info" }, credential: { environment: { TOKEN: from-the-vault } } } }\n${ACCESS}`,
  )
  const key = await house.key({ roles: ['user'] })
  // It says nothing and ends: the call fails, but what it was given is written down.
  await post(`${house.url}/mcp`, 'tools/list', {}, { 'x-api-key': key })
  assert.equal(readFileSync(seen, 'utf8'), 'from-the-vault info')
  assert.equal(JSON.stringify(house.gateway.house.config).includes('from-the-vault'), false)
})
