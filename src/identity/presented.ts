/** What an HTTP request presents to say who it is from: headers only, never the query, a cookie or `_meta`. */
import type { Credential } from '../core/principal.ts'
import { Secret } from '../core/secret.ts'

const NOTHING: readonly Credential[] = []

/**
 * Every credential in the request, also repeated ones: more than one is for the authenticator to refuse.
 * @param rawHeaders of `node:http`, names and values in turn. Not `headers`, which drops or joins what was repeated.
 */
export function readCredentials(rawHeaders: readonly string[]): readonly Credential[] {
  let found: Credential[] | undefined
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const credential = readHeader(rawHeaders[at] ?? '', rawHeaders[at + 1] ?? '')
    if (credential === undefined) continue
    if (found === undefined) found = [credential]
    else found.push(credential)
  }
  return found ?? NOTHING
}

/** Lengths first: almost every header is neither. */
function readHeader(name: string, value: string): Credential | undefined {
  if (name.length === 9 && name.toLowerCase() === 'x-api-key') return { scheme: 'api-key', secret: new Secret(value) }
  if (name.length === 13 && name.toLowerCase() === 'authorization') return { scheme: 'bearer', secret: new Secret(bearerText(value)) }
  return undefined
}

/**
 * The token of `Bearer <token>`; the scheme in any case (RFC 9110 §11.1), one or more spaces before the token (§11.4).
 * Of another scheme, or of none, the token is empty: nobody knows it, so it is refused as a credential and not taken for no credential.
 */
function bearerText(value: string): string {
  if (value.length < 8 || value[6] !== ' ' || value.slice(0, 6).toLowerCase() !== 'bearer') return ''
  return value.slice(7).trimStart()
}
