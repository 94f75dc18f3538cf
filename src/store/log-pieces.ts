/** One log in pieces, a file each, so that what is old goes with whole files: only the last one is appended to. */
import { readdirSync, rmSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import type { BatchWriter } from './log-batch.ts'
import { isMissing, LogFile } from './log-file.ts'
import { placeOf } from './log-reader.ts'
import type { Line, Stretch } from './store.ts'

/*
 * The first piece is `<path>.log`, the next ones `<path>.000001.log` and so on. A piece is ended by its mode: whoever is about to append looks at
 * it through the file it has open, so it costs one system call and no lock. Two things follow:
 * - Who looked just before and writes just after still writes into the ended piece. Its lines are read in their place, and each writer's in its
 *   order; but somebody who follows the log and was already in the next piece does not see them. It takes a process that is stopped in between.
 * - The last piece is never removed, also when it is ended: the next one is named after it.
 */

/** Where pieces begin, in positions: far behind whatever a single file can have. */
const FIRST_BASE = 1e15
/** More than a piece can have; what a double holds exactly ends at 800,000 of them. */
const PIECE_SPAN = 1e10
const NUMBER_DIGITS = 6
const PIECE = /^(?:\.([0-9]{6}))?\.log$/
/** Files that are held open beside the one that is appended to. */
const OPEN_MAX = 4
const PAGE_LINES = 1_000

export class LogPieces {
  readonly #path: string
  readonly #writer: BatchWriter
  readonly #open = new Map<number, LogFile>()
  #last: number | undefined

  /** @param path without its ending */
  constructor(path: string, writer: BatchWriter) {
    this.#path = path
    this.#writer = writer
  }

  /** @throws Fault `FAULT_STORE`; whatever the file system throws */
  append(texts: readonly string[], checkRoom: (bytes: number) => void): void {
    this.#active().append(texts, checkRoom)
  }

  read(stretch: Stretch): readonly Line[] {
    const { after, before, last, limit = PAGE_LINES } = stretch
    const from = after === undefined ? 0 : pieceOf(after)
    const to = before === undefined ? Number.POSITIVE_INFINITY : pieceOf(before)
    const numbers = this.#numbers().filter((number) => number >= from && number <= to)
    const found: Line[][] = []
    let wanted = last ?? limit
    for (const number of last === undefined ? numbers : numbers.reverse()) {
      if (wanted <= 0) break
      const lines = this.#piece(number).read({
        ...(last === undefined ? { limit: wanted } : { last: wanted }),
        ...(after !== undefined && number === from && { after }),
        ...(before !== undefined && number === to && { before }),
      })
      found.push([...lines])
      wanted -= lines.length
    }
    return (last === undefined ? found : found.reverse()).flat()
  }

  /** Pieces in front of the one with this position; and what was written until now becomes a piece of its own. */
  trim(before: string): void {
    const kept = pieceOf(before)
    const numbers = this.#numbers()
    const last = numbers.pop()
    for (const number of numbers) {
      if (number >= kept) break
      this.#forget(number)
      rmSync(this.#pathOf(number), { force: true })
    }
    if (last !== undefined && this.#piece(last).bytes > 0) this.#piece(last).end()
  }

  /** Of all pieces; 0 for a log that was never written. */
  get bytes(): number {
    return this.#numbers().reduce((sum, number) => sum + this.#piece(number).bytes, 0)
  }

  /** The file that is appended to is not the one of that name any more. */
  get isGone(): boolean {
    return this.#last !== undefined && this.#piece(this.#last).isGone
  }

  close(): void {
    for (const file of this.#open.values()) file.close()
    this.#open.clear()
  }

  #active(): LogFile {
    this.#last ??= this.#numbers().at(-1) ?? 0
    while (this.#piece(this.#last).isEnded) this.#last = this.#numbers().findLast((number) => number > (this.#last ?? 0)) ?? this.#last + 1
    return this.#piece(this.#last)
  }

  #piece(number: number): LogFile {
    const known = this.#open.get(number)
    if (known !== undefined) return known
    for (const open of this.#open.keys()) {
      if (this.#open.size <= OPEN_MAX) break
      if (open !== this.#last) this.#forget(open)
    }
    const file = new LogFile(this.#pathOf(number), this.#writer, number === 0 ? 0 : FIRST_BASE + number * PIECE_SPAN)
    this.#open.set(number, file)
    return file
  }

  #forget(number: number): void {
    this.#open.get(number)?.close()
    this.#open.delete(number)
  }

  /** Of those that are there, in order. */
  #numbers(): number[] {
    try {
      const name = basename(this.#path)
      const endings = readdirSync(dirname(this.#path)).flatMap((file) => (file.startsWith(name) ? [file.slice(name.length)] : []))
      const numbers = endings.flatMap((ending) => {
        const found = PIECE.exec(ending)
        return found === null ? [] : [Number(found[1] ?? 0)]
      })
      return numbers.sort((left, right) => left - right)
    } catch (error) {
      if (isMissing(error)) return []
      throw error
    }
  }

  #pathOf(number: number): string {
    return number === 0 ? `${this.#path}.log` : `${this.#path}.${String(number).padStart(NUMBER_DIGITS, '0')}.log`
  }
}

function pieceOf(position: string): number {
  const { at } = placeOf(position)
  return at < FIRST_BASE ? 0 : Math.floor((at - FIRST_BASE) / PIECE_SPAN)
}
