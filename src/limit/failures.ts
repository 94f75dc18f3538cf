/** Bad credentials: who presents too many is turned away for a time, and a key that is being guessed still opens for its owner. */
import type { RateConfig } from '../config/limits.ts'
import { countedAs } from '../core/cidr.ts'
import type { Clock } from '../core/time.ts'
import type { Store } from '../store/store.ts'
import { remember } from '../trust/remember.ts'
import type { Blocks } from './blocks.ts'
import { createLimit, type Limit } from './bucket.ts'
import { Crowd } from './crowd.ts'
import { Holder } from './holder.ts'
import { refused } from './refusal.ts'

/** Guesses at one key from one address that are remembered, should it come under attack. */
const GUESSES_MAX = 10_000
const US_PER_MS = 1_000

export interface FailureOptions {
  readonly settings: RateConfig['failures']
  readonly store: Pick<Store, 'charge'>
  readonly blocks: Blocks
  readonly clock: Clock
  readonly nowUs: Clock
  /** A proxy of ours is nobody: whatever came through it, it is not turned away. */
  readonly isProxy: (address: string) => boolean
  /** An address was turned away. */
  readonly onBlock: (cidr: string, until: number, written: Promise<unknown>) => void
}

interface Guess {
  readonly place: string
  readonly keyId: string
  readonly untilUs: number
}

export class Failures {
  readonly #options: FailureOptions
  readonly #byAddress: Limit
  readonly #byKey: Limit
  readonly #addresses = new Crowd((name, isShared) => new Holder(name, isShared))
  readonly #keys = new Crowd((name, isShared) => new Holder(name, isShared))
  /** Keys under attack and until when, microseconds. */
  readonly #attacked = new Map<string, number>()
  /** Who guessed at which key, and until when that is held against him once the key is under attack. */
  readonly #guesses = new Map<string, Guess>()

  constructor(options: FailureOptions) {
    this.#options = options
    const { allow, perMs } = options.settings
    const shape = { count: allow, perMs, burst: allow }
    this.#byAddress = createLimit('limits.failures address', shape)
    this.#byKey = createLimit('limits.failures key', shape)
  }

  /** Whether a key is held against anybody. */
  get isGuessed(): boolean {
    return this.#options.blocks.isHolding
  }

  /**
   * Looked at before a credential is.
   * @throws Denial `rate_limited` where this address has guessed at this key, and the key is under attack. From elsewhere it is looked at.
   */
  check(address: string, keyId: string): void {
    const { blocks, clock } = this.#options
    const until = blocks.untilWith(countedAs(address), keyId)
    if (until > 0) throw refused(`key ${keyId} is being guessed, also from this address (limits.failures)`, until - clock())
  }

  /** A credential was bad. Counts here at once, and with the other processes behind the back of the call. */
  count(address: string, keyId: string | undefined): void {
    const nowUs = this.#options.nowUs()
    const place = countedAs(address)
    if (!this.#options.isProxy(address)) {
      this.#take(this.#addresses.of(place, nowUs), this.#byAddress, nowUs, () => this.#block(address, place))
    }
    if (keyId === undefined) return
    const untilUs = nowUs + this.#options.settings.blockMs * US_PER_MS
    const guess: Guess = { place, keyId, untilUs }
    remember(this.#guesses, `${keyId} ${place}`, guess, GUESSES_MAX)
    this.#take(this.#keys.of(keyId, nowUs), this.#byKey, nowUs, () => this.#attack(keyId, untilUs))
    if ((this.#attacked.get(keyId) ?? 0) > nowUs) this.#hold(guess, nowUs)
  }

  #take(holder: Holder, limit: Limit, nowUs: number, tooOften: () => void): void {
    const bucket = holder.bucketOf(limit)
    if (bucket.waitUs(nowUs) > 0) {
      tooOften()
      return
    }
    bucket.take(nowUs)
    const { store, clock } = this.#options
    // While the store is away each process counts alone.
    void store.charge([bucket.cell(1)], clock()).then(
      ({ allowed }) => allowed || tooOften(),
      () => undefined,
    )
  }

  #attack(keyId: string, untilUs: number): void {
    const nowUs = this.#options.nowUs()
    const isKnown = (this.#attacked.get(keyId) ?? 0) > nowUs
    remember(this.#attacked, keyId, untilUs, GUESSES_MAX)
    // Whom an operator has let in since then is not turned away for what was before.
    if (isKnown) return
    for (const guess of this.#guesses.values()) if (guess.keyId === keyId && guess.untilUs > nowUs) this.#hold(guess, nowUs)
  }

  #hold({ place, keyId, untilUs }: Guess, nowUs: number): void {
    const { blocks, clock } = this.#options
    const until = clock() + Math.ceil((untilUs - nowUs) / US_PER_MS)
    if (blocks.untilWith(place, keyId) < until) blocks.add(place, { key: keyId, until, by: 'gateway' }).catch(() => undefined)
  }

  #block(address: string, cidr: string): void {
    const { blocks, clock, settings, onBlock } = this.#options
    // Of many bad credentials at once one is the first.
    if (blocks.untilOf(address) > 0) return
    const until = clock() + settings.blockMs
    onBlock(cidr, until, blocks.add(cidr, { until, by: 'gateway' }))
  }
}
