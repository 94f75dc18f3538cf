/** Whatever is done to a journal behind its back is found, and the first bad record is named. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { it, type TestContext } from 'node:test'
import fc from 'fast-check'
import type { Flaw } from '../../src/audit/chain.ts'
import { isEvent } from '../../src/audit/event.ts'
import { fileSink } from '../../src/audit/sinks.ts'
import { fileSource, linesSource, storeSource, type Verdict, verifyJournal } from '../../src/audit/verify.ts'
import { canonical, digest, type JsonObject } from '../../src/core/json.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import { type Desk, entryOf, HEAD_HASH, KEYS, makeDesk, makeFolder, START_AT, tamper, writeMany } from './fixture.ts'

const EVENTS = 12

/** A closed journal of 12 events, signed for at the beginning and at the end only: in between there is but the chain. */
async function makeJournal(context: TestContext, isClosed = true): Promise<Desk & { readonly node: string }> {
  const desk = makeDesk(context)
  const journal = desk.open()
  await writeMany(journal, 1, EVENTS)
  if (isClosed) await journal.close()
  return { ...desk, node: journal.node }
}

function verify(desk: Desk): Promise<Verdict> {
  return verifyJournal(storeSource(desk.store), KEYS.publicKey)
}

/** The flaw, without its wording; `call` of the record at its position, so that tests name records as they wrote them. */
async function flawOf(
  desk: Desk,
  options?: Parameters<typeof verifyJournal>[2],
): Promise<Pick<Flaw, 'reason' | 'seq'> & { call: string | undefined }> {
  const { isSound, flaw } = await verifyJournal(storeSource(desk.store), KEYS.publicKey, options)
  assert.equal(isSound, false)
  assert.ok(flaw !== undefined && flaw.detail !== '')
  const line = (await desk.store.read('audit')).find(({ position }) => position === flaw.position)
  const event = line !== undefined && isEvent(line.value) ? line.value : undefined
  if (event !== undefined && flaw.id !== '') assert.equal(event.id, flaw.id)
  return { reason: flaw.reason, seq: flaw.seq, call: event?.call }
}

/** Of a line, counted from 1. */
async function positionOf(desk: Desk, log: string, number: number): Promise<string> {
  const line = (await desk.store.read(log))[number - 1]
  assert.ok(line !== undefined)
  return line.position
}

function change(database: DatabaseSync, table: string, position: number, work: (event: JsonObject) => JsonObject): void {
  const row = database.prepare(`select value from ${table} where position = ?`).get(position)
  const event = work(JSON.parse(String(row?.['value'])))
  database.prepare(`update ${table} set value = ? where position = ?`).run(canonical(event), position)
}

it('finds nothing wrong with a journal that nobody touched, and counts it', async (context) => {
  const desk = await makeJournal(context)
  assert.deepEqual(await verify(desk), {
    isSound: true,
    events: EVENTS,
    checkpoints: 3,
    chains: [{ node: desk.node, events: EVENTS, firstSeq: 1, lastSeq: EVENTS, signedSeq: EVENTS, isClosed: true }],
  })
})

it('names each event that was edited, wherever it stands', async (context) => {
  const desk = await makeJournal(context)
  for (let seq = 1; seq <= EVENTS; seq++) {
    tamper(desk.path, (database, audit) => change(database, audit, seq, (event) => ({ ...event, outcome: 'denied' })))
    assert.deepEqual(await flawOf(desk), { reason: 'edited', seq, call: `call-${seq}` })
    tamper(desk.path, (database, audit) => change(database, audit, seq, (event) => ({ ...event, outcome: 'permitted' })))
  }
  assert.equal((await verify(desk)).isSound, true)
})

it('names each event that was edited while its journal is still open', async (context) => {
  const desk = await makeJournal(context, false)
  for (let seq = 1; seq < EVENTS; seq++) {
    tamper(desk.path, (database, audit) => change(database, audit, seq, (event) => ({ ...event, principal: 'key#other' })))
    assert.deepEqual(await flawOf(desk), { reason: 'edited', seq, call: `call-${seq}` })
    tamper(desk.path, (database, audit) => change(database, audit, seq, (event) => ({ ...event, principal: 'key#abc' })))
  }
})

