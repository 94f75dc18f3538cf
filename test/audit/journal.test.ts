/** The journal: acknowledged means written, failed means not written, and the chain holds through both. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { it, type TestContext } from 'node:test'
import { isCheckpoint } from '../../src/audit/checkpoint.ts'
import { isEvent } from '../../src/audit/event.ts'
import type { Sink, Told } from '../../src/audit/sinks.ts'
import { storeSource, verifyJournal } from '../../src/audit/verify.ts'
import { Fault } from '../../src/core/denial.ts'
import type { AuditEvent } from '../../src/core/event.ts'
import { digest } from '../../src/core/json.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import type { Store } from '../../src/store/store.ts'
import { entryOf, KEYS, makeDesk, makeFolder, START_AT, writeMany } from './fixture.ts'

async function eventsOf(store: Store): Promise<readonly AuditEvent[]> {
  return (await store.read('audit', { limit: 10_000 })).map((line) => line.value).filter(isEvent)
}

it('numbers events from 1 and chains each to the digest of the one before', async (context) => {
  const { store, open } = makeDesk(context)
  const journal = open()
  await writeMany(journal, 1, 5)
  const lines = await store.read('audit')
  let previous = ''
  for (const [index, { value }] of lines.entries()) {
    assert.ok(isEvent(value))
    assert.deepEqual([value.seq, value.previous, value.node, value.call], [index + 1, previous, journal.node, `call-${index + 1}`])
    previous = digest(value)
  }
  assert.equal(lines.length, 5)
})

it('writes the events of one turn in one append, and acknowledges them together', async (context) => {
  const { store, open } = makeDesk(context)
  const sizes: number[] = []
  const watched = withAppend(store, (log, lines, mark) => {
    const size = 'texts' in lines ? lines.texts.length : lines.length
    // Without lines it is but a mark.
    if (log === 'audit' && size > 0) sizes.push(size)
    return store.append(log, lines, mark)
  })
  const journal = open({ store: watched })
  await Promise.all(Array.from({ length: 40 }, (_, i) => journal.write(entryOf(i))))
  await journal.write(entryOf(41))
  assert.deepEqual(sizes, [40, 1])
  assert.equal((await eventsOf(store)).length, 41)
})

it('has written an event by the time it acknowledges it', async (context) => {
  const { store, path, open } = makeDesk(context)
  const journal = open()
  await journal.write(entryOf(1))
  const other = openSqlite(path, { clock: () => START_AT })
  assert.equal((await eventsOf(other)).length, 1)
  await other.close()
  await journal.close()
  assert.equal((await verifyJournal(storeSource(store), KEYS.publicKey)).isSound, true)
})

it('keeps time within a chain from running backwards', async (context) => {
  const { store, clock, open } = makeDesk(context)
  const journal = open()
  await journal.write(entryOf(1))
  clock.now -= 3_600_000
  await journal.write(entryOf(2))
  assert.deepEqual(
    (await eventsOf(store)).map((event) => event.at),
    [START_AT, START_AT],
  )
})

it('begins a chain of its own with every start, and signs for it before its first event', async (context) => {
  const { store, open } = makeDesk(context)
  const first = open()
  await first.write(entryOf(1))
  await first.close()
  const second = open()
  await second.write(entryOf(2))
  await second.close()
  assert.notEqual(first.node, second.node)
  assert.deepEqual(
    (await eventsOf(store)).map(({ node, seq, previous }) => [node, seq, previous]),
    [
      [first.node, 1, ''],
      [second.node, 1, ''],
    ],
  )
  const checkpoints = (await store.read('checkpoints')).map((line) => line.value).filter(isCheckpoint)
  assert.deepEqual(
    checkpoints.map(({ node, seq, count, closed }) => [node, seq, count, closed]),
    [first, second].flatMap(({ node }) => [
      [node, 0, 1, false],
      [node, 1, 2, false],
      [node, 1, 3, true],
    ]),
  )
  const known = checkpoints.find(({ node }) => node === second.node)?.chains
  assert.deepEqual(
    known?.map(({ node, seq }) => [node, seq]),
    [[first.node, 1]],
  )
})

it('leaves nothing behind when it was opened and closed without a word', async (context) => {
  const { store, open } = makeDesk(context)
  await open().close()
  assert.deepEqual(await store.read('audit'), [])
  assert.deepEqual(await store.read('checkpoints'), [])
})

it('signs again when the span between checkpoints is over, without being asked', async (context) => {
  const { store, open } = makeDesk(context)
  const signed = Promise.withResolvers<void>()
  const sink: Sink = {
    name: 'test',
    write: (told) => {
      if (told.some((one) => one.kind === 'checkpoint' && one.checkpoint.seq === 3)) signed.resolve()
    },
  }
  const journal = open({ checkpointMs: 1, sinks: [sink] })
  await writeMany(journal, 1, 3)
  // The timer holds nothing alive, so something else must.
  const alive = setInterval(() => undefined, 1_000)
  await signed.promise
  clearInterval(alive)
  const newest = (await store.read('checkpoints', { last: 1 }))[0]?.value
  assert.ok(newest !== undefined && isCheckpoint(newest) && newest.seq === 3)
})

it('signs nothing twice when nothing came', async (context) => {
  const { store, open } = makeDesk(context)
  const journal = open()
  await writeMany(journal, 1, 2)
  await journal.checkpoint()
  const before = await store.read('checkpoints')
  await journal.checkpoint()
  assert.deepEqual(await store.read('checkpoints'), before)
})

it('refuses every writer of a group that a full store cannot take, and goes on in order when there is room', async (context) => {
  const { store, open } = makeDesk(context, { maxBytes: 256 * 1024 })
  const journal = open()
  await journal.write(entryOf(1))
  let stuffed = 0
  await assert.rejects(async () => {
    for (;;) await store.put(`stuff/${stuffed++}`, 'x'.repeat(1_000))
  })
  const big = { ...entryOf(2), detail: 'x'.repeat(20_000) }
  const refused = await Promise.allSettled(Array.from({ length: 10 }, () => journal.write(big)))
  for (const one of refused) {
    assert.ok(one.status === 'rejected' && one.reason instanceof Fault)
    assert.deepEqual([one.reason.code, /full: free space/.test(one.reason.message)], ['FAULT_STORE', true])
  }
  for (let i = 0; i < stuffed; i++) await store.take(`stuff/${i}`)
  await journal.write(entryOf(3))
  await journal.close()
  assert.deepEqual(
    (await eventsOf(store)).map(({ seq, call, type }) => [seq, call ?? type]),
    [
      [1, 'call-1'],
      [2, 'call-3'],
      [3, 'journal.interrupted'],
    ],
  )
  assert.equal((await verifyJournal(storeSource(store), KEYS.publicKey)).flaw, undefined)
})

it('refuses on a disk that is really full, and recovers', async (context) => {
  const folder = join(makeFolder(context), 'small')
  mkdirSync(folder)
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', folder])
  if (mounted.status !== 0) return context.skip('mounting a small file system needs root')
  const { store, faults, open } = makeDesk(context, { path: join(folder, 'a.db') })
  try {
    const journal = open()
    await journal.write(entryOf(1))
    assert.throws(() => {
      for (let i = 0; ; i++) writeFileSync(join(folder, `ballast${i}`), Buffer.alloc(16_384))
    })
    const big = { ...entryOf(2), detail: 'x'.repeat(50_000) }
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => journal.write(big)))
    for (const one of outcomes) assert.ok(one.status === 'rejected' && one.reason instanceof Fault && one.reason.code === 'FAULT_STORE')
    for (let i = 0; i < 16; i++) rmSync(join(folder, `ballast${i}`))
    await journal.write(entryOf(3))
    await journal.close()
    assert.deepEqual(
      (await eventsOf(store)).map(({ seq, call, type }) => [seq, call ?? type]),
      [
        [1, 'call-1'],
        [2, 'call-3'],
        [3, 'journal.interrupted'],
      ],
    )
    const [began, over, ...others] = faults.map(({ message }) => message)
    assert.match(began ?? '', /^The journal cannot be written, so nothing is done until it can: .* full: free space; nothing was written/)
    assert.match(over ?? '', /^The journal is written again, after \d+s: 20 calls were refused meanwhile$/)
    assert.deepEqual(others, [])
    assert.equal((await verifyJournal(storeSource(store), KEYS.publicKey)).flaw, undefined)
  } finally {
    await store.close()
    spawnSync('umount', ['-l', folder])
  }
})

it('says once, and in history, that more events wait than may, and refuses those', async (context) => {
  const { store, faults, open } = makeDesk(context)
  const journal = open()
  await writeMany(journal, 1, 1)
  const many = Array.from({ length: 8_192 }, (_, at) => journal.write(entryOf(at)))
  const refused = [8_192, 8_193].map((at) => journal.write(entryOf(at)))
  const done = journal.write(entryOf(8_194), true)
  assert.equal(journal.isFailing, true)
  for (const one of refused) await assert.rejects(one, { code: 'FAULT_STORE', message: /8192 events wait/ })
  await Promise.all([...many, done])
  assert.equal(journal.isFailing, false)
  const told = faults.map(({ message }) => message)
  assert.equal(told.length, 2)
  assert.match(told[0] ?? '', /takes no more, so nothing more is done until it does: 8192 events wait/)
  assert.match(told[1] ?? '', /is written again, .* 2 calls were refused/)
  const last = (await eventsOf(store)).at(-1)
  assert.equal(last?.type, 'journal.interrupted')
  assert.match(last?.detail ?? '', /not everything could be written down, and 2 calls were refused: 8192 events wait/)
  await journal.close()
  assert.equal((await verifyJournal(storeSource(store), KEYS.publicKey)).flaw, undefined)
})

/** A journal of three events whose store then keeps the fourth and fails to answer, until `isDeaf` is taken back. */
async function makeUnanswered(context: TestContext) {
  const { store, open } = makeDesk(context)
  const line = { isDeaf: false }
  const lossy = withAppend(store, async (log, lines, mark) => {
    await store.append(log, lines, mark)
    if (line.isDeaf) throw new Error('the answer was lost')
  })
  const journal = open({ store: lossy })
  await writeMany(journal, 1, 3)
  line.isDeaf = true
  await assert.rejects(journal.write(entryOf(4)), { code: 'FAULT_STORE' })
  return { store, journal, line }
}

