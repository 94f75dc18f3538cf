/** Retention: what is too old goes, what stays is proved as before, and nobody removes more in its name. */
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, renameSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { exportJournal } from '../../src/audit/export.ts'
import type { Journal } from '../../src/audit/journal.ts'
import { Retention } from '../../src/audit/retention.ts'
import { linesSource, type Source, storeSource, type Verdict, verifyJournal } from '../../src/audit/verify.ts'
import type { Entry } from '../../src/core/event.ts'
import { isObject, type JsonValue } from '../../src/core/json.ts'
import { LOGS, KEYS as RECORDS } from '../../src/store/keys.ts'
import { openRedis } from '../../src/store/redis.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import type { Store } from '../../src/store/store.ts'
import { REDIS_MISSING, settingsOf, startRedis } from '../fixtures/redis.ts'
import { type Desk, entryOf, HEAD_HASH, KEYS, makeDesk, writeMany } from './fixture.ts'

const DAY_MS = 86_400_000
const PERIOD_MS = DAY_MS / 32

interface World extends Pick<Desk, 'clock' | 'open'> {
  readonly store: Store
}

function retentionOf({ store, clock }: World, told: Entry[] = [], faults: Error[] = []): Retention {
  const tell = async (entry: Entry): Promise<void> => void told.push(entry)
  const parts = { clock: () => clock.now, retainMs: DAY_MS, signingKey: KEYS.privateKey, headHash: HEAD_HASH, node: 'test' }
  return new Retention({ ...parts, store, tell, onFault: (fault) => faults.push(fault) })
}

async function exported(store: Store): Promise<Source> {
  const lines: string[] = []
  for await (const value of exportJournal(storeSource(store))) lines.push(JSON.stringify(value))
  return linesSource(async function* () {
    yield* lines
  })
}

/** A period later. */
async function cycle(world: World, retention = retentionOf(world)): Promise<void> {
  world.clock.now += PERIOD_MS
  await retention.run()
}

const verify = (source: Source, anchors?: Source): Promise<Verdict> =>
  verifyJournal(source, KEYS.publicKey, { headHash: HEAD_HASH, ...(anchors && { anchors }) })
const proved = async (store: Store): Promise<Verdict> => verify(storeSource(store))
const seqsOf = async (store: Store, node: string): Promise<readonly unknown[]> =>
  (await store.read(LOGS.audit)).flatMap(({ value }) => (isObject(value) && value['node'] === node ? [value['seq']] : []))

/** Two chains a day and more ago, one of them closed and one that goes on; and a third of today. */
async function twoDays(world: World): Promise<{ readonly closed: Journal; readonly going: Journal; readonly fresh: Journal }> {
  const [closed, going] = [world.open(), world.open()]
  await writeMany(closed, 1, 6)
  await writeMany(going, 1, 4)
  await closed.close()
  await going.checkpoint()
  await cycle(world)
  world.clock.now += DAY_MS + PERIOD_MS
  const fresh = world.open()
  await writeMany(going, 5, 7)
  await writeMany(fresh, 1, 3)
  await going.checkpoint()
  return { closed, going, fresh }
}

/** The same journal in a store of its own, with something done to it behind our back. */
async function forged(
  store: Store,
  change: (lines: string[], checkpoints: string[]) => void,
  cut?: (cut: JsonValue) => JsonValue | undefined,
) {
  const copy = openSqlite(':memory:', { clock: Date.now })
  const textsOf = async (log: string): Promise<string[]> => (await store.read(log)).map(({ value }) => JSON.stringify(value))
  const [lines, checkpoints, found] = [await textsOf(LOGS.audit), await textsOf(LOGS.checkpoints), await store.get(RECORDS.cut)]
  change(lines, checkpoints)
  await copy.append(LOGS.audit, { texts: lines })
  await copy.append(LOGS.checkpoints, { texts: checkpoints })
  for (const mark of await store.marks(LOGS.audit)) await copy.append(LOGS.audit, [], mark)
  const said = found === undefined || cut === undefined ? found : cut(found)
  if (said !== undefined) await copy.put(RECORDS.cut, said)
  return proved(copy)
}

