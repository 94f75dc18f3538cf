/**
 * Project Wycheproof's vectors against our reading of tokens, keys and signatures. No package carries them, so they are run where a person
 * has them: `WYCHEPROOF=folder/testvectors_v1 npm test`. What they are about is also in vectors of our own (`jws/`), which always run.
 */
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { z } from 'zod'
import { Denial } from '../../src/core/denial.ts'
import { parseJwt } from '../../src/identity/jwt.ts'
import { ALGS, type Alg, bytesOf, isAlg, isSigned, readKey } from '../../src/trust/jwk.ts'
import { readKeySet } from '../../src/trust/jwks.ts'

const FOLDER = process.env['WYCHEPROOF']

/** Vectors of each file as published in August 2026: how many there are, and how many of them have a signature that we take. */
const SIGNATURES: readonly (readonly [file: string, alg: Alg, all: number, taken: number])[] = [
  ['ecdsa_secp256r1_sha256_p1363', 'ES256', 262, 173],
  ['ecdsa_secp384r1_sha384_p1363', 'ES384', 280, 193],
  ['ecdsa_secp521r1_sha512_p1363', 'ES512', 318, 231],
  ['ed25519', 'EdDSA', 151, 88],
  ['rsa_pss_2048_sha256_mgf1_32', 'PS256', 108, 63],
  ['rsa_pss_3072_sha256_mgf1_32', 'PS256', 108, 63],
  ['rsa_pss_4096_sha256_mgf1_32', 'PS256', 108, 63],
  ['rsa_pss_2048_sha384_mgf1_48', 'PS384', 141, 95],
  ['rsa_pss_4096_sha384_mgf1_48', 'PS384', 141, 95],
  ['rsa_pss_4096_sha512_mgf1_64', 'PS512', 179, 132],
  ['rsa_signature_2048_sha256', 'RS256', 259, 9],
  ['rsa_signature_3072_sha256', 'RS256', 259, 8],
  ['rsa_signature_4096_sha256', 'RS256', 258, 7],
  ['rsa_signature_8192_sha256', 'RS256', 258, 7],
  ['rsa_signature_2048_sha384', 'RS384', 258, 7],
  ['rsa_signature_3072_sha384', 'RS384', 259, 7],
  ['rsa_signature_4096_sha384', 'RS384', 259, 7],
  ['rsa_signature_8192_sha384', 'RS384', 259, 7],
  ['rsa_signature_2048_sha512', 'RS512', 259, 8],
  ['rsa_signature_3072_sha512', 'RS512', 260, 8],
  ['rsa_signature_4096_sha512', 'RS512', 259, 7],
  ['rsa_signature_8192_sha512', 'RS512', 259, 7],
]

const result = z.enum(['valid', 'acceptable', 'invalid'])
const jwk = z.record(z.string(), z.json())
type Jwk = z.infer<typeof jwk>
const signatureFile = z.object({
  testGroups: z.array(
    z.object({
      publicKey: z.object({
        modulus: z.string().optional(),
        publicExponent: z.string().optional(),
        uncompressed: z.string().optional(),
        pk: z.string().optional(),
      }),
      tests: z.array(z.object({ tcId: z.number(), msg: z.string(), sig: z.string(), result })),
    }),
  ),
})
const tokenFile = z.object({
  testGroups: z.array(
    z.object({
      private: jwk.optional(),
      public: jwk.optional(),
      tests: z.array(z.object({ tcId: z.number(), jws: z.unknown(), result })),
    }),
  ),
})

const read = (file: string): unknown => JSON.parse(readFileSync(join(FOLDER ?? '', `${file}_test.json`), 'utf8'))
const base64url = (hex: string): string => Buffer.from(hex, 'hex').toString('base64url')

type Key = z.infer<typeof signatureFile>['testGroups'][number]['publicKey']
const CURVES = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' } as const

function jwkOf({ modulus, publicExponent, uncompressed, pk }: Key, alg: Alg) {
  if (modulus !== undefined) return { kty: 'RSA', n: base64url(modulus.replace(/^(00)+/, '')), e: base64url(publicExponent ?? '') }
  if (pk !== undefined) return { kty: 'OKP', crv: 'Ed25519', x: base64url(pk) }
  const point = uncompressed?.slice(2) ?? ''
  const crv = alg === 'ES256' || alg === 'ES384' || alg === 'ES512' ? CURVES[alg] : assert.fail(alg)
  return { kty: 'EC', crv, x: base64url(point.slice(0, point.length / 2)), y: base64url(point.slice(point.length / 2)) }
}

