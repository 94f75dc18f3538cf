/** A token bucket as one process sees it: exact (GCRA) on a clock that does not jump, and with tokens in hand that the store has granted ahead. */
import type { Bucket as Shape } from '../config/limits.ts'
import type { Allowance } from '../core/denial.ts'
import type { Cell } from '../store/store.ts'

/** Tokens that one process may hold of one cell: what it may at most give out late, see `docs/architecture.md`. */
export const LEASE_MAX = 250
/** Nor more than this share of what may come at once: of small cells nothing is held, each call asks the store. */
const LEASE_SHARE = 8
/** A lease ends after as long as its tokens take to come back, so that what a slow caller leaves of it costs him nothing; from 1 to 5 seconds. */
const LEASE_LEAST_US = 1_000_000
const LEASE_LONGEST_US = 5_000_000
const US_PER_MS = 1_000

/** A row of the configuration: everyone whom it counts has a bucket of this shape. */
export interface Limit {
  /** As an operator finds it: `limits.roles.user`. */
  readonly name: string
  /** What a caller may know of it: `role`. Absent for what many callers share: what is left of that tells what others do. */
  readonly title?: string
  readonly burst: number
  readonly intervalUs: number
  readonly leaseMax: number
  readonly leaseUs: number
}

export function createLimit(name: string, { count, perMs, burst }: Shape, title?: string): Limit {
  // As gcra.ts rounds it: both must count alike.
  const intervalUs = Math.max(1, Math.round((perMs * US_PER_MS) / count))
  const leaseMax = Math.max(1, Math.min(LEASE_MAX, Math.floor(burst / LEASE_SHARE), Math.floor(LEASE_LONGEST_US / intervalUs)))
  const leaseUs = Math.min(LEASE_LONGEST_US, Math.max(LEASE_LEAST_US, leaseMax * intervalUs))
  return { name, burst, intervalUs, leaseMax, leaseUs, ...(title === undefined ? {} : { title }) }
}

export class Bucket {
  readonly limit: Limit
  /** Of its cell in the store. */
  readonly key: string
  /** Who is asking the store for it now: others wait for the answer. Never rejects. */
  asking: Promise<unknown> | undefined
  /** When it is full again. */
  #arrivalUs = 0
  /** Until then the store has nothing, so nobody need ask. */
  #emptyUntilUs = 0
  #held = 0
  #leaseSize = 1
  #leaseEndsUs = 0
  /** What the store said is left, less what was spent since. */
  #leftInStore = Number.POSITIVE_INFINITY

  constructor(limit: Limit, key: string) {
    this.limit = limit
    this.key = key
  }

  /** How long until one may be taken; 0 when now. */
  waitUs(nowUs: number): number {
    const own = this.#arrivalUs - nowUs - (this.limit.burst - 1) * this.limit.intervalUs
    return Math.max(0, own, this.#emptyUntilUs - nowUs)
  }

  /** How long the store has none. */
  emptyForUs(nowUs: number): number {
    return Math.max(0, this.#emptyUntilUs - nowUs)
  }

  take(nowUs: number): void {
    this.#arrivalUs = Math.max(this.#arrivalUs, nowUs) + this.limit.intervalUs
  }

  /** Undoes a `take`. */
  giveBack(): void {
    this.#arrivalUs -= this.limit.intervalUs
  }

  /** Full, and nothing under way: forgetting it gives nobody anything. */
  isIdle(nowUs: number): boolean {
    return (
      this.#arrivalUs <= nowUs &&
      this.#emptyUntilUs <= nowUs &&
      this.asking === undefined &&
      (this.#held === 0 || this.#leaseEndsUs <= nowUs)
    )
  }

  /** Tokens in hand. */
  held(nowUs: number): number {
    if (this.#held > 0 && nowUs >= this.#leaseEndsUs) {
      // It was not needed whole: the next one is as large as what was used of it.
      this.#leaseSize = Math.max(1, this.#leaseSize - this.#held)
      this.#held = 0
    }
    return this.#held
  }

  spend(): void {
    this.#held--
    this.#leftInStore--
  }

  unspend(): void {
    this.#held++
    this.#leftInStore++
  }

  /** Soon out of tokens: time to ask for more, without waiting. */
  get isLow(): boolean {
    return this.limit.leaseMax > 1 && this.#held <= this.#leaseSize >> 2 && this.asking === undefined
  }

  /** How many to ask the store for now: twice what was used up last, so that only busy cells hold much. */
  get wanted(): number {
    return Math.max(1, Math.min(this.limit.leaseMax, 2 * this.#leaseSize) - this.#held)
  }

  cell(cost: number): Cell {
    return { key: this.key, intervalMs: this.limit.intervalUs / US_PER_MS, burst: this.limit.burst, cost }
  }

  /** @param cost what the store was charged. @param used how many of them are spent already. */
  grant(cost: number, used: number, remaining: number, nowUs: number): void {
    this.#held += cost - used
    this.#leaseSize = Math.max(1, this.#held + used)
    this.#leaseEndsUs = nowUs + this.limit.leaseUs
    this.#leftInStore = remaining + this.#held
  }

  /** The store has not as many as were wanted. */
  shrink(): void {
    this.#leaseSize = 1
  }

  /** The store has none for so long. */
  emptied(waitUs: number, nowUs: number): void {
    this.#leaseSize = 1
    this.#leftInStore = 0
    this.#emptyUntilUs = nowUs + waitUs
  }

  /** As far as this process knows: never more than there is by its own count. Undefined for what many share. */
  allowance(nowUs: number): Allowance | undefined {
    const { title, burst, intervalUs } = this.limit
    if (title === undefined) return undefined
    const owedUs = Math.max(0, this.#arrivalUs - nowUs)
    const own = Math.floor(burst - owedUs / intervalUs)
    const remaining = Math.max(0, this.#emptyUntilUs > nowUs ? 0 : Math.min(own, this.#leftInStore))
    const resetUs = remaining > 0 ? owedUs : this.waitUs(nowUs)
    return { limit: title, quota: burst, windowMs: (burst * intervalUs) / US_PER_MS, remaining, resetMs: resetUs / US_PER_MS }
  }
}
