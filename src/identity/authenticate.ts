/** Who asks? Tries the schemes in order; each answers: not mine, known, refused. */
import type { Call } from '../core/call.ts'
import { Denial } from '../core/denial.ts'
import type { Credential, Principal } from '../core/principal.ts'

/** One way to tell who somebody is. An open door: add a scheme, change nothing else. */
export interface Scheme {
  /**
   * Undefined: this credential is not of my kind. A principal: it is, and good.
   * @throws Denial `invalid_token` when it is of my kind and not good: then no other scheme is asked.
   */
  authenticate(credential: Credential, call: Call): Promise<Principal | undefined> | Principal | undefined
}

export interface AuthenticateOptions {
  /** Who a call without a credential is. Absent: such a call is refused. */
  readonly anonymous?: { readonly roles: readonly string[] }
}

export type Authenticator = (credentials: readonly Credential[], call: Call) => Principal | Promise<Principal>

/** Throws (or rejects with) Denial `unauthenticated`, `ambiguous_credentials` or `invalid_token`; a Fault when the store is away. */
export function createAuthenticator(schemes: readonly Scheme[], { anonymous }: AuthenticateOptions = {}): Authenticator {
  const nobody = anonymous === undefined ? undefined : anonymousPrincipal(anonymous.roles)
  return (credentials, call) => {
    const [credential, another] = credentials
    // Which of two was believed would be a guess, and two readers could guess differently.
    if (another !== undefined) throw new Denial('ambiguous_credentials', { detail: `${credentials.length} credentials were presented` })
    if (credential !== undefined) return ask(schemes, credential, call)
    if (nobody !== undefined) return nobody
    throw new Denial('unauthenticated', { detail: 'no credential was presented', remedies: [{ kind: 'authenticate' }] })
  }
}

async function ask(schemes: readonly Scheme[], credential: Credential, call: Call): Promise<Principal> {
  for (const scheme of schemes) {
    const principal = await scheme.authenticate(credential, call)
    if (principal !== undefined) return principal
  }
  throw new Denial('invalid_token', { detail: 'the credential is of no kind that is known here', remedies: [{ kind: 'authenticate' }] })
}

export function anonymousPrincipal(roles: readonly string[]): Principal {
  return { kind: 'anonymous', issuer: 'local', subject: 'anonymous', actors: [], roles, claims: {} }
}
