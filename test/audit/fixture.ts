/** A journal on a real store, and the tools of somebody who wants to change history. */
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { TestContext } from 'node:test'
import { createJournal, type Journal, type JournalOptions } from '../../src/audit/journal.ts'
import type { Fault } from '../../src/core/denial.ts'
import type { Entry } from '../../src/core/event.ts'
import { createIds } from '../../src/core/id.ts'
import { createKeyedHash } from '../../src/core/secret.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import type { Store } from '../../src/store/store.ts'
import { Turn } from '../../src/store/turn.ts'

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

/** Opens the file behind the store's back. */
export function tamper(path: string, work: (database: DatabaseSync, audit: string, checkpoints: string) => void): void {
  const database = new DatabaseSync(path, { timeout: 5_000 })
  const tableOf = (log: string): string => `line_${String(database.prepare('select id from log where name = ?').get(log)?.['id'])}`
  work(database, tableOf('audit'), tableOf('checkpoints'))
  database.close()
}
