/** Asks a server for its tools, when one is called that nobody has listed: in the caller's own words and on its own connection, once for all who wait. */
import type { Call, Message } from '../core/call.ts'
import { Denial } from '../core/denial.ts'
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { nameOf, type Principal } from '../core/principal.ts'
import { Stop } from '../core/signal.ts'
import type { Clock } from '../core/time.ts'
import { isResponse, requestBody } from '../mcp/message.ts'
import { META, metaOf } from '../mcp/revision.ts'
import { remember } from '../trust/remember.ts'
import type { TimeoutOf } from './call-time.ts'
import type { Catalog } from './catalog.ts'
import type { Definitions } from './definitions.ts'
import type { Forward } from './guard.ts'

/** Pages of one list that are read. */
const PAGES_MAX = 20
/** Long enough for a command to start; a caller waits for it. */
const ASK_MS = 10_000
/** A caller that was told everything is not told it again so soon, whatever it calls. */
export const FRESH_MS = 5_000
/** Callers whose last inquiry is remembered. */
const ASKED_MAX = 10_000

export interface InquiryParts {
  readonly catalog: Catalog
  readonly definitions?: Definitions
  readonly clock: Clock
  /** Writes down that a server is asked, for which call: nothing is done before. */
  readonly begin: (call: Call, principal: Principal) => Promise<void>
  /** How long a server has for a call, milliseconds: for this it has no longer. */
  readonly timeoutOf: TimeoutOf
}

export class Inquiry {
  readonly #parts: InquiryParts
  /** By server and caller: when, and the answer while it is awaited. */
  readonly #asked = new Map<string, { readonly at: number; readonly done: Promise<void> | undefined }>()

  constructor(parts: InquiryParts) {
    this.#parts = parts
  }

  /**
   * Undefined where this caller was told everything just now.
   * @param isAnew what the server said before this call counts for nothing.
   * @throws Denial `timeout`, and whatever the server's connection says.
   */
  ask(call: Call, principal: Principal, forward: Forward, isAnew = false): Promise<void> | undefined {
    const { server } = call.resource
    const key = `${server} ${nameOf(principal)}`
    const now = this.#parts.clock()
    const before = this.#asked.get(key)
    if (before?.done !== undefined) {
      const again = (): Promise<void> | undefined => this.ask(call, principal, forward, isAnew)
      return isAnew && before.at < call.receivedAt ? before.done.then(again, again) : before.done
    }
    if (before !== undefined && !isAnew && now - before.at < FRESH_MS && this.#parts.catalog.isCurrent(server, before.at)) return undefined
    const done = this.#within(call, principal, forward).then(
      () => this.#note(key, { at: now, done: undefined }),
      (error: unknown) => {
        this.#asked.delete(key)
        throw error
      },
    )
    this.#note(key, { at: now, done })
    return done
  }

  #note(key: string, asked: { readonly at: number; readonly done: Promise<void> | undefined }): void {
    remember(this.#asked, key, asked, ASKED_MAX)
  }

  async #within(call: Call, principal: Principal, forward: Forward): Promise<void> {
    const stop = new Stop()
    const { promise: late, reject } = Promise.withResolvers<never>()
    const timer = setTimeout(
      () => {
        reject(new Denial('timeout', { detail: `${call.resource.server}: tools/list was not answered in time` }))
        stop.abort()
      },
      Math.min(ASK_MS, this.#parts.timeoutOf(call.resource.server) ?? ASK_MS),
    )
    try {
      await Promise.race([this.#pages(call, principal, forward, stop), late])
    } finally {
      clearTimeout(timer)
    }
  }

  async #pages(call: Call, principal: Principal, forward: Forward, stop: Stop): Promise<void> {
    const { catalog, definitions } = this.#parts
    await this.#parts.begin(call, principal)
    const named = new Set<string>()
    let cursor: string | undefined
    for (let page = 0; page < PAGES_MAX && !stop.aborted; page++) {
      const ask = { ...inquiryOf(call, page, cursor), receivedAt: this.#parts.clock(), signal: stop }
      const result = await resultOf(() => forward(ask, principal))
      if (result === undefined) return
      const message: Message = { body: { jsonrpc: '2.0', id: 0, result } }
      await definitions?.see(message, ask, principal)
      catalog.learn(message, ask, principal)
      for (const name of namesIn(result['tools'])) named.add(name)
      const next = result['nextCursor']
      if (typeof next !== 'string') {
        catalog.retain(call.resource.server, named, principal)
        return
      }
      cursor = next
    }
  }
}

/** `tools/list` as this caller would have asked it. */
function inquiryOf(call: Call, page: number, cursor: string | undefined): Call {
  const { server } = call.resource
  const { mirrored: _mirrored, lastEventId: _lastEventId, ...rest } = call
  const params: JsonObject = {
    ...(cursor === undefined ? {} : { cursor }),
    ...(call.origin.era === 'modern' ? { _meta: envelopeOf(call) } : {}),
  }
  const body = requestBody(`portcullis-tools-${call.id}-${page}`, 'tools/list', params)
  return {
    ...rest,
    method: 'tools/list',
    action: 'list',
    resource: { kind: 'server', server, name: server },
    arguments: {},
    message: { body },
  }
}

/** What the caller said of itself, and nothing that belongs to its call alone. */
function envelopeOf(call: Call): JsonObject {
  const meta = metaOf(call.message.body.params)
  return {
    [META.protocolVersion]: meta?.[META.protocolVersion],
    [META.clientCapabilities]: meta?.[META.clientCapabilities],
    [META.clientInfo]: meta?.[META.clientInfo],
  }
}

/** An error is an answer too: then it lists nothing. @throws Denial that there was none: of a server that has no room, too, and not of the caller. */
async function resultOf(ask: () => ReturnType<Forward>): Promise<JsonObject | undefined> {
  try {
    for await (const { body } of ask()) if (isResponse(body)) return body.result
  } catch (error) {
    const denial = Denial.from(error)
    throw denial.code === 'unavailable' ? denial.asOfServer() : error
  }
  throw new Denial('upstream_failed', { detail: 'tools/list was not answered' })
}

function namesIn(tools: JsonValue | undefined): readonly string[] {
  if (!Array.isArray(tools)) return []
  return tools.flatMap((tool: JsonValue) => (isObject(tool) && typeof tool['name'] === 'string' ? [tool['name']] : []))
}
