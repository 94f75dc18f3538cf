/** Who a token speaks for. Its roles come through an explicit map alone: what an issuer calls a role is not one of ours. */
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import type { Principal } from '../core/principal.ts'
import { refused } from './jwt.ts'
import type { Claims } from './jwt-claims.ts'

export interface RoleRules {
  /** A name, or a JSON Pointer into the claims: `groups`, `/realm_access/roles`. */
  readonly claim: string
  /** From what stands there to roles of ours; what the map does not name gives nothing. `same`: an issuer of ours, which knows our roles. */
  readonly map: Readonly<Record<string, readonly string[]>> | 'same'
}

export interface PrincipalRules {
  readonly roles?: RoleRules
  /** The tenant that every token of this issuer belongs to: an issuer is trusted for one, whatever its tokens say. */
  readonly tenant?: string
  /** Clients that never act for a person, whoever the subject is: of an issuer of ours. */
  readonly machines?: readonly string[]
}

/** @throws Denial `invalid_token` when the claim of roles holds no texts. */
export function principalOfClaims(claims: Claims, { roles, tenant, machines = [] }: PrincipalRules): Principal {
  const { issuer, subject, client, scopes, actors, all } = claims
  return {
    // RFC 9068 §2.2: a token that a client got for itself has the client as its subject.
    kind: subject === client || (client !== undefined && machines.includes(client)) ? 'service' : 'user',
    issuer,
    subject,
    actors,
    roles: roles === undefined ? [] : mapRoles(all, roles),
    ...(client === undefined ? {} : { client }),
    ...(tenant === undefined ? {} : { tenant }),
    ...(scopes === undefined ? {} : { scopes }),
    claims: all,
  }
}

function mapRoles(all: JsonObject, { claim, map }: RoleRules): readonly string[] {
  const value = valueAt(all, claim.startsWith('/') ? claim.slice(1).split('/').map(unescaped) : [claim])
  if (value === undefined) return []
  const names = Array.isArray(value) ? value : [value]
  const roles = new Set<string>()
  for (const name of names) {
    if (typeof name !== 'string') throw refused('the claim of roles holds something else than texts')
    if (map === 'same') roles.add(name)
    else if (Object.hasOwn(map, name)) for (const role of map[name] ?? []) roles.add(role)
  }
  return [...roles]
}

/** Through objects alone. */
function valueAt(all: JsonObject, path: readonly string[]): JsonValue | undefined {
  let value: JsonValue | undefined = all
  for (const name of path) value = isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined
  return value
}

/** RFC 6901 §4. */
function unescaped(token: string): string {
  return token.replaceAll('~1', '/').replaceAll('~0', '~')
}
