/** What becomes of calls under way when the guard closes, whichever wrapper they came by, and of what is asked of a guard that is closed. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, test } from 'node:test'
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js'
import { McpServer as ServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import type { Transport as TransportV1 } from '@modelcontextprotocol/sdk/shared/transport.js'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import express from 'express'
import { Fault } from '../../src/core/denial.ts'
import type { AuditEvent } from '../../src/core/event.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { guardFetch } from '../../src/embed/fetch.ts'
import { guardNode } from '../../src/embed/node.ts'
import { guardServer } from '../../src/embed/server.ts'
import { guardTransport } from '../../src/embed/transport.ts'
import { META, MODERN, post } from '../fixtures/gateway.ts'
import { ACCESS, aGuard, aServer, listening, type RunningGuard, WRAPPERS } from './world.ts'

const OPTIONS = { server: 'notes' }
const CONFIG = `inspect: { input: off, definitions: { pin: false } }\n${ACCESS}`
const CALL = { name: 'echo', arguments: { text: 'x' } }

let folder: string
let house: RunningGuard
let key: string

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-closing-'))
  await open(CONFIG)
})
afterEach(async () => {
  await house[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

async function open(yaml: string): Promise<void> {
  house = aGuard(yaml, {}, join(folder, 'notes.db'))
  key = await house.key({ roles: ['user'] })
}

/** What the guard that is closed has written, from the first call on: the type, or what became of a call. */
async function written(): Promise<readonly (string | undefined)[]> {
  await using reader = aGuard(CONFIG, {}, join(folder, 'notes.db'))
  const events = (await reader.events()).filter(({ type }) => /^(call|gateway)\./.test(type))
  const first = events.findIndex(({ type }) => type === 'call.begun')
  const until = events.findIndex(({ type }, at) => at > first && type === 'gateway.stopped')
  return events.slice(first, until + 1).map(({ type, outcome, denial }: AuditEvent) => denial ?? outcome ?? type)
}

/** A server whose tool begins, and ends when it is told. */
class Slow {
  readonly #begun = Promise.withResolvers<void>()
  readonly #may = Promise.withResolvers<void>()
  readonly begun = this.#begun.promise
  readonly end = this.#may.resolve
  readonly make = (): McpServer => {
    const server = new McpServer({ name: 'notes', version: '1' }, { capabilities: { tools: {} } })
    server.registerTool('echo', {}, this.work)
    return server
  }
  readonly work = async (): Promise<{ content: { type: 'text'; text: string }[] }> => {
    this.#begun.resolve()
    await this.#may.promise
    return { content: [{ type: 'text', text: 'done' }] }
  }
}

const codeOf = (body: JsonObject): unknown => ((body['error'] as JsonObject | undefined)?.['data'] as JsonObject | undefined)?.['code']
const ask = (url: string): ReturnType<typeof post> => post(url, 'tools/call', CALL, { 'x-api-key': key })

for (const [name, wrap] of Object.entries(WRAPPERS)) {
  test(`${name}: who closes waits for calls under way, lets no other begin, and writes down what each came to`, async () => {
    const slow = new Slow()
    await using place = await listening(wrap(house.guard, OPTIONS, slow.make))
    const answered = ask(place.url)
    await slow.begun
    const closed = house.guard.close()
    const late = await ask(place.url)
    assert.deepEqual([late.status, codeOf(late.body), late.headers.get('connection')], [503, 'unavailable', 'close'])
    slow.end()
    const { status, headers, body } = await answered
    assert.deepEqual([status, headers.get('connection')], [200, 'close'])
    assert.match(JSON.stringify(body), /done/)
    await closed
    assert.deepEqual(await written(), ['call.begun', 'unavailable', 'permitted', 'gateway.stopped'])
  })

  test(`${name}: what does not end in its time is cut off, and that is written down too`, async () => {
    await house[Symbol.asyncDispose]()
    await open(`limits: { drain: 0s }\n${CONFIG}`)
    const slow = new Slow()
    await using place = await listening(wrap(house.guard, OPTIONS, slow.make))
    const answered = ask(place.url)
    await slow.begun
    await house.guard.close()
    assert.equal(codeOf((await answered).body), 'upstream_failed')
    slow.end()
    assert.deepEqual(await written(), ['call.begun', 'upstream_failed', 'gateway.stopped'])
    assert.deepEqual(house.faults, [])
  })
}

