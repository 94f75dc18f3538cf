/** oidc-provider, configured as OAuth 2.1 for MCP and hardened: every switch of it that matters is set here. */
import { type Client, type Configuration, interactionPolicy, type KoaContextWithOIDC, Provider } from 'oidc-provider'
import type { Accounts } from './accounts.ts'
import type { Memory } from './adapter.ts'
import { isClientSecret, JWT_BEARER, OWN_CLIENT, TERMS, termsOf, WORKLOAD_CLIENT } from './clients.ts'
import type { SigningKey } from './keys.ts'
import type { AuthorizationServerOptions, Fetch } from './options.ts'
import { grantOf, ownClient } from './own-client.ts'
import { clampClient, isDocumentUrl } from './registration.ts'
import { offeredScopes } from './scopes.ts'
import { claimsOf, resourceServer } from './tokens.ts'
import { deviceViews, renderError } from './views.ts'

/** Seconds, as oidc-provider counts. */
const CODE_S = 60
const INTERACTION_S = 600
const DEVICE_S = 600
const SESSION_S = 8 * 3_600
/** A metadata document of a client has no reason to be longer, nor its keys (O-14). */
const DOCUMENT_MAX_BYTES = 5 * 1024
const KEYS_MAX_BYTES = 64 * 1024
/** As long as its owner says, but looked at anew at least daily (SEP-991). */
const DOCUMENT_CACHE_S = { min: 60, max: 86_400 }

export const ROUTES = {
  authorization: '/authorize',
  token: '/token',
  registration: '/register',
  revocation: '/revoke',
  introspection: '/introspect',
  jwks: '/jwks',
  device_authorization: '/device/authorize',
  code_verification: '/device',
  pushed_authorization_request: '/par',
} as const

export interface ProviderParts {
  readonly options: AuthorizationServerOptions
  readonly accounts: Accounts
  readonly memory: Memory
  readonly signingKeys: readonly SigningKey[]
  readonly nonceKey: Uint8Array
  readonly base: string
  /** Asked once a refresh token has passed every check: whether to use it up and answer, or not. */
  readonly mayRotate: (ctx: KoaContextWithOIDC) => Promise<boolean>
}

export function createProvider(parts: ProviderParts): Provider {
  const provider = new Provider(parts.options.issuer, configurationOf(parts))
  // Safe only because the handler in server.ts overwrites what the headers say.
  provider.proxy = true
  // Of secrets only hashes are kept.
  provider.Client.prototype.compareClientSecret = function compare(this: Client, presented: string): boolean {
    return isClientSecret(this.clientSecret, presented)
  }
  return provider
}

