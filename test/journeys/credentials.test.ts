/** What servers behind the gateway are shown: real authorization servers, real HTTP, many callers at once. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text as readText } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { decodeJwt, exportJWK, exportPKCS8, generateKeyPair } from 'jose'
import { loadSealing } from '../../src/config/load.ts'
import { parsePath } from '../../src/config/places.ts'
import { sealValue } from '../../src/config/sealed.ts'
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

/** @returns where it listens. */
async function anIssuerThat(t: TestContext, answer: RequestListener): Promise<string> {
  const issuer = createServer(answer)
  issuer.listen(0, '127.0.0.1')
  await once(issuer, 'listening')
  t.after(() => {
    issuer.closeAllConnections()
    issuer.close()
  })
  return `http://127.0.0.1:${(issuer.address() as AddressInfo).port}`
}

test('a failing login is told to its caller as what it is, once to the operator with what to do, and to history', async (t) => {
  const place = await aPlace(t)
  const { world, upstream } = place
  const { id, secret } = await aMachine(world, {})
  const { access } = await obtainTokens(world, { client: await register(world), resource: FRONT })
  const ailing = await anIssuerThat(t, (_request, response) => void response.writeHead(500, { 'content-type': 'text/html' }).end('<h1>'))
  const NO = [502, 'login_failed'] as const
  const credentials = 'servers.tools.credential.clientCredentials'
  for (const [told, [status, code], next] of [
    [`tokenUrl: "${world.issuer}/token", clientSecret: "not-the-secret"`, NO, `see ${credentials}: the client id, and its secret`],
    [`tokenUrl: "${world.issuer}/token", clientSecret: "${secret}", resource: "https://no.such/"`, NO, `see ${credentials}.resource`],
    [`issuer: "${world.issuer}/elsewhere", clientSecret: "${secret}"`, NO, `see ${credentials}.issuer, to the letter`],
    ['tokenUrl: "http://127.0.0.1:9/token", clientSecret: "x-secret"', [503, 'unavailable'], 'see that the issuer is up'],
    ['issuer: "http://127.0.0.1:9", clientSecret: "x-secret"', [503, 'unavailable'], 'see that the issuer is up'],
    [`tokenUrl: "${ailing}/token", clientSecret: "x-secret"`, [503, 'unavailable'], 'see that the issuer is up'],
  ] as const) {
    const server = `{ url: "${upstream.url}", credential: { clientCredentials: { clientId: ${id}, allowPrivate: true, ${told} } } }`
    const house = await aHouse(t, place, server)
    const answers = await Promise.all(Array.from({ length: 10 }, () => call(house, access)))
    t.mock.timers.tick(2_000)
    answers.push(await call(house, access))
    assert.deepEqual([...new Set(answers.map((answer) => answer.status))], [status], told)
    const { message, data } = (answers[0]?.body['error'] ?? {}) as { readonly message: string; readonly data: JsonObject }
    assert.deepEqual([data['code'], message.includes('could not sign in')], [code, code === 'login_failed'])
    assert.equal(JSON.stringify(answers).includes(world.issuer), false)
    const { faults } = house
    assert.deepEqual(
      faults.map((fault) => fault.code),
      ['FAULT_LOGIN'],
    )
    assert.ok(faults[0]?.message.includes(`Next: ${next}`), faults[0]?.message)
    const refused = (await house.events()).filter(({ type }) => type === 'upstream.refused')
    assert.deepEqual([refused.length, refused[0]?.denial, refused[0]?.detail], [2, code, faults[0]?.message])
    assert.equal(`${faults[0]?.message}${JSON.stringify(await house.events())}`.includes('-secret'), false)
  }
  assert.equal(upstream.seen.length, 0)
})

