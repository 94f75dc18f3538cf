/** Keeps the last day counted while somebody looks: what is new at once, what came before a little at a time, so that the first page does not wait for it. */
import { setTimeout } from 'node:timers/promises'
import { DISORDER_MS, type Row, rowOf } from '../audit/query.ts'
import { Denial, Fault } from '../core/denial.ts'
import type { AuditEvent } from '../core/event.ts'
import { LOGS } from '../store/keys.ts'
import type { Line } from '../store/store.ts'
import type { DashboardParts } from './parts.ts'
import { DAY_MS, Tally } from './tally.ts'

const PAGE = 1_000
/** What a person waits for before the first page is shown; the rest is counted behind it. */
const FIRST_MS = 200
/** Reading what came before rests three times as long as it works: calls go first. */
const REST_FACTOR = 3
const REST_MIN_MS = 5
/** Events of the past that are counted at most; a busier day is counted for less than a day, and the page says since when. */
const PAST_MAX = 2_000_000
/** Events that are taken in at a look: a flood is caught up with over several. */
const PAGES_PER_LOOK = 20
/** Nobody looked for so long: nothing is counted any more, and the next look begins anew. */
const IDLE_MS = 10 * 60_000
const REFUSED_MAX = 8
const UNUSUAL_MAX = 200

/** What is known of the day so far. */
interface Count {
  readonly tally: Tally
  /** The newest refusals, latest first. */
  refused: readonly AuditEvent[]
  /** The newest anomalies of the day, latest first. */
  unusual: readonly AuditEvent[]
  after: string | undefined
  before: string | undefined
  /** Everything since then is counted; milliseconds since the epoch. */
  since: number
  lookedAt: number
}

export class Watch {
  readonly #parts: Pick<DashboardParts, 'store' | 'clock' | 'onFault'>
  readonly #stop: AbortSignal
  #count: Count | undefined
  #looking: Promise<Count> | undefined

  constructor(parts: Pick<DashboardParts, 'store' | 'clock' | 'onFault'>, stop: AbortSignal) {
    this.#parts = parts
    this.#stop = stop
  }

  /** Up to now; who comes at the same time looks together. @throws Fault `FAULT_STORE` */
  look(): Promise<Readonly<Count>> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  async #look(): Promise<Count> {
    const now = this.#parts.clock()
    const known = this.#count
    if (known === undefined || known.lookedAt < now - IDLE_MS) return this.#begin(now)
    known.lookedAt = now
    known.tally.forget(now)
    known.unusual = known.unusual.filter(({ at }) => at >= now - DAY_MS)
    for (let pages = 0; pages < PAGES_PER_LOOK; pages++) {
      const lines = await this.#parts.store.read(LOGS.audit, { limit: PAGE, ...(known.after === undefined ? {} : { after: known.after }) })
      for (const { event } of rowsOf(lines)) {
        known.tally.take(event)
        if (event.outcome === 'denied') known.refused = [event, ...known.refused].slice(0, REFUSED_MAX)
        if (isUnusual(event)) known.unusual = [event, ...known.unusual].slice(0, UNUSUAL_MAX)
      }
      known.after = lines.at(-1)?.position ?? known.after
      if (lines.length < PAGE) break
    }
    return known
  }

  async #begin(now: number): Promise<Count> {
    const count: Count = { tally: new Tally(), refused: [], unusual: [], after: undefined, before: undefined, since: now, lookedAt: now }
    const patience = performance.now() + FIRST_MS
    let seen = 0
    let isDone = false
    while (!isDone && performance.now() < patience) {
      const lines = await this.#back(count, now)
      seen += lines
      isDone = lines === 0
    }
    this.#count = count
    if (!isDone) void this.#goOn(count, seen, now)
    return count
  }

  async #goOn(count: Count, from: number, now: number): Promise<void> {
    try {
      for (let seen = from; seen < PAST_MAX && count === this.#count && count.lookedAt > this.#parts.clock() - IDLE_MS; ) {
        const begun = performance.now()
        const lines = await this.#back(count, now)
        if (lines === 0) return
        seen += lines
        const restMs = Math.max((performance.now() - begun) * REST_FACTOR, REST_MIN_MS)
        await setTimeout(restMs, undefined, { signal: this.#stop, ref: false })
      }
    } catch (error) {
      if (!this.#stop.aborted) this.#parts.onFault(error instanceof Fault ? error : new Fault('FAULT_ADMIN', Denial.from(error).detail))
    }
  }

  /** One page further into the past. Answers how many lines it had; 0 at the end of what is wanted. */
  async #back(count: Count, now: number): Promise<number> {
    if (count.since <= now - DAY_MS - DISORDER_MS) return 0
    const { before } = count
    const lines = await this.#parts.store.read(LOGS.audit, { last: PAGE, ...(before === undefined ? {} : { before }) })
    for (const { event } of rowsOf(lines).toReversed()) {
      if (event.at >= now - DAY_MS) count.tally.take(event)
      if (event.outcome === 'denied' && count.refused.length < REFUSED_MAX) count.refused = [...count.refused, event]
      if (isUnusual(event) && count.unusual.length < UNUSUAL_MAX && event.at >= now - DAY_MS) count.unusual = [...count.unusual, event]
      count.since = Math.min(count.since, event.at)
    }
    count.after ??= lines.at(-1)?.position
    count.before = lines[0]?.position
    if (lines.length < PAGE) count.since = 0
    return lines.length < PAGE ? 0 : lines.length
  }
}

function isUnusual({ type }: AuditEvent): boolean {
  return type === 'anomaly.detected'
}

function rowsOf(lines: readonly Line[]): readonly Row[] {
  return lines.map(rowOf).filter((row) => row !== undefined)
}
