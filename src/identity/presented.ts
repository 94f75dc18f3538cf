/** What an HTTP request presents to say who it is from: headers only, never the query, a cookie or `_meta`. */
import type { Credential } from '../core/principal.ts'
import { Secret } from '../core/secret.ts'

const NOTHING: readonly Credential[] = []

/**
 * Every credential in the request, also repeated ones: more than one is for the authenticator to refuse.
 * @param rawHeaders of `node:http`, names and values in turn. Not `headers`, which drops or joins what was repeated.
 * @param certificate what the connection proved (`Credential.certificate`), where it proved something.
 */
export function readCredentials(rawHeaders: readonly string[], certificate?: string): readonly Credential[] {
  let found: Credential[] | undefined
  let proofs: string[] | undefined
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? ''
    // Lengths first: almost every header is none of them.
    if (name.length === 4 && name.toLowerCase() === 'dpop') {
      proofs ??= []
      proofs.push(rawHeaders[at + 1] ?? '')
      continue
    }
    const credential = readHeader(name, rawHeaders[at + 1] ?? '')
    if (credential === undefined) continue
    if (found === undefined) found = [credential]
    else found.push(credential)
  }
  if (found === undefined) return NOTHING
  if (proofs === undefined && certificate === undefined) return found
  return found.map((credential) => ({ ...credential, ...(proofs && { proofs }), ...(certificate !== undefined && { certificate }) }))
}

function readHeader(name: string, value: string): Credential | undefined {
  if (name.length === 9 && name.toLowerCase() === 'x-api-key') return { scheme: 'api-key', secret: new Secret(value) }
  if (name.length === 13 && name.toLowerCase() === 'authorization') return authorization(value)
  return undefined
}

/**
 * `Bearer <token>` (RFC 6750 §2.1) or `DPoP <token>` (RFC 9449 §7.1); the scheme in any case (RFC 9110 §11.1), one or more spaces before
 * the token (§11.4). Of another scheme, or of none, the token is empty: nobody knows it, so it is refused as a credential and not taken
 * for no credential.
 */
function authorization(value: string): Credential {
  const space = value.indexOf(' ')
  const scheme = space === 6 || space === 4 ? value.slice(0, space).toLowerCase() : ''
  if (scheme !== 'bearer' && scheme !== 'dpop') return { scheme: 'bearer', secret: new Secret('') }
  return { scheme, secret: new Secret(value.slice(space + 1).trimStart()) }
}
