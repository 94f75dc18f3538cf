/** One configuration, the gateway and the guard in each of its wrappers: whoever asks, each answers the same, with the same status, and writes down the same. */
import assert from 'node:assert/strict'
import { createPublicKey } from 'node:crypto'
import { after, before, test } from 'node:test'
import { McpServer } from '@modelcontextprotocol/server'
import { z } from 'zod'
import { storeSource, verifyJournal } from '../../src/audit/verify.ts'
import type { AuditEvent } from '../../src/core/event.ts'
import { isObject, type JsonObject, type JsonValue } from '../../src/core/json.ts'
import { Secret } from '../../src/core/secret.ts'
import type { House } from '../../src/guard/create.ts'
import { tokensOf } from '../../src/identity/tokens.ts'
import { aGateway, post, type RunningGateway } from '../fixtures/gateway.ts'
import { refusalIn } from '../fixtures/refusal.ts'
import { aBareUpstream, type BareUpstream, text } from '../fixtures/upstream.ts'
import { aGuard, listening, WRAPPERS } from './world.ts'

const PUBLIC_URL = 'https://mcp.example.com'
const SECRET = 'fM3vQ9xT2bL7kW5pR8sZ4nJ6hC1dG0yA'
/** Saturday noon: guests have opening hours. */
const clock = (): number => Date.UTC(2026, 10, 21, 12)

/** The law of test/matrix. */
const CONFIG = `
limits: { failures: { allow: 1000, per: 5m, block: 15m } }
publicUrl: ${PUBLIC_URL}
authentication: { jwtSecret: ${SECRET} }
access:
  roles:
    guest: { permissions: ["weather:read"] }
    user: { inherits: guest, permissions: ["files:read", "prompts:use"] }
    writer: { inherits: user, permissions: ["files:*"] }
    analyst: { inherits: user, permissions: [] }
    admin: { permissions: ["*"] }
  tools:
    weather/get_*: { permission: "weather:read", scope: "tools:read" }
    files/read_*: { permission: "files:read", scope: "tools:read" }
    files/write_file: { permission: "files:write", scope: "tools:write" }
    vault/*: { permission: "vault:open", sensitivity: secret }
    crm/*: { permission: "files:read" }
    "*": { scope: "mcp:tool:{name}" }
  policies: ${JSON.stringify(new URL('../matrix/policy.cedar', import.meta.url).pathname)}
`
const TOOLS: Readonly<Record<string, readonly string[]>> = {
  weather: ['get_time'],
  files: ['read_text', 'write_file'],
  crm: ['find'],
  vault: ['open'],
  warehouse: ['query', 'drop_table'],
  other: ['reboot'],
}
const CALLS: readonly (readonly [server: string, tool: string, args: JsonObject])[] = [
  ...Object.entries(TOOLS).flatMap(([server, tools]) => tools.map((tool) => [server, tool, { path: '/data/x' }] as const)),
  ['files', 'write_file', { path: '/etc/x' }],
  ['files', 'no_such_tool', {}],
]

type Credential = (house: House) => Promise<Readonly<Record<string, string>>>

const key =
  (roles: readonly string[], ...allow: readonly string[]): Credential =>
  async ({ keys }) => {
    const patterns = allow.map((name) => ({ text: name, server: undefined, name }))
    const issued = await keys.create({ name: 'm', roles, createdBy: 'test', ...(allow.length === 0 ? {} : { allow: patterns }) })
    return { 'x-api-key': issued.text.reveal() }
  }
const token =
  (roles: readonly string[], ...scopes: readonly string[]): Credential =>
  async ({ store, newId }) => {
    const tokens = tokensOf(PUBLIC_URL, { secret: new Secret(SECRET), store, clock, newId })
    const { accessToken } = await tokens.createTokens({ subject: 'eve', roles, scopes })
    return { authorization: `Bearer ${accessToken}` }
  }

const CALLERS: Readonly<Record<string, Credential>> = {
  nobody: () => Promise.resolve({}),
  stranger: () => Promise.resolve({ 'x-api-key': 'mcp_nonsense' }),
  'key guest': key(['guest']),
  'key user': key(['user'], '*'),
  'key writer': key(['writer'], '*'),
  'key writer get_*': key(['writer'], 'get_*'),
  'key admin': key(['admin'], '*'),
  'token analyst, no scopes': token(['analyst']),
  'token analyst tools:*': token(['analyst'], 'tools:*'),
  'token analyst mcp:tool:*': token(['analyst'], 'mcp:tool:*', 'warehouse:write'),
  'token admin *': token(['admin'], '*'),
}

interface Side {
  readonly house: House
  readonly urlOf: (server: string) => string
  readonly events: () => Promise<readonly AuditEvent[]>
}

const upstreams = new Map<string, BareUpstream>()
let gateway: RunningGateway
let atTheGateway: Side
const guards = new Map<string, Side>()
const open: AsyncDisposable[] = []

