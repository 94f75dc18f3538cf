/** A server of both eras, written by hand, that has an answer to every method: what is refused in front of it was refused there and nowhere else. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { isObject, type JsonObject } from '../../src/core/json.ts'

const CAPABILITIES = { tools: {}, prompts: {}, resources: { subscribe: true }, completions: {}, logging: {}, tasks: {} }
const CACHED = { ttlMs: 0, cacheScope: 'private' }
const TOOLS = ['read_file', 'write_file'].map((name) => ({ name, inputSchema: { type: 'object' } }))
const TASK = { taskId: 'task-1', status: 'working', createdAt: '2026-11-21T00:00:00Z', lastUpdatedAt: '2026-11-21T00:00:00Z', ttl: 60_000 }

const ALL_TASKS: JsonObject[] = [TASK]

const RESULTS: Readonly<Record<string, JsonObject>> = {
  initialize: { protocolVersion: '2025-11-25', capabilities: CAPABILITIES, serverInfo: { name: 'all', version: '1' } },
  'server/discover': { supportedVersions: ['2026-07-28', '2025-11-25'], capabilities: CAPABILITIES, ...CACHED },
  ping: {},
  'logging/setLevel': {},
  'tools/list': { tools: TOOLS, ...CACHED },
  'tools/call': { content: [] },
  'prompts/list': { prompts: [{ name: 'summary' }, { name: 'secret' }], ...CACHED },
  'prompts/get': { messages: [] },
  'resources/list': {
    resources: [
      { uri: 'file:///data/a', name: 'a' },
      { uri: 'file:///etc/b', name: 'b' },
    ],
    ...CACHED,
  },
  'resources/templates/list': { resourceTemplates: [{ uriTemplate: 'file:///data/{name}', name: 'data' }], ...CACHED },
  'resources/read': { contents: [], ...CACHED },
  'resources/subscribe': {},
  'resources/unsubscribe': {},
  'completion/complete': { completion: { values: [] } },
  'tasks/get': TASK,
  'tasks/cancel': TASK,
  'tasks/update': {},
  'tasks/result': { content: [] },
  // Of everybody: it cannot tell callers apart.
  'tasks/list': { tasks: ALL_TASKS },
}

export interface WholeServer extends AsyncDisposable {
  readonly url: string
  /** Requests that reached it, by method. */
  readonly reached: Map<string, number>
}

export async function aWholeServer(): Promise<WholeServer> {
  const reached = new Map<string, number>()
  const server = createServer((req, res) => void serve(req, res, reached))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    reached,
    [Symbol.asyncDispose]: () => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

async function serve(req: IncomingMessage, res: ServerResponse, reached: Map<string, number>): Promise<void> {
  if (req.method === 'DELETE') return void res.writeHead(200).end()
  if (req.method === 'GET') return void stream(res)
  const chunks: Buffer[] = []
  for await (const chunk of req) chunks.push(chunk)
  const body = JSON.parse(Buffer.concat(chunks).toString()) as JsonObject
  const { id, method } = body
  if (typeof method === 'string') reached.set(method, (reached.get(method) ?? 0) + 1)
  if (id === undefined || typeof method !== 'string') return void res.writeHead(202).end()
  const params = isObject(body['params']) ? body['params'] : {}
  const isModern = req.headers['mcp-protocol-version'] === '2026-07-28'
  if (method === 'subscriptions/listen') {
    const told = { jsonrpc: '2.0', method: 'notifications/subscriptions/acknowledged', params: { notifications: {} } }
    return void stream(res).write(`data: ${JSON.stringify(told)}\n\n`)
  }
  const args = isObject(params['arguments']) ? params['arguments'] : {}
  const result = typeof args['begin'] === 'string' ? begun(args['begin'], isModern) : isModern ? modernly(method) : RESULTS[method]
  const session = method === 'initialize' ? { 'mcp-session-id': 'theirs' } : {}
  const answer = { jsonrpc: '2.0', id, ...(result === undefined ? { error: { code: -32601, message: 'Method not found' } } : { result }) }
  res.writeHead(result === undefined ? 404 : 200, { 'content-type': 'application/json', ...session }).end(JSON.stringify(answer))
}

function stream(res: ServerResponse): ServerResponse {
  res.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
  return res
}

const modernly = (method: string): JsonObject | undefined =>
  RESULTS[method] === undefined ? undefined : { resultType: 'complete', ...RESULTS[method] }

/** What a tool answers that goes on as a task. */
function begun(taskId: string, isModern: boolean): JsonObject {
  const task = { ...TASK, taskId }
  ALL_TASKS.push(task)
  return isModern ? { resultType: 'task', ...task } : { task }
}
