/** Bad credentials: many at once, and few at a time from or for many. */
import type { AuditEvent } from '../core/event.ts'
import { countSince, createSlide, keepLast, note, obtain, type Slide, slide } from './anomaly-bounds.ts'
import type { Raise } from './anomaly-state.ts'
import { BURST_MS, CROWD_MS, HOUR_MS, SPREAD_MS, type Thresholds } from './anomaly-thresholds.ts'

/** Addresses and keys of which failures are remembered. An attacker makes up as many as he likes: beyond this, those that were seen once give way. */
export const FAILING_MAX = 20_000
/** More than any threshold; who has so many is told long before. */
const OTHERS_MAX = 64
const CROWD_MAX = 512
const EVIDENCE_MAX = 10
const FEW = 2

/** Failures of one address, or for one key. */
interface Failing {
  readonly firstAt: number
  lastAt: number
  total: number
  readonly burst: Slide
  /** For a key the addresses, for an address the keys, and when; absent while there is but one: most come once. */
  others?: Map<string, number>
  readonly other: string | undefined
  readonly events: string[]
}

export interface FailureState {
  readonly failing: Map<string, Failing>
  /** Addresses of the last hour. */
  readonly crowd: Map<string, number>
  readonly events: string[]
}

export function createFailureState(): FailureState {
  return { failing: new Map(), crowd: new Map(), events: [] }
}

/** Whether a credential was refused that was never good: a guess. */
export function isGuess({ type, denial, isStale, address }: AuditEvent): boolean {
  if (address === undefined) return false
  return type === 'oauth.sign_in_refused' || (type === 'call.ended' && denial === 'invalid_token' && isStale !== true)
}

/** @param place the address in its one spelling, one /64 of IPv6. */
export function takeFailure(state: FailureState, event: AuditEvent, place: string, limits: Thresholds, raise: Raise): void {
  const { at, id } = event
  const who = event.key === undefined ? event.principal : `key#${event.key}`
  look(state, event, { name: place, other: who }, limits, raise)
  if (who !== undefined) look(state, event, { name: who, other: place }, limits, raise)
  note(state.crowd, place, at, CROWD_MAX)
  keepLast(state.events, id, EVIDENCE_MAX)
  const seen = countSince(state.crowd, at - CROWD_MS)
  if (seen > limits.crowd)
    raise({ kind: 'credential_spread', subject: '*', seen, limit: limits.crowd, windowMs: CROWD_MS, events: state.events })
}

interface Pair {
  readonly name: string
  readonly other: string | undefined
}

function look({ failing }: FailureState, { at, id }: AuditEvent, { name, other }: Pair, limits: Thresholds, raise: Raise): void {
  const fresh = (): Failing => ({ firstAt: at, lastAt: at, total: 0, burst: createSlide(), other, events: [] })
  const one = obtain(failing, name, FAILING_MAX, fresh, ({ lastAt, total }) => total >= FEW && at - lastAt < HOUR_MS * 24)
  one.lastAt = at
  one.total++
  keepLast(one.events, id, EVIDENCE_MAX)
  const { events } = one
  const atOnce = slide(one.burst, at, BURST_MS)
  if (atOnce > limits.burst)
    raise({ kind: 'credential_burst', subject: name, seen: atOnce, limit: limits.burst, windowMs: BURST_MS, events })
  if (other === undefined || (one.others === undefined && other === one.other)) return
  one.others ??= new Map(one.other === undefined ? [] : [[one.other, one.firstAt]])
  note(one.others, other, at, OTHERS_MAX)
  const seen = countSince(one.others, at - SPREAD_MS)
  if (seen > limits.spread) raise({ kind: 'credential_spread', subject: name, seen, limit: limits.spread, windowMs: SPREAD_MS, events })
}
