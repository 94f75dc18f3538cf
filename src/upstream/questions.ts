/** What a server has asked and nobody has answered yet: only to these is an answer sent. */
import type { RequestId } from '../core/call.ts'

/** Questions that may wait at once; the oldest gives way. */
const WAITING_MAX = 64

export class Questions {
  /** Oldest first. */
  readonly #waiting = new Set<RequestId>()

  get size(): number {
    return this.#waiting.size
  }

  has(id: RequestId): boolean {
    return this.#waiting.has(id)
  }

  /** @returns the one that had to give way. */
  add(id: RequestId): RequestId | undefined {
    this.#waiting.add(id)
    const [oldest] = this.#waiting
    if (oldest === undefined || this.#waiting.size <= WAITING_MAX) return undefined
    this.#waiting.delete(oldest)
    return oldest
  }

  /** Answered or taken back. @returns whether it was waiting. */
  settle(id: RequestId): boolean {
    return this.#waiting.delete(id)
  }

  clear(): void {
    this.#waiting.clear()
  }
}
