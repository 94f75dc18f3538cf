/** Keys of others (RFC 7517, RFC 7518 §6, RFC 8037): what a JWK must be before anything is believed on its word. */
import { constants, createPublicKey, hash, type KeyObject, verify } from 'node:crypto'
import { promisify } from 'node:util'
import type { JsonObject } from '../core/json.ts'
import { isCommonlyFactored } from './roca.ts'

interface Algorithm {
  readonly kty: 'RSA' | 'EC' | 'OKP'
  readonly crv?: 'P-256' | 'P-384' | 'P-521' | 'Ed25519'
  /** As `node:crypto` calls it; null where the key says it. */
  readonly hash: string | null
  /** Of a signature; RSA's follows from its key. */
  readonly bytes?: number
  readonly options: { readonly dsaEncoding?: 'ieee-p1363'; readonly padding?: number; readonly saltLength?: number }
}

const PKCS1 = { padding: constants.RSA_PKCS1_PADDING }
/** RFC 7518 §3.5: the salt is as long as the hash. */
const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
const P1363 = { dsaEncoding: 'ieee-p1363' } as const
const EDWARDS: Algorithm = { kty: 'OKP', crv: 'Ed25519', hash: null, bytes: 64, options: {} }

/** Asymmetric all: who may check a signature must not be able to make one. */
const ALGORITHMS = {
  RS256: { kty: 'RSA', hash: 'sha256', options: PKCS1 },
  RS384: { kty: 'RSA', hash: 'sha384', options: PKCS1 },
  RS512: { kty: 'RSA', hash: 'sha512', options: PKCS1 },
  PS256: { kty: 'RSA', hash: 'sha256', options: PSS },
  PS384: { kty: 'RSA', hash: 'sha384', options: PSS },
  PS512: { kty: 'RSA', hash: 'sha512', options: PSS },
  ES256: { kty: 'EC', crv: 'P-256', hash: 'sha256', bytes: 64, options: P1363 },
  ES384: { kty: 'EC', crv: 'P-384', hash: 'sha384', bytes: 96, options: P1363 },
  ES512: { kty: 'EC', crv: 'P-521', hash: 'sha512', bytes: 132, options: P1363 },
  EdDSA: EDWARDS,
  Ed25519: EDWARDS,
} as const satisfies Readonly<Record<string, Algorithm>>

export type Alg = keyof typeof ALGORITHMS
export const ALGS: readonly Alg[] = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']

export function isAlg(text: unknown): text is Alg {
  return typeof text === 'string' && Object.hasOwn(ALGORITHMS, text)
}

/** NIST SP 800-131A; RFC 7518 §3.3. */
const RSA_MIN_BITS = 2048
/** A power of it must not be quick to ask for and slow to answer. */
const RSA_MAX_BITS = 8192
/** 2^32 is more than any key in the field has, and a long exponent costs as a long modulus does (SP 800-89 §5.3.3 bounds it, too). */
const EXPONENT_MAX_BYTES = 5
/** Of one coordinate (RFC 7518 §6.2.1.2, RFC 8037 §2): with its zeros, so that a key has one text and one thumbprint. */
const COORDINATE_BYTES = { 'P-256': 32, 'P-384': 48, 'P-521': 66, Ed25519: 32 } as const
/** Members of private and symmetric keys (RFC 7518 §6.2.2, §6.3.2, §6.4). */
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'] as const

/** A public key, fit for `algs`. */
export interface PublicKey {
  readonly key: KeyObject
  readonly algs: readonly Alg[]
  /** RFC 7638, SHA-256, base64url. */
  readonly thumbprint: string
}

/** @returns why not, in a few words, when the JWK is not a strong public key that may verify with one of `allowed`. */
export function readKey(jwk: JsonObject, allowed: readonly Alg[]): PublicKey | string {
  if (PRIVATE_MEMBERS.some((name) => jwk[name] !== undefined)) return 'a key that is not public'
  const { use, key_ops: operations, alg } = jwk
  // RFC 7517 §4.2, §4.3: a key for encryption must not vouch for anything.
  if (use !== undefined && use !== 'sig') return 'a key of another use'
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) return 'a key of another use'
  if (alg !== undefined && !isAlg(alg)) return 'a key of an unknown algorithm'
  const algs = allowed.filter((name) => (alg === undefined || alg === name) && isOfKind(jwk, ALGORITHMS[name]))
  if (algs.length === 0) return 'a key of an algorithm that is not allowed'
  const members = requiredMembers(jwk)
  if (typeof members === 'string') return members
  try {
    // Also finds points that are not on their curve.
    const key = createPublicKey({ key: members, format: 'jwk' })
    return { key, algs, thumbprint: hash('sha256', JSON.stringify(members), 'base64url') }
  } catch {
    return 'a key that is none'
  }
}

