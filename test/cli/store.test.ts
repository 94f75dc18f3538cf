/** An installation moves from a file to Redis: its keys, and a history that verifies there. */
import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { REDIS_MISSING, startRedis } from '../fixtures/redis.ts'
import { install } from './portcullis.ts'

test('a store is copied from a file to Redis, proved whole there, and not copied over what is there', {
  skip: REDIS_MISSING,
}, async (t) => {
  const redis = await startRedis()
  t.after(() => redis[Symbol.asyncDispose]())
  const { run, write, folder } = install(t, 'store: state/a.db\n')
  const url = `redis://127.0.0.1:${redis.port}/0`
  write('redis.yaml', `store: ${url}\nkeyFile: state/portcullis.key\n`)
  assert.equal((await run(['keys', 'create', '--name', 'ci', '--role', 'user'])).code, 0)

  const copied = await run(['store', 'copy', 'portcullis.yaml', 'redis.yaml', '--json'])
  assert.equal(copied.code, 0, copied.errors)
  const { to, records, lines } = JSON.parse(copied.out)
  assert.deepEqual([to, records, lines >= 2], [url, 2, true])
  const verified = await run(['audit', 'verify', '-c', 'redis.yaml'])
  assert.match(verified.out, /the journal is whole/)
  const again = await run(['store', 'copy', 'state/a.db', url])
  assert.deepEqual([again.code, /not empty/.test(again.errors)], [1, true])

  write('other.yaml', `store: ${url}\nkeyFile: other.key\n`)
  const keyless = await run(['keys', 'list', '-c', 'other.yaml'])
  assert.deepEqual([keyless.code, /other\.key: there is no such key file; put back the one/.test(keyless.errors)], [3, true])
  assert.equal(existsSync(join(folder, 'other.key')), false)
  writeFileSync(join(folder, 'other.key'), Buffer.alloc(32, 7), { mode: 0o600 })
  const stranger = await run(['keys', 'list', '-c', 'other.yaml'])
  assert.deepEqual([stranger.code, /written with another key/.test(stranger.errors)], [3, true])
})

test('a store is not copied into itself, nor into one that has been used, and the next step is told', async (t) => {
  const { run } = install(t, 'store: a.db\n')
  await run(['keys', 'create', '--name', 'ci', '--role', 'user'])
  const same = await run(['store', 'copy', 'portcullis.yaml', 'a.db'])
  assert.equal(same.code, 2)
  assert.match(same.errors, /portcullis\.yaml and a\.db are one store/)
  assert.equal((await run(['store', 'copy', 'a.db', 'b.db'])).code, 0)
  const used = await run(['store', 'copy', 'a.db', 'b.db'])
  assert.equal(used.code, 1)
  assert.match(used.errors, /not empty.*\n {2}A copy takes a file that is not there yet/)
  assert.match((await run(['store', 'copy', 'none.db', 'c.db'])).errors, /no such database\n {2}It is there once "portcullis serve"/)
})
