/** A million identifiers exhaust nothing, and free nobody who is busy. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLimit } from '../../src/limit/bucket.ts'
import { CROWD_MAX, Crowd } from '../../src/limit/crowd.ts'
import { Holder } from '../../src/limit/holder.ts'

const LIMIT = createLimit('limits.address', { count: 10, perMs: 1_000, burst: 5 })
const newCrowd = (max?: number): Crowd<Holder> => new Crowd((name, isShared) => new Holder(name, isShared), max)

function take(crowd: Crowd<Holder>, name: string, nowUs: number): boolean {
  const bucket = crowd.of(name, nowUs).bucketOf(LIMIT)
  if (bucket.waitUs(nowUs) > 0) return false
  bucket.take(nowUs)
  return true
}

test('a million identifiers within a second leave the crowd at its bound, and the busy as they were', () => {
  const crowd = newCrowd()
  const busy = Array.from({ length: 100 }, (_, at) => `busy-${at}`)
  for (const name of busy) for (let call = 0; call < 5; call++) assert.equal(take(crowd, name, 0), true)
  for (let at = 0; at < 1_000_000; at++) take(crowd, `203.0.${at}`, 0)
  assert.equal(crowd.size, CROWD_MAX)
  for (const name of busy) assert.equal(take(crowd, name, 0), false, `${name} was freed`)
})

test('those for whom there is no room are counted together, strictly', () => {
  const crowd = newCrowd(10)
  for (let at = 0; at < 10; at++) take(crowd, `first-${at}`, 0)
  let given = 0
  for (let at = 0; at < 10_000; at++) if (take(crowd, `late-${at}`, 0)) given++
  // 64 groups of 5.
  assert.equal(given, 64 * 5)
})

test('who is idle gives way, and whoever still holds on to him can see it', () => {
  const crowd = newCrowd(2)
  const first = crowd.of('first', 0)
  take(crowd, 'second', 0)
  const third = crowd.of('third', 0)
  assert.deepEqual([first.isGone, third.isShared, crowd.size], [true, false, 2])
  // After its tokens came back the second is idle as well.
  assert.equal(crowd.of('fourth', 0).isShared || crowd.of('fourth', 0).isGone, false)
  assert.equal(take(crowd, 'second', 0), true)
})

test('who has a call under way, or is not paid up, is busy', () => {
  const crowd = newCrowd(2)
  crowd.of('working', 0).underway++
  crowd.of('owing', 0).paidAtUs = 1_000
  assert.equal(crowd.of('newcomer', 0).isShared, true)
  assert.equal(crowd.of('newcomer', 1_000).isShared, false)
})

test('a long name is kept as its digest, and is another than every other', () => {
  const crowd = newCrowd()
  const long = 'x'.repeat(16_384)
  assert.notEqual(crowd.of(`${long}a`, 0), crowd.of(`${long}b`, 0))
  assert.equal(crowd.of(`${long}a`, 0), crowd.of(`${long}a`, 0))
  assert.ok(crowd.of(`${long}a`, 0).bucketOf(LIMIT).key.length < 200)
})
