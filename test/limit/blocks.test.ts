/** Who is turned away: added and removed on one process, known to all. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Blocks, FOR_EVER } from '../../src/limit/blocks.ts'
import { openSqlite } from '../../src/store/sqlite.ts'

const START_AT = 1_790_000_000_000

function aPair(fixed: readonly string[] = []) {
  const world = { now: START_AT }
  const clock = (): number => world.now
  const store = openSqlite(':memory:', { clock })
  return { world, store, here: new Blocks(store, clock, fixed), there: new Blocks(store, clock, fixed) }
}

test('a block holds at once where it was made, elsewhere from the next look on, and after a start', async () => {
  const { store, world, here, there } = aPair()
  await there.start()
  await here.add('203.0.113.0/24', { by: 'test', until: START_AT + 60_000 })
  await here.add('2001:db8:1:2::/64', { by: 'test' })
  assert.deepEqual([here.untilOf('203.0.113.9'), there.untilOf('203.0.113.9')], [START_AT + 60_000, 0])
  await there.look()
  assert.deepEqual([there.untilOf('203.0.113.9'), there.untilOf('2001:db8:1:2::9')], [START_AT + 60_000, FOR_EVER])
  const late = new Blocks(store, () => world.now)
  await late.start()
  assert.deepEqual(
    [late.untilOf('203.0.113.9'), late.untilOf('2001:db8:1:2::9'), late.untilOf('203.0.114.9')],
    [START_AT + 60_000, FOR_EVER, 0],
  )
  await Promise.all([late.close(), there.close()])
})

test('it ends by itself, or by a word; then the address is free everywhere', async () => {
  const { world, here, there } = aPair()
  await there.start()
  await here.add('203.0.113.7/32', { by: 'test', until: START_AT + 60_000 })
  await here.add('198.51.100.0/24', { by: 'test' })
  await there.look()
  world.now += 60_000
  assert.deepEqual([here.untilOf('203.0.113.7'), there.untilOf('203.0.113.7')], [0, 0])
  assert.deepEqual(
    (await here.list()).map(({ cidr, by }) => [cidr, by]),
    [['198.51.100.0/24', 'test']],
  )
  await here.remove('198.51.100.0/24')
  await there.look()
  assert.deepEqual([here.untilOf('198.51.100.1'), there.untilOf('198.51.100.1'), await here.list()], [0, 0, []])
  await there.close()
})

test('of two blocks that cover an address the longer one counts, and a new word about a range replaces the old', async () => {
  const { here } = aPair()
  await here.add('203.0.113.0/24', { by: 'test', until: START_AT + 60_000 })
  await here.add('203.0.113.7/32', { by: 'test', until: START_AT + 30_000 })
  assert.equal(here.untilOf('203.0.113.7'), START_AT + 60_000)
  await here.add('203.0.113.0/24', { by: 'test', until: START_AT + 10_000 })
  assert.equal(here.untilOf('203.0.113.7'), START_AT + 30_000)
})

test('what is not blocked cannot be removed, nor what the configuration says', async () => {
  const { here } = aPair(['203.0.113.0/24'])
  assert.equal(here.untilOf('203.0.113.9'), FOR_EVER)
  await assert.rejects(here.remove('203.0.113.0/24'), { code: 'FAULT_BLOCK', message: /configuration/ })
  await assert.rejects(here.remove('198.51.100.7/32'), { code: 'FAULT_BLOCK' })
})

test('more than a page of them are all found', async () => {
  const { store, world, here } = aPair()
  for (let at = 0; at < 1_500; at++) await here.add(`198.${18 + (at >> 8)}.${at & 255}.1/32`, { by: 'test' })
  const late = new Blocks(store, () => world.now)
  await late.start()
  assert.equal((await late.list()).length, 1_500)
  assert.deepEqual([late.untilOf('198.18.0.1'), late.untilOf('198.23.200.1'), late.untilOf('198.23.221.1')], [FOR_EVER, FOR_EVER, 0])
  await late.close()
})

test('while the store is away what is known stands', async () => {
  const { store, here } = aPair()
  await here.start()
  await here.add('203.0.113.7/32', { by: 'test' })
  await store.close()
  await here.look()
  assert.equal(here.untilOf('203.0.113.7'), FOR_EVER)
  await here.close()
})