it('goes on behind a group that the store kept although it failed to answer', async (context) => {
  const { store, journal, line } = await makeUnanswered(context)
  await assert.rejects(journal.checkpoint(), /lost/)
  line.isDeaf = false
  await writeMany(journal, 5, 6)
  await journal.close()
  assert.deepEqual(
    (await eventsOf(store)).map(({ seq, call, type }) => [seq, call ?? type]),
    [1, 2, 3, 4, 5, 'journal.interrupted', 6].map((what, at) => [at + 1, typeof what === 'number' ? `call-${what}` : what]),
  )
  assert.equal((await verifyJournal(storeSource(store), KEYS.publicKey)).flaw, undefined)
})

it('signs at its close for a group that the store kept although it failed to answer', async (context) => {
  const { store, journal, line } = await makeUnanswered(context)
  line.isDeaf = false
  await journal.close()
  const { flaw, chains } = await verifyJournal(storeSource(store), KEYS.publicKey)
  assert.equal(flaw, undefined)
  assert.deepEqual(chains, [{ node: journal.node, events: 4, firstSeq: 1, lastSeq: 4, signedSeq: 4, isClosed: true }])
})

/** A journal whose store can be taken away. */
function makeCuttable(context: TestContext) {
  const desk = makeDesk(context)
  const link = { isCut: false }
  const cuttable = withAppend(desk.store, (log, lines, mark) =>
    link.isCut ? Promise.reject(new Fault('FAULT_STORE', 'the disk is full')) : desk.store.append(log, lines, mark),
  )
  return { ...desk, link, open: (options: Parameters<typeof desk.open>[0] = {}) => desk.open({ ...options, store: cuttable }) }
}

