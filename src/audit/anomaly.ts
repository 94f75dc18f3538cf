/** What is far from usual in history: events in, anomalies out. Pure, its clock is that of the events, and its memory is bounded. */
import type { Anomaly, AnomalyKind, Sensitivity } from '../core/anomaly.ts'
import type { AuditEvent } from '../core/event.ts'
import { note } from './anomaly-bounds.ts'
import { createFailureState, type FailureState, isGuess, takeFailure } from './anomaly-failures.ts'
import { createHabitState, type HabitState, noteTool, takeCall } from './anomaly-habits.ts'
import { placeOf } from './anomaly-network.ts'
import type { Raised } from './anomaly-state.ts'
import { QUIET_MS, SEVERITIES, THRESHOLDS } from './anomaly-thresholds.ts'

/** An anomaly, and where it was seen. */
export interface Sighting {
  readonly anomaly: Omit<Anomaly, 'reaction' | 'until'>
  /** The event that made it one. */
  readonly event: AuditEvent
  /** Address of the credential that it is about, in its one spelling; of IPv6 its /64. Empty where there is none. */
  readonly place: string
}

/** All that is remembered: plain values, maps and arrays, which `structuredClone` and `v8.serialize` take. */
export interface AnomalyState {
  readonly failures: FailureState
  readonly habits: HabitState
  /** What was told when, by kind and subject. */
  readonly told: Map<string, number>
}

/** Subjects that are kept quiet about at once. */
const TOLD_MAX = 20_000
/** Seen so many times its limit, it is one worse. */
const WORSE_FACTOR = 4

export function createAnomalyState(): AnomalyState {
  return { failures: createFailureState(), habits: createHabitState(), told: new Map() }
}

/** Takes events in the order of the journal. @returns what each of them makes an anomaly of, mostly nothing. */
export function createDetector(sensitivity: Sensitivity, state = createAnomalyState()): (event: AuditEvent) => readonly Sighting[] {
  const limits = THRESHOLDS[sensitivity]
  return (event) => {
    const found: Sighting[] = []
    const place = placeOf(event.address)
    const raise = ({ place: elsewhere, ...raised }: Raised): void => {
      if (isQuiet(state.told, raised.kind, raised.subject, event.at)) return
      const anomaly = { ...raised, severity: severityOf(raised), events: [...raised.events] }
      found.push({ anomaly, event, place: elsewhere ?? place })
    }
    if (event.type === 'policy.loaded') noteLaw(state.habits, event)
    else if (event.type === 'definition.pinned') noteTool(state.habits, event)
    else if (isGuess(event)) takeFailure(state.failures, event, place, limits, raise)
    else if (event.type === 'call.ended' && event.principal !== undefined && event.kind !== 'anonymous')
      takeCall(state.habits, event, event.principal, place, limits, raise)
    return found
  }
}

function noteLaw(habits: HabitState, { law = '', at }: AuditEvent): void {
  if (law === habits.law) return
  habits.law = law
  habits.lawAt = at
}

function isQuiet(told: Map<string, number>, kind: AnomalyKind, subject: string, at: number): boolean {
  const name = `${kind} ${subject}`
  const before = told.get(name)
  if (before !== undefined && at - before < QUIET_MS[kind]) return true
  note(told, name, at, TOLD_MAX)
  return false
}

function severityOf({ kind, seen, limit }: Raised): Anomaly['severity'] {
  const usual = SEVERITIES[kind]
  if (limit === 0 || seen < limit * WORSE_FACTOR) return usual
  return usual === 'low' ? 'medium' : 'high'
}
