/** TokenManager: somebody else's problem. It finds out whose tokens a server takes, gets them, keeps them, renews them in time. */
import type { DPoPHandle } from 'oauth4webapi'
import * as oidc from 'openid-client'
import { Fault } from '../core/denial.ts'
import { untilAborted } from '../core/signal.ts'
import type { Clock } from '../core/time.ts'
import type { GuardedFetch } from '../net/fetch.ts'
import { remember } from '../trust/remember.ts'
import type { Challenge } from './challenge.ts'
import { type ClientWorld, forgetClient, standingClient } from './client.ts'
import { obtain, refresh } from './grants.ts'
import { Network } from './network.ts'
import { checkOptions, type Grant, type TokenManagerOptions } from './options.ts'
import { createProofKey, holds, openProofKey, type Place, type ProofKey, recordOf, type TokenRecord, TokenRecords } from './record.ts'
import { refusedWith } from './refusal.ts'
import { discoverResource, isSafe, type ResourceMetadata, serverOf } from './resource.ts'
import { discoverLegacy, discoverServer, type ServerMetadata } from './server.ts'
import { memoryStorage, type TokenStorage } from './storage.ts'

/** So long before its end a token is renewed; one that lives shorter, at the half of its life. */
const EARLY_MS = 30_000
/** Servers, and issuers, that are known at once; of the others it is read again. */
const SERVERS_MAX = 1_000

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

interface Held {
  readonly place: Place
  readonly record: TokenRecord
  readonly token: Token
}

/** Gets tokens for the servers that are called, keeps them, and renews them in time, once for all who wait. Dispose of it when no more calls are made. */
export class TokenManager implements AsyncDisposable {
  readonly #options: TokenManagerOptions
  readonly #grant: Grant
  readonly #storage: TokenStorage
  readonly #records: TokenRecords
  readonly #clock: Clock
  readonly #network: Network
  readonly #held = new Map<string, Held>()
  readonly #metadata = new Map<string, ServerMetadata>()
  /** What is under way, by server: many callers, one flight. */
  readonly #flights = new Map<string, Promise<Held>>()
  readonly #closing = new AbortController()

  /** @throws TypeError when the options are not what they must be, saying which. */
  constructor(options: TokenManagerOptions = {}) {
    checkOptions(options)
    this.#options = options
    this.#grant = options.grant ?? { kind: 'sign_in' }
    this.#storage = options.storage ?? memoryStorage()
    this.#records = new TokenRecords(this.#storage, options.account ?? '')
    this.#clock = options.clock ?? Date.now
    this.#network = new Network(options.network)
  }

