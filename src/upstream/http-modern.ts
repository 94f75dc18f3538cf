/** A server of the newer revisions, spoken to on behalf of a session of an older one: each request stands for itself. */
import type { Peer } from '../bridge/peer.ts'
import { metaOf } from '../bridge/wire.ts'
import type { Body, Message } from '../core/call.ts'
import { isObject, type JsonObject } from '../core/json.ts'
import { abortSignalOf, type Signal } from '../core/signal.ts'
import { requestBody } from '../mcp/message.ts'
import { type Mirror, mirrored, mirrorsOf } from '../mcp/mirror.ts'
import { LATEST_MODERN, META } from '../mcp/revision.ts'
import { Exchange } from './http-exchange.ts'
import { modernHeaders, type Preamble } from './http-headers.ts'
import type { Wire } from './http-plan.ts'

const HEADER_MISMATCH = -32020
/** Pages of `tools/list` that are read to find one tool. */
const PAGES_MAX = 20

export class ModernPeer implements Peer {
  readonly #wire: Wire
  readonly #preamble: Preamble
  /** By tool: learned when the server misses them. */
  readonly #mirrors = new Map<string, readonly Mirror[]>()
  readonly #closing = new AbortController()

  constructor(wire: Wire, preamble: Preamble) {
    this.#wire = wire
    this.#preamble = preamble
  }

  async *request(message: Message, signal: Signal): AsyncGenerator<Message, undefined> {
    const { body } = message
    const stop = AbortSignal.any([abortSignalOf(signal), this.#closing.signal])
    const isCall = body.method === 'tools/call'
    for await (const told of this.#exchange(body, stop)) {
      if (!isCall || told.body.error?.code !== HEADER_MISMATCH || !(await this.#learn(body, stop))) {
        yield told
        continue
      }
      // 2026-07-28, `x-mcp-header`: on this error, fetch the tools and repeat once with the headers they ask for.
      yield* this.#exchange(body, stop)
      return
    }
  }

  /** Nothing is notified and nothing asked in these revisions. */
  send(): Promise<void> {
    return Promise.resolve()
  }

  onStray(): () => void {
    return () => undefined
  }

  close(): Promise<void> {
    this.#closing.abort()
    return Promise.resolve()
  }

  #exchange(body: Body, signal: Signal): Exchange {
    const { name, arguments: args } = body.params ?? {}
    const mirrors = body.method === 'tools/call' && typeof name === 'string' ? this.#mirrors.get(name) : undefined
    const params = mirrors !== undefined && isObject(args) ? mirrored(mirrors, args) : undefined
    return new Exchange(this.#wire, {
      method: 'POST',
      headers: modernHeaders(this.#preamble, LATEST_MODERN, body, params),
      body: JSON.stringify(body),
      era: 'modern',
      signal,
      id: body.id,
      isOpenEnded: body.method === 'subscriptions/listen',
      isIdempotent: body.method?.endsWith('/list') === true,
    })
  }

  /** @returns whether there is something new to repeat the call with. */
  async #learn(call: Body, signal: Signal): Promise<boolean> {
    const name = call.params?.['name']
    if (typeof name !== 'string') return false
    let cursor: JsonObject = {}
    for (let page = 0; page < PAGES_MAX; page++) {
      const params = { ...cursor, _meta: envelopeOf(call) }
      const result = (await last(this.#exchange(requestBody(`portcullis-tools-${page}`, 'tools/list', params), signal)))?.body.result
      const tools = result?.['tools']
      const tool = Array.isArray(tools) ? tools.find((candidate) => isObject(candidate) && candidate['name'] === name) : undefined
      if (isObject(tool)) {
        const mirrors = mirrorsOf(tool['inputSchema'])
        if (mirrors === undefined || mirrors.length === 0) return false
        this.#mirrors.set(name, mirrors)
        return true
      }
      const next = result?.['nextCursor']
      if (typeof next !== 'string') return false
      cursor = { cursor: next }
    }
    return false
  }
}

function envelopeOf(call: Body): JsonObject {
  const meta = metaOf(call) ?? {}
  return {
    [META.protocolVersion]: LATEST_MODERN,
    [META.clientCapabilities]: meta[META.clientCapabilities] ?? {},
    [META.clientInfo]: meta[META.clientInfo],
  }
}

async function last(messages: AsyncIterable<Message>): Promise<Message | undefined> {
  let told: Message | undefined
  for await (const message of messages) told = message
  return told
}
