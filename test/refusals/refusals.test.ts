/**
 * Every code of refusal, produced by a real call on every transport and in every era where it can arise: as the caller sees it, and as
 * history keeps it. The list is read from the table, so that no new code is forgotten.
 */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { DENIALS, type DenialCode } from '../../src/core/denial.ts'
import type { AuditEvent } from '../../src/core/event.ts'
import { isObject, type JsonObject, type JsonValue } from '../../src/core/json.ts'
import type { RunningGateway } from '../fixtures/gateway.ts'
import { refusalIn } from '../fixtures/refusal.ts'
import { FACES, type Face, type Line, type Seen } from './faces.ts'
import { aWorld, type Who, type World } from './world.ts'

/** A code that is produced must leave this list. */
const LATER: Readonly<Partial<Record<DenialCode, string>>> = {
  login_failed: 'it takes a server that wants tokens: test/journeys/credentials.test.ts',
  unusable_tool: 'it takes a server whose tool is ill defined: test/journeys/arguments.test.ts',
  connection_required: 'it takes people who sign in: test/journeys/connections.test.ts',
}

interface Gap {
  readonly on: (face: Face) => boolean
  readonly why: string
}

const stdio = (face: Face): boolean => face.transport === 'stdio'
const sessions = (face: Face): boolean => face.era === 'legacy'
const modern = (face: Face): boolean => face.era === 'modern'

/** Where a code cannot arise, and why. */
const CANNOT: Readonly<Partial<Record<DenialCode, readonly Gap[]>>> = {
  header_mismatch: [
    { on: stdio, why: 'there are no headers' },
    {
      on: sessions,
      why: 'these revisions repeat nothing of the body in headers; one that names 2026-07-28 makes the request a modern one',
    },
  ],
  unsupported_revision: [
    { on: (face) => stdio(face) && sessions(face), why: 'initialize agrees on a revision, and no message names one afterwards' },
  ],
  missing_capability: [{ on: sessions, why: 'here a server asks by requests of its own, and a client refuses them itself' }],
  ambiguous_credentials: [{ on: stdio, why: 'one variable of the environment holds one credential' }],
  foreign_origin: [{ on: stdio, why: 'no web page can write to our standard input' }],
  foreign_host: [{ on: stdio, why: 'there is no host' }],
  no_route: [{ on: stdio, why: 'the server is chosen when the process is started' }],
  no_session: [
    { on: modern, why: 'there are no sessions: the header of one is ignored, and a server that lost ours has failed' },
    {
      on: (face) => stdio(face) && sessions(face),
      why: 'the connection is the session: who did not open it is malformed, and a server that lost its own has failed',
    },
  ],
  http_method: [{ on: stdio, why: 'there are no HTTP methods' }],
  not_acceptable: [{ on: stdio, why: 'there is no Accept' }],
  slow_request: [{ on: stdio, why: 'a line has all the time of the process that writes it' }],
  media_type: [{ on: stdio, why: 'there is no Content-Type' }],
}

interface Way {
  readonly who?: Who
  readonly make: (line: Line, face: Face) => Promise<Seen>
}

const calling =
  (name: string, args: JsonObject = {}): Way['make'] =>
  (line) =>
    line.ask('tools/call', { name, arguments: args })
/** What a client of the face asks first where it is not let in. */
const knocking: Way['make'] = (line, face) => line.ask(stdio(face) && sessions(face) ? 'initialize' : 'tools/list')
const listing = (headers: Readonly<Record<string, string>>): Way['make'] => {
  return (line) => line.ask('tools/list', {}, headers)
}

