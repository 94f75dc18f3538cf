/** Whether files that are open are still those under their names: who writes into one that was removed is told of nothing. */
import { type Stats, statSync } from 'node:fs'
import type { Clock } from '../core/time.ts'
import { goneFault } from './sqlite-fault.ts'

/** How often it is looked: what was written in between to a file that is gone is lost with it. */
const LOOK_MS = 1_000

export function isSameFile({ dev, ino }: Pick<Stats, 'dev' | 'ino'>, path: string): boolean {
  const there = statSync(path, { throwIfNoEntry: false })
  return there !== undefined && there.dev === dev && there.ino === ino
}

/** The files of a store. */
export class FilePlace {
  readonly #path: string
  readonly #clock: Clock
  readonly #opened: Stats
  readonly #isGone: () => boolean
  #lookedAt: number
  #fault: Error | undefined

  /**
   * @param path of the database, which was opened just now
   * @param isGone whether one of the files beside it is not under its name any more
   */
  constructor(path: string, clock: Clock, isGone: () => boolean) {
    this.#path = path
    this.#clock = clock
    this.#opened = statSync(path)
    this.#isGone = isGone
    this.#lookedAt = clock()
  }

  /** Looks once in a while, whoever asks. @throws Fault `FAULT_STORE` until they are back */
  check(): void {
    const now = this.#clock()
    if (Math.abs(now - this.#lookedAt) >= LOOK_MS) {
      this.#lookedAt = now
      const isThere = isSameFile(this.#opened, this.#path) && !this.#isGone()
      this.#fault = isThere ? undefined : goneFault(this.#path)
    }
    if (this.#fault !== undefined) throw this.#fault
  }
}
