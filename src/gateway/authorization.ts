/** The embedded authorization server, fitted into the gateway: what it issues tokens for, and how the gateway believes them. */
import { createPublicKey, type KeyObject } from 'node:crypto'
import type { AssertionConfig } from '../config/assertions.ts'
import type { OAuthConfig, SignInConfig } from '../config/oauth.ts'
import { following } from '../core/following.ts'
import type { Principal } from '../core/principal.ts'
import type { House } from '../guard/create.ts'
import { createTokenIssuer, embeddedRules, type KeySource } from '../identity/bearer-issuer.ts'
import type { TokenIssuer } from '../identity/bearer-token.ts'
import type { Resources } from '../identity/resource.ts'
import { createGuardedFetch } from '../net/fetch.ts'
import { FOREIGN } from '../oauth/accounts.ts'
import { WORKLOAD_CLIENT } from '../oauth/clients.ts'
import type { AssertionOptions, ResourceOptions, ScopeOptions, SignInOptions } from '../oauth/options.ts'
import { defaultScopes } from '../oauth/scopes.ts'
import type { AuthorizationServer } from '../oauth/server.ts'
import { signedInUri } from './connect.ts'
import { connectedServers } from './connected.ts'

const ALGORITHM = 'ES256'

export interface Authorization {
  readonly server: AuthorizationServer
  /** Its tokens, as the resource server believes them: no request goes over the network for that. */
  readonly issuer: TokenIssuer
  close(): Promise<void>
}

/** @throws Fault `FAULT_OAUTH` when it cannot be run safely as configured: then nothing starts. */
export async function openAuthorization(house: House, oauth: OAuthConfig, publicUrl: string, resources: Resources): Promise<Authorization> {
  // Loaded only where it is used: it costs a third of a second.
  const { createAuthorizationServer } = await import('../oauth/server.ts')
  const { config, store, clock, keyring, seal, journal } = house
  const { metadataDocuments, allowPrivate } = oauth.registration
  const fetch = createGuardedFetch({ allowPrivate: allowPrivate && typeof metadataDocuments !== 'boolean' ? metadataDocuments : false })
  const issuerFetch = createGuardedFetch({ allowPrivate: privateOrigins(oauth) })
  const scopes = scopesOf(house)
  const resource = (name: string): ResourceOptions => ({
    name,
    get scopes() {
      return scopes()
    },
  })
  const offered = Object.keys(config.servers).flatMap((name) =>
    resources.identifiersOf(name).map((identifier): readonly [string, ResourceOptions] => [identifier, resource(name)]),
  )
  const { certificateOf } = house.clients
  const server = await createAuthorizationServer({
    issuer: publicUrl,
    resources: new Map(offered),
    accessTokenMs: oauth.accessTokenMs,
    refreshTokenMs: oauth.refreshTokenMs,
    algorithm: ALGORITHM,
    registration: oauth.registration,
    localUsers: oauth.users === 'local',
    signIn: oauth.signIn.map(signInOptions),
    assertions: oauth.assertions.map(assertionOptions),
    ...(connectedServers(config).size === 0 ? {} : { signedInUri: signedInUri(publicUrl) }),
    keys: { cookies: keyring.key('oauth-cookies'), identifiers: keyring.key('oauth-identifiers') },
    seal,
    store,
    clock,
    fetch: fetch.fetch,
    issuerFetch,
    addressOf: (request) => house.clients.addressOf(request) ?? '',
    ...(certificateOf === undefined ? {} : { certificateOf: (request) => pemOf(certificateOf(request)) }),
    onEvent: (entry) => journal.write(entry),
    onGuess: (address) => house.limits.guessed(address),
  })
  const rules = { ...embeddedRules(publicUrl, oauth.accessTokenMs), machines: [WORKLOAD_CLIENT] }
  const issuer = { ...createTokenIssuer(rules, [ALGORITHM], keysOf(server)), stands: standingAt(server) }
  return { server, issuer, close: async () => void (await Promise.all([fetch.close(), issuerFetch.close()])) }
}

/**
 * A token says who somebody was when it was issued; asked at every call, whoever was disabled, lost a role or was removed is out at the next one.
 * Who signed in elsewhere, or was vouched for, is there as long as their token: nobody tells us when they go.
 */
