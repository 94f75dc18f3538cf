/** Grants that oidc-provider does not know: token exchange (RFC 8693) and assertions (RFC 7523). */
import * as jose from 'jose'
import { errors, type Provider, type TokenEndpointGrantContext } from 'oidc-provider'
import type { JsonObject } from '../core/json.ts'
import { sha256 } from '../core/secret.ts'
import { KEYS } from '../store/keys.ts'
import { type Assertion, Assertions } from './assertions.ts'
import { JWT_BEARER, TOKEN_EXCHANGE, termsOf } from './clients.ts'
import { publicJwk, type SigningKey } from './keys.ts'
import { type AuthorizationServerOptions, textClaim } from './options.ts'
import { scopesFor } from './scopes.ts'
import { tokenTerms } from './tokens.ts'

const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'
const JWT = 'urn:ietf:params:oauth:token-type:jwt'
/** Who acts for whom who acts for whom: longer chains are no delegation any more. */
const ACTORS_MAX = 4

interface GrantParts {
  readonly options: AuthorizationServerOptions
  readonly signingKeys: readonly SigningKey[]
}

/** What a token is issued on. */
interface Issue {
  readonly subject: string
  readonly resource: string
  readonly scopes: readonly string[]
  readonly lifeMs: number
  readonly extra: Record<string, unknown>
  readonly grant: string
}

type Context = TokenEndpointGrantContext<Record<string, unknown>>

export function registerGrants(provider: Provider, parts: GrantParts): void {
  const exchange = [
    'audience',
    'resource',
    'scope',
    'requested_token_type',
    'subject_token',
    'subject_token_type',
    'actor_token',
    'actor_token_type',
  ]
  const local = jose.createLocalJWKSet({ keys: parts.signingKeys.map((key) => ({ ...publicJwk(key), kty: key.jwk.kty ?? '' })) })
  provider.registerGrantType<Record<string, unknown>>(TOKEN_EXCHANGE, (ctx) => exchangeToken(ctx, provider, parts, local), exchange)
  if (parts.options.assertions.length === 0) return
  const assertions = new Assertions(parts.options)
  provider.registerGrantType<Record<string, unknown>>(JWT_BEARER, (ctx) => redeemAssertion(ctx, provider, parts, assertions), [
    'assertion',
    'scope',
    'resource',
  ])
}

/** Another server, fewer scopes, no longer life, and who acts is written down: never more than the token that was brought. */
async function exchangeToken(
  ctx: Context,
  provider: Provider,
  parts: GrantParts,
  keys: ReturnType<typeof jose.createLocalJWKSet>,
): Promise<void> {
  const { params, client } = ctx.oidc
  refuseProof(ctx)
  if (params['subject_token_type'] !== ACCESS_TOKEN && params['subject_token_type'] !== JWT)
    throw new errors.InvalidRequest('subject_token_type is not supported')
  if (params['requested_token_type'] !== undefined && params['requested_token_type'] !== ACCESS_TOKEN)
    throw new errors.InvalidRequest('requested_token_type is not supported')
  if (params['actor_token'] !== undefined) throw new errors.InvalidRequest('actor_token is not supported')
  const subject = await readSubject(text(params['subject_token']), parts, keys)
  const terms = termsOf(client)
  const audience = textClaim(subject, 'aud') ?? ''
  // Who stands for the server that the token was issued for may go on with it, and the client that it was issued to. Nobody else.
  const isBearer = subject['client_id'] === client.clientId || (terms.origin === 'configured' && terms.introspects.includes(audience))
  if (!isBearer) throw new errors.InvalidGrant('subject_token was issued for somebody else')
  const resource = text(params['resource'] ?? params['audience'] ?? audience)
  const held = (textClaim(subject, 'scope') ?? '').split(' ').filter(Boolean)
  const asked = params['scope'] === undefined ? held : text(params['scope']).split(' ')
  const left = Number(subject['exp']) * 1_000 - parts.options.clock()
  const actors = chainOf(subject['act'])
  if (actors >= ACTORS_MAX) throw new errors.InvalidGrant('too many act already')
  const act = { sub: client.clientId, ...(subject['act'] === undefined ? {} : { act: subject['act'] }) }
  await issue(ctx, provider, parts, {
    subject: textClaim(subject, 'sub') ?? '',
    resource,
    scopes: asked.filter((scope) => held.includes(scope)),
    lifeMs: Math.min(left, parts.options.accessTokenMs),
    extra: { roles: subject['roles'] ?? [], act, ...(subject['grant_id'] === undefined ? {} : { grant_id: subject['grant_id'] }) },
    grant: TOKEN_EXCHANGE,
  })
  ctx.body = { ...(ctx.body as object), issued_token_type: ACCESS_TOKEN } // what `issue` wrote
}