it('tells of an interruption once, and says itself from when to when it was one and how calls ended that had begun before it', async (context) => {
  const { store, faults, clock, link, open } = makeCuttable(context)
  const journal = open()
  await journal.write({ type: 'call.begun', call: 'call-1', method: 'tools/call' })
  await journal.checkpoint()
  link.isCut = true
  await assert.rejects(journal.write(entryOf(1), true), { code: 'FAULT_STORE' })
  for (let i = 2; i <= 40; i++) await assert.rejects(journal.write(entryOf(i)), { code: 'FAULT_STORE' })
  assert.equal(journal.isFailing, true)
  clock.now += 61_000
  link.isCut = false
  await journal.write(entryOf(41))

  assert.equal(journal.isFailing, false)
  const events = await eventsOf(store)
  assert.deepEqual(
    events.map(({ type, call, at }) => [type, call, at - START_AT]),
    [
      ['call.begun', 'call-1', 0],
      ['call.ended', 'call-41', 61_000],
      ['journal.interrupted', undefined, 61_000],
      ['call.ended', 'call-1', 61_000],
    ],
  )
  const [from, to] = [START_AT, START_AT + 61_000].map((at) => new Date(at).toISOString())
  assert.equal(events[2]?.detail, `from ${from} to ${to} nothing could be written down, and 39 calls were refused: the disk is full`)
  assert.match(events[3]?.detail ?? '', /^written late, because the journal could not be written when it ended/)
  assert.equal(events[3]?.outcome, 'permitted')
  assert.deepEqual(
    faults.map(({ message }) => message),
    [
      'The journal cannot be written, so nothing is done until it can: the disk is full',
      'The journal is written again, after 1m 1s: 39 calls were refused meanwhile, and the end of 1 that had begun before is written down late',
    ],
  )
  await journal.close()
  assert.equal((await verifyJournal(storeSource(store), KEYS.publicKey)).flaw, undefined)
})

