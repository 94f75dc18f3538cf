import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Revocations, revocationKeys, tokenDigest } from '../../src/identity/revocation.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import { aToken, NOW } from './issuer.ts'
import { verdict } from './tokens-world.ts'

function aList() {
  const turned = { now: NOW }
  const store = openSqlite(':memory:', { clock: () => turned.now })
  return Object.assign(turned, { store, list: new Revocations(store, () => turned.now) })
}

test('a revocation is remembered as long as the token would have lived', async () => {
  const world = aList()
  const keys = revocationKeys('opaque', undefined)
  await world.list.revoke(tokenDigest('opaque'), NOW + 1_000)
  assert.match(await verdict(world.list.check(keys)), /revoked/)
  world.now = NOW + 1_000
  assert.equal(await verdict(world.list.check(keys)), 'good')
})

test('what has expired leaves nothing behind', async () => {
  const { list, store } = aList()
  await list.revoke(tokenDigest('opaque'), NOW)
  assert.deepEqual(await store.list(''), [])
})

test('families of two issuers are two, whatever they are called', async () => {
  const { list } = aList()
  await list.revokeFamily({ issuer: 'a', id: 'b/c' }, NOW + 1_000)
  assert.equal(await verdict(list.check(revocationKeys('x', { issuer: 'a/b', id: 'c' }))), 'good')
  assert.match(await verdict(list.check(revocationKeys('x', { issuer: 'a', id: 'b/c' }))), /revoked/)
})

test('neither a token nor a part of it stands in the store', async () => {
  const { list, store } = aList()
  const text = aToken()
  await list.revoke(tokenDigest(text), NOW + 1_000)
  const written = JSON.stringify(await store.list(''))
  for (const part of text.split('.')) assert.ok(!written.includes(part))
})

test('a JWT is known by what was signed, an opaque token by all of it', () => {
  const text = aToken()
  assert.equal(tokenDigest(text), tokenDigest(`${text.slice(0, text.lastIndexOf('.'))}.x`))
  assert.notEqual(tokenDigest('a.b'), tokenDigest('a.c'))
})