function configurationOf(parts: ProviderParts): Configuration {
  const { options, memory, signingKeys, accounts, base } = parts
  const isSecure = options.issuer.startsWith('https:')
  const algorithm = options.algorithm ?? 'ES256'
  const cookie = { httpOnly: true, sameSite: 'lax', secure: isSecure, signed: true } as const
  return {
    adapter: memory.adapter,
    clients: [...workloadClient(options), ...ownClient(options)],
    // Private keys in the form in which Node exported them.
    jwks: { keys: signingKeys.map(({ jwk }) => ({ ...jwk, kty: jwk.kty ?? '' })) },
    scopes: [],
    responseTypes: ['code'],
    pkce: { required: () => true },
    clientAuthMethods: [
      'none',
      'private_key_jwt',
      'client_secret_basic',
      'client_secret_post',
      ...(options.certificateOf === undefined ? [] : (['self_signed_tls_client_auth'] as const)),
    ],
    clientDefaults: {
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
      id_token_signed_response_alg: algorithm,
    },
    cookies: {
      keys: [Buffer.from(options.keys.cookies)],
      names: cookieNames(isSecure, base),
      long: { ...cookie, path: `${base}/` },
      short: cookie,
    },
    ttl: lifetimes(options),
    routes: ROUTES,
    acceptQueryParamAccessTokens: false,
    // A refresh token outlives the browser's session: agents work while their people sleep.
    expiresWithSession: () => false,
    rotateRefreshToken: parts.mayRotate,
    issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    loadExistingGrant: grantOf,
    findAccount: async (_ctx, subject) => {
      const account = await accounts.find(subject)
      return account === undefined ? undefined : { accountId: subject, claims: () => ({ sub: subject }) }
    },
    extraTokenClaims: (_ctx, token) => claimsOf(token, accounts),
    extraClientMetadata: {
      properties: [TERMS],
      validator: (ctx: KoaContextWithOIDC | undefined, _name, _value, metadata) =>
        // The library hands over the metadata that is being made; its type names what it may become.
        clampClient(metadata as unknown as Record<string, unknown>, ctx?.oidc?.route === 'registration'),
    },
    fetch: (url, init) => guarded(options.fetch, url, init),
    fetchResponseBodyLimits: { 'client_id metadata document': DOCUMENT_MAX_BYTES, jwks_uri: KEYS_MAX_BYTES, sector_identifier_uri: 1 },
    // A client that lives in a web page is a public one, and brings no cookie, so every origin may be it.
    clientBasedCORS: (_ctx, _origin, client) => client.clientAuthMethod === 'none',
    renderError,
    interactions: { url: (_ctx, interaction) => `${base}/interaction/${interaction.uid}`, policy: consentPolicy() },
    discovery: discoveryOf(options),
    enabledJWA: { dPoPSigningAlgValues: ['ES256', 'EdDSA', 'Ed25519'], idTokenSigningAlgValues: [algorithm] },
    features: featuresOf(parts),
  }
}

/** The prefixes let no other host and no plain http put a cookie in our place (RFC 6265bis §4.1.3). */
function cookieNames(isSecure: boolean, base: string): { readonly session: string; readonly interaction: string; readonly resume: string } {
  const bound = isSecure ? '__Secure-' : ''
  const session = isSecure && base === '' ? '__Host-' : bound
  return { session: `${session}portcullis_session`, interaction: `${bound}portcullis_interaction`, resume: `${bound}portcullis_resume` }
}

function lifetimes({ accessTokenMs, refreshTokenMs }: AuthorizationServerOptions): Configuration['ttl'] {
  const access = Math.floor(accessTokenMs / 1_000)
  const refresh = Math.floor(refreshTokenMs / 1_000)
  return {
    AccessToken: access,
    ClientCredentials: access,
    AuthorizationCode: CODE_S,
    RefreshToken: refresh,
    // A grant lives as long as what may be renewed under it; each renewal is a new refresh token, so it is asked again after this.
    Grant: Math.max(refresh, SESSION_S),
    Session: SESSION_S,
    Interaction: INTERACTION_S,
    DeviceCode: DEVICE_S,
    IdToken: access,
  }
}

function featuresOf(parts: ProviderParts): Configuration['features'] {
  const { options, nonceKey } = parts
  const { metadataDocuments, dynamic } = options.registration
  const { certificateOf } = options
  return {
    devInteractions: { enabled: false },
    userinfo: { enabled: false },
    rpInitiatedLogout: { enabled: false },
    claimsParameter: { enabled: false },
    clientCredentials: { enabled: true },
    deviceFlow: { enabled: true, charset: 'base-20', mask: '****-****', ...deviceViews },
    introspection: { enabled: true, allowedPolicy: (_ctx, client, token) => mayLookAt(client, token) },
    revocation: { enabled: true, allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId },
    registration: { enabled: dynamic, issueRegistrationAccessToken: false },
    registrationManagement: { enabled: false },
    pushedAuthorizationRequests: { enabled: true },
    dPoP: { enabled: true, nonceSecret: Buffer.from(nonceKey), requireNonce: () => false },
    mTLS:
      certificateOf === undefined
        ? { enabled: false }
        : {
            enabled: true,
            certificateBoundAccessTokens: true,
            selfSignedTlsClientAuth: true,
            getCertificate: (ctx) => certificateOf(ctx.req),
          },
    clientIdMetadataDocument: {
      enabled: metadataDocuments !== false,
      // The library breaks it in minor versions; then it does not start, rather than do something else.
      ack: 'draft-02',
      allowFetch: (_ctx, id) => Promise.resolve(isDocumentUrl(id, metadataDocuments)),
      allowClient: (_ctx, client) => Promise.resolve(isDocumentUrl(client.clientId, metadataDocuments)),
      cacheDuration: DOCUMENT_CACHE_S,
    },
    resourceIndicators: {
      enabled: true,
      defaultResource: (_ctx, _client, oneOf) => Promise.resolve(oneOf ?? [...options.resources.keys()][0] ?? []),
      useGrantedResource: () => true,
      getResourceServerInfo: (ctx, identifier, client) => resourceServer(parts, ctx, identifier, client),
    },
  }
}

