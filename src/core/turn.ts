/** The end of a turn of the event loop: what has arrived until then is looked at together, what it asks is read once, what it leads to is written at once. */

/**
 * Work that is put off until every socket that was ready in this turn has been served. First what arrived, then all that reads, then all that
 * writes, each after what the work before it has led to; so what is written because of what was read goes along. Nobody waits for it: a loop
 * that has nothing else to do comes here at once.
 *
 * A read that is put off is as good as one made at once, and better: whoever asked gets what stood there *after* the question.
 * Calls that walk the line side by side, a step for all and then the next, find its code in the processor's cache; calls that walk it one
 * by one, with the sockets' own work in between, were measured to cost a tenth more.
 *
 * Work never throws: nobody would be there to hear of it.
 */
export class Turn {
  #arrivals: (() => void)[] = []
  #reads: (() => void)[] = []
  #writes: (() => void)[] = []
  #isArmed = false

  arrivals(work: () => void): void {
    this.#arrivals.push(work)
    this.#arm()
  }

  /** The same for who waits, and then goes on in the asynchronous context that was left: work that is called back is in anybody's. */
  arrived(): Promise<void> {
    return new Promise((resolve) => this.arrivals(resolve))
  }

  reads(work: () => void): void {
    this.#reads.push(work)
    this.#arm()
  }

  writes(work: () => void): void {
    this.#writes.push(work)
    this.#arm()
  }

  #arm(): void {
    if (this.#isArmed) return
    this.#isArmed = true
    setImmediate(this.#begin)
  }

  readonly #begin = (): void => {
    const arrivals = this.#arrivals
    this.#arrivals = []
    work(arrivals, this.#read)
  }

  readonly #read = (): void => {
    const reads = this.#reads
    this.#reads = []
    work(reads, this.#write)
  }

  readonly #write = (): void => {
    this.#isArmed = false
    const writes = this.#writes
    this.#writes = []
    for (const one of writes) one()
    if (this.#reads.length > 0 || this.#arrivals.length > 0) this.#arm()
  }
}

/** Whoever was answered goes on in microtasks, and a tick that is asked for in one comes when all of them are done. */
function work(all: readonly (() => void)[], next: () => void): void {
  if (all.length === 0) {
    next()
    return
  }
  for (const one of all) one()
  queueMicrotask(() => process.nextTick(next))
}
