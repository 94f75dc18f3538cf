/**
 * Every method that a client may send × every state of a credential, over HTTP through a whole gateway, as one text that people review:
 * `credentials.txt` beside this file. Write it anew with `MATRIX=write`, then read the difference.
 */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Agent, fetch } from 'undici'
import { isObject, type JsonObject, type JsonValue } from '../../src/core/json.ts'
import { parsePattern } from '../../src/core/pattern.ts'
import { writeKey } from '../../src/identity/key-text.ts'
import { Revocations, tokenDigest } from '../../src/identity/revocation.ts'
import { METHODS, type MethodRow } from '../../src/mcp/methods.ts'
import { type Authority, anAuthority, type Certified } from '../fixtures/authority.ts'
import { aGateway, META, type RunningGateway } from '../fixtures/gateway.ts'
import { checkReviewed } from '../fixtures/reviewed.ts'
import { freshId, makePair, openSite, type Site, signJws } from '../trust/fixture.ts'
import { aWholeServer, type WholeServer } from './server.ts'

const TEXT = new URL('./credentials.txt', import.meta.url)
const STATES = ['none', 'malformed', 'expired', 'wrong audience', 'wrong issuer', 'revoked', 'insufficient', 'good'] as const
type State = (typeof STATES)[number]
type Headers = Readonly<Record<string, string>>

const ERAS = ['2026-07-28', '2025-11-25'] as const
type Era = (typeof ERAS)[number]

/** What each method is asked with; the name of a task is filled in. A method that is not here fails the test. */
const PARAMS: Readonly<Record<string, readonly JsonObject[]>> = {
  initialize: [{ protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } }],
  ping: [{}],
  'server/discover': [{}],
  'logging/setLevel': [{ level: 'info' }],
  'tools/list': [{}],
  'tools/call': [
    { name: 'read_file', arguments: {} },
    { name: 'write_file', arguments: {} },
  ],
  'prompts/list': [{}],
  'prompts/get': [{ name: 'summary' }],
  'resources/list': [{}],
  'resources/templates/list': [{}],
  'resources/read': [{ uri: 'file:///data/a' }],
  'resources/subscribe': [{ uri: 'file:///data/a' }],
  'resources/unsubscribe': [{ uri: 'file:///data/a' }],
  'subscriptions/listen': [{ notifications: { toolsListChanged: true } }],
  'completion/complete': [{ ref: { type: 'ref/prompt', name: 'summary' }, argument: { name: 'a', value: 'b' } }],
  'tasks/get': [{ taskId: 'TASK' }],
  'tasks/cancel': [{ taskId: 'TASK' }],
  'tasks/update': [{ taskId: 'TASK', inputResponses: {} }],
  'tasks/result': [{ taskId: 'TASK' }],
  'tasks/list': [{}],
  'notifications/cancelled': [{ requestId: 99 }],
  'notifications/initialized': [{}],
  'notifications/progress': [{ progressToken: 1, progress: 1 }],
  'notifications/roots/list_changed': [{}],
  'notifications/tasks/status': [{ taskId: 'TASK', status: 'working' }],
  $stream: [{}],
  $response: [{}],
  $end: [{}],
}
/** How the requests without a method are called in the text. */
const LABELS: Readonly<Record<string, string>> = { $stream: 'GET', $response: 'POST of a response', $end: 'DELETE' }

/** One credential in every state, and what belongs to its owners. */
interface Kind {
  /** Whom the requests are sent to. */
  readonly house: RunningGateway
  /** The connections of each state, where a credential is no header. */
  readonly agents?: Readonly<Partial<Record<State, Agent>>>
  readonly headers: Readonly<Record<State, Headers>>
  /** Sessions, by who opened them: what is refused is refused in the session of the good one. */
  readonly sessions: Readonly<Partial<Record<State, string>>>
  readonly task: string
}

let server: WholeServer
let site: Site
let house: RunningGateway
/** The same over TLS, where clients may bring certificates. */
let secure: RunningGateway
let ours: Authority
const agents: Agent[] = []
let revokedOne: Certified
const pair = makePair('ES256', { kid: 'k1', use: 'sig', alg: 'ES256' })
let sent = 0
/** Cells that were let through, by method. */
const passed = new Map<string, number>()