/** Whoever issued to it, or stands for the server that it is for. */
function mayLookAt(
  client: Client,
  token: { readonly clientId?: string | undefined; readonly aud?: string | string[] | undefined },
): boolean {
  const terms = termsOf(client)
  if (client.clientAuthMethod === 'none') return false
  if (token.clientId === client.clientId) return true
  return terms.origin === 'configured' && typeof token.aud === 'string' && terms.introspects.includes(token.aud)
}

/** Any program on the machine can listen on the loopback: whoever answers there is asked about anew each time (RFC 8252 §8.6). */
function consentPolicy(): interactionPolicy.Prompt[] {
  const { base, Check } = interactionPolicy
  const policy = base()
  const check = new Check('loopback_redirect', 'a redirect to the loopback needs consent', 'interaction_required', ({ oidc }) => {
    const uri = oidc.params?.['redirect_uri']
    if (oidc.client?.clientId === OWN_CLIENT) return false
    return typeof uri === 'string' && uri.startsWith('http:') && oidc.result?.consent === undefined
  })
  policy.get('consent')?.checks.add(check)
  // A device is approved by a person who sees what it is, each time (RFC 8628 §5.4).
  const device = new Check('device', 'a device needs consent', 'interaction_required', ({ oidc }) => {
    return oidc.deviceCode !== undefined && oidc.result?.consent === undefined
  })
  policy.get('consent')?.checks.add(device)
  return policy
}

function discoveryOf({ resources, assertions }: AuthorizationServerOptions): Record<string, unknown> {
  return {
    service_documentation: 'https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization',
    protected_resources: [...resources.keys()],
    ...(assertions.some(({ kind }) => kind === 'idjag')
      ? { authorization_grant_profiles_supported: ['urn:ietf:params:oauth:grant-profile:id-jag'] }
      : {}),
  }
}

/** What the library publishes, without what we do not do. */
export function correctDiscovery(body: Record<string, unknown>, options: AuthorizationServerOptions): void {
  body['scopes_supported'] = offeredScopes(options.resources)
  body['response_modes_supported'] = ['query']
  delete body['claims_supported']
  if (options.registration.metadataDocuments !== false) body['client_id_metadata_document_supported'] = true
}

function workloadClient({ assertions }: AuthorizationServerOptions): NonNullable<Configuration['clients']> {
  if (!assertions.some(({ kind }) => kind === 'workload')) return []
  return [
    {
      client_id: WORKLOAD_CLIENT,
      token_endpoint_auth_method: 'none',
      grant_types: [JWT_BEARER],
      response_types: [],
      redirect_uris: [],
      [TERMS]: { origin: 'configured', roles: [], introspects: [] },
    },
  ]
}

/** The library's own dispatcher stays behind: ours checks every address before it is dialled. */
function guarded(fetch: Fetch, url: string | URL | Request, init: RequestInit = {}): Promise<Response> {
  const { method = 'GET', headers, body, signal } = init
  return fetch(url instanceof Request ? url.url : url, {
    method,
    redirect: 'manual',
    ...(headers === undefined ? {} : { headers }),
    ...(body == null ? {} : { body }),
    ...(signal == null ? {} : { signal }),
  })
}
