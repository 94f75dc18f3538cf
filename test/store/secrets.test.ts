import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { createSeal } from '../../src/core/seal.ts'
import { Secret } from '../../src/core/secret.ts'
import { KEYS } from '../../src/store/keys.ts'
import { SecretStore } from '../../src/store/secrets.ts'
import { openSqlite } from '../../src/store/sqlite.ts'

test('a secret is put, got and deleted by its name, and lies in the store as nothing that could be read', async () => {
  const store = openSqlite(':memory:', { clock: Date.now })
  const secrets = new SecretStore(store, createSeal(randomBytes(32)))
  await secrets.put('crm/token', new Secret('hush'))
  assert.equal((await secrets.get('crm/token'))?.reveal(), 'hush')
  assert.equal(JSON.stringify(await store.list('')).includes('hush'), false)
  assert.deepEqual([await secrets.delete('crm/token'), await secrets.delete('crm/token')], [true, false])
  assert.equal(await secrets.get('crm/token'), undefined)
  await store.close()
})

test('a secret that was moved to another name does not open, nor one that was changed', async () => {
  const store = openSqlite(':memory:', { clock: Date.now })
  const secrets = new SecretStore(store, createSeal(randomBytes(32)))
  await secrets.put('mine', 'hush')
  const sealed = String(await store.get(KEYS.secret('mine')))
  await store.put(KEYS.secret('theirs'), sealed)
  await store.put(KEYS.secret('mine'), sealed.slice(0, -3))
  await assert.rejects(secrets.get('theirs'), { code: 'FAULT_SEAL' })
  await assert.rejects(secrets.get('mine'), { code: 'FAULT_SEAL' })
  await store.close()
})

test('a secret ends when it is said to, and keeps its end when it is sealed anew', async () => {
  const now = { at: 1_000 }
  const store = openSqlite(':memory:', { clock: () => now.at })
  const [old, next] = [randomBytes(32), randomBytes(32)]
  await new SecretStore(store, createSeal(old)).put('short', 'hush', { expiresAt: 2_000 })
  const secrets = new SecretStore(store, createSeal(next, [old]))
  assert.deepEqual(await secrets.reseal(), { changed: 1, unknown: 0 })
  assert.deepEqual(await secrets.reseal(), { changed: 0, unknown: 0 })
  assert.equal((await new SecretStore(store, createSeal(next)).get('short'))?.reveal(), 'hush')
  await assert.rejects(new SecretStore(store, createSeal(old)).get('short'), { code: 'FAULT_SEAL' })
  assert.deepEqual(await new SecretStore(store, createSeal(randomBytes(32))).reseal(), { changed: 0, unknown: 1 })
  now.at = 2_000
  assert.equal(await secrets.get('short'), undefined)
  await store.close()
})

test('of many who replace a secret at once each gets another one back, and none is lost', async () => {
  const store = openSqlite(':memory:', { clock: Date.now })
  const secrets = new SecretStore(store, createSeal(randomBytes(32)))
  assert.equal(await secrets.rotate('key', 'nothing was there'), undefined)
  await secrets.put('key', '0')
  const before = await Promise.all(['1', '2', '3', '4'].map((next) => secrets.rotate('key', next)))
  const last = await secrets.get('key')
  assert.deepEqual([...before, last].map((one) => one?.reveal()).toSorted(), ['0', '1', '2', '3', '4'])
  await store.close()
})
