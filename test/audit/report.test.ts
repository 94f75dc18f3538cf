/** A report counts every refusal once, says by whom and from where, and is not moved by floods of names. */
import assert from 'node:assert/strict'
import { it, type TestContext } from 'node:test'
import { type Report, reportOf, reportText } from '../../src/audit/report.ts'
import { Tally } from '../../src/audit/tally.ts'
import type { Entry } from '../../src/core/event.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import { makeDesk, START_AT } from './fixture.ts'

const HOUR_MS = 3_600_000
const TOOL = { kind: 'tool', server: 'files', name: 'write_file' } as const
const ended = (more: Partial<Entry>): Entry => ({ type: 'call.ended', outcome: 'denied', method: 'tools/call', resource: TOOL, ...more })
const SECRET = { label: 'secret', detector: 'output/npm', pointer: '/content/0/text', isRedacted: true } as const

const ENTRIES: readonly Entry[] = [
  { type: 'call.begun', call: 'a', principal: 'key#a', method: 'tools/call' },
  ended({
    outcome: 'permitted',
    call: 'a',
    principal: 'key#a',
    bytes: 700,
    arguments: { at: 'string:3', bytes: 'string:1', outcome: 'string:9', principal: 'string:4', resource: 'object:1', type: 'string:10' },
  }),
  ended({
    outcome: 'permitted',
    principal: 'key#"b\\',
    bytes: 50,
    resource: { ...TOOL, name: 'a"\\","server":"x' },
    detail: '"principal":"key#c"',
  }),
  ended({ outcome: 'permitted', bytes: 5, resource: { kind: 'server', name: 'files', server: 'files' } }),
  ended({ denial: 'invalid_token', address: '203.0.113.7', detail: 'said "outcome":"permitted","type":"call.begun"}' }),
  ended({ denial: 'invalid_token', address: '203.0.113.7' }),
  ended({ denial: 'forbidden', principal: 'key#a', address: '10.0.0.1' }),
  ended({ denial: 'not_found', principal: 'https://idp.example#ann' }),
  ended({ outcome: 'would_deny', principal: 'key#b' }),
  ended({ denial: 'rate_limited', principal: 'key#a' }),
  ended({ denial: 'malformed' }),
  ended({ denial: 'approval_required', principal: 'key#a' }),
  ended({ denial: 'content_blocked', principal: 'key#a' }),
  ended({ outcome: 'failed', denial: 'timeout' }),
  ended({ outcome: 'permitted', principal: 'key#a', bytes: 7, findings: [SECRET, SECRET, { ...SECRET, label: 'internal' }] }),
  ended({ outcome: 'failed', findings: [SECRET] }),
  // It was reported, and left.
  ended({ outcome: 'permitted', bytes: 3, findings: [{ label: 'secret', detector: 'output/npm', pointer: '"isRedacted":true' }] }),
  ended({ outcome: 'cancelled', principal: 'key#a', bytes: 30 }),
  { type: 'address.blocked', address: '203.0.113.0/24', by: 'gateway' },
  { type: 'tool.flawed', resource: TOOL, by: 'gateway' },
  // How every tool begins is no change.
  { type: 'definition.pinned', resource: TOOL, by: 'gateway' },
  { type: 'gateway.stopped', by: 'gateway' },
]

async function reported(context: TestContext, path: string | undefined): Promise<Report> {
  const desk = makeDesk(context)
  const store = path === undefined ? desk.store : openSqlite(path, { clock: () => desk.clock.now })
  if (path !== undefined) context.after(() => store.close())
  const journal = desk.open({ store })
  await journal.write(ended({ denial: 'forbidden', principal: 'key#old' }))
  desk.clock.now += HOUR_MS
  for (const entry of ENTRIES) await journal.write(entry)
  desk.clock.now += HOUR_MS
  await journal.write(ended({ denial: 'forbidden', principal: 'key#new' }))
  await journal.close()
  return reportOf(store, { since: START_AT + HOUR_MS, until: START_AT + 2 * HOUR_MS })
}

for (const [where, path] of [
  ['in files', undefined],
  ['in memory, which keeps no texts', ':memory:'],
] as const) {
  it(`counts every event of the span in one section, of a journal ${where}`, async (context) => {
    const { calls, answered, sections } = await reported(context, path)

    assert.deepEqual(calls, { permitted: 5, would_deny: 1, denied: 8, failed: 2, cancelled: 1 })
    assert.deepEqual(Object.fromEntries(Object.entries(sections).map(([name, { count }]) => [name, count])), {
      authentication: 2,
      approvals: 1,
      permissions: 3,
      limits: 1,
      blocks: 1,
      unusual: 0,
      drift: 1,
      leaving: 3,
      failures: 2,
      requests: 1,
    })
    assert.deepEqual(answered, {
      bytes: 795,
      by: {
        principal: [
          { name: 'key#a', count: 737 },
          { name: 'key#"b\\', count: 50 },
        ],
        tool: [
          { name: 'files/write_file', count: 740 },
          { name: 'files/a"\\","server":"x', count: 50 },
        ],
      },
      missed: 0,
    })
    assert.deepEqual(sections.authentication.by.address, [{ name: '203.0.113.7', count: 2 }])
    assert.deepEqual(sections.authentication.by.why, [{ name: 'invalid_token', count: 2 }])
    assert.deepEqual(sections.leaving.by.why, [
      { name: 'redacted: secret', count: 3 },
      { name: 'content_blocked', count: 1 },
      { name: 'redacted: internal', count: 1 },
    ])
    assert.deepEqual(sections.permissions.by.key, [
      { name: 'a', count: 1 },
      { name: 'b', count: 1 },
    ])
    assert.deepEqual(sections.permissions.by.tool, [{ name: 'files/write_file', count: 3 }])
    assert.equal(sections.permissions.firstAt, START_AT + HOUR_MS)
  })
}

it('writes names from outside into Markdown as code that they cannot end', async (context) => {
  const { store, open } = makeDesk(context)
  const journal = open()
  await journal.write(ended({ denial: 'forbidden', principal: 'key#``](http://evil) <script>\n# x' }))
  await journal.close()

  const text = reportText(await reportOf(store, { since: 0, until: START_AT + 1 }))

  assert.match(text, /- by principal: ``` key#``\]\(http:\/\/evil\) <script>\\u000a# x ``` 1\n/)
})

it('never loses who is frequent among very many who are not, and says how far it may be wrong', () => {
  const tally = new Tally()

  for (let i = 0; i < 50_000; i++) {
    tally.add(`stranger ${i}`)
    if (i % 20 === 0) tally.add('insistent')
  }

  const [first] = tally.top(1)
  assert.equal(first?.name, 'insistent')
  assert.ok(first.count <= 2_500 && first.count >= 2_500 - tally.missed)
  assert.ok(tally.missed > 0 && tally.missed < 50)
})

it('counts a session that its server has lost among the failures, and one that was not the caller’s among the refusals', async (context) => {
  const desk = makeDesk(context)
  const journal = desk.open()
  await journal.write(ended({ denial: 'no_session', outcome: 'failed' }))
  await journal.write(ended({ denial: 'no_session' }))
  const { sections, calls } = await reportOf(desk.store, { since: 0, until: START_AT + HOUR_MS })
  assert.deepEqual([calls.failed, calls.denied, sections.failures.count, sections.requests.count], [1, 1, 1, 1])
})
