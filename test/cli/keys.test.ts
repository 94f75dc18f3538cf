import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { z } from 'zod'
import { post } from '../fixtures/gateway.ts'
import { CONFIG, type Installation, install } from './portcullis.ts'

const issued = z.looseObject({ key: z.string(), id: z.string(), roles: z.array(z.string()), allow: z.array(z.string()).optional() })
const listed = z.array(z.looseObject({ id: z.string(), status: z.string(), uses: z.number() }))
const event = z.looseObject({ type: z.string(), principal: z.string(), by: z.string(), roles: z.array(z.string()) })

async function create(there: Installation, ...args: readonly string[]): Promise<z.infer<typeof issued>> {
  const { code, out, errors } = await there.run(['keys', 'create', '--name', 'ci', ...args, '--json'])
  assert.equal(code, 0, errors)
  return issued.parse(JSON.parse(out))
}

test('a key is made, listed, rotated and revoked, and each deed stands in the journal', async (t) => {
  const there = install(t, CONFIG)
  const made = await create(there, '--owner', 'ann', '--role', 'user', '--allow', 'secure/get_*', '--allow', 'list_*', '--expires', '30d')
  assert.match(made.key, /^mcp_[0-9A-Za-z]{12}_[0-9A-Za-z]{38}$/)
  assert.deepEqual([made.roles, made.allow], [['user'], ['secure/get_*', 'list_*']])

  const rotated = issued.parse(JSON.parse((await there.run(['keys', 'rotate', made.id, '--overlap', '1h', '--json'])).out))
  assert.equal(rotated.id, made.id)
  assert.notEqual(rotated.key, made.key)

  assert.equal((await there.run(['keys', 'revoke', made.id])).code, 0)
  const keys = listed.parse(JSON.parse((await there.run(['keys', 'list', '--json'])).out))
  assert.deepEqual(
    keys.map(({ id, status }) => [id, status]),
    [[made.id, 'revoked']],
  )

  const { out } = await there.run(['audit', 'query', '--json'])
  const events = out
    .trim()
    .split('\n')
    .map((line) => event.parse(JSON.parse(line)))
  assert.deepEqual(
    events.map(({ type }) => type),
    ['key.created', 'key.rotated', 'key.revoked'],
  )
  for (const { principal, by, roles } of events) {
    assert.equal(principal, `key#${made.id}`)
    assert.match(by, /^cli/)
    assert.deepEqual(roles, ['user'])
  }
  assert.equal((await there.run(['audit', 'verify'])).code, 0)
})

