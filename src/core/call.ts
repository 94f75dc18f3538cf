/** One MCP message put as a question: who may do what to which thing. */
import type { Denial } from './denial.ts'
import type { Finding } from './finding.ts'
import type { JsonObject, JsonValue } from './json.ts'
import type { Signal } from './signal.ts'

export const ACTIONS = ['list', 'call', 'read', 'get', 'complete', 'listen', 'control', 'receive'] as const

/** What a call is for, as policies name it: `Action::"call"`. */
export type Action = (typeof ACTIONS)[number]

/** What kind of thing a call is about. */
export type ResourceKind = 'server' | 'tool' | 'resource' | 'prompt' | 'task'

/** What a call is about. */
export interface Resource {
  readonly kind: ResourceKind
  /** The name of the server in the configuration. */
  readonly server: string
  /** Tool or prompt name, resource URI, task id; for a server its own name. */
  readonly name: string
}

/** The `id` of a JSON-RPC request, and of the answer to it. */
export type RequestId = string | number

/** A JSON-RPC 2.0 message as it was read (§4, §5): a request, a notification or a response. */
export interface Body extends JsonObject {
  readonly jsonrpc: '2.0'
  readonly id?: RequestId
  readonly method?: string
  readonly params?: JsonObject
  readonly result?: JsonObject
  readonly error?: { readonly code: number; readonly message: string; readonly data?: JsonValue }
}

/** A message and, as long as nobody rewrote it, the very bytes that carried it. */
export interface Message {
  readonly body: Body
  readonly bytes?: Uint8Array
  /** Where it stood in a stream that can be resumed (revisions with `initialize` only). */
  readonly event?: StreamEvent
  /** What was found in it on the way out: for the trail. */
  readonly findings?: readonly Finding[]
}

/** A position in a resumable stream (2025-11-25, basic/transports "Resumability and Redelivery"). */
export interface StreamEvent {
  /** What the client sends back as `Last-Event-ID`. */
  readonly id?: string
  /** How long the client should wait before it asks again, milliseconds. */
  readonly retryMs?: number
  /** Set when the event carried no message, only a position: `data` is then written empty, and `body` means nothing. */
  readonly isEmpty?: true
}

/** Modern: 2026-07-28 and later, metadata on every request. Legacy: the revisions with `initialize`. */
export type Era = 'modern' | 'legacy'

/** How a call came in, and from where. */
export interface Origin {
  readonly transport: 'http' | 'stdio' | 'embedded'
  readonly era: Era
  /** Protocol revision, `2026-07-28`; empty while a legacy client has not said. */
  readonly revision: string
  readonly address?: string
  /** User agent as told by the caller: for the log only, never for a decision. */
  readonly agent?: string
}

/** What we had sealed into an earlier answer to the same principal, about the same call. */
export interface Returned {
  /** A question of ours; or that the call was let through before, and its server has asked something since. */
  readonly kind: 'approval' | 'confirm' | 'connect' | 'continuation'
  /** Good for one use, whatever it is good for. */
  readonly nonce: string
  /** Of all that the earlier call was bound to; absent where nothing was. */
  readonly digest?: string
  /** Of the approval that was asked for, or spent. */
  readonly approval?: string
  /** What the client says to our question; undefined when nothing. */
  readonly reply?: 'accept' | 'decline' | 'cancel'
}

/** One MCP message, read and put as a question to the law. */
export interface Call {
  /** Ours, a UUIDv7; the JSON-RPC id stays in `message`. */
  readonly id: string
  /** As on the wire, `tools/call`; or one of the three asked without a method: `$stream`, `$response`, `$end`. */
  readonly method: string
  readonly action: Action
  readonly resource: Resource
  readonly arguments: JsonObject
  readonly message: Message
  readonly origin: Origin
  /** Milliseconds since the epoch. */
  readonly receivedAt: number
  /** Aborted when the caller has gone or cancelled. */
  readonly signal: Signal
  /** Our session id, in the revisions that have sessions. Never authentication. */
  readonly session?: string
  /** `mcp-param-*` headers, lower case, as received: passed on, never decided on. */
  readonly mirrored?: Readonly<Record<string, string>>
  /** `Last-Event-ID` of a stream that is resumed (revisions with `initialize`). */
  readonly lastEventId?: string
  /** What a state of ours said that came back with it. */
  readonly returned?: Returned
  /** What is wrong with its form. Kept so that the caller is identified first and learns nothing otherwise. */
  readonly flaw?: Denial
}
