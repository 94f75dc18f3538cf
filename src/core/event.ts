/** One line of history. The journal's row, the log line, the metric's source and the dashboard's row are all this. */
import type { Anomaly } from './anomaly.ts'
import type { Action, Era, Resource } from './call.ts'
import type { DenialCode } from './denial.ts'
import type { Finding } from './finding.ts'
import type { Principal } from './principal.ts'

/** How a call ended. `would_deny`: permitted only because `profile: observe` is on. */
export type Outcome = 'permitted' | 'would_deny' | 'denied' | 'failed' | 'cancelled'

/** What happened. `call.ended` is the one decision record of a call; `call.begun` says that it was let through, as far as could be told before the store had answered (where it had not, `call.ended` says what it said), `call.noted` what the server itself had to say of it. */
export type EventType =
  | 'call.begun'
  | 'call.ended'
  | 'call.noted'
  | 'key.created'
  | 'key.rotated'
  | 'key.revoked'
  | 'token.created'
  | 'token.reused'
  | 'token.revoked'
  | 'policy.loaded'
  | 'policy.rejected'
  | 'certificate.loaded'
  | 'certificate.rejected'
  | 'certificate.expiring'
  | 'certificate.refused'
  | 'certificate.issued'
  | 'certificate.failed'
  | 'gateway.started'
  | 'gateway.stopped'
  | 'upstream.started'
  | 'upstream.stopped'
  | 'upstream.noise'
  | 'upstream.unconfined'
  | 'upstream.changed'
  | 'upstream.refused'
  | 'upstream.limited'
  | 'egress.refused'
  | 'tools.asked'
  | 'tool.flawed'
  | 'definition.pinned'
  | 'definition.drifted'
  | 'definition.withheld'
  | 'definition.approved'
  | 'definition.rejected'
  | 'issuer.refreshed'
  | 'issuer.failed'
  | 'oauth.signed_in'
  | 'oauth.sign_in_refused'
  | 'oauth.consented'
  | 'oauth.issued'
  | 'oauth.refused'
  | 'oauth.registered'
  | 'oauth.revoked'
  | 'oauth.keys_rotated'
  | 'user.created'
  | 'user.changed'
  | 'client.created'
  | 'client.removed'
  | 'secret.shown'
  | 'secret.rekeyed'
  | 'connection.opened'
  | 'connection.refused'
  | 'connection.closed'
  | 'upstream.refused'
  | 'address.blocked'
  | 'address.unblocked'
  | 'approval.requested'
  | 'approval.approved'
  | 'approval.denied'
  | 'approval.expired'
  | 'approval.executed'
  | 'approval.failed'
  | 'approval.unknown'
  | 'journal.cut'
  | 'journal.interrupted'
  | 'journal.missing'
  | 'limits.degraded'
  | 'limits.restored'
  | 'anomaly.detected'
  | 'anomaly.released'

/** What a writer says; the journal adds `id`, `at`, `node`, `seq`, `previous` and `seal`. */
export interface Entry {
  readonly type: EventType
  readonly outcome?: Outcome
  /** Call.id */
  readonly call?: string
  /** `issuer#subject`, absent when nobody was identified. */
  readonly principal?: string
  readonly roles?: readonly string[]
  readonly kind?: Principal['kind']
  readonly client?: string
  readonly tenant?: string
  readonly method?: string
  readonly action?: Action
  readonly resource?: Resource
  readonly transport?: 'http' | 'stdio' | 'embedded'
  readonly era?: Era
  readonly revision?: string
  readonly address?: string
  readonly agent?: string
  /** Names and shapes of the arguments, never their text. */
  readonly arguments?: Readonly<Record<string, string>>
  /** Keyed hash of the canonical arguments: equal calls are seen to be equal, and nothing can be guessed from it. */
  readonly argumentsHash?: string
  readonly policies?: readonly string[]
  /** Digest of the law in force. */
  readonly law?: string
  readonly denial?: DenialCode
  readonly detail?: string
  readonly findings?: readonly Finding[]
  /** What the server's messages came to, in bytes as the server sent them. */
  readonly bytes?: number
  /** Public id of the API key that was presented, where it was refused. */
  readonly key?: string
  /** The credential was good once, or never could be: whoever presented it was not guessing. */
  readonly isStale?: true
  readonly anomaly?: Anomaly
  /** Wall time of the whole call, milliseconds. */
  readonly tookMs?: number
  /** Of the approval that is asked for, settled, or spent on the call. */
  readonly approval?: string
  /** W3C trace id, if the caller sent one. */
  readonly trace?: string
  /** W3C id of the caller's span, if the caller sent one and records it. */
  readonly span?: string
  /** Who did it, for what is done by an operator: `cli`, `gateway`. */
  readonly by?: string
}

/** A line of the journal: what was written, and its place in the chain. */
export interface AuditEvent extends Entry {
  /** UUIDv7. */
  readonly id: string
  /** Milliseconds since the epoch. */
  readonly at: number
  /** The writer. Each has a chain of its own. */
  readonly node: string
  /** Position in the chain of this node, from 1, without gaps. */
  readonly seq: number
  /** Digest of the event before in this node's chain; the empty string for the first. */
  readonly previous: string
  /** Keyed hash over the canonical form of all the rest, on the last event of each append. */
  readonly seal?: string
}
