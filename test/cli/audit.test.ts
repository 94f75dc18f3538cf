/** What an operator asks of the journal: a report, a copy in another format with its proof, and what a change of the law would do. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CONFIG, install } from './portcullis.ts'

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
