/** What is usual of one principal in an hour: median and deviation of the hours in which it was there, and a level that nobody can move quickly. */
import { DAY_MS, HOUR_MS } from './anomaly-thresholds.ts'

/** So many hours with something in them: a week of what never sleeps, a month of office days. */
const HOURS_MAX = 168
/** Fewer tell nothing. */
const HOURS_MIN = 5
/** A principal that does a little more every day moves its level by this part a day, and no more. */
export const RISE_MAX_PER_DAY = 0.05
/** Nor by more than this part in thirty days: the daily rise alone would be fourfold by then. */
export const RISE_MAX_PER_MONTH = 0.5
const MONTH_MS = 30 * DAY_MS
/** MAD times this is the standard deviation of what is normally distributed (Rousseeuw & Croux 1993). */
const MAD_TO_DEVIATION = 1.4826

/** What comes in bursts has a median that tells little: nineteen hours of twenty are quieter than its busy ones, and so many times those are not yet far from usual. */
const BUSY_SHARE = 0.95
const BUSY_FACTOR = 2

export interface Baseline {
  /** The hour that is being counted, since the epoch. */
  hour: number
  count: number
  /** Counts of hours before, a ring. */
  readonly hours: number[]
  next: number
  median: number
  /** Above it is far from usual; 0 while nothing is known. */
  level: number
  levelAt: number
  anchor: number
  anchorAt: number
}

export interface Distance {
  readonly deviations: number
  readonly factor: number
  readonly least: number
}

export function createBaseline(): Baseline {
  return { hour: 0, count: 0, hours: [], next: 0, median: 0, level: 0, levelAt: 0, anchor: 0, anchorAt: 0 }
}

/** Counts more in the hour of `at`. @param isSettled learned for long enough: from then on the level moves slowly. */
export function countIn(baseline: Baseline, at: number, amount: number, distance: Distance, isSettled: boolean): void {
  const hour = Math.floor(at / HOUR_MS)
  if (hour > baseline.hour) {
    if (baseline.hour > 0) close(baseline, at, distance, isSettled)
    baseline.hour = hour
    baseline.count = 0
  }
  baseline.count += amount
}

export function isKnown({ hours }: Baseline): boolean {
  return hours.length >= HOURS_MIN
}

function close(baseline: Baseline, at: number, distance: Distance, isSettled: boolean): void {
  // What was far from usual counts as the most that is still usual, or an attack would teach what it does.
  const learned = isSettled && baseline.level > 0 ? Math.min(baseline.count, baseline.level) : baseline.count
  baseline.hours[baseline.next] = learned
  baseline.next = (baseline.next + 1) % HOURS_MAX
  const sorted = sort(baseline.hours)
  const middle = medianOf(sorted)
  baseline.median = middle
  const spread = medianOf(sort(sorted.map((count) => Math.abs(count - middle)))) * MAD_TO_DEVIATION
  const busy = sorted[Math.floor(sorted.length * BUSY_SHARE)] ?? 0
  const { least, factor, deviations } = distance
  const wanted = Math.max(least, factor * middle, middle + deviations * spread, BUSY_FACTOR * busy)
  if (isSettled && baseline.level > 0) move(baseline, at, wanted)
  else Object.assign(baseline, { level: wanted, levelAt: at, anchor: wanted, anchorAt: at })
}

/** Up and down alike: after weeks with little to do the usual is still usual. */
function move(baseline: Baseline, at: number, wanted: number): void {
  // However long it was away, that is a day.
  const days = Math.min(1, (at - baseline.levelAt) / DAY_MS)
  const change = baseline.level * RISE_MAX_PER_DAY * days
  if (at - baseline.anchorAt >= MONTH_MS) {
    baseline.anchor = baseline.level
    baseline.anchorAt = at
  }
  const most = Math.min(baseline.level + change, baseline.anchor * (1 + RISE_MAX_PER_MONTH))
  baseline.level = Math.max(baseline.level - change, Math.min(wanted, most))
  baseline.levelAt = at
}

function sort(numbers: readonly number[]): number[] {
  return numbers.toSorted((left, right) => left - right)
}

function medianOf(sorted: readonly number[]): number {
  const half = sorted.length >> 1
  const upper = sorted[half] ?? 0
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? 0) + upper) / 2
}
