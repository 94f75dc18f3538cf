/** What each detector promises, on events made by hand; and how well all of them do on weeks that they were not tuned on. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { deserialize, serialize } from 'node:v8'
import { scoreOf } from '../../bench/anomalies.ts'
import { HELD_OUT } from '../../bench/labelled-journal.ts'
import { type AnomalyState, createAnomalyState, createDetector, type Sighting } from '../../src/audit/anomaly.ts'
import { countIn, createBaseline, RISE_MAX_PER_DAY, RISE_MAX_PER_MONTH } from '../../src/audit/anomaly-baseline.ts'
import { FAILING_MAX } from '../../src/audit/anomaly-failures.ts'
import { PROFILES_MAX } from '../../src/audit/anomaly-habits.ts'
import { sentenceOf } from '../../src/audit/anomaly-words.ts'
import type { AuditEvent, Entry } from '../../src/core/event.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
const MONDAY_AT = Date.UTC(2026, 0, 5)
const MIB = 1024 * 1024
const OWNER = 'key#owner'

interface Watch {
  readonly found: Sighting[]
  say(at: number, entry: Partial<Entry>): void
  call(at: number, said?: Partial<Entry>): void
  guess(at: number, address: string, key?: string): void
  kinds(): readonly string[]
}

function aWatch(sensitivity: 'low' | 'standard' | 'high' = 'standard', state = createAnomalyState()): Watch {
  const detect = createDetector(sensitivity, state)
  const found: Sighting[] = []
  let seq = 0
  const say: Watch['say'] = (at, entry) => {
    seq++
    const event: AuditEvent = { type: 'call.ended', id: `e${seq}`, at, node: 'n', seq, previous: '', ...entry }
    found.push(...detect(event))
  }
  return {
    found,
    say,
    call: (at, said = {}) =>
      say(at, {
        outcome: 'permitted',
        method: 'tools/call',
        principal: OWNER,
        kind: 'service',
        roles: ['service'],
        address: '192.0.2.1',
        resource: { kind: 'tool', server: 'files', name: 'read' },
        bytes: 1_000,
        ...said,
      }),
    guess: (at, address, key) => say(at, { outcome: 'denied', denial: 'invalid_token', address, ...(key === undefined ? {} : { key }) }),
    kinds: () => found.map(({ anomaly }) => anomaly.kind),
  }
}

/** So many days from nine to five, twelve calls an hour. @returns the midnight after them. */
function work(watch: Watch, days: number, said: Partial<Entry> = {}): number {
  for (let day = 0; day < days; day++)
    for (let hour = 9; hour < 17; hour++)
      for (let call = 0; call < 12; call++) watch.call(MONDAY_AT + day * DAY_MS + hour * HOUR_MS + call * 5 * MINUTE_MS, said)
  return MONDAY_AT + days * DAY_MS
}

describe('credentials', () => {
  test('an address that guesses eleven times in five minutes is told once, with the events that show it', () => {
    const watch = aWatch()
    for (let nth = 0; nth < 30; nth++) watch.guess(MONDAY_AT + nth * 1_000, '198.51.100.7')
    assert.deepEqual(watch.kinds(), ['credential_burst'])
    const [sighting] = watch.found
    assert.equal(sighting?.anomaly.seen, 11)
    assert.equal(sighting?.anomaly.events.length, 10)
    assert.equal(sighting?.anomaly.events.at(-1), sighting?.event.id)
  })

  test('a key that is guessed at from eleven addresses is told, and so is the spread', () => {
    const watch = aWatch()
    for (let nth = 0; nth < 11; nth++) watch.guess(MONDAY_AT + nth * 1_000, `198.51.100.${nth}`, 'owner')
    assert.deepEqual(
      watch.found.map(({ anomaly }) => `${anomaly.kind} ${anomaly.subject}`),
      [`credential_spread ${OWNER}`, `credential_burst ${OWNER}`],
    )
  })

  test('one guess an hour at one key, each from another address, is told; one guess a day is not', () => {
    const [slow, slower] = [aWatch(), aWatch()]
    for (let nth = 0; nth < 20; nth++) {
      slow.guess(MONDAY_AT + nth * HOUR_MS, `198.51.${nth}.1`, 'owner')
      slower.guess(MONDAY_AT + nth * DAY_MS, `198.51.${nth}.1`, 'owner')
    }
    assert.deepEqual(slow.kinds(), ['credential_spread', 'credential_spread'].slice(0, slow.found.length))
    assert.ok(slow.found.length > 0)
    assert.deepEqual(slower.kinds(), [])
  })

  test('an address that tries a key every ten minutes is told after nine keys', () => {
    const watch = aWatch()
    for (let nth = 0; nth < 9; nth++) watch.guess(MONDAY_AT + nth * 10 * MINUTE_MS, '198.51.100.7', `k${nth}`)
    assert.deepEqual(watch.kinds(), ['credential_spread'])
  })

  test('fifty-one addresses with a bad token each within an hour are told as one', () => {
    const watch = aWatch()
    for (let nth = 0; nth < 51; nth++) watch.guess(MONDAY_AT + nth * MINUTE_MS, `198.51.${nth}.1`)
    assert.deepEqual(
      watch.found.map(({ anomaly }) => anomaly.subject),
      ['*'],
    )
  })

  test('an agent that holds on to a key that has ended is no guesser', () => {
    const watch = aWatch()
    for (let nth = 0; nth < 100; nth++)
      watch.say(MONDAY_AT + nth * 1_000, { outcome: 'denied', denial: 'invalid_token', isStale: true, key: 'old', address: '192.0.2.1' })
    assert.deepEqual(watch.kinds(), [])
  })
})

