/** guardTransport around the transports of both SDKs, with the SDKs' own servers and clients at their ends. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { after, before, test } from 'node:test'
import { type NodeIncomingMessageLike, NodeStreamableHTTPServerTransport, toNodeHandler } from '@modelcontextprotocol/node'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js'
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js'
import { McpServer as ServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js'
import { StdioServerTransport as StdioV1 } from '@modelcontextprotocol/sdk/server/stdio.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import type { Transport as TransportV1 } from '@modelcontextprotocol/sdk/shared/transport.js'
import { inputRequired, McpServer, WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/server'
import { StdioServerTransport as StdioV2, serveStdio } from '@modelcontextprotocol/server/stdio'
import { z } from 'zod'
import type { JsonObject } from '../../src/core/json.ts'
import { audit, requirePermission } from '../../src/embed/context.ts'
import type { Guard } from '../../src/embed/guard.ts'
import { guardServer } from '../../src/embed/server.ts'
import { guardTransport } from '../../src/embed/transport.ts'
import { META } from '../fixtures/gateway.ts'
import { ACCESS, aGuard, aServer, aServerV1, type Listener, listening, type RunningGuard } from './world.ts'

let keys: RunningGuard

before(async () => {
  keys = aGuard(ACCESS)
})
after(() => keys[Symbol.asyncDispose]())

/** A client of lines. */
class Lines {
  readonly input = new PassThrough()
  readonly output = new PassThrough()
  readonly seen: JsonObject[] = []
  readonly #waiting = new Map<unknown, (message: JsonObject) => void>()
  #rest = ''
  #id = 0

  constructor() {
    this.output.on('data', (chunk: Buffer) => {
      const lines = (this.#rest + chunk.toString()).split('\n')
      this.#rest = lines.pop() ?? ''
      for (const line of lines) this.#take(JSON.parse(line) as JsonObject)
    })
  }

  say(message: JsonObject): void {
    this.input.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
  }

  ask(method: string, params: JsonObject = {}): Promise<JsonObject> {
    const id = ++this.#id
    const answered = new Promise<JsonObject>((resolve) => this.#waiting.set(id, resolve))
    this.say({ id, method, params })
    return answered
  }

  async open(): Promise<JsonObject> {
    const opened = await this.ask('initialize', {
      protocolVersion: '2025-11-25',
      capabilities: { elicitation: {} },
      clientInfo: { name: 't', version: '1' },
    })
    this.say({ method: 'notifications/initialized' })
    return opened
  }

  /** The next message that the server says by itself. */
  async next(method: string): Promise<JsonObject> {
    for (;;) {
      const at = this.seen.findIndex((message) => message['method'] === method)
      if (at !== -1) return this.seen.splice(at, 1)[0] ?? {}
      await new Promise((resolve) => this.output.once('data', resolve))
    }
  }

  #take(message: JsonObject): void {
    if (message['method'] === undefined) this.#waiting.get(message['id'])?.(message)
    else this.seen.push(message)
  }
}

const textOf = (body: JsonObject): unknown => ((body['result'] as JsonObject)['content'] as JsonObject[])[0]?.['text']
const codeOf = (body: JsonObject): unknown => ((body['error'] as JsonObject)['data'] as JsonObject)['code']
const namesOf = (body: JsonObject): unknown => ((body['result'] as JsonObject)['tools'] as JsonObject[]).map((tool) => tool['name'])
const call = (name: string, args: JsonObject = {}): JsonObject => ({ name, arguments: args, _meta: META })

/** A guard whose environment holds the key of a reader. */
async function withKey(roles: readonly string[]): Promise<RunningGuard> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-embed-'))
  const store = join(folder, 'portcullis.db')
  const first = aGuard(ACCESS, {}, store)
  const key = await first.key({ roles })
  await first[Symbol.asyncDispose]()
  const guard = aGuard(ACCESS, { MCP_API_KEY: key }, store)
  return {
    ...guard,
    [Symbol.asyncDispose]: async () => {
      await guard[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true })
    },
  }
}

