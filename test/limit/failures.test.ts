/** Bad credentials: who guesses is turned away, and whose key is guessed at is not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Denial } from '../../src/core/denial.ts'
import type { Limits } from '../../src/limit/limits.ts'
import { aCall } from '../fixtures/nouns.ts'
import { aWorld, waitOf } from './world.ts'

const BAD = new Denial('invalid_token')
const KEY = '4fQ0aZ81bYtR'
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Knocks and presents a bad credential. @returns the code of the refusal that came before it was looked at. */
function guess(limits: Limits, address: string, keyId: string | undefined, denial = BAD): string | undefined {
  try {
    const call = aCall()
    limits.admit({ ...call, origin: { ...call.origin, address } })
    limits.checkCredential(address, keyId)
    limits.failed(denial, address, keyId)
    return undefined
  } catch (error) {
    return error instanceof Denial ? error.code : assert.fail(String(error))
  }
}

const SETTINGS = 'failures: { allow: 3, per: 5m, block: 15m }'

test('an address may fail so often, then it is turned away for a time, on every process', async () => {
  const world = aWorld(SETTINGS, { processes: 2 })
  const [here, there] = world.limits
  assert.ok(here && there)
  await there.start()
  for (let attempt = 0; attempt < 4; attempt++) assert.equal(guess(here, '203.0.113.7', undefined), undefined)
  assert.equal(guess(here, '203.0.113.7', undefined), 'rate_limited')
  assert.equal(waitOf(here.peek('203.0.113.7')), 900_000)
  assert.equal(here.peek('203.0.113.8'), undefined)
  await settled()
  await there.blocks.look()
  assert.equal(there.peek('203.0.113.7')?.code, 'rate_limited')
  await settled()
  assert.deepEqual(
    world.told.map(({ type, address }) => [type, address]),
    [['address.blocked', '203.0.113.7/32']],
  )
  world.pass(900_000)
  assert.deepEqual([here.peek('203.0.113.7'), there.peek('203.0.113.7')], [undefined, undefined])
  await there.close()
})

test('failures on many processes are counted together', async () => {
  const world = aWorld(SETTINGS, { processes: 4 })
  for (const limits of world.limits) {
    guess(limits, '203.0.113.7', undefined)
    await settled()
  }
  assert.equal(world.limits[3]?.peek('203.0.113.7')?.code, 'rate_limited')
})

test('of IPv6 the whole /64 is turned away', () => {
  const world = aWorld(SETTINGS)
  const [limits] = world.limits
  assert.ok(limits)
  for (let attempt = 0; attempt < 4; attempt++) guess(limits, `2001:db8:1:2::${attempt}`, undefined)
  assert.equal(limits.peek('2001:db8:1:2:ffff::1')?.code, 'rate_limited')
  assert.equal(limits.peek('2001:db8:1:3::1'), undefined)
})

test('a key under attack opens for its owner elsewhere, and guesses from many addresses are not looked at twice', () => {
  const world = aWorld(SETTINGS)
  const [limits] = world.limits
  assert.ok(limits)
  const attackers = Array.from({ length: 8 }, (_, at) => `198.51.100.${at}`)
  for (const address of attackers) assert.equal(guess(limits, address, KEY), undefined)
  for (const address of attackers) assert.equal(guess(limits, address, KEY), 'rate_limited')
  // The owner has never failed from where he is.
  limits.checkCredential('203.0.113.7', KEY)
  // The attackers' own keys, if they have any, are no concern of this one.
  limits.checkCredential('198.51.100.1', 'another')
})

test('a key that is held against an address is listed, holds on every process, and a word about the address lifts it', async () => {
  const world = aWorld(SETTINGS, { processes: 2 })
  const [here, there] = world.limits
  assert.ok(here && there)
  await there.start()
  for (const at of [1, 2, 3, 4, 5]) guess(here, `198.51.100.${at}`, KEY)
  await settled()
  await there.blocks.look()
  assert.equal(guess(there, '198.51.100.5', KEY), 'rate_limited')
  const until = world.now + 900_000
  assert.deepEqual(
    (await there.blocks.list()).map((block) => [block.cidr, block.key, block.until, block.by]),
    [1, 2, 3, 4, 5].map((at) => [`198.51.100.${at}/32`, KEY, until, 'gateway']),
  )
  await there.blocks.remove('198.51.100.5/32')
  await here.blocks.look()
  for (const limits of [here, there]) limits.checkCredential('198.51.100.5', KEY)
  // Who goes on guessing at it elsewhere does not bring back what was lifted; who guesses anew is held anew.
  guess(here, '198.51.100.6', KEY)
  here.checkCredential('198.51.100.5', KEY)
  assert.equal(guess(here, '198.51.100.4', KEY), 'rate_limited')
  assert.equal(guess(here, '198.51.100.5', KEY), undefined)
  assert.equal(guess(here, '198.51.100.5', KEY), 'rate_limited')
  world.pass(900_000)
  here.checkCredential('198.51.100.5', KEY)
  await there.blocks.look()
  assert.deepEqual([there.isGuessed, await there.blocks.list()], [false, []])
  await there.close()
})

test('a credential that was good once is no guess, nor is none', () => {
  const world = aWorld(SETTINGS)
  const [limits] = world.limits
  assert.ok(limits)
  for (let attempt = 0; attempt < 50; attempt++) {
    guess(limits, '203.0.113.7', KEY, new Denial('invalid_token', { isStale: true }))
    guess(limits, '203.0.113.7', undefined, new Denial('unauthenticated'))
    guess(limits, '203.0.113.7', undefined, new Denial('unavailable'))
  }
  assert.equal(limits.peek('203.0.113.7'), undefined)
})

test('a proxy of ours is never turned away for what came through it', () => {
  const world = aWorld(SETTINGS, { isProxy: (address) => address === '10.0.0.1' })
  const [limits] = world.limits
  assert.ok(limits)
  for (let attempt = 0; attempt < 50; attempt++) guess(limits, '10.0.0.1', undefined)
  assert.equal(limits.peek('10.0.0.1'), undefined)
})

test('a store that is away does not end the counting', async () => {
  const world = aWorld(SETTINGS)
  const [limits] = world.limits
  assert.ok(limits)
  await world.store.close()
  for (let attempt = 0; attempt < 4; attempt++) guess(limits, '203.0.113.7', undefined)
  assert.equal(limits.peek('203.0.113.7')?.code, 'rate_limited')
  await settled()
})
