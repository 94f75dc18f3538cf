/** Users connect their own accounts at a server: two gateways, of which one is the server behind the other, with an authorization server each. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { text as readText } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { main } from '../../src/cli/main.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { Secret } from '../../src/core/secret.ts'
import { Accounts } from '../../src/oauth/accounts.ts'
import { Clients } from '../../src/oauth/clients.ts'
import { aGateway, META, post, type Reply, type RunningGateway } from '../fixtures/gateway.ts'
import { aBareUpstream, text } from '../fixtures/upstream.ts'
import { Browser, obtainTokens, PASSWORD, register } from '../oauth/world.ts'

const ACCESS = 'access: { roles: { user: { permissions: ["*"] } }, tools: { "*": { permission: tools:use, scope: "tools:read" } } }\n'
const OPENS = { _meta: { 'io.modelcontextprotocol/clientCapabilities': { elicitation: { url: {} } } } }

interface Place {
  /** Where alice and bob call. */
  readonly front: RunningGateway
  /** Where they have accounts: ann is alice's, ben is bob's. */
  readonly back: RunningGateway
  readonly tokens: Readonly<Record<'alice' | 'bob', string>>
}

interface Wish {
  /** Of the gateway in front. */
  readonly store?: string
  /** Whether the gateway is registered at the server beforehand, with a secret. */
  readonly isRegistered?: boolean
}

async function aPlace(t: TestContext, { store = ':memory:', isRegistered = false }: Wish = {}): Promise<Place> {
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
  const upstream = await aBareUpstream({ who: () => text('done') })
  const back = await aGateway(`servers: { crm: { url: "${upstream.url}" } }\nauthentication: { oauth: {} }\n${ACCESS}`, {
    clock: () => Date.now(),
  })
  const client = isRegistered ? await registered(back) : ''
  const crm = `{ url: "${back.url}/mcp/crm", credential: { connection: { scope: "tools:read", allowPrivate: true${client} } } }`
  const front = await aGateway(`servers: { crm: ${crm} }\nauthentication: { oauth: {} }\n${ACCESS}`, { clock: () => Date.now(), store })
  t.after(() => front[Symbol.asyncDispose]())
  t.after(() => back[Symbol.asyncDispose]())
  t.after(() => upstream[Symbol.asyncDispose]())
  const people = [
    [front, 'alice'],
    [front, 'bob'],
    [back, 'ann'],
    [back, 'ben'],
  ] as const
  for (const [{ gateway }, name] of people)
    await new Accounts(gateway.house.store, gateway.house.clock).add(name, new Secret(PASSWORD), ['user'])
  const issuer = { issuer: front.url, resource: `${front.url}/mcp/crm` }
  const app = await register(issuer)
  const tokenOf = async (name: string): Promise<string> => (await obtainTokens(issuer, { client: app }, undefined, name)).access
  return { front, back, tokens: { alice: await tokenOf('alice'), bob: await tokenOf('bob') } }
}

/** As an operator does it on both sides. The port of the gateway in front is not known yet: of a loopback redirect URI any is good (RFC 8252 §7.3). */
async function registered({ gateway, url }: RunningGateway): Promise<string> {
  const { client, secret } = await new Clients(gateway.house.store, gateway.house.clock).add({
    id: 'front-gateway',
    name: 'The gateway in front',
    grants: ['authorization_code', 'refresh_token'],
    redirectUris: ['http://127.0.0.1/connected/back'],
    roles: [],
    createdBy: 'test',
  })
  return `, issuer: "${url}", clientId: ${client.id}, clientSecret: "${secret?.reveal()}"`
}

const call = ({ front, tokens }: Place, who: 'alice' | 'bob', more: JsonObject = {}): Promise<Reply> =>
  post(`${front.url}/mcp/crm`, 'tools/call', { name: 'who', arguments: {}, ...more }, { authorization: `Bearer ${tokens[who]}` })