test('where one user is refused and the others are not, the operator is told once', async (t) => {
  const place = await aPlace(t)
  const { world, upstream } = place
  const issuer = await anIssuerThat(t, async (request, response) => {
    const subject = new URLSearchParams(await readText(request)).get('subject_token') ?? ''
    const isBob = decodeJwt(subject).sub === 'bob'
    const given = {
      access_token: subject,
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      token_type: 'Bearer',
      expires_in: 1,
    }
    response.writeHead(isBob ? 400 : 200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(isBob ? { error: 'invalid_grant' } : given))
  })
  const told = `tokenUrl: "${issuer}/token", clientId: gw, clientSecret: "a-secret-of-ours", allowPrivate: true`
  const house = await aHouse(t, place, `{ url: "${upstream.url}", credential: { tokenExchange: { ${told} } } }`)
  const wish = { client: await register(world), resource: FRONT, scope: 'tools:read' }
  const [alice, bob] = [await obtainTokens(world, wish), await obtainTokens(world, wish, undefined, 'bob')]
  for (let round = 0; round < 3; round++) {
    assert.deepEqual([(await call(house, alice.access)).status, (await call(house, bob.access)).status], [200, 502])
    t.mock.timers.tick(2_000)
  }
  assert.deepEqual(
    house.faults.map(({ code }) => code),
    ['FAULT_LOGIN'],
  )
})

test('an issuer that hangs delays one call a moment while there is a token that is good, and no other', async (t) => {
  const place = await aPlace(t)
  const { world, upstream } = place
  const [asked, hung] = [[] as string[], Promise.withResolvers<void>()]
  const issuer = await anIssuerThat(t, (request, response) => {
    asked.push(request.url ?? '')
    if (asked.length === 1) {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end('{"access_token":"first","token_type":"Bearer","expires_in":300}')
    } else hung.resolve()
  })
  const told = `tokenUrl: "${issuer}/token", clientId: gw, clientSecret: "a-secret-of-ours", allowPrivate: true`
  const house = await aHouse(t, place, `{ url: "${upstream.url}", credential: { clientCredentials: { ${told} } } }`)
  const { access } = await obtainTokens(world, { client: await register(world), resource: FRONT })
  await call(house, access)
  t.mock.timers.tick(275_000)
  for (let count = 0; count < 20; count++) assert.equal((await call(house, access)).status, 200)
  await hung.promise
  assert.equal(asked.length, 2)
  assert.deepEqual([...new Set(upstream.seen.map(({ headers }) => headers.authorization))], ['Bearer first'])
})

test('the gateway signs for itself with its key', async (t) => {
  const place = await aPlace(t)
  const { world, upstream } = place
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
  const jwk = { ...(await exportJWK(publicKey)), alg: 'ES256', use: 'sig', kid: 'k1' }
  const { id } = await aMachine(world, { jwks: { keys: [JSON.parse(JSON.stringify(jwk)) as JsonObject] } })
  const pem = JSON.stringify(await exportPKCS8(privateKey))
  const told = `issuer: "${world.issuer}", clientId: ${id}, privateKey: ${pem}, keyId: k1, scope: "tools:read", allowPrivate: true`
  const house = await aHouse(t, place, `{ url: "${upstream.url}", credential: { clientCredentials: { ${told} } } }`)
  const { access } = await obtainTokens(world, { client: await register(world), resource: FRONT })
  assert.equal(said(await call(house, access)), `${id} at ${upstream.url}`)
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

test('an API key that is sealed in the configuration is opened for its server, and stands nowhere in plain', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-vault-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const { upstream } = await aPlace(t)
  const [file, sealing] = [join(folder, 'portcullis.yaml'), 'sealing: { key: { file: seal.key } }\n']
  writeFileSync(file, sealing)
  const path = parsePath('servers.tools.credential.apiKey') ?? []
  const sealed = sealValue(loadSealing(file, {}).values(true), 'from-the-vault', path)
  const yaml = `servers: { tools: { url: "${upstream.url}", credential: { apiKey: "${sealed}" } } }\n${sealing}${ACCESS}`
  await using house = await aGateway(yaml, { folder, store: join(folder, 'portcullis.db') })
  const key = await house.key({ roles: ['user'] })
  await post(`${house.url}/mcp`, 'tools/call', { name: 'who', arguments: {} }, { 'x-api-key': key })
  assert.deepEqual([...new Set(upstream.seen.map(({ headers }) => headers.authorization))], ['Bearer from-the-vault'])
  for (const name of ['portcullis.yaml', 'portcullis.db', 'portcullis.db-wal'])
    assert.equal(readFileSync(join(folder, name), 'latin1').includes('from-the-vault'), false, name)
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
