/** Browsers that are about to leave for the sign-in of a server, or have left: in this process, a bounded number, each for a while. */
import { randomBytes } from 'node:crypto'
import { Fault } from '../core/denial.ts'
import type { Clock } from '../core/time.ts'

/** A person reads, consents and signs in, perhaps with a second factor. */
const AWAY_MS = 10 * 60_000
/** Each holds a verifier and a timer; the oldest gives way. */
const DEPARTURES_MAX = 1_000
const ID_BYTES = 24

interface Traveller {
  readonly server: string
  /** `issuer#subject` */
  readonly principal: string
  /** Keyed hash of the browser's cookie. */
  readonly browser: string
}

/** Does the sign-in; `authorize` takes the page, and resolves with where the browser came back. */
type SignIn = (authorize: (page: URL) => Promise<URL>) => Promise<void>

export class Departure {
  readonly id = randomBytes(ID_BYTES).toString('base64url')
  readonly server: string
  readonly principal: string
  /** Where the browser goes. */
  readonly page: Promise<URL>
  readonly until: number
  #browser: string
  #hasLeft = false
  readonly #done: Promise<void>
  readonly #back = Promise.withResolvers<URL>()
  readonly #alarm: NodeJS.Timeout

  constructor({ server, principal, browser }: Traveller, until: number, signIn: SignIn) {
    this.server = server
    this.principal = principal
    this.until = until
    this.#browser = browser
    const { promise, resolve, reject } = Promise.withResolvers<URL>()
    this.page = promise
    this.#back.promise.catch(() => undefined)
    this.#done = signIn((page) => {
      resolve(page)
      return this.#back.promise
    })
    // Whoever waits for either is told; nobody has to.
    this.#done.then(() => reject(new Fault('FAULT_SIGN_IN', 'it ended without a page')), reject)
    promise.catch(() => undefined)
    this.#alarm = setTimeout(() => this.end('nobody came back in time'), AWAY_MS).unref()
  }

  get browser(): string {
    return this.#browser
  }

  get hasLeft(): boolean {
    return this.#hasLeft
  }

  /** @param browser the mark that it has to come back with. */
  leave(browser: string): void {
    this.#hasLeft = true
    this.#browser = browser
  }

  /** Resolves when the account is connected. @throws Fault `FAULT_SIGN_IN` and others when it is not. */
  arrive(url: URL): Promise<void> {
    clearTimeout(this.#alarm)
    this.#back.resolve(url)
    return this.#done
  }

  end(why: string): void {
    clearTimeout(this.#alarm)
    this.#back.reject(new Fault('FAULT_SIGN_IN', why))
  }
}

export class Departures {
  readonly #clock: Clock
  readonly #byId = new Map<string, Departure>()
  readonly #byState = new Map<string, Departure>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  open(traveller: Traveller, signIn: SignIn): Departure {
    this.#makeRoom()
    const departure = new Departure(traveller, this.#clock() + AWAY_MS, (authorize) =>
      signIn((page) => {
        this.#byState.set(page.searchParams.get('state') ?? '', departure)
        return authorize(page)
      }),
    )
    this.#byId.set(departure.id, departure)
    return departure
  }

  find(id: string): Departure | undefined {
    const departure = this.#byId.get(id)
    return departure === undefined || departure.until <= this.#clock() ? undefined : departure
  }

  /** The one that left with this state: once. */
  take(state: string): Departure | undefined {
    const departure = this.#byState.get(state)
    if (departure === undefined || departure.until <= this.#clock()) return undefined
    this.#forget(departure)
    return departure
  }

  drop(departure: Departure, why: string): void {
    this.#forget(departure)
    departure.end(why)
  }

  close(): void {
    for (const departure of [...this.#byId.values()]) this.drop(departure, 'the gateway stops')
  }

  #makeRoom(): void {
    const now = this.#clock()
    for (const departure of this.#byId.values()) {
      if (departure.until > now && this.#byId.size < DEPARTURES_MAX) return
      this.drop(departure, 'too many at once')
    }
  }

  #forget(departure: Departure): void {
    this.#byId.delete(departure.id)
    for (const [state, one] of this.#byState) if (one === departure) this.#byState.delete(state)
  }
}
