/** What whoever has every key of an installation can do to its history, and what shows it. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Checkpoint, signCheckpoint } from '../../src/audit/checkpoint.ts'
import { fileSink } from '../../src/audit/sinks.ts'
import { fileSource, storeSource, verifyJournal } from '../../src/audit/verify.ts'
import { canonical, digest, type JsonObject } from '../../src/core/json.ts'
import { KEYS, makeDesk, makeFolder, tamper, writeMany } from './fixture.ts'

test('a history that was written anew and signed anew with the very key is sound by itself, and found against the lines that were taken away', async (context) => {
  const path = join(makeFolder(context), 'audit.jsonl')
  const desk = makeDesk(context)
  const journal = desk.open({ sinks: [fileSink(path)] })
  await writeMany(journal, 1, 12)
  await journal.close()

  tamper(desk.path, (database, audit, checkpoints) => {
    const read = (table: string): JsonObject[] =>
      database
        .prepare(`select value from ${table} order by position`)
        .all()
        .map((row) => JSON.parse(String(row['value'])))
    const write = (table: string, position: number, value: string): void =>
      void database.prepare(`update ${table} set value = ? where position = ?`).run(value, position)
    const digests = ['']
    for (const [index, event] of read(audit).entries()) {
      const changed = { ...event, previous: digests.at(-1) ?? '', ...(index === 6 ? { outcome: 'denied' } : {}) }
      write(audit, index + 1, canonical(changed))
      digests.push(digest(changed))
    }
    for (const [index, checkpoint] of read(checkpoints).entries()) {
      const { signature: _signature, ...said } = checkpoint as unknown as Checkpoint
      const anew = signCheckpoint({ ...said, head: digests[said.seq] ?? '' }, KEYS.privateKey)
      write(checkpoints, index + 1, canonical({ ...anew, chains: anew.chains.map((chain) => ({ ...chain })) }))
    }
  })

  const source = storeSource(desk.store)
  assert.equal((await verifyJournal(source, KEYS.publicKey)).isSound, true)
  const { isSound, flaw } = await verifyJournal(source, KEYS.publicKey, { anchors: fileSource(path) })
  assert.deepEqual([isSound, flaw?.node], [false, journal.node])
})