const PRODUCE: Readonly<Partial<Record<DenialCode, Way>>> = {
  malformed: { make: (line) => line.say('{"jsonrpc":"2.0","id":7,"method":"tools/list","method":"tools/call"}', 7) },
  unparseable: { make: (line) => line.say('{"jsonrpc"') },
  header_mismatch: { make: listing({ 'mcp-method': 'tools/call' }) },
  unsupported_revision: {
    make: (line, face) => {
      const meta = { 'io.modelcontextprotocol/protocolVersion': '2099-01-01' }
      return line.ask('tools/list', modern(face) ? { _meta: meta } : {}, { 'mcp-protocol-version': '2099-01-01' })
    },
  },
  missing_capability: { make: calling('ask') },
  invalid_envelope: { make: (line) => line.ask('tools/list', { _meta: { progressToken: {} } }) },
  ambiguous_credentials: { make: listing({ authorization: 'Bearer another' }) },
  unauthenticated: { who: 'nobody', make: knocking },
  invalid_token: { who: 'stranger', make: knocking },
  step_up_required: { who: 'reader', make: calling('strong') },
  insufficient_scope: { who: 'reader', make: calling('write') },
  approval_required: { make: calling('approve') },
  confirmation_required: { make: calling('confirm') },
  content_blocked: { make: calling('stays') },
  forbidden: { make: calling('pay', { amount: 9999 }) },
  foreign_origin: { make: listing({ origin: 'https://evil.example' }) },
  foreign_host: { make: listing({ host: 'evil.example' }) },
  no_route: { make: (line) => line.http({ path: '/mcp/nobody', text: '{}' }) },
  no_session: { make: listing({ 'mcp-session-id': 'never-was' }) },
  // Each era has methods that the other does not know.
  unknown_method: { make: (line, face) => line.ask(modern(face) ? 'ping' : 'server/discover') },
  not_found: { make: calling('hidden') },
  invalid_arguments: { make: (line) => line.ask('tools/call', { name: 'pay', arguments: [] }) },
  http_method: { make: (line) => line.http({ verb: 'PUT', text: '{}' }) },
  not_acceptable: { make: listing({ accept: 'text/html' }) },
  slow_request: { who: 'slow', make: (line, face) => dawdle(line.house, face) },
  too_large: {
    make: (line) => line.say(JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'tools/list', params: { x: 'x'.repeat(70_000) } })),
  },
  media_type: { make: listing({ 'content-type': 'text/plain' }) },
  rate_limited: { make: calling('scarce') },
  upstream_failed: { make: calling('crash') },
  unavailable: { who: 'crowd', make: calling('pay') },
  timeout: { make: calling('slow') },
}

/** In the revisions with sessions these are answered within 200: there a 404 says that the session has died, and bridges hang on other statuses. */
const WITHIN_200: ReadonlySet<DenialCode> = new Set<DenialCode>([
  'confirmation_required',
  'content_blocked',
  'forbidden',
  'unknown_method',
  'not_found',
  'invalid_arguments',
  'upstream_failed',
  'timeout',
])
/** Of a tool, in every revision: the model reads it and tells its user. */
const AS_A_RESULT: ReadonlySet<DenialCode> = new Set<DenialCode>(['approval_required'])
/** Refused before anything was read that has an id, or because it could not be read. */
const NAMELESS: ReadonlySet<DenialCode> = new Set<DenialCode>([
  'unparseable',
  'foreign_origin',
  'foreign_host',
  'no_route',
  'http_method',
  'too_large',
  'slow_request',
])
/** What `WWW-Authenticate` says beside where a token comes from. No error where nothing was presented (RFC 6750 §3.1). */
const CHALLENGES: Readonly<Partial<Record<DenialCode, RegExp>>> = {
  unauthenticated: /^Bearer realm="[^"]+", resource_metadata="http[^"]+"$/,
  invalid_token: /^Bearer realm="[^"]+", error="invalid_token", error_description="[^"]+", resource_metadata="http[^"]+"$/,
  step_up_required: /^Bearer .*error="insufficient_user_authentication".*, acr_values="phr", resource_metadata="http[^"]+"$/,
  insufficient_scope: /^Bearer .*error="insufficient_scope".*, scope="tools:write", resource_metadata="http[^"]+"$/,
}
/** What a message shows by its form is told to its sender, whoever it is. */
const OF_FORM: Readonly<Partial<Record<DenialCode, string>>> = {
  malformed: 'The request is malformed: a member name occurs twice.',
  unparseable: 'The body is not valid JSON: a colon is expected.',
  header_mismatch: 'A header and the body disagree: Mcp-Method differs from the body.',
  invalid_envelope: 'Required request metadata is missing or invalid: _meta progressToken is not a string or integer.',
}
/** Where a credential is looked for. */
const authenticate = (face: Face): readonly JsonObject[] => [
  { kind: 'authenticate', ...(stdio(face) ? { environment: 'MCP_API_KEY' } : { headers: ['X-API-Key', 'Authorization'] }) },
]
const REMEDIES: Readonly<Partial<Record<DenialCode, readonly JsonObject[] | typeof authenticate>>> = {
  unauthenticated: authenticate,
  invalid_token: authenticate,
  step_up_required: [{ kind: 'step_up', acr: 'phr' }],
  insufficient_scope: [{ kind: 'scope', scopes: ['tools:write'] }],
  confirmation_required: [{ kind: 'confirm' }],
  unavailable: [{ kind: 'wait', ms: 1_000 }],
}
/** Of these history names the policy. */
const OF_THE_LAW: Readonly<Partial<Record<DenialCode, string>>> = {
  step_up_required: 'law-strong',
  insufficient_scope: 'house.scope',
  approval_required: 'law-approve',
  confirmation_required: 'law-confirm',
  content_blocked: 'law-stays',
  forbidden: 'law-small',
  not_found: 'law-hidden',
}
/** An answer that does not come fails its cell, and no other. */
const CELL_MS = 20_000
const CODES = Object.keys(DENIALS) as readonly DenialCode[]

