/** Calls under way in a guarded server: when it closes no new one begins, and those that have begun are waited for. */
import type { Call } from '../core/call.ts'
import { Denial } from '../core/denial.ts'
import { isWaiting } from '../face/streams.ts'
import type { Stations } from '../guard/guard.ts'

/** What was cut off only has to be written down. */
const LAST_WORD_MS = 1_000

export class UnderWay {
  readonly #isClosed: () => boolean
  #calls = 0
  /** Those that wait for events: they end with the server, and nothing is lost with them. */
  #streams = 0
  #isShut = false
  readonly #waiting = new Set<() => void>()

  /** @param isClosed whether the guard is closed, or about to be. */
  constructor(isClosed: () => boolean) {
    this.#isClosed = isClosed
  }

  /** No call begins any more. */
  get isShut(): boolean {
    return this.#isShut || this.#isClosed()
  }

  /** The same steps, counted from the first to the last: what a call has come to is written down before it is over. */
  counted(steps: Stations): Stations {
    return {
      ...steps,
      admit: (call) => {
        if (this.isShut) throw new Denial('unavailable', { detail: 'the guard is closing' })
        steps.admit(call)
        this.#count(call, 1)
      },
      end: async (call, trail) => {
        try {
          await steps.end(call, trail)
        } finally {
          if (trail.admitted === true) this.#count(call, -1)
        }
      },
    }
  }

  /**
   * From now on no call begins. Waits for those that have begun, at most `drainMs`.
   * @param cut ends the server, and with it what is left
   */
  async close(drainMs: number, cut: () => Promise<void>): Promise<void> {
    this.#isShut = true
    await this.#until(() => this.#calls === 0, drainMs)
    await cut()
    await this.#until(() => this.#calls + this.#streams === 0, LAST_WORD_MS)
  }

  #count(call: Call, by: 1 | -1): void {
    if (isWaiting(call)) this.#streams += by
    else this.#calls += by
    if (by === -1) for (const look of this.#waiting) look()
  }

  async #until(isDone: () => boolean, ms: number): Promise<void> {
    if (isDone()) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const patience = setTimeout(resolve, ms)
    const look = (): void => {
      if (isDone()) resolve()
    }
    this.#waiting.add(look)
    await promise
    clearTimeout(patience)
    this.#waiting.delete(look)
  }
}