const SIDES: Readonly<Record<string, (guard: RunningGuard, lines: Lines) => Promise<unknown>>> = {
  'SDK v1 on stdio': ({ guard }, { input, output }) =>
    aServerV1().connect(guardTransport(guard, new StdioV1(input, output), { server: 'notes' })),
  'SDK v2 on stdio': ({ guard }, { input, output }) =>
    aServer().connect(guardTransport(guard, new StdioV2(input, output), { server: 'notes' })),
  'SDK v2, served in both eras': async ({ guard }, { input, output }) =>
    serveStdio(aServer, { transport: guardTransport(guard, new StdioV2(input, output), { server: 'notes' }) }),
  guardServer: async ({ guard }, { input, output }) => void guardServer(guard, aServer(), { server: 'notes' }).serveStdio(input, output),
}

for (const [name, connect] of Object.entries(SIDES)) {
  test(`${name}: with the credential of the environment the law applies; nothing is skipped`, async () => {
    await using running = await withKey(['user'])
    const lines = new Lines()
    await connect(running, lines)
    const opened = await lines.open()
    const capabilities = (opened['result'] as JsonObject)['capabilities'] as JsonObject
    assert.deepEqual((capabilities['experimental'] as JsonObject)['authentication'], { required: true, types: ['api-key'] })
    assert.deepEqual(namesOf(await lines.ask('tools/list')), ['echo', 'whoami'])
    assert.equal(textOf(await lines.ask('tools/call', { name: 'echo', arguments: { text: 'hello' } })), 'hello')
    assert.equal(codeOf(await lines.ask('tools/call', { name: 'write', arguments: {} })), 'not_found')
    const ended = (await running.events()).filter((event) => event.type === 'call.ended' && event.method === 'tools/call')
    assert.deepEqual(
      ended.map((event) => event.denial),
      [undefined, 'not_found'],
    )
    assert.equal(`key#${String(textOf(await lines.ask('tools/call', { name: 'whoami', arguments: {} })))}`, ended[0]?.principal)
  })

  test(`${name}: without a credential nobody is there`, async () => {
    const lines = new Lines()
    await connect(keys, lines)
    const refused = await lines.ask('initialize', {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 't', version: '1' },
    })
    assert.equal(codeOf(refused), 'unauthenticated')
    assert.equal(codeOf(await lines.ask('tools/call', call('echo', { text: 'x' }))), 'unauthenticated')
  })
}

for (const name of ['SDK v2, served in both eras', 'guardServer']) {
  test(`${name}: a client of the newest revision needs no handshake`, async () => {
    await using running = await withKey(['user'])
    const lines = new Lines()
    await SIDES[name]?.(running, lines)
    const discovered = await lines.ask('server/discover', { _meta: META })
    assert.deepEqual((discovered['result'] as JsonObject)['supportedVersions'], ['2026-07-28'])
    assert.equal(textOf(await lines.ask('tools/call', call('echo', { text: 'hello' }))), 'hello')
    assert.equal(codeOf(await lines.ask('tools/call', call('write'))), 'not_found')
  })
}

test('what a server asks and tells in the middle of a call walks out with it, and the answer walks in', async () => {
  await using running = await withKey(['user'])
  const lines = new Lines()
  const server = new McpServer({ name: 'notes', version: '1' }, { capabilities: { tools: { listChanged: true }, logging: {} } })
  server.registerTool('echo', { inputSchema: z.object({ text: z.string() }) }, async ({ text }, ctx) => {
    await ctx.mcpReq.notify({ method: 'notifications/message', params: { level: 'info', data: 'working' } })
    const answer = await ctx.mcpReq.send({
      method: 'elicitation/create',
      params: { mode: 'form', message: 'Sure?', requestedSchema: { type: 'object', properties: {} } },
    })
    return { content: [{ type: 'text', text: `${text} ${answer.action}` }] }
  })
  await server.connect(guardTransport(running.guard, new StdioV2(lines.input, lines.output), { server: 'notes' }))
  await lines.open()
  const answered = lines.ask('tools/call', { name: 'echo', arguments: { text: 'yes' } })
  assert.equal(((await lines.next('notifications/message'))['params'] as JsonObject)['data'], 'working')
  const question = await lines.next('elicitation/create')
  lines.say({ id: question['id'] ?? null, result: { action: 'accept', content: {} } })
  assert.equal(textOf(await answered), 'yes accept')

  server.sendToolListChanged()
  assert.ok(await lines.next('notifications/tools/list_changed'))
})