let world: World
before(async () => {
  world = await aWorld()
})
after(() => world[Symbol.asyncDispose]())

/** Begins a request and never ends it: Node answers in our place, and the connection is over. */
function dawdle(house: RunningGateway, { revision }: Face): Promise<Seen> {
  return new Promise((resolve, reject) => {
    let told = ''
    const socket = connect(Number(new URL(house.url).port), '127.0.0.1', () => {
      const headers = ['Host: localhost', 'Content-Type: application/json', 'Content-Length: 100', `MCP-Protocol-Version: ${revision}`]
      socket.write(`POST /mcp HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n{`)
    })
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      told += chunk
    })
    socket.on('error', reject)
    socket.on('close', () => resolve({ status: Number(told.slice(9, 12)), headers: {}, body: {} }))
  })
}

/** What history has of the calls since; waited for, where nobody was told. */
async function endsSince(house: RunningGateway, before: number): Promise<readonly AuditEvent[]> {
  for (;;) {
    const ends = (await house.events()).slice(before).filter(({ type }) => type === 'call.ended')
    if (ends.length > 0) return ends
    await nextTurn()
  }
}

function checkHeaders(code: DenialCode, { status, headers }: Seen): void {
  const challenge = headers['www-authenticate']
  const expected = CHALLENGES[code]
  if (expected === undefined) assert.equal(challenge, undefined)
  else assert.match(String(challenge), expected)
  assert.match(String(headers['retry-after']), status === 503 || status === 429 ? /^[1-9]\d*$/ : /^undefined$/)
  assert.equal(headers['allow'], code === 'http_method' ? 'POST' : undefined)
  assert.equal(headers['content-type'], 'application/json')
  assert.equal(headers['cache-control'], 'no-store')
}

function checkError(code: DenialCode, face: Face, { body, asked }: Seen): void {
  const { error } = body
  if (code === 'approval_required') {
    checkApproval(face, body)
    return
  }
  assert.ok(isObject(error) && isObject(error['data']))
  const { data } = error
  const message = OF_FORM[code] ?? DENIALS[code].message
  assert.deepEqual([data['code'], error['code'], error['message']], [code, DENIALS[code].rpc, message])
  assert.equal(body['id'], NAMELESS.has(code) ? undefined : asked)
  // How long there is to wait depends on when one asks.
  if (code === 'rate_limited') checkWait(data['remedies'])
  else assert.deepEqual(data['remedies'], remediesOf(code, face))
  const more = code === 'unsupported_revision' ? ['requested', 'supported'] : []
  assert.deepEqual(
    Object.keys(data)
      .filter((name) => name !== 'code' && name !== 'remedies')
      .sort(),
    more,
  )
  if (code === 'unsupported_revision' && modern(face)) assert.deepEqual(data['supported'], ['2026-07-28'])
}

function remediesOf(code: DenialCode, face: Face): readonly JsonObject[] | undefined {
  const expected = REMEDIES[code]
  return typeof expected === 'function' ? expected(face) : expected
}

/** Which approval it waits for, in words that a model reads; no page, where there is no admin listener. */
function checkApproval(face: Face, body: JsonObject): void {
  const { result } = body
  assert.ok(isObject(result))
  const { code, remedies, ...more } = refusalIn(body) ?? {}
  assert.deepEqual([code, more, result['resultType']], ['approval_required', {}, modern(face) ? 'complete' : undefined])
  const [approval, ...others] = Array.isArray(remedies) ? remedies : []
  assert.ok(isObject(approval) && others.length === 0)
  assert.deepEqual([Object.keys(approval).sort(), approval['kind']], [['id', 'kind'], 'approval'])
  assert.match(String(approval['id']), /^[0-9a-f-]{36}$/)
  const how = `Ask somebody with the right to approve to run "portcullis approvals approve ${approval['id']}".`
  const text = `A person must approve this call. ${how} Then make the very same call again, with the same arguments.`
  assert.deepEqual(result['content'], [{ type: 'text', text }])
}

