/** One long-lived server of the SDK v2, kept for all callers: each request stands for itself, and what it says in between goes to whom it belongs. */
import type { McpServer, Server } from '@modelcontextprotocol/server'
import { Mailbox } from '../bridge/mailbox.ts'
import type { Peer } from '../bridge/peer.ts'
import { exactly, isBody, isRequestId, metaOf } from '../bridge/wire.ts'
import { Ledger } from '../core/bag.ts'
import type { Body, Message, RequestId } from '../core/call.ts'
import { Denial } from '../core/denial.ts'
import type { JsonObject } from '../core/json.ts'
import type { Signal } from '../core/signal.ts'
import type { Clock } from '../core/time.ts'
import { notificationBody, requestBody, resultResponse } from '../mcp/message.ts'
import { LATEST_MODERN, META } from '../mcp/revision.ts'
import { Deadlines, type Expiring } from '../upstream/http-deadline.ts'
import { inward, lastOf, subscriptionOf, toldTo } from '../upstream/remap.ts'
import { watchThrown } from './thrown.ts'

/** Under way at once in one server: more than any process can do. */
const INFLIGHT_MAX = 4096
/** However much progress is told, a call ends: so many times its time-out. */
const MAX_TIMEOUTS = 20
/** Subscriptions are bounded for each principal by the edge; the SDK's own bound must not come first. */
const SUBSCRIPTIONS_MAX = 65_536
const CLASSIFICATION = { classification: { era: 'modern', revision: LATEST_MODERN } } as const
const OURS: JsonObject = { [META.protocolVersion]: LATEST_MODERN, [META.clientCapabilities]: {} }

type Connectable = McpServer | Server
type Transport = Parameters<Connectable['connect']>[0]
type SdkMessage = Parameters<Transport['send']>[0]

/** One request under way. */
class Asked implements Expiring {
  readonly body: Body
  readonly token: RequestId | undefined
  readonly box: Mailbox
  readonly onAbort: () => void
  readonly #onLate: () => void
  readonly giveUpAt: number
  dueAt: number

  constructor(body: Body, now: number, timeoutMs: number, onLeave: () => void, onLate: () => void) {
    const token = metaOf(body)?.[META.progressToken]
    this.body = body
    this.token = isRequestId(token) ? token : undefined
    this.box = new Mailbox(onLeave)
    this.onAbort = onLeave
    this.#onLate = onLate
    this.giveUpAt = now + MAX_TIMEOUTS * timeoutMs
    this.dueAt = now + timeoutMs
  }

  expire(): void {
    this.#onLate()
  }
}

export interface HostedOptions {
  readonly clock: Clock
  readonly timeoutMs: number
}

export class HostedPeer implements Peer {
  readonly #server: Connectable
  readonly #options: HostedOptions
  readonly #deadlines: Deadlines
  readonly #asked = new Ledger<{ readonly asked: Asked; readonly signal: Signal }>()
  readonly #wire: Transport
  #nextId = 1
  #starting: Promise<void> | undefined
  /** What the server listens on, once it does. */
  #channel: Transport | undefined
  #stop: (() => Promise<void>) | undefined

