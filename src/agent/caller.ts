/** A small MCP client over Streamable HTTP: lists tools and calls them, at servers of both eras. */
import { z } from 'zod'
import type { Body, RequestId } from '../core/call.ts'
import { Denial, Fault } from '../core/denial.ts'
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { errorResponse, isRequest, isResponse, notificationBody, requestBody } from '../mcp/message.ts'
import { mirrored, mirrorsOf } from '../mcp/mirror.ts'
import { encodeHeaderValue, HEADER, LATEST_LEGACY, LATEST_MODERN, META } from '../mcp/revision.ts'
import { type ScanRules, scan } from '../mcp/scan.ts'
import { SseDecoder } from '../mcp/sse.ts'
import type { FetchLike } from './fetch.ts'

/** A list that never ends is given up. */
const PAGES_MAX = 100
const ANSWER_MAX_BYTES = 10 * 1024 * 1024
const RULES: ScanRules = { maxDepth: 64, maxMembers: 100_000, exactNumbers: false }
const METHOD_NOT_FOUND = -32601

const TOOLS = z.object({
  tools: z.array(z.looseObject({ name: z.string(), description: z.string().optional(), inputSchema: z.json().optional() })),
  nextCursor: z.string().optional(),
})
export type Tool = z.infer<typeof TOOLS>['tools'][number]

export interface CallerOptions {
  readonly url: URL
  readonly fetch: FetchLike
  readonly client: { readonly name: string; readonly version: string }
  readonly signal: AbortSignal
}

/** How a server is spoken to, once it is known. */
interface Speech {
  /** Absent until it is agreed on: what is not is not claimed (2025-11-25, Transports). */
  readonly revision?: string
  readonly isModern: boolean
  readonly session?: string
}

/**
 * All methods reject with a Fault: `FAULT_SERVER` when the server answers with an error, `FAULT_ENDPOINT` when it is no MCP server, `FAULT_TOOL`
 * when it has no such tool, `FAULT_CREDENTIAL` and `FAULT_LIMITED` when it lets nobody in by this credential, or not now, `FAULT_UNREACHABLE`
 * when nobody answers; and as its `fetch` does.
 */
export class Caller {
  readonly #options: CallerOptions
  #speech: Speech | undefined
  #ids = 0

  constructor(options: CallerOptions) {
    this.#options = options
  }

  async listTools(): Promise<readonly Tool[]> {
    const tools: Tool[] = []
    let cursor: string | undefined
    for (let page = 0; page < PAGES_MAX; page++) {
      const result = TOOLS.safeParse(await this.#request('tools/list', cursor === undefined ? {} : { cursor }))
      if (!result.success) throw fault('the list of tools is not what MCP says it is')
      tools.push(...result.data.tools)
      cursor = result.data.nextCursor
      if (cursor === undefined) return tools
    }
    throw fault(`the list of tools has more than ${PAGES_MAX} pages`)
  }

  /** @returns the result as the server gave it; `isError` in it is the tool's own. */
  async callTool(name: string, args: JsonObject): Promise<JsonObject> {
    const tool = (await this.listTools()).find((listed) => listed.name === name)
    if (tool === undefined) throw new Fault('FAULT_TOOL', `The server has no tool ${name}, or none for you`)
    const mirrors = mirrorsOf(tool.inputSchema)
    if (mirrors === undefined) throw fault(`the tool ${name} wants arguments as headers that cannot be headers`)
    const result = await this.#request('tools/call', { name, arguments: args }, name, mirrored(mirrors, args))
    if (result['resultType'] === 'input_required') throw fault(`the tool ${name} asks for more input, which is not given here`)
    return result
  }

  /** Ends the session, where there is one. */
  async close(): Promise<void> {
    if (this.#speech?.session === undefined) return
    const { url, fetch, signal } = this.#options
    // A server need not let sessions be ended (2025-11-25, Transports): whatever it says, this is over.
    const response = await fetch(url, { method: 'DELETE', headers: this.#headers(this.#speech), signal })
    await response.body?.cancel()
  }

  async #request(method: string, params: JsonObject, name?: string, more: Readonly<Record<string, string>> = {}): Promise<JsonObject> {
    this.#speech ??= await this.#open()
    const answer = await this.#exchange(this.#speech, method, params, name, more)
    if (answer.error !== undefined) throw fault(`${method}: ${answer.error.message} (${answer.error.code})`)
    return answer.result ?? {}
  }

  /** A server that answers `server/discover` as the modern revisions do is modern; whatever else it says, it is asked to initialize. */
  async #open(): Promise<Speech> {
    const modern: Speech = { revision: LATEST_MODERN, isModern: true }
    const probe = await this.#exchange(modern, 'server/discover', {}).catch((error: unknown) => {
      if (error instanceof Fault && OF_PROBES.has(error.code)) return undefined
      throw error
    })
    const supported = probe?.result?.['supportedVersions']
    if (Array.isArray(supported) && supported.includes(LATEST_MODERN)) return modern
    return await this.#initialize()
  }

