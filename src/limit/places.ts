/** Places among what is under way: a call has one until it ends, and a task that it has begun keeps it until that does. */
import type { Call } from '../core/call.ts'
import type { ToolRow } from './cells.ts'
import type { Holder } from './holder.ts'
import { refused } from './refusal.ts'

/** How long to wait for a place: a call takes milliseconds, a crowd of them a second. */
const PLACE_WAIT_MS = 1_000
/** Tasks whose places are kept, of everybody together; some 200 bytes each. Beyond, the one that began first gives its place back. */
export const TASKS_MAX = 10_000
/** Tasks whose time is over are looked for when somebody lacks a place, but no more often: who is refused comes again as often as he likes. */
const SWEEP_US = 1_000_000

export interface Place {
  readonly person: Holder
  readonly rows: readonly ToolRow[]
}

/** A task that is under way, as far as is known. */
export interface Running {
  readonly server: string
  /** Of the revisions with sessions: a task is known by its id in the session that began it. */
  readonly session: string | undefined
  readonly id: string
}

interface Kept extends Place {
  readonly session: string | undefined
  readonly untilUs: number
}

export class Places {
  readonly #concurrency: number
  /** By Call.id. */
  readonly #calls = new Map<string, Place>()
  readonly #tasks = new Map<string, Kept>()
  #sweptAtUs = Number.NEGATIVE_INFINITY

  /** @param concurrency `limits.principal.concurrency` */
  constructor(concurrency: number) {
    this.#concurrency = concurrency
  }

  /** Tasks that keep a place. */
  get size(): number {
    return this.#tasks.size
  }

  /** @throws Denial `rate_limited` */
  check({ action }: Call, { person, rows }: Place, nowUs: number): void {
    // Whoever has as many tasks as places calls no more tools; but all else, or nobody could ask what has become of them.
    const isFull = (): boolean => (action === 'call' ? person.underway + person.tasks : person.underway) >= this.#concurrency
    const isRowFull = ({ concurrency, underway }: ToolRow): boolean => concurrency !== undefined && underway >= concurrency
    if (isFull() || rows.some(isRowFull)) this.#sweep(nowUs)
    if (isFull()) throw refused(`limits.principal.concurrency (${this.#concurrency}) is reached`, PLACE_WAIT_MS)
    const full = rows.find(isRowFull)
    if (full !== undefined) throw refused(`${full.name}.concurrency (${full.concurrency}) is reached`, PLACE_WAIT_MS)
  }

  take(call: string, place: Place): void {
    this.#calls.set(call, place)
    place.person.underway++
    for (const row of place.rows) row.underway++
  }

  end(call: string): void {
    const place = this.#calls.get(call)
    if (place === undefined) return
    this.#calls.delete(call)
    place.person.underway--
    for (const row of place.rows) row.underway--
  }

  /** What a call has begun goes on when it has ended, in its place. */
  keep({ person, rows }: Place, task: Running, untilUs: number, nowUs: number): void {
    const name = nameOf(task)
    this.#giveBack(name)
    if (this.#tasks.size >= TASKS_MAX) this.#sweep(nowUs)
    for (const oldest of this.#tasks.keys()) {
      if (this.#tasks.size < TASKS_MAX) break
      this.#giveBack(oldest)
    }
    this.#tasks.set(name, { person, rows, session: task.session, untilUs })
    person.tasks++
    for (const row of rows) row.underway++
  }

  taskEnded(task: Running): void {
    this.#giveBack(nameOf(task))
  }

  /** Nobody can ask for its tasks any more. */
  sessionEnded(session: string): void {
    for (const [name, task] of this.#tasks) if (task.session === session) this.#giveBack(name)
  }

  #sweep(nowUs: number): void {
    if (nowUs - this.#sweptAtUs < SWEEP_US) return
    this.#sweptAtUs = nowUs
    for (const [name, { untilUs }] of this.#tasks) if (untilUs <= nowUs) this.#giveBack(name)
  }

  #giveBack(name: string): void {
    const task = this.#tasks.get(name)
    if (task === undefined) return
    this.#tasks.delete(name)
    task.person.tasks--
    for (const row of task.rows) row.underway--
  }
}

/** Names of servers and sessions have no blanks. */
function nameOf({ server, session = '', id }: Running): string {
  return `${server} ${session} ${id}`
}
