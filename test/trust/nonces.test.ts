import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createNonces } from '../../src/trust/nonces.ts'

const key = Buffer.alloc(32, 1)
const MINUTE = 60_000

test('a nonce is known for one to two periods on every replica, then no more', () => {
  let now = 1_790_000_000_000
  const one = createNonces({ key, clock: () => now, rotateMs: 5 * MINUTE })
  const other = createNonces({ key, clock: () => now, rotateMs: 5 * MINUTE })
  const nonce = one.current()
  assert.equal(other.current(), nonce)
  now += 5 * MINUTE
  assert.notEqual(one.current(), nonce)
  assert.equal(other.isKnown(nonce), true)
  now += 5 * MINUTE
  assert.equal(other.isKnown(nonce), false)
})

test('a nonce of another key, of the future, or of nobody is not known', () => {
  const now = 1_790_000_000_000
  const nonces = createNonces({ key, clock: () => now })
  const later = createNonces({ key, clock: () => now + 5 * MINUTE })
  const foreign = createNonces({ key: Buffer.alloc(32, 2), clock: () => now })
  for (const nonce of [later.current(), foreign.current(), '', 'x', nonces.current().slice(1)]) assert.equal(nonces.isKnown(nonce), false)
})

test('a nonce is what a header and a JWT may hold', () => {
  assert.match(createNonces({ key, clock: () => 0 }).current(), /^[A-Za-z0-9_-]{43}$/)
})
