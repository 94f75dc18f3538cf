/** What an author does wrong is told to the author: at once where it can be known, else by `onFault` when it shows; the caller learns nothing of it. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { McpServer as ServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import express from 'express'
import { Fault } from '../../src/core/denial.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { guardFetch } from '../../src/embed/fetch.ts'
import { createGuard } from '../../src/embed/guard.ts'
import { guardNode } from '../../src/embed/node.ts'
import { guardServer } from '../../src/embed/server.ts'
import { createTeller } from '../../src/guard/teller.ts'
import { post } from '../fixtures/gateway.ts'
import { ACCESS, aGuard, aServer, listening, type Place, type RunningGuard, WRAPPERS } from './world.ts'

const OPTIONS = { server: 'notes' }
const CALL = { name: 'echo', arguments: { text: 'x' } }

let house: RunningGuard
let key: string
const places: Place[] = []

beforeEach(async () => {
  house = aGuard(`inspect: { input: off, definitions: { pin: false } }\n${ACCESS}`)
  key = await house.key({ roles: ['user'] })
})
afterEach(async () => {
  for (const place of places.splice(0)) await place[Symbol.asyncDispose]()
  await house[Symbol.asyncDispose]()
})

async function at(...given: Parameters<typeof listening>): Promise<string> {
  const place = await listening(...given)
  places.push(place)
  return place.url
}

/** What JavaScript lets pass, and types do not. */
const wrong = <T>(value: unknown): T => value as T
const ask = (url: string): ReturnType<typeof post> => post(url, 'tools/call', CALL, { 'x-api-key': key })
const codeOf = (body: JsonObject): unknown => ((body['error'] as JsonObject | undefined)?.['data'] as JsonObject | undefined)?.['code']
const told = (): readonly string[] => house.faults.map(({ message }) => message)

const OPTION_MISTAKES: readonly (readonly [unknown, RegExp])[] = [
  [undefined, /^options: expected/],
  [{}, /^options\.server: expected the name/],
  [{ server: 'notes', tool: {} }, /^options\.tool: there is no such option/],
  [{ server: 'notes', tools: true }, /^options\.tools: expected/],
  [{ server: 'notes', tools: { 'write_*': true } }, /^options\.tools\["write_\*"\]: expected a function/],
]
for (const [options, message] of OPTION_MISTAKES) {
  test(`options that are ${JSON.stringify(options)} are refused by their name, by every wrapper`, () => {
    for (const wrap of Object.values(WRAPPERS)) assert.throws(() => wrap(house.guard, wrong(options)), { name: 'TypeError', message })
  })
}

test('what is no server of SDK v2, or no handler, is refused before anybody calls', () => {
  const v1 = new ServerV1({ name: 'notes', version: '1' })
  for (const server of [undefined, {}, aServer, v1, v1.server])
    assert.throws(() => guardServer(house.guard, wrong(server), OPTIONS), { name: 'TypeError', message: /^server: expected an McpServer/ })
  for (const handler of [undefined, null, {}, 'handler']) {
    assert.throws(() => guardFetch(house.guard, wrong(handler), OPTIONS), { name: 'TypeError', message: /^handler: expected a function/ })
    assert.throws(() => guardNode(house.guard, wrong(handler), OPTIONS), { name: 'TypeError', message: /^handler: expected a function/ })
  }
})

test('one server is guarded once, and again when it was let go', async () => {
  const server = aServer()
  const served = guardServer(house.guard, server, OPTIONS)
  assert.throws(() => guardServer(house.guard, server, OPTIONS), { name: 'TypeError', message: /^server: it is guarded already/ })
  assert.throws(() => guardServer(house.guard, server.server, OPTIONS), { name: 'TypeError', message: /^server: it is guarded already/ })
  await served.close()
  assert.equal((await ask(await at(guardServer(house.guard, server, OPTIONS).listener))).status, 200)
})

test('a guard is made of a configuration, or of the path of one', () => {
  for (const config of [undefined, null, {}, 7])
    assert.throws(() => createGuard(wrong(config)), { name: 'TypeError', message: /^config: expected the path of a configuration file/ })
})

test('a server that no rule names is told, once, and with the names that the rules have', async () => {
  await using strict = aGuard('access: { roles: { user: { permissions: ["n:r"] } }, tools: { "notes/*": { permission: "n:r" } } }')
  guardServer(strict.guard, aServer(), { server: 'note' })
  guardServer(strict.guard, aServer(), { server: 'note' })
  guardServer(strict.guard, aServer(), { server: 'notes' })
  assert.deepEqual(
    strict.faults.map(({ code, message }) => [code, message]),
    [
      [
        'FAULT_CONFIG',
        'options.server: no rule of access is for "note", so all its calls are denied; those that are written are for: notes',
      ],
    ],
  )
  guardServer(house.guard, aServer(), { server: 'whatever' })
  assert.deepEqual(told(), [])
})

test('how a handler failed is told with what it threw, and not again with every call', async () => {
  const thrown = new Error('the database is away\n\u001b[2J')
  const url = await at(
    guardNode(
      house.guard,
      () => {
        throw thrown
      },
      OPTIONS,
    ),
  )
  for (let times = 0; times < 3; times++) {
    const { status, body } = await ask(url)
    assert.deepEqual([status, codeOf(body)], [502, 'upstream_failed'])
    assert.doesNotMatch(JSON.stringify(body), /database/)
  }
  assert.deepEqual(told(), ['A call of notes failed in the server: notes: Error: the database is away\\u000a\\u001b[2J'])
  assert.deepEqual([house.faults[0]?.code, house.faults[0]?.cause], ['FAULT_SERVER', thrown])
})

