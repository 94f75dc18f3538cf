/** What is held against a principal at an address: done by one process, known to all within half a second, and after a restart. */
import type { AnomalyKind, Reaction } from '../core/anomaly.ts'
import { ANOMALY_KINDS, REACTIONS } from '../core/anomaly.ts'
import { Fault } from '../core/denial.ts'
import type { Entry } from '../core/event.ts'
import { isObject, type JsonValue } from '../core/json.ts'
import type { Clock } from '../core/time.ts'
import { LOGS } from '../store/keys.ts'
import type { Store } from '../store/store.ts'
import { Tail } from '../store/tail.ts'
import { remember } from '../trust/remember.ts'

/** Pairs of a principal and an address against which something is held at once, and lines that are read at start. */
const HELD_MAX = 10_000
const PAGE = 1_000
const FREE = 0

export interface Held {
  /** `issuer#subject` */
  readonly principal: string
  /** An address in its one spelling, or one /64; empty where there is none. */
  readonly place: string
  readonly reaction: Exclude<Reaction, 'alert'>
  readonly kind: AnomalyKind
  /** Milliseconds since the epoch. */
  readonly until: number
}

export interface ReactionsOptions {
  readonly store: Pick<Store, 'read' | 'append'>
  readonly clock: Clock
  readonly onFault: (fault: Fault) => void
}

export class Reactions {
  readonly #options: ReactionsOptions
  readonly #held = new Map<string, Held>()
  readonly #tail: Tail

  constructor(options: ReactionsOptions) {
    this.#options = options
    this.#tail = new Tail(options.store, LOGS.holds, { take: (value) => this.#hear(value), looked: () => this.#forgetPast() })
  }

  /** @throws Fault `FAULT_STORE` */
  start(): Promise<void> {
    return this.#tail.start(() => this.#recall())
  }

  close(): Promise<void> {
    return this.#tail.close()
  }

  /** Reads what others did since the last look. Never rejects. */
  look(): Promise<void> {
    return this.#tail.look()
  }

  /** Whether anything is held against anybody: most of the time nothing is. */
  get isHolding(): boolean {
    return this.#held.size > 0
  }

  of(principal: string, place: string): Held | undefined {
    const held = this.#held.get(pairOf(principal, place))
    return held !== undefined && held.until > this.#options.clock() ? held : undefined
  }

  /** All, those that last longest first. */
  list(): readonly Held[] {
    const now = this.#options.clock()
    return [...this.#held.values()].filter(({ until }) => until > now).sort((left, right) => right.until - left.until)
  }

  /** On this process at once, on all others at their next look; while the store cannot be written to, here alone, and the operator is told. */
  async add(held: Held): Promise<void> {
    this.#apply(held)
    await this.#options.store.append(LOGS.holds, [{ ...held }]).catch((cause: unknown) => {
      this.#options.onFault(
        new Fault('FAULT_STORE', `${held.principal} is held by this process alone: the others could not be told`, { cause }),
      )
    })
  }

  /** @returns what was held. @throws Fault `FAULT_BLOCK` where nothing is, `FAULT_STORE` */
  async release(principal: string, place: string): Promise<Held> {
    const held = this.of(principal, place)
    if (held === undefined) throw new Fault('FAULT_BLOCK', `Nothing is held against ${principal} there`)
    const released = { ...held, until: FREE }
    await this.#options.store.append(LOGS.holds, [released])
    this.#apply(released)
    return held
  }

  async #recall(): Promise<void> {
    const pages: JsonValue[][] = []
    let before: string | undefined
    for (let lines = 0; lines < HELD_MAX; lines += PAGE) {
      const page = await this.#options.store.read(LOGS.holds, { last: PAGE, ...(before === undefined ? {} : { before }) })
      pages.unshift(page.map(({ value }) => value))
      before = page[0]?.position
      if (page.length < PAGE) break
    }
    for (const value of pages.flat()) this.#hear(value)
  }

  #hear(value: JsonValue): void {
    if (isHeld(value)) this.#apply(value)
  }

  #apply(held: Held): void {
    const pair = pairOf(held.principal, held.place)
    if (held.until <= this.#options.clock()) this.#held.delete(pair)
    else remember(this.#held, pair, held, HELD_MAX)
  }

  #forgetPast(): void {
    const now = this.#options.clock()
    for (const [pair, { until }] of this.#held) if (until <= now) this.#held.delete(pair)
  }
}

/** What history says when an operator lets somebody go. */
export function releaseEntry({ principal, place, reaction, kind }: Held, by: string): Entry {
  return {
    type: 'anomaly.released',
    principal,
    ...(place === '' ? {} : { address: place }),
    detail: `${reaction} for ${kind} ended`,
    by,
  }
}

function pairOf(principal: string, place: string): string {
  return `${place} ${principal}`
}

function isHeld(value: JsonValue): value is JsonValue & Held {
  return (
    isObject(value) &&
    typeof value['principal'] === 'string' &&
    typeof value['place'] === 'string' &&
    typeof value['until'] === 'number' &&
    REACTIONS.some((one) => one !== 'alert' && one === value['reaction']) &&
    ANOMALY_KINDS.some((one) => one === value['kind'])
  )
}
