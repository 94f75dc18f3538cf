/** The store went away and came back: history is told of each once, also when history was away with it. */
import type { Entry } from '../core/event.ts'
import type { Clock } from '../core/time.ts'

export class Outages {
  readonly #tell: (entry: Entry) => Promise<void>
  readonly #clock: Clock
  /** What could not be written yet. */
  #untold: Entry | undefined
  #writing: Promise<void> = Promise.resolve()

  constructor(tell: (entry: Entry) => Promise<void>, clock: Clock) {
    this.#tell = tell
    this.#clock = clock
  }

  note(isAway: boolean, error?: unknown): void {
    const since = new Date(this.#clock()).toISOString()
    this.#writing = this.#writing.then(() => (isAway ? this.#begin(since, error) : this.#end()))
  }

  async #begin(since: string, error: unknown): Promise<void> {
    const why = error instanceof Error ? error.message : String(error)
    const entry: Entry = { type: 'limits.degraded', detail: `since ${since} each process counts alone: ${why}`, by: 'gateway' }
    await this.#tell(entry).catch(() => {
      this.#untold = entry
    })
  }

  async #end(): Promise<void> {
    const untold = this.#untold
    this.#untold = undefined
    try {
      if (untold !== undefined) await this.#tell(untold)
      await this.#tell({ type: 'limits.restored', detail: 'limits are counted together again', by: 'gateway' })
    } catch {
      // It is away again: the next outage says so itself.
    }
  }
}
