/** What a tool may ask of the call it is doing: who asks, whether they may, and a word for the journal. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { McpServer, Server } from '@modelcontextprotocol/server'
import { Denial, type DenialCode } from '../../src/core/denial.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { Secret } from '../../src/core/secret.ts'
import { audit, currentPrincipal, requirePermission, requireScope } from '../../src/embed/context.ts'
import { createGuard } from '../../src/embed/guard.ts'
import { safePath } from '../../src/embed/safe-path.ts'
import { guardServer } from '../../src/embed/server.ts'
import type { Checks } from '../../src/embed/steps.ts'
import { tokensOf } from '../../src/identity/tokens.ts'
import { safeUrl } from '../../src/inspect/safe-url.ts'
import { post } from '../fixtures/gateway.ts'
import { REDIS_MISSING, startRedis } from '../fixtures/redis.ts'
import { aGuard, listening, type Place, type RunningGuard, WRAPPERS } from './world.ts'

const SECRET = 'fM3vQ9xT2bL7kW5pR8sZ4nJ6hC1dG0yA'
const CONFIG = `
publicUrl: https://mcp.example.com
authentication: { jwtSecret: ${SECRET}, anonymous: { roles: [guest] } }
access:
  roles: { guest: { permissions: ["tools:use"] }, writer: { inherits: guest, permissions: ["files:*"] } }
  tools: { "*": { permission: tools:use } }
  prompts: { "*": { permission: tools:use } }
`
const textResult = (text: string): { content: { type: 'text'; text: string }[] } => ({ content: [{ type: 'text', text }] })

let house: RunningGuard
const places: Place[] = []

beforeEach(() => {
  house = aGuard(CONFIG)
})
afterEach(async () => {
  for (const place of places.splice(0)) await place[Symbol.asyncDispose]()
  await house[Symbol.asyncDispose]()
})

/** A server of one tool, by each wrapper. */
async function served(work: () => unknown, tools: Checks = {}, guard = house.guard): Promise<ReadonlyMap<string, string>> {
  const make = (): McpServer => {
    const server = new McpServer({ name: 'notes', version: '1' }, { capabilities: { tools: {} } })
    server.registerTool('work', {}, async () => {
      await new Promise((resolve) => setImmediate(resolve))
      return textResult(String(await work()))
    })
    return server
  }
  const urls = new Map<string, string>()
  for (const [name, wrap] of Object.entries(WRAPPERS)) {
    const place = await listening(wrap(guard, { server: 'notes', tools }, make))
    places.push(place)
    urls.set(name, place.url)
  }
  return urls
}

const work = (url: string, headers: Readonly<Record<string, string>>): ReturnType<typeof post> =>
  post(url, 'tools/call', { name: 'work', arguments: {} }, headers)
const codeOf = (body: JsonObject): unknown => ((body['error'] as JsonObject | undefined)?.['data'] as JsonObject | undefined)?.['code']
const textOf = (body: JsonObject): unknown => ((body['result'] as JsonObject)['content'] as JsonObject[])[0]?.['text']
const keyOf = async (...roles: readonly string[]): Promise<Readonly<Record<string, string>>> => ({
  'x-api-key': await house.key({ roles, allow: ['*'] }),
})
async function tokenOf(...scopes: readonly string[]): Promise<Readonly<Record<string, string>>> {
  const { store, clock, newId } = house.guard.house
  const tokens = tokensOf('https://mcp.example.com', { secret: new Secret(SECRET), store, clock, newId })
  return { authorization: `Bearer ${(await tokens.createTokens({ subject: 'eve', roles: ['writer'], scopes })).accessToken}` }
}
async function namesOf(url: string, headers: Readonly<Record<string, string>>): Promise<unknown> {
  const { body } = await post(url, 'tools/list', {}, headers)
  return ((body['result'] as JsonObject)['tools'] as JsonObject[]).map((tool) => tool['name'])
}
function codeThrown(check: () => unknown): DenialCode | undefined {
  try {
    check()
    return undefined
  } catch (error) {
    return error instanceof Denial ? error.code : undefined
  }
}

test('outside of a call nobody is there, and nobody passes', () => {
  for (const check of [() => currentPrincipal(), () => requirePermission('files:write'), () => requireScope('*'), () => audit('x')])
    assert.equal(codeThrown(check), 'unauthenticated')
})

test('a permission comes from the roles, wherever they have it from', async () => {
  const [writer, guest] = [await keyOf('writer'), await keyOf('guest')]
  for (const [name, url] of await served(() => requirePermission('files:write'))) {
    assert.equal((await work(url, writer)).status, 200, name)
    const refused = await work(url, guest)
    assert.deepEqual([refused.status, codeOf(refused.body)], [403, 'forbidden'], name)
    assert.equal(codeOf((await work(url, {})).body), 'forbidden', name)
  }
})

