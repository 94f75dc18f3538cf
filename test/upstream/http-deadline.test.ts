import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Deadlines } from '../../src/upstream/http-deadline.ts'

test('what is due is told once, by the clock that was given, and what was taken away never', async () => {
  let now = 0
  const told: string[] = []
  const deadlines = new Deadlines(() => now, 8)
  const { promise, resolve } = Promise.withResolvers<void>()
  const later = { dueAt: 100, expire: () => void told.push('later') }
  const gone = { dueAt: 1, expire: () => void told.push('gone') }
  deadlines.add({
    dueAt: 5,
    expire: () => {
      told.push('due')
      resolve()
    },
  })
  deadlines.add(later)
  deadlines.add(gone)
  deadlines.delete(gone)
  now = 5
  // The looking alone keeps nobody alive.
  const alive = setInterval(() => undefined, 1_000)
  await promise
  clearInterval(alive)
  deadlines.delete(later)
  assert.deepEqual(told, ['due'])
})