it('names an event whose link was edited', async (context) => {
  const desk = await makeJournal(context)
  tamper(desk.path, (database, audit) => change(database, audit, 5, (event) => ({ ...event, previous: 'A'.repeat(43) })))
  assert.deepEqual(await flawOf(desk), { reason: 'edited', seq: 5, call: 'call-5' })
})

it('names the missing event for each that was deleted', async (context) => {
  for (let seq = 1; seq < EVENTS; seq++) {
    const desk = await makeJournal(context)
    tamper(desk.path, (database, audit) => database.exec(`delete from ${audit} where position = ${seq}`))
    assert.deepEqual(await flawOf(desk), { reason: 'deleted', seq, call: `call-${seq + 1}` })
  }
})

it('names an event that was deleted although the rest was renumbered and chained anew', async (context) => {
  const desk = await makeJournal(context)
  tamper(desk.path, (database, audit) => {
    database.exec(`delete from ${audit} where position = 7`)
    rechain(database, audit, 6)
  })
  // Nothing in the chain tells any more, but its end is not what was signed.
  const { isSound, flaw } = await verify(desk)
  assert.equal(isSound, false)
  assert.deepEqual([flaw?.reason, flaw?.seq], ['truncated', EVENTS])
})

it('finds that an event was edited and everything behind it chained anew', async (context) => {
  const desk = await makeJournal(context)
  tamper(desk.path, (database, audit) => {
    change(database, audit, 7, (event) => ({ ...event, outcome: 'denied' }))
    rechain(database, audit, 7)
  })
  assert.deepEqual(await flawOf(desk), { reason: 'edited', seq: EVENTS, call: `call-${EVENTS}` })
})

it('names an event that was inserted, in front of or behind the one whose number it took', async (context) => {
  for (const isBehind of [false, true]) {
    const desk = await makeJournal(context)
    tamper(desk.path, (database, audit) => {
      const row = database.prepare(`select value from ${audit} where position = 6`).get()
      const forged = canonical({ ...JSON.parse(String(row?.['value'])), id: 'forged', call: 'forged' })
      const from = isBehind ? 7 : 6
      database.exec(`update ${audit} set position = -position where position >= ${from}`)
      database.exec(`update ${audit} set position = 1 - position where position < 0`)
      database.prepare(`insert into ${audit} (position, value) values (?, ?)`).run(from, forged)
    })
    assert.deepEqual(await flawOf(desk), { reason: 'inserted', seq: 6, call: 'forged' })
  }
})

it('names an old event that was written once more', async (context) => {
  const desk = await makeJournal(context, false)
  tamper(desk.path, (database, audit) => database.exec(`insert into ${audit} (value) select value from ${audit} where position = 3`))
  const flaw = (await verify(desk)).flaw
  assert.deepEqual([flaw?.reason, flaw?.seq, flaw?.position], ['inserted', 3, await positionOf(desk, 'audit', 13)])
})

it('names an event that was added behind the end of a closed chain', async (context) => {
  const desk = await makeJournal(context)
  tamper(desk.path, (database, audit) => {
    const row = database.prepare(`select value from ${audit} where position = ${EVENTS}`).get()
    const last = JSON.parse(String(row?.['value']))
    const forged = canonical({ ...last, seq: EVENTS + 1, previous: digest(last), call: 'forged' })
    database.prepare(`insert into ${audit} (value) values (?)`).run(forged)
  })
  assert.deepEqual(await flawOf(desk), { reason: 'inserted', seq: EVENTS + 1, call: 'forged' })
})

it('names the first event of a chain that nobody signed for', async (context) => {
  const desk = await makeJournal(context)
  await desk.store.append('audit', [{ at: START_AT, id: 'x', node: 'forged-1', previous: '', seq: 1, type: 'key.created', call: 'forged' }])
  assert.deepEqual(await flawOf(desk), { reason: 'inserted', seq: 1, call: 'forged' })
})