test('what a role comes to is asked of the file as it is now, where the guard was given its path', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-guard-'))
  const file = join(folder, 'portcullis.yaml')
  const write = (text: string): void => writeFileSync(file, `store: ":memory:"\n${text}`)
  write(CONFIG)
  const faults: string[] = []
  const guard = createGuard(file, { onFault: ({ message }) => void faults.push(message) })
  const [wrapped] = [...(await served(() => requirePermission('files:write'), {}, guard)).values()]
  const url = wrapped ?? assert.fail()
  assert.equal(codeOf((await work(url, {})).body), 'forbidden')
  write(CONFIG.replace('["tools:use"]', '["tools:use", "files:write"]'))
  assert.equal(await guard.reload(), true)
  assert.equal((await work(url, {})).status, 200)
  write(CONFIG.replace('["tools:use"]', 'x'))
  assert.equal(await guard.reload(), false)
  assert.equal((await work(url, {})).status, 200)
  assert.match(faults.join(), /portcullis\.yaml:6:\d+: access\.roles\.guest\.permissions: .*; not taken, the law before stays in force/)
  await guard.close()
  rmSync(folder, { recursive: true })
})

test('a scope is what a token was issued for; a credential without scopes has none, and the caller learns which would do', async () => {
  const [narrow, exact, broad] = [await tokenOf('tools:read'), await tokenOf('tools:write'), await tokenOf('tools:*')]
  const key = await keyOf('writer')
  for (const [name, url] of await served(() => requireScope('tools:write'))) {
    assert.deepEqual([(await work(url, exact)).status, (await work(url, broad)).status], [200, 200], name)
    for (const headers of [narrow, key, {}]) {
      const refused = await work(url, headers)
      assert.deepEqual([refused.status, codeOf(refused.body)], [403, 'insufficient_scope'], name)
      assert.match(refused.headers.get('www-authenticate') ?? '', /error="insufficient_scope".* scope="tools:write"/)
    }
  }
})

test('a refusal stands even when the tool catches it, and history has it', async () => {
  const guest = await keyOf('guest')
  const urls = await served(() => {
    try {
      requirePermission('files:write')
      return 'done'
    } catch {
      return 'done all the same'
    }
  })
  for (const [name, url] of urls) {
    assert.equal(codeOf((await work(url, guest)).body), 'forbidden', name)
    const last = (await house.events()).at(-1)
    assert.deepEqual([last?.type, last?.denial, last?.detail], ['call.ended', 'forbidden', 'requires the permission files:write'])
  }
})

/** How a refusal comes out of a tool of `guardServer`: its own, or one of the helpers that are exported for tools. */
const REFUSALS: Readonly<Record<string, readonly [work: () => unknown, status: number, code: DenialCode, detail: RegExp]>> = {
  'throws a Denial': [
    () => {
      throw new Denial('rate_limited', { detail: 'the printer is busy', remedies: [{ kind: 'wait', ms: 2_000 }] })
    },
    429,
    'rate_limited',
    /the printer is busy/,
  ],
  'rejects with one': [() => Promise.reject(new Denial('forbidden', { detail: 'not on Sundays' })), 403, 'forbidden', /not on Sundays/],
  'asks for a path that leads out': [() => safePath(import.meta.dirname, '../../etc/passwd'), 400, 'invalid_arguments', /not to be opened/],
  'asks for a URL that leads in': [() => safeUrl('http://169.254.169.254/'), 400, 'invalid_arguments', /./],
}
for (const [name, [job, status, code, detail]] of Object.entries(REFUSALS)) {
  test(`a tool that ${name} has refused its call: the caller is told as of any refusal, and history has it`, async () => {
    const guest = await keyOf('guest')
    const url = (await served(job)).get('guardServer') ?? ''
    const refused = await work(url, guest)
    assert.deepEqual([refused.status, codeOf(refused.body)], [status, code])
    assert.doesNotMatch(JSON.stringify(refused.body), /printer|Sundays|passwd|169/)
    const last = (await house.events()).at(-1)
    assert.deepEqual([last?.type, last?.outcome, last?.denial], ['call.ended', 'denied', code])
    assert.match(last?.detail ?? '', detail)
  })
}

test('a Denial that a tool catches is none of its call, and neither is another error', async () => {
  const guest = await keyOf('guest')
  const caught = (await served(() => safePath(import.meta.dirname, '../x').catch(() => 'another way'))).get('guardServer') ?? ''
  assert.equal(textOf((await work(caught, guest)).body), 'another way')
  const failed = (await served(() => Promise.reject(new Error('out of paper')))).get('guardServer') ?? ''
  const { status, body } = await work(failed, guest)
  assert.deepEqual([status, (body['result'] as JsonObject)['isError'], textOf(body)], [200, true, 'out of paper'])
})