before(async () => {
  server = await aWholeServer()
  site = await openSite()
  site.routes.set('/.well-known/oauth-authorization-server', { body: { issuer: site.url, jwks_uri: `${site.url}/jwks` } })
  site.routes.set('/jwks', { body: { keys: [pair.jwk] } })
  const rules = (more: string): string => `
servers: { files: { url: "${server.url}" }, mail: { url: "${server.url}" } }
authentication:
  issuers: [{ issuer: "${site.url}", allowPrivate: true, roles: { claim: groups, map: { staff: user } } }]
${more}
limits: { failures: { allow: 1000, per: 5m, block: 15m } }
access:
  roles: { user: { permissions: ["*"] }, reader: { permissions: ["files:read"] } }
  tools:
    read_file: { permission: files:read, scope: "tools:read" }
    write_file: { permission: files:write, scope: "tools:write" }
  prompts: { summary: { permission: prompts:use, scope: "prompts:use" } }
  resources: [{ uri: "file:///data/**", read: [user], subscribe: [user] }]
`
  house = await aGateway(rules(''))
  ours = anAuthority()
  revokedOne = ours.issue('URI:spiffe://example/user/revoked', { use: 'clientAuth' })
  ours.revoke(revokedOne)
  const own = ours.issue('IP:127.0.0.1')
  const place = (file: string, content: string): string => {
    writeFileSync(join(ours.folder, file), content, { mode: 0o600 })
    return join(ours.folder, file)
  }
  secure = await aGateway(`
tls:
  certificate: ${place('own.crt', own.cert)}
  key: ${place('own.key', own.key)}
  clientCa: ${join(ours.folder, 'ca.pem')}
  clientCertificates: optional
  revocationList: ${place('list.pem', ours.revocationList())}
${rules('  certificates: { subject: san-uri, roles: { "spiffe://example/user/*": user, "spiffe://example/reader/*": reader } }')}`)
})
after(async () => {
  await Promise.all(agents.map((agent) => agent.destroy()))
  await house[Symbol.asyncDispose]()
  await secure[Symbol.asyncDispose]()
  ours[Symbol.dispose]()
  await server[Symbol.asyncDispose]()
  await site[Symbol.asyncDispose]()
})

async function keys(): Promise<Readonly<Record<State, Headers>>> {
  const ring = house.gateway.house.keys
  const make = async (allow: string, expiresMs = 60_000) => {
    const patterns = [parsePattern(allow) ?? assert.fail()]
    return await ring.create({ name: 'k', roles: ['user'], allow: patterns, createdBy: 'test', expiresMs })
  }
  const of = (text: string): Headers => ({ 'x-api-key': text })
  const [expired, elsewhere, revoked] = [await make('*', 1), await make('mail/*'), await make('*')]
  await ring.revoke(revoked.key.id)
  const good = (await make('*')).text.reveal()
  return {
    none: {},
    malformed: of(`${good.slice(0, -1)}!`),
    expired: of(expired.text.reveal()),
    'wrong audience': of(elsewhere.text.reveal()),
    'wrong issuer': of(writeKey('mcp', { id: '0'.repeat(12), secret: '0'.repeat(32) })),
    revoked: of(revoked.text.reveal()),
    insufficient: of((await make('files/read_*')).text.reveal()),
    good: of(good),
  }
}

async function tokens(): Promise<Readonly<Record<State, Headers>>> {
  const now = Math.floor(Date.now() / 1_000)
  const of = (text: string): Headers => ({ authorization: `Bearer ${text}` })
  const make = (said: Readonly<Record<string, JsonValue>> = {}): string =>
    signJws(
      pair,
      { typ: 'at+jwt', kid: 'k1' },
      {
        iss: site.url,
        aud: `${house.url}/mcp/files`,
        sub: 'ann',
        client_id: 'app',
        jti: freshId(),
        iat: now,
        exp: now + 300,
        scope: 'tools:read tools:write prompts:use',
        groups: ['staff'],
        ...said,
      },
    )
  const revoked = make()
  await new Revocations(house.gateway.house.store, Date.now).revoke(tokenDigest(revoked), (now + 300) * 1_000)
  return {
    none: {},
    malformed: of(`${make()}x`),
    expired: of(make({ iat: now - 600, exp: now - 300 })),
    'wrong audience': of(make({ aud: `${house.url}/mcp/mail` })),
    'wrong issuer': of(make({ iss: 'https://evil.example' })),
    revoked: of(revoked),
    insufficient: of(make({ scope: 'tools:read' })),
    good: of(make()),
  }
}