function aServerOf(name: string, tools: readonly string[]): McpServer {
  const server = new McpServer({ name, version: '1' }, { capabilities: { tools: {} } })
  for (const tool of tools)
    server.registerTool(tool, { inputSchema: z.looseObject({}) }, () => ({ content: [{ type: 'text', text: 'done' }] }))
  return server
}

before(async () => {
  for (const [name, tools] of Object.entries(TOOLS))
    upstreams.set(name, await aBareUpstream(Object.fromEntries(tools.map((tool) => [tool, () => text('done')]))))
  const servers = [...upstreams].map(([name, { url }]) => `  ${name}: { url: "${url}" }`)
  gateway = await aGateway(`${CONFIG}\nservers:\n${servers.join('\n')}`, { clock })
  atTheGateway = { house: gateway.gateway.house, urlOf: (server) => `${gateway.url}/mcp/${server}`, events: gateway.events }
  for (const [wrapper, wrap] of Object.entries(WRAPPERS)) {
    const running = aGuard(CONFIG, {}, ':memory:', clock)
    const urls = new Map<string, string>()
    for (const [server, tools] of Object.entries(TOOLS)) {
      const place = await listening(wrap(running.guard, { server }, () => aServerOf(server, tools)))
      open.push(place)
      urls.set(server, place.url)
    }
    open.push(running)
    guards.set(wrapper, { house: running.guard.house, urlOf: (server) => urls.get(server) ?? '', events: running.events })
  }
})
after(async () => {
  for (const one of open) await one[Symbol.asyncDispose]()
  await gateway[Symbol.asyncDispose]()
  for (const upstream of upstreams.values()) await upstream[Symbol.asyncDispose]()
})

/** Each installation has approvals of its own. */
function withoutIds(error: JsonObject): JsonValue {
  return JSON.parse(JSON.stringify(error).replaceAll(/"id":"[0-9a-f-]{36}"/g, '"id":""'))
}

/** What a caller sees of a call, and what history keeps of it. */
async function decided(side: Side, headers: Readonly<Record<string, string>>): Promise<readonly JsonValue[]> {
  const before = (await side.events()).length
  const seen: JsonValue[] = []
  for (const [server, name, args] of CALLS) {
    const { status, body, headers: told } = await post(side.urlOf(server), 'tools/call', { name, arguments: args }, headers)
    const error = isObject(body['error']) ? body['error'] : refusalIn(body)
    seen.push([server, name, status, error === undefined ? 'done' : withoutIds(error), told.get('www-authenticate')])
  }
  const ended = (await side.events()).slice(before).filter((event) => event.type === 'call.ended')
  return [
    ...seen,
    ...ended.map(({ outcome, denial, policies, resource, roles, law }) =>
      JSON.stringify({ outcome, denial, policies, resource, roles, law }),
    ),
  ]
}

async function listed(side: Side, headers: Readonly<Record<string, string>>): Promise<readonly JsonValue[]> {
  const lists: JsonValue[] = []
  for (const server of Object.keys(TOOLS)) {
    const { body } = await post(side.urlOf(server), 'tools/list', {}, headers)
    const tools = isObject(body['result']) ? body['result']['tools'] : undefined
    lists.push(Array.isArray(tools) ? tools.map((tool) => (isObject(tool) ? (tool['name'] ?? null) : null)) : (body['error'] ?? null))
  }
  return lists
}

for (const [name, credential] of Object.entries(CALLERS)) {
  test(`${name}: the guard decides what the gateway decides, and shows what it shows`, async () => {
    const theirs = await credential(gateway.gateway.house)
    const [decisions, lists] = [await decided(atTheGateway, theirs), await listed(atTheGateway, theirs)]
    for (const [wrapper, side] of guards) {
      const ours = await credential(side.house)
      assert.deepEqual(await decided(side, ours), decisions, wrapper)
      assert.deepEqual(await listed(side, ours), lists, wrapper)
    }
  })
}

test('the journal of the gateway, and of each guard, proves itself whole', async () => {
  for (const { house } of [atTheGateway, ...guards.values()]) {
    const verdict = await verifyJournal(storeSource(house.store), createPublicKey(house.keyring.signingKey()))
    assert.ok(verdict.isSound && verdict.events > CALLS.length * Object.keys(CALLERS).length, JSON.stringify(verdict))
  }
})

test('the comparison compares something: among the callers are all kinds of answers', async () => {
  const outcomes = new Set(
    (await atTheGateway.events()).filter((event) => event.type === 'call.ended').map((event) => event.denial ?? event.outcome),
  )
  for (const kind of [
    'permitted',
    'unauthenticated',
    'invalid_token',
    'not_found',
    'forbidden',
    'insufficient_scope',
    'approval_required',
    'step_up_required',
  ])
    assert.ok(outcomes.has(kind as AuditEvent['denial'] & string), kind)
})
