/** Real upstreams on loopback for the tests of the HTTP side, and calls to send them. */
import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { McpServer as ServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import { type EventStore, StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { type CreateMcpHandlerOptions, createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { z } from 'zod'
import type { Action, Call, Message, ResourceKind } from '../../src/core/call.ts'
import { Denial, type DenialCode } from '../../src/core/denial.ts'
import type { Entry } from '../../src/core/event.ts'
import type { JsonObject } from '../../src/core/json.ts'
import type { Principal } from '../../src/core/principal.ts'
import type { Clock } from '../../src/core/time.ts'
import { Turn } from '../../src/core/turn.ts'
import { createHttpUpstream, type HttpSpec } from '../../src/upstream/http.ts'
import type { Upstream } from '../../src/upstream/upstream.ts'

/** One request as an upstream received it. */
export interface Received {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly rawHeaders: readonly string[]
  readonly body: Buffer
}

export interface TestServer extends AsyncDisposable {
  readonly url: string
  readonly received: Received[]
  /** Resolves once the condition holds; looked at after every request and every `poke`. */
  until(holds: () => boolean): Promise<void>
  poke(): void
}

type Handler = (received: Received, res: ServerResponse, req: IncomingMessage) => void

/** A server written by hand, for answers that no library would give. Sees the whole body first. */
export async function bare(handler: Handler): Promise<TestServer> {
  const received: Received[] = []
  const server = await serve((req, res) => {
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => chunks.push(chunk))
    req.on('end', () => {
      const told: Received = {
        method: req.method ?? '',
        url: req.url ?? '',
        headers: req.headers,
        rawHeaders: req.rawHeaders,
        body: Buffer.concat(chunks),
      }
      received.push(told)
      handler(told, res, req)
      server.poke()
    })
  }, received)
  return server
}

async function serve(
  handler: (req: IncomingMessage, res: ServerResponse) => void,
  received: Received[],
  atEnd: () => Promise<void> = async () => {},
): Promise<TestServer> {
  const server = createServer(handler)
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  const { promise, resolve } = Promise.withResolvers<void>()
  server.listen(0, '127.0.0.1', resolve)
  await promise
  const { port } = server.address() as AddressInfo
  const waiting = new Set<() => void>()
  return {
    until: (holds) => {
      const { promise: held, resolve: release } = Promise.withResolvers<void>()
      const look = (): void => {
        if (!holds()) return
        waiting.delete(look)
        release()
      }
      waiting.add(look)
      look()
      return held
    },
    poke: () => {
      for (const look of waiting) look()
    },
    url: `http://127.0.0.1:${port}/mcp?tenant=a`,
    received,
    async [Symbol.asyncDispose]() {
      await atEnd()
      const closed = new Promise((done) => server.close(done))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

export function json(res: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
}

export function sse(res: ServerResponse): ServerResponse {
  return res.writeHead(200, { 'content-type': 'text/event-stream' })
}

export function idOf(received: Received): unknown {
  return JSON.parse(received.body.toString()).id
}

/** A server of an older revision, by hand: `answer` gets what comes after the handshake. */
export function scripted(answer: (told: Received, res: ServerResponse) => void): Promise<TestServer> {
  return bare((told, res) => {
    if (told.body.includes('"initialize"'))
      json(
        res,
        200,
        { jsonrpc: '2.0', id: idOf(told), result: { protocolVersion: '2025-11-25', capabilities: {} } },
        { 'mcp-session-id': 's' },
      )
    else if (told.method === 'DELETE' || told.body.includes('notifications/')) res.writeHead(202).end()
    else answer(told, res)
  })
}

/** SDK v2 as its documentation hosts it. */
export async function sdkModern(options: CreateMcpHandlerOptions = {}): Promise<TestServer & { readonly notifyToolsChanged: () => void }> {
  const handler = createMcpHandler(() => {
    const server = new McpServer({ name: 'modern', version: '1.0.0' }, { capabilities: { tools: { listChanged: true }, logging: {} } })
    server.registerTool('echo', { inputSchema: z.object({ text: z.string() }) }, ({ text }) => ({ content: [{ type: 'text', text }] }))
    const region = z.object({ where: z.object({ region: z.string().meta({ 'x-mcp-header': 'Region' }) }) })
    server.registerTool('mirrored', { inputSchema: region }, ({ where }) => ({ content: [{ type: 'text', text: where.region }] }))
    server.registerTool('wait', { inputSchema: z.object({}) }, async (_args, context) => {
      const { promise, resolve } = Promise.withResolvers<void>()
      context.mcpReq.signal.addEventListener('abort', () => resolve())
      await promise
      return { content: [] }
    })
    server.registerTool('steps', { inputSchema: z.object({}) }, async (_args, context) => {
      const progressToken = context.mcpReq._meta?.progressToken
      if (progressToken !== undefined)
        await context.mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress: 1, total: 2 } })
      return { content: [{ type: 'text', text: 'done' }] }
    })
    return server
  }, options)
  const listener = toNodeHandler(handler)
  const received: Received[] = []
  const server = await serve(
    (req, res) => {
      received.push({
        method: req.method ?? '',
        url: req.url ?? '',
        headers: req.headers,
        rawHeaders: req.rawHeaders,
        body: Buffer.alloc(0),
      })
      // The adapter's type forgets that Node's optional members may be undefined.
      void listener(req as Parameters<typeof listener>[0], res)
    },
    received,
    () => handler.close(),
  )
  return { ...server, notifyToolsChanged: () => handler.notify.toolsChanged() }
}

interface V1 extends TestServer {
  /** Upstream session ids alive. */
  readonly sessions: Map<string, StreamableHTTPServerTransport>
  /** Tool calls that were cancelled. */
  readonly cancelled: string[]
}

/** SDK v1 with sessions, GET streams, and optionally resumption. */
export async function sdkV1(options: { readonly eventStore?: EventStore; readonly json?: boolean } = {}): Promise<V1> {
  const sessions = new Map<string, StreamableHTTPServerTransport>()
  const cancelled: string[] = []
  const onCancelled = (): void => {
    cancelled.push('wait')
    server.poke()
  }
  const received: Received[] = []
  const open = async (): Promise<StreamableHTTPServerTransport> => {
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      enableJsonResponse: options.json ?? false,
      onsessioninitialized: (id) => void sessions.set(id, transport),
      onsessionclosed: (id) => void sessions.delete(id),
      ...(options.eventStore === undefined ? {} : { eventStore: options.eventStore }),
    })
    await serverV1(onCancelled).connect(transport)
    return transport
  }
  const server = await serve(
    (req, res) => {
      const chunks: Buffer[] = []
      req.on('data', (chunk: Buffer) => chunks.push(chunk))
      req.on('end', async () => {
        const body = Buffer.concat(chunks)
        received.push({ method: req.method ?? '', url: req.url ?? '', headers: req.headers, rawHeaders: req.rawHeaders, body })
        const parsed: unknown = body.length === 0 ? undefined : JSON.parse(body.toString())
        const id = req.headers['mcp-session-id']
        if (id !== undefined && !sessions.has(String(id))) {
          json(res, 404, { jsonrpc: '2.0', error: { code: -32001, message: 'Session not found' }, id: null })
          return
        }
        const transport = sessions.get(String(id)) ?? (await open())
        const handled = transport.handleRequest(req, res, parsed)
        server.poke()
        await handled
      })
    },
    received,
    async () => {
      for (const transport of sessions.values()) await transport.close()
    },
  )
  return { ...server, sessions, cancelled }
}

