/** Logins at the issuers of servers: one that fails is told to its caller in a sentence, and to whoever runs the gateway with what to do. */
import { refusedWith } from '../agent/refusal.ts'
import { Denial, Fault, type FaultCode } from '../core/denial.ts'
import { nameOf, type Principal } from '../core/principal.ts'
import type { House } from '../guard/create.ts'
import { createTeller, type Tell } from '../guard/teller.ts'

export interface LoginParts extends Pick<House, 'journal' | 'clock'> {
  /** Told of what fails, and what to do. */
  readonly onFault: (fault: Fault) => void
}

/** What is told is not told again for so long, whatever happens in between. */
const QUIET_MS = 10 * 60_000

/** Of one server. */
export class Login {
  readonly #server: string
  /** Its setting, as people write it: `servers.crm.credential.clientCredentials`. */
  readonly #setting: string
  readonly #parts: LoginParts
  /** By the next step. */
  readonly #tell: Tell

  constructor(server: string, kind: 'clientCredentials' | 'tokenExchange' | 'connection', parts: LoginParts) {
    this.#server = server
    this.#setting = `servers.${server}.credential.${kind}`
    this.#parts = parts
    this.#tell = createTeller(parts.onFault, parts.clock, QUIET_MS)
  }

  /** @throws Denial `login_failed` when the issuer says no or cannot be believed, `unavailable` when it does not answer; its own pass as they are. */
  async attempt<T>(principal: Principal | undefined, login: () => Promise<T>): Promise<T> {
    try {
      return await login()
    } catch (error) {
      throw error instanceof Denial ? error : await this.#failed(error, principal)
    }
  }

  async #failed(error: unknown, principal: Principal | undefined): Promise<Denial> {
    const reason = error instanceof Error ? error.message : 'unknown'
    const next = nextOf(error, this.#setting)
    const detail = `${this.#setting}: ${reason}. Next: ${next}`
    const isNo = refusedWith(error) !== undefined || (error instanceof Fault && !UNANSWERED.has(error.code))
    const denial = new Denial(isNo ? 'login_failed' : 'unavailable', { detail, cause: error })
    this.#tell(next, new Fault('FAULT_LOGIN', detail, { cause: error }))
    await this.#parts.journal
      .write({
        type: 'upstream.refused',
        resource: { kind: 'server', server: this.#server, name: this.#server },
        denial: denial.code,
        detail,
        by: 'gateway',
        ...(principal === undefined ? {} : { principal: nameOf(principal) }),
      })
      .catch(() => undefined)
    return denial
  }
}

/** Nobody said no: there was no answer. */
const UNANSWERED: ReadonlySet<FaultCode> = new Set<FaultCode>(['FAULT_FETCH', 'FAULT_STORE', 'FAULT_SEAL', 'FAULT_CLOSED'])

/** By what the issuer said (RFC 6749 §5.2, RFC 8707 §2). */
const NEXT: Readonly<Record<string, (setting: string) => string>> = {
  invalid_client: (setting) => `see ${setting}: the client id, and its secret or private key, are those that the issuer knows`,
  unauthorized_client: () => 'let the client use this grant at the issuer',
  unsupported_grant_type: () => 'let the client use this grant at the issuer, or choose another kind of credential',
  invalid_scope: (setting) => `see ${setting}.scope: the issuer does not grant it to this client`,
  invalid_target: (setting) => `see ${setting}.resource: the issuer knows no such resource; false names none`,
  invalid_grant: () => 'see that the issuer takes the tokens that your callers come with',
  FAULT_DISCOVERY: (setting) =>
    setting.endsWith('.connection')
      ? `see the url of the server, path and all: it has to say who issues tokens for it (RFC 9728)`
      : `see ${setting}.issuer, to the letter; tokenUrl is for an issuer without metadata`,
  FAULT_FETCH: () => 'see that the issuer is up, and may be reached from here',
  FAULT_FETCH_REFUSED: (setting) => `if the issuer is one of yours, ${setting}.allowPrivate: true`,
  FAULT_CLIENT_REGISTRATION: (setting) =>
    `see ${setting}: issuer, client id and proof (secret, or a key in PKCS#8) are those of a client that is registered there`,
}

function nextOf(error: unknown, setting: string): string {
  const code = refusedWith(error) ?? (error instanceof Fault ? error.code : '')
  return (NEXT[code] ?? (() => `see ${setting}, and what the issuer says in its own log`))(setting)
}