it('finds out by itself that it can be written again, when nobody calls any more', async (context) => {
  const { store, link, open } = makeCuttable(context)
  const restored = Promise.withResolvers<void>()
  const sink: Sink = {
    name: 'test',
    write: (told) => {
      if (told.some((one) => one.kind === 'event' && one.event.type === 'journal.interrupted')) restored.resolve()
    },
  }
  const journal = open({ sinks: [sink] })
  await journal.write(entryOf(1))
  link.isCut = true
  await assert.rejects(journal.write(entryOf(2)), { code: 'FAULT_STORE' })
  link.isCut = false
  // The timer holds nothing alive, so something else must.
  const alive = setInterval(() => undefined, 1_000)
  await restored.promise
  clearInterval(alive)
  await journal.checkpoint()
  assert.equal(journal.isFailing, false)
  assert.deepEqual(
    (await eventsOf(store)).map(({ type }) => type),
    ['call.ended', 'journal.interrupted'],
  )
  await journal.close()
})

it('says at its end what could not be written', async (context) => {
  const { faults, link, open } = makeCuttable(context)
  const journal = open()
  await journal.write(entryOf(1))
  await journal.checkpoint()
  link.isCut = true
  await assert.rejects(journal.write(entryOf(2), true), { code: 'FAULT_STORE' })
  await assert.rejects(journal.write(entryOf(3)), { code: 'FAULT_STORE' })
  await journal.close()
  const since = new Date(START_AT).toISOString()
  assert.equal(
    faults.at(-1)?.message,
    `The journal could not be written from ${since} until the end: 1 calls were refused, and the end of 1 that had begun before is not in it`,
  )
})

it('refuses what comes after it was closed, and writes what came before', async (context) => {
  const { store, open } = makeDesk(context)
  const journal = open()
  const last = journal.write(entryOf(1))
  await journal.close()
  await last
  await assert.rejects(journal.write(entryOf(2)), { code: 'FAULT_STORE' })
  assert.equal((await eventsOf(store)).length, 1)
})

it('tells sinks of events once they are safe, in order, and of checkpoints', async (context) => {
  const { store, open } = makeDesk(context)
  const told: Told[] = []
  const journal = open({ sinks: [{ name: 'test', write: (some) => void told.push(...some) }] })
  await writeMany(journal, 1, 3)
  await journal.close()
  const events = told.flatMap((one) => (one.kind === 'event' ? [one] : []))
  assert.deepEqual(
    events.map((one) => one.event),
    await eventsOf(store),
  )
  assert.deepEqual(
    events.map((one) => JSON.parse(one.text)),
    await eventsOf(store),
  )
  assert.equal(told.length - events.length, (await store.read('checkpoints')).length)
})

it('counts and reports a sink that fails, and refuses nothing for it', async (context) => {
  const { faults, open } = makeDesk(context)
  const broken: Sink = {
    name: 'broken',
    write: () => {
      throw new Error('no')
    },
  }
  const slow: Sink = { name: 'slow', write: async () => Promise.reject(new Error('later')) }
  const journal = open({ sinks: [broken, slow] })
  await writeMany(journal, 1, 8)
  await journal.close()
  assert.deepEqual(
    [...journal.lost()],
    [
      ['broken', 11],
      ['slow', 11],
    ],
  )
  assert.ok(faults.length >= 2 && faults.length < 16)
  assert.ok(faults.every((fault) => fault.code === 'FAULT_SINK'))
})

/** The store, with another way to append. */
function withAppend(store: Store, append: Store['append']): Store {
  return {
    get: (key) => store.get(key),
    put: (key, value, options) => store.put(key, value, options),
    take: (key) => store.take(key),
    list: (prefix, page) => store.list(prefix, page),
    charge: (cells, now) => store.charge(cells, now),
    append,
    read: (log, stretch) => store.read(log, stretch),
    marks: (log) => store.marks(log),
    trim: (log, before) => store.trim(log, before),
    close: () => store.close(),
  }
}
