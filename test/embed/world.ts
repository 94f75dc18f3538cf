/** A guard in memory, the server that it guards, and each way to put the one around the other. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type NodeIncomingMessageLike, toNodeHandler } from '@modelcontextprotocol/node'
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { z } from 'zod'
import { parseConfig } from '../../src/config/load.ts'
import type { Fault } from '../../src/core/denial.ts'
import type { AuditEvent } from '../../src/core/event.ts'
import { parsePattern } from '../../src/core/pattern.ts'
import type { Clock } from '../../src/core/time.ts'
import { currentPrincipal } from '../../src/embed/context.ts'
import { guardFetch } from '../../src/embed/fetch.ts'
import { createGuard, type Guard, type Guarded } from '../../src/embed/guard.ts'
import { guardNode } from '../../src/embed/node.ts'
import { guardServer } from '../../src/embed/server.ts'

export interface RunningGuard extends AsyncDisposable {
  readonly guard: Guard
  /** What its author was told. */
  readonly faults: readonly Fault[]
  key(said?: { readonly roles?: readonly string[]; readonly allow?: readonly string[] }): Promise<string>
  events(): Promise<readonly AuditEvent[]>
}

export function aGuard(
  yaml: string,
  environment: Readonly<Record<string, string>> = {},
  store = ':memory:',
  clock: Clock = Date.now,
): RunningGuard {
  const faults: Fault[] = []
  const config = parseConfig(`store: ${JSON.stringify(store)}\n${yaml}`, { file: 'portcullis.yaml', environment })
  const guard = createGuard(config, { onFault: (fault) => faults.push(fault), clock })
  return {
    guard,
    faults,
    key: async ({ roles = [], allow = [] } = {}) => {
      const patterns = allow.map((text) => parsePattern(text)).filter((pattern) => pattern !== undefined)
      return (await guard.house.keys.create({ name: 'test', roles, allow: patterns, createdBy: 'test' })).text.reveal()
    },
    events: async () => (await guard.house.store.read('audit', { limit: 100_000 })).map((line) => line.value as unknown as AuditEvent),
    [Symbol.asyncDispose]: () => guard.close(),
  }
}

export const ACCESS = `
access:
  roles: { user: { permissions: ["notes:read"] }, writer: { inherits: user, permissions: ["notes:write"] } }
  tools:
    echo: { permission: notes:read }
    whoami: { permission: notes:read }
    write: { permission: notes:write }
    burn: { permission: notes:write, approval: true }
`

/** The tools of every server here: what it is told, who tells it, and one that not everybody may call. */
export function addTools(server: McpServer): McpServer {
  server.registerTool('echo', { description: 'Says the same', inputSchema: z.object({ text: z.string() }) }, ({ text }) => said(text))
  server.registerTool('whoami', { description: 'Says who asks' }, async () => {
    await new Promise((resolve) => setImmediate(resolve))
    return said(currentPrincipal().subject)
  })
  server.registerTool('write', { description: 'Writes' }, () => said('written'))
  server.registerTool('burn', { description: 'Burns' }, () => said('burnt'))
  return server
}

const said = (text: string): { content: { type: 'text'; text: string }[] } => ({ content: [{ type: 'text', text }] })

export const aServer = (): McpServer => addTools(new McpServer({ name: 'notes', version: '1.0.0' }, { capabilities: { tools: {} } }))

export function aServerV1(): McpServerV1 {
  const server = new McpServerV1({ name: 'notes', version: '1.0.0' }, { capabilities: { tools: {} } })
  server.registerTool('echo', { description: 'Says the same', inputSchema: { text: z.string() } }, ({ text }) => said(text))
  server.registerTool('whoami', { description: 'Says who asks' }, () => said(currentPrincipal().subject))
  server.registerTool('write', { description: 'Writes' }, () => said('written'))
  server.registerTool('burn', { description: 'Burns' }, () => said('burnt'))
  return server
}

export type Listener = (req: IncomingMessage, res: ServerResponse) => unknown

export interface Place extends AsyncDisposable {
  readonly url: string
}

export async function listening(listener: Listener): Promise<Place> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    [Symbol.asyncDispose]: () => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

/** A `(Request) => Response` as a listener of node:http, by the SDK's own adapter. */
function overNode(handler: (request: Request) => Promise<Response>): Listener {
  const handle = toNodeHandler({ fetch: handler })
  return (req, res) => handle(req as NodeIncomingMessageLike, res)
}

/** SDK v1 over HTTP, as its documentation has it: a transport for each request. */
export function v1Listener(make: () => McpServerV1): Listener {
  return async (req, res) => {
    const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true })
    res.on('close', () => void transport.close())
    await make().connect(transport as Parameters<McpServerV1['connect']>[0])
    await transport.handleRequest(req, res)
  }
}

/** Each wrapper over HTTP, around the same tools. */
export const WRAPPERS: Readonly<Record<string, (guard: Guard, options: Guarded, server?: () => McpServer) => Listener>> = {
  guardServer: (guard, options, server = aServer) => guardServer(guard, server(), options).listener,
  guardNode: (guard, options, server = aServer) => {
    const handle = toNodeHandler(createMcpHandler(server))
    return guardNode(guard, (req, res) => handle(req as NodeIncomingMessageLike, res), options)
  },
  'guardNode, createMcpHandler': (guard, options, server = aServer) => guardNode(guard, createMcpHandler(server), options),
  guardFetch: (guard, options, server = aServer) =>
    overNode(guardFetch(guard, (request) => createMcpHandler(server).fetch(request), options)),
  'guardFetch, createMcpHandler': (guard, options, server = aServer) => overNode(guardFetch(guard, createMcpHandler(server), options)),
}
