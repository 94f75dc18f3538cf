/** Client certificates as a way to tell who somebody is: by the one verified name of the kind that the configuration names. */
import { Denial } from '../core/denial.ts'
import { isLike } from '../core/pattern.ts'
import type { ClientCertificate, Credential, Principal } from '../core/principal.ts'
import type { Clock } from '../core/time.ts'
import type { Scheme } from './authenticate.ts'

export interface CertificateOptions {
  /** Which of the names says who it is. The common name is none: the constraints of an authority do not hold for it (RFC 9525 §1.4.1). */
  readonly subject: ClientCertificate['names'][number]['kind']
  /** From patterns over names to roles; a name that none fits has no role. */
  readonly roles: Readonly<Record<string, readonly string[]>>
  readonly clock: Clock
}

/** `*` stands for any characters within one part of a name. */
const SEPARATORS: Readonly<Record<CertificateOptions['subject'], string>> = { 'san-uri': '/', 'san-dns': '.', 'san-email': '@' }

interface Rule {
  readonly parts: readonly string[]
  readonly roles: readonly string[]
}

export class Certificates implements Scheme {
  readonly #options: CertificateOptions
  readonly #separator: string
  readonly #rules: readonly Rule[]
  readonly #principals = new WeakMap<ClientCertificate, Principal>()
  readonly #ends = new WeakMap<Principal, number>()

  constructor(options: CertificateOptions) {
    this.#options = options
    this.#separator = SEPARATORS[options.subject]
    this.#rules = Object.entries(options.roles).map(([pattern, roles]) => ({ parts: pattern.split(this.#separator), roles }))
  }

  /** Not mine: undefined. @throws Denial `invalid_token` when it has expired, or does not say who it is. */
  authenticate({ scheme, certificate }: Credential): Principal | undefined {
    if (scheme !== 'certificate' || certificate === undefined) return undefined
    // A connection may outlive what it was made with.
    if (certificate.expiresAt <= this.#options.clock()) throw refused('the client certificate has expired', true)
    const known = this.#principals.get(certificate)
    if (known !== undefined) return known
    const principal = this.#principalOf(certificate)
    this.#principals.set(certificate, principal)
    this.#ends.set(principal, certificate.expiresAt)
    return principal
  }

  /** Whether what a principal was recognised by has not expired. */
  isStanding(principal: Principal): boolean {
    return (this.#ends.get(principal) ?? 0) > this.#options.clock()
  }

  #principalOf({ names, thumbprint }: ClientCertificate): Principal {
    const { subject } = this.#options
    const [first, another] = names.filter(({ kind }) => kind === subject)
    // Which of two is meant would be a guess (SPIFFE X.509-SVID §2: exactly one URI).
    if (first === undefined || another !== undefined)
      throw refused(`the client certificate has ${first === undefined ? 'no name' : 'several names'} of the kind ${subject}`)
    const { name } = first
    if (name.includes('*')) throw refused('the client certificate is for many names')
    return {
      kind: subject === 'san-email' ? 'user' : 'service',
      issuer: 'certificate',
      subject: name,
      actors: [],
      roles: this.#rolesOf(name),
      claims: { 'x5t#S256': thumbprint },
    }
  }

  #rolesOf(name: string): readonly string[] {
    const parts = name.split(this.#separator)
    const found = this.#rules.filter(
      (rule) => rule.parts.length === parts.length && rule.parts.every((part, at) => isLike(part, parts[at] ?? '')),
    )
    return [...new Set(found.flatMap(({ roles }) => roles))]
  }
}

function refused(detail: string, isStale = false): Denial {
  return new Denial('invalid_token', { detail, isStale, remedies: [{ kind: 'authenticate' }] })
}
