/** How the store's file is opened, and the steps by which its schema came to be what it is. */
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Fault } from '../core/denial.ts'

/** How long a writer waits for another process: writes take microseconds, so this only ends on a fault. */
const BUSY_MS = 5_000
/** Pages of the write-ahead log before SQLite moves them into the file: 4 MiB, some 5 ms of writing and one sync of the disk. */
const WAL_PAGES = 1_000
/** What the write-ahead log may keep on disk once it was moved. */
const WAL_BYTES = 16 * 1024 * 1024
/** A commit writes whole pages, and nearly always one record or one cell: the smaller the better, down to what the system itself writes. */
const PAGE_BYTES = 4_096
/** `Port`: marks the file as ours (pragma application_id). */
const APPLICATION = 0x506f7274

/** Each row brings the schema one version further. Rows are only ever added. */
const MIGRATIONS: readonly string[] = [
  `create table record (key text primary key, value text not null, expires integer) strict, without rowid;
   create index record_expires on record (expires) where expires is not null;
   create table cell (key text primary key, arrival integer not null) strict, without rowid;`,
]

/**
 * Opens or makes the file, mode 0600, and brings its schema up to date.
 * @throws Fault `FAULT_STORE` when the file is of something else, or of a newer version; whatever SQLite throws.
 */
export function openDatabase(path: string, maxBytes: number | undefined): DatabaseSync {
  if (path !== ':memory:') makeFile(path)
  const database = new DatabaseSync(path, { timeout: BUSY_MS, defensive: true, enableForeignKeyConstraints: false })
  try {
    checkOurs(database, path)
    database.exec(`pragma page_size = ${PAGE_BYTES}`)
    if (pragmaOf(database, 'journal_mode') !== 'wal') database.exec('pragma journal_mode = wal')
    database.exec(`pragma synchronous = normal; pragma wal_autocheckpoint = ${WAL_PAGES}; pragma journal_size_limit = ${WAL_BYTES}`)
    if (maxBytes !== undefined) limitBytes(database, maxBytes)
    migrate(database, path)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** Of what the file has already nothing is taken away. */
export function limitBytes(database: DatabaseSync, maxBytes: number): void {
  database.exec(`pragma max_page_count = ${Math.max(1, Math.floor(maxBytes / PAGE_BYTES))}`)
}

/** Without the pages that are free to be written again. */
export function usedBytes(database: DatabaseSync): number {
  return (Number(pragmaOf(database, 'page_count')) - Number(pragmaOf(database, 'freelist_count'))) * PAGE_BYTES
}

/** SQLite gives its side files the mode of the database, so it is made before SQLite sees it. */
function makeFile(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  closeSync(openSync(path, 'a', 0o600))
}

/** Looks in one statement, so at one moment: another process may be making the schema. */
function checkOurs(database: DatabaseSync, path: string): void {
  const row = database
    .prepare('select application_id as application, (select count(*) from sqlite_schema) as tables from pragma_application_id')
    .get()
  if (row?.['application'] === APPLICATION || row?.['tables'] === 0) return
  throw new Fault('FAULT_STORE', `${path}: this is a database of something else; name another file in \`store\``)
}

function migrate(database: DatabaseSync, path: string): void {
  if (versionOf(database) === MIGRATIONS.length) return
  database.exec('begin immediate')
  try {
    const version = versionOf(database)
    if (version > MIGRATIONS.length) {
      throw new Fault(
        'FAULT_STORE',
        `${path}: written by a newer version of Portcullis (schema ${version}, this one knows ${MIGRATIONS.length}); upgrade`,
      )
    }
    for (const step of MIGRATIONS.slice(version)) database.exec(step)
    database.exec(`pragma application_id = ${APPLICATION}; pragma user_version = ${MIGRATIONS.length}; commit`)
  } catch (error) {
    if (database.isTransaction) database.exec('rollback')
    throw error
  }
}

function versionOf(database: DatabaseSync): number {
  return Number(pragmaOf(database, 'user_version'))
}

function pragmaOf(database: DatabaseSync, pragma: string): unknown {
  return database.prepare(`pragma ${pragma}`).get()?.[pragma]
}
