/** A connection over HTTP to a server of a revision with `initialize`, shared by many requests whose ids may be equal. */
import type { Schedule } from '../bridge/alarm.ts'
import type { Peer } from '../bridge/peer.ts'
import { STANDING } from '../bridge/strays.ts'
import { type Implementation, isRequestId, metaOf, refusalOf } from '../bridge/wire.ts'
import type { Body, Message, RequestId } from '../core/call.ts'
import { Denial } from '../core/denial.ts'
import { abortSignalOf, type Signal } from '../core/signal.ts'
import { resultResponse } from '../mcp/message.ts'
import type { Preamble } from './http-headers.ts'
import { LegacyLink } from './http-link.ts'
import type { Ways, Wire } from './http-plan.ts'

/** Before a stream that broke off is asked for again, unless the server names another span. */
const RETRY_MS = 1_000
/** A server may ask for a pause, but not for ever. */
const RETRY_MAX_MS = 30_000
/** Times in a row that a stream may break off without saying anything. */
const RETRIES_MAX = 5
/** Methods that may be asked twice. */
const IDEMPOTENT = /^(?:ping|logging\/setLevel|completion\/complete|.+\/(?:list|read|get|subscribe|unsubscribe))$/

/** What speaking with one server needs. */
export interface HttpTalk {
  readonly wire: Wire
  readonly ways: Ways
  readonly preamble: Preamble
  /** Who we say we are. */
  readonly client: Implementation
  readonly schedule: Schedule
}

/** What an interrupted stream left behind. */
interface Position {
  readonly id: string | undefined
  readonly retryMs: number
}

/** Opened by the first request, which must be `initialize`. */
export class HttpPeer implements Peer {
  readonly #wire: Wire
  readonly #link: LegacyLink
  readonly #closing = new AbortController()
  readonly #strays = new Set<(message: Message) => void>()
  #nextId = 1
  #inflight = 0
  #isListening = false
  #isInitialized = false

  constructor(wire: Wire, preamble: Preamble) {
    this.#wire = wire
    this.#link = new LegacyLink({ wire, preamble, isOurs: true })
  }

  /** Requests under way. */
  get inflight(): number {
    return this.#inflight
  }

  async *request(message: Message, signal: Signal): AsyncGenerator<Message, undefined> {
    this.#inflight++
    try {
      yield* this.#run(message, signal)
    } finally {
      this.#inflight--
    }
  }

  async *#run(message: Message, signal: Signal): AsyncGenerator<Message, undefined> {
    const wireId = this.#nextId++
    const both = AbortSignal.any([abortSignalOf(signal), this.#closing.signal])
    const out = { body: outward(message.body, wireId) }
    const isOpening = message.body.method === 'initialize'
    const first = isOpening
      ? this.#link.open(out, both)
      : this.#link.request({ message: out, signal: both, isIdempotent: IDEMPOTENT.test(message.body.method ?? '') })
    let source: AsyncIterable<Message> = first
    let position: Position = { id: undefined, retryMs: RETRY_MS }
    for (let silent = 0; silent < RETRIES_MAX; silent++) {
      for await (const told of source) {
        position = { id: told.event?.id ?? position.id, retryMs: told.event?.retryMs ?? position.retryMs }
        if (told.event?.isEmpty === true) continue
        silent = 0
        if (told.body.method === undefined) {
          // A resumed stream may carry answers to others: they were told already.
          if (told.body.id !== wireId) continue
          yield { body: inward(told.body, message.body, wireId) }
          return
        }
        if (this.#answerOwn(told.body)) continue
        yield { body: inward(told.body, message.body, wireId) }
      }
      if (both.aborted) return
      if (position.id === undefined) break
      await pause(position.retryMs, both)
      source = this.#link.stream(both, position.id)
    }
    throw new Denial('upstream_failed', { detail: `${this.#wire.server}: its stream ended before the response` })
  }

  async send(message: Message): Promise<void> {
    await this.#link.send(message, this.#closing.signal).next()
    if (message.body.method === 'notifications/initialized') {
      this.#isInitialized = true
      this.#listen()
    }
  }

  onStray(listener: (message: Message) => void): () => void {
    this.#strays.add(listener)
    this.#listen()
    return () => this.#strays.delete(listener)
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#link.end()
  }

  /** Opens the GET stream, once, when there is a session and somebody who listens. */
  #listen(): void {
    if (this.#isListening || !this.#isInitialized || this.#strays.size === 0) return
    this.#isListening = true
    // A server without a GET stream (405) has nothing to say out of turn; one that breaks for good is heard of by its requests.
    this.#follow().catch(() => this.#wire.onNoise('the GET stream ended'))
  }

  async #follow(): Promise<void> {
    const { signal } = this.#closing
    let position: Position = { id: undefined, retryMs: RETRY_MS }
    for (let silent = 0; silent < RETRIES_MAX && !signal.aborted; silent++) {
      for await (const told of this.#link.stream(signal, position.id)) {
        // That the stream stands is not yet a word on it.
        if (told === STANDING) continue
        silent = 0
        position = { id: told.event?.id ?? position.id, retryMs: told.event?.retryMs ?? position.retryMs }
        if (told.event?.isEmpty === true || told.body.method === undefined || this.#answerOwn(told.body)) continue
        this.#stray(told.body)
      }
      await pause(position.retryMs, signal)
    }
  }

  #stray(body: Body): void {
    if (this.#strays.size === 0 && body.id !== undefined) this.#reply(refusalOf(body.id))
    for (const listener of this.#strays) listener({ body })
  }

  /** A ping is answered where it arrives. @returns whether it was one. */
  #answerOwn(body: Body): boolean {
    if (body.method !== 'ping' || body.id === undefined) return false
    this.#reply({ body: resultResponse(body.id, {}) })
    return true
  }

  #reply(message: Message): void {
    this.send(message).catch(() => this.#wire.onNoise('an answer was not taken'))
  }
}

/** A request as it goes out: under our id, which also serves as progress token. */
function outward(body: Body, id: number): Body {
  const meta = metaOf(body)
  if (!isRequestId(meta?.['progressToken'])) return { ...body, id }
  return { ...body, id, params: { ...body.params, _meta: { ...meta, progressToken: id } } }
}

/** A message as the asker expects it: its own id and progress token. */
function inward(body: Body, asked: Body, wireId: number): Body {
  if (body.method === undefined) {
    const id: RequestId = asked.id ?? wireId
    return { ...body, id }
  }
  const token = metaOf(asked)?.['progressToken']
  if (body.method !== 'notifications/progress' || body.params?.['progressToken'] !== wireId || token === undefined) return body
  return { ...body, params: { ...body.params, progressToken: token } }
}

/** Waits, or until the signal aborts. */
function pause(ms: number, signal: Signal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  if (signal.aborted) return Promise.resolve()
  const done = (): void => {
    clearTimeout(timer)
    signal.removeEventListener('abort', done)
    resolve()
  }
  const timer = setTimeout(done, Math.min(ms, RETRY_MAX_MS)).unref()
  signal.addEventListener('abort', done)
  return promise
}
