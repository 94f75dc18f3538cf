/** A token manager in the shapes that SDK transports ask for. Where a transport takes a `fetch`, `authenticatedFetch` does more with less. */
import { Fault } from '../core/denial.ts'
import { challengeOf } from './challenge.ts'
import type { Token } from './kept.ts'
import type { TokenManager } from './manager.ts'
import { serverOf } from './resource.ts'

/** So long after a renewal whoever is refused tries what it brought, before there is another. */
const RENEWED_MIN_MS = 5_000

/** `AuthProvider` of SDK v2: a token before every call, and one more chance after a 401. */
export interface AuthProvider {
  token(): Promise<string | undefined>
  onUnauthorized(context: { readonly response: Response }): Promise<void>
}

/**
 * For `authProvider` of an SDK v2 transport. More scopes are not asked for here: the SDK tells 403 to its caller.
 * Its methods reject as `TokenManager.renew` does, and with Fault `FAULT_SIGN_IN` for tokens bound to a key, which the SDK would send unbound.
 */
export function authProvider(manager: TokenManager, url: string | URL): AuthProvider {
  const server = serverOf(url)
  // Which token was refused is not told: a crowd is refused at different moments for the one that was renewed already.
  let renewedAt = Number.NEGATIVE_INFINITY
  return {
    token: async () => bearerOf(await manager.token(server)),
    async onUnauthorized({ response }) {
      if (Math.abs(Date.now() - renewedAt) < RENEWED_MIN_MS) return
      const held = await manager.token(server)
      await manager.renew(server, await challengeOf(response), held?.accessToken)
      renewedAt = Date.now()
    },
  }
}

function bearerOf(token: Token | undefined): string | undefined {
  if (token?.dpop !== undefined)
    throw new Fault('FAULT_SIGN_IN', 'The token is bound to a key: give the transport authenticatedFetch(manager) as its fetch')
  return token?.accessToken
}

/** What SDK v1 (and v2) call OAuthClientProvider, as far as it is needed here. */
export interface OAuthClientProvider {
  readonly redirectUrl: string
  readonly clientMetadata: { readonly client_name: string; redirect_uris: string[] }
  /** The issuer: for whose eyes alone it is (SEP-2352). */
  clientInformation(about?: { readonly issuer: string }): { client_id: string; issuer?: string }
  tokens(): Promise<{ access_token: string; token_type: string; issuer: string } | undefined>
  saveTokens(): void
  redirectToAuthorization(url: URL): Promise<void>
  saveCodeVerifier(): void
  codeVerifier(): string
}

/** Never followed: where the SDK would send the browser, the manager signs in instead. */
const NOWHERE = 'http://127.0.0.1/portcullis'

/**
 * For `authProvider` of an SDK v1 transport, and of v2. A token that ends is renewed before, and nobody notices. When the server refuses one, or wants
 * more scopes, the manager gets another before the SDK's flow ends; that flow ends with the SDK's UnauthorizedError all the same, as its
 * contract has it: connect, or call, once more, and the token is there. `authenticatedFetch` has nothing of that.
 */
export function oauthClientProvider(manager: TokenManager, url: string | URL): OAuthClientProvider {
  const server = serverOf(url)
  return {
    redirectUrl: NOWHERE,
    clientMetadata: { client_name: 'Portcullis agent', redirect_uris: [NOWHERE] },
    // It is nobody's secret, and shown to nobody: the SDK only makes a URL of it, that is not followed.
    clientInformation: (about) => ({ client_id: 'portcullis', ...(about === undefined ? {} : { issuer: about.issuer }) }),
    tokens: async () => {
      const token = await manager.token(server)
      const bearer = bearerOf(token)
      return token === undefined || bearer === undefined ? undefined : { access_token: bearer, token_type: 'Bearer', issuer: token.issuer }
    },
    saveTokens: () => undefined,
    redirectToAuthorization: async (asked) => {
      const held = await manager.token(server)
      const scopes = (asked.searchParams.get('scope') ?? '').split(' ').filter((scope) => scope !== '')
      const isMore = held !== undefined && !scopes.every((scope) => held.scopes.includes(scope))
      await manager.renew(server, { scheme: 'bearer', scopes, ...(isMore ? { error: 'insufficient_scope' } : {}) }, held?.accessToken)
    },
    saveCodeVerifier: () => undefined,
    codeVerifier: () => '',
  }
}
