/** What an authorization server says of itself (RFC 8414, OpenID Discovery), believed only when it names itself as the resource does. */
import { z } from 'zod'
import { Fault, type FaultCode } from '../core/denial.ts'
import type { GuardedFetch } from '../net/fetch.ts'
import { wellKnownUrls } from '../trust/metadata.ts'
import { isSafe, readMetadata } from './resource.ts'

/** Tokens and codes go there: TLS, or this machine (UV-1). */
const endpoint = z.string().refine((text) => {
  const url = URL.parse(text)
  return url !== null && isSafe(url) && url.username === '' && url.password === '' && url.hash === ''
})

const names = z.array(z.string())

const METADATA = z.object({
  issuer: z.string(),
  authorization_endpoint: endpoint.exactOptional(),
  token_endpoint: endpoint,
  registration_endpoint: endpoint.exactOptional(),
  revocation_endpoint: endpoint.exactOptional(),
  jwks_uri: z.string().exactOptional(),
  id_token_signing_alg_values_supported: names.exactOptional(),
  scopes_supported: names.exactOptional(),
  grant_types_supported: names.exactOptional(),
  code_challenge_methods_supported: names.exactOptional(),
  token_endpoint_auth_methods_supported: names.exactOptional(),
  dpop_signing_alg_values_supported: names.exactOptional(),
  client_id_metadata_document_supported: z.boolean().exactOptional(),
  authorization_response_iss_parameter_supported: z.boolean().exactOptional(),
})

export type ServerMetadata = z.infer<typeof METADATA>

/**
 * Asks at each place in MCP's order until one answers.
 * @throws Fault `FAULT_DISCOVERY` when there is no metadata of this very issuer, saying why; `FAULT_FETCH`, `FAULT_FETCH_REFUSED`
 */
export async function discoverServer(issuer: string, fetch: Pick<GuardedFetch, 'request'>): Promise<ServerMetadata> {
  const url = URL.parse(issuer)
  if (url === null || !isSafe(url) || url.search !== '' || url.hash !== '')
    throw new Fault('FAULT_DISCOVERY', `"${issuer}" is no issuer: it must be an https URL (RFC 8414 §2)`)
  const reasons: Fault[] = []
  for (const place of wellKnownUrls(issuer)) {
    try {
      return await readServer(issuer, place, fetch)
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      reasons.push(error)
    }
  }
  const why = reasons.map(({ message }) => message).join('; ')
  throw new Fault(codeOf(reasons), `No metadata of authorization server ${issuer}: ${why}`)
}

/** Where one place did not answer, nobody knows what it would have said. */
function codeOf(reasons: readonly Fault[]): FaultCode {
  if (reasons.some(({ code }) => code === 'FAULT_FETCH')) return 'FAULT_FETCH'
  return reasons.every(({ code }) => code === 'FAULT_FETCH_REFUSED') ? 'FAULT_FETCH_REFUSED' : 'FAULT_DISCOVERY'
}

async function readServer(issuer: string, place: string, fetch: Pick<GuardedFetch, 'request'>): Promise<ServerMetadata> {
  const fetched = await fetch.request(place, { headers: { accept: 'application/json' } })
  return believe(issuer, place, METADATA.safeParse(readMetadata(fetched, place)))
}

/** RFC 8414 §3.3: compared character by character, or anybody could answer for anybody. */
function believe(issuer: string, place: string, read: z.ZodSafeParseResult<ServerMetadata>): ServerMetadata {
  if (!read.success) {
    const [first] = read.error.issues
    throw new Fault('FAULT_DISCOVERY', `${place}: ${String(first?.path.join('.'))} is missing or is not what it must be (RFC 8414 §2)`)
  }
  if (read.data.issuer !== issuer) throw new Fault('FAULT_DISCOVERY', `${place}: it is the metadata of another issuer than ${issuer}`)
  return read.data
}

/**
 * A server of revision 2025-03-26 that describes itself nowhere: it is its own authorization server, at its root.
 * @throws Fault `FAULT_DISCOVERY`
 */
export async function discoverLegacy(server: URL, fetch: Pick<GuardedFetch, 'request'>): Promise<ServerMetadata> {
  const issuer = server.origin
  const place = `${issuer}/.well-known/oauth-authorization-server`
  const fetched = await fetch.request(place, { headers: { accept: 'application/json' } })
  if (fetched.status !== 404) return believe(issuer, place, METADATA.safeParse(readMetadata(fetched, place)))
  return {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    registration_endpoint: `${issuer}/register`,
    // Revision 2025-03-26 requires it of every server.
    code_challenge_methods_supported: ['S256'],
  }
}