test('guardServer: what a tool has to know is asked of an older client in its own words', async () => {
  await using running = await withKey(['user'])
  const lines = new Lines()
  const server = new McpServer({ name: 'notes', version: '1' }, { capabilities: { tools: {} } })
  const question = inputRequired.elicit({ message: 'Who?', requestedSchema: { type: 'object', properties: { name: { type: 'string' } } } })
  server.registerTool('echo', { inputSchema: z.object({}) }, (_args, ctx) => {
    const answers = ctx.mcpReq.inputResponses
    if (answers === undefined) return inputRequired({ inputRequests: { who: question } })
    return { content: [{ type: 'text', text: JSON.stringify(answers['who']) }] }
  })
  void guardServer(running.guard, server, { server: 'notes' }).serveStdio(lines.input, lines.output)
  await lines.open()
  const answered = lines.ask('tools/call', { name: 'echo', arguments: {} })
  const asked = await lines.next('elicitation/create')
  assert.equal((asked['params'] as JsonObject)['message'], 'Who?')
  lines.say({ id: asked['id'] ?? null, result: { action: 'accept', content: { name: 'Ada' } } })
  assert.match(String(textOf(await answered)), /Ada/)
})

test('calls that come at once are never taken for each other, whoever hosts the server', async () => {
  await using running = await withKey(['user'])
  const lines = new Lines()
  const factory = (): McpServer => {
    const server = new McpServer({ name: 'notes', version: '1' }, { capabilities: { tools: {} } })
    server.registerTool('echo', { inputSchema: z.object({ text: z.string() }) }, async ({ text }) => {
      await audit(text)
      if (text === '3') requirePermission('nobody:has')
      return { content: [{ type: 'text', text }] }
    })
    return server
  }
  serveStdio(factory, { transport: guardTransport(running.guard, new StdioV2(lines.input, lines.output), { server: 'notes' }) })
  await lines.ask('server/discover', { _meta: META })
  const answers = await Promise.all(Array.from({ length: 12 }, (_, at) => lines.ask('tools/call', call('echo', { text: String(at) }))))
  assert.deepEqual(
    answers.map((answer, at) => (at === 3 ? codeOf(answer) : textOf(answer))),
    answers.map((_, at) => (at === 3 ? 'forbidden' : String(at))),
  )
  const events = (await running.events()).filter((event) => event.call !== undefined)
  const noted = events.filter((event) => event.type === 'call.noted')
  assert.equal(new Set(noted.map((event) => event.call)).size, 12)
  const refused = events.filter((event) => event.denial === 'forbidden').map((event) => event.call)
  assert.deepEqual(refused, [noted.find((event) => event.detail === '3')?.call])
})