function holdSignatures(file: string, alg: Alg, all: number, taken: number): void {
  const wrong: number[] = []
  let [seen, good] = [0, 0]
  for (const { publicKey, tests } of signatureFile.parse(read(file)).testGroups) {
    const key = readKey(jwkOf(publicKey, alg), [alg])
    assert.ok(typeof key !== 'string', String(key))
    for (const { tcId, msg, sig, result } of tests) {
      const isGood = isSigned(alg, key.key, Buffer.from(msg, 'hex').toString('latin1'), Buffer.from(sig, 'hex'))
      seen++
      if (isGood) good++
      if (isGood !== (result === 'valid')) wrong.push(tcId)
    }
  }
  assert.deepEqual({ seen, good, wrong }, { seen: all, good: taken, wrong: [] })
}

/**
 * Our form of a token, our reading of its header, our keys, our signatures. Its payload, which is no object here, is only held to its form.
 * @param said a key, or a set of them as an issuer publishes it
 */
function isTaken(jws: string, said: Jwk): boolean {
  const [head = '', body = '', tail, ...more] = jws.split('.')
  try {
    if (tail === undefined || more.length > 0) return parseJwt(jws) === undefined
    if (body !== '' && bytesOf(body) === undefined) return false
    const { header, signature } = parseJwt(`${head}.e30.${tail}`)
    const { alg, kid } = header
    if (said['kty'] === 'oct') return alg === 'HS256' && isTagged(`${head}.${body}`, signature, said)
    const set = said['keys'] === undefined ? { keys: [said] } : said
    const found = readKeySet(set, ALGS, 'the vector').find(alg, kid)
    return found !== undefined && isAlg(alg) && isSigned(alg, found, `${head}.${body}`, signature)
  } catch (error) {
    if (error instanceof Denial) return false
    throw error
  }
}

/** Keys that are shared are never an issuer's: for the form of such tokens alone. */
function isTagged(signed: string, tag: Buffer, { k }: Jwk): boolean {
  return createHmac('sha256', Buffer.from(String(k), 'base64url')).update(signed).digest().equals(tag)
}

/** Judged otherwise by us, and why. */
const OTHERWISE: ReadonlyMap<number, string> = new Map([
  [346, 'good, but PS384 by a key that says PS256 (RFC 7517 §4.4)'],
  [347, 'good, but by a key that says ES521, which is no algorithm'],
  [350, 'as 346'],
  [351, 'as 347'],
  [367, 'bad for its padding, which was lost when it was written down: it is 357 to the letter'],
  [370, 'as 367'],
  [372, 'good, but its header has a letter that is none of base64url (RFC 7515 §2)'],
  [373, 'good, but its payload has one'],
])

function holdTokens(file: string, expected: { readonly seen: number; readonly taken: number; readonly otherwise: readonly number[] }): void {
  const otherwise: number[] = []
  const counted = { seen: 0, taken: 0 }
  for (const { private: secret, public: key = secret, tests } of tokenFile.parse(read(file)).testGroups) {
    for (const { tcId, jws, result } of tests) {
      const isGood = isTaken(typeof jws === 'string' ? jws : JSON.stringify(jws), key ?? {})
      counted.seen++
      if (isGood) counted.taken++
      if (isGood !== (result === 'valid')) otherwise.push(tcId)
    }
  }
  assert.deepEqual({ ...counted, otherwise }, expected)
}

test("Project Wycheproof's vectors", { skip: FOLDER === undefined ? 'no WYCHEPROOF=folder is told' : false }, async (t) => {
  await t.test(`json_web_signature: 401 tokens are taken or refused as they should be, but for ${OTHERWISE.size}`, () =>
    holdTokens('json_web_signature', { seen: 401, taken: 42, otherwise: [...OTHERWISE.keys()] }),
  )
  // 2, 13, 14 and 15 are good by keys that are shared: such a key vouches for nothing when an issuer publishes it.
  await t.test('json_web_key: of 26 key sets none vouches that must not', () =>
    holdTokens('json_web_key', { seen: 26, taken: 1, otherwise: [2, 13, 14, 15] }),
  )
  for (const [file, alg, all, taken] of SIGNATURES)
    await t.test(`${file}: ${taken} of ${all} signatures are taken, and they are the good ones`, () => holdSignatures(file, alg, all, taken))
})
