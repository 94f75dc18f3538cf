/** What an exchange over HTTP is told: the connections it goes over, what it sends, and what may come of it. */
import type { Dispatcher } from 'undici'
import type { Body, Era, Message, RequestId } from '../core/call.ts'
import type { Denial } from '../core/denial.ts'
import type { Signal } from '../core/signal.ts'
import type { Clock } from '../core/time.ts'
import type { Deadlines } from './http-deadline.ts'

/** Takes a request to its server and tells of the answer: connections, or a handler in this process. */
export interface Carrier {
  dispatch(request: CarriedRequest, handler: Dispatcher.DispatchHandler): unknown
  destroy(): Promise<void>
}

export interface CarriedRequest {
  readonly path: string
  readonly method: Plan['method']
  /** Raw names and values, alternating. */
  readonly headers: string[]
  readonly body: Uint8Array | string | null
}

/** What every exchange with one server shares. */
export interface Wire {
  /** The server's name in the configuration. */
  readonly server: string
  /** Path and query of its URL. */
  readonly path: string
  /** Connections for what ends by itself. */
  readonly calls: Carrier
  /** Connections for what stays open, so that it never holds those of calls. */
  readonly streams: Carrier
  /** To the response; a message on its stream starts it anew. Milliseconds. */
  readonly timeoutMs: number
  /** To the response, whatever happens on its stream. Milliseconds. */
  readonly maxMs: number
  readonly maxResponseBytes: number
  readonly clock: Clock
  readonly deadlines: Deadlines
  /** Told of what the server said out of turn; nothing of it is passed on. `kind` is one of a few constants. */
  readonly onNoise: (kind: string) => void
}

export type Headers = Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseStart']>>[2]

/** What one exchange sends and what may come of it. */
export interface Plan {
  readonly method: 'POST' | 'GET' | 'DELETE'
  /** Raw names and values, alternating. */
  readonly headers: string[]
  readonly body?: Uint8Array | string
  readonly era: Era
  readonly signal: Signal
  /** The request's id: its response is the last message. Undefined: no response is due. */
  readonly id: RequestId | undefined
  /** Stays open for as long as the caller listens. */
  readonly isOpenEnded: boolean
  /** May be sent twice. */
  readonly isIdempotent: boolean
  readonly onHeaders?: (headers: Headers) => void
  readonly onResponse?: (body: Body) => void
  /** Asked when the status is not 2xx: another way to the answer, another refusal, or undefined for the usual one. */
  readonly otherwise?: (answer: Answer) => AsyncIterable<Message> | Denial | undefined
  /** Aborted, left or given up before the response. */
  readonly onAbandoned?: () => void
  /** What becomes of the id of a stream's event before it is passed on. */
  readonly sealEventId?: (id: string) => string
}

export interface Answer {
  readonly status: number
  /** The JSON-RPC error it carried. */
  readonly body: Body | undefined
}
