/** One credential for a server, as calls are made with it: at once while it is good, got anew in one flight for all who wait. */
import { laterOf } from '../agent/refusal.ts'
import { Denial } from '../core/denial.ts'
import { within } from '../core/signal.ts'
import type { Clock } from '../core/time.ts'
import type { Attachment } from '../upstream/http-plan.ts'

/** So long before its end a token is replaced; one that lives shorter, at the half of its life. */
const EARLY_MS = 30_000
/** After a failure nobody is asked for so long, unless the issuer says: a crowd of callers must not become a flood at an issuer that is down. */
const PAUSE_MS = 1_000
/** So long a call waits for a new one while it has one that is good still; and so long after that no other waits. */
const PATIENCE_MS = 1_000
const LATE_MS = 5_000
/** A server that refuses what was got because it refused the one before will refuse the next one, too. */
const RENEWED_MIN_MS = 5_000

export interface Obtained {
  readonly accessToken: string
  /** Milliseconds since the epoch; both absent where it does not say. */
  readonly obtainedAt?: number
  readonly expiresAt?: number
  /** Until when it may be used without asking again, where that is shorter. */
  readonly trustedUntil?: number
}

export interface HolderOptions {
  /** @param refused the token that the server did not take. Rejects with a Denial. */
  readonly obtain: (refused: string | undefined) => Promise<Obtained>
  readonly clock: Clock
}

export class Holder implements Attachment {
  readonly #options: HolderOptions
  #value = ''
  #freshUntil = 0
  #renewedAt = Number.NEGATIVE_INFINITY
  #expiresAt = 0
  #flight: Promise<string> | undefined
  #failure: { readonly denial: Denial; readonly until: number } | undefined

  constructor(options: HolderOptions) {
    this.#options = options
  }

  value(): string | Promise<string> {
    const now = this.#options.clock()
    if (now < this.#freshUntil) return this.#value
    if (this.#failure !== undefined && now < this.#failure.until) throw this.#failure.denial
    const flight = this.#fly(undefined)
    return now < this.#expiresAt ? this.#patiently(flight) : flight
  }

  async renewed(refused: string): Promise<string | undefined> {
    if (this.#flight !== undefined) return await this.#flight
    const now = this.#options.clock()
    // Others were refused at once, and one of them has renewed it.
    if (this.#value !== refused && now < this.#freshUntil) return this.#value
    if (now - this.#renewedAt < RENEWED_MIN_MS) return undefined
    this.#renewedAt = now
    return await this.#fly(refused.slice(BEARER.length))
  }

  /** An issuer that hangs holds up one call a moment, and no call for longer, as long as there is something good. */
  async #patiently(flight: Promise<string>): Promise<string> {
    const value = await within(PATIENCE_MS, flight)
    if (value === undefined) this.#freshUntil = Math.min(this.#options.clock() + LATE_MS, this.#expiresAt)
    return value ?? this.#value
  }

  #fly(refused: string | undefined): Promise<string> {
    this.#flight ??= this.#obtain(refused).finally(() => {
      this.#flight = undefined
    })
    return this.#flight
  }

  async #obtain(refused: string | undefined): Promise<string> {
    const { obtain, clock } = this.#options
    try {
      const { accessToken, obtainedAt = clock(), expiresAt = Number.POSITIVE_INFINITY, trustedUntil } = await obtain(refused)
      this.#value = BEARER + accessToken
      this.#expiresAt = trustedUntil ?? expiresAt
      const early = Math.min(EARLY_MS, (expiresAt - obtainedAt) / 2)
      this.#freshUntil = Math.min(expiresAt - early, trustedUntil ?? Number.POSITIVE_INFINITY)
      this.#failure = undefined
      return this.#value
    } catch (error) {
      const denial = Denial.from(error)
      const until = clock() + (laterOf(denial.cause, clock()) ?? PAUSE_MS)
      if (refused === undefined && until < this.#expiresAt) {
        // It was to be replaced early, and is good still.
        this.#freshUntil = until
        return this.#value
      }
      this.#value = ''
      this.#expiresAt = 0
      this.#freshUntil = 0
      // Who has to do something is told so each time, and let in as soon as it is done.
      this.#failure = denial.code === 'connection_required' ? undefined : { denial, until }
      throw denial
    }
  }
}

const BEARER = 'Bearer '
