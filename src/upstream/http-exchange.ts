/** One HTTP exchange with a server: what undici tells of it, turned into messages, within bounds of size and time. */
import type { Dispatcher } from 'undici'
import { STANDING } from '../bridge/strays.ts'
import type { Body, StreamEvent } from '../core/call.ts'
import { Denial } from '../core/denial.ts'
import { SseDecoder, type SseEvent } from '../mcp/sse.ts'
import { codeOf, flawOfHead, isMedia, isStale, messageOf, ownResponse, parseBytes, parseText, positionOf } from './http-answer.ts'
import type { Expiring } from './http-deadline.ts'
import { Delivery } from './http-delivery.ts'
import { type Headers, type Plan, present, type Wire } from './http-plan.ts'

/** How long a stream may stay open after its response before the connection is given up. */
const AFTERMATH_MS = 1_000
const ABANDONED = new Error('The exchange was abandoned.')
const REFUSED_401 = "it refused the gateway's credential (401)"
const EMPTY: Body = { jsonrpc: '2.0' }

/** Sent when it is first read from. Ends after the response, or when the signal aborts; fails with a Denial. */
export class Exchange extends Delivery implements Dispatcher.DispatchHandler, Expiring {
  readonly #wire: Wire
  readonly #plan: Plan
  #controller: Dispatcher.DispatchController | undefined
  #giveUpAt = 0
  #wasRetried = false
  /** What was presented in `Authorization`. */
  #presented: string | undefined
  #wasRenewed = false
  #status = 0
  #isJson = false
  #decoder: SseDecoder | undefined
  /** Whether an event had an id: the client may come back for the rest (2025-11-25, "Resumability and Redelivery"). */
  #isResumable = false
  #size = 0
  readonly #chunks: Buffer[] = []
  dueAt = 0

  constructor(wire: Wire, plan: Plan) {
    super()
    this.#wire = wire
    this.#plan = plan
  }

  protected begin(): void {
    const { signal } = this.#plan
    if (signal.aborted) {
      this.finish()
      return
    }
    signal.addEventListener('abort', this)
    const now = this.#wire.clock()
    this.#giveUpAt = now + this.#wire.maxMs
    this.dueAt = now + this.#wire.timeoutMs
    this.#wire.deadlines.add(this)
    this.#dispatch()
  }

  protected ended(): void {
    this.#wire.deadlines.delete(this)
    this.#plan.signal.removeEventListener('abort', this)
  }

  protected abandon(): void {
    this.finish()
    this.#controller?.abort(ABANDONED)
    this.#plan.onAbandoned?.()
  }

  protected pause(): void {
    this.#controller?.pause()
  }

