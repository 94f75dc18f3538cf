/** Logs in Redis: a stream each, whose entries are batches of lines, and a hash of marks beside it. */
import { Fault } from '../core/denial.ts'
import type { JsonValue } from '../core/json.ts'
import type { Ready } from './mark.ts'
import type { RedisKeys } from './redis-keys.ts'
import type { RedisLink } from './redis-link.ts'
import { APPEND } from './redis-scripts.ts'
import type { Line, Mark, Stretch } from './store.ts'

const PAGE_LINES = 1_000
/** Entries asked for at once: an entry is what one turn of a process wrote, mostly a few lines. */
const PAGE_ENTRIES = 256
/** A position: when Redis took the entry, which of that millisecond it is, and which of its lines. Of fixed width, so that they sort as text. */
const MS_DIGITS = 15
const SEQ_DIGITS = 12
const INDEX_DIGITS = 4
const POSITION = /^([0-9]{15})-([0-9]{12})-([0-9]{4})$/
/** A batch that was not acknowledged is brought again within seconds, by a process that starts anew within days. */
const NUMBER_KEPT_MS = 30 * 86_400_000

/** Lines that go together. */
export interface Batch {
  readonly log: string
  readonly texts: readonly string[]
  readonly mark?: Ready | undefined
}

/** A batch that may have to be brought more than once. */
export interface Numbered extends Batch {
  /** From 1: of a log and a writer always the next. */
  readonly number: number
}

interface Place {
  /** As Redis calls the entry. */
  readonly id: string
  readonly index: number
}

export class RedisLogs {
  readonly #link: RedisLink
  readonly #keys: RedisKeys

  constructor(link: RedisLink, keys: RedisKeys) {
    this.#link = link
    this.#keys = keys
  }

  /** Without a number, for what nobody brings again. @throws Fault `FAULT_STORE` (rejects): it may be there all the same */
  async append(batch: Batch): Promise<void> {
    await this.#append(batch, '', 0, 0)
  }

  /**
   * Brought twice it stands there once.
   * @param after the number in front of it, which has to be there
   * @returns the last number there is: nothing was appended when it is less than the batch's own
   * @throws Fault `FAULT_STORE` (rejects): it may be there all the same
   */
  async bring(batch: Numbered, writer: string, after = batch.number - 1): Promise<number> {
    return Number(await this.#append(batch, writer, batch.number, after))
  }

  /** The number of the last batch that stands there; 0 when none does. @throws Fault `FAULT_STORE` (rejects) */
  async lastOf(log: string, writer: string): Promise<number> {
    const key = this.#keys.last(log, writer)
    return Number((await this.#link.send(key, 'GET', key)) ?? 0)
  }

  async read(log: string, { after, before, last, limit = PAGE_LINES }: Stretch): Promise<readonly Line[]> {
    const from = after === undefined ? undefined : placeOf(after)
    const to = before === undefined ? undefined : placeOf(before)
    const isBackward = last !== undefined
    const wanted = last ?? limit
    const lines: Line[] = []
    let next = isBackward ? (to?.id ?? '+') : (from?.id ?? '-')
    const end = isBackward ? (from?.id ?? '-') : (to?.id ?? '+')
    while (lines.length < wanted) {
      const count = Math.min(PAGE_ENTRIES, wanted - lines.length + 1)
      const entries = await this.#entries(log, isBackward ? 'XREVRANGE' : 'XRANGE', next, end, count)
      for (const { id, texts } of entries) {
        const first = id === from?.id ? from.index + 1 : 0
        const behind = id === to?.id ? Math.min(to.index, texts.length) : texts.length
        const found = texts.slice(first, Math.max(first, behind)).map((text, at) => lineOf(id, first + at, text))
        lines.push(...(isBackward ? found.reverse() : found))
      }
      const lastId = entries.at(-1)?.id
      if (entries.length < count || lastId === undefined) break
      next = `(${lastId}`
    }
    const enough = lines.slice(0, wanted)
    return isBackward ? enough.reverse() : enough
  }

  #append({ log, texts, mark }: Batch, writer: string, number: number, after: number): Promise<unknown> {
    const keys = [this.#keys.log(log), this.#keys.marks(log), this.#keys.last(log, writer)] as const
    const operation = mark === undefined ? '' : mark.text === undefined ? 'drop' : 'set'
    const words = [String(number), String(after), String(NUMBER_KEPT_MS), mark?.by ?? '', operation, mark?.text ?? '', ...texts]
    return this.#link.run(APPEND, keys, words)
  }

  async marks(log: string): Promise<readonly Mark[]> {
    const key = this.#keys.marks(log)
    const found = await this.#link.send(key, 'HGETALL', key)
    const marks: Mark[] = []
    for (const [by, text] of pairsOf(found)) {
      const value = parseJson(text)
      if (value !== undefined) marks.push({ by, value })
    }
    return marks.sort((left, right) => (left.by < right.by ? -1 : 1))
  }

  /** Entries that lie in front of it whole. @throws Fault `FAULT_STORE` (rejects) */
  async trim(log: string, before: string): Promise<void> {
    const key = this.#keys.log(log)
    await this.#link.send(key, 'XTRIM', key, 'MINID', placeOf(before).id)
  }

  async #entries(
    log: string,
    command: string,
    from: string,
    to: string,
    count: number,
  ): Promise<readonly { id: string; texts: readonly string[] }[]> {
    const key = this.#keys.log(log)
    const found = await this.#link.send(key, command, key, from, to, 'COUNT', String(count))
    if (!Array.isArray(found)) throw new Fault('FAULT_STORE', 'Redis answers something else than a stream')
    return found.map(([id, fields]: readonly [string, readonly string[]]) => ({ id, texts: pairsOf(fields).map(([, text]) => text) }))
  }
}

/** What Redis lists flat: name, value, name, value. */
function pairsOf(found: unknown): readonly (readonly [string, string])[] {
  if (!Array.isArray(found)) return []
  return Array.from({ length: found.length / 2 }, (_, at) => [String(found[2 * at]), String(found[2 * at + 1])] as const)
}

function lineOf(id: string, index: number, text: string): Line {
  const [ms = '', seq = ''] = id.split('-')
  const position = `${ms.padStart(MS_DIGITS, '0')}-${seq.padStart(SEQ_DIGITS, '0')}-${String(index).padStart(INDEX_DIGITS, '0')}`
  const value = parseJson(text)
  return value === undefined ? { position, value: null, text, isDamaged: true } : { position, value, text }
}

function parseJson(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue // the type of whatever JSON.parse returns
  } catch {
    return undefined
  }
}

function placeOf(position: string): Place {
  const [, ms, seq, index] = POSITION.exec(position) ?? []
  if (ms === undefined || seq === undefined) throw new Fault('FAULT_STORE', 'This is not a position of the log')
  return { id: `${Number(ms)}-${Number(seq)}`, index: Number(index) }
}
