import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KEYS_MAX, readKeySet } from '../../src/trust/jwks.ts'
import { makePair } from './fixture.ts'

const one = makePair('ES256', { kid: 'one' })
const two = makePair('ES256', { kid: 'two' })
const rsa = makePair('RS256', { kid: 'one' })

test('a key is found by algorithm and name', () => {
  const set = readKeySet({ keys: [one.jwk, two.jwk, rsa.jwk] }, ['ES256', 'RS256'], 'x')
  assert.equal(set.find('ES256', 'one')?.equals(one.publicKey), true)
  assert.equal(set.find('ES256', 'two')?.equals(two.publicKey), true)
  assert.equal(set.find('RS256', 'one')?.equals(rsa.publicKey), true)
  for (const kid of ['three', '', '__proto__', 'ONE', 'one ']) assert.equal(set.find('ES256', kid), undefined, kid)
  assert.equal(set.find('PS256', 'one'), undefined)
  assert.equal(set.find('none', 'one'), undefined)
})

test('a header without a name finds a key only when there is but one of its algorithm', () => {
  const set = readKeySet({ keys: [one.jwk, two.jwk, rsa.jwk] }, ['ES256', 'RS256'], 'x')
  assert.equal(set.find('ES256', undefined), undefined)
  assert.equal(set.find('RS256', undefined)?.equals(rsa.publicKey), true)
})

test('of two keys with one name neither is found', () => {
  const set = readKeySet({ keys: [one.jwk, { ...two.jwk, kid: 'one' }, two.jwk] }, ['ES256'], 'x')
  assert.equal(set.find('ES256', 'one'), undefined)
  assert.equal(set.find('ES256', 'two')?.equals(two.publicKey), true)
})

test('bad keys are left out and said, the rest of the set stands', () => {
  const set = readKeySet(
    { keys: [null, 'x', 1, [], { kty: 'oct', k: 'x' }, { ...two.jwk, use: 'enc' }, { ...two.jwk, kid: 7 }, one.jwk] },
    ['ES256'],
    'x',
  )
  assert.equal(set.size, 1)
  assert.equal(set.find('ES256', 'one')?.equals(one.publicKey), true)
  assert.deepEqual(set.leftOut, ['a key that is none', 'a key that is not public', 'a key of another use'])
})

test('what is no key set, or has too many keys, is refused whole', () => {
  for (const document of [{}, { keys: {} }, { keys: null }, { keys: Array.from({ length: KEYS_MAX + 1 }, () => one.jwk) }])
    assert.throws(() => readKeySet(document, ['ES256'], 'x'), { code: 'FAULT_ISSUER' })
})

test('equal sets are known as equal whatever their order, and any change is seen', () => {
  const digestOf = (...keys: Parameters<typeof readKeySet>[0][]): string => readKeySet({ keys }, ['ES256', 'RS256'], 'x').digest
  assert.equal(digestOf(one.jwk, two.jwk), digestOf(two.jwk, one.jwk))
  assert.notEqual(digestOf(one.jwk, two.jwk), digestOf(one.jwk))
  assert.notEqual(digestOf(one.jwk), digestOf({ ...one.jwk, kid: 'other' }))
  assert.notEqual(digestOf(rsa.jwk), digestOf({ ...rsa.jwk, alg: 'PS256' }))
})
