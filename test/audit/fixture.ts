/** A journal on a real store, and the tools of somebody who wants to change history. */
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { TestContext } from 'node:test'
import { createJournal, type Journal, type JournalOptions } from '../../src/audit/journal.ts'
import type { Fault } from '../../src/core/denial.ts'
import type { Entry } from '../../src/core/event.ts'
import { createIds } from '../../src/core/id.ts'
import { createKeyedHash } from '../../src/core/secret.ts'
import { Turn } from '../../src/core/turn.ts'
import { BatchWriter } from '../../src/store/log-batch.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import type { Store } from '../../src/store/store.ts'

export const START_AT = 1_790_000_000_000
export const HEAD_HASH = createKeyedHash(Buffer.alloc(32, 9))
export const KEYS = generateKeyPairSync('ed25519')

export function makeFolder(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'journal-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export interface Desk {
  readonly path: string
  readonly store: Store
  readonly faults: Fault[]
  /** Turned by hand. */
  readonly clock: { now: number }
  open(options?: Partial<JournalOptions>): Journal
}

export function makeDesk(context: TestContext, options: { readonly maxBytes?: number; readonly path?: string } = {}): Desk {
  const path = options.path ?? join(makeFolder(context), 'a.db')
  const clock = { now: START_AT }
  const store = openSqlite(path, { clock: () => clock.now, ...(options.maxBytes !== undefined && { maxBytes: options.maxBytes }) })
  context.after(() => store.close())
  const faults: Fault[] = []
  const ids = createIds(() => clock.now)
  const open = (more: Partial<JournalOptions> = {}): Journal =>
    createJournal({
      store,
      clock: () => clock.now,
      ids,
      node: 'test',
      sinks: [],
      turn: new Turn(),
      checkpointMs: 3_600_000,
      signingKey: KEYS.privateKey,
      headHash: HEAD_HASH,
      onFault: (fault) => faults.push(fault),
      ...more,
    })
  return { path, store, faults, clock, open }
}

export function entryOf(number: number): Entry {
  return { type: 'call.ended', outcome: 'permitted', call: `call-${number}`, principal: 'key#abc', method: 'tools/call' }
}

/** Each in a group of its own. */
export async function writeMany(journal: Journal, from: number, to: number): Promise<void> {
  for (let i = from; i <= to; i++) await journal.write(entryOf(i))
}

/** Changes the logs behind the store's back: lends their lines as two tables, and writes back what became of them. */
export function tamper(path: string, work: (database: DatabaseSync, audit: string, checkpoints: string) => void): void {
  const database = new DatabaseSync(':memory:')
  const logs = ['audit', 'checkpoints'] as const
  for (const log of logs) {
    database.exec(`create table ${log} (position integer primary key, value text not null) strict`)
    const insert = database.prepare(`insert into ${log} (value) values (?)`)
    for (const line of linesOf(logFile(path, log))) insert.run(line)
  }
  work(database, ...logs)
  for (const log of logs) {
    const texts = database.prepare(`select value from ${log} order by position`).all()
    writeFileSync(logFile(path, log), Buffer.concat(texts.map(({ value }) => batchOf([String(value)]))))
  }
  database.close()
}

export function logFile(path: string, log: string): string {
  return `${path}-${log}.log`
}

/** The lines of a log file, as whoever reads it without us would find them. */
function linesOf(file: string): readonly string[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
}

export function batchOf(texts: readonly string[]): Buffer {
  return Buffer.from(new BatchWriter().batchOf(texts))
}