describe('habits', () => {
  test('nothing is unusual of a principal that is still learned', () => {
    const watch = aWatch()
    work(watch, 3)
    watch.call(MONDAY_AT + 3 * DAY_MS + 3 * HOUR_MS, { bytes: 100 * MIB, resource: { kind: 'tool', server: 'files', name: 'other' } })
    assert.deepEqual(watch.kinds(), [])
  })

  test('the first use of a tool is told, unless others with the same roles use it or its server has only just listed it', () => {
    const watch = aWatch()
    const at = work(watch, 8) + 10 * HOUR_MS
    for (const who of ['key#a', 'key#b']) watch.call(at, { principal: who, resource: { kind: 'tool', server: 'files', name: 'common' } })
    watch.say(at, { type: 'definition.pinned', resource: { kind: 'tool', server: 'files', name: 'new' } })
    for (const name of ['common', 'new', 'odd', 'odd']) watch.call(at + 1, { resource: { kind: 'tool', server: 'files', name } })
    assert.deepEqual(
      watch.found.map(({ anomaly, event }) => `${anomaly.kind} ${event.resource?.name}`),
      ['first_use odd'],
    )
  })

  test('three calls at night are told of who works by day; an hour before nine is near enough', () => {
    const watch = aWatch()
    const at = work(watch, 8)
    for (let nth = 0; nth < 3; nth++) watch.call(at + 8 * HOUR_MS + nth)
    for (let nth = 0; nth < 3; nth++) watch.call(at + 26 * HOUR_MS + nth)
    assert.deepEqual(watch.kinds(), ['unusual_hour'])
  })

  test('twenty times as many calls in an hour are told, twice as many are not', () => {
    const watch = aWatch()
    const at = work(watch, 8) + 10 * HOUR_MS
    for (let nth = 0; nth < 24; nth++) watch.call(at + nth)
    assert.deepEqual(watch.kinds(), [])
    for (let nth = 0; nth < 240; nth++) watch.call(at + HOUR_MS + nth)
    for (let nth = 0; nth < 5; nth++) watch.call(at + HOUR_MS + 300 + nth)
    assert.deepEqual(watch.kinds(), ['unusual_volume'])
  })

  test('seven mebibytes in an hour are told of who is answered kilobytes, with what is usual', () => {
    const watch = aWatch()
    const at = work(watch, 8) + 10 * HOUR_MS
    for (let nth = 0; nth < 7; nth++) watch.call(at + nth, { bytes: MIB })
    assert.deepEqual(watch.kinds(), ['exfiltration'])
    const [{ anomaly } = { anomaly: undefined }] = watch.found
    assert.equal(anomaly?.baseline, 12_000)
    assert.equal(anomaly === undefined ? '' : sentenceOf(anomaly), '7.0 MiB answered in an hour; usual are 12 KiB, told above 6.0 MiB')
  })

  test('when the owner’s call is the one too many, it is still told of the address that took the most', () => {
    const watch = aWatch()
    const at = work(watch, 8) + 10 * HOUR_MS
    for (let nth = 0; nth < 6; nth++) watch.call(at + nth, { bytes: MIB, address: '192.0.2.66' })
    watch.call(at + 10)
    assert.deepEqual(
      watch.found.map(({ anomaly, place }) => [anomaly.kind, place]),
      [['exfiltration', '192.0.2.66/32']],
    )
  })

  test('a key that is used from another network while its owner uses it is told at the call of the other, not of the owner', () => {
    const watch = aWatch()
    const at = work(watch, 8) + 10 * HOUR_MS
    watch.call(at)
    watch.call(at + MINUTE_MS, { address: '203.0.113.9' })
    watch.call(at + 2 * MINUTE_MS)
    assert.deepEqual(
      watch.found.map(({ anomaly, place }) => [anomaly.kind, place]),
      [['many_networks', '203.0.113.9/32']],
    )
  })

  test('a key that always comes from many networks is not told for one more', () => {
    const watch = aWatch()
    for (let day = 0; day < 9; day++)
      for (let nth = 0; nth < 4; nth++) watch.call(MONDAY_AT + day * DAY_MS + 9 * HOUR_MS + nth * MINUTE_MS, { address: `10${nth}.0.0.1` })
    watch.call(MONDAY_AT + 8 * DAY_MS + 9 * HOUR_MS + 10 * MINUTE_MS, { address: '203.0.113.9' })
    assert.deepEqual(watch.kinds(), [])
  })

  test('many denials in the first hours of another law are told, the same number at another time is not', () => {
    const watch = aWatch()
    const at = work(watch, 8) + 10 * HOUR_MS
    const deny = (from: number): void => {
      for (let nth = 0; nth < 12; nth++) watch.call(from + nth * MINUTE_MS, { outcome: 'denied', denial: 'forbidden' })
    }
    deny(at)
    assert.deepEqual(watch.kinds(), [])
    watch.say(at + DAY_MS, { type: 'policy.loaded', law: 'another' })
    deny(at + DAY_MS + MINUTE_MS)
    assert.deepEqual(watch.kinds(), ['denied_after_policy'])
  })
})