function serverV1(onCancelled: () => void): ServerV1 {
  const server = new ServerV1({ name: 'legacy', version: '1.0.0' }, { capabilities: { tools: { listChanged: true }, logging: {} } })
  server.registerTool('echo', { inputSchema: { text: z.string() } }, ({ text }) => ({ content: [{ type: 'text', text }] }))
  server.registerTool('steps', { inputSchema: {} }, async (_args, extra) => {
    const progressToken = extra._meta?.progressToken
    if (progressToken !== undefined)
      await extra.sendNotification({ method: 'notifications/progress', params: { progressToken, progress: 1, total: 2 } })
    return { content: [{ type: 'text', text: 'done' }] }
  })
  server.registerTool('ask', { inputSchema: {} }, async (_args, extra) => {
    const schema = { type: 'object' as const, properties: { ok: { type: 'boolean' as const } } }
    const answer = await server.server.elicitInput({ message: 'Sure?', requestedSchema: schema }, { relatedRequestId: extra.requestId })
    return { content: [{ type: 'text', text: answer.action }] }
  })
  server.registerTool('wait', { inputSchema: {} }, async (_args, extra) => {
    const { promise, resolve } = Promise.withResolvers<void>()
    extra.signal.addEventListener('abort', () => resolve())
    await promise
    onCancelled()
    return { content: [] }
  })
  server.registerTool('shout', { inputSchema: {} }, async () => {
    server.sendToolListChanged()
    return { content: [] }
  })
  return server
}

/** What only the caller and the gateway may know; upstreams must never see it. */
export const CALLER_SECRET = 'mcp_caller000000_secretsecretsecretsecretsecret00'

export const ALICE: Principal = { kind: 'service', issuer: 'key', subject: 'alice', actors: [], roles: [], claims: {} }
export const BOB: Principal = { ...ALICE, subject: 'bob' }

