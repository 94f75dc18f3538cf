/** Sessions of the revisions that have them (2025-11-25 and before), each bound to its principal. A session id names; it never authenticates. */
import { randomBytes } from 'node:crypto'
import type { RequestId } from '../core/call.ts'
import { Denial } from '../core/denial.ts'
import type { Stop } from '../core/signal.ts'
import type { Clock } from '../core/time.ts'

export interface Session {
  readonly id: string
  /** `issuer#subject` of who opened it. */
  readonly principal: string
  /** Whose place it takes: narrower than the principal of strangers, wider than that of keys. It opens nothing. */
  readonly person: string
  readonly server: string
  lastUsedAt: number
  /** Requests under way, so that `notifications/cancelled` finds them. */
  readonly running: Map<RequestId, Pick<Stop, 'abort'>>
}

export interface SessionLimits {
  /** Open at once for one person (`personOf`); the one unused longest gives way. */
  readonly perPrincipal: number
  /** Open at once in all; beyond it a new one is refused. */
  readonly total: number
  /** Unused for so long: ended. */
  readonly idleMs: number
}

/** Told to clients of both transports. */
const NO_SESSION = 'a request of a revision with sessions, without a session id (Mcp-Session-Id); initialize opens a session'

/** 192 bits, visible ASCII (2025-11-25, basic/transports "Session Management"). @param suffix where it lives, among many replicas */
export function newSessionId(suffix = ''): string {
  return randomBytes(24).toString('base64url') + suffix
}

export class Sessions {
  readonly #open = new Map<string, Session>()
  readonly #limits: SessionLimits
  readonly #clock: Clock
  readonly #onEnd: (session: Session) => void

  constructor(limits: SessionLimits, clock: Clock, onEnd: (session: Session) => void) {
    this.#limits = limits
    this.#clock = clock
    this.#onEnd = onEnd
  }

  /** @throws Denial `unavailable` when no more fit. */
  open(id: string, principal: string, server: string, person = principal): Session {
    const mine = [...this.#open.values()].filter((session) => session.person === person)
    if (mine.length >= this.#limits.perPrincipal) {
      const oldest = mine.reduce((a, b) => (b.lastUsedAt < a.lastUsedAt ? b : a))
      this.end(oldest.id)
    }
    if (this.#open.size >= this.#limits.total)
      throw new Denial('unavailable', { detail: `limits.sessions.total (${this.#limits.total}) is reached` })
    const session: Session = { id, principal, person, server, lastUsedAt: this.#clock(), running: new Map() }
    this.#open.set(id, session)
    return session
  }

  /**
   * The session, if it is this principal's and this server's. Somebody else's answers like one that never was.
   * @throws Denial `malformed` without an id, `no_session` otherwise.
   */
  claim(id: string | undefined, principal: string, server: string): Session {
    if (id === undefined) throw new Denial('malformed', { detail: NO_SESSION, isOfForm: true })
    const session = this.#open.get(id)
    if (session === undefined || session.principal !== principal || session.server !== server) {
      throw new Denial('no_session', { detail: session === undefined ? 'unknown session' : 'a session of another principal or server' })
    }
    session.lastUsedAt = this.#clock()
    return session
  }

  end(id: string): void {
    const session = this.#open.get(id)
    if (session === undefined) return
    this.#open.delete(id)
    for (const running of session.running.values()) running.abort()
    this.#onEnd(session)
  }

  /** Ends what has been idle for too long. A session with a request under way is not idle. */
  sweep(): void {
    const before = this.#clock() - this.#limits.idleMs
    for (const session of this.#open.values()) {
      if (session.lastUsedAt < before && session.running.size === 0) this.end(session.id)
    }
  }

  get size(): number {
    return this.#open.size
  }
}
