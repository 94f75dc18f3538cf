/** Sign-in at other OpenID providers: state, nonce, PKCE and issuer checked, each answer good once and in the browser that asked. */
import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import * as oidc from 'openid-client'
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { isEqual, keyedHash } from '../core/secret.ts'
import { KEYS } from '../store/keys.ts'
import { basicOf } from '../trust/introspection.ts'
import type { ForeignUser } from './accounts.ts'
import { type AuthorizationServerOptions, isLoopback, type SignInOptions, textClaim } from './options.ts'

/** From leaving to coming back: a person signs in, perhaps with a second factor. */
const AWAY_MS = 10 * 60_000
/** From the callback to the page that asked for it, one redirect later. */
const TICKET_MS = 60_000
/** What was discovered is read anew after this long. */
const DISCOVERED_MS = 3_600_000
const TOKEN_BYTES = 32
const COOKIE = 'portcullis_sign_in'
const ROLES_MAX = 64

interface Away extends JsonObject {
  readonly index: number
  readonly uid: string
  readonly nonce: string
  readonly verifier: string
  /** Keyed hash of the browser's cookie. */
  readonly browser: string
}

export interface Destination {
  readonly url: string
  readonly cookie: string
}

/** A browser that came back. */
export interface Arrival {
  /** What it left for. */
  readonly uid: string
  /** Which way it took. */
  readonly provider: string
  /** Who came; undefined when the provider did not say so, or could not be believed. */
  readonly user: ForeignUser | undefined
  /** Ends the browser's cookie. */
  readonly cookie: string
}

export type SignInsOptions = Pick<AuthorizationServerOptions, 'signIn' | 'store' | 'clock' | 'issuerFetch' | 'onEvent'> & {
  /** The redirect URI of all of them. */
  readonly callback: URL
}

export class SignIns {
  readonly #options: SignInsOptions
  readonly #key: Uint8Array
  readonly #discovered = new Map<number, { readonly at: number; readonly configuration: oidc.Configuration }>()

  /** @param key 32 bytes */
  constructor(options: SignInsOptions, key: Uint8Array) {
    this.#options = options
    this.#key = key
  }

  names(): readonly string[] {
    return this.#options.signIn.map(({ name }) => name)
  }

