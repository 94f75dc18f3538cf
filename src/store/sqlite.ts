/** The Store in files: records and cells in SQLite (node:sqlite, WAL), logs beside it; or in memory. Several processes may share the files. */
import { realpathSync } from 'node:fs'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { Fault } from '../core/denial.ts'
import { canonical, type JsonValue } from '../core/json.ts'
import type { Clock } from '../core/time.ts'
import { Turn } from '../core/turn.ts'
import { checkInstant, checkKey, successor } from './checks.ts'
import { keepFromOthers } from './file-mode.ts'
import { FilePlace } from './file-place.ts'
import { chargeCells } from './gcra.ts'
import { FileLogs, type Logs } from './logs.ts'
import { readyMark } from './mark.ts'
import { MemoryLogs } from './memory-logs.ts'
import { GroupedReads } from './reads.ts'
import { faultOf, fullFault } from './sqlite-fault.ts'
import { limitBytes, openDatabase, usedBytes } from './sqlite-schema.ts'
import type { Cell, Charge, Line, Mark, Page, PutOptions, Store, Stored, Stretch, Written } from './store.ts'

/** How a store in files is opened. */
export interface SqliteOptions {
  readonly clock: Clock
  /** Largest size of the database and the logs together; writes beyond it are refused with `FAULT_STORE`. */
  readonly maxBytes?: number
  /** When records are read: of one key once a turn, for all who asked. Default: one of its own. @internal */
  readonly turn?: Turn
  /** Told of files that others could read. */
  readonly onFault?: (fault: Fault) => void
}

const IN_MEMORY = ':memory:'
const PAGE_RECORDS = 1_000
/** Once in so many writes a batch of what has expired is removed: more than one write can bring, so it never piles up. */
const SWEEP_EVERY = 64
const SWEEP_BATCH = 256
/** Full cells are kept this long: a clock that is set back by less finds them, and gives no token twice. */
const SWEEP_GRACE_MS = 3_600_000
/**
 * Opens the store, making the file and its folder on first use.
 * @param path a file, or `:memory:` for one that dies with its handle
 * @throws Fault `FAULT_STORE`; TypeError for another mistake in what is given
 */
export function openSqlite(path: string, options: SqliteOptions): Store {
  checkGiven(path, options)
  try {
    if (path !== IN_MEMORY) keepFromOthers(path, options.onFault ?? (() => undefined))
    return new SqliteStore(openDatabase(path, options.maxBytes), path, options)
  } catch (error) {
    throw faultOf(error, path)
  }
}

/** Authors of tools open it too: a mistake is told by the name of the argument. */
function checkGiven(path: unknown, options: unknown): void {
  if (typeof path !== 'string' || path === '') throw new TypeError('path: expected a file, or ":memory:"')
  const clock = typeof options === 'object' && options !== null && 'clock' in options ? options.clock : undefined
  if (typeof clock !== 'function') throw new TypeError('options.clock: expected what tells the time in milliseconds, such as Date.now')
}

type Statements = ReturnType<typeof prepareAll>

class SqliteStore implements Store {
  readonly isInOrder = true
  readonly #database: DatabaseSync
  readonly #path: string
  readonly #clock: Clock
  readonly #statements: Statements
  readonly #logs: Logs
  readonly #place: FilePlace | undefined
  readonly #reads: GroupedReads
  #writes = 0
  #sweptTo = ''

  constructor(database: DatabaseSync, path: string, { clock, maxBytes, turn = new Turn() }: SqliteOptions) {
    this.#database = database
    this.#path = path
    this.#clock = clock
    this.#statements = prepareAll(database)
    this.#reads = new GroupedReads(turn, (key) => this.#textOf(key))
    const checkRoom = (bytes: number): void => {
      if (maxBytes !== undefined) this.#checkRoom(bytes, maxBytes)
    }
    if (path === IN_MEMORY) {
      this.#logs = new MemoryLogs()
      return
    }
    // Whatever links lead to the database, its logs are beside the file itself.
    const logs = new FileLogs(realpathSync(path), checkRoom)
    this.#logs = logs
    this.#place = new FilePlace(path, clock, () => logs.isGone)
  }

