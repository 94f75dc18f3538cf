/** Flights: one errand for all who want the same. What is wanted while it is under way is the next one's. */

/** What errands are, by key; `W` is what somebody wants, `T` what an errand brings. */
export interface FlightRules<T, W> {
  /** Gets at once what all of these want. */
  readonly errand: (key: string, wishes: readonly W[]) => Promise<T>
  /** Whether what an errand for these others brought will do. */
  readonly isEnough: (brought: T, wish: W, carried: readonly W[]) => boolean
  /** Whether it failed because of what was wanted together, so that each had better go alone. */
  readonly isOfOne: (error: unknown) => boolean
}

interface Waiter<T, W> {
  readonly wish: W
  resolve(brought: T): void
  reject(error: unknown): void
}

export class Flights<T, W> {
  readonly #rules: FlightRules<T, W>
  /** Of each key that somebody is under way for: who came since. */
  readonly #late = new Map<string, Waiter<T, W>[]>()

  constructor(rules: FlightRules<T, W>) {
    this.#rules = rules
  }

  /** What one errand brings: the one that carries this wish, or one for others that is enough. Rejects as that does. */
  join(key: string, wish: W): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const waiter = { wish, resolve, reject }
    const late = this.#late.get(key)
    if (late === undefined) void this.#run(key, waiter)
    else late.push(waiter)
    return promise
  }

  async #run(key: string, first: Waiter<T, W>): Promise<void> {
    for (let carried = [first]; carried.length > 0; carried = this.#late.get(key) ?? []) {
      this.#late.set(key, [])
      await this.#fly(key, carried)
    }
    this.#late.delete(key)
  }

  async #fly(key: string, carried: readonly Waiter<T, W>[]): Promise<void> {
    const { errand, isOfOne } = this.#rules
    const wishes = carried.map(({ wish }) => wish)
    try {
      const brought = await errand(key, wishes)
      for (const { resolve } of carried) resolve(brought)
      this.#late.set(key, this.#unserved(this.#late.get(key) ?? [], brought, wishes))
    } catch (error) {
      if (isOfOne(error)) return await this.#flyAlone(key, carried, error)
      // Nobody is asked the same again for those who came in between.
      for (const { reject } of [...carried, ...(this.#late.get(key) ?? [])]) reject(error)
      this.#late.set(key, [])
    }
  }

  async #flyAlone(key: string, carried: readonly Waiter<T, W>[], error: unknown): Promise<void> {
    if (carried.length === 1) return carried[0]?.reject(error)
    for (let rest = carried; rest.length > 0; ) {
      const [one, ...others] = rest
      rest = others
      if (one === undefined) return
      try {
        const brought = await this.#rules.errand(key, [one.wish])
        one.resolve(brought)
        rest = this.#unserved(others, brought, [one.wish])
      } catch (failure) {
        one.reject(failure)
      }
    }
  }

  /** Those for whom it is not enough; the others are served by it. */
  #unserved(waiting: readonly Waiter<T, W>[], brought: T, carried: readonly W[]): Waiter<T, W>[] {
    return waiting.filter(({ wish, resolve }) => {
      if (!this.#rules.isEnough(brought, wish, carried)) return true
      resolve(brought)
      return false
    })
  }
}