test('a call that is cancelled is cancelled at the server, and its end is written down', async () => {
  await using running = await withKey(['user'])
  const lines = new Lines()
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
  const { promise: stopped, resolve: stop } = Promise.withResolvers<void>()
  const server = new McpServer({ name: 'notes', version: '1' }, { capabilities: { tools: {} } })
  server.registerTool('echo', { inputSchema: z.object({}) }, async (_args, ctx) => {
    begin()
    await new Promise<void>((resolve) => ctx.mcpReq.signal.addEventListener('abort', () => resolve()))
    stop()
    return { content: [] }
  })
  await server.connect(guardTransport(running.guard, new StdioV2(lines.input, lines.output), { server: 'notes' }))
  await lines.open()
  void lines.ask('tools/call', { name: 'echo', arguments: {} })
  await begun
  lines.say({ method: 'notifications/cancelled', params: { requestId: 2 } })
  await stopped
  await lines.ask('ping')
  const ended = (await running.events()).filter((event) => event.type === 'call.ended' && event.method === 'tools/call')
  assert.deepEqual(
    ended.map((event) => event.outcome),
    ['cancelled'],
  )
})

test('over HTTP the caller is who the request says, never who the environment is', async () => {
  await using running = await withKey(['writer'])
  const key = await running.key({ roles: ['user'] })
  await using place = await listening(async (req, res) => {
    const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true })
    res.on('close', () => void transport.close())
    await aServerV1().connect(guardTransport(running.guard, transport as TransportV1, { server: 'notes' }))
    await transport.handleRequest(req, res)
  })
  const ask = async (headers: Readonly<Record<string, string>>): Promise<JsonObject> => {
    const response = await fetch(place.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2025-11-25',
        ...headers,
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} }),
    })
    return (await response.json()) as JsonObject
  }
  assert.equal(codeOf(await ask({})), 'unauthenticated')
  assert.deepEqual(namesOf(await ask({ 'x-api-key': key })), ['echo', 'whoami'])
  // Its author is told once, however many transports there are.
  assert.deepEqual(
    running.faults.filter(({ message }) => message.includes('guardNode() or guardFetch()')).map(({ code }) => code),
    ['FAULT_CONFIG'],
  )
})

/** How each transport over HTTP is mounted, as its documentation has it, with the guard between it and the server. */
const OVER_HTTP: Readonly<Record<string, (guard: Guard) => Listener>> = {
  'SDK v2, node:http': (guard) => async (req, res) => {
    const transport = new NodeStreamableHTTPServerTransport({ enableJsonResponse: true })
    await aServer().connect(guardTransport(guard, transport, { server: 'notes' }))
    await transport.handleRequest(req, res)
  },
  'SDK v2, web standard': (guard) => async (req, res) => {
    const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true })
    await aServer().connect(guardTransport(guard, transport, { server: 'notes' }))
    await toNodeHandler({ fetch: (request) => transport.handleRequest(request) })(req as NodeIncomingMessageLike, res)
  },
}

for (const [name, mount] of Object.entries(OVER_HTTP)) {
  test(`${name}: the caller is who the request says, and the law applies`, async () => {
    await using running = aGuard(ACCESS)
    const key = await running.key({ roles: ['user'] })
    await using place = await listening(mount(running.guard))
    const ask = async (headers: Readonly<Record<string, string>>, method: string, params: JsonObject = {}): Promise<JsonObject> => {
      const accept = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
      const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
      const told = { ...accept, 'mcp-protocol-version': '2025-11-25', ...headers }
      return (await (await fetch(place.url, { method: 'POST', headers: told, body })).json()) as JsonObject
    }
    assert.equal(codeOf(await ask({}, 'tools/list')), 'unauthenticated')
    assert.deepEqual(namesOf(await ask({ 'x-api-key': key }, 'tools/list')), ['echo', 'whoami'])
    assert.match(JSON.stringify(await ask({ 'x-api-key': key }, 'tools/call', { name: 'echo', arguments: { text: 'hello' } })), /hello/)
    assert.equal(codeOf(await ask({ 'x-api-key': key }, 'tools/call', { name: 'write', arguments: {} })), 'not_found')
  })
}

