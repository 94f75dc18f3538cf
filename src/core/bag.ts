/** What is under way, and does not grow old by lying in a table: in no order, or by number. */

const AT = Symbol('place in a bag')

interface Placed {
  [AT]?: number
}

/**
 * What comes and goes with every call. A `Set` would do, but not for long: when one that has lived for a while tidies or outgrows its table,
 * V8 makes the next one in the old generation, and the one that was left behind keeps what lay in it until the next full collection. So every
 * call, with all that hangs on it, was moved to the old generation: measured, a tenth of the gateway's time, and pauses of 20 ms.
 * An array that shrinks and grows does the same, so this one never shrinks: it has as many places as were ever taken at once.
 *
 * A thing lies in one bag at a time.
 */
export class Bag<T extends object> {
  /** The first `size` of them are taken. */
  readonly #places: ((T & Placed) | undefined)[] = []
  #size = 0

  get size(): number {
    return this.#size
  }

  add(thing: T & Placed): void {
    if (this.#has(thing)) return
    thing[AT] = this.#size
    this.#places[this.#size++] = thing
  }

  delete(thing: T & Placed): void {
    const at = thing[AT]
    if (at === undefined || !this.#has(thing)) return
    // The last one fills the gap.
    const last = this.#places[--this.#size]
    this.#places[at] = last
    this.#places[this.#size] = undefined
    if (last !== undefined) last[AT] = at
  }

  /** From the end, so that whoever takes out what it is given misses nothing, and is given nothing that has been taken out. */
  *[Symbol.iterator](): Generator<T, undefined> {
    for (let at = this.#size - 1; at >= 0; at--) {
      const thing = this.#places[at]
      if (thing !== undefined) yield thing
    }
  }

  #has(thing: T & Placed): boolean {
    const at = thing[AT]
    return at !== undefined && this.#places[at] === thing
  }
}

/** What is under way, by number, in the order in which it came: a `Map` whose left-behind tables hold nothing but empty covers. */
export class Ledger<T extends object> {
  readonly #covers = new Map<number, { thing: T | undefined }>()

  get size(): number {
    return this.#covers.size
  }

  get(number: number): T | undefined {
    return this.#covers.get(number)?.thing
  }

  set(number: number, thing: T): void {
    this.#covers.set(number, { thing })
  }

  delete(number: number): void {
    const cover = this.#covers.get(number)
    if (cover === undefined) return
    cover.thing = undefined
    this.#covers.delete(number)
  }

  keys(): MapIterator<number> {
    return this.#covers.keys()
  }

  *values(): Generator<T, undefined> {
    for (const { thing } of this.#covers.values()) if (thing !== undefined) yield thing
  }
}
