/** An issuer of the configuration as Bearer asks it: our rules for its tokens, its keys and its word from `trust/`. */
import type { IssuerConfig } from '../config/issuers.ts'
import type { Issuer } from '../trust/issuer.ts'
import { isAlg } from '../trust/jwk.ts'
import type { TokenIssuer, TokenRules } from './bearer-token.ts'
import type { Jwt } from './jwt.ts'
import { Signatures } from './jwt-signature.ts'

/** What of an issuer is asked here. */
export type KeySource = Pick<Issuer, 'revision' | 'keyFor' | 'introspect'>

/** What `authentication.issuers` says of one, as rules. */
export function rulesOf({ issuer, audience, typ, roles, scopes, tenant, maxLifetimeMs }: IssuerConfig): TokenRules {
  return {
    issuer,
    typ,
    scopes,
    maxLifetimeMs,
    ...(audience === undefined ? {} : { audience }),
    ...(roles === undefined ? {} : { roles }),
    ...(tenant === undefined ? {} : { tenant }),
  }
}

/** Rules for the tokens of our own authorization server: it knows our roles, and names the grant that a token came from. */
export function embeddedRules(issuer: string, accessTokenMs: number): TokenRules {
  return {
    issuer,
    typ: 'at+jwt',
    scopes: 'scope',
    maxLifetimeMs: accessTokenMs,
    roles: { claim: 'roles', map: 'same' },
    family: 'grant_id',
  }
}

/**
 * @param algorithms from the configuration alone: neither a token nor a key says how it is to be read (RFC 8725 §3.1).
 * @param signatures one for all issuers, because they share a thread.
 */
export function createTokenIssuer(
  rules: TokenRules,
  algorithms: readonly string[],
  source: KeySource,
  signatures = new Signatures(),
): TokenIssuer {
  const allowed: ReadonlySet<string> = new Set(algorithms)
  const { introspect } = source
  return {
    rules,
    isSigned(jwt: Jwt) {
      const { header } = jwt
      const { alg } = header
      if (!allowed.has(alg) || !isAlg(alg)) return false
      const key = source.keyFor(header)
      if (key === undefined) return false
      if (!(key instanceof Promise)) return signatures.isGood(jwt, alg, key)
      return key.then((found) => found !== undefined && signatures.isGood(jwt, alg, found))
    },
    revision: () => source.revision,
    ...(introspect === undefined ? {} : { introspect }),
  }
}
