/** How much of something is done for one server in a minute: what costs us must not be theirs to spend. */
import type { Clock } from '../core/time.ts'

const MINUTE_MS = 60_000

export class Budget {
  readonly #perMinute: number
  readonly #clock: Clock
  readonly #spent = new Map<string, { readonly since: number; readonly amount: number }>()

  constructor(perMinute: number, clock: Clock) {
    this.#perMinute = perMinute
    this.#clock = clock
  }

  /** Whether there was something left; what is begun is done, so the last one may cost more. @param who a name from the configuration. */
  spend(who: string, amount: number): boolean {
    const now = this.#clock()
    const before = this.#spent.get(who)
    const current = before === undefined || now - before.since >= MINUTE_MS ? { since: now, amount: 0 } : before
    if (current.amount >= this.#perMinute) return false
    this.#spent.set(who, { since: current.since, amount: current.amount + amount })
    return true
  }
}
