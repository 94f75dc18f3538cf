/** Bad credentials: who presents too many is turned away for a time, and a key that is being guessed still opens for its owner. */
import type { RateConfig } from '../config/limits.ts'
import { countedAs } from '../core/cidr.ts'
import type { Clock } from '../core/time.ts'
import type { Store } from '../store/store.ts'
import type { Blocks } from './blocks.ts'
import { createLimit, type Limit } from './bucket.ts'
import { Crowd } from './crowd.ts'
import { Holder } from './holder.ts'
import { refused } from './refusal.ts'

/** Guesses at one key from one address that are remembered while it is under attack. */
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

export class Failures {
  readonly #options: FailureOptions
  readonly #byAddress: Limit
  readonly #byKey: Limit
  readonly #addresses = new Crowd((name, isShared) => new Holder(name, isShared))
  readonly #keys = new Crowd((name, isShared) => new Holder(name, isShared))
  /** Keys under attack and until when, microseconds. */
  readonly #attacked = new Map<string, number>()
  /** When the last of these attacks is over. */
  #attackEndsUs = 0
  /** Who guessed at which key, and until when that is held against him. */
  readonly #guesses = new Map<string, number>()

  constructor(options: FailureOptions) {
    this.#options = options
    const { allow, perMs } = options.settings
    const shape = { count: allow, perMs, burst: allow }
    this.#byAddress = createLimit('limits.failures address', shape)
    this.#byKey = createLimit('limits.failures key', shape)
  }

  /** Whether any key is under attack. */
  get isGuessed(): boolean {
    return this.#attackEndsUs > 0 && this.#options.nowUs() < this.#attackEndsUs
  }

  /**
   * Looked at before a credential is.
   * @throws Denial `rate_limited` where this address has guessed at this key, and the key is under attack. From elsewhere it is looked at.
   */
  check(address: string, keyId: string): void {
    const nowUs = this.#options.nowUs()
    if ((this.#attacked.get(keyId) ?? 0) <= nowUs) return
    const until = this.#guesses.get(guessOf(countedAs(address), keyId)) ?? 0
    if (until > nowUs) throw refused(`key ${keyId} is being guessed, also from this address (limits.failures)`, (until - nowUs) / US_PER_MS)
  }

  /** A credential was bad. Counts here at once, and with the other processes behind the back of the call. */
  count(address: string, keyId: string | undefined): void {
    const nowUs = this.#options.nowUs()
    const place = countedAs(address)
    if (!this.#options.isProxy(address)) {
      this.#take(this.#addresses.of(place, nowUs), this.#byAddress, nowUs, () => this.#block(address, place))
    }
    if (keyId === undefined) return
    const heldUntil = nowUs + this.#options.settings.blockMs * US_PER_MS
    remember(this.#guesses, guessOf(place, keyId), heldUntil)
    this.#take(this.#keys.of(keyId, nowUs), this.#byKey, nowUs, () => this.#attack(keyId, heldUntil))
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

  #attack(keyId: string, until: number): void {
    remember(this.#attacked, keyId, until)
    this.#attackEndsUs = Math.max(this.#attackEndsUs, until)
  }

  #block(address: string, cidr: string): void {
    const { blocks, clock, settings, onBlock } = this.#options
    // Of many bad credentials at once one is the first.
    if (blocks.untilOf(address) > 0) return
    const until = clock() + settings.blockMs
    onBlock(cidr, until, blocks.add(cidr, { until, by: 'gateway' }))
  }
}

function guessOf(place: string, keyId: string): string {
  return `${keyId} ${place}`
}

function remember(memory: Map<string, number>, name: string, until: number): void {
  memory.delete(name)
  if (memory.size >= GUESSES_MAX) for (const oldest of memory.keys()) if (memory.delete(oldest)) break
  memory.set(name, until)
}
