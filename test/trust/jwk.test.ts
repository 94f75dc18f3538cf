import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { calculateJwkThumbprint } from 'jose'
import { isObject, type JsonObject } from '../../src/core/json.ts'
import { ALGS, bytesOf, isAlg, isSigned, readKey } from '../../src/trust/jwk.ts'
import { makePair, signJws } from './fixture.ts'

const jwkOf = (key: { export(options: { format: 'jwk' }): unknown }): JsonObject => {
  const jwk = key.export({ format: 'jwk' })
  assert.ok(isObject(jwk))
  return jwk
}
const rsa = makePair('RS256').jwk
const ec = makePair('ES256').jwk
const ed = makePair('EdDSA').jwk
const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url')
const whole = (text: unknown): Buffer => bytesOf(text) ?? assert.fail('not base64url')

/** RFC 7638 §3.1. */
const RFC7638: JsonObject = {
  kty: 'RSA',
  n: '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw',
  e: 'AQAB',
  alg: 'RS256',
  kid: '2011-04-29',
}

test('the thumbprint is that of RFC 7638', () => {
  const read = readKey(RFC7638, ALGS)
  assert.ok(typeof read === 'object')
  assert.equal(read.thumbprint, 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs')
  assert.deepEqual(read.algs, ['RS256'])
})

test('thumbprints are those of another implementation, whatever else the key says', async () => {
  for (const alg of ['ES256', 'ES384', 'ES512', 'RS256', 'EdDSA'] as const) {
    const { jwk } = makePair(alg)
    const read = readKey({ use: 'sig', kid: 'a', x5t: 'x', ...jwk }, ALGS)
    assert.ok(typeof read === 'object')
    assert.equal(read.thumbprint, await calculateJwkThumbprint({ ...jwk, kty: String(jwk['kty']) }))
  }
})

test('a key is fit for the algorithms of its kind, and of these for the one it names', () => {
  const algsOf = (jwk: JsonObject): readonly string[] | string => {
    const read = readKey(jwk, ALGS)
    return typeof read === 'string' ? read : read.algs
  }
  assert.deepEqual(algsOf(rsa), ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'])
  assert.deepEqual(algsOf({ ...rsa, alg: 'PS256' }), ['PS256'])
  assert.deepEqual(algsOf(ec), ['ES256'])
  assert.deepEqual(algsOf(ed), ['EdDSA', 'Ed25519'])
})

const bad: Readonly<Record<string, JsonObject>> = {
  'for encryption by use': { ...rsa, use: 'enc' },
  'for encryption by operations': { ...rsa, key_ops: ['encrypt'] },
  'with operations that are no list': { ...rsa, key_ops: 'verify' },
  'for signing': { ...rsa, key_ops: ['sign'] },
  symmetric: { kty: 'oct', k: 'c2VjcmV0' },
  'that says HS256': { ...rsa, alg: 'HS256' },
  'that says none': { ...rsa, alg: 'none' },
  'of another type than its algorithm': { ...rsa, alg: 'ES256' },
  'of another curve than its algorithm': { ...ec, alg: 'ES384' },
  'that is private': jwkOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey),
  'that is private RSA': { ...rsa, d: 'AQAB' },
  'with 1024 bits': jwkOf(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey),
  'with 2047 bits': { ...rsa, n: base64url(Buffer.concat([Buffer.from([0x7f]), whole(rsa['n']).subarray(1)])) },
  'with 16384 bits': { ...rsa, n: base64url(Buffer.alloc(2048, 0xff)) },
  'with an exponent of one': { ...rsa, e: 'AQ' },
  'with an even exponent': { ...rsa, e: base64url(Buffer.from([1, 0, 0])) },
  'with an exponent of zero': { ...rsa, e: 'AA' },
  'with a long exponent': { ...rsa, e: base64url(Buffer.alloc(6, 0xff)) },
  'with an even modulus': { ...rsa, n: base64url(Buffer.concat([whole(rsa['n']).subarray(0, -1), Buffer.from([2])])) },
  'with zeros in front': { ...rsa, n: base64url(Buffer.concat([Buffer.from([0]), whole(rsa['n'])])) },
  'with padded base64url': { ...rsa, e: 'AQAB=' },
  'with plain base64': { ...ec, x: '+/+/' },
  'off its curve': { ...ec, y: base64url(Buffer.alloc(32, 1)) },
  'without y': { kty: 'EC', crv: 'P-256', x: ec['x'] },
  'with a short coordinate': { ...ec, x: base64url(Buffer.alloc(31, 1)) },
  'on secp256k1': jwkOf(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey),
  'on Ed448': jwkOf(generateKeyPairSync('ed448').publicKey),
  'for key agreement': jwkOf(generateKeyPairSync('x25519').publicKey),
  'without a type': { ...rsa, kty: undefined },
  'with numbers for texts': { kty: 'RSA', n: 1, e: 3 },
}

for (const [what, jwk] of Object.entries(bad)) {
  test(`a key ${what} vouches for nothing`, () => assert.equal(typeof readKey(jwk, ALGS), 'string'))
}

test('a key of an algorithm that is not allowed is left out', () => {
  assert.equal(typeof readKey(rsa, ['ES256', 'EdDSA']), 'string')
  assert.equal(typeof readKey(ec, ['RS256']), 'string')
})

test('none, symmetric and inherited names are no algorithms', () => {
  for (const name of ['none', 'None', 'HS256', 'HS512', 'ES256K', 'RSA1_5', 'toString', '__proto__', '', undefined, ['ES256']])
    assert.equal(isAlg(name), false, String(name))
})

test('a signature is good for its key, its algorithm and its text alone', () => {
  for (const alg of ['ES256', 'ES384', 'ES512', 'RS256', 'PS256', 'EdDSA'] as const) {
    const pair = makePair(alg)
    const [head = '', body = '', tail] = signJws(pair, {}, { a: 1 }).split('.')
    const signature = whole(tail)
    assert.equal(isSigned(alg, pair.publicKey, `${head}.${body}`, signature), true, alg)
    assert.equal(isSigned(alg, makePair(alg).publicKey, `${head}.${body}`, signature), false)
    assert.equal(isSigned(alg, pair.publicKey, `${head}.${body}x`, signature), false)
    assert.equal(isSigned(alg, pair.publicKey, `${head}.${body}`, signature.subarray(1)), false)
    assert.equal(isSigned(alg, pair.publicKey, `${head}.${body}`, Buffer.alloc(0)), false)
    assert.equal(isSigned(alg, pair.publicKey, `${head}.${body}`, Buffer.alloc(signature.length)), false, 'CVE-2022-21449')
  }
})
