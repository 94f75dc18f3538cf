/** Calls counted by minute and by name, for a day, in bounded memory. The order in which events come does not matter. */
import type { AuditEvent } from '../core/event.ts'

const MINUTE_MS = 60_000
export const HOUR_MS = 60 * MINUTE_MS
export const DAY_MS = 24 * HOUR_MS
/** Names are counted in stretches of so many minutes. */
const STRETCH_MINUTES = 5
/** Names of one kind that a stretch remembers; who has more than a 64th of its calls is among them (Space-Saving, Metwally 2005). */
const NAMES_MAX = 64
/** Times of calls are kept in classes, four to a doubling: right to a fifth. */
const CLASSES = 96
const CLASSES_PER_DOUBLING = 4
/** The class of one millisecond. */
const CLASS_OF_1_MS = 24

export type Kind = 'principals' | 'tools' | 'addresses' | 'reasons'
const KINDS = ['principals', 'tools', 'addresses', 'reasons'] as const

interface Count {
  calls: number
  refused: number
}

interface Minute extends Count {
  failed: number
  readonly times: Uint32Array
}

export interface Named {
  readonly name: string
  readonly calls: number
  readonly refused: number
}

/** A stretch of time in a chart. Instants and times in milliseconds. */
export interface Bar {
  readonly at: number
  readonly calls: number
  readonly refused: number
  readonly failed: number
  /** Undefined where nothing was called. */
  readonly medianMs: number | undefined
  readonly p95Ms: number | undefined
}

export interface View extends Bar {
  readonly bars: readonly Bar[]
  readonly top: Readonly<Record<Kind, readonly Named[]>>
}

export class Tally {
  readonly #minutes = new Map<number, Minute>()
  readonly #names = new Map<number, Readonly<Record<Kind, Map<string, Count>>>>()

  take(event: AuditEvent): void {
    if (event.type !== 'call.ended') return
    const { at, outcome, tookMs, principal, resource, address, denial } = event
    const isRefused = outcome === 'denied'
    const minute = this.#minuteOf(Math.floor(at / MINUTE_MS))
    minute.calls++
    if (isRefused) minute.refused++
    if (outcome === 'failed') minute.failed++
    if (tookMs !== undefined) {
      const place = classOf(tookMs)
      minute.times[place] = (minute.times[place] ?? 0) + 1
    }
    const names = this.#namesOf(Math.floor(at / MINUTE_MS / STRETCH_MINUTES))
    count(names.principals, principal ?? 'nobody known', isRefused)
    if (resource?.kind === 'tool') count(names.tools, `${resource.server}/${resource.name}`, isRefused)
    if (address !== undefined) count(names.addresses, address, isRefused)
    if (denial !== undefined) count(names.reasons, denial, isRefused)
  }