/** Without a credential in a header: of each state the connections that it makes. */
function certificates(): Readonly<Record<State, Agent>> {
  using theirs = anAuthority('Somebody Else')
  const of = (certified?: Certified): Agent => {
    const agent = new Agent({ connect: { ca: ours.cert, ...(certified && { cert: certified.cert, key: certified.key }) } })
    agents.push(agent)
    return agent
  }
  const name = 'URI:spiffe://example/user/ann'
  return {
    none: of(),
    malformed: of(ours.issue('DNS:ann.example', { use: 'clientAuth' })),
    expired: of(ours.issue(name, { use: 'clientAuth', from: -20, until: -10 })),
    'wrong audience': of(ours.issue(name, { use: 'serverAuth' })),
    'wrong issuer': of(theirs.issue(name, { use: 'clientAuth' })),
    revoked: of(revokedOne),
    insufficient: of(ours.issue('URI:spiffe://example/reader/bob', { use: 'clientAuth' })),
    good: of(ours.issue(name, { use: 'clientAuth' })),
  }
}

const NO_HEADERS: Readonly<Record<State, Headers>> = {
  none: {},
  malformed: {},
  expired: {},
  'wrong audience': {},
  'wrong issuer': {},
  revoked: {},
  insufficient: {},
  good: {},
}

interface Told {
  readonly status: number
  readonly headers: Pick<globalThis.Headers, 'get'>
  /** Undefined: a stream. */
  readonly body: JsonObject | undefined
}

/** Where a request goes, over which connections. */
interface Line {
  readonly url: string
  readonly dispatcher?: Agent | undefined
}

const lineOf = ({ house: { url }, agents: own }: Pick<Kind, 'house' | 'agents'>, state: State): Line => ({ url, dispatcher: own?.[state] })

/** One request; of a stream only that it stands. */
async function send({ url, dispatcher }: Line, verb: string, headers: Headers, body: JsonObject | undefined): Promise<Told> {
  sent++
  const stop = new AbortController()
  const response = await fetch(`${url}/mcp/files`, {
    ...(dispatcher && { dispatcher }),
    method: verb,
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
    signal: stop.signal,
    ...(body === undefined ? {} : { body: JSON.stringify({ jsonrpc: '2.0', ...body }) }),
  })
  if (response.headers.get('content-type') === 'text/event-stream') {
    stop.abort()
    return { status: response.status, headers: response.headers, body: undefined }
  }
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: JSON.parse(text === '' ? '{}' : text) as JsonObject }
}

