/** A copy of a journal proves itself, also one that was made while the journal was written. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { exportJournal } from '../../src/audit/export.ts'
import { linesSource, type Source, storeSource, verifyJournal } from '../../src/audit/verify.ts'
import { entryOf, KEYS, makeDesk, writeMany } from './fixture.ts'

async function copyOf(source: Source): Promise<Source> {
  const lines: string[] = []
  for await (const value of exportJournal(source)) lines.push(JSON.stringify(value))
  return linesSource(async function* () {
    yield* lines
  })
}

it('is whole when journals write, sign, begin and end while it is made', async (context) => {
  const { store, open } = makeDesk(context)
  const running = open()
  await writeMany(running, 1, 3)
  const source = storeSource(store)
  const late = open()
  const copy = await copyOf({
    checkpoints: (after) => source.checkpoints(after),
    async *events() {
      await writeMany(late, 10, 12)
      yield* source.events()
      await writeMany(running, 4, 6)
      await running.close()
      await late.write(entryOf(13))
      await late.checkpoint()
      await open().write(entryOf(20))
    },
  })
  const { flaw, events, chains } = await verifyJournal(copy, KEYS.publicKey)
  assert.equal(flaw, undefined)
  assert.equal(events, 6)
  assert.deepEqual(
    chains.map(({ node, lastSeq }) => [node, lastSeq]),
    [
      [running.node, 3],
      [late.node, 3],
    ],
  )
})

it('keeps a chain that nobody signed for, so that the copy shows it too', async (context) => {
  const { store, open } = makeDesk(context)
  const journal = open()
  await writeMany(journal, 1, 2)
  await store.append('audit', [{ at: 1, id: 'x', node: 'forged-1', previous: '', seq: 1, type: 'key.created' }])
  await journal.close()
  const { flaw } = await verifyJournal(await copyOf(storeSource(store)), KEYS.publicKey)
  assert.deepEqual([flaw?.reason, flaw?.node], ['inserted', 'forged-1'])
})
