/** Tokens in hand: a busy cell is charged in the store ahead for many calls, and the calls then cost no promise. */
import type { Denial } from '../core/denial.ts'
import type { Clock } from '../core/time.ts'
import type { Store } from '../store/store.ts'
import type { Bucket } from './bucket.ts'
import { tooMany } from './refusal.ts'

/** How soon a store that was away is asked again. */
const RETRY_US = 1_000_000
const US_PER_MS = 1_000

export interface LeaseOptions {
  readonly store: Pick<Store, 'charge'>
  /** Of the store's cells, which all processes share: the time of day. */
  readonly clock: Clock
  /** Of what is counted here: microseconds that only ever go forward. */
  readonly nowUs: Clock
  /** The store went away, or came back. Each is told once. */
  readonly onOutage: (isAway: boolean, error?: unknown) => void
}

export class Leases {
  readonly #options: LeaseOptions
  #retryAtUs = 0
  #isAway = false

  constructor(options: LeaseOptions) {
    this.#options = options
  }

  /**
   * Spends one token of each, or none. Nothing to wait for as long as every cell has one in hand, or the store is away: then what
   * each process has counted by itself stands.
   * @throws Denial `rate_limited` (rejects)
   */
  spend(buckets: readonly Bucket[], nowUs: number): undefined | Promise<void> {
    if (nowUs < this.#retryAtUs) return undefined
    let isLow = false
    for (const bucket of buckets) {
      if (bucket.held(nowUs) === 0) return this.#borrow(buckets)
      isLow ||= bucket.isLow
    }
    for (const bucket of buckets) bucket.spend()
    if (isLow) void this.#renew(buckets.filter((bucket) => bucket.isLow))
    return undefined
  }

  async #borrow(buckets: readonly Bucket[]): Promise<void> {
    for (;;) {
      const nowUs = this.#options.nowUs()
      if (nowUs < this.#retryAtUs) return
      const short = buckets.filter((bucket) => bucket.held(nowUs) === 0)
      const busy = short.find(({ asking }) => asking !== undefined)
      if (busy === undefined) {
        const refusal = await this.#ask(buckets, short)
        if (refusal !== undefined) throw refusal
        return
      }
      await busy.asking
      // Whom we waited for has learnt that there are none: then nobody else need ask.
      const then = this.#options.nowUs()
      const empty = short.find((bucket) => bucket.emptyForUs(then) > 0)
      if (empty !== undefined) throw tooMany(empty, empty.emptyForUs(then), then)
    }
  }

  /** One of each, those that are short from the store, with as many ahead as they want. */
  async #ask(buckets: readonly Bucket[], short: readonly Bucket[]): Promise<Denial | undefined> {
    const ready = buckets.filter((bucket) => !short.includes(bucket))
    for (const bucket of ready) bucket.spend()
    const asking = this.#charge(short, 1)
    for (const bucket of short) bucket.asking = asking
    const refusal = await asking
    if (refusal !== undefined) for (const bucket of ready) bucket.unspend()
    return refusal
  }

  /** Ahead of need, and nobody waits for it. */
  async #renew(low: readonly Bucket[]): Promise<void> {
    const asking = this.#charge(low, 0)
    for (const bucket of low) bucket.asking = asking
    await asking
  }

  /** Never rejects. @param used 1 when a call waits for it, 0 when it is ahead of need. @returns how the store refused. */
  async #charge(buckets: readonly Bucket[], used: 0 | 1): Promise<Denial | undefined> {
    const { store, clock, nowUs } = this.#options
    try {
      const wanted = buckets.map((bucket) => bucket.wanted)
      let charge = await store.charge(
        buckets.map((bucket, at) => bucket.cell(wanted[at] ?? 1)),
        clock(),
      )
      if (!charge.allowed)
        for (const [at, bucket] of buckets.entries()) if ((charge.remaining[at] ?? 0) < (wanted[at] ?? 1)) bucket.shrink()
      // Near the bottom one at a time: what is left is given out to the last token.
      const isGreedy = !charge.allowed && used === 1 && wanted.some((cost) => cost > 1)
      if (isGreedy) {
        wanted.fill(1)
        charge = await store.charge(
          buckets.map((bucket) => bucket.cell(1)),
          clock(),
        )
      }
      this.#found()
      const now = nowUs()
      if (charge.allowed) {
        for (const [at, bucket] of buckets.entries()) bucket.grant(wanted[at] ?? 1, used, charge.remaining[at] ?? 0, now)
        return undefined
      }
      const refusing = buckets[charge.refusedBy]
      if (used === 0 || refusing === undefined) return undefined
      refusing.emptied(charge.waitMs * US_PER_MS, now)
      return tooMany(refusing, charge.waitMs * US_PER_MS, now)
    } catch (error) {
      this.#lost(error)
      return undefined
    } finally {
      for (const bucket of buckets) bucket.asking = undefined
    }
  }

  #lost(error: unknown): void {
    this.#retryAtUs = this.#options.nowUs() + RETRY_US
    if (this.#isAway) return
    this.#isAway = true
    this.#options.onOutage(true, error)
  }

  #found(): void {
    if (!this.#isAway) return
    this.#isAway = false
    this.#options.onOutage(false)
  }
}
