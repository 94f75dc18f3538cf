/** What an operator is told when files, readers and disks go away under a gateway, and what it does then. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { createKey, listening, listTools } from './asking.ts'
import { CONFIG, install } from './portcullis.ts'

test('serve goes on when nobody reads its output any more, ends in order, and says what was not read', async (t) => {
  const there = install(t, `${CONFIG}audit: { file: stdout }\n`)
  const { key } = await createKey(there, '--role', 'user')
  const gateway = there.start(['serve', '--json'])
  const { url, servers } = listening.parse(JSON.parse(await gateway.line((line) => line.startsWith('{"url"'))))
  gateway.child.stdout?.destroy()
  for (let i = 0; i < 3; i++) assert.equal((await listTools(servers['secure'] ?? '', { 'x-api-key': key })).status, 200)
  assert.equal((await fetch(`${url}/health`)).status, 200)
  gateway.child.kill('SIGTERM')
  const { code, errors } = await gateway.ended
  assert.equal(code, 0, errors)
  assert.match(errors, /Audit sink stdout loses lines from now on, which the journal has: write EPIPE/)
  assert.match(errors, /Audit sink stdout was not told \d+ lines until the end/)
  const stopped = await there.run(['audit', 'query', '--last', '1', '--json'])
  assert.equal(JSON.parse(stopped.out).type, 'gateway.stopped')
})

test('serve goes on when nobody reads its complaints any more', async (t) => {
  const there = install(t, CONFIG)
  const gateway = there.start(['serve', '--json'])
  const { url } = listening.parse(JSON.parse(await gateway.line((line) => line.startsWith('{'))))
  gateway.child.stderr?.destroy()
  gateway.child.kill('SIGHUP')
  // That the law was read again is told of.
  for (let i = 0; i < 20; i++) assert.equal((await fetch(`${url}/health`)).status, 200)
  gateway.child.kill('SIGTERM')
  assert.equal((await gateway.ended).code, 0)
})

test('SIGHUP opens audit.file again, so that who rotates it has each line in one of the two', async (t) => {
  const there = install(t, `${CONFIG}audit: { file: audit.jsonl }\n`)
  const { key } = await createKey(there, '--role', 'user')
  const gateway = there.start(['serve', '--json'])
  const { servers } = listening.parse(JSON.parse(await gateway.line((line) => line.startsWith('{'))))
  const file = join(there.folder, 'audit.jsonl')
  renameSync(file, `${file}.1`)
  gateway.child.kill('SIGHUP')
  const until = performance.now() + 10_000
  while (!existsSync(file) && performance.now() < until) await new Promise((resolve) => setImmediate(resolve))
  assert.equal((await listTools(servers['secure'] ?? '', { 'x-api-key': key })).status, 200)
  gateway.child.kill('SIGTERM')
  await gateway.ended
  assert.match(readFileSync(`${file}.1`, 'utf8'), /gateway\.started/)
  assert.match(readFileSync(file, 'utf8'), /call\.ended[\s\S]*gateway\.stopped/)
})

test('what never ran is told not to be there, and looking makes nothing', async (t) => {
  const there = install(t, CONFIG)
  for (const words of [
    ['audit', 'tail'],
    ['audit', 'verify'],
    ['keys', 'list'],
    ['keys', 'revoke', '4fQ0aZ81bYtR'],
    ['users', 'list'],
    ['clients', 'list'],
    ['block', 'list'],
    ['approvals', 'list'],
    ['catalog', 'list'],
    ['connections', 'list'],
    ['policy', 'suggest', '--since', '1d'],
  ]) {
    const { code, errors } = await there.run(words)
    assert.equal(code, 1, words.join(' '))
    assert.match(errors, /nothing has run with this configuration yet/, words.join(' '))
  }
  assert.deepEqual(readdirSync(there.folder), ['portcullis.yaml'])
})

test('whoever makes the first key learns that an installation begins, and whoever makes the second does not', async (t) => {
  const there = install(t, CONFIG)
  const create = ['keys', 'create', '--name', 'x', '--role', 'user']
  const first = await there.run(create)
  assert.match(first.errors, /\.portcullis\/portcullis\.db: an installation begins, with no keys, users and history; if there was one/)
  assert.doesNotMatch((await there.run(create)).errors, /an installation begins/)
})

test('a gateway whose files were removed says so, refuses, and begins anew only after it was told', async (t) => {
  const there = install(t, CONFIG)
  const { key, id } = await createKey(there, '--role', 'user')
  const gateway = there.start(['serve', '--json'])
  const { url, servers } = listening.parse(JSON.parse(await gateway.line((line) => line.startsWith('{'))))
  const status = async (): Promise<number> => (await listTools(servers['secure'] ?? '', { 'x-api-key': key })).status
  assert.equal(await status(), 200)
  for (const file of readdirSync(join(there.folder, '.portcullis'))) rmSync(join(there.folder, '.portcullis', file), { recursive: true })
  const until = performance.now() + 10_000
  while ((await status()) === 200 && performance.now() < until);
  assert.equal(await status(), 503)
  assert.equal((await fetch(`${url}/health`)).status, 503)
  assert.equal((await there.run(['keys', 'revoke', id])).code, 1)
  assert.deepEqual(readdirSync(join(there.folder, '.portcullis')), [])
  gateway.child.kill('SIGTERM')
  const { errors } = await gateway.ended
  assert.match(errors, /The journal cannot be written, so nothing is done until it can: .*was removed or moved while it was open/)

  const anew = there.start(['serve', '--json'])
  await anew.line((line) => line.startsWith('{'))
  anew.child.kill('SIGTERM')
  assert.match((await anew.ended).errors, /an installation begins, with no keys, users and history/)
})

test('a start says that the journal is gone, and the journal that begins with it says so too', async (t) => {
  const there = install(t, CONFIG)
  await createKey(there, '--role', 'user')
  const store = join(there.folder, '.portcullis')
  mkdirSync(join(store, 'evidence'))
  for (const file of readdirSync(store).filter((name) => /-(audit|checkpoints)\./.test(name)))
    renameSync(join(store, file), join(store, 'evidence', file))
  const empty = await there.run(['audit', 'verify'])
  assert.deepEqual([empty.code, /broken empty/.test(empty.out)], [1, true])
  for (const isGone of [true, false]) {
    const gateway = there.start(['serve', '--json'])
    await gateway.line((line) => line.startsWith('{'))
    gateway.child.kill('SIGTERM')
    assert.equal(/nothing of the journal that this installation had is in the store/.test((await gateway.ended).errors), isGone)
  }
  const { out } = await there.run(['audit', 'query', '--json'])
  const types = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).type)
  assert.deepEqual([types[0], types.filter((type) => type === 'journal.missing').length], ['journal.missing', 1])
  assert.equal((await there.run(['audit', 'verify'])).code, 0)
})
