/** Tokens of a single party that mints and verifies its own (`authentication.jwtSecret`): access and refresh tokens that cannot be taken for one another. */
import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto'
import { weakness } from '../config/strength.ts'
import { Fault } from '../core/denial.ts'
import type { Entry } from '../core/event.ts'
import type { JsonObject } from '../core/json.ts'
import { nameOf, type Principal } from '../core/principal.ts'
import type { Secret } from '../core/secret.ts'
import type { Clock } from '../core/time.ts'
import { KEYS } from '../store/keys.ts'
import type { Store } from '../store/store.ts'
import { familyOf, type KnownToken, knownToken, type TokenIssuer, type TokenRules } from './bearer-token.ts'
import { isJwtLike, type Jwt, parseJwt, refused, TOKEN_MAX_CHARS } from './jwt.ts'
import { type Claims, checkClaims } from './jwt-claims.ts'
import { Revocations, tokenDigest } from './revocation.ts'

const ACCESS_MS = 30 * 60_000
const REFRESH_MS = 7 * 86_400_000
const REFRESH_TYP = 'rt+jwt'
const ACCESS_TYP = 'at+jwt'
/** Names the sign-in that a token came from. */
const FAMILY = 'family'

/** What symmetric tokens are made with. */
export interface TokensOptions {
  /** At least 32 bytes, random. */
  readonly secret: Secret
  /** Who these tokens are from, `https://mcp.example.com/tokens`: no other installation's, also when it has the same secret. */
  readonly issuer: string
  /** Whom they are for unless told: with this audience, for every server of the installation. */
  readonly audience: string
  readonly store: Store
  readonly clock: Clock
  readonly newId: () => string
  /** Told that a refresh token was used twice: `token.reused`. */
  readonly onEvent?: (entry: Entry) => void
  /** Life of an access token, milliseconds; default 30 minutes. */
  readonly accessMs?: number
  /** Life of a refresh token, milliseconds; default 7 days. */
  readonly refreshMs?: number
}

/** Whom tokens are for, and what they may be used for. */
export interface TokenRequest {
  readonly subject: string
  readonly roles?: readonly string[]
  /** A ceiling; absent: the tokens know no scopes, and the roles say it all. */
  readonly scopes?: readonly string[]
  readonly client?: string
  /** Resource identifiers of servers, `https://mcp.example.com/mcp/files`; absent: every server. */
  readonly audience?: readonly string[]
}

/** An access token, and the refresh token that follows it. */
export interface IssuedTokens {
  readonly accessToken: string
  readonly refreshToken: string
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
  readonly refreshExpiresAt: number
}

/** The tokens of an installation: from it, and for every server of it. */
export function tokensOf(publicUrl: string, options: Omit<TokensOptions, 'issuer' | 'audience'>): Tokens {
  return new Tokens({ ...options, issuer: `${publicUrl}/tokens`, audience: publicUrl })
}

/** Symmetric tokens of one's own (`authentication.jwtSecret`): made, renewed, checked and revoked, without an authorization server. */
export class Tokens implements TokenIssuer {
  readonly rules: TokenRules
  readonly #options: TokensOptions
  readonly #key: KeyObject
  readonly #revocations: Revocations
  readonly #accessMs: number
  readonly #refreshMs: number

  /** @throws Fault `FAULT_CONFIG` when the secret is short or could be guessed. */
  constructor(options: TokensOptions) {
    const weak = weakness(options.secret.reveal())
    if (weak !== undefined) throw new Fault('FAULT_CONFIG', `authentication.jwtSecret: ${weak}`)
    this.#options = options
    this.#key = createSecretKey(Buffer.from(options.secret.reveal()))
    this.#revocations = new Revocations(options.store, options.clock)
    this.#accessMs = options.accessMs ?? ACCESS_MS
    this.#refreshMs = options.refreshMs ?? REFRESH_MS
    this.rules = {
      issuer: options.issuer,
      typ: ACCESS_TYP,
      scopes: 'scope',
      isScopeOptional: true,
      maxLifetimeMs: this.#accessMs,
      audience: [options.audience],
      family: FAMILY,
      // We wrote them ourselves: the roles of our own tokens are roles of ours.
      roles: { claim: 'roles', map: 'same' },
    }
  }

  /** An access token and the refresh token that follows it. @throws Fault `FAULT_STORE` */
  createTokens(request: TokenRequest): Promise<IssuedTokens> {
    return this.#issue(request, this.#options.newId())
  }

