/** What an authorization server is made of, and the checks without which it does not start. */
import type { IncomingMessage } from 'node:http'
import { Fault } from '../core/denial.ts'
import type { Entry } from '../core/event.ts'
import type { JsonObject } from '../core/json.ts'
import type { Seal } from '../core/seal.ts'
import type { Clock } from '../core/time.ts'
import type { GuardedFetch } from '../net/fetch.ts'
import type { Store } from '../store/store.ts'
import type { Alg } from '../trust/jwk.ts'

export type SigningAlgorithm = 'ES256' | 'RS256'

/** What a scope lets a client do. A name that ends in `*` stands for all that start with the rest: `mcp:tool:*`. */
export interface ScopeOptions {
  readonly name: string
  /** For people, on the consent page: "read your files". Default: the name itself. */
  readonly description?: string
  /** Only clients that an operator configured may ask for it. */
  readonly privileged?: boolean
  /** Given when a client names no scope at all. */
  readonly isDefault?: boolean
}

/** A server that tokens are issued for. Its key in the map is its resource identifier (RFC 8707), character for character. */
export interface ResourceOptions {
  /** For people. */
  readonly name: string
  readonly scopes: readonly ScopeOptions[]
}

/** Another OpenID provider where people may sign in. */
export interface SignInOptions {
  /** For people, and part of the subject: `Example|248289761001`. Letters, digits, `-`, `_`, blanks. */
  readonly name: string
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret?: string
  readonly scope?: string
  /** Which claim carries groups, and which role each one gives. */
  readonly roles?: { readonly claim: string; readonly map: ReadonlyMap<string, string> }
}

/** Whose assertions are exchanged for tokens (RFC 7523). An issuer is trusted for one kind only. */
export interface AssertionOptions {
  readonly issuer: string
  /** `idjag`: an identity provider's word on a person (ID-JAG). `workload`: a platform's word on a machine. */
  readonly kind: 'idjag' | 'workload'
  /** Where its keys are; default: from its metadata (RFC 8414, OpenID discovery). */
  readonly jwksUri?: string
  readonly algorithms: readonly Alg[]
  /** Longest life of an assertion; default 10 min. */
  readonly lifeMaxMs?: number
  /** Workloads: accepted audiences beside our issuer and its token endpoint. */
  readonly audiences?: readonly string[]
  /** ID-JAG: which clients may bring them; default: every one that has the grant. */
  readonly clients?: readonly string[]
  /** ID-JAG: which claim carries groups, and which role each gives. Default: as of the sign-in with the same issuer. */
  readonly roles?: SignInOptions['roles']
  /** Workloads: which subjects, with which roles and scopes. A subject that is not here is nobody. */
  readonly workloads?: readonly WorkloadOptions[]
}

export interface WorkloadOptions {
  readonly subject: string
  /** Further claims that must be there with exactly this value. */
  readonly claims?: Readonly<Record<string, string>>
  readonly roles: readonly string[]
  readonly scopes: readonly string[]
}

export interface RegistrationOptions {
  /** Clients that are known by the URL of their metadata document; with a list: of these origins only, whatever host and port they have. */
  readonly metadataDocuments: boolean | readonly string[]
  /** Clients that register themselves (RFC 7591). */
  readonly dynamic: boolean
}

/** One key for each purpose, 32 bytes. */
export interface OAuthKeys {
  /** Signs cookies and forms. */
  readonly cookies: Uint8Array
  /** Hashes the identifiers of what is remembered. Not the key that seals: it cannot be replaced without forgetting all. */
  readonly identifiers: Uint8Array
}

export type Fetch = (url: string | URL, init?: RequestInit) => Promise<Response>