/** A token of ours: alive, not revoked, bound to nobody's key. */
async function readSubject(token: string, { options }: GrantParts, keys: ReturnType<typeof jose.createLocalJWKSet>): Promise<JsonObject> {
  const payload = await verifyOwn(token, options, keys)
  if (payload['cnf'] !== undefined) throw new errors.InvalidGrant('subject_token is bound to a key')
  if (typeof payload['aud'] !== 'string' || !options.resources.has(payload['aud']))
    throw new errors.InvalidGrant('subject_token is for another server')
  const family = textClaim(payload, 'grant_id')
  // The names under which identity/ remembers what is revoked: the digest of what was signed, and the family.
  const revoked = [
    KEYS.revokedToken(sha256(token.slice(0, token.lastIndexOf('.')))),
    ...(family === undefined ? [] : [KEYS.revokedFamily(options.issuer, family)]),
  ]
  for (const key of revoked) if ((await options.store.get(key)) !== undefined) throw new errors.InvalidGrant('subject_token is revoked')
  return payload
}

async function verifyOwn(
  token: string,
  options: AuthorizationServerOptions,
  keys: ReturnType<typeof jose.createLocalJWKSet>,
): Promise<JsonObject> {
  try {
    const { payload } = await jose.jwtVerify(token, keys, {
      issuer: options.issuer,
      typ: 'at+jwt',
      algorithms: ['ES256', 'RS256'],
      requiredClaims: ['exp', 'sub', 'aud'],
      currentDate: new Date(options.clock()),
    })
    return payload as JsonObject // a JWT is JSON
  } catch {
    throw new errors.InvalidGrant('subject_token is not valid')
  }
}

async function redeemAssertion(ctx: Context, provider: Provider, parts: GrantParts, assertions: Assertions): Promise<void> {
  const { params, client } = ctx.oidc
  refuseProof(ctx)
  const assertion: Assertion = await assertions.verify(text(params['assertion']), client.clientId)
  const asked = params['scope'] === undefined ? undefined : text(params['scope']).split(' ')
  const resource = resourceOf(params['resource'], assertion)
  // The intersection of what is asked and what is vouched for, never a refusal of more (ID-JAG §5).
  const scopes =
    assertion.scopes === undefined ? (asked ?? []) : assertion.scopes.filter((scope) => asked === undefined || asked.includes(scope))
  await issue(ctx, provider, parts, {
    subject: assertion.subject,
    resource,
    scopes,
    lifeMs: parts.options.accessTokenMs,
    extra: { roles: assertion.roles },
    grant: JWT_BEARER,
  })
}

function resourceOf(asked: unknown, { resource }: Assertion): string {
  if (resource !== undefined && asked !== undefined && asked !== resource) throw new errors.InvalidTarget()
  const one = resource ?? asked
  if (typeof one !== 'string') throw new errors.InvalidTarget('resource is missing')
  return one
}

async function issue(ctx: Context, provider: Provider, { options, signingKeys }: GrantParts, issued: Issue): Promise<void> {
  const resource = options.resources.get(issued.resource)
  if (resource === undefined) throw new errors.InvalidTarget()
  const { client } = ctx.oidc
  const may = new Set(scopesFor(resource, termsOf(client), issued.scopes))
  const scope = issued.scopes.filter((name) => may.has(name)).join(' ')
  const seconds = Math.floor(issued.lifeMs / 1_000)
  if (seconds < 1) throw new errors.InvalidGrant('nothing is left of its life')
  const terms = { ...tokenTerms(options, signingKeys, issued.resource), scope: [...may].join(' '), accessTokenTTL: seconds }
  const token = new provider.AccessToken({
    accountId: issued.subject,
    client,
    grantId: '',
    gty: issued.grant,
    extra: issued.extra,
    expiresIn: seconds,
  })
  token.resourceServer = new provider.ResourceServer(issued.resource, terms)
  token.scope = scope
  bind(ctx, token, options)
  ctx.oidc.entity('AccessToken', token)
  ctx.body = { access_token: await token.save(), token_type: 'Bearer', expires_in: seconds, scope }
}

/** Of a client whose tokens are bound to its certificate (RFC 8705 §3) these are, too. */
function bind(ctx: Context, token: InstanceType<Provider['AccessToken']>, { certificateOf }: AuthorizationServerOptions): void {
  if (ctx.oidc.client.tlsClientCertificateBoundAccessTokens !== true) return
  const certificate = certificateOf?.(ctx.req)
  if (certificate === undefined) throw new errors.InvalidGrant('mutual TLS client certificate not provided')
  token.setThumbprint('x5t', certificate)
}

/** A proof that would not be looked at must not look as though it were. */
function refuseProof(ctx: Context): void {
  if (ctx.get('dpop') !== '') throw new errors.InvalidRequest('DPoP is not supported with this grant')
}

function chainOf(act: unknown): number {
  let length = 0
  for (let actor = act; typeof actor === 'object' && actor !== null; actor = 'act' in actor ? actor.act : undefined) length++
  return length
}

function text(value: unknown): string {
  if (typeof value !== 'string' || value === '') throw new errors.InvalidRequest('a parameter is missing or repeated')
  return value
}
