/** API keys: made, listed, rotated with overlap, revoked for every process at once, and recognised. */
import { createSecretKey, type KeyObject } from 'node:crypto'
import { Denial, Fault } from '../core/denial.ts'
import type { JsonValue } from '../core/json.ts'
import type { Credential, Principal } from '../core/principal.ts'
import { keyedHash, Secret, sha256 } from '../core/secret.ts'
import type { Clock } from '../core/time.ts'
import { KEYS } from '../store/keys.ts'
import type { Store } from '../store/store.ts'
import type { Presumed, Scheme } from './authenticate.ts'
import {
  drafted,
  type KeyRecord,
  type KeyRequest,
  type KeyView,
  NO_USE,
  principalOf,
  readRecord,
  readUse,
  rotated,
  secretBy,
  viewOf,
  writeRecord,
} from './key-record.ts'
import { isKeyLike, type KeyText, mintId, mintSecret, parseKey, writeKey } from './key-text.ts'
import { KeyUses } from './key-use.ts'

/** Two operators at once are rare, three rarer: more collisions than this are a broken store. */
const ATTEMPTS = 16
/** Principals that are kept; one is a few hundred bytes. */
const REMEMBERED_MAX = 10_000

export interface KeyOptions {
  readonly store: Store
  /** 32 bytes: `keyring.key('api-key')`. */
  readonly hashKey: Uint8Array
  readonly clock: Clock
  /** What every key starts with, `mcp`. */
  readonly prefix: string
  /** How long a key lives when its maker does not say. */
  readonly expiresMs: number
}

/** A key and, this once, its text. */
export interface IssuedKey {
  readonly key: KeyView
  readonly text: Secret
  /** Until when a still older secret was to work, which a rotation within its overlap has ended. */
  readonly endedOverlap?: number
}

/** What was made of one version of a record. */
interface Remembered {
  readonly id: string
  readonly version: number
  readonly hash: string
  readonly principal: Principal
}

export class ApiKeys implements Scheme {
  readonly #options: KeyOptions
  readonly #hashKey: KeyObject
  readonly #uses: KeyUses
  /** By key id: one principal for one version of a record. */
  readonly #remembered = new Map<string, Remembered>()
  /** By the SHA-256 of the text of a key that was found to be its current one: a tenth of the price of finding it again. */
  readonly #proved = new Map<string, Remembered>()
  readonly #understood = new Map<string, { readonly found: JsonValue; readonly record: KeyRecord }>()
  /** Stands in for a record that is not there, so that an unknown id costs what a known one costs. */
  readonly #decoy: string

  constructor(options: KeyOptions) {
    this.#options = options
    this.#hashKey = createSecretKey(options.hashKey)
    this.#uses = new KeyUses(options.store)
    const { record } = this.#draft({ name: 'decoy', roles: [], createdBy: 'decoy' })
    this.#decoy = JSON.stringify({ ...record, previous: { hash: record.hash, until: 0 } })
  }

