/** guardTransport(): between any transport of the SDKs, v1 and v2, and the server that is connected to it. Nothing is skipped on stdio. */
import { Mailbox } from '../bridge/mailbox.ts'
import { Strays } from '../bridge/strays.ts'
import { exactly, isBody } from '../bridge/wire.ts'
import type { Body, Call, Message, RequestId } from '../core/call.ts'
import { Denial } from '../core/denial.ts'
import { nameOf, type Principal } from '../core/principal.ts'
import { Stop } from '../core/signal.ts'
import { pass } from '../guard/guard.ts'
import { bodilessCall, type Envelope, flawedCall, parseCall } from '../mcp/parse.ts'
import { refusalBody } from '../mcp/refuse.ts'
import { subscriptionOf } from '../upstream/remap.ts'
import { current, inside, within } from './context.ts'
import { credentialsOf } from './extra.ts'
import { closeWhile, type Guard, type Guarded, type Post, postOf } from './guard.ts'
import { overHttp } from './mistakes.ts'

/** What the SDKs call a `Transport`. `M` is their message, `X` what they tell beside it, `O` their options for sending. */
export interface SdkTransport<M, X, O> {
  start(): Promise<void>
  send(message: M, options?: O): Promise<void>
  close(): Promise<void>
  onclose?: (() => void) | undefined
  onerror?: ((error: Error) => void) | undefined
  onmessage?: ((message: M, extra?: X) => void) | undefined
  sessionId?: string | undefined
  setProtocolVersion?: ((version: string) => void) | undefined
}

/**
 * A transport to connect the server to, in place of the one that is given. What comes in walks the line before the server sees it, what the
 * server says walks it out again. The caller is known by the headers of the request, where the transport tells them, and on stdio by the
 * credential in the environment (`authentication.environment`).
 * Over HTTP take `guardNode` or `guardFetch`: here a refusal is a JSON-RPC error, never a status or a challenge; `onFault` is told so once.
 * @throws RangeError for a name that no server can have; TypeError for another mistake in the options; Fault `FAULT_CLOSED`.
 */
export function guardTransport<M extends object, X, O>(
  guard: Guard,
  transport: SdkTransport<M, X, O>,
  options: Guarded,
): SdkTransport<M, X, O> {
  const post = postOf(guard, options)
  const mistake = overHttp(guard, transport)
  if (mistake !== undefined) guard.onFault(mistake)
  return new GuardedTransport(guard, transport, post)
}

/** A request that the server works on. */
interface Running<O> {
  /** `issuer#subject` of whose it is. */
  readonly owner: string
  readonly box: Mailbox
  readonly stop: Stop
  /** How the server wants to have sent what belongs to it. */
  options: O | undefined
}

class GuardedTransport<M extends object, X, O> implements SdkTransport<M, X, O> {
  readonly #guard: Guard
  readonly #inner: SdkTransport<M, X, O>
  readonly #post: Post
  readonly #running = new Map<RequestId, Running<O>>()
  readonly #strays = new Strays()
  readonly #closing = new Stop()
  #walks = 0
  /** While a call is under way the guard must not close without it; else it holds nothing of a connection. */
  #forget: (() => void) | undefined
  /** Done when the last message was taken. */
  #turn: Promise<void> = Promise.resolve()
  /** Of the connection, once an `initialize` was accepted: whose it is, and that it has an era (2026-07-28, basic/versioning). */
  #owner: string | undefined
  onclose: (() => void) | undefined
  onerror: ((error: Error) => void) | undefined
  onmessage: ((message: M, extra?: X) => void) | undefined

  constructor(guard: Guard, inner: SdkTransport<M, X, O>, post: Post) {
    this.#guard = guard
    this.#inner = inner
    this.#post = post
  }

  get sessionId(): string | undefined {
    return this.#inner.sessionId
  }

  readonly setProtocolVersion = (version: string): void => this.#inner.setProtocolVersion?.(version)

  start(): Promise<void> {
    this.#inner.onmessage = (message, extra) => void this.#accept(message, extra)
    this.#inner.onerror = (error) => this.onerror?.(error)
    this.#inner.onclose = () => {
      this.#closing.abort()
      this.#strays.close()
      for (const { stop } of this.#running.values()) stop.abort()
      this.onclose?.()
    }
    return this.#inner.start()
  }

  close(): Promise<void> {
    return this.#inner.close()
  }

