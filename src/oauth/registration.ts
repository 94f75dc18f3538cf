/** What clients that nobody configured may be: the one place that sees each of them, however it came. */

import { isIP } from 'node:net'
import { errors } from 'oidc-provider'
import { isNative, isRedirectUri, TERMS, type Terms, termsOf } from './clients.ts'

/** Enough for any client of a person; the rest is for those whom an operator knows. */
const GRANTS_OF_STRANGERS: ReadonlySet<string> = new Set([
  'authorization_code',
  'refresh_token',
  'urn:ietf:params:oauth:grant-type:device_code',
])
const METHODS_OF_STRANGERS: ReadonlySet<string> = new Set(['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'])
const NAME_MAX_CHARS = 120
const REDIRECT_URIS_MAX = 16
const URI_MAX_CHARS = 2_000
/** Draft-ietf-oauth-client-id-metadata-document §3: an https URL with a path. */
const DOCUMENT_URL = /^https:\/\/[^/?#\s]+\/[^?#\s]+(\?[^#\s]*)?$/

/** Metadata as oidc-provider hands it over: what came, with defaults, before it is checked and kept. */
export type Metadata = Record<string, unknown>

/**
 * Clamps a client to what it may be, in place. Registration (RFC 7591 §5: the server may replace any value), metadata documents and records
 * of earlier registrations all pass here.
 * @param isRegistering the request is a registration.
 */
export function clampClient(metadata: Metadata, isRegistering: boolean): void {
  const id = typeof metadata['client_id'] === 'string' ? metadata['client_id'] : ''
  const isDocument = id.startsWith('https://')
  if (!isRegistering && !isDocument && termsOf(metadata).origin === 'configured') return
  const terms: Terms = { origin: isDocument ? 'document' : 'registered' }
  metadata[TERMS] = terms
  // A client registers with the scopes of its first request; kept, they would be a ceiling to every step-up.
  delete metadata['scope']
  clampTexts(metadata, isDocument)
  clampGrants(metadata)
  clampRedirects(metadata)
}

function clampGrants(metadata: Metadata): void {
  const grants = textsOf(metadata['grant_types'])
  const wrong = grants.find((grant) => !GRANTS_OF_STRANGERS.has(grant))
  if (wrong !== undefined)
    throw new errors.InvalidClientMetadata('grant_types has a grant that is not for clients that register themselves')
  const types = textsOf(metadata['response_types'])
  if (types.some((type) => type !== 'code')) throw new errors.InvalidClientMetadata('response_types must be code')
  const method = metadata['token_endpoint_auth_method']
  if (method !== undefined && (typeof method !== 'string' || !METHODS_OF_STRANGERS.has(method)))
    throw new errors.InvalidClientMetadata('token_endpoint_auth_method is not supported here')
}

function clampRedirects(metadata: Metadata): void {
  const uris = textsOf(metadata['redirect_uris'])
  if (uris.length > REDIRECT_URIS_MAX) throw new errors.InvalidRedirectUri('redirect_uris has too many members')
  for (const uri of uris) {
    if (uri.length > URI_MAX_CHARS || !isRedirectUri(uri))
      throw new errors.InvalidRedirectUri('redirect_uris must be https, or http to the loopback, without user or fragment')
  }
  // Any port on the loopback (RFC 8252 §7.3), and a consent each time (§8.6): as `web` they would have neither.
  if (uris.length > 0) metadata['application_type'] = isNative(uris) ? 'native' : 'web'
}

function clampTexts(metadata: Metadata, isDocument: boolean): void {
  const name = metadata['client_name']
  if (isDocument && (typeof name !== 'string' || name.trim() === '')) throw new errors.InvalidClientMetadata('client_name is missing')
  if (typeof name === 'string' && [...name].length > NAME_MAX_CHARS) throw new errors.InvalidClientMetadata('client_name is too long')
  // None of these is used here; fetching or showing them would only be a way in.
  for (const unused of ['logo_uri', 'policy_uri', 'tos_uri', 'sector_identifier_uri', 'initiate_login_uri', 'request_uris'])
    delete metadata[unused]
}

/**
 * Whether a client id may be fetched: an https URL with a path, in its normal form (so that no two texts are one client), of a named host.
 * @param allowed the only origins, when there is a list: then the operator answers for their hosts.
 */
export function isDocumentUrl(id: string, allowed: boolean | readonly string[]): boolean {
  if (allowed === false || id.length > URI_MAX_CHARS || !DOCUMENT_URL.test(id)) return false
  const url = URL.parse(id)
  if (url === null || url.href !== id || url.pathname === '/' || url.username !== '') return false
  if (allowed !== true) return allowed.includes(url.origin)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  return url.port === '' && isIP(host) === 0 && host.includes('.') && !host.endsWith('.')
}

function textsOf(value: unknown): readonly string[] {
  if (value === undefined) return []
  if (!Array.isArray(value) || !value.every((one) => typeof one === 'string'))
    throw new errors.InvalidClientMetadata('a list of the client metadata is not a list of texts')
  return value
}
