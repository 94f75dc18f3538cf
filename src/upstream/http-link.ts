/** One session with an upstream of a revision with `initialize`: opened, spoken in, silently renewed when the upstream lost it, ended. */
import { METHOD_NOT_FOUND } from '../bridge/wire.ts'
import type { Body, Message, RequestId } from '../core/call.ts'
import { Denial } from '../core/denial.ts'
import type { Signal } from '../core/signal.ts'
import { notificationBody } from '../mcp/message.ts'
import { HEADER } from '../mcp/revision.ts'
import { Exchange } from './http-exchange.ts'
import { legacyHeaders, type Preamble } from './http-headers.ts'
import type { Answer, Headers, Plan, Wire } from './http-plan.ts'

/** Visible ASCII (2025-11-25, "Session Management"), and not longer than a header may well be. */
const SESSION_ID = /^[\x21-\x7e]{1,1024}$/
/** Under this id the gateway itself initialises; the answer is seen by nobody else. */
const OWN_ID = 'portcullis-initialize'
/** A call that may have an effect is not repeated; the next one finds a session. */
const NOTHING_AGAIN = (): undefined => undefined
/** For what no caller can call off. */
const NEVER = new AbortController().signal

export interface LinkOptions {
  readonly wire: Wire
  readonly preamble: Preamble
  /** What becomes of event ids before they are passed on; absent: nothing. */
  readonly sealEventId?: (id: string) => string
  /** For callers who have no session to open anew: one that was lost is always renewed here, and to them it is the server that failed. */
  readonly isOurs?: boolean
}

/** A request by how it may be treated. */
export interface Request {
  readonly message: Message
  readonly signal: Signal
  readonly isIdempotent: boolean
}

export class LegacyLink {
  readonly #options: LinkOptions
  #upstreamId: string | undefined
  #revision = ''
  #initialize: Body | undefined
  #renewal: Promise<void> | undefined

  constructor(options: LinkOptions) {
    this.#options = options
  }

  /** The negotiated revision; empty before it is. */
  get revision(): string {
    return this.#revision
  }

