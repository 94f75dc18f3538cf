/** Who is asking. */
import type { JsonObject } from './json.ts'
import type { Pattern } from './pattern.ts'

/** Holds no credential, so it may be logged, sent and shown. */
export interface Principal {
  readonly kind: 'user' | 'service' | 'anonymous'
  /** An issuer URL, or one of `key`, `certificate`, `environment`, `local`. */
  readonly issuer: string
  /** Unique only together with `issuer`. */
  readonly subject: string
  /** OAuth `client_id`. */
  readonly client?: string
  /** Who acts for the subject, nearest first (RFC 8693 §4.1 `act`). */
  readonly actors: readonly string[]
  readonly tenant?: string
  readonly roles: readonly string[]
  /** A ceiling: what this credential was issued for; absent = the credential knows no scopes. */
  readonly scopes?: readonly string[]
  /** A ceiling: the allow-list of an API key; absent = no ceiling. */
  readonly grants?: readonly Pattern[]
  readonly claims: JsonObject
}

/** `issuer#subject`: the one name of a principal, in the law, in the journal and in the store. */
export function nameOf(principal: Pick<Principal, 'issuer' | 'subject'>): string {
  return `${principal.issuer}#${principal.subject}`
}

/** The role of a key that was given none: what its own allow-list names is what it may do. */
export const SERVICE_ROLE = 'service'

/** What a request presents to say who it is from, still unbelieved. */
export interface Credential {
  readonly scheme: 'api-key' | 'bearer' | 'dpop' | 'certificate'
  /** Empty of a certificate: what it proves was proved when the connection was made. */
  readonly secret: import('./secret.ts').Secret
  /** Every `DPoP` header of the request, as received: proofs that the token is its own (RFC 9449 §4.1). */
  readonly proofs?: readonly string[]
  /** The certificate that the client proved to hold when the connection was made. */
  readonly certificate?: ClientCertificate
  /** Why it counts for nothing, known before anybody looked at it: for the operator. */
  readonly flaw?: string
}

/** A certificate that a client proved to hold, verified against the authorities of the configuration. */
export interface ClientCertificate {
  /** SHA-256 of its DER, base64url (RFC 8705 §3.1). */
  readonly thumbprint: string
  /** Whom it was issued to: its subject alternative names (RFC 5280 §4.2.1.6), those that are a plain text. */
  readonly names: readonly { readonly kind: 'san-uri' | 'san-dns' | 'san-email'; readonly name: string }[]
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
  readonly pem: string
}

/** A certificate that was presented and proves nothing. */
export interface CertificateFlaw {
  readonly flaw: string
}
