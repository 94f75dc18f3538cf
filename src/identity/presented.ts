/** What an HTTP request presents to say who it is from: headers only, never the query, a cookie or `_meta`. */
import type { CertificateFlaw, ClientCertificate, Credential } from '../core/principal.ts'
import { Secret } from '../core/secret.ts'

const NOTHING: readonly Credential[] = []

/**
 * Every credential in the request, also repeated ones: more than one is for the authenticator to refuse.
 * @param rawHeaders of `node:http`, names and values in turn. Not `headers`, which drops or joins what was repeated.
 * @param certificate what the connection proved. Beside a token or a key it is no second credential: they say who it is, and a token may be
 *   bound to it. One that proves nothing is all that counts, or a caller would be taken for one who brought none.
 */
export function readCredentials(rawHeaders: readonly string[], certificate?: ClientCertificate | CertificateFlaw): readonly Credential[] {
  if (certificate === undefined) return readHeaders(rawHeaders)
  if ('flaw' in certificate) return [{ scheme: 'certificate', secret: NO_SECRET, flaw: certificate.flaw }]
  const found = readHeaders(rawHeaders)
  if (found.length === 0) return [{ scheme: 'certificate', secret: NO_SECRET, certificate }]
  return found.map((credential) => ({ ...credential, certificate }))
}

const NO_SECRET = new Secret('')

function readHeaders(rawHeaders: readonly string[]): readonly Credential[] {
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
  return proofs === undefined ? found : found.map((credential) => ({ ...credential, proofs }))
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
