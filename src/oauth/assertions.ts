/** What others vouch for in a JWT (RFC 7523): enterprise-managed authorization and workload identity, never taken for one another. */
import * as jose from 'jose'
import { errors } from 'oidc-provider'
import { isObject, type JsonObject } from '../core/json.ts'
import { sha256 } from '../core/secret.ts'
import { KEYS } from '../store/keys.ts'
import { type AssertionOptions, type AuthorizationServerOptions, textClaim, type WorkloadOptions } from './options.ts'
import { rolesOf } from './sign-in.ts'

/** The header that an ID-JAG has and nothing else may have (draft-ietf-oauth-identity-assertion-authz-grant §3.1). */
const ID_JAG = 'oauth-id-jag+jwt'
/** Assertions are made to be used at once (RFC 7523 §3). */
const LIFE_MAX_S = 600
const SKEW_S = 30
const ASSERTION_MAX_CHARS = 8 * 1024
/** Keys are asked for again when a key is unknown, but not more often. */
const COOLDOWN_MS = 30_000
const KEYS_AGE_MS = 600_000
const FETCH_MS = 5_000
const METADATA_MAX_CHARS = 64 * 1024

export interface Assertion {
  readonly subject: string
  readonly roles: readonly string[]
  /** A ceiling; absent: none was said. */
  readonly scopes?: readonly string[]
  readonly resource?: string
}

export class Assertions {
  readonly #options: AuthorizationServerOptions
  readonly #keys = new Map<string, Promise<jose.JWTVerifyGetKey>>()

  constructor(options: AuthorizationServerOptions) {
    this.#options = options
  }

  /** @throws errors.InvalidGrant, always the same outside. */
  async verify(token: string, clientId: string): Promise<Assertion> {
    const { issuer, typ } = peek(token)
    const trusted = this.#options.assertions.find((one) => one.issuer === issuer)
    if (trusted === undefined) throw new errors.InvalidGrant(`${issuer} is not trusted with assertions`)
    // By kind of issuer and by type of token, both: neither passes as the other.
    if ((typ === ID_JAG) !== (trusted.kind === 'enterprise'))
      throw new errors.InvalidGrant(`typ ${typ} is not for a ${trusted.kind} issuer`)
    const claims = await this.#check(token, trusted)
    await this.#useOnce(claims, trusted)
    return trusted.kind === 'enterprise' ? this.#enterprise(claims, trusted, clientId) : workload(claims, trusted)
  }

