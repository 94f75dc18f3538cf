/** What a token manager is made of: who the client is, how it gets tokens, where it keeps them. */
import { z } from 'zod'
import type { Secret } from '../core/secret.ts'
import type { Clock } from '../core/time.ts'
import type { FetchOptions } from '../net/fetch.ts'
import type { TokenStorage } from './storage.ts'

/** A client that was registered beforehand, at one authorization server; its credentials are shown to no other. */
export interface RegisteredClient {
  readonly id: string
  /** The issuer at which it is registered, character by character. */
  readonly issuer: string
  readonly secret?: string | Secret
  /** PKCS#8 PEM of the key that signs its assertions (`private_key_jwt`), and the algorithm it signs with (`ES256`). */
  readonly key?: { readonly pem: string | Secret; readonly algorithm: string; readonly kid?: string }
  /** How it proves who it is at the token endpoint; default: `private_key_jwt` with a key, else what the server offers. */
  readonly authentication?: ClientAuthentication
  /** Where the browser comes back, when the client was registered with one place only. */
  readonly redirectUri?: string
}

/** How a client proves at the token endpoint who it is (RFC 6749 §2.3, RFC 7523 §2.2). */
export type ClientAuthentication = 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt' | 'none'

/** Who the client is where nobody registered it: its metadata document, else it registers itself. */
export interface ClientIdentity {
  /** Shown to the person who consents; default `Portcullis agent`. */
  readonly name?: string
  /** URL of the client ID metadata document: it is the client id where the authorization server reads such documents. */
  readonly metadataUrl?: string
}

/** A token that is handed in, and what it is (RFC 8693 §3). */
export interface PresentedToken {
  readonly token: string
  /** `urn:ietf:params:oauth:token-type:…` */
  readonly type: string
}

/** For whom something is asked: an authorization server, and the server behind it. */
export interface Audience {
  readonly issuer: string
  readonly tokenEndpoint: string
  readonly resource: string
}

/** A person signs in with the browser (authorization code with PKCE). The one grant that asks somebody. */
export interface SignInGrant {
  readonly kind: 'sign_in'
  /** Shows the page to the person; default: the browser of this machine. */
  readonly open?: (url: URL) => void | Promise<void>
  /**
   * The host's own way there and back. `authorize` shows the page and resolves with the URL at which the browser came back.
   * Without it, a listener of ours waits on 127.0.0.1.
   */
  readonly redirect?: { readonly uri: string; readonly authorize: (url: URL) => Promise<URL> }
  /** How long the person may take, milliseconds; default 5 minutes. */
  readonly waitMs?: number
}

/** Only what was signed in before: nobody is asked. */
export interface StoredGrant {
  readonly kind: 'stored'
}

/** The client speaks for itself (RFC 6749 §4.4). Needs `client`. */
export interface ClientCredentialsGrant {
  readonly kind: 'client_credentials'
}

/** A token of elsewhere becomes one for the server (RFC 8693). Needs `client`. */
export interface TokenExchangeGrant {
  readonly kind: 'token_exchange'
  readonly subject: (audience: Audience) => Promise<PresentedToken>
  /** How the authorization server calls the one that the token is for, beside its resource identifier (RFC 8693 §2.1). */
  readonly audience?: string
  readonly actor?: (audience: Audience) => Promise<PresentedToken>
}

/** The identity provider of an enterprise vouches (ID-JAG), and the authorization server believes it (RFC 7523). Needs `client`. */
export interface EnterpriseGrant {
  readonly kind: 'enterprise'
  /** The client as the identity provider knows it. */
  readonly provider: RegisteredClient
  /** What the person's sign-in at the identity provider left: an identity token, a refresh token or a SAML assertion. */
  readonly identity: () => Promise<PresentedToken>
}

