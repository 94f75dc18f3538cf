/** What an issuer says of itself (RFC 8414, OpenID Connect Discovery 1.0), believed only when it names itself as we name it. */
import { Fault } from '../core/denial.ts'
import type { GuardedFetch } from '../net/fetch.ts'
import { readDocument } from './document.ts'

/** RFC 8414 §2. */
export interface Metadata {
  /** Equal, character by character, to the one that was asked for. */
  readonly issuer: string
  readonly jwksUri?: string
  readonly introspectionEndpoint?: string
}

/** Where the metadata may be, in the order in which MCP tells clients to look (2026-07-28, basic/authorization). */
export function wellKnownUrls(issuer: string): readonly string[] {
  const url = new URL(issuer)
  // RFC 8414 §3.1: a slash at the end is removed before the insertion.
  const path = url.pathname.replace(/\/+$/, '')
  const inserted = ['oauth-authorization-server', 'openid-configuration'].map((name) => `${url.origin}/.well-known/${name}${path}`)
  return path === '' ? inserted : [...inserted, `${url.origin}${path}/.well-known/openid-configuration`]
}

/**
 * Asks at each place until one answers with metadata of this very issuer (RFC 8414 §3.3).
 * @throws Fault `FAULT_ISSUER` when none does, saying of each why.
 */
export async function discover(issuer: string, fetch: Pick<GuardedFetch, 'request'>): Promise<Metadata> {
  const reasons: string[] = []
  for (const url of wellKnownUrls(issuer)) {
    try {
      return await readMetadata(issuer, url, fetch)
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      reasons.push(error.message)
    }
  }
  throw new Fault('FAULT_ISSUER', `No metadata of issuer ${issuer}: ${reasons.join('; ')}`)
}

async function readMetadata(issuer: string, url: string, fetch: Pick<GuardedFetch, 'request'>): Promise<Metadata> {
  const document = readDocument(await fetch.request(url, { headers: { accept: 'application/json' } }), url)
  if (document['issuer'] !== issuer) throw new Fault('FAULT_ISSUER', `${url}: it is the metadata of another issuer`)
  const { jwks_uri: jwksUri, introspection_endpoint: introspectionEndpoint } = document
  return {
    issuer,
    ...(typeof jwksUri === 'string' ? { jwksUri } : {}),
    ...(typeof introspectionEndpoint === 'string' ? { introspectionEndpoint } : {}),
  }
}
