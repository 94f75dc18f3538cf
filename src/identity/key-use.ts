/** Counts how keys are used, behind the back of the calls: never in their way, never on the key's own record. */

import { KEYS } from '../store/keys.ts'
import type { Store } from '../store/store.ts'
import { readUse } from './key-record.ts'

/** Uses that a crash may forget. Often enough for a person who looks at the list, rarely enough to cost nothing. */
const WRITE_EVERY_MS = 5_000
/** Other processes count the same key; more collisions in a row than this and the sum waits for the next round. */
const ATTEMPTS = 8

interface Sum {
  uses: number
  lastUsedAt: number
}

export class KeyUses {
  readonly #store: Store
  /** Only keys that exist are counted, so this is bounded by their number. */
  #waiting = new Map<string, Sum>()
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> = Promise.resolve()

  constructor(store: Store) {
    this.#store = store
  }

  /** Costs a map look-up; never throws. */
  count(id: string, at: number): void {
    const sum = this.#waiting.get(id)
    if (sum === undefined) this.#waiting.set(id, { uses: 1, lastUsedAt: at })
    else {
      sum.uses++
      if (at > sum.lastUsedAt) sum.lastUsedAt = at
    }
    this.#timer ??= setTimeout(() => void this.flush(), WRITE_EVERY_MS).unref()
  }

  /** Writes what is waiting. Never rejects: what cannot be written waits for the next time. */
  flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#writing = this.#writing.then(() => this.#writeAll())
    return this.#writing
  }

  async #writeAll(): Promise<void> {
    const sums = this.#waiting
    this.#waiting = new Map()
    for (const [id, sum] of sums) {
      const isWritten = await this.#add(id, sum).catch(() => false)
      if (!isWritten) this.#keep(id, sum)
    }
  }

  /** Adds to what is there now, whoever wrote it (compare-and-set). */
  async #add(id: string, sum: Sum): Promise<boolean> {
    const key = KEYS.keyUse(id)
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const before = await this.#store.get(key)
      const use = readUse(before)
      const after = { uses: use.uses + sum.uses, lastUsedAt: Math.max(use.lastUsedAt, sum.lastUsedAt) }
      if (await this.#store.put(key, after, before === undefined ? { onlyIfAbsent: true } : { onlyIf: before })) return true
    }
    return false
  }

  #keep(id: string, sum: Sum): void {
    const since = this.#waiting.get(id)
    this.#waiting.set(id, { uses: sum.uses + (since?.uses ?? 0), lastUsedAt: Math.max(sum.lastUsedAt, since?.lastUsedAt ?? 0) })
  }
}