  /** The time up to now, in bars of so many minutes. Begins where a stretch of names begins, so that all of it is about the same time. */
  over(windowMs: number, barMinutes: number, now: number, top: number): View {
    const step = Math.max(barMinutes, STRETCH_MINUTES)
    const first = Math.floor((now - windowMs) / MINUTE_MS / step) * step
    const last = Math.floor(now / MINUTE_MS)
    const bars: Bar[] = []
    const all: Minute[] = []
    for (let at = first; at <= last; at += barMinutes) {
      const found = Array.from({ length: barMinutes }, (_, more) => this.#minutes.get(at + more)).filter((minute) => minute !== undefined)
      bars.push(barOf(at * MINUTE_MS, found))
      all.push(...found)
    }
    return { ...barOf(first * MINUTE_MS, all), bars, top: this.#top(first / STRETCH_MINUTES, last / STRETCH_MINUTES, top) }
  }

  /** Lets go of what is older than a day. */
  forget(now: number): void {
    const first = Math.floor((now - DAY_MS) / MINUTE_MS) - STRETCH_MINUTES
    for (const at of this.#minutes.keys()) if (at < first) this.#minutes.delete(at)
    for (const at of this.#names.keys()) if (at < first / STRETCH_MINUTES) this.#names.delete(at)
  }

  #minuteOf(at: number): Minute {
    const known = this.#minutes.get(at)
    if (known !== undefined) return known
    const made = { calls: 0, refused: 0, failed: 0, times: new Uint32Array(CLASSES) }
    this.#minutes.set(at, made)
    return made
  }

  #namesOf(at: number): Readonly<Record<Kind, Map<string, Count>>> {
    const known = this.#names.get(at)
    if (known !== undefined) return known
    const made = { principals: new Map(), tools: new Map(), addresses: new Map(), reasons: new Map() }
    this.#names.set(at, made)
    return made
  }

  #top(first: number, last: number, most: number): View['top'] {
    const sums = { principals: new Map(), tools: new Map(), addresses: new Map(), reasons: new Map() } satisfies Record<
      Kind,
      Map<string, Count>
    >
    for (let at = Math.floor(first); at <= last; at++) {
      const names = this.#names.get(at)
      if (names !== undefined) for (const kind of KINDS) add(sums[kind], names[kind])
    }
    const sorted = (counts: ReadonlyMap<string, Count>): readonly Named[] =>
      [...counts]
        .map(([name, { calls, refused }]) => ({ name, calls, refused }))
        .sort((left, right) => right.calls - left.calls || (left.name < right.name ? -1 : 1))
        .slice(0, most)
    return {
      principals: sorted(sums.principals),
      tools: sorted(sums.tools),
      addresses: sorted(sums.addresses),
      reasons: sorted(sums.reasons),
    }
  }
}

function count(counts: Map<string, Count>, name: string, isRefused: boolean): void {
  const known = counts.get(name)
  if (known !== undefined) {
    known.calls++
    if (isRefused) known.refused++
    return
  }
  const left = counts.size < NAMES_MAX ? 0 : dropLeast(counts)
  counts.set(name, { calls: left + 1, refused: isRefused ? 1 : 0 })
}

/** Who comes in takes the place of the least, and its count: so nobody who calls often is ever missed. */
function dropLeast(counts: Map<string, Count>): number {
  let least = ''
  let calls = Number.POSITIVE_INFINITY
  for (const [name, each] of counts) {
    if (each.calls >= calls) continue
    least = name
    calls = each.calls
  }
  counts.delete(least)
  return calls
}

function add(sums: Map<string, Count>, counts: ReadonlyMap<string, Count>): void {
  for (const [name, { calls, refused }] of counts) {
    const sum = sums.get(name)
    if (sum === undefined) sums.set(name, { calls, refused })
    else {
      sum.calls += calls
      sum.refused += refused
    }
  }
}

function classOf(ms: number): number {
  return Math.max(0, Math.min(CLASSES - 1, Math.floor(Math.log2(Math.max(ms, 0.001)) * CLASSES_PER_DOUBLING) + CLASS_OF_1_MS))
}

function barOf(at: number, minutes: readonly Minute[]): Bar {
  const times = new Float64Array(CLASSES)
  const sum = { calls: 0, refused: 0, failed: 0 }
  for (const minute of minutes) {
    sum.calls += minute.calls
    sum.refused += minute.refused
    sum.failed += minute.failed
    for (const [place, calls] of minute.times.entries()) times[place] = (times[place] ?? 0) + calls
  }
  return { at, ...sum, medianMs: quantile(times, 0.5), p95Ms: quantile(times, 0.95) }
}

/** The middle of the class in which it lies. */
function quantile(times: Float64Array, share: number): number | undefined {
  const all = times.reduce((sum, calls) => sum + calls, 0)
  let seen = 0
  for (const [place, calls] of times.entries()) {
    seen += calls
    if (all > 0 && seen >= all * share) return 2 ** ((place + 0.5 - CLASS_OF_1_MS) / CLASSES_PER_DOUBLING)
  }
  return undefined
}
