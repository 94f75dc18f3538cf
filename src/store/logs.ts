/** All logs of one store, in files beside its database. */
import { Fault } from '../core/denial.ts'
import { shortName } from './file-name.ts'
import { BatchWriter } from './log-batch.ts'
import { LogPieces } from './log-pieces.ts'
import type { Ready } from './mark.ts'
import { MarkFiles } from './mark-files.ts'
import type { Line, Mark, Stretch } from './store.ts'

export interface Logs {
  append(name: string, texts: readonly string[], mark: Ready | undefined): void
  read(name: string, stretch: Stretch): readonly Line[]
  marks(name: string): readonly Mark[]
  trim(name: string, before: string): void
  /** On disk, of those that were used. */
  bytes(): number
  close(): void
}

interface Log {
  readonly lines: LogPieces
  readonly marks: MarkFiles
}

export class FileLogs implements Logs {
  readonly #path: string
  readonly #checkRoom: (bytes: number) => void
  readonly #writer = new BatchWriter()
  readonly #open = new Map<string, Log>()
  #isClosed = false

  /**
   * @param path of the database; the log `audit` is `<path>-audit.log`, its marks are in `<path>-audit.marks`
   * @param checkRoom throws when the store may not grow by so many bytes
   */
  constructor(path: string, checkRoom: (bytes: number) => void) {
    this.#path = path
    this.#checkRoom = checkRoom
  }

  append(name: string, texts: readonly string[], mark: Ready | undefined): void {
    const { lines, marks } = this.#logOf(name)
    if (mark?.text !== undefined) marks.prepare(mark.by)
    if (texts.length > 0) lines.append(texts, this.#checkRoom)
    if (mark === undefined) return
    if (mark.text === undefined) marks.drop(mark.by)
    else marks.write(mark.by, mark.text)
  }

  read(name: string, stretch: Stretch): readonly Line[] {
    return this.#logOf(name).lines.read(stretch)
  }

  marks(name: string): readonly Mark[] {
    return this.#logOf(name).marks.all()
  }

  trim(name: string, before: string): void {
    this.#logOf(name).lines.trim(before)
  }

  bytes(): number {
    let bytes = 0
    for (const { lines } of this.#open.values()) bytes += lines.bytes
    return bytes
  }

  /** What is written to is not under its name any more. */
  get isGone(): boolean {
    return [...this.#open.values()].some(({ lines, marks }) => lines.isGone || marks.isGone)
  }

  close(): void {
    this.#isClosed = true
    for (const { lines, marks } of this.#open.values()) {
      lines.close()
      marks.close()
    }
    this.#open.clear()
  }

  #logOf(name: string): Log {
    const known = this.#open.get(name)
    if (known !== undefined) return known
    if (this.#isClosed) throw new Fault('FAULT_STORE', 'The store is closed')
    const path = `${this.#path}-${shortName(name)}`
    const log = { lines: new LogPieces(path, this.#writer), marks: new MarkFiles(`${path}.marks`) }
    this.#open.set(name, log)
    return log
  }
}
