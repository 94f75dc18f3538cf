/** What an operator asks of the journal: a report, a copy in another format with its proof, and what a change of the law would do. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { storeSource, verifyJournal } from '../../src/audit/verify.ts'
import { parseConfig } from '../../src/config/load.ts'
import { isObject } from '../../src/core/json.ts'
import { openRecords } from '../../src/guard/records.ts'
import { HEAD_HASH, KEYS, makeDesk, writeMany } from '../audit/fixture.ts'
import { until } from '../fixtures/redis.ts'
import { CONFIG, install } from './portcullis.ts'

const DAY_MS = 86_400_000

test('a report, an export in every format and its proof, suggestions and a replay, from a journal of two events', async (t) => {
  const there = install(t, CONFIG)
  await there.run(['keys', 'create', '--name', 'x', '--role', 'user', '--allow', 'secure/get_*'])
  await there.run(['block', 'add', '203.0.113.7'])
  there.write('new.cedar', '@id("none") forbid (principal, action, resource);\n')

  const [markdown, json, wrong, suggestion, replay, absent] = await Promise.all([
    there.run(['audit', 'report', '--since', '1h']),
    there.run(['audit', 'report', '--json']),
    there.run(['audit', 'report', '--since', 'yesterday']),
    there.run(['policy', 'suggest', '--json']),
    there.run(['policy', 'replay', '--policies', 'new.cedar']),
    there.run(['policy', 'replay', '--policies', 'elsewhere']),
  ])
  assert.match(markdown.out, /^# Security report\n[\s\S]*\n## Blocked addresses: 1\n[\s\S]*- by address: `203\.0\.113\.7\/32` 1\n/)
  assert.equal(JSON.parse(json.out).sections.blocks.count, 1)
  assert.equal(wrong.code, 2)
  assert.deepEqual(JSON.parse(suggestion.out).access, {
    roles: { user: { inherits: [], permissions: [] }, admin: { inherits: [], permissions: [] } },
  })
  assert.deepEqual([replay.code, replay.out], [0, '0 calls decided by both laws, 0 differently\n'])
  assert.equal(absent.code, 3)

  for (const format of ['jsonl', 'ocsf', 'cef', 'syslog']) {
    const { out } = await there.run(['audit', 'export', '--format', format])
    there.write(format, out)
    const proof = await there.run(['audit', 'verify', '--file', format, '--format', format, '--json'])
    assert.deepEqual([proof.code, JSON.parse(proof.out).events], [0, 2], format)
  }
})

test('a question that no event could ever answer is refused with what to write, and a pasted key is not repeated', async (t) => {
  const there = install(t, CONFIG)
  const query = (...words: readonly string[]) => there.run(['audit', 'query', ...words])
  const [id, key, slip, nothing] = [
    await query('--principal', 'qDEAiCBf3xid'),
    await query('--principal', 'mcp_qDEAiCBf3xid_secret'),
    await query('--denial', 'forbiden'),
    await query('--denial', 'x'),
  ]
  assert.deepEqual([id.code, key.code, slip.code, nothing.code], [2, 2, 2, 2])
  assert.match(id.errors, /issuer#subject, such as key#qDEAiCBf3xid/)
  assert.doesNotMatch(key.errors, /secret/)
  assert.match(slip.errors, /There is no such code, did you mean forbidden\?/)
  assert.match(nothing.errors, /write one of malformed, /)
})

test('a call whose answer left without something is told as such, and counted', async (t) => {
  const there = install(t, CONFIG)
  const config = parseConfig(CONFIG, { file: join(there.folder, 'portcullis.yaml') })
  const records = openRecords(config, { node: 'test', onFault: assert.fail })
  const secret = { label: 'secret', detector: 'output/npm', pointer: '/content/0/text', isRedacted: true } as const
  const ended = { type: 'call.ended', outcome: 'permitted', method: 'tools/call' } as const
  await records.journal.write({ ...ended, findings: [secret, secret, { ...secret, label: 'internal' }] })
  await records.journal.write({ ...ended, findings: [{ label: 'secret', detector: 'output/npm', pointer: '' }] })
  await records.close()

  const [tail, report] = await Promise.all([there.run(['audit', 'tail']), there.run(['audit', 'report'])])
  const lines = tail.out.trimEnd().split('\n')
  assert.match(lines[0] ?? '', /permitted .* tools\/call {2}redacted: secret ×2, internal$/)
  assert.match(lines[1] ?? '', /permitted .* tools\/call$/)
  assert.match(report.out, /\n## Data kept from leaving: 1\n[\s\S]*- by why: `redacted: secret` 2, `redacted: internal` 1\n/)
})

test('what cannot be read twice, or has no event, is not called whole', async (t) => {
  const there = install(t, CONFIG)
  await there.run(['block', 'add', '203.0.113.7'])
  there.write('empty.jsonl', '')
  const [empty, pipe, absent] = await Promise.all([
    there.run(['audit', 'verify', '--file', 'empty.jsonl', '--partial']),
    there.run(['audit', 'verify', '--file', '/dev/stdin', '--partial'], { input: 'a line\n' }),
    there.run(['audit', 'verify', '--file', 'none.jsonl']),
  ])
  assert.deepEqual([empty.code, empty.out], [1, 'broken empty: there is not one event in it, so there is nothing to prove\n'])
  assert.deepEqual([pipe.code, pipe.out], [1, ''])
  assert.match(pipe.errors, /\/dev\/stdin: it is no file; what comes through a pipe is written to one first/)
  assert.match(absent.errors, /there is no such file/)
})

test('a journal looks to its retention by itself, and writes down what it did', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const world = makeDesk(t)
  const journal = world.open({ retainMs: DAY_MS })
  await writeMany(journal, 1, 3)
  world.clock.now += 2 * DAY_MS
  t.mock.timers.tick(60_000)
  await until(async () => (await world.store.read('audit')).length === 4)
  const last = (await world.store.read('audit', { last: 1 }))[0]?.value
  assert.ok(isObject(last) && last['type'] === 'journal.cut')
  await journal.close()
  const { isSound, cut } = await verifyJournal(storeSource(world.store), KEYS.publicKey, { headHash: HEAD_HASH })
  assert.deepEqual([isSound, cut?.removed, world.faults], [true, 3, []])
})
