/** Who a credential was found to be before is known at once, and confirmed by the store; what was refused is presumed no more. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Credential } from '../../src/core/principal.ts'
import { Secret } from '../../src/core/secret.ts'
import { createPresume, type Presumed, type Scheme } from '../../src/identity/authenticate.ts'
import { tokenDigest } from '../../src/identity/revocation.ts'
import { aToken, NOW } from './issuer.ts'
import { aBearer } from './tokens-world.ts'
import { apiKey, bearer, CALL, createWorld } from './world.ts'

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : error)
/** `known`, `presumed`, `presumed, but CODE`, or the code of the refusal. */
async function said(asked: Presumed | Promise<Presumed | undefined> | undefined): Promise<unknown> {
  try {
    const presumed = await asked
    if (presumed === undefined) return 'not mine'
    if (presumed.confirmed === undefined) return 'known'
    return await presumed.confirmed.then(
      () => 'presumed',
      (error: unknown) => `presumed, but ${codeOf(error)}`,
    )
  } catch (error) {
    return codeOf(error)
  }
}

test('a key is known the first time, presumed from then on, and looked at whole once it was refused', async () => {
  const { keys, store } = createWorld()
  const { key, text } = await keys.create({ name: 'ci', roles: ['user'], createdBy: 'test' })
  const ask = (): Promise<unknown> => said(keys.presume(apiKey(text)))
  assert.deepEqual([await ask(), await ask(), await ask()], ['known', 'presumed', 'presumed'])
  await keys.revoke(key.id)
  assert.deepEqual([await ask(), await ask()], ['presumed, but invalid_token', 'invalid_token'])
  await store.close()
})

test('a key that was rotated is presumed by either secret while both are good', async () => {
  const { keys, store } = createWorld()
  const { key, text } = await keys.create({ name: 'ci', roles: ['user'], createdBy: 'test' })
  assert.equal(await said(keys.presume(apiKey(text))), 'known')
  const rotated = await keys.rotate(key.id, 60_000)
  for (const secret of [text, rotated.text, text, rotated.text])
    assert.match(String(await said(keys.presume(apiKey(secret)))), /^(known|presumed)$/)
  await store.close()
})

test('a token is presumed when it stood the last time, also after its signature has been looked at anew, and not once it was refused', async () => {
  const world = aBearer()
  const token = aToken({ exp: NOW / 1_000 + 3_600 })
  const ask = (): Promise<unknown> => said(world.bearer.presume(bearer(token), CALL))
  assert.deepEqual([await ask(), await ask()], ['known', 'presumed'])
  world.now += 600_000
  assert.equal(await ask(), 'presumed')
  await world.revocations.revoke(tokenDigest(token), NOW + 3_600_000)
  assert.deepEqual([await ask(), await ask()], ['presumed, but invalid_token', 'invalid_token'])
  await world.store.close()
})

test('what a token says itself is told at once, and nobody is presumed who presents a proof', async () => {
  const world = aBearer()
  const token = aToken()
  const elsewhere = { ...CALL, resource: { ...CALL.resource, server: 'other' } }
  assert.equal(await said(world.bearer.presume(bearer(token), CALL)), 'known')
  assert.equal(await said(world.bearer.presume(bearer(token), elsewhere)), 'invalid_token')
  const bound: Credential = { ...bearer(token), scheme: 'dpop', proofs: ['x'] }
  assert.equal(await said(world.bearer.presume(bound, CALL)), 'not mine')
  await world.store.close()
})

test('schemes are asked in order, and one that presumes nothing hides what may be its own from those behind it', async () => {
  const shown: string[] = []
  const later: Scheme = {
    authenticate: () => undefined,
    presume: ({ secret }) => {
      shown.push(secret.reveal())
      return undefined
    },
  }
  const { keys, store } = createWorld()
  const { text } = await keys.create({ name: 'ci', roles: ['user'], createdBy: 'test' })
  assert.equal(await said(createPresume([keys, later])([bearer(text)], CALL)), 'known')
  assert.equal(await said(createPresume([{ authenticate: () => undefined }, later])([bearer(text)], CALL)), 'not mine')
  for (const credentials of [[], [bearer(text), bearer(text)], [{ ...bearer(text), flaw: 'not alone' }]])
    assert.equal(await said(createPresume([keys, later])(credentials, CALL)), 'not mine')
  assert.deepEqual(shown, [])
  assert.equal(await said(createPresume([keys, later])([{ scheme: 'bearer', secret: new Secret('opaque') }], CALL)), 'not mine')
  assert.deepEqual(shown, ['opaque'])
  await store.close()
})