  /**
   * New tokens for a refresh token, once. Used again it is somebody else's too: then all that came from the same sign-in is revoked (RFC 9700 §4.14.2).
   * @throws Denial `invalid_token`; Fault `FAULT_STORE`
   */
  async refreshTokens(text: string): Promise<IssuedTokens> {
    const claims = this.#read(text, REFRESH_TYP)
    const family = this.#familyOf(claims)
    await this.#revocations.check([KEYS.revokedFamily(family.issuer, family.id)])
    if ((await this.#options.store.take(KEYS.refreshToken(tokenDigest(text)))) === undefined) {
      await this.#revocations.revokeFamily(family, this.#options.clock() + this.#refreshMs)
      this.#options.onEvent?.({ type: 'token.reused', principal: nameOf(claims), detail: 'all tokens of its family are revoked' })
      throw refused('the refresh token was used before; all tokens of its family are revoked')
    }
    const { subject, client, scopes, all } = claims
    const { roles, audience } = all
    const request = { subject, roles: texts(roles), ...(audience === undefined ? {} : { audience: texts(audience) }) }
    return this.#issue({ ...request, ...(client === undefined ? {} : { client }), ...(scopes === undefined ? {} : { scopes }) }, family.id)
  }

  /**
   * Who an access token is from.
   * @param audience the server that is asked, by its resource identifier; absent: the token must be for all.
   * @throws Denial `invalid_token`; Fault `FAULT_STORE`
   */
  async verifyToken(text: string, audience?: string): Promise<Principal> {
    const token = this.#known(text)
    if (!token.isForAll && (audience === undefined || !token.audiences.includes(audience)))
      throw refused('the token is for another audience')
    await this.#revocations.check(token.revocation)
    return token.principal
  }

  /**
   * From the next call on, on every process. With a refresh token goes all that came from the same sign-in (RFC 7009 §2.1); an expired token is no mistake.
   * @throws Denial `invalid_token` when it is none of ours; Fault `FAULT_STORE`
   */
  async revokeToken(text: string): Promise<void> {
    const jwt = this.#parse(text)
    const expiresAt = Number(jwt.payload['exp']) * 1_000 // signed by us, so it is what we wrote
    if (jwt.header.typ !== REFRESH_TYP) {
      await this.#revocations.revoke(tokenDigest(text), expiresAt)
      return
    }
    const family = familyOf({ all: jwt.payload, issuer: this.rules.issuer }, this.rules)
    if (family === undefined) throw refused('the refresh token is of no family')
    await this.#revocations.revokeFamily(family, this.#options.clock() + this.#refreshMs)
    await this.#options.store.take(KEYS.refreshToken(tokenDigest(text)))
  }

  isSigned(jwt: Jwt): boolean {
    if (jwt.header.alg !== 'HS256') return false
    const right = this.#mac(jwt.signed)
    return jwt.signature.length === right.length && timingSafeEqual(jwt.signature, right)
  }

  revision(): number {
    return 0
  }

  #known(text: string): KnownToken {
    return knownToken(text, this.#read(text, ACCESS_TYP), this, 0, 0)
  }

  #familyOf(claims: Claims): { readonly issuer: string; readonly id: string } {
    const family = familyOf(claims, this.rules)
    if (family === undefined) throw refused('the refresh token is of no family')
    return family
  }

  #read(text: string, typ: typeof ACCESS_TYP | typeof REFRESH_TYP): Claims {
    const jwt = this.#parse(text)
    if (typ === ACCESS_TYP) return checkClaims(jwt, this.rules, this.#options.clock())
    if (jwt.payload['token_use'] !== 'refresh') throw refused('the token is not a refresh token')
    return checkClaims(jwt, { ...this.rules, typ, maxLifetimeMs: this.#refreshMs }, this.#options.clock())
  }

  #parse(text: string): Jwt {
    if (text.length > TOKEN_MAX_CHARS || !isJwtLike(text)) throw refused('the credential is not a token')
    const jwt = parseJwt(text)
    if (!this.isSigned(jwt)) throw refused("the token's signature is not ours")
    if (jwt.payload['iss'] !== this.rules.issuer) throw refused('the issuer of the token is another')
    return jwt
  }

  async #issue({ subject, roles = [], scopes, client, audience }: TokenRequest, family: string): Promise<IssuedTokens> {
    const { issuer, clock, newId, store } = this.#options
    const now = Math.floor(clock() / 1_000) * 1_000
    const who = {
      iss: issuer,
      sub: subject,
      roles,
      ...(client === undefined ? {} : { client_id: client }),
      ...(scopes === undefined ? {} : { scope: scopes.join(' ') }),
      [FAMILY]: family,
    }
    const [expiresAt, refreshExpiresAt] = [now + this.#accessMs, now + this.#refreshMs]
    const dated = (until: number): JsonObject => ({ iat: now / 1_000, exp: until / 1_000, jti: newId() })
    const accessToken = this.#sign(ACCESS_TYP, {
      ...who,
      aud: audience ?? [this.#options.audience],
      token_use: 'access',
      ...dated(expiresAt),
    })
    // Its audience is its issuer, which no server is.
    const kept = { aud: issuer, token_use: 'refresh', ...(audience === undefined ? {} : { audience }) }
    const refreshToken = this.#sign(REFRESH_TYP, { ...who, ...kept, ...dated(refreshExpiresAt) })
    // What we would read otherwise is not issued: a name with control characters, a scope with spaces.
    if (this.#read(accessToken, ACCESS_TYP).scopes?.length !== scopes?.length) throw refused('a scope is written wrongly, or twice')
    await store.put(KEYS.refreshToken(tokenDigest(refreshToken)), true, { expiresAt: refreshExpiresAt })
    return { accessToken, refreshToken, expiresAt, refreshExpiresAt }
  }

  #sign(typ: string, payload: JsonObject): string {
    const signed = `${encoded({ alg: 'HS256', typ })}.${encoded(payload)}`
    return `${signed}.${this.#mac(signed).toString('base64url')}`
  }

  #mac(text: string): Buffer {
    return createHmac('sha256', this.#key).update(text).digest()
  }
}

function encoded(value: JsonObject): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []
}