test('a handler is told that nobody waits any more when its call is cut off', async () => {
  await house[Symbol.asyncDispose]()
  await open(`limits: { drain: 0s }\n${CONFIG}`)
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
  const { promise: told, resolve: tell } = Promise.withResolvers<void>()
  const guarded = guardFetch(
    house.guard,
    async ({ signal }) => {
      signal.addEventListener('abort', () => tell())
      begin()
      await told
      return new Response()
    },
    OPTIONS,
  )
  const headers = { ...MODERN, 'mcp-method': 'tools/call', 'mcp-name': 'echo', 'x-api-key': key }
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { ...CALL, _meta: META } })
  const answered = guarded(new Request('http://localhost/mcp', { method: 'POST', headers, body }))
  await begun
  await house.guard.close()
  await told
  assert.equal((await answered).status, 502)
})

for (const [drain, outcome, said] of [
  ['10s', 'permitted', /done/],
  ['0s', 'upstream_failed', /upstream_failed/],
] as const) {
  test(`guardTransport: a call under way is waited for, ${drain} and no longer, and written down as ${outcome}`, async () => {
    await house[Symbol.asyncDispose]()
    await open(`limits: { drain: ${drain} }\n${CONFIG}`)
    const slow = new Slow()
    const server = new ServerV1({ name: 'notes', version: '1' })
    server.registerTool('echo', {}, slow.work)
    const [client, inner] = InMemoryTransport.createLinkedPair()
    await server.connect(guardTransport(house.guard, inner as TransportV1, OPTIONS) as TransportV1)
    const answers = new Map<unknown, (message: unknown) => void>()
    client.onmessage = (message) => void ('id' in message && answers.get(message.id)?.(message))
    const asked = (id: number): Promise<unknown> => {
      const answer = new Promise((resolve) => answers.set(id, resolve))
      const message = { jsonrpc: '2.0' as const, id, method: 'tools/call', params: { name: 'echo', _meta: META } }
      void client.send(message, { authInfo: { token: key, clientId: 'test', scopes: [] } })
      return answer
    }
    const answered = asked(1)
    await slow.begun
    const closed = house.guard.close()
    if (outcome === 'permitted') assert.match(JSON.stringify(await asked(2)), /"unavailable"/)
    if (outcome === 'permitted') slow.end()
    assert.match(JSON.stringify(await answered), said)
    await closed
    slow.end()
    assert.deepEqual(
      (await written()).filter((word) => word !== 'unavailable'),
      ['call.begun', outcome, 'gateway.stopped'],
    )
  })
}

test('guardTransport: who only listens is not waited for, and has an end in history as well', async () => {
  const [client, inner] = InMemoryTransport.createLinkedPair()
  const server = new ServerV1({ name: 'notes', version: '1' }, { capabilities: { tools: { listChanged: true } } })
  await server.connect(guardTransport(house.guard, inner as TransportV1, OPTIONS) as TransportV1)
  const opened = new Promise((resolve) => {
    client.onmessage = resolve
  })
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } }
  await client.send({ jsonrpc: '2.0', id: 1, method: 'initialize', params }, { authInfo: { token: key, clientId: 'test', scopes: [] } })
  await opened
  const of = async (wanted: string): Promise<number> =>
    (await house.events()).filter(({ type, method }) => type === wanted && method === '$stream').length
  while ((await of('call.begun')) === 0) await new Promise((resolve) => setImmediate(resolve))
  await house.guard.close()
  await using reader = aGuard(CONFIG, {}, join(folder, 'notes.db'))
  const events = await reader.events()
  assert.equal(events.find(({ type, method }) => type === 'call.ended' && method === '$stream')?.outcome, 'permitted')
})