function checkWait(remedies: JsonValue | undefined): void {
  const [wait, ...more] = Array.isArray(remedies) ? remedies : []
  assert.ok(isObject(wait) && more.length === 0)
  assert.deepEqual([Object.keys(wait).sort(), wait['kind']], [['kind', 'ms'], 'wait'])
  assert.ok(Number(wait['ms']) > 3_000_000 && Number(wait['ms']) <= 3_600_000, String(wait['ms']))
}

/** Nothing that only an operator may know: no policy, no cause, no address of a server, no name of the caller's. */
function checkSilence(code: DenialCode, seen: Seen, [ended]: readonly AuditEvent[]): void {
  const told = JSON.stringify([seen.headers, seen.body])
  const cause = OF_FORM[code] === undefined ? ended?.detail : undefined
  const inner = ['law-', 'house.', new URL(world.upstream.url).host, cause, ended?.principal, ended?.law]
  for (const secret of inner) if (secret !== undefined && secret !== '') assert.ok(!told.includes(secret), `${secret} in ${told}`)
}

function checkHistory(code: DenialCode, face: Face, ends: readonly AuditEvent[]): void {
  assert.deepEqual(
    ends.map(({ denial, transport }) => [denial, transport]),
    [[code, face.transport]],
  )
  const [ended] = ends
  assert.ok(ended?.outcome === 'denied' || ended?.outcome === 'failed')
  assert.notEqual(ended.detail ?? '', '', 'history says why')
  const policy = OF_THE_LAW[code]
  if (policy === undefined) return
  assert.deepEqual(ended.policies, [policy])
  assert.deepEqual([ended.era, ended.revision], [face.era, face.revision])
}

async function check(code: DenialCode, face: Face, { who = 'user', make }: Way): Promise<void> {
  const caller = world.callers[who]
  await using line = await face.open(caller)
  const release = who === 'crowd' ? await world.crowd() : undefined
  const before = (await caller.house.events()).length
  const seen = await make(line, face)
  const ends = await endsSince(caller.house, before)
  await release?.()
  const isWithin = AS_A_RESULT.has(code) || (sessions(face) && WITHIN_200.has(code))
  assert.equal(seen.status, stdio(face) ? undefined : isWithin ? 200 : DENIALS[code].status)
  checkHistory(code, face, ends)
  checkSilence(code, seen, ends)
  if (code === 'slow_request') return
  checkError(code, face, seen)
  if (!stdio(face)) checkHeaders(code, seen)
}

for (const code of CODES) {
  describe(code, () => {
    const way = PRODUCE[code]
    const later = LATER[code]
    if (later !== undefined) {
      test(`waits: ${later}`, () => assert.equal(way, undefined, 'it is produced, so it must leave the list'))
      return
    }
    for (const face of FACES) {
      const gap = CANNOT[code]?.find(({ on }) => on(face))
      if (gap !== undefined) test(`${face.name}: cannot arise, because ${gap.why}`)
      else
        test(`${face.name}: told poorly, kept richly, once`, { timeout: CELL_MS }, async () => {
          assert.ok(way !== undefined, 'produce it here, or say why it cannot arise')
          await check(code, face, way)
        })
    }
  })
}

test('every row of the tables is of a code that there is, and every gap is of some face', () => {
  for (const [code, gaps] of Object.entries(CANNOT)) {
    for (const { on, why } of gaps) assert.ok(FACES.some(on), `${code}: ${why}`)
    assert.ok(
      FACES.some((face) => !gaps.some(({ on }) => on(face))),
      `${code} arises nowhere`,
    )
  }
})

test('slow_request: a caller who goes away in the middle of a body cannot be told, and is written down', async () => {
  const { house } = world.callers.user
  const before = (await house.events()).length
  await new Promise<void>((resolve) => {
    const socket = connect(Number(new URL(house.url).port), '127.0.0.1', () => {
      socket.end('POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{')
    })
    socket.resume()
    socket.on('close', () => resolve())
  })
  assert.deepEqual(
    (await endsSince(house, before)).map((event) => event.denial),
    ['slow_request'],
  )
})

test('what cannot be written down is not done: without a store the answer is 503', async () => {
  const { house } = world.callers.slow
  await house.gateway.house.store.close()
  const seen = await fetch(`${house.url}/mcp`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' })
  assert.equal(seen.status, 503)
})

test('whatever is wrong with the body, a caller without a credential is told only that', async () => {
  const bodies = ['[]', '{"jsonrpc"', '\u0000', '{"jsonrpc":"2.0","id":1,"method":"no/such"}', '{"a":1,"a":2}']
  for (const body of bodies) {
    const url = `${world.callers.user.house.url}/mcp`
    const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    assert.equal(response.status, 401)
    assert.match(response.headers.get('www-authenticate') ?? '', /^Bearer /)
  }
})
