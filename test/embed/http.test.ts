/** Each wrapper around a server over HTTP, by real requests: the same answers, the same refusals, the same history. */
import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import type { JsonObject } from '../../src/core/json.ts'
import { guardFetch } from '../../src/embed/fetch.ts'
import { guardNode } from '../../src/embed/node.ts'
import { META, post } from '../fixtures/gateway.ts'
import { refusalIn } from '../fixtures/refusal.ts'
import { LEGACY, legacyHttp } from '../fixtures/speakers.ts'
import { ACCESS, aGuard, aServer, aServerV1, listening, type Place, type RunningGuard, v1Listener, WRAPPERS } from './world.ts'

let house: RunningGuard
let reader: string
let writer: string
const places = new Map<string, Place>()
let ahead = 0
const turn = (ms: number): void => {
  ahead += ms
}

before(async () => {
  // One name for four servers: each would be a change of the one before.
  house = aGuard(`inspect: { definitions: { pin: false } }\n${ACCESS}`, {}, ':memory:', () => Date.now() + ahead)
  reader = await house.key({ roles: ['user'] })
  writer = await house.key({ roles: ['writer'] })
  for (const [name, wrap] of Object.entries(WRAPPERS)) places.set(name, await listening(wrap(house.guard, { server: 'notes' })))
  places.set('guardNode, SDK v1', await listening(guardNode(house.guard, v1Listener(aServerV1), { server: 'notes' })))
})
after(async () => {
  for (const place of places.values()) await place[Symbol.asyncDispose]()
  await house[Symbol.asyncDispose]()
})

const urlOf = (name: string): string => places.get(name)?.url ?? ''
const textOf = (body: JsonObject): unknown => ((body['result'] as JsonObject)['content'] as JsonObject[])[0]?.['text']
const codeOf = (body: JsonObject): unknown => refusalIn(body)?.['code']
const namesOf = (body: JsonObject): unknown => ((body['result'] as JsonObject)['tools'] as JsonObject[]).map((tool) => tool['name'])

