/** The keys that sign tokens: made on first start, sealed at rest, rotated so that two are published for a while. */
import { createPublicKey, generateKeyPairSync, type JsonWebKey, randomBytes } from 'node:crypto'
import { Fault } from '../core/denial.ts'
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import type { Seal } from '../core/seal.ts'
import type { Clock } from '../core/time.ts'
import { KEYS } from '../store/keys.ts'
import type { Store } from '../store/store.ts'
import type { SigningAlgorithm } from './options.ts'

/** RFC 7518 §3.3 demands 2048; NIST SP 800-57 gives 3072 bits until 2030 and beyond. */
const RSA_BITS = 3072
const KID_BYTES = 9
/** A new key is published this long before it signs: every process reads the keys anew within it (see KEYS_AGE_MS in server.ts). */
const PUBLISH_AHEAD_MS = 30_000
/** Two operators at once are rare, three rarer. */
const ATTEMPTS = 8

/** A private key and its times, milliseconds since the epoch. */
export interface SigningKey {
  readonly kid: string
  readonly algorithm: SigningAlgorithm
  readonly createdAt: number
  readonly signsFrom: number
  /** From then on it is not published any more, so that nothing it signed is believed. */
  readonly retiresAt?: number
  readonly jwk: JsonWebKey
}

interface KeptKey extends JsonObject {
  readonly kid: string
  readonly algorithm: SigningAlgorithm
  readonly createdAt: number
  readonly signsFrom: number
  readonly retiresAt?: number
  readonly sealed: string
}

export interface SigningKeysOptions {
  readonly store: Store
  readonly clock: Clock
  readonly seal: Seal
  readonly algorithm: SigningAlgorithm
}

export class SigningKeys {
  readonly #options: SigningKeysOptions

  constructor(options: SigningKeysOptions) {
    this.#options = options
  }

  /** All that are published, newest first; made when there are none for the algorithm. @throws Fault `FAULT_OAUTH`, `FAULT_STORE` */
  async load(): Promise<readonly SigningKey[]> {
    const { store, clock, algorithm } = this.#options
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const found = await store.get(KEYS.oauthSigningKeys)
      const kept = readKept(found)
      const live = kept.filter(({ retiresAt }) => retiresAt === undefined || retiresAt > clock())
      if (live.some((key) => key.algorithm === algorithm && key.retiresAt === undefined))
        return live.map((key) => this.#open(key)).reverse()
      await this.#write(found, [...live, this.#make(clock())])
    }
    throw new Fault('FAULT_OAUTH', 'The signing keys are being changed by others; try again')
  }

  /**
   * A new key, published at once and signing a little later; the ones before stay published for `overlapMs`.
   * @param overlapMs at least as long as an access token lives.
   */
  async rotate(overlapMs: number): Promise<SigningKey> {
    const { store, clock, algorithm } = this.#options
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const found = await store.get(KEYS.oauthSigningKeys)
      const now = clock()
      const made = this.#make(now + PUBLISH_AHEAD_MS)
      const retiresAt = made.signsFrom + overlapMs
      const before = readKept(found)
        .filter((key) => key.retiresAt === undefined || key.retiresAt > now)
        .map((key) => (key.algorithm === algorithm ? { ...key, retiresAt: Math.min(key.retiresAt ?? retiresAt, retiresAt) } : key))
      if (await this.#write(found, [...before, made])) return this.#open(made)
    }
    throw new Fault('FAULT_OAUTH', 'The signing keys are being changed by others; try again')
  }

  #write(found: JsonValue | undefined, keys: readonly KeptKey[]): Promise<boolean> {
    const condition = found === undefined ? { onlyIfAbsent: true } : { onlyIf: found }
    return this.#options.store.put(KEYS.oauthSigningKeys, keys, condition)
  }

  #make(signsFrom: number): KeptKey {
    const { clock, seal, algorithm } = this.#options
    const kid = randomBytes(KID_BYTES).toString('base64url')
    const { privateKey } =
      algorithm === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('rsa', { modulusLength: RSA_BITS })
    const sealed = seal.seal(JSON.stringify(privateKey.export({ format: 'jwk' })), placeOf(kid))
    return { kid, algorithm, createdAt: clock(), signsFrom, sealed }
  }

  #open({ sealed, ...key }: KeptKey): SigningKey {
    const jwk: JsonWebKey = JSON.parse(this.#options.seal.open(sealed, placeOf(key.kid)))
    return { ...key, jwk: { ...jwk, kid: key.kid, alg: key.algorithm, use: 'sig' } }
  }
}

/** Several lie in one record: each is bound to its own name, too. */
const placeOf = (kid: string): string => `${KEYS.oauthSigningKeys} ${kid}`

/** The key that signs now: the newest whose time has come. @throws Fault when there is none. */
export function signingKeyOf(keys: readonly SigningKey[], algorithm: SigningAlgorithm, now: number): SigningKey {
  const fit = keys.filter((key) => key.algorithm === algorithm)
  // At a rotation the clocks of two machines may differ: rather an early key than none.
  const key = fit.find(({ signsFrom }) => signsFrom <= now) ?? fit.at(-1)
  if (key === undefined) throw new Fault('FAULT_OAUTH', `There is no signing key for ${algorithm}`)
  return key
}

/** The half that may be shown. */
export function publicJwk({ jwk, kid, algorithm }: SigningKey): JsonWebKey {
  return { ...createPublicKey({ key: jwk, format: 'jwk' }).export({ format: 'jwk' }), kid, alg: algorithm, use: 'sig' }
}

function readKept(value: JsonValue | undefined): readonly KeptKey[] {
  if (value === undefined) return []
  if (!Array.isArray(value) || !value.every(isKept)) throw new Fault('FAULT_STORE', 'The record of the signing keys is damaged')
  return value
}

function isKept(value: JsonValue): value is KeptKey {
  return (
    isObject(value) &&
    typeof value['kid'] === 'string' &&
    (value['algorithm'] === 'ES256' || value['algorithm'] === 'RS256') &&
    typeof value['signsFrom'] === 'number' &&
    typeof value['sealed'] === 'string'
  )
}
