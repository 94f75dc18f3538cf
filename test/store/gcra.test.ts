/** GCRA held against a slow model of a token bucket. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { chargeCells } from '../../src/store/gcra.ts'
import type { Cell } from '../../src/store/store.ts'

const START_AT = 1_790_000_000_000

/** A bucket that is filled millisecond by millisecond, in whole millionths of a token's interval. */
class SlowBucket {
  #level: number
  readonly #cell: Cell
  constructor(cell: Cell) {
    this.#cell = cell
    this.#level = cell.burst * cell.intervalMs
  }
  pass(ms: number): void {
    for (let i = 0; i < ms; i++) this.#level = Math.min(this.#cell.burst * this.#cell.intervalMs, this.#level + 1)
  }
  take(cost: number): boolean {
    if (this.#level < cost * this.#cell.intervalMs) return false
    this.#level -= cost * this.#cell.intervalMs
    return true
  }
  get tokens(): number {
    return Math.floor(this.#level / this.#cell.intervalMs)
  }
}

const anyCell = fc.record({ intervalMs: fc.integer({ min: 1, max: 50 }), burst: fc.integer({ min: 1, max: 8 }) })

it('agrees with a token bucket that is filled millisecond by millisecond', () => {
  const steps = fc.array(fc.record({ passMs: fc.integer({ min: 0, max: 120 }), cost: fc.integer({ min: 0, max: 8 }) }), { maxLength: 40 })
  fc.assert(
    fc.property(anyCell, steps, (shape, taken) => {
      const bucket = new SlowBucket({ ...shape, key: 'k', cost: 1 })
      let stored: number | undefined
      let now = START_AT
      for (const { passMs, cost } of taken.filter((step) => step.cost <= shape.burst)) {
        now += passMs
        bucket.pass(passMs)
        const charge = chargeCells([{ ...shape, key: 'k', cost }], () => stored, now)
        assert.equal(charge.allowed, bucket.take(cost))
        assert.deepEqual(charge.remaining, [bucket.tokens])
        stored = charge.arrivals.get('k') ?? stored
      }
    }),
  )
})

it('tells exactly how long the same charge has to wait', () => {
  const steps = fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 20 })
  fc.assert(
    fc.property(anyCell, steps, (shape, costs) => {
      let stored: number | undefined
      for (const cost of costs.filter((one) => one <= shape.burst)) {
        const cell = { ...shape, key: 'k', cost }
        const charge = chargeCells([cell], () => stored, START_AT)
        if (!charge.allowed) {
          assert.ok(charge.waitMs > 0)
          assert.equal(chargeCells([cell], () => stored, START_AT + charge.waitMs).allowed, true)
          assert.equal(chargeCells([cell], () => stored, START_AT + charge.waitMs - 1).allowed, false)
        }
        stored = charge.arrivals.get('k') ?? stored
      }
    }),
  )
})

it('never gives more than the burst and what time that passed forward has refilled, however the clock jumps', () => {
  const jumps = fc.array(fc.integer({ min: -500, max: 500 }), { maxLength: 60 })
  fc.assert(
    fc.property(anyCell, jumps, (shape, moves) => {
      let stored: number | undefined
      let now = START_AT
      let forward = 0
      let given = 0
      for (const move of moves) {
        now += move
        forward += Math.max(0, move)
        const charge = chargeCells([{ ...shape, key: 'k', cost: 1 }], () => stored, now)
        if (charge.allowed) given++
        stored = charge.arrivals.get('k') ?? stored
      }
      assert.ok(given <= shape.burst + forward / shape.intervalMs)
    }),
  )
})

it('locks nobody out for longer than an empty cell takes to fill, when the clock was far ahead for a moment', () => {
  const cell = { key: 'k', intervalMs: 100, burst: 2, cost: 1 }
  const ahead = chargeCells([cell], () => undefined, START_AT + 86_400_000)
  const charge = chargeCells([cell], (key) => ahead.arrivals.get(key), START_AT)
  assert.deepEqual([charge.allowed, charge.waitMs], [false, 100])
  // What is said is what is kept: from here on the cell fills, and does not wait for the leap to be made up for.
  const later = (ms: number): boolean => chargeCells([cell], (key) => charge.arrivals.get(key), START_AT + ms).allowed
  assert.deepEqual([later(99), later(100)], [false, true])
})

it('gives a burst whole although its rate has no finite decimal form', () => {
  const cell = { key: 'k', intervalMs: 1_000 / 7, burst: 7, cost: 1 }
  let stored: number | undefined
  for (let i = 0; i < 7; i++) {
    const charge = chargeCells([cell], () => stored, START_AT)
    assert.equal(charge.allowed, true)
    stored = charge.arrivals.get('k')
  }
  assert.equal(chargeCells([cell], () => stored, START_AT).allowed, false)
})

it('charges a cell that is named twice for both', () => {
  const cell = { key: 'k', intervalMs: 100, burst: 3, cost: 2 }
  assert.equal(chargeCells([cell, { ...cell, cost: 1 }], () => undefined, START_AT).allowed, true)
  assert.equal(chargeCells([cell, cell], () => undefined, START_AT).allowed, false)
})

it('is a fault when a cell can never allow the charge', () => {
  const cell = { key: 'k', intervalMs: 100, burst: 3, cost: 1 }
  for (const broken of [
    { cost: 4 },
    { cost: -1 },
    { cost: 0.5 },
    { burst: Number.NaN },
    { intervalMs: 0 },
    { intervalMs: Number.POSITIVE_INFINITY },
  ]) {
    assert.throws(() => chargeCells([{ ...cell, ...broken }], () => undefined, START_AT), { name: 'Fault', code: 'FAULT_LIMIT' })
  }
})
