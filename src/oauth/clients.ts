/** Clients that an operator configured, and the terms on which any client, wherever it comes from, may act. */
import { randomBytes } from 'node:crypto'
import type { AdapterPayload } from 'oidc-provider'
import { Fault } from '../core/denial.ts'
import type { Entry } from '../core/event.ts'
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { isEqual, Secret, sha256 } from '../core/secret.ts'
import type { Clock } from '../core/time.ts'
import { KEYS } from '../store/keys.ts'
import type { Store } from '../store/store.ts'

export const CLIENT_CREDENTIALS = 'client_credentials'
export const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code'
export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
export const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer'

/** What an operator may allow a client. */
export const GRANTS = ['authorization_code', 'refresh_token', CLIENT_CREDENTIALS, DEVICE_CODE, TOKEN_EXCHANGE, JWT_BEARER] as const
export type GrantType = (typeof GRANTS)[number]

/** Whom the gateway itself comes as when it has to know who sits at a browser. */
export const OWN_CLIENT = 'portcullis'

/** Whom workloads come as: they have an assertion and no client of their own (MCP workload identity federation). */
export const WORKLOAD_CLIENT = 'workload'

const SECRET_BYTES = 32
/** Ours are not URLs: a client whose id is one is known by its metadata document. */
const CLIENT_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

/** The record as it lies in the store. */
export interface ClientRecord {
  readonly id: string
  readonly name: string
  readonly grants: readonly GrantType[]
  readonly redirectUris: readonly string[]
  /** SHA-256 of a secret of 256 bits; absent: a public client, or one that signs. */
  readonly secretHash?: string
  /** Public keys of a client that signs its assertions (`private_key_jwt`). */
  readonly jwks?: JsonObject
  /** A ceiling: scopes it may have; absent: all but none privileged. */
  readonly scopes?: readonly string[]
  /** What a token without a user may do: roles, as of a user. */
  readonly roles: readonly string[]
  /** Whose tokens it may look at and end: it stands for these resources (RFC 7662 §2.1). */
  readonly introspects?: readonly string[]
  /** Its access tokens are bound to the certificate that it shows (RFC 8705 §3.4). */
  readonly certificateBound?: boolean
  readonly createdAt: number
  readonly createdBy: string
}

export type ClientRequest = Omit<ClientRecord, 'id' | 'createdAt' | 'secretHash'> & { readonly id?: string; readonly isPublic?: boolean }

export interface IssuedClient {
  readonly client: ClientRecord
  readonly secret?: Secret
}

/** On which terms a client acts. */
export type Terms =
  | { readonly origin: 'registered' | 'document' }
  | {
      readonly origin: 'configured'
      readonly scopes?: readonly string[]
      readonly roles: readonly string[]
      readonly introspects: readonly string[]
    }

/** The metadata member that carries the terms. Nobody but us can write it. */
export const TERMS = 'portcullis'

export class Clients {
  readonly #store: Store
  readonly #clock: Clock
  readonly #bindsCertificates: boolean

  /** @param bindsCertificates whether clients may have certificates: without, one whose tokens are to be bound to its own gets none. */
  constructor(store: Store, clock: Clock, bindsCertificates = false) {
    this.#store = store
    this.#clock = clock
    this.#bindsCertificates = bindsCertificates
  }