const resultOf = ({ body }: Reply): JsonObject => (body['result'] ?? {}) as JsonObject
const textOf = (reply: Reply): string => JSON.stringify(resultOf(reply)['content'] ?? reply.body)

/** The page that a refused caller is told of. */
function pageIn(reply: Reply): string {
  const [page = ''] = /http:\/\/[^"\\ ]+\/connect\/crm\?for=[\w.-]+/.exec(JSON.stringify(reply.body)) ?? []
  assert.notEqual(page, '', JSON.stringify(reply.body))
  return page
}

/** Signs in at the gateway as one, and at the server as another; says yes to everything. */
async function connect(page: string, at: string, there: string): Promise<Browser> {
  const browser = new Browser()
  await browser.comply(page, at)
  if (!browser.page.html.includes('value="connect"')) return browser
  await browser.send({ action: 'connect' })
  for (let step = 0; step < 4; step++) {
    const { html } = browser.page
    if (html.includes('name="password"')) await browser.send({ action: 'login', name: there, password: PASSWORD })
    else if (html.includes('value="allow"')) await browser.send({ action: 'allow' })
    else break
  }
  return browser
}

const callersOf = async ({ back }: Place): Promise<readonly (string | undefined)[]> =>
  (await back.events()).filter(({ type, resource }) => type === 'call.ended' && resource?.kind === 'tool').map(({ principal }) => principal)

test('a user connects an account once, calls with it from then on, and nobody else does', async (t) => {
  const place = await aPlace(t)
  const { front, back } = place
  const refused = await call(place, 'alice')
  assert.equal(resultOf(refused)['isError'], true)
  assert.match(textOf(refused), /not connected\. Open http/)
  const ended = (await front.events()).findLast(({ type }) => type === 'call.ended')
  assert.deepEqual([ended?.denial, ended?.outcome], ['connection_required', 'denied'])

  const browser = await connect(pageIn(refused), 'alice', 'ann')
  assert.match(browser.page.html, /Your account is connected to crm/)
  assert.match(textOf(await call(place, 'alice')), /done/)
  assert.match(textOf(await call(place, 'bob')), /not connected/)
  await connect(pageIn(await call(place, 'bob')), 'bob', 'ben')
  const crowd = async (): Promise<void> => {
    const replies = await Promise.all(Array.from({ length: 200 }, (_, at) => call(place, at % 2 === 0 ? 'alice' : 'bob')))
    for (const reply of replies) assert.match(textOf(reply), /done/)
  }
  await crowd()
  const callers = await callersOf(place)
  assert.deepEqual(
    ['ann', 'ben'].map((name) => callers.filter((who) => who === `${back.url}#${name}`).length),
    [101, 100],
  )

  // The tokens end in the middle: refreshed once a user, however many call.
  t.mock.timers.tick(280_000)
  await crowd()
  const refreshes = (await back.events()).filter(({ method }) => method === 'refresh_token')
  assert.deepEqual(refreshes.map(({ principal }) => principal).toSorted(), [`${back.url}#ann`, `${back.url}#ben`])

  const stored = JSON.stringify(await front.gateway.house.store.list('connection'))
  assert.equal(stored.includes('eyJ'), false)
  const events = (await front.events()).filter(({ type }) => type === 'connection.opened')
  assert.deepEqual(
    events.map(({ principal }) => principal),
    [`${front.url}#alice`, `${front.url}#bob`],
  )
})

test('a gateway that is registered at the server connects accounts as the client that it is there, and refreshes as that', async (t) => {
  const place = await aPlace(t, { isRegistered: true })
  const { back } = place
  await connect(pageIn(await call(place, 'alice')), 'alice', 'ann')
  assert.match(textOf(await call(place, 'alice')), /done/)
  t.mock.timers.tick(280_000)
  assert.match(textOf(await call(place, 'alice')), /done/)
  const issued = (await back.events()).filter(({ type, principal }) => type === 'oauth.issued' && principal === `${back.url}#ann`)
  assert.deepEqual(
    issued.map(({ method, client }) => [method, client]),
    [
      ['authorization_code', 'front-gateway'],
      ['refresh_token', 'front-gateway'],
    ],
  )
})

test('whoever is connected opens the page again and connects another account', async (t) => {
  const place = await aPlace(t)
  const page = pageIn(await call(place, 'alice'))
  for (const [account, calls] of [
    ['ann', 1],
    ['ben', 1],
  ] as const) {
    assert.match((await connect(page, 'alice', account)).page.html, /Your account is connected to crm/)
    // What was connected before is trusted a moment longer.
    t.mock.timers.tick(5_000)
    assert.match(textOf(await call(place, 'alice')), /done/)
    assert.equal((await callersOf(place)).filter((who) => who === `${place.back.url}#${account}`).length, calls)
  }
})

test('a link that was made for one connects nothing for another who opens it, in either direction', async (t) => {
  const place = await aPlace(t)
  const page = pageIn(await call(place, 'alice'))
  // Alice sends her link to bob, who would connect his account for her.
  const bob = await connect(page, 'bob', 'ben')
  assert.equal(bob.page.status, 403)
  assert.match(bob.page.html, /made for somebody else/)
  // Bob does all but the last step, and has alice's browser open that one.
  const attacker = new Browser()
  await attacker.comply(pageIn(await call(place, 'bob')), 'bob')
  const { html } = attacker.page
  const csrf = /name="csrf" value="([^"]+)"/.exec(html)?.[1] ?? ''
  const victim = new Browser()
  await victim.open(`${place.front.url}/connect/crm`, { method: 'POST', body: new URLSearchParams({ csrf, action: 'connect' }) })
  assert.equal(victim.page.status, 403)
  const away = await fetch(`${place.front.url}/connect/crm`, {
    method: 'POST',
    redirect: 'manual',
    body: new URLSearchParams({ csrf, action: 'connect' }),
    headers: { cookie: attacker.cookies(new URL(`${place.front.url}/connect/crm`)) },
  })
  assert.equal(away.status, 303)
  await victim.comply(away.headers.get('location') ?? '', 'ann')
  assert.equal(victim.page.status, 400)
  for (const who of ['alice', 'bob'] as const) assert.match(textOf(await call(place, who)), /not connected/)
  const refused = (await place.front.events()).filter(({ type }) => type === 'connection.refused')
  assert.ok(refused.length >= 3)
  for (const link of [`${page}x`, page.replace(/for=.*/, ''), page.replace('/crm', '/other')])
    assert.ok([400, 404].includes((await fetch(link, { redirect: 'manual' })).status))
  t.mock.timers.tick(16 * 60_000)
  assert.equal((await fetch(page, { redirect: 'manual' })).status, 400)
})

