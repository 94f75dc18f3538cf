/** What questions put to a long history cost: a journal of very many calls, a report over all of it, and its verification. */
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createJournal } from '../src/audit/journal.ts'
import { reportOf } from '../src/audit/report.ts'
import { storeSource, verifyJournal } from '../src/audit/verify.ts'
import type { Entry } from '../src/core/event.ts'
import { createIds } from '../src/core/id.ts'
import { createKeyedHash } from '../src/core/secret.ts'
import { Turn } from '../src/core/turn.ts'
import { openSqlite } from '../src/store/sqlite.ts'

export interface HistoryRun {
  readonly events: number
  /** CPU time of this process, which is what a quiet machine would take. */
  readonly reportMs: number
  readonly verifiedPerSecond: number
  /** That reporting and verifying added to what the process holds, MiB. */
  readonly addedMib: number
}

const WEEK_MS = 7 * 86_400_000
/** How many calls a busy gateway has under way: so many events share an append. */
const GROUP = 16

export async function measureHistory(events: number): Promise<HistoryRun> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-bench-'))
  let now = Date.now() - WEEK_MS
  const clock = (): number => now
  const store = openSqlite(join(folder, 'a.db'), { clock, maxBytes: 4 * 1024 ** 3 })
  const headHash = createKeyedHash(Buffer.alloc(32, 1))
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const ids = createIds(clock)
  const onFault = (fault: Error): void => console.error(fault.message)
  const parts = { store, clock, ids, node: 'bench', sinks: [], turn: new Turn(), checkpointMs: 3_600_000, headHash, onFault }
  const journal = createJournal({ ...parts, signingKey: privateKey })
  try {
    for (let written = 0; written < events; written += GROUP) {
      now += (WEEK_MS * GROUP) / events
      const group: Promise<void>[] = []
      for (let i = 0; i < GROUP / 2; i++) for (const entry of callOf(written / 2 + i)) group.push(journal.write(entry))
      await Promise.all(group)
    }
    await journal.checkpoint()
    const before = process.memoryUsage.rss()
    const reporting = process.cpuUsage()
    const report = await reportOf(store, { since: now - WEEK_MS, until: now + 1 })
    const reportMs = cpuMs(reporting)
    if (report.calls.permitted === 0) throw new Error('the report is empty')
    const verifying = process.cpuUsage()
    const verdict = await verifyJournal(storeSource(store), publicKey, { headHash })
    if (!verdict.isSound) throw new Error(`the journal is not sound: ${verdict.flaw?.detail}`)
    const addedMib = (process.memoryUsage.rss() - before) / 1024 ** 2
    return { events: verdict.events, reportMs, verifiedPerSecond: (verdict.events / cpuMs(verifying)) * 1_000, addedMib }
  } finally {
    await journal.close()
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

function cpuMs(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since)
  return (user + system) / 1_000
}

const DENIED_EVERY = 10

/** The two events of a call, as the line writes them; one in ten is refused. */
function callOf(number: number): readonly Entry[] {
  const call = `0199c3a2-7f6e-7b1c-9a55-${String(number).padStart(12, '0')}`
  const resource = { kind: 'tool', server: 'files', name: `read_${number % 50}` } as const
  const principal = `key#${String(number % 200).padStart(12, '0')}`
  const ended: Entry = {
    type: 'call.ended',
    outcome: 'permitted',
    call,
    principal,
    kind: 'service',
    roles: ['reader'],
    method: 'tools/call',
    action: 'call',
    resource,
    transport: 'http',
    era: 'modern',
    revision: '2026-07-28',
    address: `10.0.${number % 4}.${number % 250}`,
    arguments: { path: 'string:17' },
    argumentsHash: 'q0GfY2gqvW1kq5v0Yy3yG8i6tq9rY4bJ2m1d7s5n3kA',
    policies: ['access.tools["files/read_*"]'],
    law: '4kqPp2cSxv3m1g2Jb9u5m6m0u1rQyWf6k8n3l2a1z0Y',
    bytes: 1_800,
    tookMs: 3,
  }
  if (number % DENIED_EVERY === 0) return [{ ...ended, bytes: 0, outcome: 'denied', denial: 'forbidden', detail: 'nothing permits it' }]
  return [{ type: 'call.begun', call, method: 'tools/call', principal, resource }, ended]
}
