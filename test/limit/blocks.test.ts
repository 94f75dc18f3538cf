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

test('a key is held against one address alone, and let go with whatever else is held against that', async () => {
  const { store, world, here, there } = aPair()
  await there.start()
  const until = START_AT + 60_000
  for (const key of ['a', 'b']) await here.add('203.0.113.7/32', { by: 'test', until, key })
  await here.add('203.0.113.7/32', { by: 'test', until })
  await here.add('203.0.113.70/32', { by: 'test', until, key: 'a' })
  const late = new Blocks(store, () => world.now)
  await late.start()
  await there.look()
  for (const blocks of [here, there, late]) {
    const asked = [
      ['7', 'a'],
      ['7', 'b'],
      ['7', 'c'],
      ['8', 'a'],
      ['70', 'a'],
    ] as const
    assert.deepEqual(
      asked.map(([host, key]) => blocks.untilWith(`203.0.113.${host}/32`, key)),
      [until, until, 0, 0, until],
    )
  }
  await there.remove('203.0.113.7/32')
  await here.look()
  await late.look()
  for (const blocks of [here, there, late]) {
    assert.deepEqual(
      [blocks.untilOf('203.0.113.7'), blocks.untilWith('203.0.113.7/32', 'a'), blocks.untilWith('203.0.113.70/32', 'a')],
      [0, 0, until],
    )
  }
  assert.deepEqual(
    (await here.list()).map(({ cidr, key }) => [cidr, key]),
    [['203.0.113.70/32', 'a']],
  )
  await Promise.all([late.close(), there.close()])
})

test('keys that are made up fill no memory and no store: beyond ten thousand a new one holds where it was guessed at', async () => {
  const { store, here } = aPair()
  const until = START_AT + 60_000
  for (let at = 0; at < 10_010; at++) await here.add('203.0.113.7/32', { by: 'test', until, key: `k${at}` })
  assert.deepEqual([here.untilWith('203.0.113.7/32', 'k0'), here.untilWith('203.0.113.7/32', 'k10009')], [0, until])
  assert.equal((await new Blocks(store, () => START_AT).list()).length, 10_000)
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
