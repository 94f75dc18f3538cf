/** The end of an open chain: whoever was killed between an append and its mark leaves a journal that is whole, and gives nobody room to change it. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { it, type TestContext } from 'node:test'
import { storeSource, type Verdict, verifyJournal } from '../../src/audit/verify.ts'
import { canonical, digest, type JsonObject } from '../../src/core/json.ts'
import { createKeyedHash } from '../../src/core/secret.ts'
import type { Mark } from '../../src/store/store.ts'
import { batchOf, type Desk, entryOf, HEAD_HASH, KEYS, logFile, makeDesk, tamper, writeMany } from './fixture.ts'

const MARKED = 4
const GROUP = 3

function verify(desk: Desk): Promise<Verdict> {
  return verifyJournal(storeSource(desk.store), KEYS.publicKey, { headHash: HEAD_HASH })
}

/** Four events alone and three in one append, which came to its mark or did not. */
async function makeKilled(context: TestContext, isMarked = false): Promise<Desk & { readonly node: string; readonly mark: Mark }> {
  const desk = makeDesk(context)
  const journal = desk.open()
  await writeMany(journal, 1, MARKED)
  const [mark] = await desk.store.marks('audit')
  assert.ok(mark !== undefined)
  await Promise.all(Array.from({ length: GROUP }, (_, i) => journal.write(entryOf(MARKED + 1 + i))))
  if (!isMarked) await desk.store.append('audit', [], mark)
  return { ...desk, node: journal.node, mark }
}

async function eventsOf(desk: Desk): Promise<readonly JsonObject[]> {
  return (await desk.store.read('audit')).map(({ value }) => value as JsonObject) // events
}

/** Writes lines in the place of all behind the first so many, each appended by itself. */
function rewrite(desk: Desk, keep: number, events: readonly JsonObject[]): void {
  tamper(desk.path, (database, table) => {
    database.prepare(`delete from ${table} where position > ?`).run(keep)
    for (const event of events) database.prepare(`insert into ${table} (value) values (?)`).run(canonical(event))
  })
}

function rechained(events: readonly JsonObject[], from: string): readonly JsonObject[] {
  let previous = from
  return events.map((event) => {
    const changed = { ...event, previous }
    previous = digest(changed)
    return changed
  })
}

it('finds nothing wrong when the writer was killed between an append and its mark', async (context) => {
  const desk = await makeKilled(context)
  const { flaw, events } = await verify(desk)
  assert.equal(flaw, undefined)
  assert.equal(events, MARKED + GROUP)
})

it('finds nothing wrong when the writer was killed before its first event', async (context) => {
  const desk = makeDesk(context)
  const journal = desk.open()
  await writeMany(journal, 1, 1)
  truncateSync(logFile(desk.path, 'audit'), 0)
  truncateSync(logFile(desk.path, 'checkpoints'), (await desk.store.read('checkpoints')).length > 1 ? lengthOfFirst(desk) : 0)
  await desk.store.append('audit', [], markOfNothing(journal.node))
  assert.equal((await verify(desk)).flaw, undefined)
})

function lengthOfFirst(desk: Desk): number {
  return readFileSync(logFile(desk.path, 'checkpoints')).indexOf('\n\n') + 2
}

function markOfNothing(node: string): Mark {
  return { by: node, value: { head: '', node, seal: HEAD_HASH(`${node} 0 `), seq: 0 } }
}

it('seals the last event of each append, and no other', async (context) => {
  const events = await eventsOf(await makeKilled(context))
  assert.deepEqual(
    events.map(({ seal }) => typeof seal),
    ['string', 'string', 'string', 'string', 'undefined', 'undefined', 'string'],
  )
})