test('guardServer: a client on stdio is answered before the guard is closed', async () => {
  await house[Symbol.asyncDispose]()
  await open(`authentication: { anonymous: { roles: [user] } }\n${CONFIG}`)
  const slow = new Slow()
  const [input, output] = [new PassThrough(), new PassThrough()]
  const served = guardServer(house.guard, slow.make(), OPTIONS).serveStdio(input, output)
  input.write(`${JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { ...CALL, _meta: META } })}\n`)
  await slow.begun
  const closed = house.guard.close()
  slow.end()
  await closed
  assert.match(String(output.read()), /done/)
  assert.deepEqual(await written(), ['call.begun', 'permitted', 'gateway.stopped'])
  input.end()
  await served
})

test('one server that closes is waited for by the guard', async () => {
  const slow = new Slow()
  const served = guardServer(house.guard, slow.make(), OPTIONS)
  await using place = await listening(served.listener)
  const answered = ask(place.url)
  await slow.begun
  const one = served.close()
  const all = house.guard.close()
  slow.end()
  assert.equal((await answered).status, 200)
  await Promise.all([one, all])
  assert.deepEqual(await written(), ['call.begun', 'permitted', 'gateway.stopped'])
})

test('an Express application that stops accepting and closes the guard answers in full, and has no connection left', async () => {
  const slow = new Slow()
  const { promise, resolve } = Promise.withResolvers<string>()
  const make = (): McpServer => {
    const server = new McpServer({ name: 'notes', version: '1' }, { capabilities: { tools: {} } })
    server.registerTool('echo', {}, async () => {
      await slow.work()
      return { content: [{ type: 'text', text: await promise }] }
    })
    return server
  }
  const app = express().use('/mcp', guardServer(house.guard, make(), OPTIONS).listener)
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const answered = ask(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`)
  await slow.begun
  const gone = once(server, 'close')
  server.close()
  const closed = house.guard.close()
  slow.end()
  resolve('x'.repeat(4_000_000))
  assert.equal(JSON.stringify((await answered).body).length > 4_000_000, true)
  await Promise.all([closed, gone])
})

test('health is told as long as calls are taken', async () => {
  const slow = new Slow()
  await using place = await listening(guardServer(house.guard, slow.make(), OPTIONS).listener)
  const health = async (): Promise<number> => (await fetch(new URL('/health', place.url))).status
  assert.equal(await health(), 200)
  const answered = ask(place.url)
  await slow.begun
  const closed = house.guard.close()
  assert.equal(await health(), 503)
  slow.end()
  await Promise.all([answered, closed])
})

test('health says no where the store is away: nobody could be let in', async () => {
  await using place = await listening(guardServer(house.guard, aServer(), OPTIONS).listener)
  // By then the journal is open, and does not know of the store either.
  await ask(place.url)
  await house.guard.house.store.close()
  assert.equal((await fetch(new URL('/health', place.url))).status, 503)
})

test('a guard that is closed takes no server, and says so', async () => {
  const served = guardServer(house.guard, aServer(), OPTIONS)
  await Promise.all([house.guard.close(), house.guard.close()])
  const isClosed = (error: unknown): boolean => error instanceof Fault && error.code === 'FAULT_CLOSED'
  await assert.rejects(served.listen(), isClosed)
  await assert.rejects(served.serveStdio(new PassThrough(), new PassThrough()), isClosed)
  await assert.rejects(house.guard.reload(), isClosed)
  const [, inner] = InMemoryTransport.createLinkedPair()
  for (const wrap of [
    () => guardServer(house.guard, aServer(), OPTIONS),
    () => guardNode(house.guard, createMcpHandler(aServer), OPTIONS),
    () => guardFetch(house.guard, createMcpHandler(aServer), OPTIONS),
    () => guardTransport(house.guard, inner as TransportV1, OPTIONS),
  ])
    assert.throws(wrap, isClosed)
})

test('a server that was closed by itself does not listen again', async () => {
  await house[Symbol.asyncDispose]()
  await open(`listen: 127.0.0.1:0\n${CONFIG}`)
  const served = guardServer(house.guard, aServer(), OPTIONS)
  const listened = served.listen()
  const closed = served.close()
  // It was about to listen: whether it did or not, nothing is left of it.
  await assert.rejects(listened, { code: 'FAULT_CLOSED' })
  await closed
  await assert.rejects(served.listen(), { code: 'FAULT_CLOSED' })
})