  get(key: string): Promise<JsonValue | undefined> {
    return this.#reads.get(key)
  }

  async put(key: string, value: JsonValue, options: PutOptions = {}): Promise<boolean> {
    try {
      this.#place?.check()
      checkKey(key)
      const now = Math.floor(this.#clock())
      this.#sweepSometimes(now)
      const text = canonical(value)
      const expires = options.expiresAt === undefined ? null : checkInstant(options.expiresAt)
      const written = this.#putOne(key, text, expires, options, now)
      return written > 0
    } catch (error) {
      throw faultOf(error, this.#path)
    }
  }

  async take(key: string): Promise<JsonValue | undefined> {
    try {
      this.#place?.check()
      const row = this.#statements.take.get(checkKey(key))
      if (row === undefined || isExpired(row['expires'], this.#clock)) return undefined
      return JSON.parse(String(row['value'])) as JsonValue // what `put` wrote
    } catch (error) {
      throw faultOf(error, this.#path)
    }
  }

  async list(prefix: string, page: Page = {}): Promise<readonly Stored[]> {
    try {
      this.#place?.check()
      const end = successor(checkKey(prefix))
      const after = checkKey(page.after ?? '')
      const limit = page.limit ?? PAGE_RECORDS
      const now = Math.floor(this.#clock())
      const { listAll, listTo } = this.#statements
      const rows = end === undefined ? listAll.all(prefix, after, now, limit) : listTo.all(prefix, after, now, limit, end)
      return rows.map((row) => ({
        key: String(row['key']),
        value: JSON.parse(String(row['value'])) as JsonValue, // what `put` wrote
        ...(typeof row['expires'] === 'number' && { expiresAt: row['expires'] }),
      }))
    } catch (error) {
      throw faultOf(error, this.#path)
    }
  }

  async charge(cells: readonly Cell[], now: number): Promise<Charge> {
    try {
      this.#place?.check()
      this.#sweepSometimes(Math.floor(this.#clock()))
      return this.#write(() => {
        const { arrivals, ...charge } = chargeCells(cells, (key) => this.#arrivalOf(key), now)
        for (const [key, arrival] of arrivals) this.#statements.setCell.run(checkKey(key), arrival)
        return charge
      })
    } catch (error) {
      throw faultOf(error, this.#path)
    }
  }

  async append(log: string, lines: readonly JsonValue[] | Written, mark?: Mark): Promise<void> {
    try {
      const texts = 'texts' in lines ? lines.texts : lines.map((line) => JSON.stringify(line))
      this.#openLogs().append(checkKey(log), texts, mark && readyMark(mark))
    } catch (error) {
      throw faultOf(error, this.#path)
    }
  }

  async read(log: string, stretch: Stretch = {}): Promise<readonly Line[]> {
    try {
      return this.#openLogs().read(checkKey(log), stretch)
    } catch (error) {
      throw faultOf(error, this.#path)
    }
  }

  async marks(log: string): Promise<readonly Mark[]> {
    try {
      return this.#openLogs().marks(checkKey(log))
    } catch (error) {
      throw faultOf(error, this.#path)
    }
  }

  async trim(log: string, before: string): Promise<void> {
    try {
      this.#openLogs().trim(checkKey(log), before)
    } catch (error) {
      throw faultOf(error, this.#path)
    }
  }

  async close(): Promise<void> {
    if (!this.#database.isOpen) return
    this.#database.close()
    this.#logs.close()
  }

  #openLogs(): Logs {
    if (!this.#database.isOpen) throw new Fault('FAULT_STORE', `${this.#path}: the store is closed`)
    this.#place?.check()
    return this.#logs
  }

  /** What the logs take, the database may not have. */
  #checkRoom(bytes: number, maxBytes: number): void {
    const left = maxBytes - this.#logs.bytes() - bytes
    if (usedBytes(this.#database) > left) throw fullFault(this.#path)
    limitBytes(this.#database, left)
  }

  #textOf(key: string): string | undefined {
    try {
      this.#place?.check()
      const row = this.#statements.get.get(checkKey(key))
      return row === undefined || isExpired(row['expires'], this.#clock) ? undefined : String(row['value'])
    } catch (error) {
      throw faultOf(error, this.#path)
    }
  }

  #putOne(key: string, text: string, expires: number | null, options: PutOptions, now: number): number {
    const { put, putAbsent, putIf } = this.#statements
    if (options.onlyIf === undefined) {
      const done = options.onlyIfAbsent === true ? putAbsent.run(key, text, expires, now) : put.run(key, text, expires)
      return Number(done.changes)
    }
    // Both conditions at once can never hold.
    if (options.onlyIfAbsent === true) return 0
    return Number(putIf.run(text, expires, key, canonical(options.onlyIf), now).changes)
  }

  #arrivalOf(key: string): number | undefined {
    const arrival = this.#statements.getCell.get(checkKey(key))?.['arrival']
    return arrival === undefined ? undefined : Number(arrival)
  }

  /** Runs `work` as the only writer; whatever it throws undoes it. */
  #write<Result>(work: () => Result): Result {
    const { begin, commit, rollback } = this.#statements
    begin.run()
    try {
      const result = work()
      commit.run()
      return result
    } catch (error) {
      // On a full disk SQLite may have rolled back by itself.
      if (this.#database.isTransaction) rollback.run()
      throw error
    }
  }

  #sweepSometimes(now: number): void {
    if (++this.#writes % SWEEP_EVERY !== 0) return
    const { sweepRecords, cellsFrom, dropCell } = this.#statements
    sweepRecords.run(now, SWEEP_BATCH)
    const full = (now - SWEEP_GRACE_MS) * 1_000
    const rows = cellsFrom.all(this.#sweptTo, SWEEP_BATCH)
    for (const row of rows) {
      if (Number(row['arrival']) < full) dropCell.run(row['key'] ?? '', full)
    }
    this.#sweptTo = rows.length < SWEEP_BATCH ? '' : String(rows.at(-1)?.['key'] ?? '')
  }
}

/** Every statement, prepared once. Each single statement is atomic by itself, on any number of processes. */
function prepareAll(database: DatabaseSync) {
  const prepare = (sql: string): StatementSync => database.prepare(sql)
  const live = 'key >= ?1 and key > ?2 and (expires is null or expires > ?3)'
  return {
    begin: prepare('begin immediate'),
    commit: prepare('commit'),
    rollback: prepare('rollback'),
    get: prepare('select value, expires from record where key = ?'),
    put: prepare(
      'insert into record (key, value, expires) values (?, ?, ?) on conflict (key) do update set value = excluded.value, expires = excluded.expires',
    ),
    putAbsent: prepare(
      `insert into record (key, value, expires) values (?1, ?2, ?3)
       on conflict (key) do update set value = excluded.value, expires = excluded.expires where record.expires <= ?4`,
    ),
    putIf: prepare('update record set value = ?1, expires = ?2 where key = ?3 and value = ?4 and (expires is null or expires > ?5)'),
    take: prepare('delete from record where key = ? returning value, expires'),
    listAll: prepare(`select key, value, expires from record where ${live} order by key limit ?4`),
    listTo: prepare(`select key, value, expires from record where ${live} and key < ?5 order by key limit ?4`),
    getCell: prepare('select arrival from cell where key = ?'),
    setCell: prepare('insert into cell (key, arrival) values (?, ?) on conflict (key) do update set arrival = excluded.arrival'),
    sweepRecords: prepare('delete from record where key in (select key from record where expires <= ? limit ?)'),
    cellsFrom: prepare('select key, arrival from cell where key > ? order by key limit ?'),
    dropCell: prepare('delete from cell where key = ? and arrival < ?'),
  }
}

function isExpired(expires: unknown, clock: Clock): boolean {
  return typeof expires === 'number' && expires <= clock()
}