export interface AuthorizationServerOptions {
  /** `publicUrl`, or a path below it. No query, no fragment, no slash at the end. */
  readonly issuer: string
  readonly resources: ReadonlyMap<string, ResourceOptions>
  readonly accessTokenMs: number
  readonly refreshTokenMs: number
  /** Default: ES256. */
  readonly algorithm?: SigningAlgorithm
  readonly registration: RegistrationOptions
  /** Whether people with a local account may sign in. */
  readonly localUsers: boolean
  readonly signIn: readonly SignInOptions[]
  readonly assertions: readonly AssertionOptions[]
  /** Where a person comes back who was only asked to sign in (`whoSignedIn`). Absent: nobody is. */
  readonly signedInUri?: string
  readonly keys: OAuthKeys
  /** Seals what is remembered, the signing keys before all. */
  readonly seal: Seal
  readonly store: Store
  readonly clock: Clock
  /** Refuses private addresses at connect, on every hop: URLs come from strangers. */
  readonly fetch: Fetch
  /** For issuers that the operator named. Apart from `fetch`: where they may stand, the URL of a stranger must not lead. */
  readonly issuerFetch: Pick<GuardedFetch, 'fetch' | 'request'>
  /** Written before the answer leaves; when it rejects, so is the request. */
  readonly onEvent: (entry: Entry) => Promise<void>
  /** Told where a wrong secret of a client came from, or one of a client that there is not. Absent: they are not counted. */
  readonly onGuess?: (address: string) => void
  /** Where a request comes from, behind trusted proxies. Default: the address of the socket. */
  readonly addressOf?: (request: IncomingMessage) => string
  /** The PEM certificate of the caller, where mTLS ends here. Absent: no mTLS. */
  readonly certificateOf?: (request: IncomingMessage) => string | undefined
}

const KEY_BYTES = 32
/** An access token cannot be called back by its issuer alone (RFC 9700 §2.2.1: short-lived). */
const ACCESS_TOKEN_MAX_MS = 3_600_000

/** @throws Fault `FAULT_OAUTH` with what is wrong and what to write instead: there are no development defaults. */
export function checkOptions(options: AuthorizationServerOptions): void {
  const issuer = URL.parse(options.issuer)
  if (issuer === null || issuer.search !== '' || issuer.hash !== '' || options.issuer.endsWith('/') || issuer.username !== '')
    throw fault(`${options.issuer} cannot be an issuer: write a URL without query, fragment, user or slash at its end`)
  if (options.issuer !== (issuer.pathname === '/' ? issuer.origin : issuer.href))
    throw fault(`${options.issuer} cannot be an issuer: write it in its normal form, ${issuer.href.replace(/\/$/, '')}`)
  if (issuer.protocol !== 'https:' && !isLoopback(issuer)) throw fault(`${options.issuer}: publicUrl must be https, but for localhost`)
  checkKey(options.keys.cookies, 'cookies')
  checkKey(options.keys.identifiers, 'identifiers')
  if (Buffer.compare(options.keys.cookies, options.keys.identifiers) === 0) throw fault('One key serves two purposes')
  if (options.resources.size === 0) throw fault('There is no server to issue tokens for')
  if (!options.localUsers && options.signIn.length === 0 && options.assertions.length === 0)
    throw fault('Nobody can sign in: write users: local, signIn or assertions')
  if (options.accessTokenMs < 1_000 || options.accessTokenMs > ACCESS_TOKEN_MAX_MS) throw fault('accessToken must be 1s to 1h')
  if (options.refreshTokenMs < options.accessTokenMs) throw fault('refreshToken must outlive accessToken')
  const names = new Set(options.signIn.map(({ name }) => name))
  if (names.size !== options.signIn.length || [...names].some((name) => !/^[\w -]{1,40}$/.test(name)))
    throw fault('Each of signIn has a name of its own: letters, digits, "-", "_" and blanks')
  const kinds = new Set(options.assertions.map((assertion) => assertion.issuer))
  if (kinds.size !== options.assertions.length) throw fault('An issuer of assertions is trusted for one kind only')
}

function checkKey(key: Uint8Array | undefined, purpose: string): void {
  if (key === undefined || key.length !== KEY_BYTES || key.every((byte) => byte === key[0]))
    throw fault(`The key for ${purpose} is missing or weak: ${KEY_BYTES} random bytes are needed`)
}

function fault(message: string): Fault {
  return new Fault('FAULT_OAUTH', `authentication.oauth: ${message}`)
}

/** `127.0.0.0/8`, `[::1]` and `localhost` (RFC 8252 §7.3, §8.3). */
export function isLoopback(url: URL): boolean {
  return url.hostname === 'localhost' || url.hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(url.hostname)
}

/** Whether the text carries a claim object; identity claims with control characters are nobody's. */
export function textClaim(claims: JsonObject, name: string): string | undefined {
  const value = claims[name]
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
  return typeof value === 'string' && value !== '' && value.length <= 1024 && !/[\u0000-\u001f\u007f-\u009f]/.test(value)
    ? value
    : undefined
}
