/** A key set (RFC 7517 §5) reduced to the keys that may vouch for tokens. */
import type { KeyObject } from 'node:crypto'
import { Fault } from '../core/denial.ts'
import { canonical, isObject, type JsonObject } from '../core/json.ts'
import { type Alg, readKey } from './jwk.ts'

/** An issuer rotates a handful; large tenants publish some tens (O-14). */
export const KEYS_MAX = 100
/** A key id is a thumbprint, a date, a URL at most. */
const KID_MAX_CHARS = 256

export interface KeySet {
  /** The key that a header names; undefined when there is none, or more than one. */
  find(alg: string, kid: string | undefined): KeyObject | undefined
  readonly size: number
  /** Equal for equal sets. */
  readonly digest: string
  /** Why keys were left out, without repetition. */
  readonly leftOut: readonly string[]
}

export const NO_KEYS: KeySet = { find: () => undefined, size: 0, digest: '', leftOut: [] }

/** Undefined: two keys answer to the name, so neither does. */
type Named = Map<string | undefined, KeyObject | undefined>

/** @throws Fault `FAULT_ISSUER` when it is no key set, or has more keys than anybody needs. */
export function readKeySet(document: JsonObject, algs: readonly Alg[], what: string): KeySet {
  const listed = document['keys']
  if (!Array.isArray(listed)) throw new Fault('FAULT_ISSUER', `${what}: no list of keys`)
  if (listed.length > KEYS_MAX) throw new Fault('FAULT_ISSUER', `${what}: more than ${KEYS_MAX} keys`)
  const byAlg = new Map<string, Named>(algs.map((alg) => [alg, new Map()]))
  const accepted: string[] = []
  const leftOut = new Set<string>()
  for (const jwk of listed) {
    // RFC 7517 §5: what is not understood is left out, the rest of the set stands.
    const kid = isObject(jwk) ? jwk['kid'] : undefined
    const read = isObject(jwk) && isKid(kid) ? readKey(jwk, algs) : 'a key that is none'
    if (typeof read === 'string') {
      leftOut.add(read)
      continue
    }
    const { key, thumbprint } = read
    for (const alg of read.algs) enter(byAlg.get(alg), isKid(kid) ? kid : undefined, key)
    accepted.push(canonical([thumbprint, typeof kid === 'string' ? kid : null, ...read.algs]))
  }
  return {
    find: (alg, kid) => byAlg.get(alg)?.get(kid),
    size: accepted.length,
    digest: accepted.sort().join(),
    leftOut: [...leftOut],
  }
}

const isKid = (kid: unknown): kid is string | undefined => kid === undefined || (typeof kid === 'string' && kid.length <= KID_MAX_CHARS)

/** By its name, and without: a header may leave the name out when there is but one key (RFC 7515 §4.1.4). */
function enter(named: Named | undefined, kid: string | undefined, key: KeyObject): void {
  named?.set(undefined, named.has(undefined) ? undefined : key)
  if (kid !== undefined) named?.set(kid, named.has(kid) ? undefined : key)
}