export interface Asked {
  readonly method: string
  readonly params?: JsonObject
  readonly id?: string | number
  readonly action?: Action
  readonly kind?: ResourceKind
  readonly name?: string
  readonly session?: string
  readonly signal?: AbortSignal
  readonly mirrored?: Record<string, string>
  readonly lastEventId?: string
  readonly revision?: string
  readonly withBytes?: boolean
}

const ENVELOPE = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
  'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
}

const ACTIONS: Readonly<Record<string, Action>> = {
  'tools/call': 'call',
  'tools/list': 'list',
  'resources/read': 'read',
  'prompts/get': 'get',
  'subscriptions/listen': 'listen',
  $stream: 'listen',
}

function call(asked: Asked, era: 'modern' | 'legacy', revision: string, body: Message['body']): Call {
  const bytes = Buffer.from(JSON.stringify(body))
  return {
    id: randomUUID(),
    method: asked.method,
    action: asked.action ?? ACTIONS[asked.method] ?? 'control',
    resource: { kind: asked.kind ?? 'server', server: 'up', name: asked.name ?? 'up' },
    arguments: {},
    message: asked.withBytes === false ? { body } : { body, bytes },
    origin: { transport: 'http', era, revision },
    receivedAt: Date.now(),
    signal: asked.signal ?? new AbortController().signal,
    ...(asked.session === undefined ? {} : { session: asked.session }),
    ...(asked.mirrored === undefined ? {} : { mirrored: asked.mirrored }),
    ...(asked.lastEventId === undefined ? {} : { lastEventId: asked.lastEventId }),
  }
}

export function modern(asked: Asked): Call {
  const { _meta, ...params } = asked.params ?? {}
  const meta = typeof _meta === 'object' && _meta !== null ? _meta : {}
  const body = { jsonrpc: '2.0' as const, method: asked.method, params: { ...params, _meta: { ...ENVELOPE, ...meta } } }
  const isNotification = asked.method.startsWith('notifications/')
  return call(asked, 'modern', '2026-07-28', isNotification ? body : { ...body, id: asked.id ?? 1 })
}

export function legacy(asked: Asked): Call {
  const isNotification = asked.method.startsWith('notifications/') || asked.method.startsWith('$')
  const body = {
    jsonrpc: '2.0' as const,
    ...(isNotification ? {} : { id: asked.id ?? 1 }),
    ...(asked.method.startsWith('$') ? {} : { method: asked.method }),
    ...(asked.params === undefined ? {} : { params: asked.params }),
  }
  return call(asked, 'legacy', asked.revision ?? '2025-11-25', body)
}

/** The answer to a request of the server's, as the edge would pass it. */
export function answering(session: string, body: Message['body']): Call {
  return call({ method: '$response', session }, 'legacy', '2025-11-25', body)
}

/** `initialize` and `notifications/initialized` of a client in our session. */
export async function initialize(
  upstream: Upstream,
  session: string,
  principal: Principal = ALICE,
  capabilities: JsonObject = {},
): Promise<Message> {
  const params = { protocolVersion: '2025-11-25', capabilities, clientInfo: { name: 'test', version: '1' } }
  const [answer] = await all(upstream.forward(legacy({ method: 'initialize', params, session, id: 'init' }), principal))
  if (answer === undefined) throw new Error('initialize was not answered')
  await all(upstream.forward(legacy({ method: 'notifications/initialized', session }), principal))
  return answer
}

export async function all(messages: AsyncIterable<Message>): Promise<Message[]> {
  const told: Message[] = []
  for await (const message of messages) told.push(message)
  return told
}

/** The code of the refusal that iterating ends in. */
export async function refusal(run: () => AsyncIterable<Message> | Promise<unknown>): Promise<DenialCode> {
  try {
    const told = run()
    if (told instanceof Promise) await told
    else await all(told)
  } catch (error) {
    if (error instanceof Denial) return error.code
    throw error
  }
  throw new Error('It was not refused.')
}

export interface TestUpstream extends Upstream, AsyncDisposable {
  readonly events: Entry[]
}

export function upstreamAt(url: string, spec: Partial<HttpSpec> = {}, clock: Clock = Date.now): TestUpstream {
  const events: Entry[] = []
  const upstream = createHttpUpstream(
    { name: 'up', url, timeoutMs: 5_000, allowLegacy: true, ...spec },
    { clock, turn: new Turn(), versionInfo: { name: 'portcullis', version: '0.0.0' }, onEvent: (entry) => events.push(entry) },
  )
  return {
    events,
    forward: (asked, principal) => upstream.forward(asked, principal),
    release: (session) => upstream.release(session),
    close: () => upstream.close(),
    [Symbol.asyncDispose]: () => upstream.close(),
  }
}
