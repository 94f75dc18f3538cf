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
  /**
   * `authenticate` in two steps, for a credential that was good the last time, however long ago: who it was then, and whether it still is, which
   * the store is asked at once. What can be told without the store is told in the first.
   * @throws Denial `invalid_token` as `authenticate` does.
   */
  presume?(credential: Credential, call: Call): Promise<Presumed | undefined> | Presumed | undefined
}

export interface Presumed {
  readonly principal: Principal
  /**
   * Who it is now; rejects with what `authenticate` would have refused with. Nothing may be told or done before. Absent for a credential that
   * was not known to be good, and is.
   */
  readonly confirmed?: Promise<Principal>
}

export type Presume = (credentials: readonly Credential[], call: Call) => Promise<Presumed | undefined> | Presumed | undefined

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
    if (credential?.flaw !== undefined) throw new Denial('invalid_token', { detail: credential.flaw, remedies: [{ kind: 'authenticate' }] })
    if (credential !== undefined)
      return ask(schemes, 0, credential, call) ?? nobody ?? unauthenticated('the certificate says nothing of who it is')
    return nobody ?? unauthenticated('no credential was presented')
  }
}

/** The same schemes in the same order, for a credential that came alone and whole. Undefined: the authenticator has to be asked. */
export function createPresume(schemes: readonly Scheme[]): Presume {
  return (credentials, call) => {
    const [credential, another] = credentials
    if (credential === undefined || another !== undefined || credential.flaw !== undefined) return undefined
    for (const scheme of schemes) {
      // One that presumes nothing may yet say that it is its own: then no later one is shown it.
      if (scheme.presume === undefined) return undefined
      const presumed = scheme.presume(credential, call)
      if (presumed !== undefined) return presumed
    }
    return undefined
  }
}

function unauthenticated(detail: string): never {
  throw new Denial('unauthenticated', { detail, remedies: [{ kind: 'authenticate' }] })
}

/**
 * From the scheme at `from` on. A scheme that need not wait makes nobody wait: it is asked for every call.
 * @returns undefined for a certificate by which nobody is to be known: it may be there for the connection alone.
 */
function ask(schemes: readonly Scheme[], from: number, credential: Credential, call: Call): Principal | Promise<Principal> | undefined {
  for (let at = from; at < schemes.length; at++) {
    const answer = schemes[at]?.authenticate(credential, call)
    if (answer instanceof Promise) return answer.then((principal) => principal ?? ask(schemes, at + 1, credential, call) ?? unknown())
    if (answer !== undefined) return answer
  }
  return credential.scheme === 'certificate' ? undefined : unknown()
}

function unknown(): never {
  throw new Denial('invalid_token', { detail: 'the credential is of no kind that is known here', remedies: [{ kind: 'authenticate' }] })
}

export function anonymousPrincipal(roles: readonly string[]): Principal {
  return { kind: 'anonymous', issuer: 'local', subject: 'anonymous', actors: [], roles, claims: {} }
}
