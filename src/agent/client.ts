/** Who the client is at an authorization server: registered beforehand, known by its metadata document, or registered by itself, in this order. */
import { importPKCS8 } from 'jose'
import {
  allowInsecureRequests,
  type ClientAuth,
  customFetch,
  dynamicClientRegistrationRequest,
  processDynamicClientRegistrationResponse,
} from 'oauth4webapi'
import * as oidc from 'openid-client'
import { z } from 'zod'
import { Fault } from '../core/denial.ts'
import { Secret } from '../core/secret.ts'
import type { GuardedFetch } from '../net/fetch.ts'
import { basicOf } from '../trust/introspection.ts'
import type { ClientAuthentication, ClientIdentity, RegisteredClient } from './options.ts'
import { keepSecret, refusalOf } from './refusal.ts'
import { isLoopback } from './resource.ts'
import type { ServerMetadata } from './server.ts'
import type { TokenStorage } from './storage.ts'

/** The whole of one exchange with an authorization server; the guarded fetch keeps to its own, shorter one. */
const TIMEOUT_S = 30
const DEFAULT_NAME = 'Portcullis agent'

/** What is remembered of a registration. */
const RECORD = z.object({
  id: z.string(),
  secret: z.string().exactOptional(),
  method: z.enum(['client_secret_basic', 'client_secret_post', 'none']),
  redirectUri: z.string(),
  /** Seconds since the epoch, as told; 0 is never. */
  secretExpiresAt: z.number(),
})
type Registration = z.infer<typeof RECORD>

/** What is read of a registration answer (RFC 7591 §3.2.1). */
const REGISTERED = z.object({
  client_id: z.string(),
  client_secret: z.string().exactOptional(),
  client_secret_expires_at: z.number().exactOptional(),
  // A method that we cannot do is as good as none said.
  token_endpoint_auth_method: RECORD.shape.method.optional().catch(undefined),
})

export interface ClientWorld {
  readonly fetch: GuardedFetch
  readonly storage: TokenStorage
  readonly clock: () => number
  /** Given when nobody waits for a token any more: a person is waited for until then. */
  readonly closing?: AbortSignal
}

/** What the library needs for its exchanges with one authorization server. */
export function configure(metadata: ServerMetadata, id: string, authentication: ClientAuth, fetch: GuardedFetch): oidc.Configuration {
  const configuration = new oidc.Configuration(metadata, id, undefined, authentication)
  configuration.timeout = TIMEOUT_S
  configuration[oidc.customFetch] = async (url, { body, headers, method, redirect, signal }) => {
    const init = { headers, method, redirect, ...(body == null ? {} : { body }), ...(signal === undefined ? {} : { signal }) }
    const answer = await fetch.fetch(url, init)
    keepSecret(answer, secretsIn(headers, body))
    return answer
  }
  // The guarded fetch judges every URL, and knows which may be http.
  oidc.allowInsecureRequests(configuration)
  return configuration
}

/** Parameters of a token request that are no secret (RFC 6749 §4, RFC 8693 §2.1, RFC 8707 §2). */
const OPEN: ReadonlySet<string> = new Set([
  'grant_type',
  'scope',
  'resource',
  'audience',
  'client_id',
  'redirect_uri',
  'client_assertion_type',
  'requested_token_type',
  'subject_token_type',
  'actor_token_type',
  'token_type_hint',
])

/** What is shorter is no secret, and stands in every other sentence. */
const SECRET_MIN_CHARS = 6

/** What a request shows that nobody else may know: all that is not known to be open. */
function secretsIn(headers: Readonly<Record<string, string>>, body: unknown): readonly string[] {
  const parameters = body instanceof URLSearchParams ? [...body] : typeof body === 'string' ? [...new URLSearchParams(body)] : []
  const basic = /^Basic (\S+)$/i.exec(headers['authorization'] ?? '')?.[1] ?? ''
  const [, secret = ''] = /^[^:]*:(.*)$/s.exec(Buffer.from(basic, 'base64').toString('utf8')) ?? []
  const shown = [...parameters.flatMap(([name, value]) => (OPEN.has(name) ? [] : [value])), basic, secret, formDecoded(secret)]
  return shown.filter((text) => text.length >= SECRET_MIN_CHARS)
}