  async #check(token: string, trusted: AssertionOptions): Promise<JsonObject> {
    const audiences = [
      this.#options.issuer,
      ...(trusted.kind === 'workload' ? [`${this.#options.issuer}/token`] : []),
      ...(trusted.audiences ?? []),
    ]
    try {
      const { payload } = await jose.jwtVerify(token, await this.#keysOf(trusted), {
        issuer: trusted.issuer,
        audience: audiences,
        algorithms: [...trusted.algorithms],
        requiredClaims: ['iss', 'sub', 'aud', 'exp', 'iat', 'jti'],
        maxTokenAge: LIFE_MAX_S,
        clockTolerance: SKEW_S,
        currentDate: new Date(this.#options.clock()),
      })
      // One audience: an assertion that is also for somebody else is also in their hands.
      if (typeof payload.aud !== 'string') throw new errors.InvalidGrant('the assertion has several audiences')
      if (Number(payload.exp) - Number(payload.iat) > LIFE_MAX_S) throw new errors.InvalidGrant('the assertion lives too long')
      return payload as JsonObject // a JWT is JSON
    } catch (cause) {
      if (cause instanceof errors.InvalidGrant) throw cause
      throw new errors.InvalidGrant(`the assertion is not valid: ${cause instanceof Error ? cause.message : 'unknown'}`)
    }
  }

  /** Of all processes the first wins (ID-JAG §5: replay must be refused). */
  async #useOnce(claims: JsonObject, { issuer }: AssertionOptions): Promise<void> {
    const id = textClaim(claims, 'jti')
    if (id === undefined) throw new errors.InvalidGrant('jti is not a plain text')
    const expiresAt = (Number(claims['exp']) + SKEW_S) * 1_000
    const place = KEYS.oauth('assertion', sha256(JSON.stringify([issuer, id])))
    if (!(await this.#options.store.put(place, true, { onlyIfAbsent: true, expiresAt })))
      throw new errors.InvalidGrant('the assertion was used before')
  }

  #enterprise(claims: JsonObject, trusted: AssertionOptions, clientId: string): Assertion {
    if (claims['client_id'] !== clientId) throw new errors.InvalidGrant('the assertion is for another client')
    const subject = textClaim(claims, 'sub')
    const resource = textClaim(claims, 'resource')
    if (subject === undefined) throw new errors.InvalidGrant('sub is not a plain text')
    if (resource === undefined || !this.#options.resources.has(resource)) throw new errors.InvalidTarget()
    // The same person as when they sign in there with a browser.
    const provider = this.#options.signIn.find(({ issuer }) => issuer === trusted.issuer)
    return {
      subject: `${provider?.name ?? trusted.issuer}|${subject}`,
      roles: rolesOf(claims, trusted.roles ?? provider?.roles),
      resource,
      ...scopesIn(claims),
    }
  }

  /** The promise is kept, so that many at once ask once; one that failed is not. */
  #keysOf(trusted: AssertionOptions): Promise<jose.JWTVerifyGetKey> {
    const known = this.#keys.get(trusted.issuer)
    if (known !== undefined) return known
    const keys = this.#discover(trusted)
    this.#keys.set(trusted.issuer, keys)
    keys.catch(() => this.#keys.delete(trusted.issuer))
    return keys
  }

  async #discover(trusted: AssertionOptions): Promise<jose.JWTVerifyGetKey> {
    const uri = trusted.jwksUri ?? (await this.#jwksUri(trusted.issuer))
    const { fetch } = this.#options
    return jose.createRemoteJWKSet(new URL(uri), {
      [jose.customFetch]: (url, { headers, method, redirect, signal }) => fetch(url, { headers, method, redirect, signal }),
      cooldownDuration: COOLDOWN_MS,
      cacheMaxAge: KEYS_AGE_MS,
      timeoutDuration: FETCH_MS,
    })
  }

  /** RFC 8414 §3, then OpenID Connect Discovery §4. The document must name the very issuer. */
  async #jwksUri(issuer: string): Promise<string> {
    const url = new URL(issuer)
    const path = url.pathname.replace(/\/$/, '')
    const places = [
      `/.well-known/oauth-authorization-server${path}`,
      `/.well-known/openid-configuration${path}`,
      `${path}/.well-known/openid-configuration`,
    ]
    for (const place of places) {
      const answer = await this.#options.fetch(`${url.origin}${place}`, {
        headers: { accept: 'application/json' },
        signal: AbortSignal.timeout(FETCH_MS),
      })
      if (answer.status !== 200) continue
      const text = await answer.text()
      const document: unknown = text.length > METADATA_MAX_CHARS ? undefined : JSON.parse(text)
      if (isObject(document) && document['issuer'] === issuer && typeof document['jwks_uri'] === 'string') return document['jwks_uri']
    }
    throw new errors.InvalidGrant(`no metadata of ${issuer} was found`)
  }
}

function workload(claims: JsonObject, { issuer, workloads = [] }: AssertionOptions): Assertion {
  const subject = textClaim(claims, 'sub')
  const known = workloads.find((one) => one.subject === subject && holds(one, claims))
  if (known === undefined || subject === undefined) throw new errors.InvalidGrant('no such workload is known')
  return { subject: `${issuer}|${subject}`, roles: known.roles, scopes: known.scopes }
}

function holds({ claims: needed = {} }: WorkloadOptions, claims: JsonObject): boolean {
  return Object.entries(needed).every(([name, value]) => claims[name] === value)
}

function scopesIn(claims: JsonObject): { readonly scopes?: readonly string[] } {
  const scope = textClaim(claims, 'scope')
  return scope === undefined ? {} : { scopes: scope.split(' ') }
}

/** Who says it, unbelieved. A text that base64url would write otherwise is refused: one assertion, one text. */
function peek(token: string): { readonly issuer: string; readonly typ: string } {
  const parts = token.split('.')
  const isCanonical = parts.every((part) => Buffer.from(part, 'base64url').toString('base64url') === part)
  if (token.length > ASSERTION_MAX_CHARS || parts.length !== 3 || !isCanonical) throw new errors.InvalidGrant('the assertion is malformed')
  try {
    const { iss } = jose.decodeJwt(token)
    const { typ } = jose.decodeProtectedHeader(token)
    return { issuer: iss ?? '', typ: (typ ?? '').toLowerCase().replace(/^application\//, '') }
  } catch {
    throw new errors.InvalidGrant('the assertion is malformed')
  }
}
