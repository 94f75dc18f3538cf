/** Exports in other people's formats say what they must, cannot be broken by what callers chose, and carry the chain. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { it, type TestContext } from 'node:test'
import { z } from 'zod'
import { exportJournal } from '../../src/audit/export.ts'
import { FORMATS, lineIn } from '../../src/audit/formats.ts'
import { fileSource, storeSource, verifyJournal } from '../../src/audit/verify.ts'
import type { Entry } from '../../src/core/event.ts'
import type { JsonValue } from '../../src/core/json.ts'
import { entryOf, KEYS, makeDesk, makeFolder, START_AT } from './fixture.ts'

/** What a caller may put where it can. */
const HOSTILE = 'a=b|c\\d\r\ncs1=x rawEvent={} CEF:0|"}\u2028\u202e\u00e9\u{1f600} <13>1 - - portcullis - x - {}'

const ENTRIES: readonly Entry[] = [
  entryOf(1),
  {
    ...entryOf(2),
    outcome: 'denied',
    denial: 'forbidden',
    detail: HOSTILE,
    agent: HOSTILE,
    address: '203.0.113.7',
    resource: { kind: 'tool', server: 'files', name: HOSTILE },
    arguments: { [HOSTILE]: 'string:3' },
    trace: '4bf92f3577b34da6a3ce929d0e0e4736',
    tookMs: 1.25,
  },
  { ...entryOf(3), outcome: 'denied', denial: 'invalid_token', address: '203.0.113.7' },
  { type: 'oauth.signed_in', principal: 'local#ann', outcome: 'permitted' },
  { type: 'key.created', by: 'cli:ann' },
]

async function collect(values: AsyncIterable<JsonValue>): Promise<readonly JsonValue[]> {
  const all: JsonValue[] = []
  for await (const value of values) all.push(value)
  return all
}

async function exported(context: TestContext): Promise<readonly JsonValue[]> {
  const { store, open } = makeDesk(context)
  const journal = open()
  for (const entry of ENTRIES) await journal.write(entry)
  await journal.close()
  return collect(exportJournal(storeSource(store)))
}

for (const format of FORMATS) {
  it(`${format}: the chain is verified in the exported lines, and a change of one of them is found`, async (context) => {
    const values = await exported(context)
    const file = join(makeFolder(context), 'export')
    const lines = values.map((value) => lineIn(format, value))

    writeFileSync(file, lines.map((line) => `${line}\n`).join(''))
    const whole = await verifyJournal(fileSource(file, format), KEYS.publicKey)
    writeFileSync(file, lines.map((line) => `${line.replaceAll('call-2', 'call-X')}\n`).join(''))
    const edited = await verifyJournal(fileSource(file, format), KEYS.publicKey)
    writeFileSync(file, lines.toSpliced(2, 1).join('\n'))
    const cut = await verifyJournal(fileSource(file, format), KEYS.publicKey)

    assert.deepEqual([whole.flaw, whole.events], [undefined, ENTRIES.length])
    assert.equal(edited.flaw?.reason, 'edited')
    assert.equal(cut.flaw?.reason, 'deleted')
    assert.ok(lines.every((line) => /^[^\n\r\u2028\u202e]+$/.test(line)))
  })
}

it('keeps what is not older, as a part that is verified as one', async (context) => {
  const { store, open, clock } = makeDesk(context)
  const journal = open()
  await journal.write(entryOf(1))
  clock.now += 1_000
  await journal.write(entryOf(2))
  await journal.close()
  const file = join(makeFolder(context), 'export')

  const values = await collect(exportJournal(storeSource(store), START_AT + 1_000))
  writeFileSync(file, values.map((value) => `${lineIn('ocsf', value)}\n`).join(''))
  const { flaw, events } = await verifyJournal(fileSource(file, 'ocsf'), KEYS.publicKey, { isPartial: true })

  assert.deepEqual([flaw, events], [undefined, 1])
})

/** Members that the OCSF schema (1.5, classes api_activity and authentication, objects metadata, product and api) requires. */
const REQUIRED = {
  6003: ['activity_id', 'category_uid', 'class_uid', 'metadata', 'severity_id', 'time', 'type_uid', 'actor', 'api', 'src_endpoint'],
  3002: ['activity_id', 'category_uid', 'class_uid', 'metadata', 'severity_id', 'time', 'type_uid', 'user', 'service'],
  0: ['activity_id', 'category_uid', 'class_uid', 'metadata', 'severity_id', 'time', 'type_uid'],
} as const

const RECORD = z.looseObject({
  class_uid: z.literal([6003, 3002, 0]),
  type_uid: z.number(),
  activity_id: z.number(),
  severity_id: z.number(),
  status_id: z.number().optional(),
  status_code: z.string().optional(),
  metadata: z.looseObject({ version: z.string(), product: z.looseObject({ name: z.string() }) }),
})

it('ocsf: every record has the members that its class requires, and the class is that of what happened', async (context) => {
  const values = await exported(context)
  const records = values.map((value) => RECORD.parse(JSON.parse(lineIn('ocsf', value))))

  assert.deepEqual(
    records.map(({ class_uid }) => class_uid),
    [6003, 6003, 3002, 3002, 6003, ...values.slice(ENTRIES.length).map(() => 0)],
  )
  for (const record of records) {
    for (const name of REQUIRED[record.class_uid]) assert.notEqual(record[name], undefined, name)
    assert.equal(record.type_uid, record.class_uid * 100 + record.activity_id)
    assert.equal(record.metadata.product.name, 'Portcullis')
    assert.match(record.metadata.version, /^1\./)
  }
  const refused = records[1]
  assert.deepEqual([refused?.status_id, refused?.severity_id, refused?.status_code], [2, 3, 'forbidden'])
  assert.deepEqual(refused?.['api'], { operation: 'tools/call', service: { name: 'files' } })
  assert.deepEqual(refused?.['src_endpoint'], { ip: '203.0.113.7' })
})

it('cef: what callers chose stays in its field', async (context) => {
  const values = await exported(context)
  const line = lineIn('cef', values[1] ?? null)

  const [header = '', ...rest] = line.split(/(?<!\\)\|/).slice(7)
  const fields = [...[header, ...rest].join('|').matchAll(/(?:^| )([A-Za-z0-9]+)=((?:\\[\\=nr]|[^\\=])*)(?= [A-Za-z0-9]+=|$)/g)]

  assert.ok(line.startsWith('CEF:0|Portcullis|Portcullis|0|call.ended|forbidden|6|rt='))
  assert.deepEqual(
    fields.map(([, name]) => name),
    ['rt', 'externalId', 'outcome', 'act', 'suser', 'src', 'cs1', 'cs1Label', 'reason', 'msg', 'cn1', 'cn1Label', 'rawEvent'],
  )
})

it('syslog: a line has the form of RFC 5424, in ASCII', async (context) => {
  const values = await exported(context)

  for (const value of values) {
    assert.match(
      lineIn('syslog', value),
      /^<(10[89]|110)>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z test-[0-9a-f]{12} portcullis - [a-z._]+ - \{[ -~]*\}$/,
    )
  }
})