describe('who attacks the detectors', () => {
  test('a poisoner who doubles what he does every day moves the level by its daily and monthly bounds and no more', () => {
    const baseline = createBaseline()
    const distance = { deviations: 8, factor: 4, least: 10 }
    for (let hour = 0; hour < 200; hour++) countIn(baseline, MONDAY_AT + hour * HOUR_MS, 100, distance, false)
    const begun = baseline.level
    let before = begun
    for (let day = 0; day < 29; day++) {
      for (let hour = 0; hour < 24; hour++) countIn(baseline, MONDAY_AT + (200 + day * 24 + hour) * HOUR_MS, 100 * 2 ** day, distance, true)
      assert.ok(baseline.level <= before * (1 + RISE_MAX_PER_DAY) ** 1.1, `day ${day}`)
      before = baseline.level
    }
    assert.ok(baseline.level > begun)
    assert.ok(baseline.level <= begun * (1 + RISE_MAX_PER_MONTH) + 1e-6)
  })

  test('250,000 keys that are guessed at once, from 62,500 addresses, and 15,625 principals that come once, leave the memory bounded, and the learned remembered', () => {
    const state = createAnomalyState()
    const watch = aWatch('standard', state)
    const at = work(watch, 8)
    for (let nth = 0; nth < 250_000; nth++) {
      if (nth % 16 === 0) watch.call(at + nth, { principal: `key#${nth}` })
      watch.guess(at + nth, `10.${nth >> 18}.${(nth >> 10) & 255}.${(nth >> 2) & 255}`, `k${nth}`)
    }
    assert.ok(state.habits.profiles.size <= PROFILES_MAX)
    assert.ok(state.failures.failing.size <= FAILING_MAX)
    assert.ok(state.told.size <= 20_000)
    assert.ok(state.habits.profiles.has(OWNER))
  })

  test('what is remembered can be written down, and read back tells the same', () => {
    const state = createAnomalyState()
    const before = aWatch('standard', state)
    const at = work(before, 8) + 10 * HOUR_MS
    const after = aWatch('standard', deserialize(serialize(state)) as AnomalyState)
    for (const watch of [before, after]) for (let nth = 0; nth < 7; nth++) watch.call(at + nth, { bytes: MIB })
    assert.deepEqual(after.kinds(), before.kinds())
    assert.deepEqual(after.kinds(), ['exfiltration'])
  })
})

test('on weeks that nothing was tuned on, nine of ten attacks are told of and nine of ten things told are attacks', () => {
  const { scores } = scoreOf('held out', [211], { ...HELD_OUT, people: 16, crons: 12, pace: 1 }, 'standard')
  for (const { kind, told, right, attacks, found } of scores) {
    assert.ok(right >= 0.9 * told, `${kind}: ${right} of ${told} told are attacks`)
    assert.ok(found >= 0.8 * attacks, `${kind}: ${found} of ${attacks} attacks are told of`)
  }
})
