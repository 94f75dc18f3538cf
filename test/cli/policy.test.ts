import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { z } from 'zod'
import { parseConfig } from '../../src/config/load.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { Pins } from '../../src/guard/pins.ts'
import { openRecords } from '../../src/guard/records.ts'
import { digestOf } from '../../src/guard/sightings.ts'
import { CONFIG, type Installation, install } from './portcullis.ts'

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

test('explain tells that nothing permits a call before what forbids it beside that', async (t) => {
  const there = install(t, `${CONFIG}    secure/drop: { permission: "users:drop", approval: true }\n`)
  const { code, out } = await there.run(['policy', 'explain', '--as', 'role:user', '--tool', 'secure/drop'])
  assert.equal(code, 1)
  assert.match(out, /because nothing permits it, and beside that it is forbidden\n\nby access\.tools\["secure\/drop"\]\.approval/)
  assert.doesNotMatch(out, /it would be permitted with/)
  const owner = await there.run(['policy', 'explain', '--as', 'role:admin', '--tool', 'secure/drop'])
  assert.doesNotMatch(owner.out, /nothing permits it/)
  assert.match(owner.out, /it would be permitted with: approval/)
})

test('explain looks at arguments as a gateway would, and says what it did not look at', async (t) => {
  const there = install(t, CONFIG)
  const ask = (...more: readonly string[]) => there.run(['policy', 'explain', '--as', 'role:user', '--tool', 'secure/get_file', ...more])
  const secret = ['--args', '{"path":"/etc/passwd"}']
  const [bare, seen] = await Promise.all([ask(), ask(...secret)])
  assert.equal(bare.code, 0)
  assert.match(
    bare.out,
    /\nnot looked at: arguments \(say which with --args\); what secure\/get_file takes .*no server has shown it here yet\); limits\n$/,
  )
  assert.equal(seen.code, 1)
  assert.match(seen.out, /^forbid.*\nfound sensitive-file at \/path: not accepted as path\n[\s\S]*by house\.input/)

  await showTool(there, { name: 'get_file', inputSchema: { type: 'object', properties: { lines: { type: 'integer' } } } })
  const [fits, wrong] = await Promise.all([ask('--args', '{"lines":3}'), ask('--args', '{"lines":"x"}', '--json')])
  assert.equal(fits.code, 0)
  assert.match(fits.out, /\nnot looked at: limits\n$/)
  assert.equal(wrong.code, 1)
  const { decision, findings } = JSON.parse(wrong.out)
  assert.deepEqual([decision.policies, findings[0].pointer], [['house.schema'], '/lines'])

  await showTool(there, { name: 'get_file', description: 'Another.', inputSchema: { type: 'object' } })
  assert.match((await ask()).out, /^forbid.*\nfound definition\/drift at the whole\n[\s\S]*by house\.definition/)
})

/** As its server would show it: pinned the first time, withheld when it is another then. */
async function showTool(there: Installation, definition: JsonObject): Promise<void> {
  const config = parseConfig(CONFIG, { file: join(there.folder, 'portcullis.yaml') })
  const records = openRecords(config, { node: 'test', onFault: assert.fail })
  const pins = new Pins(records.store, Date.now)
  const digest = digestOf(definition)
  await pins.keep(definition, false)
  await pins.change({ kind: 'tool', server: 'secure', name: String(definition['name']) }, (before) => ({
    kind: 'tool',
    server: 'secure',
    name: String(definition['name']),
    pinned: before?.pinned ?? { digest, at: 1, by: 'gateway' },
    held: before === undefined ? [] : [{ digest, why: 'drift', at: 2, marks: [] }],
  }))
  await records.close()
}

test('explain answers nothing about whom and what there is not', async (t) => {
  const there = install(t, CONFIG)
  const ask = (as: string, tool: string) => there.run(['policy', 'explain', '--as', as, '--tool', tool])
  const [role, server, user, nobody] = await Promise.all([
    ask('role:usre', 'secure/get_time'),
    ask('role:user', 'secrue/get_time'),
    ask('user:alice', 'secure/get_time'),
    ask('anonymous', 'secure/get_time'),
  ])
  assert.deepEqual([role.code, role.out], [2, ''])
  assert.match(role.errors, /neither "access" nor a policy knows a role usre, did you mean user\?/)
  assert.deepEqual([server.code, server.out], [2, ''])
  assert.match(server.errors, /there is no server secrue, did you mean secure\?/)
  assert.deepEqual([user.code, user.out, nobody.code, nobody.out], [1, '', 1, ''])
  assert.match(user.errors, /authentication\.oauth/)
  assert.match(nobody.errors, /authentication\.anonymous/)
})

test('explain asks for a user, with the roles that they have and the token that they would come with', async (t) => {
  const there = install(
    t,
    `${CONFIG}    secure/get_file: { permission: "world:read", scope: "files:read" }\nauthentication: { oauth: {} }\n`,
  )
  const [added] = await Promise.all([there.run(['users', 'add', 'alice', '--role', 'user'])])
  assert.equal(added.code, 0)
  const ask = (name: string, tool: string) => there.run(['policy', 'explain', '--as', `user:${name}`, '--tool', tool])
  const [yes, no, absent] = await Promise.all([
    ask('alice', 'secure/get_file'),
    ask('alice', 'secure/list_users'),
    ask('bob', 'secure/get_file'),
  ])
  assert.equal(yes.code, 0)
  assert.match(yes.out, /^permit {2}http:\/\/127\.0\.0\.1:0#alice call secure\/get_file\nwith a token for files:read\n/)
  assert.equal(no.code, 1)
  assert.equal(absent.code, 1)
  assert.match(absent.errors, /There is no user bob who may sign in/)
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

test('the matrix has a row for each tool that is spoken of and a column for each role, and one for keys that have an allow-list alone', async (t) => {
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
      ['TOOL', 'user', 'admin', '(allow-list)'],
      ['secure/drop_all', '✘', '✘', '✘'],
      ['secure/echo', '✘', '✘', '✔'],
      ['secure/get_*', '✔', '✔', '✔'],
      ['secure/list_users', '✘', '✔', '✔'],
    ],
  )
})
