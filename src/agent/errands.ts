/** Errands: what is asked of an authorization server for one place of tokens. */
import type { DPoPHandle } from 'oauth4webapi'
import * as oidc from 'openid-client'
import { Fault } from '../core/denial.ts'
import type { Clock } from '../core/time.ts'
import type { GuardedFetch } from '../net/fetch.ts'
import type { Busy } from './busy.ts'
import type { Challenge } from './challenge.ts'
import { type ClientWorld, forgetClient, standingClient } from './client.ts'
import { obtain, refresh } from './grants.ts'
import type { Located, Locator } from './locator.ts'
import type { Grant, TokenManagerOptions } from './options.ts'
import { createProofKey, type Place, type ProofKey, recordOf, type TokenRecord } from './record.ts'
import type { TokenStorage } from './storage.ts'

/** What they are done with: the manager's own. */
export interface ErrandParts {
  readonly options: TokenManagerOptions
  readonly grant: Grant
  readonly storage: TokenStorage
  readonly clock: Clock
  readonly locator: Locator
  readonly busy: Busy
  readonly closing: AbortSignal
}

/** What an errand brings. */
export interface Brought {
  readonly record: TokenRecord
  readonly dpop: DPoPHandle | undefined
}

export class Errands {
  readonly #parts: ErrandParts

  constructor(parts: ErrandParts) {
    this.#parts = parts
  }

  /** @throws Fault `FAULT_SIGN_IN` and others; `refusedWith` tells the code of a refusal. */
  async refresh(place: Place, before: TokenRecord, dpop: DPoPHandle | undefined, fetch: GuardedFetch): Promise<Brought> {
    const { options, locator, clock } = this.#parts
    const { refreshToken, client, scopes, key } = before
    if (refreshToken === undefined) throw new Fault('FAULT_SIGN_IN', `The token for ${place.resource ?? place.issuer} has ended`)
    return await this.#ask(place, async () => {
      const metadata = await locator.metadataOf(place.issuer, fetch)
      const configuration = await standingClient(client, options, metadata, this.#world(fetch))
      const response = await refresh(configuration, refreshToken, { metadata, resource: place.resource, dpop })
      return { record: recordOf(response, { client, scopes, key, before, now: clock() }), dpop }
    })
  }

  /**
   * By the grant, whatever there was before.
   * @param challenges all that the server demands: everything is asked for at once, together with what was granted before (SEP-2350).
   * @throws Fault `FAULT_SIGN_IN`, `FAULT_CLIENT_REGISTRATION`, `FAULT_BROWSER`, `FAULT_FETCH`, `FAULT_FETCH_REFUSED`
   */
  async obtain(
    { place, metadata, described }: Located,
    before: TokenRecord | undefined,
    challenges: readonly Challenge[],
    fetch: GuardedFetch,
  ): Promise<Brought> {
    const { options, grant, clock } = this.#parts
    const named = challenges.flatMap(({ scopes }) => scopes)
    // What the server offers is asked for once; from then on, what it demands (SEP-835).
    const offered = before === undefined ? (described?.scopes ?? []) : []
    const demanded = named.length > 0 ? named : offered
    const scopes = [...new Set([...(before?.scopes ?? []), ...demanded, ...(options.scopes ?? [])])]
    const isBound = options.dpop === true || described?.isBound === true || challenges.some(({ scheme }) => scheme === 'dpop')
    const algorithms = metadata.dpop_signing_alg_values_supported
    const key: ProofKey | undefined = isBound ? await createProofKey(algorithms, metadata.issuer) : undefined
    const wish = { metadata, resource: place.resource, scopes, dpop: key?.handle, options, world: this.#world(fetch) }
    const { configuration, response } = await this.#ask(place, () => obtain(grant, wish))
    const client = configuration.clientMetadata().client_id
    return { record: recordOf(response, { client, scopes, key: key?.jwk, now: clock() }), dpop: key?.handle }
  }

  /** Ends tokens where they were issued (RFC 7009), when that can be done: what cannot be ended there ends by itself. */
  async end({ issuer }: Place, { client, refreshToken, accessToken }: TokenRecord, fetch: GuardedFetch): Promise<void> {
    try {
      const metadata = await this.#parts.locator.metadataOf(issuer, fetch)
      if (metadata.revocation_endpoint === undefined) return
      const configuration = await standingClient(client, this.#parts.options, metadata, this.#world(fetch))
      await oidc.tokenRevocation(configuration, refreshToken ?? accessToken)
    } catch {
      return
    }
  }

  /** The authorization server knows the client no more: it is registered anew, next time. */
  async forgetClient({ issuer }: Place, fetch: GuardedFetch): Promise<void> {
    await forgetClient(issuer, this.#world(fetch))
  }

  /** Whoever has closed spends nothing any more. */
  async #ask<T>({ issuer }: Place, exchange: () => Promise<T>): Promise<T> {
    this.#parts.closing.throwIfAborted()
    return await this.#parts.busy.ask(issuer, exchange)
  }

  #world(fetch: GuardedFetch): ClientWorld {
    const { storage, clock, closing } = this.#parts
    return { fetch, storage, clock, closing }
  }
}
