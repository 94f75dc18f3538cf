/** The end of a turn of the event loop: what many have asked for until then is read once and written at once. */

/**
 * Work that is put off until every socket that was ready in this turn has been served. First all that reads, then all that writes, so that
 * what is written because of what was read goes along. Nobody waits for it: a loop that has nothing else to do comes here at once.
 *
 * A read that is put off is as good as one made at once, and better: whoever asked gets what stood there *after* the question.
 */
export class Turn {
  #reads: (() => void)[] = []
  #writes: (() => void)[] = []
  #isArmed = false

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
    setImmediate(this.#read)
  }

  readonly #read = (): void => {
    const reads = this.#reads
    if (reads.length === 0) {
      this.#write()
      return
    }
    this.#reads = []
    for (const work of reads) work()
    // Whoever was answered goes on in microtasks, and a tick that is asked for in one comes when all of them are done.
    queueMicrotask(this.#afterwards)
  }

  readonly #afterwards = (): void => process.nextTick(this.#write)

  readonly #write = (): void => {
    this.#isArmed = false
    const writes = this.#writes
    this.#writes = []
    for (const work of writes) work()
    if (this.#reads.length > 0) this.#arm()
  }
}
