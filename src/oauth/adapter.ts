/** What oidc-provider remembers, on our Store: every consume atomic, every payload sealed, every grant ended as a whole. */
import { type Adapter, type AdapterFactory, type AdapterPayload, errors } from 'oidc-provider'
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import type { Seal } from '../core/seal.ts'
import { keyedHash, sha256 } from '../core/secret.ts'
import type { Clock } from '../core/time.ts'
import { KEYS } from '../store/keys.ts'
import type { Store } from '../store/store.ts'
import { type Clients, hashClientSecret } from './clients.ts'
import { deriveKey } from './derive.ts'

/** Between two polls of a device, unless it is told otherwise (RFC 8628 §3.2). */
const DEVICE_INTERVAL_S = 5
/** What is issued under a grant and ends with it. */
const UNDER_GRANT = new Set(['AccessToken', 'AuthorizationCode', 'RefreshToken', 'DeviceCode'])
/** What can be used once. */
const ONCE = new Set(['AuthorizationCode', 'RefreshToken', 'DeviceCode', 'PushedAuthorizationRequest'])
/** A client that registered itself and is never heard of again does not stay for ever; the SDK registers anew when it is refused. */
const REGISTRATION_MS = 90 * 86_400_000
/** Two at once are rare, three rarer: more collisions than this are a broken store. */
const ATTEMPTS = 8

export interface AdapterOptions {
  readonly store: Store
  readonly clock: Clock
  /** Under whose name families are revoked. */
  readonly issuer: string
  readonly seal: Seal
  /** 32 bytes. */
  readonly identifierKey: Uint8Array
  readonly clients: Clients
  /** How long what is revoked must be remembered, milliseconds. */
  readonly longestMs: number
  /** Whether a used refresh token may be answered once more (see replay.ts). */
  readonly isReplayable: (token: string) => Promise<boolean>
}

/** The record as it lies in the store. */
interface Kept extends JsonObject {
  readonly sealed: string
  /** Seconds since the epoch, as oidc-provider counts. */
  readonly consumed?: number
}

export interface Memory {
  readonly adapter: AdapterFactory
  /** Ends the grant and all that was issued under it, on every process. */
  endGrant(grantId: string): Promise<void>
}

/** Access tokens say under which grant they were issued; the grant's own id stays here. */
export function grantName(grantId: string): string {
  return sha256(grantId)
}

export function createMemory(options: AdapterOptions): Memory {
  const hashKey = deriveKey(options.identifierKey, 'identifiers')
  const memories = new Map<string, Remembered>()
  const adapter = (kind: string): Remembered => {
    const known = memories.get(kind) ?? new Remembered(kind, options, hashKey)
    memories.set(kind, known)
    return known
  }
  return {
    adapter,
    endGrant: async (grantId) => {
      await adapter('Grant').destroy(grantId)
      await adapter('RefreshToken').revokeByGrantId(grantId)
    },
  }
}

class Remembered implements Adapter {
  readonly #kind: string
  readonly #options: AdapterOptions
  readonly #seal: Seal
  readonly #hashKey: Uint8Array

  constructor(kind: string, options: AdapterOptions, hashKey: Uint8Array) {
    this.#kind = kind
    this.#options = options
    this.#seal = options.seal
    this.#hashKey = hashKey
  }

