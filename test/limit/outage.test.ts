/** A store that is away: never unlimited, never all refused, and told once. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '../../src/core/denial.ts'
import type { Entry } from '../../src/core/event.ts'
import type { Limits } from '../../src/limit/limits.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import type { Store } from '../../src/store/store.ts'
import { aPrincipal } from '../fixtures/nouns.ts'
import { ask, aWorld, START_AT } from './world.ts'

const WHO = aPrincipal({ roles: ['user'] })

/** A real store whose link can be cut. */
function cuttable(): { readonly store: Store; cut: boolean } {
  const real = openSqlite(':memory:', { clock: () => START_AT })
  const link = { store: real, cut: false }
  const { charge } = real
  link.store.charge = (cells, now) =>
    link.cut ? Promise.reject(new Fault('FAULT_STORE', 'the link is cut')) : charge.call(real, cells, now)
  return link
}

const given = async (limits: Limits, calls: number): Promise<number> => {
  let count = 0
  for (let call = 0; call < calls; call++) if ((await ask(limits, WHO)) === undefined) count++
  return count
}

/** What is told is told behind the back of the call. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('each process counts by itself, strictly, and goes on counting together when it is back', async () => {
  const link = cuttable()
  const world = aWorld('roles: { user: { rate: 1/s, burst: 40 } }', { processes: 2, store: link.store })
  const [left, right] = world.limits
  assert.ok(left && right)
  link.cut = true
  assert.deepEqual([await given(left, 100), await given(right, 100)], [40, 40])
  for (let second = 0; second < 10; second++) {
    world.pass(1_000)
    assert.deepEqual([await given(left, 5), await given(right, 5)], [1, 1])
  }
  await settled()
  assert.deepEqual(
    world.told.map(({ type }) => type),
    ['limits.degraded', 'limits.degraded'],
  )
  link.cut = false
  world.pass(1_000)
  assert.deepEqual([await given(left, 1), await given(right, 1)], [1, 1])
  await settled()
  assert.deepEqual(
    world.told.map(({ type }) => type),
    ['limits.degraded', 'limits.degraded', 'limits.restored', 'limits.restored'],
  )
})

test('many calls at once while it is away are no more than there is', async () => {
  const link = cuttable()
  link.cut = true
  const world = aWorld('roles: { user: { rate: 1/s, burst: 40 } }', { store: link.store })
  const [limits] = world.limits
  assert.ok(limits)
  const asked = await Promise.all(Array.from({ length: 500 }, () => ask(limits, WHO)))
  assert.equal(asked.filter((denial) => denial === undefined).length, 40)
})

test('while history is away too, both events are written when it is back', async () => {
  const link = cuttable()
  const told: Entry[] = []
  const tell = async (entry: Entry): Promise<void> => {
    if (link.cut) throw new Fault('FAULT_STORE', 'the link is cut')
    told.push(entry)
  }
  const world = aWorld('roles: { user: { rate: 10/s, burst: 40 } }', { store: link.store, tell })
  const [limits] = world.limits
  assert.ok(limits)
  link.cut = true
  await given(limits, 3)
  await settled()
  link.cut = false
  world.pass(2_000)
  await given(limits, 1)
  await settled()
  assert.deepEqual(
    told.map(({ type }) => type),
    ['limits.degraded', 'limits.restored'],
  )
  assert.match(told[0]?.detail ?? '', /^since 2026-.*the link is cut$/)
})

test('a closed store, as it really fails, is an outage and no fault of the caller', async () => {
  const world = aWorld('roles: { user: { rate: 1/h, burst: 3 } }')
  await world.store.close()
  const [limits] = world.limits
  assert.ok(limits)
  assert.equal(await given(limits, 10), 3)
})
