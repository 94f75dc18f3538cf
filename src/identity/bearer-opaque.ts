/** What an issuer answers about an opaque token (RFC 7662 §2.2), held to as a JWT would be: "active" alone says neither for whom nor what for. */
import type { JsonObject } from '../core/json.ts'
import { outlived, refused } from './jwt.ts'
import { type ClaimRules, type Claims, checkUse, readClaims } from './jwt-claims.ts'

/** RFC 7662 §2.2 with RFC 6749 §7.1: an answer about a refresh token has none of them. */
const ACCESS_TYPES: ReadonlySet<string> = new Set(['bearer', 'dpop', 'access_token'])

/** @throws Denial `invalid_token` */
export function checkIntrospection(answer: JsonObject, rules: ClaimRules, now: number): Claims {
  // Only the literal true: "true" or 1 is an issuer that we do not understand.
  if (answer['active'] !== true) throw refused('the issuer says that the token is not active')
  if (answer['iss'] !== undefined && answer['iss'] !== rules.issuer) throw refused('the issuer of the token is another')
  const kind = answer['token_type']
  if (kind !== undefined && !(typeof kind === 'string' && ACCESS_TYPES.has(kind.toLowerCase())))
    throw refused('the issuer says that it is another kind of token')
  checkUse(answer)
  const claims = readClaims(answer, rules)
  if (claims.expiresAt <= now) throw outlived('the token has expired')
  const { nbf } = answer
  if (nbf !== undefined && !(typeof nbf === 'number' && nbf * 1_000 <= now)) throw refused('the token is not yet valid')
  return claims
}