  /**
   * The token for a server, renewed when it is about to end. Undefined when there is none: the server will say what it wants.
   * @throws Fault `FAULT_STORE`, `FAULT_SEAL`; never because a renewal failed while the token still lives.
   */
  async token(url: string | URL): Promise<Token | undefined> {
    const server = serverOf(url)
    const held = this.#held.get(server.href) ?? (await this.#read(server))
    if (held === undefined) return undefined
    const { obtainedAt, expiresAt, refreshToken } = held.record
    const now = this.#clock()
    if (expiresAt === undefined || now < expiresAt - Math.min(EARLY_MS, (expiresAt - obtainedAt) / 2)) return held.token
    if (refreshToken === undefined && this.#asksSomebody) return now < expiresAt ? held.token : undefined
    try {
      const start = refreshToken === undefined ? () => this.#renew(server, undefined, undefined) : () => this.#refresh(server, held)
      return (await this.#fly(server, start)).token
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      return now < expiresAt ? held.token : undefined
    }
  }

  /**
   * A token that the server has not refused: refreshed, or got anew by the grant.
   * @param challenge what the server demands; its scopes are asked for together with those that were granted before (SEP-2350).
   * @param refused the access token that was refused. When another one is there meanwhile, that is it.
   * @throws Fault `FAULT_DISCOVERY`, `FAULT_SIGN_IN`, `FAULT_CLIENT_REGISTRATION`, `FAULT_BROWSER`, `FAULT_FETCH`, `FAULT_FETCH_REFUSED`, `FAULT_CLOSED`
   */
  async renew(url: string | URL, challenge?: Challenge, refused?: string): Promise<Token> {
    const server = serverOf(url)
    if (!isSafe(server)) throw new Fault('FAULT_SIGN_IN', `${server.origin}: tokens go over https alone, or stay on this machine`)
    const known = this.#held.get(server.href)
    const isStepUp = challenge?.error === 'insufficient_scope'
    const isAnother = known !== undefined && known.record.accessToken !== refused && this.#lives(known)
    if (isAnother && !(isStepUp && !holds(known.record, challenge.scopes))) return known.token
    return (await this.#fly(server, () => this.#renew(server, challenge, refused))).token
  }

  /** Forgets the tokens for a server, and ends them where they were issued (RFC 7009) when that can be done. @returns whether there were any. */
  async forget(url: string | URL): Promise<boolean> {
    const server = serverOf(url)
    const held = await this.#read(server)
    this.#held.delete(server.href)
    if (held === undefined) return false
    await this.#records.delete(held.place)
    const fetch = this.#network.for(server)
    const metadata = await this.#serverMetadata(held.place.issuer, fetch).catch(() => undefined)
    const ending = held.record.refreshToken ?? held.record.accessToken
    if (metadata?.revocation_endpoint !== undefined) {
      const configuration = await standingClient(held.record.client, this.#options, metadata, this.#world(fetch))
      // What cannot be ended there ends by itself; here it is gone already.
      await oidc.tokenRevocation(configuration, ending).catch(() => undefined)
    }
    return true
  }

  /** Ends what is under way: a sign-in is waited for no longer, and calls that wait reject with Fault `FAULT_CLOSED`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Fault('FAULT_CLOSED', 'The token manager was disposed of: nobody waits for a token any more'))
    await this.#network[Symbol.asyncDispose]()
  }

  /** Whether a new token costs a person's attention, or cannot be had at all. */
  get #asksSomebody(): boolean {
    return this.#grant.kind === 'sign_in' || this.#grant.kind === 'stored'
  }

  #lives({ record }: Held): boolean {
    return record.expiresAt === undefined || this.#clock() < record.expiresAt
  }

  #fly(server: URL, start: () => Promise<Held>): Promise<Held> {
    const under = this.#flights.get(server.href)
    if (under !== undefined) return under
    const flight = untilAborted(this.#closing.signal, start).finally(() => this.#flights.delete(server.href))
    this.#flights.set(server.href, flight)
    return flight
  }

  async #read(server: URL): Promise<Held | undefined> {
    const place = await this.#records.place(server)
    const record = place === undefined ? undefined : await this.#records.get(place)
    if (place === undefined || record === undefined) return undefined
    return await this.#hold(server, place, record)
  }

  async #hold(server: URL, place: Place, record: TokenRecord, handle?: DPoPHandle): Promise<Held> {
    const before = this.#held.get(server.href)
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
    remember(this.#held, server.href, held, SERVERS_MAX)
    return held
  }

  /** Somebody else, perhaps another process, may have renewed it: what is kept is read first. */
  async #refresh(server: URL, known: Held): Promise<Held> {
    const now = (await this.#read(server)) ?? known
    if (now.record.accessToken !== known.record.accessToken) return now
    if (now.record.refreshToken === undefined) throw new Fault('FAULT_SIGN_IN', `The token for ${server.href} has ended`)
    const { place, record, token } = now
    const fetch = this.#network.for(server)
    const metadata = await this.#serverMetadata(place.issuer, fetch)
    const configuration = await standingClient(record.client, this.#options, metadata, this.#world(fetch))
    const response = await refresh(configuration, now.record.refreshToken, { metadata, resource: place.resource, dpop: token.dpop })
    return await this.#keep(
      server,
      place,
      recordOf(response, { client: record.client, scopes: record.scopes, key: record.key, before: record, now: this.#clock() }),
      token.dpop,
    )
  }

  async #keep(server: URL, place: Place, record: TokenRecord, dpop: DPoPHandle | undefined): Promise<Held> {
    await this.#records.put(place, record)
    await this.#records.putPlace(server, place)
    return await this.#hold(server, place, record, dpop)
  }

  async #renew(server: URL, challenge: Challenge | undefined, refused: string | undefined): Promise<Held> {
    const fetch = this.#network.for(server)
    const described = await discoverResource(server, challenge?.resourceMetadata, fetch)
    const { place, metadata } = await this.#locate(server, described, fetch)
    const record = await this.#records.get(place)
    const kept = record === undefined ? undefined : await this.#hold(server, place, record)
    const isStepUp = challenge?.error === 'insufficient_scope'
    if (kept !== undefined && !isStepUp) {
      if (refused !== undefined && kept.record.accessToken !== refused && this.#lives(kept)) return kept
      const refreshed = await this.#tryRefresh(server, kept)
      if (refreshed !== undefined) return refreshed
    }
    return await this.#obtain(server, { place, metadata, described, challenge, before: kept?.record, fetch })
  }

  /** @returns undefined when the grant has to be asked again. */
  async #tryRefresh(server: URL, kept: Held): Promise<Held | undefined> {
    if (kept.record.refreshToken === undefined) return undefined
    try {
      return await this.#refresh(server, kept)
    } catch (error) {
      const code = refusedWith(error)
      if (code === undefined) throw error
      // Another process with the same storage was quicker: what it was given stands.
      const now = await this.#read(server)
      if (now !== undefined && now.record.accessToken !== kept.record.accessToken) return now
      if (code === 'invalid_client') await forgetClient(kept.place.issuer, this.#world(this.#network.for(server)))
      await this.#records.delete(kept.place)
      return undefined
    }
  }

  async #obtain(
    server: URL,
    found: {
      readonly place: Place
      readonly metadata: ServerMetadata
      readonly described: ResourceMetadata | undefined
      readonly challenge: Challenge | undefined
      readonly before: TokenRecord | undefined
      readonly fetch: GuardedFetch
    },
  ): Promise<Held> {
    const { place, metadata, described, challenge, before, fetch } = found
    // What the server offers is asked for once; from then on, what it demands (SEP-835).
    const offered = before === undefined ? (described?.scopes ?? []) : []
    const demanded = challenge !== undefined && challenge.scopes.length > 0 ? challenge.scopes : offered
    const scopes = [...new Set([...(before?.scopes ?? []), ...demanded, ...(this.#options.scopes ?? [])])]
    const key = await this.#keyFor(metadata, described, challenge)
    const { configuration, response } = await obtain(this.#grant, {
      metadata,
      resource: place.resource,
      scopes,
      dpop: key?.handle,
      options: this.#options,
      world: this.#world(fetch),
    })
    return await this.#keep(
      server,
      place,
      recordOf(response, { client: configuration.clientMetadata().client_id, scopes, key: key?.jwk, now: this.#clock() }),
      key?.handle,
    )
  }

  async #keyFor(
    metadata: ServerMetadata,
    described: ResourceMetadata | undefined,
    challenge: Challenge | undefined,
  ): Promise<ProofKey | undefined> {
    const isBound = this.#options.dpop === true || described?.isBound === true || challenge?.scheme === 'dpop'
    return isBound ? await createProofKey(metadata.dpop_signing_alg_values_supported, metadata.issuer) : undefined
  }

  /** Whose tokens it takes. Of several issuers the one that the client is registered at, else the first. */
  async #locate(
    server: URL,
    described: ResourceMetadata | undefined,
    fetch: GuardedFetch,
  ): Promise<{ readonly place: Place; readonly metadata: ServerMetadata }> {
    if (described === undefined) {
      if (this.#options.legacyDiscovery !== true)
        throw new Fault('FAULT_DISCOVERY', `${server.href} does not say who issues tokens for it (RFC 9728): it may take API keys alone`)
      const metadata = await discoverLegacy(server, fetch)
      remember(this.#metadata, metadata.issuer, metadata, SERVERS_MAX)
      return { place: { issuer: metadata.issuer }, metadata }
    }
    const wanted = this.#grant.kind === 'workload' ? this.#grant.issuer : this.#options.client?.issuer
    const issuer = described.issuers.find((name) => name === wanted) ?? described.issuers[0]
    this.#metadata.delete(issuer)
    return { place: { issuer, resource: described.resource }, metadata: await this.#serverMetadata(issuer, fetch) }
  }

  async #serverMetadata(issuer: string, fetch: GuardedFetch): Promise<ServerMetadata> {
    const known = this.#metadata.get(issuer)
    if (known !== undefined) return known
    const metadata = await discoverServer(issuer, fetch)
    remember(this.#metadata, issuer, metadata, SERVERS_MAX)
    return metadata
  }

  #world(fetch: GuardedFetch): ClientWorld {
    return { fetch, storage: this.#storage, clock: this.#clock, closing: this.#closing.signal }
  }
}