/** Names and secrets in a Basic header are encoded as in a form (RFC 6749 §2.3.1). */
function formDecoded(text: string): string {
  return new URLSearchParams(`x=${text}`).get('x') ?? ''
}

/** @throws Fault `FAULT_CLIENT_REGISTRATION` when it is registered at another authorization server (SEP-2352), or cannot prove itself there. */
export async function registeredClient(
  client: RegisteredClient,
  metadata: ServerMetadata,
  fetch: GuardedFetch,
): Promise<oidc.Configuration> {
  if (client.issuer !== metadata.issuer)
    throw fault(`client ${client.id} is registered at ${client.issuer}; the server asks for tokens of ${metadata.issuer}`)
  return configure(metadata, client.id, await authenticationOf(client, metadata), fetch)
}

async function authenticationOf(client: RegisteredClient, metadata: ServerMetadata): Promise<ClientAuth> {
  const secret = client.secret instanceof Secret ? client.secret.reveal() : client.secret
  const method = client.authentication ?? (client.key !== undefined ? 'private_key_jwt' : methodFor(secret !== undefined, metadata))
  if (method === 'none') return oidc.None()
  if (method === 'private_key_jwt') {
    if (client.key === undefined) throw fault(`client ${client.id} has no key`)
    const { pem, algorithm, kid } = client.key
    const key = await importPKCS8(pem instanceof Secret ? pem.reveal() : pem, algorithm).catch((cause: unknown) => {
      throw new Fault('FAULT_CLIENT_REGISTRATION', `the key of client ${client.id} is none of ${algorithm} in PKCS#8`, { cause })
    })
    return oidc.PrivateKeyJwt(kid === undefined ? key : { key, kid })
  }
  if (secret === undefined) throw fault(`client ${client.id} has no secret`)
  return method === 'client_secret_basic' ? basic(secret) : oidc.ClientSecretPost(secret)
}

/**
 * The library escapes even what a form leaves as it is (`-`, `_`, `.`), and servers that compare without reading the form (there are many)
 * then know neither client nor secret.
 */
function basic(secret: string): ClientAuth {
  return (_metadata, client, _body, headers) => headers.set('authorization', basicOf(client.client_id, secret))
}

/** What a client with a secret can do, the best first. */
const KNOWN = ['client_secret_basic', 'client_secret_post', 'none'] as const

/** RFC 8414 §2: where nothing is said, it is `client_secret_basic`. */
function methodFor(hasSecret: boolean, metadata: ServerMetadata): Exclude<ClientAuthentication, 'private_key_jwt'> {
  if (!hasSecret) return 'none'
  const offered = metadata.token_endpoint_auth_methods_supported ?? ['client_secret_basic']
  return KNOWN.find((method) => offered.includes(method)) ?? 'client_secret_basic'
}

const placeOf = (issuer: string): string => JSON.stringify(['client', issuer])

/** What was registered there before, and still stands. */
async function remembered(issuer: string, { storage, clock }: ClientWorld): Promise<Registration | undefined> {
  const text = await storage.get(placeOf(issuer))
  if (text === undefined) return undefined
  const { success, data } = RECORD.safeParse(JSON.parse(text))
  if (!success || (data.secretExpiresAt !== 0 && data.secretExpiresAt * 1_000 <= clock())) return undefined
  return data
}

/** Where the browser came back when the client registered itself at this issuer: to be listened on again. */
export async function registeredRedirect(issuer: string, world: ClientWorld): Promise<string | undefined> {
  return (await remembered(issuer, world))?.redirectUri
}

/** Forgets a registration that the authorization server no longer knows. */
export async function forgetClient(issuer: string, { storage }: ClientWorld): Promise<void> {
  await storage.delete(placeOf(issuer))
}

/** What a manager was told of its client. */
export interface Told {
  readonly client?: RegisteredClient
  readonly identity?: ClientIdentity
}

