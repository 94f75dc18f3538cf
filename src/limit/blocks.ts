/** Addresses that are turned away: from the configuration, by an operator's word, or for guessing. On every process within a second. */
import { type Cidr, isWithin, neighbourhoodOf, parseCidr, parseIp, showCidr } from '../core/cidr.ts'
import { Fault } from '../core/denial.ts'
import type { Entry } from '../core/event.ts'
import { isObject, type JsonValue } from '../core/json.ts'
import { type Clock, when } from '../core/time.ts'
import { KEYS, LOGS } from '../store/keys.ts'
import type { Store } from '../store/store.ts'
import { Tail } from '../store/tail.ts'
import { remember } from '../trust/remember.ts'

const PAGE = 1_000
/** Addresses whose verdict is remembered. */
const VERDICTS_MAX = 10_000
/** Keys that are held against addresses. Guessers make up as many as they like: beyond this the oldest give way, and new ones hold on this process alone. */
const HELD_MAX = 10_000
export const FOR_EVER = Number.POSITIVE_INFINITY
const FREE = 0

export interface Block {
  /** In its one spelling. */
  readonly cidr: string
  /** Id of the API key with which alone it is turned away: it has guessed at a key that is under attack. */
  readonly key?: string
  /** Milliseconds since the epoch; absent: until it is removed. */
  readonly until?: number
  readonly at: number
  /** Who did it, `cli:ann`, or `gateway` for too many bad credentials. */
  readonly by: string
}

export class Blocks {
  readonly #store: Store
  readonly #clock: Clock
  /** From the configuration: for as long as they stand there, and not in the store. */
  #fixed: readonly Cidr[] = []
  /** Single addresses, as most blocks are, by their spelling; ranges one by one. Values are instants. */
  readonly #single = new Map<string, number>()
  readonly #ranges = new Map<string, { readonly range: Cidr; readonly until: number }>()
  /** By address and key. */
  readonly #held = new Map<string, number>()
  readonly #verdicts = new Map<string, number>()
  readonly #tail: Tail

  constructor(store: Store, clock: Clock, fixed: readonly string[] = []) {
    this.#store = store
    this.#clock = clock
    this.fix(fixed)
    this.#tail = new Tail(store, LOGS.blocks, { take: (value) => this.#hear(value), looked: () => this.#forgetPast() })
  }

