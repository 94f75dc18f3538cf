/** An issuer whose tokens are believed: its keys, kept fresh behind the back of the calls, and never longer than we may trust them. */
import type { KeyObject } from 'node:crypto'
import { Fault } from '../core/denial.ts'
import type { Entry } from '../core/event.ts'
import type { Secret } from '../core/secret.ts'
import type { Clock } from '../core/time.ts'
import type { GuardedFetch } from '../net/fetch.ts'
import { readDocument } from './document.ts'
import { createIntrospection, type Introspected } from './introspection.ts'
import { type Alg, isAlg } from './jwk.ts'
import { type KeySet, NO_KEYS, readKeySet } from './jwks.ts'
import { discover, type Metadata } from './metadata.ts'

/** Keys are asked for again, while the old ones still serve, after: a removed key is gone within it. */
const REFRESH_MS = 10 * 60_000
/** Between two attempts, however many tokens name keys that are not known: strangers choose those names. */
const COOL_DOWN_MS = 30_000
/** While an issuer is down its last keys serve this long, and no longer: whoever can hold it down must not keep a stolen key alive. */
const MAX_STALE_MS = 4 * 60 * 60_000
/** Metadata says where the keys are, which changes less often than they do. */
const METADATA_MS = 60 * 60_000
const KEY_SET_MAX_BYTES = 512 * 1024

export interface IssuerConfig {
  /** As its tokens say it, character by character. */
  readonly issuer: string
  /** What its tokens may be signed with. */
  readonly algorithms: readonly Alg[]
  /** Where its keys are, when it has no metadata. */
  readonly jwksUri?: string
  readonly refreshMs?: number
  readonly coolDownMs?: number
  readonly maxStaleMs?: number
  /** How opaque tokens are asked about (RFC 7662). */
  readonly introspection?: {
    readonly clientId: string
    readonly clientSecret: Secret
    /** Default: the one in its metadata. */
    readonly endpoint?: string
    /** How long a yes is remembered, milliseconds; default 30 s. */
    readonly cacheMs?: number
  }
}

export interface IssuerDependencies {
  readonly fetch: Pick<GuardedFetch, 'request'>
  readonly clock: Clock
  /** `issuer.refreshed` when keys changed or it is back, `issuer.failed` when it went away. */
  readonly onEvent: (entry: Entry) => void
}

/** Of a token's header, what says which key. */
export interface KeyHeader {
  readonly alg: string
  readonly kid?: string
}

export interface Issuer {
  readonly issuer: string
  readonly algorithms: readonly Alg[]
  /**
   * Changes whenever the keys do, and when they have become too old: what was verified under another one is to be verified again.
   * Take it before verifying. Reading it has the keys refreshed when that is due, so that it is true also when nobody asks for a key.
   */
  readonly revision: number
  /**
   * At once when the key is known. Else the keys are fetched, at most once a cool-down; undefined when the issuer has no such key.
   * The key is fit for `header.alg`. Throws, or rejects with, Fault `FAULT_ISSUER` when the issuer is down and cannot be asked.
   */
  keyFor(header: KeyHeader): KeyObject | undefined | Promise<KeyObject | undefined>
  /** Fetches the keys now, unless that was just done: at start, so that the first call need not wait. @throws Fault `FAULT_ISSUER` */
  warm(): Promise<void>
  /** Present when introspection is configured. @throws Fault `FAULT_INTROSPECTION` */
  readonly introspect?: (token: string) => Introspected | Promise<Introspected>
}

/** @throws Fault `FAULT_CONFIG` when the issuer is no URL or an algorithm is not asymmetric. */
export function createIssuer(config: IssuerConfig, dependencies: IssuerDependencies): Issuer {
  const { issuer, algorithms, introspection } = config
  if (!URL.canParse(issuer)) throw new Fault('FAULT_CONFIG', `Issuer "${issuer}" is no URL`)
  const unknown = algorithms.find((alg) => !isAlg(alg))
  if (unknown !== undefined || algorithms.length === 0)
    throw new Fault('FAULT_CONFIG', `Issuer ${issuer}: ${unknown ?? 'no algorithm'} is not an asymmetric signature algorithm`)
  const source = new Source(config, dependencies)
  const keys = new Keys(config, dependencies, source)
  return {
    issuer,
    algorithms,
    get revision() {
      return keys.revision
    },
    keyFor: (header) => keys.keyFor(header),
    warm: () => keys.warm(),
    ...(introspection === undefined
      ? {}
      : { introspect: createIntrospection({ issuer, ...introspection, locate: () => source.introspectionEndpoint() }, dependencies) }),
  }
}

/** How long ago; a clock that was set back says nothing, so then it was long ago. */
const since = (now: number, at: number): number => (now < at ? Number.POSITIVE_INFINITY : now - at)

/** Where things of the issuer are. */
class Source {
  readonly #config: IssuerConfig
  readonly #dependencies: IssuerDependencies
  #metadata: Metadata | undefined
  #readAt = Number.NEGATIVE_INFINITY

  constructor(config: IssuerConfig, dependencies: IssuerDependencies) {
    this.#config = config
    this.#dependencies = dependencies
  }

