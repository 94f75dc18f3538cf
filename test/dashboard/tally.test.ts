/** A day of calls, counted in bounded memory. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AuditEvent, Outcome } from '../../src/core/event.ts'
import { HOUR_MS, Tally } from '../../src/dashboard/tally.ts'

const NOW = Date.UTC(2026, 10, 27, 12, 0)

function ended(minutesAgo: number, { outcome = 'permitted' as Outcome, tookMs = 10, principal = 'key#a' } = {}): AuditEvent {
  const resource = { kind: 'tool', server: 'files', name: 'read' } as const
  const chained = { id: '', at: NOW - minutesAgo * 60_000, node: 'n', seq: 1, previous: '' }
  return { ...chained, type: 'call.ended', outcome, tookMs, principal, resource, address: '10.0.0.1' }
}

function talliedOf(events: readonly AuditEvent[]): Tally {
  const tally = new Tally()
  for (const event of events) tally.take(event)
  return tally
}

test('what is counted does not depend on the order in which it came', () => {
  const events = Array.from({ length: 500 }, (_, at) =>
    ended(at % 90, { outcome: at % 7 === 0 ? 'denied' : 'permitted', tookMs: at, principal: `key#${at % 5}` }),
  )
  const views = [events, events.toReversed()].map((all) => talliedOf(all).over(HOUR_MS, 1, NOW, 8))
  assert.deepEqual(views[0], views[1])
  const within = events.filter(({ at }) => at >= NOW - HOUR_MS)
  assert.deepEqual(
    [views[0]?.calls, views[0]?.refused, views[0]?.bars.reduce((sum, { calls }) => sum + calls, 0)],
    [within.length, within.filter(({ outcome }) => outcome === 'denied').length, within.length],
  )
})

test('times are right to a fifth', () => {
  const events = Array.from({ length: 1_000 }, (_, at) => ended(1, { tookMs: at + 1 }))
  const { medianMs = 0, p95Ms = 0 } = talliedOf(events).over(HOUR_MS, 1, NOW, 8)
  assert.ok(Math.abs(medianMs / 500 - 1) < 0.2 && Math.abs(p95Ms / 950 - 1) < 0.2, `${medianMs} ${p95Ms}`)
})

test('who calls often is found among any number of strangers', () => {
  const tally = new Tally()
  for (let at = 0; at < 50_000; at++) tally.take(ended(2, { principal: at % 10 === 0 ? 'key#often' : `key#${at}`, outcome: 'denied' }))
  const { top } = tally.over(HOUR_MS, 1, NOW, 8)
  assert.equal(top.principals[0]?.name, 'key#often')
  assert.deepEqual(top.addresses, [{ name: '10.0.0.1', calls: 50_000, refused: 50_000 }])
})

test('what is older than a day is let go, and an hour without a call is empty', () => {
  const tally = talliedOf([ended(25 * 60), ended(26 * 60)])
  tally.forget(NOW)
  const { calls, medianMs, bars, top } = tally.over(30 * HOUR_MS, 15, NOW, 8)
  assert.deepEqual([calls, medianMs, bars.every((bar) => bar.calls === 0), top.principals], [0, undefined, true, []])
})