  async #initialize(): Promise<Speech> {
    const { client } = this.#options
    const sessions: string[] = []
    const params = { protocolVersion: LATEST_LEGACY, capabilities: {}, clientInfo: { ...client } }
    const answer = await this.#exchange({ isModern: false }, 'initialize', params, undefined, {}, sessions)
    const revision = answer.result?.['protocolVersion']
    if (answer.error !== undefined) throw fault(`initialize: ${answer.error.message} (${answer.error.code})`)
    if (typeof revision !== 'string') throw noServer('it does not initialize')
    const [session] = sessions
    const speech = { revision, isModern: false, ...(session === undefined ? {} : { session }) }
    await this.#post(speech, notificationBody('notifications/initialized'), {})
    return speech
  }

  /** One request and its answer; what comes before the answer is not for us. */
  async #exchange(
    speech: Speech,
    method: string,
    params: JsonObject,
    name?: string,
    more: Readonly<Record<string, string>> = {},
    sessions: string[] = [],
  ): Promise<Body> {
    this.#ids++
    const id = this.#ids
    const whole = speech.isModern ? { ...params, _meta: this.#envelope() } : params
    const standard = speech.isModern
      ? { [HEADER.method]: method, ...(name === undefined ? {} : { [HEADER.name]: encodeHeaderValue(name) }), ...more }
      : {}
    const response = await this.#post(speech, requestBody(id, method, whole), standard)
    const session = response.headers.get(HEADER.session)
    if (session !== null) sessions.push(session)
    const refused = REFUSED[response.status]
    for await (const body of messagesOf(response)) {
      if (refused !== undefined && body.error !== undefined) throw refused(body.error.message, response)
      if (isResponse(body) && body.id === id) return body
      if (isRequest(body)) await this.#refuse(speech, body.id)
    }
    if (refused !== undefined) throw refused('', response)
    const { pathname } = this.#options.url
    if (response.status === 404 || response.status === 405) throw noServer(`nothing at ${pathname} takes messages (${response.status})`)
    throw noServer(`${method}: ${response.ok ? 'there was no answer' : `status ${response.status}`}`)
  }

  /** Nobody is here to be asked. */
  async #refuse(speech: Speech, id: RequestId): Promise<void> {
    const response = await this.#post(speech, errorResponse(id, METHOD_NOT_FOUND, 'Method not found.'), {})
    await response.body?.cancel()
  }

  #post(speech: Speech, body: Body, headers: Readonly<Record<string, string>>): Promise<Response> {
    const { url, fetch, signal } = this.#options
    const init = { method: 'POST', headers: { ...this.#headers(speech), ...headers }, body: JSON.stringify(body), signal }
    return fetch(url, init).catch((error: unknown) => {
      throw unreachable(url, error)
    })
  }

  #headers({ revision, session }: Speech): Record<string, string> {
    return {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(revision === undefined ? {} : { [HEADER.revision]: revision }),
      ...(session === undefined ? {} : { [HEADER.session]: session }),
    }
  }

  #envelope(): JsonObject {
    return {
      [META.protocolVersion]: LATEST_MODERN,
      [META.clientCapabilities]: {},
      [META.clientInfo]: { ...this.#options.client },
    }
  }
}