  /** The guard closes. The transport is its owner's: whoever asks by it from now on is refused. */
  readonly #end = (): Promise<void> =>
    this.#post.underWay.close(this.#guard.house.config.limits.drainMs, async () => {
      for (const { box } of this.#running.values()) box.fail(new Denial('upstream_failed', { detail: 'the guard was closed' }))
      this.#closing.abort()
      this.#strays.close()
    })

  /** From the server. What belongs to a request walks out with it, the rest with the stream of the connection. */
  send(given: M, options?: O): Promise<void> {
    if (!isBody(given)) return Promise.reject(new TypeError('not a JSON-RPC 2.0 message'))
    const message = exactly(given)
    if (message.method === undefined) {
      const running = message.id === undefined ? undefined : this.#running.get(message.id)
      if (running !== undefined) running.options = options
      running?.box.finish({ body: message })
      return Promise.resolve()
    }
    const related = relatedOf(options) ?? idOf(subscriptionOf(message))
    const running = related === undefined ? undefined : this.#running.get(related)
    if (running !== undefined) {
      running.options = options
      running.box.push({ body: message })
    } else if (this.#owner !== undefined && !this.#strays.give({ body: message })) this.#strays.keep({ body: message })
    return Promise.resolve()
  }

  /** From the client. */
  async #accept(message: M, extra: X | undefined): Promise<void> {
    const { maxBytes } = this.#guard.house.config.limits.request
    const bytes = Buffer.from(JSON.stringify(message))
    const stop = new Stop()
    const tooLarge = new Denial('too_large', { detail: `a message is over limits.request.maxBytes (${maxBytes})` })
    const call = bytes.length > maxBytes ? flawedCall(tooLarge, this.#envelope(stop)) : parseCall(bytes, this.#envelope(stop))
    await this.#walk(call, stop, extra, (asked, principal) => this.#deliver(asked, nameOf(principal), message, stop, extra))
  }

  async #walk(
    call: Call,
    stop: Stop,
    extra: X | undefined,
    deliver: (asked: Call, principal: Principal) => AsyncIterable<Message>,
  ): Promise<void> {
    const { house } = this.#guard
    const { steps, powers, onFailure } = this.#post
    const { id } = call.message.body
    if (this.#walks++ === 0) this.#forget = closeWhile(this.#guard, this.#end)
    try {
      const credentials = credentialsOf(extra, house.config.authentication.environment.value)
      const messages = pass(steps, call, credentials, (asked, principal) => {
        this.#checkOwner(asked, principal)
        return within({ call: asked, principal, powers }, () => deliver(asked, principal), onFailure)
      })
      for await (const { body, event } of messages) {
        if (call.method === 'initialize' && body.result !== undefined) this.#open(extra)
        if (event?.isEmpty !== true) await this.#write(body, id === undefined ? undefined : this.#running.get(id)?.options)
      }
    } catch (error) {
      if (id !== undefined && !call.method.startsWith('$') && !stop.aborted)
        await this.#write(refusalBody(Denial.from(error), call), undefined)
    } finally {
      if (--this.#walks === 0) this.#forget?.()
      if (id !== undefined && this.#running.get(id)?.stop === stop) this.#running.delete(id)
    }
  }

  /** A connection that began with `initialize` is its opener's alone: an id of a session, if there is one, names and proves nothing. */
  #checkOwner(call: Call, principal: Principal): void {
    if (call.origin.era !== 'legacy' || this.#owner === undefined) {
      if (call.method === 'initialize') this.#owner = nameOf(principal)
      return
    }
    if (this.#owner !== nameOf(principal)) throw new Denial('no_session', { detail: 'a connection of another principal' })
  }

  #deliver(call: Call, owner: string, message: M, stop: Stop, extra: X | undefined): AsyncIterable<Message> {
    const { body } = call.message
    const given = call.message.bytes !== undefined ? message : body
    if (!isMessage<M>(given)) throw new Denial('malformed', { detail: 'not a JSON-RPC 2.0 message' })
    if (body.id === undefined || body.method === undefined) {
      if (call.method !== 'notifications/cancelled' || this.#cancel(body, owner)) this.#hand(given, extra)
      return NOTHING
    }
    const id = body.id
    if (this.#running.has(id)) throw new Denial('malformed', { detail: 'the id of a request that is under way' })
    const leave = (): void => box.end()
    const box = new Mailbox()
    this.#running.set(id, { owner, box, stop, options: undefined })
    stop.addEventListener('abort', leave)
    this.#hand(given, extra)
    return box
  }

  /**
   * To the server, one message in each turn of the event loop. A host that queues what it is told, as the SDK's `serveStdio` does, would
   * otherwise do the work of one call as part of another, and its checks and notes would be the other's.
   */
  #hand(message: M, extra: X | undefined): void {
    const asking = current()
    const tell = (): void => this.onmessage?.(message, extra)
    this.#turn = this.#turn
      .then(() => (asking === undefined ? tell() : inside(asking, tell)))
      .catch((error: Error) => this.onerror?.(error))
      .then(() => new Promise((resolve) => setImmediate(resolve)))
  }

  /** What the caller asked itself: a transport over HTTP may carry many, whose ids are equal. @returns whether the server may be told. */
  #cancel(body: Body, owner: string): boolean {
    const requestId = idOf(body.params?.['requestId'])
    const running = requestId === undefined ? undefined : this.#running.get(requestId)
    if (running === undefined || running.owner !== owner) return false
    running.stop.abort()
    return true
  }

  /** What the server says unasked has a stream from now on: it walks the line like everything else. */
  #open(extra: X | undefined): void {
    void this.#walk(bodilessCall('$stream', this.#envelope(this.#closing)), this.#closing, extra, () => this.#strays.stream(this.#closing))
  }

  async #write(body: Body, options: O | undefined): Promise<void> {
    if (!isMessage<M>(body)) return
    await this.#inner.send(body, options).catch((error: Error) => this.onerror?.(error))
  }

  #envelope(signal: Stop): Envelope {
    const { config, clock, newId } = this.#guard.house
    return {
      id: newId(),
      server: this.#post.server,
      transport: 'embedded',
      receivedAt: clock(),
      signal,
      limits: { maxDepth: config.limits.request.maxDepth },
      ...(this.#owner === undefined ? {} : { forcedEra: 'legacy' as const }),
    }
  }
}

const NOTHING: AsyncIterable<Message> = {
  [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve({ done: true, value: undefined }) }),
}

/** Whatever an SDK calls its message, it is one of JSON-RPC 2.0. */
function isMessage<M>(value: unknown): value is M {
  return isBody(value)
}

function idOf(value: unknown): RequestId | undefined {
  return typeof value === 'string' || typeof value === 'number' ? value : undefined
}

function relatedOf(options: unknown): RequestId | undefined {
  return typeof options === 'object' && options !== null && 'relatedRequestId' in options ? idOf(options.relatedRequestId) : undefined
}