/**
 * The client for a sign-in.
 * @param redirectUri where the browser will come back.
 * @throws Fault `FAULT_CLIENT_REGISTRATION` when nobody registered it, and it cannot register itself.
 */
export async function signInClient(
  { client, identity = {} }: Told,
  metadata: ServerMetadata,
  redirectUri: string,
  world: ClientWorld,
): Promise<oidc.Configuration> {
  if (client !== undefined) return registeredClient(client, metadata, world.fetch)
  if (identity.metadataUrl !== undefined && metadata.client_id_metadata_document_supported === true)
    return configure(metadata, identity.metadataUrl, oidc.None(), world.fetch)
  const known = await remembered(metadata.issuer, world)
  const registration =
    known?.redirectUri === redirectUri ? known : await register(metadata, redirectUri, identity.name ?? DEFAULT_NAME, world)
  return configure(metadata, registration.id, proofOf(registration), world.fetch)
}

/**
 * The client that tokens were issued to, for refreshing and ending them. One that neither was told nor is remembered has no secret: it is
 * known by its metadata document, or by its name alone.
 */
export async function standingClient(
  id: string,
  { client }: Told,
  metadata: ServerMetadata,
  world: ClientWorld,
): Promise<oidc.Configuration> {
  if (client?.id === id) return registeredClient(client, metadata, world.fetch)
  const known = await remembered(metadata.issuer, world)
  return configure(metadata, id, known?.id === id ? proofOf(known) : oidc.None(), world.fetch)
}

function proofOf({ method, secret }: Registration): ClientAuth {
  if (method === 'none' || secret === undefined) return oidc.None()
  return method === 'client_secret_basic' ? basic(secret) : oidc.ClientSecretPost(secret)
}

async function register(
  metadata: ServerMetadata,
  redirectUri: string,
  name: string,
  { fetch, storage }: ClientWorld,
): Promise<Registration> {
  if (metadata.registration_endpoint === undefined)
    throw fault(`${metadata.issuer} does not let clients register themselves: name a client that was registered there`)
  const wish = {
    client_name: name,
    redirect_uris: [redirectUri],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    // SEP-837: what the redirect URI is judged by.
    application_type: isLoopback(new URL(redirectUri)) ? 'native' : 'web',
    token_endpoint_auth_method: wishedMethod(metadata.token_endpoint_auth_methods_supported),
  }
  try {
    const response = await dynamicClientRegistrationRequest(metadata, wish, {
      [allowInsecureRequests]: true,
      [customFetch]: (url, { body, headers, method, redirect }) => fetch.fetch(url, { body, headers, method, redirect }),
    })
    const made = REGISTERED.parse(await processDynamicClientRegistrationResponse(await completed(response)))
    const registration: Registration = {
      id: made.client_id,
      method: made.token_endpoint_auth_method ?? methodFor(made.client_secret !== undefined, metadata),
      redirectUri,
      secretExpiresAt: made.client_secret_expires_at ?? 0,
      ...(made.client_secret === undefined ? {} : { secret: made.client_secret }),
    }
    await storage.put(placeOf(metadata.issuer), JSON.stringify(registration))
    return registration
  } catch (error) {
    throw refusalOf(`${metadata.issuer} does not register this client`, error)
  }
}

/** Servers that issue a secret and leave out until when mean for ever, though they must say it (RFC 7591 §3.2.1). */
async function completed(response: Response): Promise<Response> {
  if (response.status !== 201) return response
  const said: unknown = await response
    .clone()
    .json()
    .catch(() => undefined)
  if (typeof said !== 'object' || said === null || !('client_secret' in said) || 'client_secret_expires_at' in said) return response
  return Response.json({ ...said, client_secret_expires_at: 0 }, { status: 201 })
}

/** A program on somebody's machine keeps no secret (RFC 8252 §8.4); it takes one only where there is no other way. */
function wishedMethod(offered: readonly string[] | undefined): string {
  if (offered === undefined || offered.includes('none')) return 'none'
  return KNOWN.find((method) => offered.includes(method)) ?? 'client_secret_basic'
}

const fault = (message: string): Fault => new Fault('FAULT_CLIENT_REGISTRATION', message)
