/** Logs in SQLite: one table each, because a table that is only appended to costs half of one that is shared and indexed. */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { Fault } from '../core/denial.ts'
import type { JsonValue } from '../core/json.ts'
import type { Line, Stretch } from './store.ts'

const PAGE_LINES = 1_000
/** Positions are row numbers of this many digits, so that they sort as text. */
const POSITION_DIGITS = 16

interface Log {
  readonly append: StatementSync
  readonly first: StatementSync
  readonly last: StatementSync
}

export class SqliteLogs {
  readonly #database: DatabaseSync
  readonly #find: StatementSync
  readonly #add: StatementSync
  readonly #open = new Map<string, Log>()

  constructor(database: DatabaseSync) {
    this.#database = database
    this.#find = database.prepare('select id from log where name = ?')
    this.#add = database.prepare('insert into log (name, id) select ?, coalesce(max(id), 0) + 1 from log returning id')
  }

  /** To be called within a write transaction: the order of commits is the order of positions, on any number of processes. */
  append(name: string, texts: readonly string[]): void {
    const log = this.#logOf(name) ?? this.#create(name)
    for (const text of texts) log.append.run(text)
  }

  read(name: string, stretch: Stretch): readonly Line[] {
    const log = this.#logOf(name)
    if (log === undefined) return []
    const after = stretch.after === undefined ? 0 : rowOf(stretch.after)
    const before = stretch.before === undefined ? Number.MAX_SAFE_INTEGER : rowOf(stretch.before)
    if (stretch.last === undefined) return log.first.all(after, before, stretch.limit ?? PAGE_LINES).map(lineOf)
    return log.last.all(after, before, stretch.last).map(lineOf).reverse()
  }

  /** A transaction was undone, and with it perhaps a log that it had made. */
  forget(): void {
    this.#open.clear()
  }

  #logOf(name: string): Log | undefined {
    const known = this.#open.get(name)
    if (known !== undefined) return known
    const id = this.#find.get(name)?.['id']
    return id === undefined ? undefined : this.#prepare(name, Number(id))
  }

  #create(name: string): Log {
    const id = Number(this.#add.get(name)?.['id'])
    this.#database.exec(`create table line_${id} (position integer primary key, value text not null) strict`)
    return this.#prepare(name, id)
  }

  #prepare(name: string, id: number): Log {
    const stretch = `select position, value from line_${id} where position > ? and position < ? order by position`
    const log = {
      append: this.#database.prepare(`insert into line_${id} (value) values (?)`),
      first: this.#database.prepare(`${stretch} limit ?`),
      last: this.#database.prepare(`${stretch} desc limit ?`),
    }
    this.#open.set(name, log)
    return log
  }
}

function lineOf(row: Readonly<Record<string, unknown>>): Line {
  const value = JSON.parse(String(row['value'])) as JsonValue // what `append` wrote
  return { position: String(row['position']).padStart(POSITION_DIGITS, '0'), value }
}

function rowOf(position: string): number {
  const row = Number(position)
  if (position.length !== POSITION_DIGITS || !Number.isSafeInteger(row)) throw new Fault('FAULT_STORE', 'This is not a position of the log')
  return row
}