it('names the first of events that change places', async (context) => {
  for (const [left, right] of [
    [3, 4],
    [1, 2],
    [2, 9],
    [EVENTS - 1, EVENTS],
  ] as const) {
    const desk = await makeJournal(context)
    tamper(desk.path, (database, audit) => {
      database.exec(`update ${audit} set position = -1 where position = ${left}`)
      database.exec(`update ${audit} set position = ${left} where position = ${right}`)
      database.exec(`update ${audit} set position = ${right} where position = -1`)
    })
    assert.deepEqual(await flawOf(desk), { reason: 'reordered', seq: right, call: `call-${right}` })
  }
})

it('names a line that is no event at all', async (context) => {
  const desk = await makeJournal(context, false)
  await desk.store.append('audit', [{ hello: 'world' }])
  const flaw = (await verify(desk)).flaw
  assert.deepEqual([flaw?.reason, flaw?.position], ['malformed', await positionOf(desk, 'audit', 13)])
})

it('finds a cut tail against the checkpoints', async (context) => {
  const desk = await makeJournal(context)
  tamper(desk.path, (database, audit) => database.exec(`delete from ${audit} where position > 8`))
  assert.deepEqual(await flawOf(desk), { reason: 'truncated', seq: 9, call: 'call-8' })
})

it('finds a cut tail whose own checkpoints were cut too, against the next chain', async (context) => {
  const desk = await makeJournal(context)
  const next = desk.open()
  await next.write(entryOf(100))
  await next.close()
  tamper(desk.path, (database, audit, checkpoints) => {
    database.exec(`delete from ${audit} where position > 8 and position <= ${EVENTS}`)
    database.exec(`delete from ${checkpoints} where position in (2, 3)`)
  })
  assert.deepEqual(await flawOf(desk), { reason: 'truncated', seq: 9, call: 'call-8' })
})

it('finds that a whole chain is gone, with all that it had signed', async (context) => {
  const desk = await makeJournal(context)
  const next = desk.open()
  await next.write(entryOf(100))
  await next.close()
  tamper(desk.path, (database, audit, checkpoints) => {
    database.exec(`delete from ${audit} where position <= ${EVENTS}`)
    database.exec(`delete from ${checkpoints} where position <= 3`)
  })
  const { flaw } = await verify(desk)
  assert.deepEqual([flaw?.reason, flaw?.node, flaw?.seq], ['truncated', desk.node, 1])
})

it('finds a cut tail of a chain that was killed before it could sign for it, once another has begun', async (context) => {
  const desk = await makeJournal(context, false)
  const next = desk.open()
  await next.write(entryOf(100))
  tamper(desk.path, (database, audit) => database.exec(`delete from ${audit} where position > 8 and position <= ${EVENTS}`))
  assert.deepEqual(await flawOf(desk), { reason: 'truncated', seq: 9, call: 'call-8' })
})

it('finds a store that was rolled back to an old copy, against the lines of a sink', async (context) => {
  const folder = makeFolder(context)
  const desk = makeDesk(context)
  const path = join(folder, 'audit.jsonl')
  const journal = desk.open({ sinks: [fileSink(path)] })
  await writeMany(journal, 1, 5)
  await journal.checkpoint()
  const copy = openSqlite(':memory:', { clock: () => START_AT })
  context.after(() => copy.close())
  for (const log of ['audit', 'checkpoints']) {
    await copy.append(
      log,
      (await desk.store.read(log)).map((line) => line.value),
    )
  }
  await writeMany(journal, 6, EVENTS)
  await journal.close()
  assert.equal((await verifyJournal(storeSource(copy), KEYS.publicKey)).isSound, true)
  const { flaw } = await verifyJournal(storeSource(copy), KEYS.publicKey, { anchors: fileSource(path) })
  assert.deepEqual([flaw?.reason, flaw?.node, flaw?.seq], ['truncated', journal.node, 6])
  assert.equal((await verifyJournal(storeSource(desk.store), KEYS.publicKey, { anchors: fileSource(path) })).isSound, true)
})

