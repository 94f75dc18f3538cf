/** A sink behind a bounded queue: what is far away and slow neither keeps the journal waiting nor fills the memory. */
import type { Fault } from '../core/denial.ts'
import { Outage } from './outage.ts'
import type { Sink, Told } from './sinks.ts'

/** Where a queue empties into. */
export interface Outlet {
  /** For messages and counts: `webhook https://siem.example.com`. */
  readonly name: string
  /** Hands over a batch whole; rejects when it must be sent again, and it may then arrive twice. */
  send(batch: readonly Told[]): Promise<void>
  close?(): void | Promise<void>
}

export interface QueueOptions {
  /** Told of each outage: that it began, that lines are lost to it, and what it came to. */
  readonly onFault: (fault: Fault) => void
  /** Waits, or ends early when aborted; never rejects. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<unknown>
}

/** Some 10 MB: a receiver may be away for a minute at a few hundred calls a second. */
const QUEUE_MAX = 16_384
const BATCH_MAX = 512
/** Before a batch is sent again; the last for ever after. */
const WAITS_MS = [500, 2_000, 5_000, 15_000, 30_000] as const
/** A batch that was not taken once is no outage yet: mostly a receiver has started anew, or a connection was idle for too long. */
const FAILURES = 2
/** To hand over what is left when the process ends. */
const CLOSE_MS = 5_000

const SLOW = 'it is too slow for this load'

export function queuedSink(outlet: Outlet, options: QueueOptions): Sink {
  return new Queue(outlet, options)
}

class Queue implements Sink {
  readonly name: string
  readonly outage: Outage
  readonly #outlet: Outlet
  readonly #options: QueueOptions
  readonly #stopping = new AbortController()
  #waiting: Told[] = []
  #pumping: Promise<void> | undefined
  /** While closing, a batch that is refused is not sent again. */
  #isClosing = false
  /** Why the first of those that wait was not taken. */
  #why: string | undefined

  constructor(outlet: Outlet, options: QueueOptions) {
    this.name = outlet.name
    this.outage = new Outage(outlet.name, options.onFault)
    this.#outlet = outlet
    this.#options = options
  }

  get waiting(): number {
    return this.#waiting.length
  }

  write(told: readonly Told[]): void {
    if (this.#waiting.length + told.length > QUEUE_MAX) throw new Error(`${QUEUE_MAX} lines wait for it: ${this.#why ?? SLOW}`)
    this.#waiting.push(...told)
    this.#pumping ??= this.#pump()
  }

  /** @throws Error when lines were not handed over in time: they are in the journal, and nowhere else. */
  async close(): Promise<void> {
    this.#isClosing = true
    this.#stopping.abort()
    const late = new AbortController()
    await Promise.race([this.#pumping, this.#options.wait(CLOSE_MS, late.signal)])
    late.abort()
    await this.#outlet.close?.()
    if (this.#waiting.length > 0) throw new Error(this.#why ?? SLOW)
  }

  async #pump(): Promise<void> {
    // What this turn still brings goes along.
    await Promise.resolve()
    for (let failures = 0; this.#waiting.length > 0; ) {
      const batch = this.#waiting.slice(0, BATCH_MAX)
      try {
        await this.#outlet.send(batch)
        this.#waiting = this.#waiting.slice(batch.length)
        failures = 0
        this.#why = undefined
        this.outage.worked()
      } catch (error) {
        this.#why = error instanceof Error ? error.message : String(error)
        if (this.#isClosing) break
        if (failures + 1 >= FAILURES) this.outage.failed(error)
        await this.#options.wait(WAITS_MS[Math.min(failures++, WAITS_MS.length - 1)] ?? 0, this.#stopping.signal)
      }
    }
    this.#pumping = undefined
  }
}