  /** The secret is in the answer and nowhere else. @throws Fault `FAULT_CLIENT` when the id is taken or no id. */
  async add(request: ClientRequest): Promise<IssuedClient> {
    const { id = `client-${randomBytes(9).toString('hex')}`, isPublic, ...rest } = request
    if (!CLIENT_ID.test(id) || id === WORKLOAD_CLIENT || id === OWN_CLIENT)
      throw new Fault('FAULT_CLIENT', `${id} cannot be a client id: letters, digits, ".", "_" and "-"`)
    checkRequest(request)
    const needsSecret = isPublic !== true && request.jwks === undefined
    const secret = needsSecret ? randomBytes(SECRET_BYTES).toString('base64url') : undefined
    const client: ClientRecord = {
      ...rest,
      id,
      createdAt: this.#clock(),
      ...(secret === undefined ? {} : { secretHash: sha256(secret) }),
    }
    if (!(await this.#store.put(KEYS.client(id), toJson(client), { onlyIfAbsent: true })))
      throw new Fault('FAULT_CLIENT', `There is a client ${id} already`)
    return secret === undefined ? { client } : { client, secret: new Secret(secret) }
  }

  async list(): Promise<readonly ClientRecord[]> {
    const found: ClientRecord[] = []
    let page = await this.#store.list(KEYS.clients)
    while (page.length > 0) {
      found.push(...page.map(({ key, value }) => readClient(value, key)))
      page = await this.#store.list(KEYS.clients, { after: page.at(-1)?.key ?? '' })
    }
    return found.sort((left, right) => left.createdAt - right.createdAt)
  }

  async has(id: string): Promise<boolean> {
    return (await this.#store.get(KEYS.client(id))) !== undefined
  }

  /** Gets nothing more; the tokens that it got for itself open nothing at this gateway from their next call on. @throws Fault `FAULT_CLIENT` when there is none. */
  async remove(id: string): Promise<ClientRecord> {
    const value = await this.#store.take(KEYS.client(id))
    if (value === undefined) throw new Fault('FAULT_CLIENT', `There is no client ${id}`)
    return readClient(value, id)
  }

  /** As oidc-provider reads a client (RFC 7591 §2). */
  async metadata(id: string): Promise<AdapterPayload | undefined> {
    const value = await this.#store.get(KEYS.client(id))
    if (value === undefined) return undefined
    const record = readClient(value, id)
    if (record.certificateBound === true && !this.#bindsCertificates) return undefined
    const terms: Terms = {
      origin: 'configured',
      ...(record.scopes === undefined ? {} : { scopes: record.scopes }),
      roles: record.roles,
      introspects: record.introspects ?? [],
    }
    return {
      client_id: record.id,
      client_name: record.name,
      grant_types: [...record.grants],
      response_types: record.grants.includes('authorization_code') ? ['code'] : [],
      redirect_uris: [...record.redirectUris],
      application_type: isNative(record.redirectUris) ? 'native' : 'web',
      token_endpoint_auth_method: authMethod(record),
      ...(record.certificateBound === true ? { tls_client_certificate_bound_access_tokens: true } : {}),
      ...(record.secretHash === undefined ? {} : { client_secret: `${HASHED}${record.secretHash}` }),
      // Parsed from our own record, where it was checked to be a JSON Web Key Set.
      ...(record.jwks === undefined ? {} : { jwks: record.jwks as unknown as { keys: [] } }),
      [TERMS]: terms,
    }
  }
}

/** As people write it; the long ones are URNs. */
export function shortGrant(grant: GrantType): string {
  return grant.slice(grant.lastIndexOf(':') + 1).replaceAll('_', '-')
}

/** What history says of a client that was made or removed, and by whom. */
export function clientEntry(type: 'client.created' | 'client.removed', client: ClientRecord, by: string): Entry {
  const detail = `${client.name}: ${client.grants.map(shortGrant).join(' ')}`
  return { type, client: client.id, roles: client.roles, detail, by }
}

function authMethod(record: ClientRecord): 'none' | 'private_key_jwt' | 'client_secret_basic' {
  if (record.jwks !== undefined) return 'private_key_jwt'
  return record.secretHash === undefined ? 'none' : 'client_secret_basic'
}

function checkRequest(request: ClientRequest): void {
  const mistake = (message: string): Fault => new Fault('FAULT_CLIENT', message)
  if (request.grants.length === 0) throw mistake('A client needs a grant')
  if (request.grants.includes('authorization_code') && request.redirectUris.length === 0)
    throw mistake('A client that signs people in needs a redirect URI')
  const wrong = request.redirectUris.find((uri) => !isRedirectUri(uri))
  if (wrong !== undefined) throw mistake(`${wrong} cannot be a redirect URI: write https, or http to the loopback, without a fragment`)
  const machine = request.grants.find((grant) => grant === CLIENT_CREDENTIALS || grant === TOKEN_EXCHANGE || grant === JWT_BEARER)
  if (request.isPublic === true && machine !== undefined) throw mistake(`A public client cannot have ${machine}: anybody could be it`)
}

function readClient(value: JsonValue, key: string): ClientRecord {
  if (!isClient(value)) throw new Fault('FAULT_STORE', `The record of client ${key} is damaged`)
  return value
}

function isClient(value: JsonValue): value is JsonObject & ClientRecord {
  return isObject(value) && typeof value['id'] === 'string' && Array.isArray(value['grants']) && Array.isArray(value['redirectUris'])
}

function toJson(record: ClientRecord): JsonObject {
  return { ...record }
}

/** Marks a secret of which only the hash is kept. A client's own secret never starts so: ours are base64url. */
const HASHED = 'sha256:'

export function hashClientSecret(secret: string): string {
  return secret.startsWith(HASHED) ? secret : `${HASHED}${sha256(secret)}`
}

/** Compares in constant time; what is presented is always taken for a secret, never for a hash of one. */
export function isClientSecret(kept: string | undefined, presented: string): boolean {
  return kept !== undefined && isEqual(hashClientSecret(kept), `${HASHED}${sha256(presented)}`)
}

/** Nothing that a browser would leave out or read as a slash. */
const PLAIN_URI = /^[\x21-\x5b\x5d-\x7e]+$/

/**
 * `https`, or `http` to the loopback; parsed, never matched by prefix (RFC 9700 §4.1). Scheme and host stand as every reader writes them:
 * `HTTP://127.1` leads to the loopback, too, and must not pass for a page on the web.
 */
export function isRedirectUri(text: string): boolean {
  const url = URL.parse(text)
  if (url === null || !PLAIN_URI.test(text) || !text.startsWith(`${url.protocol}//${url.host}`)) return false
  if (url.hash !== '' || text.includes('#') || url.username !== '' || url.password !== '') return false
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackHost(url.hostname))
}

function isLoopbackHost(host: string): boolean {
  return host === '127.0.0.1' || host === '[::1]' || host === 'localhost'
}

/** All its redirects stay on the machine of the user, and every program there can take its place (RFC 8252 §8.6). */
export function isNative(redirectUris: readonly string[]): boolean {
  return redirectUris.length > 0 && redirectUris.every((uri) => uri.startsWith('http:'))
}

/** @returns the terms of the least trusted when there are none. */
export function termsOf(client: { readonly [name: string]: unknown } | undefined): Terms {
  const terms = client?.[TERMS]
  if (typeof terms !== 'object' || terms === null || !('origin' in terms)) return { origin: 'registered' }
  // Written by `metadata` above or by the clamp in registration.ts; no one else can.
  return terms as Terms
}
