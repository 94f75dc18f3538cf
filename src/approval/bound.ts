/** What an approval is good for: one call of one caller, whole, and all that its meaning hangs on. */
import type { Call, Resource } from '../core/call.ts'
import { digest, type JsonObject } from '../core/json.ts'
import { nameOf, type Principal } from '../core/principal.ts'

export interface Bound {
  /** `issuer#subject` */
  readonly principal: string
  readonly client?: string
  readonly tenant?: string
  /** Of a caller whom nobody knows: all of these have one name. */
  readonly address?: string
  /** Who acts for the subject, nearest first. */
  readonly actors: readonly string[]
  /** All that the caller has, in order: a yes was given to somebody who had these. */
  readonly roles: readonly string[]
  readonly method: string
  readonly resource: Resource
  readonly arguments: JsonObject
  /** What else its server would be told, as it stands in the parameters; absent where that is nothing. */
  readonly besides?: JsonObject
  /** Digest of the tool as its server defines it to this caller; empty where there is no definition. */
  readonly definition: string
  /** Digest of the law in force. */
  readonly law: string
}

export function boundOf(call: Call, principal: Principal, definition: string, law: string, besides?: JsonObject): Bound {
  return {
    principal: nameOf(principal),
    ...(principal.client === undefined ? {} : { client: principal.client }),
    ...(principal.tenant === undefined ? {} : { tenant: principal.tenant }),
    ...(principal.kind === 'anonymous' && call.origin.address !== undefined ? { address: call.origin.address } : {}),
    actors: principal.actors,
    roles: [...new Set(principal.roles)].sort(),
    method: call.method,
    resource: call.resource,
    arguments: call.arguments,
    ...(besides === undefined ? {} : { besides }),
    definition,
    law,
  }
}

/** Equal for calls that mean the same, and for no others. */
export function digestOf(bound: Bound): string {
  return digest({ ...bound, resource: { ...bound.resource } })
}