const inSession = (session: string): Headers => ({ 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' })

async function openSession(line: Line, credential: Headers): Promise<string> {
  const opened = await send(line, 'POST', credential, { id: 1, method: 'initialize', params: PARAMS['initialize']?.[0] ?? {} })
  return opened.headers.get('mcp-session-id') ?? assert.fail('no session')
}

async function aKind(headers: Readonly<Record<State, Headers>>, at: Pick<Kind, 'house' | 'agents'> = { house }): Promise<Kind> {
  const sessions = {
    good: await openSession(lineOf(at, 'good'), headers.good),
    insufficient: await openSession(lineOf(at, 'insufficient'), headers.insufficient),
  }
  const task = freshId()
  const params = { name: 'read_file', arguments: { begin: task } }
  const begun = await send(
    lineOf(at, 'good'),
    'POST',
    { ...headers.good, ...inSession(sessions.good) },
    { id: 1, method: 'tools/call', params },
  )
  assert.deepEqual(isObject(begun.body?.['result']) && isObject(begun.body['result']['task']), true)
  return { ...at, headers, sessions, task }
}

async function ask(row: MethodRow, era: Era, params: JsonObject, kind: Kind, state: State): Promise<Told> {
  const { method } = row
  const credential = kind.headers[state]
  const line = lineOf(kind, state)
  const said = params['taskId'] === undefined ? params : { ...params, taskId: kind.task }
  if (era === '2026-07-28') {
    const name = said['name'] ?? said['uri'] ?? said['taskId']
    const mirrored = { 'mcp-protocol-version': era, 'mcp-method': method, ...(row.mirrored ? { 'mcp-name': String(name) } : {}) }
    const id = row.notification ? {} : { id: 1 }
    return await send(line, 'POST', { ...credential, ...mirrored }, { ...id, method, params: { ...said, _meta: META } })
  }
  const owner = state === 'insufficient' ? state : 'good'
  if (method === 'initialize') return await send(line, 'POST', credential, { id: 1, method, params: said })
  // What ends a session has one of its own.
  const session = method === '$end' ? await openSession(lineOf(kind, owner), kind.headers[owner]) : (kind.sessions[owner] ?? assert.fail())
  const headers = { ...credential, ...inSession(session) }
  if (method === '$stream') return await send(line, 'GET', headers, undefined)
  if (method === '$end') return await send(line, 'DELETE', headers, undefined)
  if (method === '$response') return await send(line, 'POST', headers, { id: 'question', result: {} })
  return await send(line, 'POST', headers, row.notification ? { method, params: said } : { id: 1, method, params: said })
}

/** `·` and `✘` are the two ways not to be let in; ✔ with what a list showed; else status and code, and of a 403 the scopes it names. */
function cellOf({ method, list }: MethodRow, { status, headers, body }: Told): string {
  const challenge = headers.get('www-authenticate')
  assert.equal(challenge !== null, status === 401 || / scope="/.test(challenge ?? ''))
  if (challenge !== null) {
    assert.match(challenge, /resource_metadata="[^"]*\/\.well-known\/oauth-protected-resource\/mcp\/files"/)
    assert.doesNotMatch(challenge, /offline_access/)
  }
  const error = body?.['error']
  if (!isObject(error)) {
    assert.ok(status === 200 || status === 202)
    passed.set(method, (passed.get(method) ?? 0) + 1)
    const items = list === undefined || !isObject(body?.['result']) ? undefined : body['result'][list]
    const names = Array.isArray(items) ? items.map((item) => (isObject(item) ? (item['name'] ?? 'one') : '')) : undefined
    return names === undefined ? '✔' : `✔ ${names.join(' ') || 'none'}`
  }
  const code = isObject(error['data']) ? error['data']['code'] : error['code']
  if (code === 'unauthenticated') assert.doesNotMatch(challenge ?? '', /error=/)
  if (code === 'invalid_token') assert.match(challenge ?? '', /error="invalid_token"/)
  const sign = `${status} ${code}`
  if (sign in SIGNS) return SIGNS[sign] ?? ''
  const scope = status === 403 ? / scope="([^"]*)"/.exec(challenge ?? '')?.[1] : undefined
  return `${sign}${scope === undefined ? '' : ` (${scope})`}`
}

const SIGNS: Readonly<Record<string, string>> = { '401 unauthenticated': '·', '401 invalid_token': '✘' }
const LEGEND = `· 401 unauthenticated, where to get a token   ✘ 401 invalid_token, the same   ✔ done, and what a list showed   else status and code

An API key that is for another server is in "wrong audience", one that this installation never made in "wrong issuer", one for \`files/read_*\`
alone in "insufficient". A token that is insufficient has the scope tools:read alone. A certificate (over TLS, optional) is malformed without a name
of the kind that counts, for another audience when it was issued for servers, and insufficient when its name has a role that only reads files.`

function table(head: string, lines: readonly (readonly string[])[]): string {
  const all = [[head, ...STATES], ...lines]
  const widths = [head, ...STATES].map((_, at) => Math.max(...all.map((line) => line[at]?.length ?? 0)))
  return all
    .map((line) =>
      line
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

async function tableOf(name: string, era: Era, kind: Kind): Promise<string> {
  const lines: (readonly string[])[] = []
  for (const row of METHODS.filter(({ revisions }) => revisions.has(era))) {
    for (const params of PARAMS[row.method] ?? assert.fail(`how is ${row.method} asked?`)) {
      const subject = PARAMS[row.method]?.length === 1 ? '' : ` ${params['name']}`
      const cells: string[] = []
      for (const state of STATES) cells.push(cellOf(row, await ask(row, era, params, kind, state)))
      lines.push([`${LABELS[row.method] ?? row.method}${subject}`, ...cells])
    }
  }
  return table(`${name}, ${era}`, lines)
}

test('every method in every state of a credential is answered as the reviewed matrix says, and each request is in history once', async () => {
  const calls = async (): Promise<number> => {
    const events = [...(await house.events()), ...(await secure.events())]
    return events.filter(({ type }) => type === 'call.ended').length
  }
  const kinds = {
    'API key': await aKind(await keys()),
    'access token': await aKind(await tokens()),
    certificate: await aKind(NO_HEADERS, { house: secure, agents: certificates() }),
  }
  server.reached.clear()
  const tables: string[] = []
  for (const [name, kind] of Object.entries(kinds)) for (const era of ERAS) tables.push(await tableOf(name, era, kind))
  checkReviewed(TEXT, `${LEGEND}\n\n${tables.join('\n\n')}\n`)
  // Streams are written down when their end is noticed.
  let ended = 0
  while (ended < sent) {
    await nextTurn()
    ended = await calls()
  }
  assert.equal(ended, sent)
})

test('nobody who was not let in reached the server', () => {
  // Beside the cells, sessions were opened to be ended.
  const { initialize: _opened, ...reached } = Object.fromEntries(server.reached)
  for (const [method, count] of Object.entries(reached)) assert.ok(count <= (passed.get(method) ?? 0), `${method}: ${count}`)
})
