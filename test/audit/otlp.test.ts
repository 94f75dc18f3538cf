/**
 * What is sent as OTLP is OTLP: read and written again by the classes that OpenTelemetry itself made of its protobuf definitions.
 * `OTLP_TRANSFORMER=folder npm test`, where `@opentelemetry/otlp-transformer` 0.205.0 is installed: too much to bring along.
 */
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { it } from 'node:test'
import { logsRequest, tracesRequest } from '../../src/audit/otlp.ts'
import type { Told } from '../../src/audit/sinks.ts'
import type { Entry } from '../../src/core/event.ts'
import { isObject, type JsonValue } from '../../src/core/json.ts'
import { START_AT } from './fixture.ts'

const FOLDER = process.env['OTLP_TRANSFORMER']
const skip = FOLDER === undefined && 'OTLP_TRANSFORMER names no installed @opentelemetry/otlp-transformer'

/** A class of protobuf.js. */
interface Message {
  fromObject(plain: JsonValue): object
  verify(message: object): string | null
  encode(message: object): { finish(): Uint8Array }
  decode(bytes: Uint8Array): object
  toObject(message: object, how: object): JsonValue
}

const CALL: Entry = {
  type: 'call.ended',
  outcome: 'permitted',
  call: '0199c3a2-7f6e-7b1c-9a55-000000000001',
  principal: 'key#4fQ0aZ81bYtR',
  method: 'tools/call',
  resource: { kind: 'tool', server: 'files', name: 'read_file' },
  policies: ['a', 'b'],
  tookMs: 3.4,
  trace: '0af7651916cd43dd8448eb211c80319c',
  span: 'b7ad6b7169203331',
}
const ENTRIES: readonly Entry[] = [
  CALL,
  { ...CALL, outcome: 'denied', denial: 'forbidden', detail: 'nothing permits it' },
  {
    type: 'call.ended',
    outcome: 'failed',
    call: '0199c3a2-7f6e-7b1c-9a55-000000000002',
    method: 'resources/read',
    transport: 'http',
    address: '203.0.113.7',
  },
  { type: 'key.revoked', principal: 'key#a', by: 'cli:ann' },
]

const IDS: ReadonlySet<string> = new Set(['traceId', 'spanId', 'parentSpanId'])

/** In OTLP's JSON ids are hex, in that of protobuf bytes are base64; lists without a member are no lists there. */
function asProtobuf(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(asProtobuf)
  if (!isObject(value)) return value
  const members = Object.entries(value).filter(([, each]) => !(Array.isArray(each) && each.length === 0))
  return Object.fromEntries(
    members.map(([name, each]) => [name, IDS.has(name) ? Buffer.from(String(each), 'hex').toString('base64') : asProtobuf(each ?? null)]),
  )
}

it('logs and spans are what the definitions of OpenTelemetry say, member by member', { skip }, () => {
  const require = createRequire(import.meta.url)
  const { collector } = require(join(FOLDER ?? '', 'build/src/generated/root.js')).opentelemetry.proto
  const told = ENTRIES.map((entry, at): Told => {
    const event = { ...entry, id: '0199c3a2-7f6e-7b1c-9a55-000000000003', at: START_AT, node: 'gateway-1', seq: at + 1, previous: '' }
    return { kind: 'event', event, text: JSON.stringify(event) }
  })
  const requests: readonly (readonly [Message, object | undefined])[] = [
    [collector.logs.v1.ExportLogsServiceRequest, logsRequest(told)],
    [collector.trace.v1.ExportTraceServiceRequest, tracesRequest(told)],
  ]
  for (const [type, request] of requests) {
    const sent = asProtobuf(JSON.parse(JSON.stringify(request)) as JsonValue)
    const message = type.fromObject(sent)
    assert.equal(type.verify(message), null)
    const read = type.decode(type.encode(message).finish())
    assert.deepEqual(type.toObject(read, { longs: String, bytes: String, enums: Number }), sent)
  }
})