it('names a checkpoint that was forged, and one that another key signed', async (context) => {
  const desk = await makeJournal(context)
  tamper(desk.path, (database, _, checkpoints) => change(database, checkpoints, 3, (checkpoint) => ({ ...checkpoint, seq: 8 })))
  const { flaw } = await verify(desk)
  assert.deepEqual([flaw?.reason, flaw?.position], ['checkpoint_forged', await positionOf(desk, 'checkpoints', 3)])
  const other = generateKeyPairSync('ed25519').publicKey
  const whole = await makeJournal(context)
  assert.equal((await verifyJournal(storeSource(whole.store), other)).isSound, false)
})

it('names the place of a checkpoint that was deleted, and of one that was written once more', async (context) => {
  const desk = await makeJournal(context)
  tamper(desk.path, (database, _, checkpoints) => database.exec(`delete from ${checkpoints} where position = 2`))
  assert.deepEqual((await verify(desk)).flaw?.reason, 'checkpoint_deleted')
  const other = await makeJournal(context)
  tamper(other.path, (database, _, checkpoints) =>
    database.exec(`insert into ${checkpoints} (value) select value from ${checkpoints} where position = 1`),
  )
  assert.deepEqual((await verify(other)).flaw?.reason, 'checkpoint_repeated')
})

it('verifies many chains that were written at the same time', async (context) => {
  const desk = makeDesk(context)
  const journals = [desk.open(), desk.open(), desk.open()]
  for (let i = 0; i < 30; i++) await journals[i % 3]?.write(entryOf(i))
  for (const journal of journals) await journal.checkpoint()
  assert.equal((await verify(desk)).isSound, true)
  tamper(desk.path, (database, audit) => change(database, audit, 14, (event) => ({ ...event, outcome: 'denied' })))
  const { flaw } = await verify(desk)
  assert.deepEqual([flaw?.reason, flaw?.node, flaw?.seq], ['edited', journals[1]?.node, 5])
})

it('verifies exported lines like the store, and names the line', async (context) => {
  const folder = makeFolder(context)
  const path = join(folder, 'audit.jsonl')
  const desk = makeDesk(context)
  const journal = desk.open({ sinks: [fileSink(path)] })
  await writeMany(journal, 1, EVENTS)
  await journal.close()
  assert.equal((await verifyJournal(fileSource(path), KEYS.publicKey)).isSound, true)
  const changed = join(folder, 'changed.jsonl')
  copyFileSync(path, changed)
  writeFileSync(changed, readFileSync(changed, 'utf8').replace('"call":"call-4"', '"call":"call-9"'))
  const { flaw } = await verifyJournal(fileSource(changed), KEYS.publicKey)
  // The birth certificate is line 1, and the checkpoint behind the first event line 3.
  assert.deepEqual([flaw?.reason, flaw?.seq, flaw?.position], ['edited', 4, '6'])
})

it('verifies the later one of two rotated files by itself', async (context) => {
  const folder = makeFolder(context)
  const path = join(folder, 'audit.jsonl')
  const desk = makeDesk(context)
  const journal = desk.open({ sinks: [fileSink(path)] })
  await writeMany(journal, 1, EVENTS)
  await journal.close()
  const later = readFileSync(path, 'utf8').trimEnd().split('\n').slice(7)
  const source = (lines: readonly string[]) =>
    linesSource(async function* () {
      yield* lines
    })
  assert.equal((await verifyJournal(source(later), KEYS.publicKey)).isSound, false)
  assert.equal((await verifyJournal(source(later), KEYS.publicKey, { isPartial: true })).isSound, true)
  later.splice(2, 1)
  assert.equal((await verifyJournal(source(later), KEYS.publicKey, { isPartial: true })).flaw?.reason, 'deleted')
})

it('is not misled by a journal that is opened while it verifies', async (context) => {
  const desk = await makeJournal(context)
  const source = storeSource(desk.store)
  const late = desk.open()
  const verdict = await verifyJournal(
    {
      checkpoints: (after) => source.checkpoints(after),
      async *events() {
        await writeMany(late, 20, 25)
        yield* source.events()
      },
    },
    KEYS.publicKey,
  )
  assert.equal(verdict.flaw, undefined)
  assert.equal(verdict.events, EVENTS + 6)
})

