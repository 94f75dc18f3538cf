/** While nothing, or no more, can be written down: told once, counted, and written down itself as soon as it can be. */
import { Fault } from '../core/denial.ts'
import type { Entry } from '../core/event.ts'
import { type Clock, howLong } from '../core/time.ts'

/** Ends of calls that had begun before; while it lasts none begins, so more than calls may be under way there are not. */
const OWED_MAX = 4_096

export class Interruption {
  readonly #clock: Clock
  readonly #onFault: (fault: Fault) => void
  /** When the first append failed, milliseconds since the epoch; undefined while all is well. */
  #since: number | undefined
  #what: 'nothing' | 'not everything' = 'nothing'
  #why = ''
  /** Calls that were refused because of it. */
  #refused = 0
  #owed: Entry[] = []

  constructor(clock: Clock, onFault: (fault: Fault) => void) {
    this.#clock = clock
    this.#onFault = onFault
  }

  get isOn(): boolean {
    return this.#since !== undefined
  }

  /**
   * An append failed.
   * @param entries what it would have written
   * @param owed those of them that tell of what was done all the same
   */
  note(entries: readonly Entry[], owed: readonly Entry[], { message }: Fault): void {
    this.#begin(`The journal cannot be written, so nothing is done until it can: ${message}`, 'nothing', message)
    this.#count(entries, owed)
  }

  /** More waits than may. */
  crowded(entry: Entry, { message }: Fault): void {
    this.#begin(`The journal takes no more, so nothing more is done until it does: ${message}`, 'not everything', message)
    this.#count([entry], [])
  }

  #begin(sentence: string, what: 'nothing' | 'not everything', why: string): void {
    if (this.#since === undefined) {
      this.#tell(sentence)
      this.#what = what
    }
    this.#since ??= this.#clock()
    this.#why = why
  }

  #count(entries: readonly Entry[], owed: readonly Entry[]): void {
    const ended = entries.reduce((count, { type }) => count + (type === 'call.ended' ? 1 : 0), 0)
    this.#refused += ended - owed.length
    this.#owed.push(...owed.slice(0, OWED_MAX - this.#owed.length))
  }

  /** What goes along with the next append: that there was one, and how calls ended that had begun before it. */
  entries(): readonly Entry[] {
    if (this.#since === undefined) return []
    const [from, to] = [this.#since, this.#clock()].map((at) => new Date(at).toISOString())
    const detail = `from ${from} to ${to} ${this.#what} could be written down, and ${this.#refused} calls were refused: ${this.#why}`
    return [{ type: 'journal.interrupted', detail, by: 'gateway' }, ...this.#owed.map(late)]
  }

  /** They were written. */
  over(): void {
    if (this.#since === undefined) return
    const lasted = howLong(this.#clock() - this.#since)
    const owed = this.#owed.length === 0 ? '' : `, and the end of ${this.#owed.length} that had begun before is written down late`
    this.#tell(`The journal is written again, after ${lasted}: ${this.#refused} calls were refused meanwhile${owed}`)
    this.#since = undefined
    this.#refused = 0
    this.#owed = []
  }

  /** The process ends. */
  end(): void {
    if (this.#since === undefined) return
    const owed = this.#owed.length === 0 ? '' : `, and the end of ${this.#owed.length} that had begun before is not in it`
    const since = new Date(this.#since).toISOString()
    this.#tell(`The journal could not be written from ${since} until the end: ${this.#refused} calls were refused${owed}`)
  }

  #tell(sentence: string): void {
    this.#onFault(new Fault('FAULT_STORE', sentence))
  }
}

function late(entry: Entry): Entry {
  const why =
    'written late, because the journal could not be written when it ended; whoever called may have been told so in place of the answer'
  return { ...entry, detail: entry.detail === undefined || entry.detail === '' ? why : `${entry.detail}; ${why}` }
}
