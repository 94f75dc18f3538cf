/** Issuers for the tests of this room: real keys, real key sets, tokens signed by hand so that anything can be wrong with them. */
import { constants, createHmac, generateKeyPairSync, type KeyObject, privateEncrypt, sign } from 'node:crypto'
import type { JsonObject, JsonValue } from '../../src/core/json.ts'
import type { KeySource } from '../../src/identity/bearer-issuer.ts'
import { ALGS, type Alg } from '../../src/trust/jwk.ts'
import { readKeySet } from '../../src/trust/jwks.ts'

export const NOW = Date.UTC(2026, 10, 21)
export const ISSUER = 'https://login.example.com'
export const OTHER_ISSUER = 'https://elsewhere.example'
export const RESOURCE = 'https://mcp.example.com/mcp/files'

const PAIRS = {
  rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ec: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ec384: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  ed: generateKeyPairSync('ed25519'),
  /** Published, but for encryption. */
  enc: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  /** Published, but too short. */
  short: generateKeyPairSync('rsa', { modulusLength: 1024 }),
  /** Published by nobody. */
  stranger: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  /** Of the other issuer. */
  other: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
} as const
export type KeyName = keyof typeof PAIRS

export const ALG_OF: Readonly<Record<KeyName, Alg>> = {
  rsa: 'RS256',
  ec: 'ES256',
  ec384: 'ES384',
  ed: 'EdDSA',
  enc: 'RS256',
  short: 'RS256',
  stranger: 'ES256',
  other: 'ES256',
}

export function publicKey(name: KeyName): KeyObject {
  return PAIRS[name].publicKey
}

function jwk(name: KeyName, more: JsonObject = {}): JsonObject {
  return { ...(PAIRS[name].publicKey.export({ format: 'jwk' }) as JsonObject), kid: name, ...more }
}

/** The key set as the issuer publishes it. */
export const JWKS: JsonObject = {
  keys: [jwk('rsa'), jwk('ec', { use: 'sig', alg: 'ES256' }), jwk('ec384'), jwk('ed'), jwk('enc', { use: 'enc' }), jwk('short')],
}
export const OTHER_JWKS: JsonObject = { keys: [jwk('other', { kid: 'ec' })] }

/** An issuer whose keys are at hand. `revision` is turned by the test. */
export function aSource(jwks: JsonObject = JWKS): KeySource & { revision: number; asked: number } {
  let keys = readKeySet(jwks, ALGS, 'the test')
  return {
    revision: 1,
    asked: 0,
    keyFor({ alg, kid }) {
      this.asked++
      keys = readKeySet(jwks, ALGS, 'the test')
      return keys.find(alg, kid)
    },
  }
}

export const seconds = (ms: number): number => Math.floor(ms / 1_000)

/** What a good token says; `null` takes a claim out. */
export function claims(more: Readonly<Record<string, JsonValue>> = {}, now = NOW): JsonObject {
  const all: Record<string, JsonValue> = {
    iss: ISSUER,
    sub: 'ann',
    aud: RESOURCE,
    client_id: 'desktop',
    scope: 'tools:read',
    iat: seconds(now),
    exp: seconds(now) + 300,
    jti: 'token-1',
    ...more,
  }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null))
}

export function header(key: KeyName, more: Readonly<Record<string, JsonValue>> = {}): JsonObject {
  const all: Record<string, JsonValue> = { alg: ALG_OF[key], typ: 'at+jwt', kid: key, ...more }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null))
}

export const encode = (part: string | Uint8Array): string => Buffer.from(part).toString('base64url')

/** Signs with whatever key, whatever is said in front. */
export function signWith(
  key: KeyName,
  signed: string,
  dsaEncoding: 'ieee-p1363' | 'der' = 'ieee-p1363',
  alg: string = ALG_OF[key],
): Buffer {
  const { privateKey } = PAIRS[key]
  const bytes = Buffer.from(signed)
  if (key === 'ed') return sign(null, bytes, privateKey)
  const pss = alg.startsWith('PS') ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } : {}
  return sign(`sha${alg.slice(2)}`, bytes, { key: privateKey, dsaEncoding, ...pss })
}

/** What RSA makes of a padded text, whatever its padding is. */
export function rawSignature(key: 'rsa', padded: Buffer): Buffer {
  return privateEncrypt({ key: PAIRS[key].privateKey, padding: constants.RSA_NO_PADDING }, padded)
}

export function hmac(secret: string | Uint8Array, signed: string): Buffer {
  return createHmac('sha256', secret).update(signed).digest()
}

/** A token of the issuer's: good, unless something is told otherwise. */
export function aToken(
  said: Readonly<Record<string, JsonValue>> = {},
  key: KeyName = 'ec',
  head: Readonly<Record<string, JsonValue>> = {},
): string {
  const signed = `${encode(JSON.stringify(header(key, head)))}.${encode(JSON.stringify(claims(said)))}`
  return `${signed}.${encode(signWith(key, signed, 'ieee-p1363', String(head['alg'] ?? ALG_OF[key])))}`
}