  async upsert(id: string, payload: AdapterPayload, expiresIn?: number): Promise<void> {
    const { store, clock, issuer, longestMs } = this.#options
    const lifeMs = expiresIn === undefined ? (this.#kind === 'Client' ? REGISTRATION_MS : longestMs) : expiresIn * 1_000
    const expiresAt = clock() + lifeMs
    const { grantId, uid, userCode } = payload
    // The way to it first: what is written and not found by its grant could not be revoked.
    if (grantId !== undefined && UNDER_GRANT.has(this.#kind))
      await store.put(KEYS.oauthIssued(grantName(grantId), this.#kind, this.#digest(id)), true, { expiresAt })
    if (this.#kind === 'Session' && uid !== undefined) await this.#point('uid', uid, id, expiresAt)
    if (userCode !== undefined) await this.#point('user-code', userCode, id, expiresAt)
    if (this.#kind === 'Grant' && (await store.get(KEYS.revokedFamily(issuer, grantName(id)))) !== undefined)
      throw new errors.InvalidGrant('the grant was revoked')
    await this.#write(id, this.#kind === 'Client' ? hideSecret(payload) : payload, expiresAt)
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    if (this.#kind === 'Client') {
      const configured = await this.#options.clients.metadata(id)
      if (configured !== undefined) return configured
    }
    const kept = await this.#options.store.get(this.#key(id))
    if (!isKept(kept)) return undefined
    const payload = this.#open(kept, id)
    // While the first poll is being answered the library must not hear of it: it would end what is just being given.
    if (kept.consumed === undefined || this.#isAlongside(kept.consumed)) return payload
    if (this.#kind === 'RefreshToken' && (await this.#options.isReplayable(id))) return payload
    return { ...payload, consumed: kept.consumed }
  }

  findByUid(uid: string): Promise<AdapterPayload | undefined> {
    return this.#follow('uid', uid)
  }

  findByUserCode(code: string): Promise<AdapterPayload | undefined> {
    return this.#follow('user-code', code)
  }

  /** Of many at once exactly one succeeds; any other is a replay, and ends the whole family (RFC 9700 §2.2.2, RFC 6749 §4.1.2). */
  async consume(id: string): Promise<void> {
    const { store, clock } = this.#options
    const kept = await store.get(this.#key(id))
    if (!isKept(kept)) throw new errors.InvalidGrant('not found when it was to be consumed')
    const payload = this.#open(kept, id)
    if (kept.consumed === undefined) {
      const expiresAt = payload.exp === undefined ? undefined : payload.exp * 1_000
      const consumed: Kept = { ...kept, consumed: Math.floor(clock() / 1_000) }
      if (await store.put(this.#key(id), consumed, { onlyIf: kept, ...(expiresAt === undefined ? {} : { expiresAt }) })) return
    }
    // Who lost to another just now was alongside it, too.
    const consumedAt = kept.consumed ?? Math.floor(clock() / 1_000)
    if (payload.grantId !== undefined && !this.#isAlongside(consumedAt)) await this.#endGrant(payload.grantId)
    throw new errors.InvalidGrant('consumed before')
  }

  /** A device asks again and again: a poll within its interval of the one that was answered is its own, not a thief's (RFC 8628 §3.5). */
  #isAlongside(consumedAt: number): boolean {
    return this.#kind === 'DeviceCode' && this.#options.clock() / 1_000 - consumedAt <= DEVICE_INTERVAL_S
  }

  async destroy(id: string): Promise<void> {
    const { store } = this.#options
    const kept = await store.take(this.#key(id))
    if (this.#kind === 'Grant') await this.#markRevoked(id)
    if (!isKept(kept)) return
    const { uid, userCode } = this.#open(kept, id)
    if (this.#kind === 'Session' && uid !== undefined) await store.take(KEYS.oauth('uid', this.#digest(uid)))
    if (userCode !== undefined) await store.take(KEYS.oauth('user-code', this.#digest(userCode)))
  }

  async revokeByGrantId(grantId: string): Promise<void> {
    const { store } = this.#options
    const prefix = KEYS.oauthAllIssued(grantName(grantId))
    await this.#markRevoked(grantId)
    for (let page = await store.list(prefix); page.length > 0; page = await store.list(prefix)) {
      for (const { key } of page) {
        const [kind = '', digest = ''] = key.slice(prefix.length).split('/')
        await store.take(KEYS.oauth(kind, digest))
        await store.take(key)
      }
    }
  }

  async #endGrant(grantId: string): Promise<void> {
    await this.#options.store.take(KEYS.oauth('Grant', keyedHash(this.#hashKey, `Grant ${grantId}`)))
    await this.revokeByGrantId(grantId)
  }

  async #markRevoked(grantId: string): Promise<void> {
    const { store, clock, issuer, longestMs } = this.#options
    await store.put(KEYS.revokedFamily(issuer, grantName(grantId)), clock(), { expiresAt: clock() + longestMs })
  }

  /** A change never forgets that the record was consumed, nor hands what one person approved to another. */
  async #write(id: string, payload: AdapterPayload, expiresAt: number): Promise<void> {
    const { store } = this.#options
    const key = this.#key(id)
    const sealed = this.#seal.seal(JSON.stringify({ ...payload, jti: undefined }), key)
    if (this.#kind === 'ReplayDetection') {
      // find-then-save is a race: here the first writer wins, on any number of processes.
      if (!(await store.put(key, { sealed }, { onlyIfAbsent: true, expiresAt }))) throw new errors.InvalidGrant('seen before')
      return
    }
    if (!ONCE.has(this.#kind)) {
      await store.put(key, { sealed }, { expiresAt })
      return
    }
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (await store.put(key, { sealed }, { onlyIfAbsent: true, expiresAt })) return
      const before = await store.get(key)
      if (!isKept(before)) continue
      const owner = this.#open(before, id).accountId
      if (owner !== undefined && owner !== payload.accountId) throw new errors.InvalidGrant('approved by somebody else')
      if (await store.put(key, { ...before, sealed }, { onlyIf: before, expiresAt })) return
    }
    throw new errors.TemporarilyUnavailable('changed by many at once')
  }

  #open(kept: Kept, id: string): AdapterPayload {
    const payload: AdapterPayload = JSON.parse(this.#seal.open(kept.sealed, this.#key(id)))
    return this.#kind === 'Client' ? payload : { ...payload, jti: id }
  }

  async #point(index: string, name: string, id: string, expiresAt: number): Promise<void> {
    const key = KEYS.oauth(index, this.#digest(name))
    await this.#options.store.put(key, this.#seal.seal(id, key), { expiresAt })
  }

  async #follow(index: string, name: string): Promise<AdapterPayload | undefined> {
    const key = KEYS.oauth(index, this.#digest(name))
    const sealed = await this.#options.store.get(key)
    return typeof sealed === 'string' ? this.find(this.#seal.open(sealed, key)) : undefined
  }

  #key(id: string): string {
    return KEYS.oauth(this.#kind, this.#digest(id))
  }

  /** Identifiers are bearer secrets: who reads the store finds none. */
  #digest(id: string): string {
    return keyedHash(this.#hashKey, `${this.#kind} ${id}`)
  }
}

function isKept(value: JsonValue | undefined): value is Kept {
  return isObject(value) && typeof value['sealed'] === 'string'
}

function hideSecret(payload: AdapterPayload): AdapterPayload {
  return payload.client_secret === undefined ? payload : { ...payload, client_secret: hashClientSecret(payload.client_secret) }
}
