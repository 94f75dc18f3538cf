/** Buckets in Redis and in SQLite agree, whatever is charged, in whatever order, by whichever clock. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { openRedis } from '../../src/store/redis.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import { REDIS_MISSING, settingsOf, startRedis } from '../fixtures/redis.ts'

const START_AT = 1_790_000_000_000
const SHAPES = [
  { intervalMs: 1_000, burst: 3 },
  { intervalMs: 0.06, burst: 1_000 },
  { intervalMs: 33.333, burst: 40 },
]
const cell = fc.record({
  key: fc.constantFrom('a', 'b', 'c'),
  shape: fc.constantFrom(...SHAPES),
  share: fc.double({ min: 0, max: 1, noNaN: true }),
})
/** Now and then the clock is set back. */
const step = fc.record({
  cells: fc.array(cell, { minLength: 1, maxLength: 4 }),
  laterMs: fc.double({ min: -200, max: 2_000, noNaN: true }),
})

test('every charge has the same answer in both stores', { skip: REDIS_MISSING }, async (t) => {
  const server = await startRedis()
  t.after(() => server[Symbol.asyncDispose]())
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
      const clock = (): number => START_AT
      const [file, redis] = [openSqlite(':memory:', { clock }), openRedis(settingsOf(server.port), { clock })]
      let now = START_AT
      for (const { cells, laterMs } of steps) {
        now += laterMs
        const asked = cells.map(({ key, shape, share }) => ({
          ...shape,
          key: `${key}${shape.burst}`,
          cost: Math.floor(share * shape.burst),
        }))
        assert.deepEqual(await redis.charge(asked, now), await file.charge(asked, now))
      }
      await Promise.all([file.close(), redis.close()])
    }),
    { numRuns: 40 },
  )
})