  /** The text is in the answer and nowhere else. @throws Fault `FAULT_STORE`. */
  async create(request: KeyRequest): Promise<IssuedKey> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const { record, text } = this.#draft(request)
      if (await this.#options.store.put(KEYS.keyRecord(record.id), writeRecord(record), { onlyIfAbsent: true }))
        return this.#issued(record, text)
    }
    throw new Fault('FAULT_KEY', 'No free key id was found')
  }

  /** All keys, also revoked and expired ones, oldest first. */
  async list(): Promise<readonly KeyView[]> {
    const views: KeyView[] = []
    const now = this.#options.clock()
    let after: string | undefined
    do {
      const page = await this.#options.store.list(KEYS.keyRecords, after === undefined ? {} : { after })
      for (const { key, value } of page) {
        const id = key.slice(KEYS.keyRecords.length)
        const use = await this.#options.store.get(KEYS.keyUse(id))
        views.push(viewOf(readRecord(value, id), readUse(use), now))
      }
      after = page.at(-1)?.key
    } while (after !== undefined)
    return views.sort((left, right) => left.createdAt - right.createdAt)
  }

  /** @returns undefined when there is none. */
  async find(id: string): Promise<KeyView | undefined> {
    const value = await this.#options.store.get(KEYS.keyRecord(id))
    if (value === undefined) return undefined
    const use = await this.#options.store.get(KEYS.keyUse(id))
    return viewOf(readRecord(value, id), readUse(use), this.#options.clock())
  }

  /**
   * A new secret for the same key, with a full life. The secret before it works for `overlapMs` more, but not beyond its own expiry; of two that
   * work, the older one ends.
   * @throws Fault `FAULT_KEY` when there is no such key or it is revoked.
   */
  async rotate(id: string, overlapMs: number): Promise<IssuedKey> {
    const secret = mintSecret()
    let endedOverlap: number | undefined
    const record = await this.#change(id, (before, now) => {
      if (before.status === 'revoked') throw new Fault('FAULT_KEY', `Key ${id} is revoked; make a new one`)
      endedOverlap = viewOf(before, NO_USE, now).overlapUntil
      return rotated(before, this.#hash({ id, secret }), overlapMs, now)
    })
    return { ...this.#issued(record, this.#write({ id, secret })), ...(endedOverlap === undefined ? {} : { endedOverlap }) }
  }

  /** For good, from the next call on, on every process. Revoking twice is as good as once. @throws Fault `FAULT_KEY` when there is no such key. */
  async revoke(id: string): Promise<KeyView> {
    const record = await this.#change(id, (before, now) => {
      if (before.status === 'revoked') return before
      const { previous: _ended, ...rest } = before
      return { ...rest, status: 'revoked', revokedAt: now }
    })
    return viewOf(record, readUse(await this.#options.store.get(KEYS.keyUse(id))), this.#options.clock())
  }

  /** Not mine: undefined. @throws Denial `invalid_token`, the same to the caller whatever is wrong. */
  authenticate(credential: Credential): Promise<Principal> | undefined {
    const text = this.#textOf(credential)
    if (text === undefined) return undefined
    const proved = this.#proved.get(sha256(text))
    return proved === undefined ? this.#recognise(text) : this.#recogniseAgain(proved, text)
  }

  /** Whose key it was when it was found good last; its record is being read. @throws Denial `invalid_token` */
  presume(credential: Credential): Promise<Presumed> | Presumed | undefined {
    const text = this.#textOf(credential)
    if (text === undefined) return undefined
    const proved = this.#proved.get(sha256(text))
    if (proved === undefined) return this.#recognise(text).then((principal) => ({ principal }))
    return { principal: proved.principal, confirmed: this.#recogniseAgain(proved, text) }
  }

  /** The id of the key that a credential means to be, whether there is one or not. Nothing is looked up. */
  idOf(credential: Credential): string | undefined {
    return credential.scheme === 'dpop' ? undefined : parseKey(this.#options.prefix, credential.secret.reveal())?.id
  }

  /** Writes the counts that wait. Never rejects. */
  flush(): Promise<void> {
    return this.#uses.flush()
  }

  /** Undefined when it means to be no key. */
  #textOf({ scheme, secret }: Credential): string | undefined {
    const text = secret.reveal()
    if (scheme !== 'api-key' && !isKeyLike(this.#options.prefix, text)) return undefined
    // Refused here, or a later scheme would show the key to whoever it asks about tokens.
    if (scheme === 'dpop') throw refused('an API key was presented as a bound token')
    return text
  }

  async #recognise(text: string): Promise<Principal> {
    const key = parseKey(this.#options.prefix, text)
    if (key === undefined) throw refused('the API key is malformed')
    const found = await this.#options.store.get(KEYS.keyRecord(key.id))
    const record = this.#read(found, key.id)
    const principal = this.#verify(record, key, found !== undefined)
    return this.#admit(record, principal)
  }

  /** The record is read each time; only what was made of the very same version of it is used again. */
  async #recogniseAgain(proved: Remembered, text: string): Promise<Principal> {
    const { id, version, hash, principal } = proved
    try {
      const record = this.#read(await this.#options.store.get(KEYS.keyRecord(id)), id)
      return record.version === version && record.hash === hash ? this.#admit(record, principal) : await this.#recognise(text)
    } catch (error) {
      // Who was refused is presumed to be nobody, and looked at whole.
      if (error instanceof Denial) this.#proved.delete(sha256(text))
      throw error
    }
  }

  /** The key is the right one; is it still good? */
  #admit({ id, status, expiresAt }: KeyRecord, principal: Principal): Principal {
    const now = this.#options.clock()
    if (status === 'revoked') throw refused(`key ${id} is revoked`, id, true)
    if (expiresAt <= now) throw refused(`key ${id} has expired`, id, true)
    this.#uses.count(id, now)
    return principal
  }

  /** What was read, understood; a store may answer the very same value for an unchanged record, and then it is understood already. */
  #read(found: JsonValue | undefined, id: string): KeyRecord {
    if (found === undefined) return JSON.parse(this.#decoy) as KeyRecord // the decoy is ours
    const known = this.#understood.get(id)
    if (known?.found === found) return known.record
    const record = readRecord(found, id)
    if (this.#understood.size >= REMEMBERED_MAX) this.#understood.clear()
    this.#understood.set(id, { found, record })
    return record
  }

  #verify(record: KeyRecord, key: KeyText, isKnown: boolean): Principal {
    // Looked up also for an unknown id: what is wrong must not show in the time.
    const found = secretBy(this.#hash(key), record, this.#options.clock())
    if (!isKnown) throw refused(`no key has the id ${key.id}`, key.id)
    if (found === undefined) throw refused(`the secret of key ${key.id} is wrong`, key.id)
    if (found === 'former') throw refused(`the secret of key ${key.id} was rotated away`, key.id, true)
    const remembered = this.#remember(record)
    if (this.#proved.size >= REMEMBERED_MAX) this.#proved.clear()
    if (found === 'current') this.#proved.set(sha256(writeKey(this.#options.prefix, key)), remembered)
    return remembered.principal
  }

  /** One principal as long as the record does not change: others may remember things by it. */
  #remember(record: KeyRecord): Remembered {
    const { id, version, hash } = record
    const known = this.#remembered.get(id)
    if (known?.version === version && known.hash === hash) return known
    const fresh = { id, version, hash, principal: principalOf(record) }
    if (this.#remembered.size >= REMEMBERED_MAX) this.#remembered.clear()
    this.#remembered.set(id, fresh)
    return fresh
  }

  /** Compare-and-set: of two changes at once neither is lost. */
  async #change(id: string, change: (before: KeyRecord, now: number) => KeyRecord): Promise<KeyRecord> {
    const { store, clock } = this.#options
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const found = await store.get(KEYS.keyRecord(id))
      if (found === undefined) throw new Fault('FAULT_KEY', `There is no key ${id}`)
      const before = readRecord(found, id)
      const changed = change(before, clock())
      if (changed === before) return before
      const after: KeyRecord = { ...changed, version: before.version + 1 }
      if (await store.put(KEYS.keyRecord(id), writeRecord(after), { onlyIf: found })) return after
    }
    throw new Fault('FAULT_KEY', `Key ${id} is being changed by others; try again`)
  }

  #draft(request: KeyRequest): { readonly record: KeyRecord; readonly text: Secret } {
    const key = { id: mintId(), secret: mintSecret() }
    const { clock, expiresMs } = this.#options
    const record = drafted(request, { id: key.id, hash: this.#hash(key), lifetimeMs: request.expiresMs ?? expiresMs, now: clock() })
    return { record, text: this.#write(key) }
  }

  #issued(record: KeyRecord, text: Secret): IssuedKey {
    return { key: viewOf(record, NO_USE, this.#options.clock()), text }
  }

  #write(key: KeyText): Secret {
    return new Secret(writeKey(this.#options.prefix, key))
  }

  /** Of id and secret together, so that a hash copied to another record opens nothing. */
  #hash({ id, secret }: KeyText): string {
    return keyedHash(this.#hashKey, `${id}_${secret}`)
  }
}

function refused(detail: string, key?: string, isStale = false): Denial {
  return new Denial('invalid_token', { detail, remedies: [{ kind: 'authenticate' }], isStale, ...(key === undefined ? {} : { key }) })
}
