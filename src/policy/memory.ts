/** A bounded memory: keeps what was asked for lately, forgets the rest, and never grows past twice its size. */

/**
 * Two generations. What is found in the old one moves to the young one; when the young one is full it becomes the old one
 * and the old one is forgotten at once. Close to least-recently-used, at the price of a `Map`.
 */
export class Recent<K, V extends {}> {
  readonly #max: number
  #young = new Map<K, V>()
  #old = new Map<K, V>()

  constructor(max: number) {
    this.#max = max
  }

  get(key: K): V | undefined {
    const value = this.#young.get(key)
    if (value !== undefined) return value
    const aged = this.#old.get(key)
    if (aged !== undefined) this.set(key, aged)
    return aged
  }

  set(key: K, value: V): void {
    if (this.#young.size >= this.#max) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, value)
  }

  /** Entries held, an entry of both generations counted twice. */
  get size(): number {
    return this.#young.size + this.#old.size
  }
}