test('SDK v1 over server-sent events, as older clients speak: the caller is who opened the stream and posts', async (t) => {
  await using running = aGuard(ACCESS)
  const key = await running.key({ roles: ['user'] })
  const transports = new Map<string, SSEServerTransport>()
  await using place = await listening(async (req, res) => {
    if (req.method === 'POST') {
      const id = new URL(req.url ?? '', 'http://127.0.0.1').searchParams.get('sessionId') ?? ''
      return await transports.get(id)?.handlePostMessage(req, res)
    }
    const transport = new SSEServerTransport('/mcp', res)
    transports.set(transport.sessionId, transport)
    await aServerV1().connect(guardTransport(running.guard, transport, { server: 'notes' }))
  })
  const connect = async (headers: Readonly<Record<string, string>>): Promise<ClientV1> => {
    const client = new ClientV1({ name: 'older', version: '1.0.0' })
    t.after(() => client.close())
    await client.connect(new SSEClientTransport(new URL(place.url), { requestInit: { headers } }))
    return client
  }
  await assert.rejects(connect({}), /A credential is needed/)
  const client = await connect({ 'x-api-key': key })
  assert.deepEqual(
    (await client.listTools()).tools.map(({ name }) => name),
    ['echo', 'whoami'],
  )
  await assert.rejects(client.callTool({ name: 'write', arguments: {} }), /Unknown tool/)
})

test('a session over HTTP is its opener\u2019s alone, whoever knows its id', async () => {
  const mine = await keys.key({ roles: ['user'] })
  const theirs = await keys.key({ roles: ['writer'] })
  const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true, sessionIdGenerator: () => 'known-to-all' })
  await aServerV1().connect(guardTransport(keys.guard, transport as TransportV1, { server: 'notes' }))
  await using place = await listening((req, res) => transport.handleRequest(req, res))
  const ask = async (key: string, body: JsonObject, headers: Readonly<Record<string, string>> = {}): Promise<JsonObject> => {
    const accept = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
    const response = await fetch(place.url, {
      method: 'POST',
      headers: { ...accept, ...headers, 'x-api-key': key },
      body: JSON.stringify({ jsonrpc: '2.0', ...body }),
    })
    return JSON.parse((await response.text()) || '{}') as JsonObject
  }
  const session = { 'mcp-session-id': 'known-to-all', 'mcp-protocol-version': '2025-11-25' }
  await ask(mine, {
    id: 1,
    method: 'initialize',
    params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } },
  })
  assert.deepEqual(namesOf(await ask(mine, { id: 2, method: 'tools/list' }, session)), ['echo', 'whoami'])
  assert.equal(codeOf(await ask(theirs, { id: 3, method: 'tools/list' }, session)), 'no_session')
})

test('of callers whose ids are equal on one transport each cancels its own call alone', async () => {
  await using running = aGuard(ACCESS)
  const [mine, theirs] = [await running.key({ roles: ['user'] }), await running.key({ roles: ['writer'] })]
  const [client, inner] = InMemoryTransport.createLinkedPair()
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
  const { promise: stopped, resolve: stop } = Promise.withResolvers<void>()
  let isStopped = false
  const server = new ServerV1({ name: 'notes', version: '1' })
  server.tool('echo', async ({ signal }) => {
    begin()
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
    isStopped = true
    stop()
    return { content: [] }
  })
  await server.connect(guardTransport(running.guard, inner as TransportV1, { server: 'notes' }))
  const { promise: pinged, resolve: pong } = Promise.withResolvers<void>()
  client.onmessage = (message) => void ('id' in message && message.id === 2 && pong())
  const say = (key: string, message: JsonObject): Promise<void> =>
    client.send({ jsonrpc: '2.0', ...message } as never, { authInfo: { token: key, clientId: 'test', scopes: [] } })
  const cancellation = { method: 'notifications/cancelled', params: { requestId: 1 } }
  await say(mine, { id: 1, method: 'tools/call', params: { name: 'echo' } })
  await begun
  await say(theirs, cancellation)
  await say(theirs, { id: 2, method: 'ping' })
  await pinged
  assert.equal(isStopped, false)
  await say(mine, cancellation)
  await stopped
  await client.close()
})