for (const name of [...Object.keys(WRAPPERS), 'guardNode, SDK v1']) {
  test(`${name}: a permitted call is done, and its tool knows who asks`, async () => {
    const before = (await house.events()).length
    const answer = await post(urlOf(name), 'tools/call', { name: 'echo', arguments: { text: 'grüße' } }, { 'x-api-key': reader })
    assert.deepEqual([answer.status, textOf(answer.body)], [200, 'grüße'])

    const who = await post(urlOf(name), 'tools/call', { name: 'whoami', arguments: {} }, { 'x-api-key': writer })
    const principals = (await house.events())
      .slice(before)
      .filter((event) => event.type === 'call.ended')
      .map((event) => event.principal)
    assert.equal(principals[1], `key#${String(textOf(who.body))}`)
    assert.notEqual(principals[0], principals[1])
  })

  test(`${name}: what a person must approve is done once, in the server that asks for nothing itself`, async () => {
    // SDK v1 words its tools otherwise than v2: whoever is asked knows that by now.
    turn(10_000)
    const burn = () => post(urlOf(name), 'tools/call', { name: 'burn', arguments: {} }, { 'x-api-key': writer })
    const refused = await burn()
    assert.deepEqual([refused.status, codeOf(refused.body)], [200, 'approval_required'])
    const { approvals } = house.guard.house
    const [waiting] = (await approvals.list()).filter(({ status }) => status === 'pending')
    await approvals.settle(waiting?.id ?? '', 'approve', { name: 'local#alice', subject: 'alice' })
    assert.equal(textOf((await burn()).body), 'burnt')
    const again = await burn()
    assert.equal(codeOf(again.body), 'approval_required')
    for (const { id, status } of await approvals.list())
      if (status === 'pending') await approvals.settle(id, 'deny', { name: 'local#alice', subject: 'alice' })
    assert.equal(codeOf((await burn()).body), 'forbidden')
    // The next wrapper asks for the same call of the same caller.
    turn(10 * 60_000)
  })

  test(`${name}: what the law hides is absent from lists and unknown when called`, async () => {
    const listed = await post(urlOf(name), 'tools/list', {}, { 'x-api-key': reader })
    const called = await post(urlOf(name), 'tools/call', { name: 'write', arguments: {} }, { 'x-api-key': reader })
    const unknown = await post(urlOf(name), 'tools/call', { name: 'no-such-tool', arguments: {} }, { 'x-api-key': reader })

    assert.deepEqual(namesOf(listed.body), ['echo', 'whoami'])
    assert.deepEqual([called.status, called.body], [unknown.status, unknown.body])
    assert.equal(codeOf(called.body), 'not_found')
    assert.deepEqual(namesOf((await post(urlOf(name), 'tools/list', {}, { 'x-api-key': writer })).body), [
      'echo',
      'whoami',
      'write',
      'burn',
    ])
  })

  test(`${name}: without a credential nothing is told, and it is written down`, async () => {
    const before = (await house.events()).length
    const answer = await post(urlOf(name), 'tools/list')
    assert.deepEqual([answer.status, codeOf(answer.body)], [401, 'unauthenticated'])
    assert.match(answer.headers.get('www-authenticate') ?? '', /^Bearer /)
    assert.deepEqual(
      (await house.events()).slice(before).map((event) => event.denial),
      ['unauthenticated'],
    )
  })

  for (const revision of LEGACY) {
    test(`${name}: a client of ${revision} has a session, and only its own`, async () => {
      await using mine = await legacyHttp(urlOf(name), reader, revision)
      assert.equal(textOf(await mine.ask('tools/call', { name: 'echo', arguments: { text: 'hello' } })), 'hello')
      assert.deepEqual(namesOf(await mine.ask('tools/list')), ['echo', 'whoami'])
      assert.equal(codeOf(await mine.ask('tools/call', { name: 'write', arguments: {} })), 'not_found')
      // What newer revisions say beside is not said in this one.
      for (const answer of [await mine.ask('tools/list'), await mine.ask('tools/call', { name: 'echo', arguments: { text: 'x' } })])
        assert.doesNotMatch(JSON.stringify(answer), /resultType|ttlMs|cacheScope|io\.modelcontextprotocol/)

      const stolen = await fetch(urlOf(name), {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          'x-api-key': writer,
          'mcp-session-id': mine.session,
          'mcp-protocol-version': revision,
        },
        body: JSON.stringify({ jsonrpc: '2.0', id: 9, method: 'tools/list' }),
      })
      assert.equal(stolen.status, 404)
    })
  }

  test(`${name}: a discovery says that callers must be known, and how`, async () => {
    const answer = await post(urlOf(name), 'server/discover', {}, { 'x-api-key': reader })
    const capabilities = (answer.body['result'] as JsonObject)['capabilities'] as JsonObject
    assert.deepEqual((capabilities['experimental'] as JsonObject)['authentication'], { required: true, types: ['api-key'] })
  })

  test(`${name}: a foreign host, a foreign page and a foreign path are turned away before anything is read`, async () => {
    const foreign = await fetch(urlOf(name), {
      method: 'POST',
      headers: { origin: 'https://evil.example', 'x-api-key': reader },
      body: '{}',
    })
    const elsewhere = await fetch(urlOf(name).replace('/mcp', '/admin'), { method: 'POST', headers: { 'x-api-key': reader }, body: '{}' })
    assert.deepEqual([foreign.status, elsewhere.status], [403, 404])
    await foreign.text()
    await elsewhere.text()
  })
}

test('many callers at once are never taken for each other', async () => {
  const keys = await Promise.all(Array.from({ length: 8 }, () => house.key({ roles: ['user'] })))
  for (const name of Object.keys(WRAPPERS)) {
    const asked = Array.from({ length: 64 }, (_, at) => at % keys.length)
    const answers = await Promise.all(
      asked.map((at) => post(urlOf(name), 'tools/call', { name: 'whoami', arguments: {} }, { 'x-api-key': keys[at] ?? '' })),
    )
    const told = answers.map(({ body }) => textOf(body))
    const bySubject = new Map(asked.map((at, index) => [at, told[index]]))
    assert.equal(new Set(bySubject.values()).size, keys.length, name)
    assert.ok(
      asked.every((at, index) => told[index] === bySubject.get(at)),
      name,
    )
  }
})