it('names each event behind the mark that was edited, also when the rest was chained anew', async (context) => {
  for (let seq = MARKED + 1; seq <= MARKED + GROUP; seq++) {
    const plain = await makeKilled(context)
    const events = await eventsOf(plain)
    const edited = events.map((event, index) => (index === seq - 1 ? { ...event, outcome: 'denied' } : event))
    rewrite(plain, MARKED, edited.slice(MARKED))
    const found = (await verify(plain)).flaw
    assert.deepEqual([found?.reason, found?.seq], ['edited', seq])

    rewrite(plain, MARKED, rechained(edited.slice(MARKED), digest(events[MARKED - 1] ?? null)))
    const { flaw } = await verify(plain)
    assert.deepEqual([flaw?.reason, flaw?.seq], ['edited', MARKED + GROUP])
  }
})

it('finds an append behind the mark of which a part was cut off', async (context) => {
  const desk = await makeKilled(context)
  for (const left of [MARKED + 2, MARKED + 1]) {
    rewrite(desk, left, [])
    const { flaw } = await verify(desk)
    assert.deepEqual([flaw?.reason, flaw?.seq], ['head_missing', left])
  }
})

it('finds an event that was written on behind the mark by somebody who cannot seal it', async (context) => {
  const desk = await makeKilled(context)
  const last = (await eventsOf(desk)).at(-1) ?? {}
  const { seal: _seal, ...rest } = last
  const forged = { ...rest, seq: MARKED + GROUP + 1, previous: digest(last) }
  rewrite(desk, MARKED + GROUP, [forged])
  assert.equal((await verify(desk)).flaw?.reason, 'head_missing')

  const otherHash = createKeyedHash(Buffer.alloc(32, 7))
  for (const seal of [otherHash(canonical(forged)), String(last['seal']), '', 7, null]) {
    rewrite(desk, MARKED + GROUP, [{ ...forged, seal }])
    const { flaw } = await verify(desk)
    assert.deepEqual([flaw?.reason, flaw?.seq], ['edited', MARKED + GROUP + 1], String(seal))
  }
})

it('needs every event in front of the mark', async (context) => {
  const desk = await makeKilled(context, true)
  rewrite(desk, MARKED, [])
  const { flaw } = await verify(desk)
  assert.deepEqual([flaw?.reason, flaw?.seq], ['truncated', MARKED + 1])
})

it('finds every single change of a byte in a mark, and a mark that was removed', async (context) => {
  const desk = await makeKilled(context, true)
  const folder = `${desk.path}-audit.marks`
  const path = join(folder, readdirSync(folder)[0] ?? '')
  const bytes = readFileSync(path)
  for (const [at, byte] of bytes.entries()) {
    writeFileSync(path, bytes.with(at, byte ^ (at % 2 === 0 ? 1 : 0x20)))
    assert.equal((await verify(desk)).flaw?.reason, 'head_missing', `byte ${at}`)
  }
  rmSync(path)
  assert.equal((await verify(desk)).flaw?.reason, 'head_missing')
})

it('leaves no mark behind when it was closed', async (context) => {
  const desk = makeDesk(context)
  const journal = desk.open()
  await writeMany(journal, 1, 3)
  assert.equal((await desk.store.marks('audit')).length, 1)
  await journal.close()
  assert.deepEqual(await desk.store.marks('audit'), [])
})

it('reads over an append that was torn, wherever it was torn, and goes on behind it', async (context) => {
  const desk = makeDesk(context)
  const journal = desk.open()
  await writeMany(journal, 1, 2)
  const path = logFile(desk.path, 'audit')
  const before = readFileSync(path)
  await Promise.all([3, 4].map((number) => journal.write(entryOf(number))))
  const after = readFileSync(path)
  const batch = after.subarray(before.length)
  assert.deepEqual(batch, batchOf((await eventsOf(desk)).slice(2).map((event) => canonical(event))))
  for (let length = 1; length < batch.length; length += 7) {
    writeFileSync(path, Buffer.concat([before, batch.subarray(0, length), batch]))
    const { flaw, events } = await verify(desk)
    assert.deepEqual([flaw, events], [undefined, 4], `torn after ${length} bytes`)
  }
})