  /** @param uid what it is for, told again when the browser is back. @returns undefined when there is no such provider or it does not answer. */
  async leave(index: number, uid: string): Promise<Destination | undefined> {
    const provider = this.#options.signIn[index]
    if (provider === undefined) return undefined
    try {
      const configuration = await this.#discover(index, provider)
      const [state, nonce, verifier, browser] = [token(), token(), oidc.randomPKCECodeVerifier(), token()]
      const away: Away = { index, uid, nonce, verifier, browser: keyedHash(this.#key, browser) }
      await this.#options.store.put(this.#place('away', state), away, { expiresAt: this.#options.clock() + AWAY_MS, onlyIfAbsent: true })
      const url = oidc.buildAuthorizationUrl(configuration, {
        redirect_uri: this.#options.callback.href,
        scope: provider.scope ?? 'openid profile',
        state,
        nonce,
        code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
      })
      return { url: url.href, cookie: this.#cookie(browser, AWAY_MS / 1_000) }
    } catch (error) {
      await this.#tellFault(provider, error)
      return undefined
    }
  }

  /** The callback. @returns undefined when this is not an answer that we wait for. */
  async arrive(request: IncomingMessage): Promise<Arrival | undefined> {
    const { callback } = this.#options
    const url = new URL(request.url ?? '/', callback)
    const state = url.searchParams.get('state') ?? ''
    // Taken, not read: an answer is good once.
    const away = await this.#options.store.take(this.#place('away', state))
    if (!isAway(away) || !isEqual(keyedHash(this.#key, cookieOf(request) ?? ''), away.browser)) return undefined
    const provider = this.#options.signIn[away.index]
    if (provider === undefined) return undefined
    const user = await this.#askFor(provider, away, new URL(`${callback.href}${url.search}`), state)
    return { uid: away.uid, provider: provider.name, user, cookie: this.#cookie('', 0) }
  }

  /** @returns under what somebody who arrived can be redeemed, by whoever sent them away. */
  async ticketFor({ uid, user }: Arrival): Promise<string> {
    const ticket = token()
    const expiresAt = this.#options.clock() + TICKET_MS
    if (user !== undefined) await this.#options.store.put(this.#place('ticket', `${ticket} ${uid}`), { ...user }, { expiresAt })
    return ticket
  }

  /** Who came back, once. */
  async redeem(ticket: string, uid: string): Promise<ForeignUser | undefined> {
    const user = await this.#options.store.take(this.#place('ticket', `${ticket} ${uid}`))
    return isForeignUser(user) ? user : undefined
  }

  async #askFor(provider: SignInOptions, away: Away, answer: URL, state: string): Promise<ForeignUser | undefined> {
    try {
      const configuration = await this.#discover(away.index, provider)
      const tokens = await oidc.authorizationCodeGrant(configuration, answer, {
        expectedState: state,
        expectedNonce: away.nonce,
        pkceCodeVerifier: away.verifier,
        idTokenExpected: true,
      })
      const claims = tokens.claims()
      return claims === undefined ? undefined : userOf(provider, { ...claims })
    } catch (error) {
      await this.#tellFault(provider, error)
      return undefined
    }
  }

  async #discover(index: number, provider: SignInOptions): Promise<oidc.Configuration> {
    const known = this.#discovered.get(index)
    const now = this.#options.clock()
    if (known !== undefined && now - known.at < DISCOVERED_MS) return known.configuration
    const issuer = new URL(provider.issuer)
    const { clientSecret } = provider
    const { fetch } = this.#options.issuerFetch
    const configuration = await oidc.discovery(
      issuer,
      provider.clientId,
      undefined,
      clientSecret === undefined ? oidc.None() : clientSecretBasic(provider.clientId, clientSecret),
      {
        [oidc.customFetch]: (url, { body, headers, method, redirect, signal }) =>
          fetch(url, { headers, method, redirect, ...(body == null ? {} : { body }), ...(signal === undefined ? {} : { signal }) }),
        ...(isLoopback(issuer) ? { execute: [oidc.allowInsecureRequests] } : {}),
      },
    )
    this.#discovered.set(index, { at: now, configuration })
    return configuration
  }

  #tellFault(provider: SignInOptions, error: unknown): Promise<void> {
    const detail = `${provider.name}: ${error instanceof Error ? error.message : String(error)}`
    return this.#options.onEvent({ type: 'oauth.sign_in_refused', outcome: 'failed', detail })
  }

  #cookie(value: string, maxAge: number): string {
    const secure = this.#options.callback.protocol === 'https:' ? '; Secure' : ''
    return `${COOKIE}=${value}; Path=${this.#options.callback.pathname}; Max-Age=${maxAge}; HttpOnly; SameSite=Lax${secure}`
  }

  #place(kind: string, name: string): string {
    return KEYS.oauth(`sign-in-${kind}`, keyedHash(this.#key, name))
  }
}

/** The library's own also encodes `-`, `_` and `.`, which a provider that does not decode takes for another secret. */
function clientSecretBasic(clientId: string, clientSecret: string): oidc.ClientAuth {
  return (_server, _client, _body, headers) => headers.set('authorization', basicOf(clientId, clientSecret))
}

function userOf(provider: SignInOptions, claims: JsonObject): ForeignUser | undefined {
  const subject = textClaim(claims, 'sub')
  if (subject === undefined) return undefined
  const name = textClaim(claims, 'preferred_username') ?? textClaim(claims, 'email') ?? textClaim(claims, 'name')
  return { provider: provider.name, subject, roles: rolesOf(claims, provider.roles), ...(name === undefined ? {} : { name }) }
}

/** Only what is mapped becomes a role. */
export function rolesOf(claims: JsonObject, mapping: SignInOptions['roles']): readonly string[] {
  if (mapping === undefined) return []
  const value = claims[mapping.claim]
  const groups: readonly JsonValue[] = Array.isArray(value) ? value : [value ?? null]
  const roles = groups.flatMap((group) => (typeof group === 'string' ? (mapping.map.get(group) ?? []) : []))
  return [...new Set(roles)].slice(0, ROLES_MAX)
}

function token(): string {
  return randomBytes(TOKEN_BYTES).toString('base64url')
}

function cookieOf(request: IncomingMessage): string | undefined {
  const found = (request.headers.cookie ?? '').split(';').filter((pair) => pair.trim().startsWith(`${COOKIE}=`))
  return found.length === 1 ? found[0]?.trim().slice(COOKIE.length + 1) : undefined
}

function isAway(value: JsonValue | undefined): value is Away {
  return isObject(value) && typeof value['index'] === 'number' && typeof value['uid'] === 'string' && typeof value['browser'] === 'string'
}

function isForeignUser(value: JsonValue | undefined): value is JsonObject & ForeignUser {
  return isObject(value) && typeof value['provider'] === 'string' && typeof value['subject'] === 'string'
}
