/** What is exported as OCSF is OCSF: held against its own schema, which is not ours to keep. `OCSF_SCHEMA=folder npm test`, a copy of its repository at 1.5.0. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { ocsfCheckpoint, ocsfOf } from '../../src/audit/ocsf.ts'
import type { AuditEvent, Entry } from '../../src/core/event.ts'
import { START_AT } from './fixture.ts'
import { readOcsfSchema } from './ocsf-schema.ts'

const FOLDER = process.env['OCSF_SCHEMA']
const skip = FOLDER === undefined && 'OCSF_SCHEMA names no copy of github.com/ocsf/ocsf-schema'

const CALL: Entry = {
  type: 'call.ended',
  outcome: 'permitted',
  call: '0199c3a2-7f6e-7b1c-9a55-000000000001',
  principal: 'key#4fQ0aZ81bYtR',
  client: 'desktop',
  method: 'tools/call',
  action: 'call',
  resource: { kind: 'tool', server: 'files', name: 'read_file' },
  transport: 'http',
  address: '203.0.113.7',
  tookMs: 3.4,
  trace: '0af7651916cd43dd8448eb211c80319c',
  bytes: 700,
}
const ANOMALY = {
  kind: 'exfiltration',
  severity: 'high',
  subject: 'key#a',
  seen: 2,
  limit: 1,
  windowMs: 1,
  events: [],
  reaction: 'block',
} as const

const ENTRIES: readonly Entry[] = [
  CALL,
  { ...CALL, transport: 'stdio', outcome: 'cancelled', action: 'read', method: 'resources/read' },
  { ...CALL, outcome: 'denied', denial: 'forbidden', detail: 'nothing permits it', address: '2001:db8::7' },
  { ...CALL, outcome: 'denied', denial: 'invalid_token', detail: 'no key has this id' },
  { type: 'call.ended', outcome: 'denied', denial: 'unauthenticated', address: '203.0.113.7' },
  { type: 'call.begun', call: CALL.call ?? '', method: 'tools/list', action: 'list', principal: 'key#a' },
  {
    type: 'oauth.signed_in',
    outcome: 'permitted',
    principal: 'local#alice',
    kind: 'user',
    address: '203.0.113.7',
    detail: 'at the admin pages',
  },
  { type: 'oauth.sign_in_refused', outcome: 'denied', denial: 'invalid_token', address: '203.0.113.7' },
  { type: 'key.revoked', principal: 'key#a', by: 'cli:ann', detail: 'ci' },
  { type: 'address.blocked', address: '203.0.113.0/24', by: 'gateway', detail: 'until it is removed' },
  { type: 'anomaly.detected', principal: 'key#a', address: '203.0.113.7/32', by: 'gateway', anomaly: ANOMALY },
  { type: 'gateway.started', by: 'gateway' },
]

it('every kind of event fits its class in the schema of OCSF 1.5', { skip }, () => {
  const schema = readOcsfSchema(FOLDER ?? '')
  const node = 'gateway-1'
  const flaws = ENTRIES.map((entry, at) => {
    const event: AuditEvent = { ...entry, id: '0199c3a2-7f6e-7b1c-9a55-000000000002', at: START_AT, node, seq: at + 1, previous: '' }
    const told = ocsfOf(event, JSON.stringify(event))
    return [entry.type, schema.flawsOf(told, told['class_uid'] === 3002 ? 'authentication' : 'api_activity')]
  })
  assert.deepEqual(
    flaws.filter(([, found]) => found?.length !== 0),
    [],
  )
  assert.deepEqual(schema.flawsOf(ocsfCheckpoint(START_AT, node, '{}'), 'base_event'), [])
  // That it would be seen.
  const broken = { ...ocsfCheckpoint(START_AT, node, '{}'), severity_id: 7, time: 'now', odd: 1 }
  assert.deepEqual(schema.flawsOf(broken, 'base_event').length, 3)
})

it('one address is an ip, a range is a name', () => {
  const told = ['203.0.113.7', '203.0.113.7/32', '203.0.113.0/24', '2001:db8::/64'].map((address, at) => {
    const event: AuditEvent = { type: 'address.blocked', address, id: 'x', at: START_AT, node: 'n', seq: at + 1, previous: '' }
    return ocsfOf(event, '{}')['src_endpoint']
  })
  assert.deepEqual(told, [{ ip: '203.0.113.7' }, { ip: '203.0.113.7' }, { name: '203.0.113.0/24' }, { name: '2001:db8::/64' }])
})