function isOfKind(jwk: JsonObject, { kty, crv }: Algorithm): boolean {
  return jwk['kty'] === kty && (crv === undefined || jwk['crv'] === crv)
}

/** What makes the key, in the order of RFC 7638 §3.2; or why it is none. */
function requiredMembers({ kty, crv, x, y, n, e }: JsonObject): Readonly<Record<string, string>> | string {
  if (kty === 'RSA') {
    const modulus = bytesOf(n)
    const exponent = bytesOf(e)
    const why = modulus === undefined || exponent === undefined ? 'an RSA key that is none' : rsaFlaw(modulus, exponent)
    return why ?? { e: String(e), kty, n: String(n) }
  }
  if (crv !== 'P-256' && crv !== 'P-384' && crv !== 'P-521' && crv !== 'Ed25519') return 'a key on an unknown curve'
  const isWhole = (coordinate: unknown): boolean => bytesOf(coordinate)?.length === COORDINATE_BYTES[crv]
  if (!isWhole(x) || (kty === 'EC' && !isWhole(y))) return 'a key whose point is not written out'
  if (kty === 'EC') return { crv, kty, x: String(x), y: String(y) }
  return { crv, kty: 'OKP', x: String(x) }
}

function rsaFlaw(modulus: Buffer, exponent: Buffer): string | undefined {
  // RFC 7518 §2, Base64urlUInt: no zeros in front.
  if (modulus[0] === 0 || exponent[0] === 0) return 'an RSA key with zeros in front'
  const bits = modulus.length * 8 + 24 - Math.clz32(modulus[0] ?? 0)
  if (bits < RSA_MIN_BITS || bits > RSA_MAX_BITS) return `an RSA key of ${bits} bits`
  const isOdd = ((exponent.at(-1) ?? 0) & 1) === 1 && ((modulus.at(-1) ?? 0) & 1) === 1
  const isOne = exponent.length === 1 && exponent[0] === 1
  if (!isOdd || isOne || exponent.length > EXPONENT_MAX_BYTES) return 'an RSA key with a bad exponent'
  return isCommonlyFactored(modulus) ? 'an RSA key that can be factored (CVE-2017-15361)' : undefined
}

/** Bytes of canonical base64url; undefined when it is not: text that two readers would decode differently is no text. */
export function bytesOf(text: unknown): Buffer | undefined {
  if (typeof text !== 'string' || text === '') return undefined
  const bytes = Buffer.from(text, 'base64url')
  return bytes.toString('base64url') === text ? bytes : undefined
}

/**
 * How long a signature is: of RSA as long as the modulus (RFC 8017 §8.1.2 and §8.2.2, step 1). OpenSSL takes one of PSS that lacks the zeros in
 * front, so one token would have two texts.
 */
function signatureBytes({ bytes }: Algorithm, { asymmetricKeyDetails }: KeyObject): number {
  return bytes ?? Math.ceil((asymmetricKeyDetails?.modulusLength ?? 0) / 8)
}

/** Whether the signature over `signed` is this key's. Never throws. @param key one that `readKey` found fit for `alg`. */
export function isSigned(alg: Alg, key: KeyObject, signed: string, signature: Buffer): boolean {
  const algorithm: Algorithm = ALGORITHMS[alg]
  if (signature.length !== signatureBytes(algorithm, key)) return false
  try {
    return verify(algorithm.hash, Buffer.from(signed, 'latin1'), { key, ...algorithm.options }, signature)
  } catch {
    return false
  }
}

type Verify = (hash: string | null, signed: Buffer, key: Parameters<typeof verify>[2], signature: Buffer) => Promise<boolean>
const verifyPooled: Verify = promisify(verify)

/** The same on the thread pool, for when many wait. Never rejects. */
export async function isSignedPooled(alg: Alg, key: KeyObject, signed: string, signature: Buffer): Promise<boolean> {
  const algorithm: Algorithm = ALGORITHMS[alg]
  if (signature.length !== signatureBytes(algorithm, key)) return false
  return await verifyPooled(algorithm.hash, Buffer.from(signed, 'latin1'), { key, ...algorithm.options }, signature).catch(() => false)
}