/** A workload shows an assertion of its platform (RFC 7523). It is shown to no authorization server but this one, and once. */
export interface WorkloadGrant {
  readonly kind: 'workload'
  readonly issuer: string
  readonly assertion: (audience: Audience) => Promise<string>
}

/** How tokens are got. `sign_in` asks a person, `stored` asks nobody and takes what is there, the others are for programs. */
export type Grant = SignInGrant | StoredGrant | ClientCredentialsGrant | TokenExchangeGrant | EnterpriseGrant | WorkloadGrant

/** Who the client is, how it gets tokens, and where it keeps them. Without any a person signs in, and tokens are gone with the process. */
export interface TokenManagerOptions {
  /** Default: a person signs in. */
  readonly grant?: Grant
  readonly client?: RegisteredClient
  readonly identity?: ClientIdentity
  /** Whose tokens these are: managers of different accounts share a storage and never a token. Default: one nameless account. */
  readonly account?: string
  /** Default: in memory, gone with the process. */
  readonly storage?: TokenStorage
  /** Scopes that are asked for besides those that the server asks for. */
  readonly scopes?: readonly string[]
  /** Bind every token to a key (RFC 9449) and refuse servers that cannot; without it, only where a server demands it. */
  readonly dpop?: boolean
  /** What may be fetched of metadata and tokens: by default https at public addresses, and loopback when the server itself is there. */
  readonly network?: FetchOptions
  /** Servers of revision 2025-03-26, that are their own authorization server and say so nowhere. Default false. */
  readonly legacyDiscovery?: boolean
  readonly clock?: Clock
}

const text = z.string().min(1, 'must not be empty')
const callable = z.custom((value) => typeof value === 'function', 'must be a function')
const client = z.looseObject({ id: text, issuer: text })

const GRANTS = [
  z.looseObject({
    kind: z.literal('sign_in'),
    open: callable.optional(),
    redirect: z.looseObject({ uri: text, authorize: callable }).optional(),
    waitMs: z.number().optional(),
  }),
  z.looseObject({ kind: z.literal('stored') }),
  z.looseObject({ kind: z.literal('client_credentials') }),
  z.looseObject({ kind: z.literal('token_exchange'), subject: callable, actor: callable.optional() }),
  z.looseObject({ kind: z.literal('enterprise'), provider: client, identity: callable }),
  z.looseObject({ kind: z.literal('workload'), issuer: text, assertion: callable }),
] as const
const KINDS = `must be one of ${GRANTS.flatMap(({ shape }) => [...shape.kind.values]).join(', ')}`
/** In which the client proves who it is. */
const CLIENTS_GRANTS: ReadonlySet<string | undefined> = new Set<Grant['kind']>(['client_credentials', 'token_exchange', 'enterprise'])

const OPTIONS = z
  .strictObject({
    grant: z.discriminatedUnion('kind', GRANTS, { error: ({ code }) => (code === 'invalid_union' ? KINDS : undefined) }).optional(),
    client: client.optional(),
    identity: z.looseObject({}).optional(),
    account: z.string().optional(),
    storage: z.looseObject({ get: callable, put: callable, delete: callable }).optional(),
    scopes: z.array(text).optional(),
    dpop: z.boolean().optional(),
    network: z.looseObject({}).optional(),
    legacyDiscovery: z.boolean().optional(),
    clock: callable.optional(),
  })
  .refine(({ grant, client }) => client !== undefined || !CLIENTS_GRANTS.has(grant?.kind), {
    path: ['client'],
    error: 'this grant needs a client that was registered beforehand: { id, issuer, secret }',
  })

/** What the types say, for whoever has none. @throws TypeError that names what is wrong. */
export function checkOptions(options: TokenManagerOptions): void {
  const { error } = OPTIONS.safeParse(options)
  if (error === undefined) return
  const told = error.issues.map(({ path, message }) => (path.length === 0 ? message : `${path.join('.')}: ${message}`))
  throw new TypeError(`The options of the token manager are not right: ${told.join('; ')}`)
}
