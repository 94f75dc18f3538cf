import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { DENIALS, Denial } from '../../src/core/denial.ts'
import { createIds } from '../../src/core/id.ts'
import { createKeyedHash, isEqual, keyedHash, Secret } from '../../src/core/secret.ts'
import { parseSize, parseSpan } from '../../src/core/time.ts'

test('a secret does not show in any way that things are printed', () => {
  const secret = new Secret('hunter2')
  const shown = [
    String(secret),
    `${secret}`,
    JSON.stringify({ secret }),
    inspect({ secret }, { depth: 9, showHidden: true }),
    Object.keys(secret).join(),
  ]
  for (const text of shown) assert.equal(text.includes('hunter2'), false)
  assert.equal(secret.reveal(), 'hunter2')
})

test('texts of different length are compared without a throw and are not equal', () => {
  assert.deepEqual([isEqual('a', 'ab'), isEqual('', ''), isEqual('é', 'e\u0301'), isEqual('x', 'x')], [false, true, false, true])
})

test('a keyed hash depends on the key', () => {
  assert.notEqual(keyedHash(Buffer.alloc(32, 1), 'x'), keyedHash(Buffer.alloc(32, 2), 'x'))
})

test('a keyed hash by two one-shot hashes is the HMAC of the same key and text', () => {
  for (const size of [0, 1, 31, 32, 63, 64]) {
    const key = Buffer.alloc(size, 0xa5)
    const fast = createKeyedHash(key)
    for (const text of ['', 'x', 'Grüße 🦊', '\ud800', 'long '.repeat(10_000)]) assert.equal(fast(text), keyedHash(key, text))
  }
  assert.throws(() => createKeyedHash(Buffer.alloc(65)), RangeError)
})

test('a fault denies, and what it says stays inside', () => {
  const denial = Denial.from(new Error('password is hunter2'))
  assert.equal(denial.code, 'unavailable')
  assert.equal(denial.message, DENIALS.unavailable.message)
  assert.match(denial.detail, /hunter2/)
})

test('no code of ours lies in the range that the specification keeps for itself, but those it defines', () => {
  const defined = new Set([-32700, -32600, -32601, -32602, -32001, -32020, -32021, -32022])
  for (const { rpc } of Object.values(DENIALS)) assert.ok(defined.has(rpc) || rpc > -32000 || rpc < -32768, String(rpc))
})

test('spans and sizes are read with their unit, and nothing else is', () => {
  assert.deepEqual([parseSpan('15m'), parseSpan('90d'), parseSpan('0s'), parseSpan('250ms')], [900_000, 7_776_000_000, 0, 250])
  for (const text of ['', '15', 'm', '-1s', '1.5h', ' 1s', '1 s', '1e3s', '9999999999s']) assert.equal(parseSpan(text), undefined, text)
  assert.deepEqual([parseSize('1MiB'), parseSize('2KB'), parseSize('7B')], [1_048_576, 2_000, 7])
  for (const text of ['', '1', 'MiB', '1mib', '-1B', '1.5MiB']) assert.equal(parseSize(text), undefined, text)
})

test('ids are UUIDv7, increase, and stay apart within a millisecond and when the clock goes back (RFC 9562 §5.7)', () => {
  let now = 1_700_000_000_000
  const next = createIds(() => now)
  const ids: string[] = []
  for (let count = 0; count < 20_000; count++) {
    if (count % 5_000 === 4_999) now -= 7
    ids.push(next())
  }
  for (const id of ids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  assert.deepEqual(ids, [...ids].sort())
  assert.equal(new Set(ids).size, ids.length)
})