test('a client that can open pages is asked to, and its answer goes no further than us', async (t) => {
  const place = await aPlace(t)
  const asked = resultOf(await call(place, 'alice', OPENS))
  assert.equal(asked['resultType'], 'input_required')
  const questions = asked['inputRequests'] as Readonly<Record<string, { readonly method: string; readonly params: JsonObject }>>
  const [name, question] = Object.entries(questions)[0] ?? []
  assert.ok(name)
  assert.deepEqual([question?.method, question?.params['mode']], ['elicitation/create', 'url'])
  const answer = (action: string): Promise<Reply> =>
    call(place, 'alice', { ...OPENS, inputResponses: { [name]: { action } }, requestState: asked['requestState'] ?? null })
  assert.equal(resultOf(await answer('accept'))['resultType'], 'input_required', 'a yes is not yet a connection')
  assert.match(textOf(await answer('decline')), /not connected/)
  await connect(String(question?.params['url']), 'alice', 'ann')
  assert.match(textOf(await answer('accept')), /done/)
  assert.ok((await place.front.events()).some(({ denial }) => denial === 'connection_required'))
})

test('a key has no browser: where accounts are connected it is refused without a page', async (t) => {
  const place = await aPlace(t)
  const key = await place.front.key({ roles: ['user'] })
  const reply = await post(`${place.front.url}/mcp/crm`, 'tools/call', { name: 'who', arguments: {}, _meta: META }, { 'x-api-key': key })
  assert.deepEqual(
    [reply.status, (reply.body['error'] as JsonObject)['message']],
    [403, 'Your account at the server behind the gateway is not connected.'],
  )
})