test('a key is shown once: alone on standard output, and in no file', async (t) => {
  const there = install(t, CONFIG)
  const { out, errors } = await there.run(['keys', 'create', '--name', 'ci', '--role', 'user'])
  assert.match(out, /^mcp_\w+\n$/)
  assert.match(errors, /shown once/)
  const secret = out.trim().slice(17, 49)
  assert.ok(!errors.includes(secret))
  const state = join(there.folder, '.portcullis')
  const files = readdirSync(state, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  assert.ok(files.length > 3)
  for (const { parentPath, name } of files) assert.ok(!readFileSync(join(parentPath, name), 'latin1').includes(secret), name)
  for (const args of [
    ['keys', 'list'],
    ['keys', 'list', '--json'],
    ['audit', 'export'],
  ])
    assert.ok(!(await there.run(args)).out.includes(secret))
})

test('what is not a key id is a usage mistake, and a pasted key is not repeated', async (t) => {
  const there = install(t, CONFIG)
  const made = await create(there, '--role', 'user')
  const short = await there.run(['keys', 'revoke', 'abc'])
  assert.equal(short.code, 2)
  const unknown = await there.run(['keys', 'revoke', 'AAAAAAAAAAAA'])
  assert.equal(unknown.code, 1)
  assert.match(unknown.errors, /There is no key AAAAAAAAAAAA[\s\S]*keys list/)
  const [span, pattern] = await Promise.all([
    there.run(['keys', 'create', '--name', 'x', '--expires', 'soon']),
    there.run(['keys', 'create', '--name', 'x', '--allow', '/']),
  ])
  assert.deepEqual([span.code, pattern.code], [2, 2])
  const pasted = await there.run(['keys', 'rotate', made.key])
  assert.equal(pasted.code, 2)
  assert.match(pasted.errors, /give its id alone/)
  assert.ok(!pasted.errors.includes(made.key.slice(17)))
})

test('a key that is good for less than it seems is made, and its notes say why, in JSON too', async (t) => {
  const there = install(t, CONFIG)
  const notes = async (...args: readonly string[]): Promise<unknown> => {
    const { code, out } = await there.run(['keys', 'create', '--name', 'x', ...args, '--json'])
    assert.equal(code, 0)
    return JSON.parse(out).notes
  }
  assert.deepEqual(await notes('--role', 'user', '--allow', 'secure/get_*', '--allow', 'get_*'), [])
  assert.deepEqual(await notes('--role', 'usr', '--role', 'auditor'), [
    'access.roles does not know usr, did you mean user? Only a policy can give it rights',
    'access.roles does not know auditor; only a policy can give it rights',
  ])
  assert.deepEqual(await notes('--allow', 'secur/read_*', '--allow', 'other/x', '--allow', 'secure/a secure/b'), [
    'no server is called secur, did you mean secure?',
    'no server is called other: other/x allows nothing',
    '"secure/a secure/b" has a blank in it: it is one pattern, and no list; write --allow once for each',
  ])
  assert.match(String(await notes()), /^it has no role and no allow-list/)
  assert.match((await there.run(['keys', 'create', '--name', 'x', '--role', 'usr'])).errors, /note: .* did you mean user\?/)
})

test('a key lives as long as the configuration could say, and neither no time nor for ever', async (t) => {
  const there = install(t, CONFIG)
  for (const span of ['0s', '59s', '3651d', '999999d', 'soon']) {
    const { code, errors } = await there.run(['keys', 'create', '--name', 'x', '--expires', span])
    assert.equal(code, 2)
    assert.match(errors, /--expires <span>.* expected a span from 1m to 3650d/)
  }
  assert.match((await there.run(['keys', 'list', '--json'])).errors, /nothing has run with this configuration yet/)
  for (const span of ['1m', '3650d']) await create(there, '--role', 'user', '--expires', span)
})

test('a key can be revoked while a policy is broken', async (t) => {
  const there = install(t, CONFIG)
  const made = await create(there, '--role', 'user')
  there.write('broken.cedar', 'permit (')
  there.write('portcullis.yaml', `${CONFIG}  policies: broken.cedar\n`)
  assert.equal((await there.run(['check'])).code, 3)
  assert.equal((await there.run(['keys', 'revoke', made.id])).code, 0)
})

test('a store in memory has no keys to make from here', async (t) => {
  const { code, errors } = await install(t, 'store: ":memory:"\n').run(['keys', 'list'])
  assert.equal(code, 3)
  assert.match(errors, /:memory: dies with its process/)
})

test('names that would move the cursor are shown as escapes', async (t) => {
  const there = install(t, CONFIG)
  await create(there, '--owner', '\u001b[2Jx')
  const { out } = await there.run(['keys', 'list'])
  assert.ok(!out.includes('\u001b'))
  assert.ok(out.includes('\\u001b[2Jx'))
})

test('secrets that are older than they may be are replaced, each put where its holder reads it, and both work for a time', async (t) => {
  const there = install(t, CONFIG)
  const [old, ended] = [await create(there, '--role', 'user'), await create(there, '--role', 'user')]
  await there.run(['keys', 'revoke', ended.id])
  const folder = join(there.folder, 'keys')
  const rotate = (older: string) => there.run(['keys', 'rotate-due', '--older', older, '--into', folder])
  assert.match((await rotate('0s')).errors, /keys: there is no such folder\n {2}Keep one for this alone \(mkdir -m 700 FOLDER\)/)
  mkdirSync(folder)
  assert.match((await rotate('30d')).out, /no secret is so old/)
  assert.deepEqual(readdirSync(folder), [])

  const { code, out } = await rotate('0s')
  assert.equal(code, 0)
  assert.match(out, new RegExp(`keys/${old.id}: ci, until .*; the secret before it works until`))
  assert.deepEqual(readdirSync(folder), [old.id])
  const fresh = readFileSync(join(folder, old.id), 'utf8').trim()
  assert.match(fresh, new RegExp(`^mcp_${old.id}_`))
  assert.notEqual(fresh, old.key)
  if (process.platform !== 'win32') assert.equal(statSync(join(folder, old.id)).mode & 0o777, 0o600)
  const events = (await there.run(['audit', 'query', '--json'])).out
  assert.match(events, /"key.rotated"/)
  assert.equal((out + events).includes(fresh), false)

  const { url } = z
    .looseObject({ url: z.string() })
    .parse(JSON.parse(await there.start(['serve', '--json']).line((line) => line.startsWith('{'))))
  for (const key of [old.key, fresh]) assert.equal((await post(`${url}/mcp/secure`, 'tools/list', {}, { 'x-api-key': key })).status, 200)
})

test('a secret for which the disk has no room is not made: the one before it goes on without an end', async (t) => {
  const there = install(t, CONFIG)
  const { id } = await create(there, '--role', 'user')
  const folder = join(there.folder, 'small')
  mkdirSync(folder)
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=700', 'tmpfs', folder])
  if (mounted.status !== 0) return t.skip('mounting a small file system needs root')
  try {
    assert.throws(() => writeFileSync(join(folder, 'ballast'), Buffer.alloc(1_048_576)), { code: 'ENOSPC' })
    const { code, errors } = await there.run(['keys', 'rotate-due', '--older', '0s', '--into', folder])
    assert.equal(code, 1)
    assert.match(errors, new RegExp(`the secret of key ${id} cannot be put there`))
    assert.deepEqual(readdirSync(folder), ['ballast'])
    assert.equal((await there.run(['audit', 'query', '--json'])).out.includes('key.rotated'), false)
    assert.equal((await there.run(['keys', 'list', '--json'])).out.includes('rotatedAt'), false)
  } finally {
    spawnSync('umount', ['-l', folder])
  }
})

test('who rotates within the overlap is told that the oldest secret, which was to work on, has ended', async (t) => {
  const there = install(t, CONFIG)
  const { id } = await create(there, '--role', 'user')
  const first = await there.run(['keys', 'rotate', id, '--overlap', '24h'])
  assert.doesNotMatch(first.errors, /The one before that/)
  const second = await there.run(['keys', 'rotate', id, '--overlap', '24h'])
  assert.match(second.errors, /The one before that, which was to work until \d{4}-[^,]+, is refused from now on/)
  const third = JSON.parse((await there.run(['keys', 'rotate', id, '--overlap', '0s', '--json'])).out)
  assert.equal(typeof third.endedOverlap, 'number')
  assert.equal('endedOverlap' in JSON.parse((await there.run(['keys', 'rotate', id, '--json'])).out), false)
})

test('a name that moves a cursor is shown as what it is, wherever a key is told of', async (t) => {
  const there = install(t, CONFIG)
  const name = 'ci\u001b[2K\u001b[1Aadmin'
  const shown = await there.run(['keys', 'create', '--name', name, '--role', 'user'])
  const [{ id }] = JSON.parse((await there.run(['keys', 'list', '--json'])).out)
  mkdirSync(join(there.folder, 'due'))
  const due = await there.run(['keys', 'rotate-due', '--older', '0s', '--into', 'due'])
  const revoked = await there.run(['keys', 'revoke', id])
  for (const { out, errors } of [shown, due, revoked]) {
    assert.equal((out + errors).includes('\u001b'), false)
    assert.match(out + errors, /ci\\u001b\[2K\\u001b\[1Aadmin/)
  }
})