function standingAt({ accounts, clients }: AuthorizationServer): (principal: Principal) => Promise<boolean> {
  return async ({ subject, roles, client }) => {
    if (subject.includes(FOREIGN)) return true
    // Where it is most likely a client that got the token for itself (RFC 9068 §2.2), both are asked at once.
    const has = client === subject ? clients.has(subject) : undefined
    const [now] = await Promise.all([accounts.find(subject), has])
    // No user: such a client, perhaps exchanged since by another one.
    return now === undefined ? (has ?? clients.has(subject)) : roles.every((role) => now.roles.includes(role))
  }
}

function pemOf(presented: ReturnType<NonNullable<House['clients']['certificateOf']>>): string | undefined {
  return presented === undefined || 'flaw' in presented ? undefined : presented.pem
}

export function signInOptions({ clientSecret, roles, allowPrivate: _allow, ...rest }: SignInConfig): SignInOptions {
  return {
    ...rest,
    ...(clientSecret === undefined ? {} : { clientSecret: clientSecret.reveal() }),
    ...(roles === undefined ? {} : { roles: mapping(roles) }),
  }
}

/** Issuers of one's own may stand at private addresses, and nothing else may that they name. */
export function privateOrigins({ signIn, assertions }: Pick<OAuthConfig, 'signIn' | 'assertions'>): readonly string[] {
  const urls = [...signIn, ...assertions].flatMap((one) =>
    one.allowPrivate ? [one.issuer, ...('jwksUri' in one ? [one.jwksUri] : [])] : [],
  )
  return [...new Set(urls.map((url) => new URL(url).origin))]
}

function assertionOptions({ maxLifetimeMs, audience, roles, allowPrivate: _allow, ...rest }: AssertionConfig): AssertionOptions {
  return {
    ...rest,
    lifeMaxMs: maxLifetimeMs,
    ...(audience === undefined ? {} : { audiences: audience }),
    ...(roles === undefined ? {} : { roles: mapping(roles) }),
  }
}

function mapping({ claim, map }: NonNullable<AssertionConfig['roles']>): NonNullable<AssertionOptions['roles']> {
  return { claim, map: new Map(Object.entries(map)) }
}

/** Where the law asks for no scope there is one all the same: a grant of nothing is a refusal (RFC 6749 §3.3). It opens nothing. */
const ONLY_KNOWN: readonly ScopeOptions[] = [{ name: 'mcp', description: 'be known to act for you', isDefault: true }]

/**
 * Every scope that `access:` names; one that differs from tool to tool is offered in its broad form. And what policies demand, of the law
 * as it is in force: nobody has that from the start, but whoever is told to fetch it must find it.
 */
function scopesOf({ access, law }: ScopeParts): () => readonly ScopeOptions[] {
  const namesOf = following(access, ({ tools, prompts }) => {
    const listed = [...Object.values(tools), ...Object.values(prompts)].flatMap((rule) => rule.scopes ?? [])
    return new Set(listed.map((scope) => scope.replaceAll(/\{(?:name|server)\}/g, '*').replace(/\*.*$/, '*')))
  })
  return () => {
    const names = namesOf()
    const listed = [...names].sort().map((name) => ({ name, isDefault: true }))
    const all = [...listed, ...law.scopes.filter((name) => !names.has(name)).map((name) => ({ name }))]
    return all.length > 0 ? all : ONLY_KNOWN
  }
}

interface ScopeParts {
  readonly access: House['access']
  readonly law: Pick<House['law'], 'scopes'>
}

/** What a token is for where a client that nobody configured asked for it and named no scope (RFC 6749 §3.3). */
export function assumedScopes(parts: ScopeParts): readonly string[] {
  return defaultScopes({ name: '', scopes: scopesOf(parts)() }, { origin: 'registered' })
}

/** The keys in this very process: read anew when one is asked for that is not known. */
function keysOf(server: AuthorizationServer): KeySource {
  const known = new Map<string, KeyObject>()
  const read = async (kid: string): Promise<KeyObject | undefined> => {
    const { keys } = await server.jwks()
    known.clear()
    for (const jwk of keys) if (typeof jwk['kid'] === 'string') known.set(jwk['kid'], createPublicKey({ key: jwk, format: 'jwk' }))
    return known.get(kid)
  }
  return {
    revision: 0,
    keyFor: ({ kid }) => (kid === undefined ? undefined : (known.get(kid) ?? read(kid))),
  }
}