  constructor(server: Connectable, options: HostedOptions) {
    this.#server = server
    this.#options = options
    this.#deadlines = new Deadlines(options.clock, options.timeoutMs)
    this.#wire = {
      start: () => Promise.resolve(),
      send: (message, said) => {
        if (isBody(message)) this.#take(exactly(message), said?.relatedRequestId)
        return Promise.resolve()
      },
      close: () => Promise.resolve(),
    }
  }

  get isReady(): boolean {
    return this.#channel !== undefined
  }

  /** Connects the server, once. @throws Denial `upstream_failed` when it does not answer. */
  ready(): Promise<void> {
    this.#starting ??= this.#start()
    return this.#starting
  }

  /** Of a server that is ready. The request is handed over at once, so the server works as part of the call that asks. */
  request(message: Message, signal: Signal): AsyncIterable<Message> {
    const { body } = message
    if (this.#asked.size >= INFLIGHT_MAX) throw new Denial('unavailable', { detail: 'the server has too much to do' })
    const id = this.#nextId++
    const { clock, timeoutMs } = this.#options
    const asked = new Asked(
      body,
      clock(),
      timeoutMs,
      () => this.#abandon(id),
      () => this.#late(id),
    )
    if (signal.aborted) {
      asked.box.end()
      return asked.box
    }
    signal.addEventListener('abort', asked.onAbort, { once: true })
    this.#asked.set(id, { asked, signal })
    const isSubscription = body.method === 'subscriptions/listen'
    // A subscription is meant to last.
    if (!isSubscription) this.#deadlines.add(asked)
    const params = asked.token === undefined ? body.params : { ...body.params, _meta: { ...metaOf(body), [META.progressToken]: id } }
    this.#hand(requestBody(id, body.method ?? '', params), isSubscription)
    return asked.box
  }

  /** Nothing is notified and nothing asked in this revision. */
  send(): Promise<void> {
    return Promise.resolve()
  }

  onStray(): () => void {
    return () => undefined
  }

  async close(): Promise<void> {
    await this.#stop?.()
    for (const id of this.#asked.keys()) this.#settle(id)?.box.fail(new Denial('upstream_failed', { detail: 'the server was closed' }))
  }

  /**
   * The SDK's own host for connections that last decides the era and keeps subscriptions. Calls go past it to the server: it takes messages
   * one after the other, and so would do the work of one call as part of another.
   */
  async #start(): Promise<void> {
    const { serveStdio } = await import('@modelcontextprotocol/server/stdio')
    const server = this.#server
    const connect = server.connect
    let channel: Transport | undefined
    let failure: unknown
    server.connect = async (transport) => {
      channel = transport
      server.connect = connect
      await connect.call(server, transport).catch((error: unknown) => {
        failure = error
        throw error
      })
    }
    watchThrown(server)
    const { close } = serveStdio(() => server, { transport: this.#wire, legacy: 'reject', maxSubscriptions: SUBSCRIPTIONS_MAX })
    this.#stop = close
    const question = this.request({ body: requestBody('start', 'server/discover', { _meta: OURS }) }, new AbortController().signal)
    for await (const { body } of question) {
      if (body.error !== undefined)
        throw new Denial('upstream_failed', {
          detail: `server/discover: ${failure === undefined ? body.error.message : String(failure)}`,
          cause: failure,
        })
    }
    this.#channel = channel
  }

  #hand(body: Body, isForHost: boolean): void {
    if (!isSdkMessage(body)) return
    if (isForHost || this.#channel === undefined) this.#wire.onmessage?.(body)
    else this.#channel.onmessage?.(body, CLASSIFICATION)
  }

  #take(body: Body, related: RequestId | undefined): void {
    if (body.method === undefined) {
      const asked = this.#settle(body.id)
      asked?.box.finish({ body: inward(body, asked.body) })
      return
    }
    // A server of this revision asks nothing (2026-07-28, basic/transports).
    if (body.id !== undefined) return
    const found = this.#find(body.params?.['progressToken']) ?? this.#find(subscriptionOf(body)) ?? this.#find(related)
    if (found === undefined) return
    const { asked } = found
    asked.dueAt = Math.min(this.#options.clock() + this.#options.timeoutMs, asked.giveUpAt)
    asked.box.push({ body: inWordsOf(asked, body) })
  }

  #find(id: unknown): { readonly asked: Asked } | undefined {
    return typeof id === 'number' ? this.#asked.get(id) : undefined
  }

  #settle(id: unknown): Asked | undefined {
    const found = typeof id === 'number' ? this.#asked.get(id) : undefined
    if (found === undefined || typeof id !== 'number') return undefined
    const { asked, signal } = found
    this.#asked.delete(id)
    this.#deadlines.delete(asked)
    signal.removeEventListener('abort', asked.onAbort)
    return asked
  }

  /** Nobody waits for it any more. */
  #abandon(id: number): void {
    const asked = this.#settle(id)
    if (asked === undefined) return
    const isSubscription = asked.body.method === 'subscriptions/listen'
    if (isSubscription && asked.body.id !== undefined) asked.box.finish({ body: resultResponse(asked.body.id, lastOf(asked.body.id)) })
    asked.box.end()
    this.#hand(notificationBody('notifications/cancelled', { requestId: id }), isSubscription)
  }

  #late(id: number): void {
    const found = this.#asked.get(id)
    found?.asked.box.fail(new Denial('timeout', { detail: `no answer to ${found.asked.body.method} in ${this.#options.timeoutMs} ms` }))
    this.#abandon(id)
  }
}

/** A notification under its asker's own id and token. */
function inWordsOf(asked: Asked, body: Body): Body {
  if (body.method === 'notifications/progress' && asked.token !== undefined)
    return { ...body, params: { ...body.params, [META.progressToken]: asked.token } }
  return subscriptionOf(body) === undefined ? body : toldTo(body, asked.body.id)
}

/** What the SDK calls a message is one of JSON-RPC 2.0. */
function isSdkMessage(body: Body | SdkMessage): body is SdkMessage & Body {
  return isBody(body)
}