test('what a prompt, a resource or a handler of its own throws is a refusal too', async () => {
  const deny = (): never => {
    throw new Denial('forbidden', { detail: 'not on Sundays' })
  }
  const low = new Server({ name: 'notes', version: '1' }, { capabilities: { tools: {} } })
  low.setRequestHandler('tools/call', deny)
  low.setRequestHandler('tools/list', () => ({ tools: [{ name: 'work', inputSchema: { type: 'object' } }] }))
  const high = new McpServer({ name: 'notes', version: '1' })
  high.registerPrompt('work', {}, deny)
  for (const [server, method, params] of [
    [low, 'tools/call', { name: 'work', arguments: {} }],
    [high, 'prompts/get', { name: 'work', arguments: {} }],
  ] as const) {
    const place = await listening(guardServer(house.guard, server, { server: 'notes' }).listener)
    places.push(place)
    const { status, body } = await post(place.url, method, params, await keyOf('guest'))
    assert.deepEqual([method, status, codeOf(body)], [method, 403, 'forbidden'])
    assert.equal((await house.events()).at(-1)?.detail, 'not on Sundays')
  }
})

test('what a tool notes stands in the journal, between the beginning and the end of its call', async () => {
  const guest = await keyOf('guest')
  for (const [name, url] of await served(async () => audit('looked at 3 files'))) {
    const before = (await house.events()).length
    assert.equal((await work(url, guest)).status, 200, name)
    const events = (await house.events()).slice(before).filter(({ type }) => type.startsWith('call.'))
    assert.deepEqual(
      events.map(({ type }) => type),
      ['call.begun', 'call.noted', 'call.ended'],
    )
    assert.deepEqual(
      [events[1]?.detail, events[1]?.call, events[1]?.principal],
      ['looked at 3 files', events[0]?.call, events[2]?.principal],
    )
  }
})

const NOES: Readonly<Record<string, () => unknown>> = {
  'throws something': () => {
    throw new Error('the directory is away')
  },
  rejects: () => Promise.reject(new Error('the directory is away')),
  'says false': () => false,
  'promises false': () => Promise.resolve(false),
  'says null': () => null,
  'says nothing that is a yes': () => 0,
  'requires a permission': () => requirePermission('admin:all'),
}
for (const [name, check] of Object.entries(NOES)) {
  test(`a tool whose check ${name} is absent from the list, and unknown when called`, async () => {
    const guest = await keyOf('guest')
    for (const [wrapper, url] of await served(() => 'reached', { 'wor*': check })) {
      assert.deepEqual(await namesOf(url, guest), [], wrapper)
      const refused = await work(url, guest)
      assert.deepEqual([refused.status, codeOf(refused.body)], [400, 'not_found'], wrapper)
    }
  })
}

test('a tool whose check asks for more scopes is shown, and says which when it is called', async () => {
  const narrow = await tokenOf('tools:read')
  for (const [name, url] of await served(() => 'reached', { work: () => requireScope('tools:write') })) {
    assert.deepEqual(await namesOf(url, narrow), ['work'], name)
    assert.equal(codeOf((await work(url, narrow)).body), 'insufficient_scope', name)
    assert.equal(textOf((await work(url, await tokenOf('tools:write'))).body), 'reached', name)
  }
})

test('a check knows who asks, and passes when it says yes or nothing', async () => {
  const [writer, guest] = [await keyOf('writer'), await keyOf('guest')]
  for (const check of [() => undefined, () => true, async () => true, () => currentPrincipal().roles.includes('writer')]) {
    for (const [name, url] of await served(() => 'reached', { work: check })) {
      assert.equal(textOf((await work(url, writer)).body), 'reached', name)
      assert.ok((await namesOf(url, guest)) !== undefined)
    }
  }
})

test('no check of an author is asked about a key that was revoked since it called', { skip: REDIS_MISSING }, async () => {
  await using redis = await startRedis()
  await using shared = aGuard(CONFIG, {}, `redis://127.0.0.1:${redis.port}`)
  const asked: string[] = []
  const check = (): void => void asked.push(currentPrincipal().subject)
  const listener = WRAPPERS['guardServer']?.(shared.guard, { server: 'notes', tools: { echo: check } })
  assert.ok(listener !== undefined)
  await using place = await listening(listener)
  const key = await shared.key({ roles: ['writer'] })
  const call = async (): Promise<number> =>
    (await post(place.url, 'tools/call', { name: 'echo', arguments: { text: 'hi' } }, { 'x-api-key': key })).status
  const id = key.split('_')[1] ?? ''
  assert.deepEqual([await call(), asked], [200, [id]])
  await shared.guard.house.keys.revoke(id)
  assert.deepEqual([await call(), asked], [401, [id]])
})