  async keySet(): Promise<KeySet> {
    const { issuer, algorithms } = this.#config
    const uri = this.#config.jwksUri ?? (await this.#current()).jwksUri
    if (uri === undefined) throw new Fault('FAULT_ISSUER', `The metadata of ${issuer} names no key set`)
    const headers = { accept: 'application/jwk-set+json, application/json' }
    const what = `The key set of ${issuer}`
    try {
      const fetched = await this.#dependencies.fetch.request(uri, { headers, maxBytes: KEY_SET_MAX_BYTES })
      return readKeySet(readDocument(fetched, what), algorithms, what)
    } catch (error) {
      // Perhaps it has moved.
      this.#metadata = undefined
      throw error
    }
  }

  async introspectionEndpoint(): Promise<string> {
    const { introspectionEndpoint } = await this.#current()
    if (introspectionEndpoint !== undefined) return introspectionEndpoint
    throw new Fault('FAULT_INTROSPECTION', `The metadata of ${this.#config.issuer} names no introspection endpoint`)
  }

  async #current(): Promise<Metadata> {
    const now = this.#dependencies.clock()
    if (this.#metadata !== undefined && since(now, this.#readAt) < METADATA_MS) return this.#metadata
    this.#metadata = await discover(this.#config.issuer, this.#dependencies.fetch)
    this.#readAt = now
    return this.#metadata
  }
}

class Keys {
  readonly #issuer: string
  readonly #dependencies: IssuerDependencies
  readonly #source: Source
  readonly #algorithms: ReadonlySet<string>
  readonly #refreshMs: number
  readonly #coolDownMs: number
  readonly #maxStaleMs: number
  #set = NO_KEYS
  #revision = 0
  #fetchedAt = Number.NEGATIVE_INFINITY
  #triedAt = Number.NEGATIVE_INFINITY
  #failure: Fault | undefined
  #pending: Promise<void> | undefined

  constructor(config: IssuerConfig, dependencies: IssuerDependencies, source: Source) {
    this.#issuer = config.issuer
    this.#dependencies = dependencies
    this.#source = source
    this.#algorithms = new Set(config.algorithms)
    this.#refreshMs = config.refreshMs ?? REFRESH_MS
    this.#coolDownMs = config.coolDownMs ?? COOL_DOWN_MS
    this.#maxStaleMs = config.maxStaleMs ?? MAX_STALE_MS
  }

  get revision(): number {
    this.#freshen(this.#dependencies.clock())
    return this.#revision
  }

  keyFor({ alg, kid }: KeyHeader): KeyObject | undefined | Promise<KeyObject | undefined> {
    if (!this.#algorithms.has(alg)) return undefined
    const now = this.#dependencies.clock()
    this.#freshen(now)
    const known = this.#set.find(alg, kid)
    if (known !== undefined) return known
    if (this.#pending === undefined && this.#isCooling(now)) return this.#answer(alg, kid)
    return this.#refresh(now).then(() => this.#answer(alg, kid))
  }

  async warm(): Promise<void> {
    const now = this.#dependencies.clock()
    if (this.#pending !== undefined || !this.#isCooling(now)) await this.#refresh(now)
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Known, or not known to an issuer that was heard: else nobody can tell, and that is not a no. */
  #answer(alg: string, kid: string | undefined): KeyObject | undefined {
    const key = this.#set.find(alg, kid)
    if (key === undefined && this.#failure !== undefined) throw this.#failure
    return key
  }

  #isCooling(now: number): boolean {
    return since(now, this.#triedAt) < this.#coolDownMs
  }

  /** Drops keys that are too old, and has them fetched again when it is time. */
  #freshen(now: number): void {
    const age = since(now, this.#fetchedAt)
    if (age < this.#refreshMs) return
    if (age >= this.#maxStaleMs && this.#set !== NO_KEYS) {
      this.#set = NO_KEYS
      this.#revision++
    }
    if (this.#set !== NO_KEYS && this.#pending === undefined && !this.#isCooling(now)) void this.#refresh(now)
  }

  /** One at a time. Never rejects: what went wrong is in `#failure`. */
  #refresh(now: number): Promise<void> {
    if (this.#pending !== undefined) return this.#pending
    this.#triedAt = now
    this.#pending = this.#source
      .keySet()
      .then(
        (set) => this.#take(set, now),
        (error: unknown) => this.#fail(error),
      )
      .finally(() => {
        this.#pending = undefined
      })
    return this.#pending
  }

  #take(set: KeySet, now: number): void {
    const isChanged = set.digest !== this.#set.digest || this.#set === NO_KEYS
    const isBack = this.#failure !== undefined
    this.#fetchedAt = now
    this.#failure = undefined
    if (isChanged) {
      this.#set = set
      this.#revision++
    }
    if (!isChanged && !isBack) return
    const without = set.leftOut.length === 0 ? '' : `; left out: ${set.leftOut.join(', ')}`
    this.#dependencies.onEvent({ type: 'issuer.refreshed', detail: `${this.#issuer}: ${set.size} keys${without}` })
  }

  #fail(error: unknown): void {
    const wasDown = this.#failure !== undefined
    const why = error instanceof Error ? error.message : String(error)
    this.#failure = new Fault('FAULT_ISSUER', `The keys of ${this.#issuer} cannot be read: ${why}`, { cause: error })
    if (!wasDown) this.#dependencies.onEvent({ type: 'issuer.failed', detail: this.#failure.message })
  }
}
