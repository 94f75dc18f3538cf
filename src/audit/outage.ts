/** One outage of a sink, told in three lines at most: that it began, that lines are lost to it, and what it came to. */
import { Fault } from '../core/denial.ts'
import { howLong } from '../core/time.ts'

/** It is over when nothing has failed for so long: a sink that fails every other time is one outage. */
const CALM_MS = 5_000

export class Outage {
  readonly #name: string
  readonly #onFault: (fault: Fault) => void
  readonly #calmMs: number
  /** When it began, in milliseconds that only go forward; undefined while nothing is wrong. */
  #since: number | undefined
  /** When it took something again, after the last failure. */
  #workedAt = 0
  #calm: NodeJS.Timeout | undefined
  #lost = 0
  #isEnded = false
  /** What was lost before this outage. */
  #lostBefore = 0
  #why = ''

  constructor(name: string, onFault: (fault: Fault) => void, calmMs: number = CALM_MS) {
    this.#name = name
    this.#onFault = onFault
    this.#calmMs = calmMs
  }

  /** Lines that were lost, in all outages. */
  get lost(): number {
    return this.#lost
  }

  /** It did not take what it was handed, which is handed to it again. */
  failed(error: unknown): void {
    if (this.#begins(error)) this.#tell(`takes nothing, so history waits for it: ${this.#why}`)
  }

  /** It did not take what it was handed, and is not handed it again. */
  lose(lines: number, error: unknown): void {
    this.#begins(error)
    const isFirst = this.#lost === this.#lostBefore
    this.#lost += lines
    if (isFirst) this.#tell(`loses lines from now on, which the journal has: ${this.#why}`)
  }

  /** It took what it was handed. */
  worked(): void {
    if (this.#since === undefined || this.#calm !== undefined) return
    this.#workedAt = performance.now()
    this.#calm = setTimeout(() => this.#over(), this.#calmMs).unref()
  }

  /** The process ends. @param waiting lines that were not handed over */
  end(waiting: number, error?: unknown): void {
    if (error !== undefined) this.#why = reasonOf(error)
    if (this.#calm !== undefined && waiting === 0) this.#over()
    this.#lost += waiting
    const lost = this.#lost - this.#lostBefore
    if (lost > 0) this.#tell(`was not told ${lost} lines until the end, which the journal has: ${this.#why}`)
    this.#rest()
    this.#isEnded = true
  }

  /** @returns whether it begins by this */
  #begins(error: unknown): boolean {
    clearTimeout(this.#calm)
    this.#calm = undefined
    this.#why = reasonOf(error)
    if (this.#since !== undefined) return false
    this.#since = performance.now()
    return true
  }

  #over(): void {
    const lost = this.#lost - this.#lostBefore
    const came = lost === 0 ? 'nothing was lost' : `${lost} lines were lost, which the journal has`
    this.#tell(`works again, after ${howLong(this.#workedAt - (this.#since ?? this.#workedAt))}: ${came}`)
    this.#rest()
  }

  #rest(): void {
    clearTimeout(this.#calm)
    this.#calm = undefined
    this.#since = undefined
    this.#lostBefore = this.#lost
  }

  #tell(what: string): void {
    if (this.#isEnded) return
    this.#onFault(new Fault('FAULT_SINK', `Audit sink ${this.#name} ${what}`))
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