/** Dies at its n-th change of the store, before it or after it. */
function dying(store: Store, at: number, isAfter: boolean): Store {
  let changes = 0
  const change = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    const isLast = ++changes === at
    if (changes > at || (isLast && !isAfter)) throw new Error('killed')
    const result = await work()
    if (isLast) throw new Error('killed')
    return result
  }
  return new Proxy(store, {
    get: (_target, name: keyof Store) => {
      if (name === 'put') return (...said: Parameters<Store['put']>) => change(() => store.put(...said))
      if (name === 'trim') return (...said: Parameters<Store['trim']>) => change(() => store.trim(...said))
      const verb = store[name]
      return typeof verb === 'function' ? (verb as (...said: unknown[]) => unknown).bind(store) : verb
    },
  })
}

const WORLDS: Readonly<Record<string, (context: TestContext) => Promise<World>>> = {
  'in files': async (context) => makeDesk(context),
  'in Redis': async (context) => {
    const desk = makeDesk(context)
    const server = await startRedis()
    const store = openRedis(settingsOf(server.port), { clock: () => desk.clock.now })
    context.after(async () => {
      await store.close()
      await server[Symbol.asyncDispose]()
    })
    return { clock: desk.clock, store, open: (more) => desk.open({ store, ...more }) }
  },
}

for (const [where, make] of Object.entries(WORLDS)) {
  it(`A journal ${where} loses what is too old, a run after that was signed for, and the rest is proved as before`, {
    skip: where === 'in Redis' && REDIS_MISSING,
  }, async (context) => {
    const world = await make(context)
    const { store } = world
    const { closed, going, fresh } = await twoDays(world)
    const told: Entry[] = []
    await cycle(world, retentionOf(world, told))
    assert.deepEqual(
      told.map(({ type, detail }) => [type, detail?.slice(0, 20)]),
      [['journal.cut', '10 events older than']],
    )
    const signed = await proved(store)
    assert.deepEqual([signed.isSound, signed.cut?.removed, signed.events], [true, 10, 16])
    await cycle(world)
    const removed = await proved(store)
    assert.deepEqual([removed.isSound, removed.cut?.removed, removed.events], [true, 10, 6], JSON.stringify(removed.flaw))
    assert.deepEqual(await seqsOf(store, closed.node), [])
    assert.deepEqual(await seqsOf(store, going.node), [5, 6, 7])
    assert.equal(removed.chains.find(({ node }) => node === going.node)?.firstSeq, 5)
    await writeMany(going, 8, 9)
    await going.checkpoint()
    const before = await exported(store)
    for (let days = 0; days < 3; days++) {
      world.clock.now += DAY_MS
      await writeMany(fresh, 4 + days, 4 + days)
      await cycle(world)
      await cycle(world)
      assert.deepEqual([days, (await proved(store)).isSound], [days, true], JSON.stringify((await proved(store)).flaw))
    }
    await writeMany(going, 10, 10)
    const late = await proved(store)
    assert.deepEqual([late.isSound, late.cut?.removed], [true, 20], JSON.stringify(late.flaw))
    assert.deepEqual(await seqsOf(store, going.node), [10])
    // A copy that was kept elsewhere vouches for what is left, and needs not have what was removed.
    assert.equal((await verify(storeSource(store), before)).isSound, true)
    const copy = await exported(store)
    assert.deepEqual([(await verify(copy)).isSound, (await verify(copy)).cut?.removed], [true, 20])
    await going.close()
    await fresh.close()
    assert.equal((await proved(store)).isSound, true)
  })
}