test('what a host keeps for each request in an asynchronous context of its own is there in its tools, however many come at once', async (context) => {
  const requests = new AsyncLocalStorage<string>()
  const serve = (): McpServer => {
    const server = new McpServer({ name: 'notes', version: '1.0.0' }, { capabilities: { tools: {} } })
    server.registerTool('whoami', { description: 'Says who asks' }, () => ({
      content: [{ type: 'text', text: requests.getStore() ?? 'nobody' }],
    }))
    return server
  }
  for (const [name, wrap] of Object.entries(WRAPPERS)) {
    const listener = wrap(house.guard, { server: 'notes' }, serve)
    const place = await listening((req, res) => requests.run(String(req.headers['x-request']), () => listener(req, res)))
    context.after(() => place[Symbol.asyncDispose]())
    const asked = Array.from({ length: 32 }, (_, at) => `request ${at}`)
    const call = { name: 'whoami', arguments: {} }
    const answers = await Promise.all(asked.map((id) => post(place.url, 'tools/call', call, { 'x-api-key': reader, 'x-request': id })))
    assert.deepEqual(
      answers.map(({ body }) => textOf(body)),
      asked,
      name,
    )
  }
})

test('an address that was blocked before the guard was opened is turned away at its very first call', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-guard-'))
  context.after(() => rmSync(folder, { recursive: true }))
  const store = join(folder, 'a.db')
  let key: string
  {
    await using first = aGuard(ACCESS, {}, store)
    key = await first.key({ roles: ['user'] })
    await first.guard.house.limits.blocks.add('127.0.0.1/32', { by: 'test' })
  }
  await using guard = aGuard(ACCESS, {}, store)
  await using place = await listening(guardNode(guard.guard, v1Listener(aServerV1), { server: 'notes' }))
  const answer = await post(place.url, 'tools/call', { name: 'echo', arguments: { text: 'x' } }, { 'x-api-key': key })
  assert.deepEqual([answer.status, codeOf(answer.body)], [403, 'forbidden'])
  const [ended] = (await guard.events()).filter(({ type, address }) => type === 'call.ended' && address === '127.0.0.1')
  assert.equal(ended?.denial, 'forbidden')
})

test('an author is told that an installation begins, and later that the journal it had is gone', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-guard-'))
  context.after(() => rmSync(folder, { recursive: true }))
  const open = async (): Promise<{ readonly told: readonly string[]; readonly first: readonly string[] }> => {
    const guarded = aGuard(ACCESS, {}, join(folder, 'a.db'))
    await guarded.guard.close()
    const again = aGuard(ACCESS, {}, join(folder, 'a.db'))
    const first = (await again.events()).map(({ type }) => type)
    await again.guard.close()
    return { told: guarded.faults.map(({ code }) => code), first }
  }
  assert.deepEqual(await open(), { told: ['FAULT_STORE'], first: ['gateway.started', 'gateway.stopped'] })
  for (const name of readdirSync(folder)) if (name.startsWith('a.db-audit')) rmSync(join(folder, name), { recursive: true })
  assert.deepEqual(await open(), { told: ['FAULT_JOURNAL'], first: ['journal.missing', 'gateway.started', 'gateway.stopped'] })
})

test('guardFetch: who guesses keys is held by the address that the host tells, and others are not', async () => {
  await using guard = aGuard(`limits: { failures: { allow: 3, per: 5m, block: 15m } }\n${ACCESS}`)
  const key = await guard.key({ roles: ['user'] })
  const guarded = guardFetch(guard.guard, createMcpHandler(aServer), { server: 'notes' })
  const call = async (address: string | undefined, presented: string): Promise<number> => {
    const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream', 'x-api-key': presented }
    const params = { _meta: META, name: 'echo', arguments: { text: 'x' } }
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })
    const told = { ...headers, 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'echo' }
    const response = await guarded(new Request('http://127.0.0.1/mcp', { method: 'POST', headers: told, body }), { address })
    await response.text()
    return response.status
  }
  for (let count = 0; count < 6; count++) await call('::ffff:203.0.113.7', `mcp_${'a'.repeat(12)}_${'b'.repeat(38)}`)
  assert.deepEqual([await call('203.0.113.7', key), await call('203.0.113.8', key), await call(undefined, key)], [429, 200, 200])
  assert.ok((await guard.events()).some(({ address, denial }) => address === '203.0.113.7' && denial === 'invalid_token'))
  await assert.rejects(call('203.0.113.7:4711', key), TypeError)
})
