/** Tokens for one server: what they may say, how they are made, and what a request that names no scope meant. */
import { type AccessToken, type Client, type ClientCredentials, errors, type KoaContextWithOIDC, type ResourceServer } from 'oidc-provider'
import type { Accounts } from './accounts.ts'
import { grantName } from './adapter.ts'
import { CLIENT_CREDENTIALS, termsOf } from './clients.ts'
import { type SigningKey, signingKeyOf } from './keys.ts'
import type { AuthorizationServerOptions, ResourceOptions } from './options.ts'
import { defaultScopes, scopesFor } from './scopes.ts'

interface TokenParts {
  readonly options: AuthorizationServerOptions
  readonly signingKeys: readonly SigningKey[]
}

/** What a token for this server may say (RFC 8707 §2), and, where a request named no scope, what it meant. */
export function resourceServer(
  { options, signingKeys }: TokenParts,
  ctx: KoaContextWithOIDC,
  identifier: string,
  client: Client,
): ResourceServer {
  const resource = options.resources.get(identifier)
  if (resource === undefined) throw new errors.InvalidTarget()
  assumeScope(ctx, resource, client)
  const { params, entities } = ctx.oidc
  const before = [entities.AuthorizationCode?.scope, entities.RefreshToken?.scope, entities.DeviceCode?.scope, params?.['scope']]
  const wanted = before.flatMap((scope) => (typeof scope === 'string' ? scope.split(' ') : []))
  return { ...tokenTerms(options, signingKeys, identifier), scope: scopesFor(resource, termsOf(client), wanted).join(' ') }
}

/** How a token for this server is made. */
export function tokenTerms(
  options: AuthorizationServerOptions,
  keys: readonly SigningKey[],
  audience: string,
): Omit<ResourceServer, 'scope'> {
  const alg = options.algorithm ?? 'ES256'
  return {
    audience,
    accessTokenFormat: 'jwt',
    accessTokenTTL: Math.floor(options.accessTokenMs / 1_000),
    jwt: { sign: { alg, kid: signingKeyOf(keys, alg, options.clock()).kid } },
  }
}

const ASKING_ROUTES: ReadonlySet<string> = new Set(['authorization', 'device_authorization', 'pushed_authorization_request'])

/** MCP clients may name no scope (2026-07-28, authorization "Scope Selection"); RFC 6749 §3.3 lets a server have a default. */
function assumeScope(ctx: KoaContextWithOIDC, resource: ResourceOptions, client: Client): void {
  const { params, route } = ctx.oidc
  if (params === undefined) return
  const isAsking = ASKING_ROUTES.has(route) || params['grant_type'] === CLIENT_CREDENTIALS
  if (isAsking && (params['scope'] === undefined || params['scope'] === ''))
    params['scope'] = defaultScopes(resource, termsOf(client)).join(' ')
}

/** What our tokens say beside the standard: roles, and the grant by which a family is revoked. */
export async function claimsOf(token: AccessToken | ClientCredentials, accounts: Accounts): Promise<Record<string, unknown>> {
  if (token.kind === 'ClientCredentials') {
    const terms = termsOf(token.client)
    return { roles: terms.origin === 'configured' ? terms.roles : [] }
  }
  // A grant of ours (grants.ts) brings its own.
  if (token.extra !== undefined) return { ...token.extra }
  const account = await accounts.find(token.accountId)
  return { roles: account?.roles ?? [], grant_id: grantName(token.grantId) }
}
