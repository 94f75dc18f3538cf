/** What is kept of tokens: by account, issuer and resource; and by server, whose tokens it takes. */
import { exportJWK, generateKeyPair, importJWK, type JWK } from 'jose'
import { DPoP, type DPoPHandle } from 'oauth4webapi'
import { z } from 'zod'
import { Fault } from '../core/denial.ts'
import { scopesOf } from './challenge.ts'
import type { TokenResponse } from './grants.ts'
import type { TokenStorage } from './storage.ts'

const ALGORITHM = 'ES256'

const RECORD = z.object({
  accessToken: z.string(),
  kind: z.enum(['bearer', 'dpop']),
  scopes: z.array(z.string()),
  /** Milliseconds since the epoch. */
  obtainedAt: z.number(),
  expiresAt: z.number().optional(),
  refreshToken: z.string().optional(),
  /** The client that they were issued to: a refresh token is good for no other (RFC 6749 §6). */
  client: z.string(),
  /** The private key that they are bound to. */
  key: z.looseObject({ kty: z.string() }).optional(),
})
/** Tokens of one account, for one resource, of one issuer. */
export type TokenRecord = z.infer<typeof RECORD>

const PLACE = z.object({ issuer: z.string(), resource: z.string().optional() })
/** Whose tokens a server takes, and as what; without a resource it is of revision 2025-03-26. */
export type Place = z.infer<typeof PLACE>

/** By what tokens are told apart. */
export function keyOf({ issuer, resource }: Place): string {
  return JSON.stringify([issuer, resource ?? ''])
}

/** The records of one account. Its verbs reject with Fault `FAULT_STORE`, or `FAULT_SEAL`. */
export class TokenRecords {
  readonly #storage: TokenStorage
  readonly #account: string
  constructor(storage: TokenStorage, account: string) {
    this.#storage = storage
    this.#account = account
  }

  async place(server: URL): Promise<Place | undefined> {
    return await this.#read(PLACE, this.#serverKey(server))
  }
  async putPlace(server: URL, place: Place): Promise<void> {
    await answered(() => this.#storage.put(this.#serverKey(server), JSON.stringify(place)))
  }
  async get(place: Place): Promise<TokenRecord | undefined> {
    return await this.#read(RECORD, this.#tokenKey(place))
  }
  async put(place: Place, record: TokenRecord): Promise<void> {
    await answered(() => this.#storage.put(this.#tokenKey(place), JSON.stringify(record)))
  }
  async delete(place: Place): Promise<void> {
    await answered(() => this.#storage.delete(this.#tokenKey(place)))
  }

  #serverKey(server: URL): string {
    return JSON.stringify(['server', this.#account, server.href])
  }
  #tokenKey({ issuer, resource }: Place): string {
    return JSON.stringify(['tokens', this.#account, issuer, resource ?? ''])
  }
  async #read<T>(schema: z.ZodType<T>, key: string): Promise<T | undefined> {
    const text = await answered(() => this.#storage.get(key))
    return text === undefined ? undefined : schema.safeParse(JSON.parse(text)).data
  }
}

/** Whatever a storage of the host's throws, the tokens are not to be had or not kept. */
async function answered<T>(asked: () => Promise<T>): Promise<T> {
  try {
    return await asked()
  } catch (cause) {
    throw cause instanceof Fault ? cause : new Fault('FAULT_STORE', 'The storage of the tokens does not answer', { cause })
  }
}

export function holds(record: TokenRecord, scopes: readonly string[]): boolean {
  return scopes.every((scope) => record.scopes.includes(scope))
}

/** @param before what was known: a server that does not repeat scopes or refresh token means those (RFC 6749 §5.1, §6). */
export function recordOf(
  response: TokenResponse,
  asked: {
    readonly client: string
    readonly scopes: readonly string[]
    readonly key?: JWK | undefined
    readonly before?: TokenRecord | undefined
    readonly now: number
  },
): TokenRecord {
  const { client, scopes, key, before, now } = asked
  const refreshToken = response.refresh_token ?? before?.refreshToken
  const kind = response.token_type === 'dpop' ? 'dpop' : 'bearer'
  // A server that cannot bind says Bearer (RFC 9449 §5); whoever asked to be bound does not go on unbound.
  if (key !== undefined && kind !== 'dpop') throw new Fault('FAULT_SIGN_IN', 'The token that was issued is not bound to our key')
  return {
    accessToken: response.access_token,
    kind,
    client,
    scopes: [...(response.scope === undefined ? scopes : scopesOf(response.scope))],
    obtainedAt: now,
    ...(response.expires_in === undefined ? {} : { expiresAt: now + response.expires_in * 1_000 }),
    ...(refreshToken === undefined ? {} : { refreshToken }),
    ...(key === undefined ? {} : { key: { ...key, kty: String(key.kty) } }),
  }
}

export interface ProofKey {
  readonly jwk: JWK
  readonly handle: DPoPHandle
}

/** A key of our own, extractable because it is kept, sealed, as long as the tokens bound to it. */
export async function createProofKey(algorithms: readonly string[] | undefined, issuer: string): Promise<ProofKey> {
  if (algorithms?.includes(ALGORITHM) !== true)
    throw new Fault('FAULT_SIGN_IN', `${issuer} does not bind tokens to keys of ${ALGORITHM} (RFC 9449 §5.1)`)
  const pair = await generateKeyPair(ALGORITHM, { extractable: true })
  return { jwk: await exportJWK(pair.privateKey), handle: DPoP({}, pair) }
}

export async function openProofKey(jwk: JWK): Promise<DPoPHandle> {
  const { d: _private, ...publicJwk } = jwk
  const [privateKey, publicKey] = await Promise.all([importJWK(jwk, ALGORITHM), importJWK(publicJwk, ALGORITHM)])
  if (privateKey instanceof Uint8Array || publicKey instanceof Uint8Array) throw new Fault('FAULT_SEAL', 'A kept key is no key pair')
  return DPoP({}, { privateKey, publicKey })
}
