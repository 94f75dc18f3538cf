/** The journal's own way of writing an event is the canonical form. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { eventOf, eventText, type Seal, withSeal } from '../../src/audit/event-text.ts'
import type { AuditEvent, Entry } from '../../src/core/event.ts'
import { canonical, digest, type JsonValue } from '../../src/core/json.ts'
import { sha256 } from '../../src/core/secret.ts'

const text = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) }),
)
const number = fc.oneof(fc.double(), fc.integer(), fc.constantFrom(0, -0, 1e21, 5e-324))
const finding = fc.record(
  { label: text, detector: text, pointer: text, span: fc.tuple(fc.nat(), fc.nat()), isRedacted: fc.constant(true as const) },
  { requiredKeys: ['label', 'detector', 'pointer'] },
)
const shapes = fc.dictionary(fc.oneof(text, fc.constantFrom('10', '2', '1a', '__proto__', 'é', '😀', '\uffff')), text, {
  noNullPrototype: true,
})

const members: { readonly [Name in keyof Required<Entry>]: fc.Arbitrary<Required<Entry>[Name]> } = {
  type: fc.constantFrom('call.begun', 'call.ended', 'key.created', 'upstream.noise'),
  outcome: fc.constantFrom('permitted', 'would_deny', 'denied', 'failed', 'cancelled'),
  call: text,
  principal: text,
  roles: fc.array(text),
  kind: fc.constantFrom('user', 'service', 'anonymous'),
  client: text,
  tenant: text,
  method: text,
  action: fc.constantFrom('call', 'list', 'read'),
  resource: fc.record({ kind: fc.constantFrom('tool', 'server'), server: text, name: text }),
  transport: fc.constantFrom('http', 'stdio', 'embedded'),
  era: fc.constantFrom('modern', 'legacy'),
  revision: text,
  address: text,
  bytes: fc.nat(),
  key: text,
  isStale: fc.constant(true as const),
  anomaly: fc.record(
    {
      kind: fc.constantFrom('first_use', 'exfiltration'),
      severity: fc.constantFrom('low', 'high'),
      subject: text,
      seen: number,
      limit: number,
      baseline: number,
      windowMs: fc.nat(),
      events: fc.array(text),
      reaction: fc.constantFrom('alert', 'block'),
      until: number,
    },
    { requiredKeys: ['kind', 'severity', 'subject', 'seen', 'limit', 'windowMs', 'events', 'reaction'] },
  ),
  agent: text,
  arguments: shapes,
  argumentsHash: text,
  policies: fc.array(text),
  law: text,
  denial: fc.constantFrom('forbidden', 'rate_limited'),
  detail: text,
  findings: fc.array(finding),
  tookMs: number,
  approval: text,
  trace: text,
  span: text,
  by: text,
}
const anyEntry: fc.Arbitrary<Entry> = fc.record(members, { requiredKeys: ['type'] })
const place = { id: text, at: number, node: text, seq: fc.nat(), previous: text }
const anyPlace: fc.Arbitrary<Seal> = fc.record(place)
const anySeal: fc.Arbitrary<Seal> = fc.record({ ...place, seal: text }, { requiredKeys: ['id', 'at', 'node', 'seq', 'previous'] })

const jsonOf = (event: AuditEvent): JsonValue => event as unknown as JsonValue // an interface has no index signature, its values are JSON

it('writes every event in the canonical form of RFC 8785', () => {
  fc.assert(
    fc.property(anyEntry, anySeal, (entry, seal) => {
      assert.equal(eventText(entry, seal), canonical(jsonOf(eventOf(entry, seal))))
    }),
    { numRuns: 500 },
  )
})

it('writes what reads back to the same text, so that a reader computes the same digest', () => {
  fc.assert(
    fc.property(anyEntry, anySeal, (entry, seal) => {
      const written = eventText(entry, seal)
      assert.equal(digest(JSON.parse(written)), sha256(written))
    }),
  )
})

it('puts a seal where it would have been written', () => {
  const hash = fc.string({ unit: fc.constantFrom(...'Az09-_'), minLength: 43, maxLength: 43 })
  const likeSeq = fc.constantFrom<Entry>(
    { type: 'call.ended', arguments: { a: ',"seq":1', seq: 'number' }, trace: ',"seq":' },
    { type: 'call.ended', arguments: { '1': 'number', seq: 'number' }, tenant: '\\",\\"seq\\":2' },
  )
  fc.assert(
    fc.property(fc.oneof(anyEntry, likeSeq), anyPlace, hash, (entry, unsealed, seal) => {
      assert.equal(withSeal(eventText(entry, unsealed), seal), eventText(entry, { ...unsealed, seal }))
    }),
    { numRuns: 500 },
  )
})

it('leaves out members that an event does not have', () => {
  const stray = { type: 'key.created', password: 'hunter2' } as const
  const seal = { id: 'i', at: 1, node: 'n', seq: 1, previous: '' }
  assert.equal(eventText(stray, seal), '{"at":1,"id":"i","node":"n","previous":"","seq":1,"type":"key.created"}')
})