  /** Reads what is blocked and looks for more from now on. @throws Fault `FAULT_STORE` */
  start(): Promise<void> {
    return this.#tail.start(async () => {
      for (const { cidr, until, key } of await this.list()) this.#apply(cidr, until ?? FOR_EVER, key)
    })
  }

  close(): Promise<void> {
    return this.#tail.close()
  }

  /** Reads what others did since the last look. While the store is away, what is known stands. Never rejects. */
  look(): Promise<void> {
    return this.#tail.look()
  }

  /** What the configuration says from now on, on this process. */
  fix(fixed: readonly string[]): void {
    this.#fixed = fixed.map((text) => parseCidr(text)).filter((range) => range !== undefined)
    this.#verdicts.clear()
  }

  /** What the configuration says, in its one spelling. */
  get fixed(): readonly string[] {
    return this.#fixed.map(showCidr)
  }

  /** Until when an address is turned away, milliseconds since the epoch; 0 when it is not. */
  untilOf(address: string): number {
    if (this.#fixed.length + this.#single.size + this.#ranges.size === 0) return FREE
    let until = this.#verdicts.get(address)
    if (until === undefined) {
      until = this.#judge(address)
      if (this.#verdicts.size >= VERDICTS_MAX) this.#verdicts.clear()
      this.#verdicts.set(address, until)
    }
    return until > this.#clock() ? until : FREE
  }

  /** Whether any key is held against anybody. */
  get isHolding(): boolean {
    return this.#held.size > 0
  }

  /** The same of an address that presents one key. @param cidr the address as it is counted (`countedAs`) */
  untilWith(cidr: string, key: string): number {
    const until = this.#held.get(heldName(cidr, key)) ?? FREE
    return until > this.#clock() ? until : FREE
  }

  /** On this process at once; on all others at their next look. @throws Fault `FAULT_STORE`: then it holds here alone. */
  async add(cidr: string, { until, by, key }: Pick<Block, 'until' | 'by' | 'key'>): Promise<Block> {
    const withKey = key === undefined ? {} : { key }
    const block: Block = { cidr, ...withKey, at: this.#clock(), by, ...(until === undefined ? {} : { until }) }
    const isCrowded = key !== undefined && this.#held.size >= HELD_MAX
    this.#apply(cidr, until ?? FOR_EVER, key)
    if (isCrowded) return block
    await this.#store.put(KEYS.block(cidr, key), { ...block }, until === undefined ? {} : { expiresAt: until })
    await this.#store.append(LOGS.blocks, [{ cidr, ...withKey, until: until ?? null }])
    return block
  }

  /** With whichever key. @throws Fault `FAULT_BLOCK` when just this range is not blocked. */
  async remove(cidr: string): Promise<void> {
    if (this.#fixed.some((range) => showCidr(range) === cidr))
      throw new Fault('FAULT_BLOCK', `${cidr} stands in limits.block of the configuration; take it out there`)
    const found = (await this.list()).filter((block) => block.cidr === cidr)
    if (found.length === 0) throw new Fault('FAULT_BLOCK', `${cidr} is not blocked`)
    for (const { key } of found) await this.#store.take(KEYS.block(cidr, key))
    await this.#store.append(LOGS.blocks, [{ cidr, until: FREE }])
    this.#apply(cidr, FREE)
  }

  /** All that stand in the store, by range. */
  async list(): Promise<readonly Block[]> {
    const found: Block[] = []
    let after: string | undefined
    do {
      const page = await this.#store.list(KEYS.blocks, { limit: PAGE, ...(after === undefined ? {} : { after }) })
      found.push(...page.map(({ value }) => readBlock(value)))
      after = page.length < PAGE ? undefined : page.at(-1)?.key
    } while (after !== undefined)
    return found
  }

  #hear(value: JsonValue): void {
    if (!isObject(value) || typeof value['cidr'] !== 'string') return
    const key = typeof value['key'] === 'string' ? value['key'] : undefined
    this.#apply(value['cidr'], typeof value['until'] === 'number' ? value['until'] : FOR_EVER, key)
  }

  #apply(cidr: string, until: number, key?: string): void {
    if (key !== undefined) {
      remember(this.#held, heldName(cidr, key), until, HELD_MAX)
      return
    }
    const range = parseCidr(cidr)
    if (range === undefined) return
    if (until === FREE) for (const name of this.#held.keys()) if (name.startsWith(heldName(cidr, ''))) this.#held.delete(name)
    const isOne = range.prefix === neighbourhoodOf(range).prefix
    if (until <= this.#clock()) {
      this.#single.delete(cidr)
      this.#ranges.delete(cidr)
    } else if (isOne) this.#single.set(cidr, until)
    else this.#ranges.set(cidr, { range, until })
    this.#verdicts.clear()
  }

  /** What has ended by itself nobody says anything of. */
  #forgetPast(): void {
    const now = this.#clock()
    for (const [cidr, until] of this.#single) if (until <= now) this.#single.delete(cidr)
    for (const [cidr, { until }] of this.#ranges) if (until <= now) this.#ranges.delete(cidr)
    for (const [name, until] of this.#held) if (until <= now) this.#held.delete(name)
  }

  #judge(address: string): number {
    const ip = parseIp(address)
    if (ip === undefined) return FREE
    if (this.#fixed.some((range) => isWithin(range, ip))) return FOR_EVER
    let until = this.#single.get(showCidr(neighbourhoodOf(ip))) ?? FREE
    for (const { range, until: end } of this.#ranges.values()) if (end > until && isWithin(range, ip)) until = end
    return until
  }
}

function heldName(cidr: string, key: string): string {
  return `${cidr} ${key}`
}

/** What history says of addresses that an operator turns away. @param until milliseconds since the epoch */
export function blockEntry(cidr: string, until: number | undefined, by: string): Entry {
  return { type: 'address.blocked', address: cidr, detail: until === undefined ? 'until it is removed' : `until ${when(until)}`, by }
}

export function unblockEntry(cidr: string, by: string): Entry {
  return { type: 'address.unblocked', address: cidr, detail: 'let in again', by }
}

function readBlock(value: JsonValue): Block {
  if (!isObject(value) || typeof value['cidr'] !== 'string' || typeof value['at'] !== 'number' || typeof value['by'] !== 'string')
    throw new Fault('FAULT_STORE', 'A block in the store is damaged')
  const { cidr, at, by, until, key } = value
  return { cidr, ...(typeof key === 'string' ? { key } : {}), at, by, ...(typeof until === 'number' ? { until } : {}) }
}