test('a server that cannot be connected is told with the reason', async () => {
  const server = new McpServer({ name: 'notes', version: '1' }, { capabilities: { tools: {} } })
  server.connect = () => Promise.reject(new Error('the cable is out'))
  const url = await at(guardServer(house.guard, server, OPTIONS).listener)
  assert.equal((await ask(url)).status, 502)
  assert.match(told().join(), /server\/discover: Error: the cable is out/)
})

test('what comes often is told once a minute, with how often it came', () => {
  let now = 0
  const faults: Fault[] = []
  const tell = createTeller(
    (fault) => faults.push(fault),
    () => now,
  )
  for (const minute of [0, 0.5, 0.9, 1, 1.5, 9]) {
    now = minute * 60_000
    tell('failure', new Fault('FAULT_SERVER', `at ${minute}`))
  }
  tell('body', new Fault('FAULT_BODY', 'another'))
  assert.deepEqual(
    faults.map(({ message }) => message),
    ['at 0', 'at 1 (and 2 more since that was last told)', 'at 9 (and 1 more since that was last told)', 'another'],
  )
})

const MOUNTED: Readonly<Record<string, () => ReturnType<(typeof WRAPPERS)[string]>>> = {
  guardServer: () => guardServer(house.guard, aServer(), OPTIONS).listener,
  guardNode: () => guardNode(house.guard, createMcpHandler(aServer), OPTIONS),
}
for (const [name, mounted] of Object.entries(MOUNTED)) {
  test(`${name}: a body that was read in front of it is refused at once, and its author told what to do`, async () => {
    const url = await at(express().use(express.json()).use(mounted()))
    const { status, body } = await ask(url)
    assert.deepEqual([status, codeOf(body)], [503, 'unavailable'])
    assert.doesNotMatch(JSON.stringify(body), /express/)
    assert.deepEqual(
      house.faults.map(({ code }) => code),
      ['FAULT_BODY'],
    )
    assert.match(told().join(), /put the guard in front of what reads bodies, as express.json\(\) does/)
    assert.match((await house.events()).at(-1)?.detail ?? '', /was read before the guard could/)
  })

  test(`${name}: mounted where publicUrl is not, it is not there, and its author is told what to write`, async () => {
    const url = await at(express().use('/api', mounted()))
    assert.equal((await ask(url.replace('/mcp', '/api/mcp'))).status, 404)
    assert.deepEqual(told(), [
      'publicUrl: http://127.0.0.1:8080 has not the path that notes is mounted under, so it is not served there; write http://127.0.0.1:8080/api',
    ])
  })
}

const PREFIXED = `publicUrl: https://mcp.example.com/api
allowedHosts: [localhost]
authentication: { issuers: [{ issuer: "https://idp.example.com" }] }
${ACCESS}`

const nodeOnly = Object.entries(WRAPPERS).filter(([name]) => !name.startsWith('guardFetch'))
for (const [name, wrap] of nodeOnly) {
  test(`${name}: under the path of publicUrl it is the resource that its metadata and its challenges name`, async () => {
    await using running = aGuard(PREFIXED)
    const own = await running.key({ roles: ['user'] })
    const listener = wrap(running.guard, OPTIONS)
    for (const path of ['/api', '/api/mcp']) {
      // Where clients look for metadata is beside it (RFC 9728 §3).
      const url = await at(express().use([path, '/.well-known/oauth-protected-resource'], listener))
      const endpoint = new URL('/api/mcp', url).href
      assert.equal((await post(endpoint, 'tools/call', CALL, { 'x-api-key': own })).status, 200)
      const refused = await post(`${endpoint}/notes`, 'tools/call', CALL)
      assert.equal(refused.status, 401)
      assert.match(
        refused.headers.get('www-authenticate') ?? '',
        /resource_metadata="https:\/\/mcp\.example\.com\/\.well-known\/oauth-protected-resource\/api\/mcp\/notes"/,
      )
      const metadata = await fetch(new URL('/.well-known/oauth-protected-resource/api/mcp/notes', url))
      assert.equal(((await metadata.json()) as JsonObject)['resource'], 'https://mcp.example.com/api/mcp/notes')
    }
    assert.deepEqual(running.faults, [])
  })
}

test('guardFetch: the same, and no other spelling of the path', async () => {
  await using running = aGuard(PREFIXED)
  const guarded = guardFetch(running.guard, createMcpHandler(aServer), OPTIONS)
  const asked = async (path: string): Promise<Response> =>
    guarded(new Request(`https://mcp.example.com${path}`, { method: 'POST', body: '{}' }))
  const refused = await asked('/api/mcp')
  assert.equal(refused.status, 401)
  assert.match(refused.headers.get('www-authenticate') ?? '', /oauth-protected-resource\/api\/mcp"/)
  for (const other of ['/api/api/mcp', '/API/mcp', '/api//mcp', '/api/%6dcp', '/apimcp', '/api'])
    assert.equal((await asked(other)).status, 404, other)
})
