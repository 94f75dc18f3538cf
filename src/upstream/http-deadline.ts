/** Deadlines of many exchanges, looked at together: a timer for each call would cost more than the call's own bookkeeping. */
import { Bag } from '../core/bag.ts'
import type { Clock } from '../core/time.ts'

/** A deadline is noticed at most this late, and never later than an eighth of the time-out. */
const TICK_MAX_MS = 500
const TICK_MIN_MS = 5

export interface Expiring {
  /** Milliseconds since the epoch. */
  readonly dueAt: number
  expire(): void
}

export class Deadlines {
  readonly #clock: Clock
  readonly #tickMs: number
  readonly #waiting = new Bag<Expiring>()
  #timer: NodeJS.Timeout | undefined

  constructor(clock: Clock, timeoutMs: number) {
    this.#clock = clock
    this.#tickMs = Math.min(TICK_MAX_MS, Math.max(TICK_MIN_MS, Math.floor(timeoutMs / 8)))
  }

  add(expiring: Expiring): void {
    this.#waiting.add(expiring)
    // What is waited for holds a socket; the looking alone keeps nobody alive.
    this.#timer ??= setInterval(() => this.#tick(), this.#tickMs).unref()
  }

  delete(expiring: Expiring): void {
    this.#waiting.delete(expiring)
  }

  #tick(): void {
    if (this.#waiting.size === 0) {
      clearInterval(this.#timer)
      this.#timer = undefined
      return
    }
    const now = this.#clock()
    for (const expiring of this.#waiting) {
      if (expiring.dueAt > now) continue
      this.#waiting.delete(expiring)
      expiring.expire()
    }
  }
}
