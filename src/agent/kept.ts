/** Kept: the tokens of one account, at hand in memory, and put away where other processes find them. */
import type { DPoPHandle } from 'oauth4webapi'
import { Fault } from '../core/denial.ts'
import { remember } from '../trust/remember.ts'
import type { Brought } from './errands.ts'
import { keyOf, openProofKey, type Place, type TokenRecord, type TokenRecords } from './record.ts'

/** Servers, and tokens, that are at hand at once; others are read again. */
const AT_HAND_MAX = 1_000

/** What a call to a server is made with. */
export interface Token {
  readonly accessToken: string
  /** Proves possession of the key that the token is bound to (RFC 9449); absent for bearer tokens. */
  readonly dpop?: DPoPHandle
  readonly scopes: readonly string[]
  /** Milliseconds since the epoch. */
  readonly expiresAt?: number
  readonly issuer: string
  /** Absent for servers of revision 2025-03-26. */
  readonly resource?: string
}

export interface Held {
  readonly place: Place
  readonly record: TokenRecord
  readonly token: Token
}

/** What could not be put away yet. */
interface Unsaved {
  readonly server: URL
  readonly place: Place
  readonly record: TokenRecord
}

/** Its verbs reject with Fault `FAULT_STORE`, or `FAULT_SEAL`, as the storage does. */
export class KeptTokens {
  readonly #records: TokenRecords
  /** By server: several may be one resource, and have its tokens in common. */
  readonly #places = new Map<string, Place>()
  /** By place, as below. */
  readonly #held = new Map<string, Held>()
  readonly #unsaved = new Map<string, Unsaved>()

  constructor(records: TokenRecords) {
    this.#records = records
  }

  /** What is at hand. */
  at(server: URL): Held | undefined {
    const place = this.#places.get(server.href)
    return place === undefined ? undefined : this.#held.get(keyOf(place))
  }

  /** What is at hand, or put away. */
  async find(server: URL): Promise<Held | undefined> {
    const place = this.#places.get(server.href) ?? (await this.#records.place(server))
    if (place === undefined) return undefined
    this.#point(server, place)
    const unsaved = this.#unsaved.get(keyOf(place))
    if (unsaved !== undefined) await this.#trySave(unsaved)
    return this.#held.get(keyOf(place)) ?? (await this.read(place))
  }

  /** What is put away now, whoever did that. */
  async reread(server: URL): Promise<Held | undefined> {
    const place = await this.#records.place(server)
    if (place === undefined) {
      this.#places.delete(server.href)
      return undefined
    }
    this.#point(server, place)
    return await this.read(place)
  }

  async read(place: Place): Promise<Held | undefined> {
    const key = keyOf(place)
    const unsaved = this.#unsaved.get(key)
    if (unsaved !== undefined) {
      await this.#trySave(unsaved)
      return this.#held.get(key)
    }
    const before = this.#held.get(key)
    const record = await this.#records.get(place)
    // What came meanwhile is newer than what was read.
    if (this.#held.get(key) !== before) return this.#held.get(key)
    if (record !== undefined) return await this.#hold(place, record)
    this.#held.delete(key)
    return undefined
  }

  /** Tokens that are at hand already are also for this server. */
  async link(server: URL, place: Place): Promise<void> {
    const known = this.#places.get(server.href)
    if (known !== undefined && keyOf(known) === keyOf(place)) return
    await this.#records.putPlace(server, place)
    this.#point(server, place)
  }

  /**
   * At hand at once. What cannot be put away now is when it is next asked for, or at the end.
   * @param spent what it is in place of: when that is not there any more, what somebody else has put there stays.
   * @returns what there is now; undefined when there was something, and it was taken away.
   */
  async keep(server: URL, place: Place, { record, dpop }: Brought, spent?: TokenRecord): Promise<Held | undefined> {
    if (spent !== undefined) {
      const now = await this.#records.get(place).catch(away)
      if (now !== AWAY && !this.#unsaved.has(keyOf(place)) && now?.accessToken !== spent.accessToken) {
        if (now !== undefined) return await this.#hold(place, now)
        this.#held.delete(keyOf(place))
        return undefined
      }
    }
    const held = await this.#hold(place, record, dpop)
    this.#point(server, place)
    const unsaved = { server, place, record }
    this.#unsaved.set(keyOf(place), unsaved)
    await this.#trySave(unsaved)
    return held
  }

  async delete(place: Place): Promise<void> {
    this.#unsaved.delete(keyOf(place))
    this.#held.delete(keyOf(place))
    await this.#records.delete(place)
  }

  /** @returns what was there. */
  async forget(server: URL): Promise<Held | undefined> {
    const held = await this.reread(server)
    this.#places.delete(server.href)
    if (held !== undefined) await this.delete(held.place)
    return held
  }

  /** The last attempt to put away what could not be. */
  async flush(): Promise<void> {
    for (const unsaved of this.#unsaved.values()) await this.#save(unsaved)
  }

  #point(server: URL, place: Place): void {
    remember(this.#places, server.href, place, AT_HAND_MAX)
  }

  async #trySave(unsaved: Unsaved): Promise<void> {
    await this.#save(unsaved).catch(away)
  }

  async #save(unsaved: Unsaved): Promise<void> {
    const { server, place, record } = unsaved
    await this.#records.put(place, record)
    await this.#records.putPlace(server, place)
    if (this.#unsaved.get(keyOf(place)) === unsaved) this.#unsaved.delete(keyOf(place))
  }

  async #hold(place: Place, record: TokenRecord, handle?: DPoPHandle): Promise<Held> {
    const before = this.#held.get(keyOf(place))
    // The handle knows the server's nonces: it lives as long as the key.
    const kept = before?.record.key?.['x'] === record.key?.['x'] ? before?.token.dpop : undefined
    const dpop = handle ?? kept ?? (record.key === undefined ? undefined : await openProofKey(record.key))
    const token: Token = {
      accessToken: record.accessToken,
      scopes: record.scopes,
      issuer: place.issuer,
      ...(place.resource === undefined ? {} : { resource: place.resource }),
      ...(record.expiresAt === undefined ? {} : { expiresAt: record.expiresAt }),
      ...(dpop === undefined ? {} : { dpop }),
    }
    const held = { place, record, token }
    remember(this.#held, keyOf(place), held, AT_HAND_MAX)
    return held
  }
}

const AWAY = Symbol('the storage is away')

function away(error: unknown): typeof AWAY {
  if (!(error instanceof Fault)) throw error
  return AWAY
}
