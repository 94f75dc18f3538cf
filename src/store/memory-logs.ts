/** Logs that die with their store. */
import { Fault } from '../core/denial.ts'
import type { JsonValue } from '../core/json.ts'
import type { Logs } from './logs.ts'
import type { Ready } from './mark.ts'
import type { Line, Mark, Stretch } from './store.ts'

const PAGE_LINES = 1_000
/** Positions are the numbers of lines, from 1, with this many digits, so that they sort as text. */
const POSITION = /^[0-9]{16}$/
const POSITION_DIGITS = 16

interface Log {
  readonly texts: string[]
  /** Of those in front. */
  removed: number
  readonly marks: Map<string, string>
}

export class MemoryLogs implements Logs {
  readonly #logs = new Map<string, Log>()

  append(name: string, texts: readonly string[], mark: Ready | undefined): void {
    const log: Log = this.#logs.get(name) ?? { texts: [], removed: 0, marks: new Map() }
    this.#logs.set(name, log)
    for (const text of texts) log.texts.push(text)
    if (mark === undefined) return
    if (mark.text === undefined) log.marks.delete(mark.by)
    else log.marks.set(mark.by, mark.text)
  }

  read(name: string, stretch: Stretch): readonly Line[] {
    const { texts, removed } = this.#logs.get(name) ?? { texts: [], removed: 0 }
    const from = stretch.after === undefined ? 0 : Math.max(0, numberOf(stretch.after) - removed)
    const to = Math.min(texts.length, stretch.before === undefined ? texts.length : numberOf(stretch.before) - 1 - removed)
    const { last } = stretch
    const start = last === undefined ? from : Math.max(from, to - last)
    const end = last === undefined ? Math.min(to, from + (stretch.limit ?? PAGE_LINES)) : to
    return texts.slice(start, Math.max(start, end)).map((text, index) => lineOf(text, removed + start + index + 1))
  }

  marks(name: string): readonly Mark[] {
    const marks = [...(this.#logs.get(name)?.marks ?? [])].map(([by, text]) => ({ by, value: parsed(text) }))
    return marks.sort((left, right) => (left.by < right.by ? -1 : 1))
  }

  trim(name: string, before: string): void {
    const log = this.#logs.get(name)
    const gone = log?.texts.splice(0, Math.max(0, numberOf(before) - 1 - log.removed))
    if (log !== undefined) log.removed += gone?.length ?? 0
  }

  bytes(): number {
    return 0
  }

  close(): void {
    this.#logs.clear()
  }
}

function lineOf(text: string, number: number): Line {
  return { position: String(number).padStart(POSITION_DIGITS, '0'), value: parsed(text) }
}

function parsed(text: string): JsonValue {
  return JSON.parse(text) as JsonValue // what `append` was given
}

function numberOf(position: string): number {
  if (!POSITION.test(position)) throw new Fault('FAULT_STORE', 'This is not a position of the log')
  return Number(position)
}
