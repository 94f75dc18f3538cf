/** Access tokens: whose are believed, and everything that it takes to believe them. */
import type { Config } from '../config/config.ts'
import type { IssuerConfig } from '../config/issuers.ts'
import type { Keyring } from '../config/keyfile.ts'
import { publicUrlOf } from '../config/public-url.ts'
import type { Entry } from '../core/event.ts'
import type { Clock } from '../core/time.ts'
import { Bearer } from '../identity/bearer.ts'
import { createTokenIssuer, rulesOf } from '../identity/bearer-issuer.ts'
import type { TokenIssuer } from '../identity/bearer-token.ts'
import { Revocations } from '../identity/revocation.ts'
import { tokensOf } from '../identity/tokens.ts'
import { createGuardedFetch, type GuardedFetch } from '../net/fetch.ts'
import type { Store } from '../store/store.ts'
import { createIssuer } from '../trust/issuer.ts'
import { createNonces } from '../trust/nonces.ts'
import { createProofs } from '../trust/proof.ts'

export interface AccessTokenParts {
  readonly config: Config
  readonly store: Store
  readonly keyring: Keyring
  readonly clock: Clock
  readonly newId: () => string
  /** The resource identifiers of a server: what `aud` must name. */
  readonly audiencesOf: (server: string) => readonly string[]
  readonly onEvent: (entry: Entry) => void
}

export interface AccessTokens {
  /** Absent when no issuer is trusted. */
  readonly scheme?: Bearer
  close(): Promise<void>
}

/** @throws Fault `FAULT_CONFIG` for a secret that could be guessed, or an issuer that can never be reached. */
export function openAccessTokens(parts: AccessTokenParts): AccessTokens {
  const { config, store, keyring, clock, newId, audiencesOf, onEvent } = parts
  const { issuers, jwtSecret } = config.authentication
  const fetches: GuardedFetch[] = []
  const trusted: TokenIssuer[] = issuers.map((issuer) => {
    const fetch = createGuardedFetch({ allowPrivate: issuer.allowPrivate ? originsOf(issuer) : false })
    fetches.push(fetch)
    return createTokenIssuer(rulesOf(issuer), issuer.algorithms, createIssuer(issuer, { fetch, clock, onEvent }))
  })
  if (jwtSecret !== undefined) trusted.push(tokensOf(publicUrlOf(config), { secret: jwtSecret, store, clock, newId, onEvent }))
  const close = async (): Promise<void> => void (await Promise.all(fetches.map((fetch) => fetch.close())))
  if (trusted.length === 0 && config.authentication.oauth === undefined) return { close }
  const nonces = createNonces({ key: keyring.key('dpop-nonce'), clock })
  const proofs = createProofs({ store, clock, nonces })
  const revocations = new Revocations(store, clock)
  const keepsPresented = Object.values(config.servers).some(
    (server) => server.kind === 'url' && server.credential?.kind === 'tokenExchange',
  )
  return { scheme: new Bearer({ issuers: trusted, revocations, proofs, audiencesOf, clock, keepsPresented }), close }
}

/** An issuer of our own may stand at a private address, and nothing else may that it names. */
function originsOf({ issuer, jwksUri, introspection }: IssuerConfig): readonly string[] {
  const urls = [issuer, jwksUri, introspection?.endpoint].filter((url) => url !== undefined)
  return [...new Set(urls.map((url) => new URL(url).origin))]
}
