/** An anomaly: what is far from usual in history, with its evidence; and what may be done about it. */

export const ANOMALY_KINDS = [
  'credential_burst',
  'credential_spread',
  'first_use',
  'unusual_hour',
  'unusual_volume',
  'exfiltration',
  'denied_after_policy',
  'many_networks',
] as const
export type AnomalyKind = (typeof ANOMALY_KINDS)[number]

export const SENSITIVITIES = ['low', 'standard', 'high'] as const
export type Sensitivity = (typeof SENSITIVITIES)[number]

/** `alert`: told, nothing else. The others hold for a time, for one principal at one address. */
export const REACTIONS = ['alert', 'step_up', 'approval', 'block'] as const
export type Reaction = (typeof REACTIONS)[number]

export type Severity = 'low' | 'medium' | 'high'

/** What is far from usual: of which kind, of whom, how bad, and on what evidence. */
export interface Anomaly {
  readonly kind: AnomalyKind
  readonly severity: Severity
  /** What is counted: a principal, `key 4fQ0aZ81bYtR`, an address, or `*` for all together. */
  readonly subject: string
  /** What was seen in the window, in the unit that goes with the kind: failures, addresses, calls, bytes, denials, networks. */
  readonly seen: number
  /** Above this it is told. */
  readonly limit: number
  /** What is usual there, where there is a usual. */
  readonly baseline?: number
  readonly windowMs: number
  /** Ids of the newest of those events. */
  readonly events: readonly string[]
  /** What was done about it, and until when, milliseconds since the epoch. */
  readonly reaction: Reaction
  readonly until?: number
}
