import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { CONFIG, install } from './portcullis.ts'

const FORBID = '@id("no-users")\nforbid (principal, action == Action::"call", resource == Tool::"secure/drop_all");\n'

test('explain names the decision and its policies, and its exit code is the answer', async (t) => {
  const there = install(t, CONFIG)
  const [yes, no, json] = await Promise.all([
    there.run(['policy', 'explain', '--as', 'role:user', '--tool', 'secure/get_time']),
    there.run(['policy', 'explain', '--as', 'role:user', '--tool', 'secure/list_users']),
    there.run(['policy', 'explain', '--as', 'role:admin', '--tool', 'secure/list_users', '--json']),
  ])
  assert.equal(yes.code, 0)
  assert.match(yes.out, /^permit {2}local#role:user call secure\/get_time\n/)
  assert.match(yes.out, /by access\.tools\["secure\/get_\*"\]/)
  assert.equal(no.code, 1)
  assert.match(no.out, /^forbid[\s\S]*because nothing permits it/)
  assert.equal(JSON.parse(json.out).decision.effect, 'permit')
})

test('explain says what a call comes to after something has entered', async (t) => {
  const there = install(t, `${CONFIG}flow: { sinks: { secure/get_time: external } }\n`)
  const asked = ['policy', 'explain', '--as', 'role:user', '--tool', 'secure/get_time', '--after']
  const [untrusted, both] = await Promise.all([there.run([...asked, 'untrusted']), there.run([...asked, 'internal', 'untrusted'])])
  assert.deepEqual([untrusted.code, both.code], [0, 1])
  assert.match(both.out, /house\.flow/)
})

test('explain asks for a key with its roles and under its allow-list', async (t) => {
  const there = install(t, CONFIG)
  const { out } = await there.run(['keys', 'create', '--name', 'x', '--role', 'admin', '--allow', 'secure/get_*', '--json'])
  const { id } = z.looseObject({ id: z.string() }).parse(JSON.parse(out))
  const [inside, outside] = await Promise.all([
    there.run(['policy', 'explain', '--as', `key:${id}`, '--tool', 'secure/get_time']),
    there.run(['policy', 'explain', '--as', `key:${id}`, '--tool', 'secure/list_users']),
  ])
  assert.equal(inside.code, 0)
  assert.equal(outside.code, 1)
  assert.match(outside.out, /house\.ceiling/)
  await there.run(['keys', 'revoke', id])
  const revoked = await there.run(['policy', 'explain', '--as', `key:${id}`, '--tool', 'secure/get_time'])
  assert.equal(revoked.code, 1)
  assert.match(revoked.errors, /is revoked/)
})

test('explain needs exactly one thing to ask about', async (t) => {
  const there = install(t, CONFIG)
  const [none, two, wrong] = await Promise.all([
    there.run(['policy', 'explain', '--as', 'role:user']),
    there.run(['policy', 'explain', '--as', 'role:user', '--tool', 'a/b', '--prompt', 'a/b']),
    there.run(['policy', 'explain', '--as', 'somebody', '--tool', 'a/b']),
  ])
  assert.deepEqual([none.code, two.code, wrong.code], [2, 2, 2])
  assert.match(none.errors, /give one of --tool, --prompt and --resource/)
})

test('show prints what access became, and the policies of files as they were written', async (t) => {
  const there = install(t, `${CONFIG}  policies: more.cedar\n`)
  there.write('more.cedar', FORBID)
  const { code, out } = await there.run(['policy', 'show'])
  assert.equal(code, 0)
  assert.match(out, /access\.tools\["secure\/get_\*"\]/)
  assert.match(out, /more\.cedar:1:1/)
  assert.ok(out.includes(FORBID.trim()))
})

test('the matrix has a row for each tool that is spoken of and a column for each role', async (t) => {
  const there = install(t, `${CONFIG}  policies: more.cedar\n`)
  there.write('more.cedar', FORBID)
  const { code, out } = await there.run(['policy', 'matrix', '--tool', 'secure/echo'])
  assert.equal(code, 0)
  assert.deepEqual(
    out
      .trim()
      .split('\n')
      .map((line) => line.trimEnd().split(/\s+/)),
    [
      ['TOOL', 'user', 'admin'],
      ['secure/drop_all', '✘', '✘'],
      ['secure/echo', '✘', '✘'],
      ['secure/get_*', '✔', '✔'],
      ['secure/list_users', '✘', '✔'],
    ],
  )
})