/** One message of a session of 2025-11-25. */
async function legacy(
  { front, tokens }: Place,
  session: string | undefined,
  body: JsonObject,
): Promise<{ readonly session: string; readonly body: JsonObject }> {
  const response = await fetch(`${front.url}/mcp/crm`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2025-11-25',
      authorization: `Bearer ${tokens.alice}`,
      ...(session === undefined ? {} : { 'mcp-session-id': session }),
    },
    body: JSON.stringify({ jsonrpc: '2.0', ...body }),
  })
  const said = await response.text()
  const line = said.startsWith('{') ? said : (/data: (\{.*)/.exec(said)?.[1] ?? '{}')
  return { session: response.headers.get('mcp-session-id') ?? '', body: JSON.parse(line) as JsonObject }
}

const initialize = (elicitation: JsonObject): JsonObject => ({
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: { elicitation }, clientInfo: { name: 'test', version: '1' } },
})

test('a connection that is removed on the command line ends at the running gateway, and sessions are told as they can be told', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-connections-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const store = join(folder, 'portcullis.db')
  const place = await aPlace(t, { store })
  const { front, back } = place
  const file = join(folder, 'portcullis.yaml')
  writeFileSync(
    file,
    `store: ${store}\nservers: { crm: { url: "${back.url}/mcp/crm", credential: { connection: { allowPrivate: true } } } }\nauthentication: { oauth: {} }\n`,
  )
  const run = async (...args: readonly string[]): Promise<{ readonly code: number; readonly out: string }> => {
    const [output, errors] = [new PassThrough(), new PassThrough()]
    const code = await main(['connections', ...args, '-c', file, '--json'], {
      input: Readable.from([]),
      output,
      errors,
      clock: () => Date.now(),
    })
    output.end()
    errors.end()
    return { code, out: (await readText(output)) + (await readText(errors)) }
  }
  const opening = await legacy(place, undefined, initialize({ url: {} }))
  assert.match(JSON.stringify(opening.body['error']), /Open http/)
  await connect(pageIn(await call(place, 'alice')), 'alice', 'ann')
  const [able, unable] = [await legacy(place, undefined, initialize({ url: {} })), await legacy(place, undefined, initialize({}))]
  assert.match(textOf(await call(place, 'alice')), /done/)

  const listed = JSON.parse((await run('list')).out) as readonly JsonObject[]
  assert.deepEqual(
    listed.map(({ server, principal, scopes }) => [server, principal, scopes]),
    [['crm', `${front.url}#alice`, ['tools:read']]],
  )
  assert.equal((await run('remove', 'crm', `${front.url}#bob`)).code, 1)
  assert.equal((await run('remove', 'crm', `${front.url}#alice`)).code, 0)
  assert.ok((await back.events()).some(({ type }) => type === 'oauth.revoked'))
  t.mock.timers.tick(5_000)
  assert.match(textOf(await call(place, 'alice')), /not connected/)
  const ask = { id: 2, method: 'tools/call', params: { name: 'who', arguments: {} } }
  const [told, shown] = [await legacy(place, able.session, ask), await legacy(place, unable.session, ask)]
  const error = told.body['error'] as JsonObject
  assert.equal(error['code'], -32042)
  const [elicitation] = (error['data'] as { readonly elicitations: readonly JsonObject[] }).elicitations
  assert.deepEqual([elicitation?.['mode'], String(elicitation?.['url']).startsWith(`${front.url}/connect/crm`)], ['url', true])
  assert.match(JSON.stringify(shown.body['result']), /"isError":true.*|not connected\. Open http/)
})