describe('Behind a cut', () => {
  const removeAt = (at: number) => (lines: string[]) => void lines.splice(at, 1)
  const ATTACKS: readonly (readonly [
    string,
    (lines: string[], checkpoints: string[]) => void,
    string,
    ((cut: JsonValue) => JsonValue | undefined)?,
  ])[] = [
    ['an event is edited', (lines) => void lines.splice(1, 1, String(lines[1]).replace('permitted', 'cancelled')), 'edited'],
    ['one more than was too old is deleted', removeAt(0), 'deleted'],
    ['all of a chain that may not be gone is deleted', (lines) => void lines.splice(3, 3), 'truncated'],
    ['an old event is put back in front, edited', (lines) => void lines.unshift(String(lines[0]).replace('"seq":5', '"seq":4')), 'edited'],
    [
      'an event of a chain of nobody is put in front',
      (lines) => void lines.unshift(String(lines[0]).replace(/"node":"[^"]*"/, '"node":"x"')),
      'deleted',
    ],
    ['the end is cut', (lines) => void lines.splice(-1, 1), 'truncated'],
    ['a checkpoint is deleted', (_lines, checkpoints) => void checkpoints.splice(0, 1), 'checkpoint_deleted'],
    ['the cut is taken away', () => undefined, 'deleted', () => undefined],
    [
      'the cut says that more may be gone',
      removeAt(0),
      'cut_forged',
      (cut) => JSON.parse(JSON.stringify(cut).replace('"seq":4', '"seq":5')),
    ],
    ['the cut is of another form', () => undefined, 'cut_forged', () => ({ type: 'cut' })],
  ]

  it('every change is found', async (context) => {
    const world = makeDesk(context)
    await twoDays(world)
    await cycle(world)
    await cycle(world)
    assert.equal((await forged(world.store, () => undefined)).isSound, true)
    for (const [what, change, reason, cut] of ATTACKS)
      assert.deepEqual([what, (await forged(world.store, change, cut)).flaw?.reason], [what, reason])
  })

  it('leftovers of a run that was killed are proved too', async (context) => {
    const world = makeDesk(context)
    await twoDays(world)
    await cycle(world)
    // All that is too old still stands in front of what its cut says is left.
    assert.equal((await forged(world.store, removeAt(0))).isSound, true)
    assert.equal((await forged(world.store, (lines) => void lines.splice(0, 9))).isSound, true)
    assert.equal((await forged(world.store, removeAt(8))).flaw?.reason, 'deleted')
    assert.equal(
      (await forged(world.store, (lines) => void lines.splice(9, 1, String(lines[9]).replace('call-4', 'call-5')))).flaw?.reason,
      'edited',
    )
  })
})

it('A run that is killed at any of its steps loses nothing and doubles nothing, and the next one does what is left', async (context) => {
  for (let at = 1; at <= 4; at++) {
    for (const isAfter of [false, true]) {
      const world = makeDesk(context)
      const { going } = await twoDays(world)
      await cycle(world)
      world.clock.now += DAY_MS
      await going.write(entryOf(8))
      await assert.rejects(cycle({ ...world, store: dying(world.store, at, isAfter) }), /killed/)
      assert.equal((await proved(world.store)).isSound, true, `${at} ${isAfter}`)
      await cycle(world)
      await cycle(world)
      const { isSound, cut } = await proved(world.store)
      assert.deepEqual([isSound, cut?.removed, await seqsOf(world.store, going.node)], [true, 16, [8]], `${at} ${isAfter}`)
    }
  }
})

it('Of what is not whole nothing is signed away, and nothing is removed', async (context) => {
  const world = makeDesk(context)
  const journal = world.open()
  await writeMany(journal, 1, 4)
  await journal.close()
  const texts = (await world.store.read(LOGS.audit)).map(({ value }) => JSON.stringify(value))
  const other = openSqlite(':memory:', { clock: () => world.clock.now })
  await other.append(LOGS.audit, { texts: [...texts.slice(0, 1), ...texts.slice(2)] })
  await other.append(LOGS.checkpoints, { texts: (await world.store.read(LOGS.checkpoints)).map(({ value }) => JSON.stringify(value)) })
  world.clock.now += 2 * DAY_MS
  const broken = { ...world, store: other }
  for (let run = 0; run < 3; run++) await assert.rejects(cycle(broken), { code: 'FAULT_JOURNAL', message: /deleted at .*audit verify/ })
  assert.equal((await other.read(LOGS.audit)).length, 3)
  assert.equal(await other.get(RECORDS.cut), undefined)
  await other.put(RECORDS.cut, { type: 'cut' })
  await assert.rejects(cycle(broken), { code: 'FAULT_JOURNAL', message: /not signed by this key/ })
})

/** As docs/operations.md says it, after everything was stopped. @returns what is started then */
const ASIDE: Readonly<Record<string, (context: TestContext) => Promise<{ readonly world: World; putAside(): Promise<World> }>>> = {
  'in files': async (context) => {
    const desk = makeDesk(context)
    const putAside = async (): Promise<World> => {
      await desk.store.close()
      const folder = dirname(desk.path)
      mkdirSync(join(folder, 'evidence'))
      for (const file of readdirSync(folder).filter((name) => /-(audit|checkpoints)\./.test(name)))
        renameSync(join(folder, file), join(folder, 'evidence', file))
      const next = makeDesk(context, { path: desk.path })
      next.clock.now = desk.clock.now
      return next
    }
    return { world: desk, putAside }
  },
  'in Redis': async (context) => {
    const desk = makeDesk(context)
    const server = await startRedis()
    const settings = settingsOf(server.port)
    const store = openRedis(settings, { clock: () => desk.clock.now })
    context.after(async () => {
      await store.close()
      await server[Symbol.asyncDispose]()
    })
    const world: World = { clock: desk.clock, store, open: (more) => desk.open({ store, ...more }) }
    const putAside = async (): Promise<World> => {
      for (const key of ['log:{.audit}', 'marks:{.audit}', 'log:{.checkpoints}'])
        await server.command('RENAME', settings.prefix + key, `evidence:${key}`)
      return world
    }
    return { world, putAside }
  },
}

for (const [where, make] of Object.entries(ASIDE)) {
  it(`A broken journal ${where} that was put aside makes room for one that is whole, also behind a cut, and retention goes on`, {
    skip: where === 'in Redis' && REDIS_MISSING,
  }, async (context) => {
    const { world, putAside } = await make(context)
    await twoDays(world)
    await cycle(world)
    // A line that is nobody's.
    await world.store.append(LOGS.audit, ['not an event'])
    world.clock.now += 2 * DAY_MS
    await assert.rejects(cycle(world), { code: 'FAULT_JOURNAL' })
    assert.equal((await proved(world.store)).isSound, false)

    const next = await putAside()
    const journal = next.open()
    await writeMany(journal, 1, 3)
    assert.deepEqual([(await proved(next.store)).flaw, (await proved(next.store)).events], [undefined, 3])
    next.clock.now += 2 * DAY_MS
    await writeMany(journal, 4, 4)
    await cycle(next)
    await cycle(next)
    await cycle(next)
    const { isSound, cut } = await proved(next.store)
    assert.deepEqual([isSound, cut?.removed], [true, 10 + 3])
  })
}

it('Of many processes one looks to it, once a period; a verification meanwhile begins again', async (context) => {
  const world = makeDesk(context)
  await twoDays(world)
  world.clock.now += PERIOD_MS
  const told: Entry[] = []
  await Promise.all([1, 2, 3].map(() => retentionOf(world, told).run()))
  assert.equal(told.length, 1)
  const source = storeSource(world.store)
  let lines = 0
  const interrupted: Source = {
    ...source,
    events: async function* () {
      for await (const line of source.events()) {
        yield line
        if (++lines === 3) await cycle(world)
      }
    },
  }
  assert.equal((await verify(interrupted)).isSound, true)
  assert.ok(lines < 2 * 16)
})
