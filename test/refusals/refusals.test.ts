/** Every code of refusal, produced by a real call, as the caller sees it and as history keeps it. The list is read from the table. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { DENIALS, type DenialCode } from '../../src/core/denial.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { aGateway, META, post, type RunningGateway } from '../fixtures/gateway.ts'
import { legacyHttp } from '../fixtures/speakers.ts'
import { aBareUpstream, type BareUpstream, text } from '../fixtures/upstream.ts'

const LAW = `
@id("approve") @requires("approval") forbid (principal, action == Action::"call", resource) when { resource.name == "approve" } unless { context.approved };
@id("hidden") forbid (principal, action == Action::"call", resource is Tool) when { resource.name == "hidden" };
@id("stays") forbid (principal, action == Action::"receive", resource is Tool) when { resource.name == "stays" };
@id("small") forbid (principal, action == Action::"call", resource is Tool) when { resource.name == "pay" && context.input.hasTag("/amount") && context.input.getTag("/amount") == "9999" };
`

/** Tokens bring scopes and step-up; a body that never comes whole is tried below. A code that is produced must leave this list. */
const LATER: ReadonlySet<DenialCode> = new Set(['insufficient_scope', 'step_up_required', 'slow_request'])

let upstream: BareUpstream
let house: RunningGateway
let key: string
let folder: string
let mcp: string

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-'))
  writeFileSync(join(folder, 'law.cedar'), LAW)
  upstream = await aBareUpstream({
    echo: (args) => text(String(args['message'])),
    approve: () => text('done'),
    hidden: () => text('done'),
    stays: () => text('done'),
    pay: () => text('paid'),
    slow: () => undefined,
    scarce: () => text('the only one'),
    ask: () => ({ resultType: 'input_required', inputRequests: { a: { method: 'elicitation/create', params: {} } } }),
    crash: (_args, _seen, res) => void res.destroy(),
  })
  house = await aGateway(`
servers: { tools: { url: "${upstream.url}", timeout: 300ms } }
limits: { request: { maxBytes: 64KiB }, tools: { tools/scarce: 1/h } }
access:
  roles: { user: { permissions: ["*"] } }
  tools: { "*": { permission: tools:use } }
  policies: ${JSON.stringify(join(folder, 'law.cedar'))}
`)
  key = await house.key({ roles: ['user'] })
  mcp = `${house.url}/mcp`
  await call('scarce')
})
after(async () => {
  await house[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

interface Seen {
  readonly status: number
  readonly body: JsonObject
}

const call = (name: string, args: JsonObject = {}): Promise<Seen> =>
  post(mcp, 'tools/call', { name, arguments: args }, { 'x-api-key': key })

async function raw(init: {
  readonly method?: string
  readonly path?: string
  readonly headers?: Record<string, string>
  readonly body?: string
}): Promise<Seen> {
  const { port } = new URL(house.url)
  const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream', 'x-api-key': key, ...init.headers }
  return new Promise((resolve, reject) => {
    const req = httpRequest(
      { host: '127.0.0.1', port, method: init.method ?? 'POST', path: init.path ?? '/mcp', headers, agent: false },
      (res) => {
        let answered = ''
        res.on('data', (chunk: Buffer) => (answered += chunk.toString()))
        res.on('end', () => resolve({ status: res.statusCode ?? 0, body: JSON.parse(answered || '{}') as JsonObject }))
      },
    )
    req.on('error', reject)
    req.end(init.body)
  })
}

const modernBody = (method: string, params: JsonObject = {}): string =>
  JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { _meta: META, ...params } })
const modern = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/list' }

const PRODUCE: Readonly<Partial<Record<DenialCode, () => Promise<Seen>>>> = {
  malformed: () => raw({ headers: modern, body: '[]' }),
  unparseable: () => raw({ headers: modern, body: '{"jsonrpc"' }),
  header_mismatch: () => raw({ headers: { ...modern, 'mcp-method': 'tools/call' }, body: modernBody('tools/list') }),
  unsupported_revision: () =>
    raw({
      headers: { ...modern, 'mcp-protocol-version': '2099-01-01' },
      body: modernBody('tools/list', { _meta: { ...META, 'io.modelcontextprotocol/protocolVersion': '2099-01-01' } }),
    }),
  missing_capability: () => call('ask'),
  invalid_envelope: () =>
    raw({ headers: modern, body: modernBody('tools/list', { _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } }) }),
  ambiguous_credentials: () => raw({ headers: { ...modern, authorization: `Bearer ${key}` }, body: modernBody('tools/list') }),
  unauthenticated: () => post(mcp, 'tools/list'),
  invalid_token: () => post(mcp, 'tools/list', {}, { 'x-api-key': `${key.slice(0, -1)}!` }),
  approval_required: () => call('approve'),
  content_blocked: () => call('stays'),
  forbidden: () => call('pay', { amount: 9999 }),
  foreign_origin: () => raw({ headers: { ...modern, origin: 'https://evil.example' }, body: modernBody('tools/list') }),
  foreign_host: () => raw({ headers: { ...modern, host: 'evil.example' }, body: modernBody('tools/list') }),
  no_route: () => raw({ path: '/mcp/nobody', headers: modern, body: modernBody('tools/list') }),
  no_session: () =>
    raw({
      headers: { 'mcp-session-id': 'never-was', 'mcp-protocol-version': '2025-11-25' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' }),
    }),
  unknown_method: () => raw({ headers: { ...modern, 'mcp-method': 'ping' }, body: modernBody('ping') }),
  not_found: () => call('hidden'),
  invalid_arguments: () =>
    raw({
      headers: { ...modern, 'mcp-method': 'tools/call', 'mcp-name': 'echo' },
      body: modernBody('tools/call', { name: 'echo', arguments: [] }),
    }),
  http_method: () => raw({ method: 'PUT', headers: modern }),
  not_acceptable: () => raw({ headers: { ...modern, accept: 'text/html' }, body: modernBody('tools/list') }),
  too_large: () => raw({ headers: modern, body: modernBody('tools/list', { cursor: 'x'.repeat(70_000) }) }),
  media_type: () => raw({ headers: { ...modern, 'content-type': 'text/plain' }, body: modernBody('tools/list') }),
  rate_limited: () => call('scarce'),
  upstream_failed: () => call('crash'),
  unavailable: async () => {
    // A store that is away: what cannot be written down is not done.
    const full = await aGateway(`servers: { tools: { url: "${upstream.url}" } }\nauthentication: { anonymous: { roles: [guest] } }`)
    await full.gateway.house.store.close()
    const seen = await post(`${full.url}/mcp`, 'tools/list')
    await full.gateway.close().catch(() => undefined)
    return seen
  },
  timeout: () => call('slow'),
}

for (const code of Object.keys(DENIALS) as DenialCode[]) {
  const produce = PRODUCE[code]
  if (produce === undefined) {
    test(`${code} waits for the work that brings it`, () => assert.ok(LATER.has(code), 'produce it here, or say why not'))
    continue
  }
  test(`${code} is told by its constant message and status, and is written down once`, async () => {
    const before = (await house.events()).length
    const seen = await produce()
    const error = seen.body['error'] as JsonObject
    const data = error['data'] as JsonObject
    assert.deepEqual(
      [data['code'], seen.status, error['code'], error['message']],
      [code, DENIALS[code].status, DENIALS[code].rpc, DENIALS[code].message],
    )
    assert.deepEqual(
      Object.keys(data).filter((name) => !['code', 'remedies', 'supported', 'requested', 'requiredCapabilities'].includes(name)),
      [],
    )
    if (code === 'unavailable') return
    const ended = (await house.events()).slice(before).filter((event) => event.type === 'call.ended')
    assert.deepEqual(
      ended.map((event) => event.denial),
      [code],
    )
  })
}

test('slow_request: a caller who goes away in the middle of a body cannot be told, and is written down', async () => {
  const before = (await house.events()).length
  await new Promise<void>((resolve) => {
    const socket = connect(Number(new URL(house.url).port), '127.0.0.1', () => {
      socket.end('POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{')
    })
    socket.resume()
    socket.on('close', () => resolve())
  })
  assert.deepEqual(
    (await house.events()).slice(before).map((event) => event.denial),
    ['slow_request'],
  )
})

test('whatever is wrong with the body, a caller without a credential is told only that', async () => {
  const bodies = ['[]', '{"jsonrpc"', '\u0000', modernBody('no/such'), modernBody('tools/call', { name: 'admin' })]
  for (const body of bodies) {
    const { port } = new URL(house.url)
    const response = await fetch(`http://127.0.0.1:${port}/mcp`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    assert.equal(response.status, 401)
    assert.match(response.headers.get('www-authenticate') ?? '', /^Bearer /)
  }
})

test('in the revisions with sessions a refused call is answered within 200, so that no bridge waits for ever', async () => {
  await using speaker = await legacyHttp(mcp, key, '2025-11-25')
  for (const [name, code] of [
    ['approve', 'approval_required'],
    ['pay', 'forbidden'],
  ] as const) {
    const answer = await speaker.ask('tools/call', { name, arguments: { amount: 9999 } })
    assert.equal(((answer['error'] as JsonObject)['data'] as JsonObject)['code'], code)
  }
})