  /** `initialize`. @param otherwise asked when the upstream refuses. */
  open(message: Message, signal: Signal, otherwise?: Plan['otherwise']): Exchange {
    this.#initialize = message.body
    this.#upstreamId = undefined
    this.#revision = ''
    const plan = this.#post(message, signal, false)
    return this.#exchange({
      ...plan,
      onHeaders: (headers) => this.#keepId(headers),
      onResponse: (body) => this.#keepRevision(body),
      ...(otherwise === undefined ? {} : { otherwise }),
    })
  }

  /** A request; its response is the last message, unless the stream broke off where it can be resumed. */
  request({ message, signal, isIdempotent }: Request): Exchange {
    const build = (): Plan => this.#post(message, signal, isIdempotent)
    const { id, method } = message.body
    // `initialize` is never cancelled; what was never sent in a session cannot be either.
    const onAbandoned = id === undefined || method === undefined ? undefined : (): void => this.#cancel(id)
    const plan = { ...build(), ...(onAbandoned === undefined ? {} : { onAbandoned }) }
    const again = isIdempotent ? build : this.#options.isOurs === true ? NOTHING_AGAIN : undefined
    return this.#exchange({ ...plan, otherwise: this.#whenLost(again) })
  }

  /** A notification, or the answer to a request of the upstream's. Yields nothing. */
  send(message: Message, signal: Signal): Exchange {
    return this.#exchange({ ...this.#post(message, signal, false, true), otherwise: this.#whenLost(undefined) })
  }

  /** The GET stream. @throws (on iteration) Denial `http_method` when the upstream has none. */
  stream(signal: Signal, lastEventId?: string): Exchange {
    const build = (): Plan => ({
      method: 'GET',
      headers: this.#headers('GET'),
      era: 'legacy',
      signal,
      id: undefined,
      isOpenEnded: true,
      isIdempotent: true,
    })
    const plan = build()
    if (lastEventId !== undefined) plan.headers.push(HEADER.lastEventId, lastEventId)
    const whenLost = this.#whenLost(build)
    const otherwise = (answer: Answer): AsyncIterable<Message> | Denial | undefined =>
      answer.status === 405 ? new Denial('http_method', { detail: `${this.#options.wire.server}: it has no GET stream` }) : whenLost(answer)
    return this.#exchange({ ...plan, otherwise })
  }

  /** Ends the upstream's session; best effort, for the upstream may not allow it (405). */
  async end(): Promise<void> {
    if (this.#upstreamId === undefined) return
    const headers = this.#headers('DELETE')
    this.#upstreamId = undefined
    const exchange = this.#exchange({
      method: 'DELETE',
      headers,
      era: 'legacy',
      signal: NEVER,
      id: undefined,
      isOpenEnded: false,
      isIdempotent: true,
    })
    await exchange.next().catch(() => undefined)
  }

  #exchange(plan: Plan): Exchange {
    const { wire, sealEventId } = this.#options
    return new Exchange(wire, sealEventId === undefined ? plan : { ...plan, sealEventId })
  }

  #headers(method: Plan['method']): string[] {
    return legacyHeaders(this.#options.preamble, method, { revision: this.#revision, upstreamId: this.#upstreamId })
  }

  #post(message: Message, signal: Signal, isIdempotent: boolean, isNotice = false): Plan {
    return {
      method: 'POST',
      headers: this.#headers('POST'),
      body: message.bytes ?? JSON.stringify(message.body),
      era: 'legacy',
      signal,
      id: isNotice ? undefined : message.body.id,
      isOpenEnded: false,
      isIdempotent,
    }
  }

  /** The caller has gone or time is up: in these revisions a closed connection says nothing, so it is said. */
  #cancel(requestId: RequestId): void {
    const body = notificationBody('notifications/cancelled', { requestId })
    const exchange = this.#exchange(this.#post({ body }, NEVER, false))
    exchange.next().catch(() => this.#options.wire.onNoise('a cancellation was not taken'))
  }

  #keepId(headers: Headers): void {
    const id = headers[HEADER.session]
    if (typeof id === 'string' && SESSION_ID.test(id)) this.#upstreamId = id
  }

  #keepRevision(body: Body): void {
    const revision = body.result?.['protocolVersion']
    if (typeof revision === 'string' && SESSION_ID.test(revision)) this.#revision = revision
  }

  /** 404 to a session id means that the upstream has forgotten it (2025-11-25, "Session Management"). */
  #whenLost(build: (() => Plan | undefined) | undefined): (answer: Answer) => AsyncIterable<Message> | Denial | undefined {
    const lostId = this.#upstreamId
    return ({ status, body }) => {
      if (status !== 404 || lostId === undefined || body?.error?.code === METHOD_NOT_FOUND) return undefined
      if (build === undefined) return this.#lost()
      return this.#again(lostId, build)
    }
  }

  #lost(): Denial {
    const { wire, isOurs = false } = this.#options
    return new Denial(isOurs ? 'upstream_failed' : 'no_session', { detail: `${wire.server}: it has lost the session`, isOfServer: true })
  }

  async *#again(lostId: string, build: () => Plan | undefined): AsyncGenerator<Message, undefined> {
    if (this.#upstreamId === lostId) {
      this.#renewal ??= this.#renew().finally(() => {
        this.#renewal = undefined
      })
    }
    await this.#renewal
    const plan = build()
    if (plan === undefined) throw this.#lost()
    // Only once: an upstream that loses what it just opened is not tried a third time.
    yield* this.#exchange({ ...plan, otherwise: ({ status }) => (status === 404 ? this.#lost() : undefined) })
  }

  /** The handshake once more, with the caller's own words. @throws Denial `no_session`, or `upstream_failed` where the session is ours, unless the upstream agrees to the same revision. */
  async #renew(): Promise<void> {
    const agreed = this.#revision
    const said = this.#initialize
    if (said === undefined) throw this.#lost()
    let isAccepted = false
    // A server may open the stream of its answer with an empty event, or log on it.
    for await (const { body } of this.open({ body: { ...said, id: OWN_ID } }, NEVER)) isAccepted ||= body.result !== undefined
    if (!isAccepted || this.#revision !== agreed) throw this.#lost()
    await this.send({ body: notificationBody('notifications/initialized') }, NEVER).next()
  }
}
