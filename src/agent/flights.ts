/** Flights: who wants the same waits for one errand. Who wants more than it brings is served by the next, together with all who waited. */

/** By key, one errand at a time that brings a `T`; each who waits says with a `W` what they want. */
export class Flights<T, W> {
  readonly #under = new Map<string, Promise<T>>()
  /** What those want who came while one was under way: the next takes it all. */
  readonly #late = new Map<string, Set<W>>()

  /** @param isEnough whether what another's errand brought will do. */
  async join(key: string, wish: W, isEnough: (brought: T) => boolean, start: (wishes: ReadonlySet<W>) => Promise<T>): Promise<T> {
    const under = this.#under.get(key)
    if (under === undefined) return await this.#start(key, wish, start)
    this.#late.set(key, (this.#late.get(key) ?? new Set()).add(wish))
    try {
      const brought = await under
      if (isEnough(brought)) return brought
      return await (this.#under.get(key) ?? this.#start(key, wish, start))
    } finally {
      this.#late.get(key)?.delete(wish)
    }
  }

  #start(key: string, wish: W, start: (wishes: ReadonlySet<W>) => Promise<T>): Promise<T> {
    const wishes = (this.#late.get(key) ?? new Set()).add(wish)
    this.#late.delete(key)
    const errand = start(wishes).finally(() => this.#under.delete(key))
    this.#under.set(key, errand)
    return errand
  }
}
