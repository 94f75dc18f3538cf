/** Busy: authorization servers that are left alone, as long as they say; for a moment, when they did not answer. */
import { Fault } from '../core/denial.ts'
import type { Clock } from '../core/time.ts'
import { remember } from '../trust/remember.ts'
import { laterOf } from './refusal.ts'

/** Authorization servers that are known to be so at once. */
const BUSY_MAX = 1_000
/** Where it does not say: whoever did not serve one is not asked by the crowd behind. */
const MOMENT_MS = 1_000

export class Busy {
  readonly #clock: Clock
  /** By issuer. */
  readonly #until = new Map<string, { readonly fault: Fault; readonly until: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** @throws Fault the one that it failed with before, while the issuer is left alone. */
  async ask<T>(issuer: string, exchange: () => Promise<T>): Promise<T> {
    const busy = this.#until.get(issuer)
    if (busy !== undefined && this.#clock() < busy.until) throw busy.fault
    try {
      return await exchange()
    } catch (error) {
      const now = this.#clock()
      if (error instanceof Fault && error.code === 'FAULT_FETCH')
        remember(this.#until, issuer, { fault: error, until: now + (laterOf(error, now) ?? MOMENT_MS) }, BUSY_MAX)
      throw error
    }
  }
}
