/** Tools that are defined anew: what was asked of the ones before is void, before anything is weighed. */
import type { Approvals } from '../approval/approvals.ts'

/** Definitions of one server that are so no more, and for which the store must be asked still: more than that change while it is away. */
const GONE_MAX = 10_000

export class Redefined {
  readonly #approvals: Pick<Approvals, 'redefined'>
  /** Digests of definitions that are so no more, by server: until what was asked of them is void. */
  readonly #gone = new Map<string, Set<string>>()
  #voiding: Promise<void> = Promise.resolve()

  constructor(approvals: Pick<Approvals, 'redefined'>) {
    this.#approvals = approvals
  }

  /** A server shows other definitions than these. */
  tell(server: string, gone: readonly string[]): void {
    const known = this.#gone.get(server) ?? new Set()
    for (const digest of gone) if (known.size < GONE_MAX) known.add(digest)
    this.#gone.set(server, known)
    // It is waited for before anything is weighed, and tried again there.
    this.settled().catch(() => undefined)
  }

  /** One after the other: who waits for it waits for what is under way, too. Rejects as long as the store is away. */
  settled(): Promise<void> {
    const later = async (): Promise<void> => {
      for (const [server, gone] of this.#gone) {
        const taken = new Set(gone)
        if (taken.size > 0) await this.#approvals.redefined(server, taken)
        for (const digest of taken) gone.delete(digest)
      }
    }
    this.#voiding = this.#voiding.then(later, later)
    return this.#voiding
  }
}
