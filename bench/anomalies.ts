/** How well anomalies are told on labelled weeks: precision of what is told and recall of what was done, by kind. */
import { createDetector } from '../src/audit/anomaly.ts'
import { ANOMALY_KINDS, type AnomalyKind, type Sensitivity } from '../src/core/anomaly.ts'
import { BUSY, HELD_OUT, makeJournal, TUNED, UNSEEN, type World } from './labelled-journal.ts'

export interface Score {
  readonly kind: AnomalyKind
  /** Told, and how many of them had an attack among their evidence. */
  readonly told: number
  readonly right: number
  /** Attacks that this kind is to tell of, and how many it told of. */
  readonly attacks: number
  readonly found: number
}

export interface Weeks {
  readonly name: string
  readonly events: number
  readonly usPerEvent: number
  readonly scores: readonly Score[]
}

interface Tally {
  told: number
  right: number
  attacks: number
  found: number
}

/** Seeds and worlds that the thresholds were tuned on, and others. */
const SETS: Readonly<Record<string, { readonly seeds: readonly number[]; readonly world: World }>> = {
  tuned: { seeds: [1, 2, 3], world: TUNED },
  'tuned, busy': { seeds: [4, 5], world: BUSY },
  'held out': { seeds: [101, 102, 103], world: HELD_OUT },
  'held out, busier': { seeds: [1001, 1002], world: UNSEEN },
}

export function measureAnomalies(sensitivity: Sensitivity = 'standard'): readonly Weeks[] {
  return Object.entries(SETS).map(([name, { seeds, world }]) => scoreOf(name, seeds, world, sensitivity))
}

export function scoreOf(name: string, seeds: readonly number[], world: World, sensitivity: Sensitivity): Weeks {
  const tallies = new Map<AnomalyKind, Tally>(ANOMALY_KINDS.map((kind) => [kind, { told: 0, right: 0, attacks: 0, found: 0 }]))
  const add = (kind: AnomalyKind, member: keyof Tally): void => {
    const tally = tallies.get(kind)
    if (tally !== undefined) tally[member]++
  }
  let events = 0
  let ms = 0
  for (const seed of seeds) {
    const journal = makeJournal(seed, world)
    const detect = createDetector(sensitivity)
    const startedAt = performance.now()
    const sightings = journal.events.flatMap(detect)
    ms += performance.now() - startedAt
    events += journal.events.length
    const found = new Set<string>()
    for (const { anomaly } of sightings) {
      const attacks = anomaly.events.map((id) => journal.attackOf.get(id)).filter((attack) => attack !== undefined)
      for (const attack of attacks) found.add(`${anomaly.kind} ${attack}`)
      add(anomaly.kind, 'told')
      if (attacks.length > 0) add(anomaly.kind, 'right')
    }
    for (const { id, expected } of journal.attacks) {
      add(expected, 'attacks')
      if (found.has(`${expected} ${id}`)) add(expected, 'found')
    }
  }
  return { name, events, usPerEvent: (ms * 1_000) / events, scores: [...tallies].map(([kind, tally]) => ({ kind, ...tally })) }
}

export function showAnomalies(weeks: readonly Weeks[]): string {
  const share = (part: number, of: number): string => (of === 0 ? '-' : (part / of).toFixed(2)).padStart(9)
  const lines = weeks.flatMap(({ name, events, usPerEvent, scores }) => [
    `\nAnomalies, ${name}: ${events} events, ${usPerEvent.toFixed(1)} us each`,
    `${'kind'.padEnd(22)}${'told'.padStart(6)}${'precision'.padStart(10)}${'attacks'.padStart(9)}${'recall'.padStart(9)}`,
    ...scores.map(
      ({ kind, told, right, attacks, found }) =>
        `${kind.padEnd(22)}${String(told).padStart(6)} ${share(right, told)}${String(attacks).padStart(9)}${share(found, attacks)}`,
    ),
  ])
  return lines.join('\n')
}
