/** How often something may be tried that costs us much or is guessed at: by one address, against one name. */
import { countedAs } from '../core/cidr.ts'
import { keyedHash } from '../core/secret.ts'
import type { Clock } from '../core/time.ts'
import { KEYS } from '../store/keys.ts'
import type { Cell, Store } from '../store/store.ts'
import { deriveKey } from './derive.ts'

interface Allowance {
  readonly burst: number
  readonly intervalMs: number
}

/** Tuned so that a person never meets them, and that guessing a password or a user code (20^8, RFC 8628 §5.1) takes years. */
const ALLOWANCES = {
  /** Passwords from one address: an office behind one address may start its day. */
  address: { burst: 30, intervalMs: 10_000 },
  /** Passwords for one name, from anywhere. */
  name: { burst: 10, intervalMs: 60_000 },
  userCode: { burst: 20, intervalMs: 60_000 },
  registration: { burst: 30, intervalMs: 60_000 },
  /** New authorization requests: each may fetch a metadata document, and leaves an interaction behind. */
  authorization: { burst: 120, intervalMs: 1_000 },
  token: { burst: 600, intervalMs: 50 },
} as const satisfies Readonly<Record<string, Allowance>>

export type Attempt = keyof typeof ALLOWANCES

export class Attempts {
  readonly #store: Store
  readonly #clock: Clock
  readonly #key: Uint8Array

  constructor(store: Store, clock: Clock, key: Uint8Array) {
    this.#store = store
    this.#clock = clock
    this.#key = key
  }

  /** Takes one of each, or none. @returns how long to wait, milliseconds; 0 when it is allowed. */
  async wait(attempts: Readonly<Partial<Record<Attempt, string>>>): Promise<number> {
    const cells: Cell[] = []
    for (const kind of KINDS) {
      const said = attempts[kind]
      if (said === undefined) continue
      // All but names are addresses; of IPv6 one subscriber has a whole /64 to come from.
      const whom = kind === 'name' ? said : countedAs(said)
      cells.push({ ...ALLOWANCES[kind], cost: 1, key: KEYS.oauth('attempts', keyedHash(this.#key, `${kind} ${whom}`)) })
    }
    return (await this.#store.charge(cells, this.#clock())).waitMs
  }
}

/** @param cookies the key of the authorization server's cookies: whoever guesses meets one count, wherever a password is typed. */
export function createAttempts(store: Store, clock: Clock, cookies: Uint8Array): Attempts {
  return new Attempts(store, clock, deriveKey(cookies, 'attempts'))
}

const KINDS = Object.keys(ALLOWANCES) as readonly Attempt[] // the keys of the table
