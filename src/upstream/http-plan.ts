/** What an exchange over HTTP is told: the connections it goes over, what it sends, and what may come of it. */
import type { Dispatcher } from 'undici'
import type { Body, Era, Message, RequestId } from '../core/call.ts'
import type { Denial } from '../core/denial.ts'
import { nameOf, type Principal } from '../core/principal.ts'
import type { Signal } from '../core/signal.ts'
import type { Clock } from '../core/time.ts'
import type { Turn } from '../core/turn.ts'
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

/** What is presented in `Authorization` on behalf of one caller, or of all. */
export interface Attachment {
  /** The value of the header: at once where it is at hand. Throws or rejects with a Denial. */
  value(): string | Promise<string>
  /** Another one than that which was refused; undefined when there is none to be had. Rejects with a Denial. */
  renewed(refused: string): Promise<string | undefined>
}

/** Hands over what is presented, at once where it is at hand: then nobody waits for a promise. */
export function present(attachment: Attachment, send: (value: string) => void, deny: (error: unknown) => void): void {
  try {
    const value = attachment.value()
    if (typeof value === 'string') send(value)
    else value.then(send, deny)
  } catch (error) {
    deny(error)
  }
}

/** Whose credentials a server is shown. */
export interface Credentials {
  /** Calls that get different attachments share no session and no connection of ours. @throws Denial */
  attachmentFor(principal: Principal): Attachment
  /** Tells attachments apart; the same for principals who get the same. */
  keyOf(principal: Principal): string
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
  /** Answers that came at once are looked at together. */
  readonly turn: Turn
  readonly deadlines: Deadlines
  /** On whose behalf; absent: there is nothing to present, or it stands in the preamble. */
  readonly attachment?: Attachment
  /** Told of what the server said out of turn; nothing of it is passed on. `kind` is one of a few constants. */
  readonly onNoise: (kind: string) => void
}

export type Headers = Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseStart']>>[2]

/** The ways to the server: who a caller is to us, and with what it is presented there. */
export interface Ways {
  wireOf(principal: Principal): Wire
  /** Sessions and connections are kept apart by it. */
  ownerOf(principal: Principal): string
}

/** Most often there is one way for everybody. */
export function createWays(wire: Wire, credentials: Credentials | undefined): Ways {
  if (credentials === undefined) return { wireOf: () => wire, ownerOf: nameOf }
  const wires = new WeakMap<Attachment, Wire>()
  return {
    wireOf(principal) {
      const attachment = credentials.attachmentFor(principal)
      const known = wires.get(attachment) ?? { ...wire, attachment }
      wires.set(attachment, known)
      return known
    },
    ownerOf: (principal) => `${nameOf(principal)}\u0000${credentials.keyOf(principal)}`,
  }
}

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