it('finds every single change of a character in the log', async (context) => {
  const desk = await makeJournal(context)
  const lines = await desk.store.read('audit')
  const texts = lines.map((line) => canonical(line.value))
  const checkpoints = await desk.store.read('checkpoints')
  await fc.assert(
    fc.asyncProperty(fc.nat(EVENTS - 1), fc.nat(10_000), fc.integer({ min: 0x21, max: 0x7e }), async (index, at, code) => {
      const text = texts[index] ?? ''
      const place = at % text.length
      const changed = text.slice(0, place) + String.fromCharCode(code) + text.slice(place + 1)
      fc.pre(changed !== text && isOtherJson(changed, text))
      const source = linesSource(async function* () {
        for (const checkpoint of checkpoints) yield JSON.stringify(checkpoint.value)
        yield* texts.with(index, changed)
      })
      assert.equal((await verifyJournal(source, KEYS.publicKey)).isSound, false)
    }),
  )
})

/** A change within JSON that means the same, such as another escape, is none. */
function isOtherJson(left: string, right: string): boolean {
  try {
    return canonical(JSON.parse(left)) !== canonical(JSON.parse(right))
  } catch {
    return true
  }
}

/** What somebody does who knows how the chain is made, but has no key. */
function rechain(database: DatabaseSync, table: string, from: number): void {
  const rows = database.prepare(`select position, value from ${table} order by position`).all()
  let previous = ''
  for (const [index, row] of rows.entries()) {
    const event = JSON.parse(String(row['value']))
    const changed = index >= from ? { ...event, seq: index + 1, previous } : event
    database.prepare(`update ${table} set value = ? where position = ?`).run(canonical(changed), Number(row['position']))
    previous = digest(changed)
  }
}

/** A journal that is still open, or whose writer was killed: its last events have no checkpoint behind them. */
const withHeads = { headHash: HEAD_HASH }

it('finds nothing wrong with an open journal, and needs no head of a closed one', async (context) => {
  for (const isClosed of [false, true]) {
    const desk = await makeJournal(context, isClosed)
    assert.equal((await verifyJournal(storeSource(desk.store), KEYS.publicKey, withHeads)).isSound, true)
  }
})

it('names the very last event of an open journal when it was edited', async (context) => {
  const desk = await makeJournal(context, false)
  tamper(desk.path, (database, table) => change(database, table, EVENTS, (event) => ({ ...event, outcome: 'denied' })))
  assert.equal((await verify(desk)).isSound, true, 'the chain alone cannot see it')
  const { reason, seq } = await flawOf(desk, withHeads)
  assert.deepEqual([reason, seq], ['edited', EVENTS])
})

it('finds the tail of an open journal cut, by one event or by many', async (context) => {
  for (const left of [EVENTS - 1, 2]) {
    const desk = await makeJournal(context, false)
    tamper(desk.path, (database, table) => void database.prepare(`delete from ${table} where position > ?`).run(left))
    const { reason, seq } = await flawOf(desk, withHeads)
    assert.deepEqual([reason, seq], ['truncated', left + 1])
  }
})

it('finds a head that was taken away, forged, or set back', async (context) => {
  const gone = await makeJournal(context, false)
  await gone.store.append('audit', [], { by: gone.node, value: undefined })
  assert.equal((await flawOf(gone, withHeads)).reason, 'head_missing')

  const forged = await makeJournal(context, false)
  await forged.store.append('audit', [], { by: forged.node, value: { node: forged.node, seq: 1, head: 'x', seal: 'y' } })
  assert.equal((await flawOf(forged, withHeads)).reason, 'head_missing')

  const back = makeDesk(context)
  const journal = back.open()
  await writeMany(journal, 1, 3)
  const old = (await back.store.marks('audit')).find(({ by }) => by === journal.node)
  assert.ok(old !== undefined)
  await writeMany(journal, 4, EVENTS)
  await back.store.append('audit', [], old)
  tamper(back.path, (database, table) => change(database, table, 3, (event) => ({ ...event, outcome: 'denied' })))
  assert.equal((await flawOf(back, withHeads)).reason, 'edited')
})