/** The messages of an answer: one of JSON, or those of a stream. An answer that is neither has none. */
async function* messagesOf(response: Response): AsyncGenerator<Body> {
  const type = (response.headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase()
  if (response.body === null) return
  if (type === 'text/event-stream') {
    const decoder = new SseDecoder()
    for await (const chunk of response.body) {
      for (const { data } of decoder.push(chunk)) if (data !== '') yield bodyOf(Buffer.from(data))
    }
    return
  }
  if (type !== 'application/json') {
    await response.body.cancel()
    return
  }
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body) {
    size += chunk.length
    if (size > ANSWER_MAX_BYTES) throw fault(`the answer is larger than ${ANSWER_MAX_BYTES} bytes`)
    chunks.push(chunk)
  }
  yield bodyOf(Buffer.concat(chunks))
}

function bodyOf(bytes: Buffer): Body {
  const value = parse(bytes)
  if (!isObject(value) || value['jsonrpc'] !== '2.0') throw fault('it does not speak JSON-RPC 2.0')
  const read = BODY.safeParse(value)
  if (!read.success) throw fault('it does not speak JSON-RPC 2.0')
  return read.data
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(scan(bytes, RULES))
  } catch (error) {
    throw fault(error instanceof Denial ? error.detail : 'what it says does not parse')
  }
}

const OBJECT = z.record(z.string(), z.json())
const BODY: z.ZodType<Body> = z.object({
  jsonrpc: z.literal('2.0'),
  id: z.union([z.string(), z.number()]).exactOptional(),
  method: z.string().exactOptional(),
  params: OBJECT.exactOptional(),
  result: OBJECT.exactOptional(),
  error: z.object({ code: z.number(), message: z.string(), data: z.json().exactOptional() }).exactOptional(),
})

const fault = (message: string): Fault => new Fault('FAULT_SERVER', `The server cannot be used: ${message}`)
const noServer = (message: string): Fault => new Fault('FAULT_ENDPOINT', `It is no MCP server: ${message}`)
/** What servers of the older revisions may say to a method that they do not know. */
const OF_PROBES: ReadonlySet<string> = new Set(['FAULT_SERVER', 'FAULT_ENDPOINT'])

/** What says nothing of the method, but of who asks and how often. */
const REFUSED: Readonly<Record<number, (said: string, response: Response) => Fault>> = {
  401: (said) => new Fault('FAULT_CREDENTIAL', `The server lets nobody in like this: ${said || 'status 401'}`),
  429: (said, { headers }) => {
    const after = /^\d+$/.exec(headers.get('retry-after') ?? '')?.[0]
    return new Fault('FAULT_LIMITED', `The server asks to wait${after === undefined ? '' : ` for ${after} s`}: ${said || 'status 429'}`)
  },
}

/** `fetch` says that it failed, and behind that why. */
function unreachable({ origin }: URL, error: unknown): unknown {
  if (error instanceof DOMException && error.name === 'TimeoutError')
    return new Fault('FAULT_UNREACHABLE', `${origin} has not answered in time`, { cause: error })
  const cause = error instanceof TypeError ? error.cause : undefined
  if (!(cause instanceof Error)) return error
  const inner = cause instanceof AggregateError ? cause.errors.find((one) => one instanceof Error) : undefined
  return new Fault('FAULT_UNREACHABLE', `${origin} cannot be reached: ${inner?.message ?? cause.message}`, { cause: error })
}

/** What a result says in words. */
export function textOf(result: JsonObject): string {
  const content: JsonValue = result['content'] ?? []
  if (!Array.isArray(content)) return ''
  return content
    .map((part: JsonValue) => (isObject(part) && typeof part['text'] === 'string' ? part['text'] : JSON.stringify(part)))
    .join('\n')
}
