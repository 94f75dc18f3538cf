/** How tokens are got, a grant each; the messages are the library's. */
import * as oidc from 'openid-client'
import { Fault } from '../core/denial.ts'
import { type ClientWorld, configure, registeredClient, type Told } from './client.ts'
import type { Audience, EnterpriseGrant, Grant, PresentedToken, TokenExchangeGrant, WorkloadGrant } from './options.ts'
import { refusalOf } from './refusal.ts'
import { discoverServer, type ServerMetadata } from './server.ts'
import { signIn } from './sign-in.ts'

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
const ID_JAG = 'urn:ietf:params:oauth:token-type:id-jag'
export const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'

/** What is wanted, of whom. */
export interface Wish {
  readonly metadata: ServerMetadata
  /** As the server names itself; undefined only for servers of revision 2025-03-26. */
  readonly resource: string | undefined
  readonly scopes: readonly string[]
  readonly dpop: oidc.DPoPHandle | undefined
  readonly options: Told
  readonly world: ClientWorld
}

export type TokenResponse = Awaited<ReturnType<typeof oidc.genericGrantRequest>>

export interface Obtained {
  readonly configuration: oidc.Configuration
  readonly response: TokenResponse
}

/** @throws Fault `FAULT_SIGN_IN`, `FAULT_CLIENT_REGISTRATION`, `FAULT_DISCOVERY`, `FAULT_FETCH` */
export async function obtain(grant: Grant, wish: Wish): Promise<Obtained> {
  switch (grant.kind) {
    case 'sign_in':
      return await signIn(grant, wish)
    case 'stored':
      throw new Fault('FAULT_SIGN_IN', `There is no token for ${wish.resource ?? wish.metadata.issuer}, or none that is still good`)
    case 'client_credentials':
      return await withClient(wish, (configuration) => oidc.clientCredentialsGrant(configuration, parametersOf(wish), handleOf(wish)))
    case 'token_exchange':
      return await withClient(wish, async (configuration) => {
        const response = await oidc.genericGrantRequest(configuration, EXCHANGE, await exchangeOf(grant, wish), handleOf(wish))
        checkIssued(response, ACCESS_TOKEN)
        return response
      })
    case 'enterprise':
      return await withClient(wish, async (configuration) => {
        const assertion = await vouch(grant, wish)
        return await oidc.genericGrantRequest(configuration, JWT_BEARER, { ...parametersOf(wish), assertion }, handleOf(wish))
      })
    case 'workload':
      return await showAssertion(grant, wish)
  }
}

/** @throws Fault when the authorization server refuses: `refusedWith` tells the code. */
export async function refresh(
  configuration: oidc.Configuration,
  refreshToken: string,
  wish: Pick<Wish, 'metadata' | 'resource' | 'dpop'>,
): Promise<TokenResponse> {
  try {
    const parameters = wish.resource === undefined ? {} : { resource: wish.resource }
    return await oidc.refreshTokenGrant(configuration, refreshToken, parameters, handleOf(wish))
  } catch (error) {
    throw refusalOf(`${wish.metadata.issuer} does not refresh the token`, error)
  }
}

async function withClient(wish: Wish, ask: (configuration: oidc.Configuration) => Promise<TokenResponse>): Promise<Obtained> {
  const { metadata, options, world } = wish
  if (options.client === undefined)
    throw new Fault('FAULT_CLIENT_REGISTRATION', `A client that is registered at ${metadata.issuer} is needed for this grant`)
  const configuration = await registeredClient(options.client, metadata, world.fetch)
  try {
    return { configuration, response: await ask(configuration) }
  } catch (error) {
    throw refusalOf(`${metadata.issuer} gives no token`, error)
  }
}

const handleOf = ({ dpop }: Pick<Wish, 'dpop'>): { DPoP?: oidc.DPoPHandle } => (dpop === undefined ? {} : { DPoP: dpop })

function parametersOf({ resource, scopes }: Wish): Record<string, string> {
  return { ...(resource === undefined ? {} : { resource }), ...(scopes.length === 0 ? {} : { scope: scopes.join(' ') }) }
}

function audienceOf({ metadata, resource }: Wish): Audience {
  return { issuer: metadata.issuer, tokenEndpoint: metadata.token_endpoint, resource: resource ?? metadata.issuer }
}

/** RFC 8693 §2.1. */
async function exchangeOf({ subject, actor, audience: name }: TokenExchangeGrant, wish: Wish): Promise<Record<string, string>> {
  const audience = audienceOf(wish)
  const acting = await actor?.(audience)
  return {
    ...parametersOf(wish),
    ...subjectOf(await subject(audience)),
    requested_token_type: ACCESS_TOKEN,
    ...(name === undefined ? {} : { audience: name }),
    ...(acting === undefined ? {} : { actor_token: acting.token, actor_token_type: acting.type }),
  }
}

const subjectOf = ({ token, type }: PresentedToken): Record<string, string> => ({ subject_token: token, subject_token_type: type })

/** The identity provider's word for the person, good for this authorization server and this resource alone (ID-JAG §4). */
async function vouch({ provider, identity }: EnterpriseGrant, wish: Wish): Promise<string> {
  const metadata = await discoverServer(provider.issuer, wish.world.fetch)
  const configuration = await registeredClient(provider, metadata, wish.world.fetch)
  try {
    const response = await oidc.genericGrantRequest(configuration, EXCHANGE, {
      ...parametersOf(wish),
      ...subjectOf(await identity()),
      requested_token_type: ID_JAG,
      audience: wish.metadata.issuer,
    })
    checkIssued(response, ID_JAG)
    return response.access_token
  } catch (error) {
    throw refusalOf(`${provider.issuer} does not vouch`, error)
  }
}

/** RFC 8693 §2.2.1: it says what it issued, and something else is not used. */
function checkIssued(response: TokenResponse, wanted: string): void {
  if (response['issued_token_type'] !== wanted) throw new Fault('FAULT_SIGN_IN', `Another kind of token was issued than ${wanted}`)
}

async function showAssertion(grant: WorkloadGrant, wish: Wish): Promise<Obtained> {
  const { metadata, world } = wish
  if (grant.issuer !== metadata.issuer)
    throw new Fault('FAULT_SIGN_IN', `The assertion is for ${grant.issuer}; the server asks for tokens of ${metadata.issuer}`)
  const configuration = nameless(metadata, world)
  try {
    const assertion = await grant.assertion(audienceOf(wish))
    const response = await oidc.genericGrantRequest(configuration, JWT_BEARER, { ...parametersOf(wish), assertion }, handleOf(wish))
    return { configuration, response }
  } catch (error) {
    throw refusalOf(`${metadata.issuer} does not take the assertion`, error)
  }
}

/** The assertion says who it is: there is neither client id nor client authentication (RFC 7523 §3.1). */
const nameless = (metadata: ServerMetadata, { fetch }: ClientWorld): oidc.Configuration =>
  configure(metadata, 'workload', () => undefined, fetch)
