/** A token that was found good: who it speaks for, where, until when; kept by the digest of its whole text. */
import type { JsonObject } from '../core/json.ts'
import type { Principal } from '../core/principal.ts'
import type { Introspected } from '../trust/introspection.ts'
import { type Jwt, refused } from './jwt.ts'
import type { ClaimRules, Claims } from './jwt-claims.ts'
import { type PrincipalRules, principalOfClaims } from './jwt-principal.ts'
import { type Family, revocationKeys } from './revocation.ts'

/** What is demanded of the tokens of one issuer, and what is made of them. */
export interface TokenRules extends ClaimRules, PrincipalRules {
  /** Audiences that are accepted instead of the identifier of the server that is called: then its tokens are good for every server. */
  readonly audience?: readonly string[]
  /** The claim that names the sign-in or grant a token came from, which can be revoked as a whole. */
  readonly family?: string
}

/** Whose tokens are believed. */
export interface TokenIssuer {
  readonly rules: TokenRules
  /** Whether the token is this issuer's: an algorithm of its own, a key of its own, a signature that is right. */
  isSigned(jwt: Jwt): boolean | Promise<boolean>
  /** Changes when its keys do; what was believed before is then looked at anew. */
  revision(): number
  /** Its answer about an opaque token (RFC 7662); the very same one as long as it is believed. @throws Fault when it cannot be asked. */
  readonly introspect?: (text: string) => Introspected | Promise<Introspected>
  /** Whether who a token speaks for is still there and still is what it says: of an issuer that we can ask at every call, because it is ours. @throws Fault when it cannot be asked. */
  readonly stands?: (principal: Principal) => Promise<boolean>
}

export interface KnownToken {
  readonly principal: Principal
  readonly audiences: readonly string[]
  /** Of `audiences` one was accepted for every server. */
  readonly isForAll: boolean
  /** When it ends, milliseconds since the epoch. */
  readonly expiresAt: number
  /** Until when this finding may be used again. */
  readonly rememberedUntil: number
  readonly confirmation?: JsonObject
  /** Where it would be found revoked. */
  readonly revocation: readonly string[]
  readonly issuer: TokenIssuer
  readonly revision: number
}

/** @param revision of the issuer's keys before the token was verified with one. */
export function knownToken(text: string, claims: Claims, issuer: TokenIssuer, revision: number, rememberedUntil: number): KnownToken {
  const { rules } = issuer
  const family = familyOf(claims, rules)
  return {
    principal: principalOfClaims(claims, rules),
    audiences: claims.audiences,
    isForAll: rules.audience !== undefined && claims.audiences.some((one) => rules.audience?.includes(one)),
    expiresAt: claims.expiresAt,
    rememberedUntil: Math.min(claims.expiresAt, rememberedUntil),
    revocation: revocationKeys(text, family),
    issuer,
    revision,
    ...(claims.confirmation === undefined ? {} : { confirmation: claims.confirmation }),
  }
}

/** @throws Denial `invalid_token` when the claim is not a text: a family that cannot be read could not be revoked. */
export function familyOf({ all, issuer }: Pick<Claims, 'all' | 'issuer'>, { family }: TokenRules): Family | undefined {
  const id = family === undefined ? undefined : all[family]
  if (id === undefined) return undefined
  if (typeof id !== 'string') throw refused("the token's family is not a text")
  return { issuer, id }
}

/** A principal with its claims is a kilobyte or two. */
const TOKENS_MAX = 10_000

export class KnownTokens {
  readonly #tokens = new Map<string, KnownToken>()

  /** @returns undefined also when it is too old, or the keys of its issuer have changed since. */
  get(digest: string, now: number): KnownToken | undefined {
    const token = this.#tokens.get(digest)
    if (token === undefined) return undefined
    if (now < token.rememberedUntil && token.revision === token.issuer.revision()) return token
    this.#tokens.delete(digest)
    return undefined
  }

  set(digest: string, token: KnownToken): void {
    if (this.#tokens.size >= TOKENS_MAX) {
      const oldest = this.#tokens.keys().next()
      if (oldest.done !== true) this.#tokens.delete(oldest.value)
    }
    this.#tokens.set(digest, token)
  }
}