  protected resume(): void {
    if (this.#controller?.paused !== true) return
    // While the reader was slow, the time was not the server's.
    this.#prolong()
    this.#controller.resume()
  }

  /** The signal aborted: the exchange is its own listener, so no closure is made for each call. */
  handleEvent(): void {
    if (!this.isOver) this.abandon()
  }

  /** Time is up. */
  expire(): void {
    if (this.isOver) {
      // The response was there; only its connection is left to give up.
      this.#controller?.abort(ABANDONED)
      return
    }
    this.#plan.onAbandoned?.()
    this.#fail('no response in time', 'timeout')
  }

  /** Progress starts the time-out anew, up to the hard maximum. */
  #prolong(): void {
    this.dueAt = Math.min(this.#wire.clock() + this.#wire.timeoutMs, this.#giveUpAt)
  }

  #dispatch(): void {
    const { attachment } = this.#wire
    if (attachment === undefined) {
      this.#send(undefined)
      return
    }
    present(attachment, (value) => this.#send(value), this.#denied)
  }

  #send(authorization: string | undefined): void {
    // While a token was got, the caller may have gone or time may have run out.
    if (this.isOver) return
    const { method, headers, body, isOpenEnded } = this.#plan
    const pool = isOpenEnded ? this.#wire.streams : this.#wire.calls
    this.#presented = authorization
    const all = authorization === undefined ? headers : ['authorization', authorization, ...headers]
    pool.dispatch({ path: this.#wire.path, method, headers: all, body: body ?? null }, this)
  }

  readonly #denied = (error: unknown): void => this.deny(Denial.from(error))

  /** Refused before anything was done or told: the same once more with another credential. @returns whether that is tried. */
  #again(): boolean {
    const { attachment } = this.#wire
    const refused = this.#presented
    if (attachment === undefined || refused === undefined || this.#wasRenewed) return false
    this.#wasRenewed = true
    this.#status = 0
    this.#size = 0
    this.#chunks.length = 0
    this.#prolong()
    this.#wire.deadlines.add(this)
    attachment.renewed(refused).then((value) => {
      if (value === undefined) this.#fail(REFUSED_401)
      else this.#send(value)
    }, this.#denied)
    return true
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.isOver) controller.abort(ABANDONED)
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: Headers): void {
    if (status < 200 || this.isOver) return
    this.#status = status
    const type = headers['content-type']
    this.#isJson = isMedia(type, 'application/json')
    const flaw = flawOfHead(status, headers, this.#wire)
    if (flaw !== undefined) {
      this.#fail(flaw)
      return
    }
    if (status >= 300) return
    this.#plan.onHeaders?.(headers)
    if (this.#isJson || !isMedia(type, 'text/event-stream')) return
    this.#decoder = new SseDecoder(this.#wire.maxResponseBytes)
    if (!this.#plan.isOpenEnded) return
    this.#wire.deadlines.delete(this)
    if (this.#plan.method === 'GET') this.deliver(STANDING)
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.isOver) return
    // A stream without end is bounded event by event, by the decoder.
    if (!this.#plan.isOpenEnded || this.#decoder === undefined) this.#size += chunk.length
    if (this.#size > this.#wire.maxResponseBytes) this.#fail(`its answer is larger than ${this.#wire.maxResponseBytes} bytes`)
    else if (this.#decoder !== undefined) this.#decode(this.#decoder, chunk)
    else if (this.#isJson) this.#chunks.push(chunk)
  }

  onResponseEnd(): void {
    this.#controller = undefined
    this.#wire.deadlines.delete(this)
    if (this.isOver) return
    if (this.#status < 300) this.#wire.turn.arrivals(() => this.isOver || this.#settle(this.#conclude()))
    else this.#settle(this.#refused())
  }

  #settle(flaw: string | undefined): void {
    if (flaw !== undefined) this.#fail(flaw)
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#controller = undefined
    if (this.isOver) this.#wire.deadlines.delete(this)
    else if (this.#status === 0 && !this.#wasRetried && this.#plan.isIdempotent && isStale(error)) {
      this.#wasRetried = true
      this.#dispatch()
    } else if (this.#isResumable) this.finish()
    else {
      const code = codeOf(error)
      this.#fail(`${code}: ${error.message}`, code === 'UND_ERR_CONNECT_TIMEOUT' ? 'timeout' : 'upstream_failed', error)
    }
  }

  /** The answer has ended well as far as HTTP goes. @returns what is wrong with it, as do the others below. */
  #conclude(): string | undefined {
    const { id, method } = this.#plan
    const isStream = this.#decoder !== undefined
    if (id === undefined && method === 'GET' && !isStream) return 'it answered a GET with something else than a stream'
    if (id === undefined || (isStream && this.#isResumable)) {
      this.finish()
      return undefined
    }
    return isStream ? 'its stream ended before the response' : this.#single()
  }

  /** The whole answer is one JSON object. */
  #single(): string | undefined {
    if (!this.#isJson) return `it answered a request with ${this.#status} and no JSON`
    const bytes = this.#join()
    const value = parseBytes(bytes)
    const body = messageOf(value)
    if (body === undefined || body.method !== undefined) return 'it answered a request with something else than a response'
    return this.#respond(body, body === value ? bytes : undefined, undefined)
  }

  #join(): Buffer {
    const [first] = this.#chunks
    return first !== undefined && this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks)
  }

  #decode(decoder: SseDecoder, chunk: Buffer): void {
    try {
      for (const event of decoder.push(chunk)) {
        // Whatever follows the response is nobody's.
        const flaw = this.isOver ? this.#drop('an event after the response') : this.#take(event)
        if (flaw !== undefined) this.#fail(flaw)
      }
    } catch (error) {
      this.#fail('its stream could not be read', 'upstream_failed', error)
    }
  }

  #take(event: SseEvent): string | undefined {
    const position = this.#plan.era === 'legacy' ? positionOf(event, this.#plan.sealEventId) : undefined
    this.#isResumable ||= position?.id !== undefined
    if (event.data === '') {
      if (position !== undefined) this.deliver({ body: EMPTY, event: { ...position, isEmpty: true } })
      return undefined
    }
    const value = messageOf(parseText(event.data))
    if (value === undefined) return 'an event of its stream is no JSON-RPC message'
    const isAnswer = value.method === undefined
    if (isAnswer && this.#plan.id !== undefined) return this.#respond(value, undefined, position)
    const isRequest = !isAnswer && value.id !== undefined
    // 2026-07-28, basic/transports: a server sends no requests.
    if (this.#plan.era === 'modern' && (isAnswer || isRequest)) return this.#drop('a request or response where none belongs')
    // While the server waits for an answer of the caller's, only the hard maximum counts.
    if (isRequest) this.dueAt = this.#giveUpAt
    else this.#prolong()
    this.deliver(position === undefined ? { body: value } : { body: value, event: position })
    return undefined
  }

  #drop(kind: string): undefined {
    this.#wire.onNoise(kind)
  }

  #respond(body: Body, bytes: Uint8Array | undefined, position: StreamEvent | undefined): string | undefined {
    const own = ownResponse(body, this.#plan.id)
    if (own === undefined) return 'its response has the id of another request'
    this.#plan.onResponse?.(own)
    const message = bytes !== undefined && own === body ? { body: own, bytes } : { body: own }
    this.deliver(position === undefined ? message : { ...message, event: position })
    this.finish()
    if (this.#controller !== undefined) {
      this.dueAt = this.#wire.clock() + AFTERMATH_MS
      this.#wire.deadlines.add(this)
    }
    return undefined
  }

  /** A status that is not 2xx. */
  #refused(): string | undefined {
    const status = this.#status
    // Its challenge is for us: passed on, it would ask the caller for a credential of somebody else's.
    if (status === 401) return this.#again() ? undefined : REFUSED_401
    if (status === 403) return `it refused the gateway's credential (${status})`
    if (status < 400) return `it answered with a redirect (${status}), which is not followed`
    const body = this.#isJson ? messageOf(parseBytes(this.#join())) : undefined
    const error = body?.error === undefined ? undefined : body
    const instead = this.#plan.otherwise?.({ status, body: error })
    if (instead === undefined) {
      return error !== undefined && this.#plan.id !== undefined ? this.#respond(error, undefined, undefined) : `it answered ${status}`
    }
    if (instead instanceof Denial) this.deny(instead)
    else this.delegate(instead)
    return undefined
  }

  #fail(flaw: string | Denial, code: 'upstream_failed' | 'timeout' = 'upstream_failed', cause?: unknown): void {
    const detail = `${this.#wire.server}: ${flaw}`
    this.deny(flaw instanceof Denial ? flaw : new Denial(code, { detail, ...(cause === undefined ? {} : { cause }) }))
    this.#controller?.abort(ABANDONED)
  }
}
