/** How often who may do what: looked at before anybody is identified, charged after the law has permitted, let go at the end. */
import type { RateConfig, Roles } from '../config/limits.ts'
import type { Call } from '../core/call.ts'
import type { Decision } from '../core/decision.ts'
import { type Allowance, Denial } from '../core/denial.ts'
import type { Entry } from '../core/event.ts'
import type { Principal } from '../core/principal.ts'
import type { Clock } from '../core/time.ts'
import type { Store } from '../store/store.ts'
import { Blocks } from './blocks.ts'
import type { Bucket } from './bucket.ts'
import { type Caller, Cells, type ToolRow } from './cells.ts'
import { Failures } from './failures.ts'
import type { Holder } from './holder.ts'
import { Leases } from './leases.ts'
import { Outages } from './outages.ts'
import { Places, type Running } from './places.ts'
import { refused, tooMany } from './refusal.ts'

export interface LimitOptions {
  readonly rates: RateConfig
  /** `access.roles` in force, for who inherits from whom. */
  readonly roles: () => Roles
  readonly store: Store
  /** The time of day: of what all processes share. */
  readonly clock: Clock
  /** Milliseconds that only ever go forward, whatever is done to the time of day: of what is counted here. */
  readonly steady: Clock
  readonly isProxy: (address: string) => boolean
  /** `profile: observe`: for how much it asks no address is turned away. */
  readonly observing?: boolean
  /** Writes into history. @throws when it cannot: then it is told again. */
  readonly tell: (entry: Entry) => Promise<void>
}

/** These wait for events, and are counted as streams. */
const WAITING: ReadonlySet<string> = new Set(['$stream', 'subscriptions/listen'])
/** These let something go, or answer what was asked: who is over his limit must still be able to. */
const FREE: ReadonlySet<string> = new Set(['$end', '$response', 'notifications/cancelled'])
const MINUTE_US = 60_000_000
const US_PER_MS = 1_000

export class Limits {
  readonly blocks: Blocks
  readonly #cells: Cells
  readonly #observing: boolean
  readonly #nowUs: Clock
  readonly #clock: Clock
  readonly #leases: Leases
  readonly #failures: Failures
  readonly #places: Places

  constructor({ rates, roles, store, clock, steady, isProxy, observing = false, tell }: LimitOptions) {
    const nowUs = (): number => Math.floor(steady() * US_PER_MS)
    const outages = new Outages(tell, clock)
    this.blocks = new Blocks(store, clock, rates.block)
    this.#cells = new Cells(rates, roles)
    this.#places = new Places(rates.principal.concurrency)
    this.#observing = observing
    this.#nowUs = nowUs
    this.#clock = clock
    this.#leases = new Leases({ store, clock, nowUs, onOutage: (isAway, error) => outages.note(isAway, error) })
    this.#failures = new Failures({
      settings: rates.failures,
      store,
      blocks: this.blocks,
      clock,
      nowUs,
      isProxy,
      onBlock: (cidr, until, written) => {
        const detail = `${cidr} until ${new Date(until).toISOString()}: too many bad credentials (limits.failures)`
        void written.catch(() => undefined)
        void tell({ type: 'address.blocked', address: cidr, detail, by: 'gateway' }).catch(() => undefined)
      },
    })
  }

  /** Learns which addresses are blocked, and goes on learning. @throws Fault `FAULT_STORE` */
  start(): Promise<void> {
    return this.blocks.start()
  }

  close(): Promise<void> {
    return this.blocks.close()
  }

  /** Before a body is read: whether there is any use in reading it. Takes nothing. */
  peek(address: string): Denial | undefined {
    const blocked = this.#blocked(address)
    if (blocked !== undefined || this.#observing) return blocked
    const nowUs = this.#nowUs()
    const bucket = this.#cells.ofAddress(address, nowUs)
    const waitUs = bucket.waitUs(nowUs)
    return waitUs > 0 ? tooMany(bucket, waitUs, nowUs) : undefined
  }

  /**
   * First of all: no hash, no signature, no introspection, and no question to the store.
   * @throws Denial `rate_limited`, `forbidden`
   * @returns where it only observes, what it would have thrown for how much the address asks
   */
  admit({ origin: { address } }: Call): Denial | undefined {
    if (address === undefined) return undefined
    const blocked = this.#blocked(address)
    if (blocked !== undefined) throw blocked
    const over = this.#takeOf(address)
    if (over !== undefined && !this.#observing) throw over
    return over
  }

  /** What never becomes a call costs its address the same. @returns how it is to be turned away instead; undefined where it had one left. */
  chargeAddress(address: string): Denial | undefined {
    const blocked = this.#blocked(address)
    if (blocked !== undefined) return blocked
    const over = this.#takeOf(address)
    return this.#observing ? undefined : over
  }

  /** Whether any key is being guessed: most of the time none is. */
  get isGuessed(): boolean {
    return this.#failures.isGuessed
  }

  /** Before a credential is looked at. @throws Denial `rate_limited` */
  checkCredential(address: string | undefined, keyId: string | undefined): void {
    if (address !== undefined && keyId !== undefined) this.#failures.check(address, keyId)
  }

  /** A credential was refused. What was good once is no guess. */
  failed(denial: Denial, address: string | undefined, keyId: string | undefined): void {
    if (denial.code === 'invalid_token' && !denial.isStale && address !== undefined) this.#failures.count(address, keyId)
  }

  /** A secret was wrong that is no credential of a call. */
  guessed(address: string): void {
    this.#failures.count(address, undefined)
  }

  /**
   * Takes one from every bucket that the call concerns, or from none, and a place among those under way.
   * @throws Denial `rate_limited` (throws, or rejects where the store had to be asked)
   */
  charge(call: Call, principal: Principal, { obligations }: Decision): undefined | Promise<void> {
    if (FREE.has(call.method) || isProbe(call)) return undefined
    const nowUs = this.#nowUs()
    const { address } = call.origin
    const caller = this.#cells.ofCaller(principal, address, nowUs)
    this.#checkBytes(caller.person, nowUs)
    const rows = this.#cells.rowsOf(call)
    const buckets = bucketsOf(caller, rows)
    if (obligations.length > 0) this.#cells.addOwed(buckets, obligations, caller)
    this.#cells.addShared(buckets, call.resource.server, nowUs)
    const counts = !WAITING.has(call.method)
    const place = { person: caller.person, rows }
    if (counts) this.#places.check(call, place, nowUs)
    takeAll(buckets, nowUs)
    if (counts) this.#places.take(call.id, place)
    // Its own count was taken at the door; the other processes learn of it here.
    const spent = address === undefined ? buckets : [...buckets, this.#cells.ofAddress(address, nowUs)]
    return this.#leases.spend(spent, nowUs)?.catch((refusal: unknown) => {
      for (const bucket of buckets) bucket.giveBack()
      throw refusal
    })
  }

  /** Whether a call would be refused anyway, as far as this process knows: before anything dear is done for it. Takes nothing. @throws Denial `rate_limited` */
  check(call: Call, principal: Principal): void {
    if (FREE.has(call.method) || isProbe(call)) return
    const { origin, resource } = call
    const nowUs = this.#nowUs()
    const caller = this.#cells.ofCaller(principal, origin.address, nowUs)
    const { person } = caller
    this.#checkBytes(person, nowUs)
    const all = bucketsOf(caller, this.#cells.rowsOf(call))
    this.#cells.addShared(all, resource.server, nowUs)
    checkAll(all, nowUs)
  }

  /** What a principal was sent: it is paid afterwards, because nobody knows before. */
  answered(principal: Principal, address: string | undefined, bytes: number): void {
    const nowUs = this.#nowUs()
    const { person } = this.#cells.ofCaller(principal, address, nowUs)
    person.paidAtUs = Math.max(person.paidAtUs, nowUs) + (bytes * MINUTE_US) / this.#cells.responseBytesPerMinute
  }

  /** The call is over, however it ended. */
  end(call: Call): void {
    this.#places.end(call.id)
  }

  /** It has begun a task, which is under way in its place. @param lifeMs how long at most, whatever is heard of it */
  taskBegan(call: Call, principal: Principal, { id, lifeMs }: { readonly id: string; readonly lifeMs: number }): void {
    const nowUs = this.#nowUs()
    const { person } = this.#cells.ofCaller(principal, call.origin.address, nowUs)
    this.#places.keep({ person, rows: this.#cells.rowsOf(call) }, runningOf(call, id), nowUs + lifeMs * US_PER_MS, nowUs)
  }

  /** A server has said so by this call, or on this stream. */
  taskEnded(call: Call, id: string): void {
    this.#places.taskEnded(runningOf(call, id))
  }

  sessionEnded(session: string): void {
    this.#places.sessionEnded(session)
  }

  /** The tightest of what is counted of this caller alone: for its own eyes. */
  allowanceOf(principal: Principal, address: string | undefined): Allowance | undefined {
    const nowUs = this.#nowUs()
    let tightest: Allowance | undefined
    for (const bucket of this.#cells.ofCaller(principal, address, nowUs).own) {
      const allowance = bucket.allowance(nowUs)
      if (allowance !== undefined && (tightest === undefined || allowance.remaining < tightest.remaining)) tightest = allowance
    }
    return tightest
  }

  #takeOf(address: string): Denial | undefined {
    const nowUs = this.#nowUs()
    const bucket = this.#cells.ofAddress(address, nowUs)
    const waitUs = bucket.waitUs(nowUs)
    if (waitUs > 0) return tooMany(bucket, waitUs, nowUs)
    bucket.take(nowUs)
    return undefined
  }

  #blocked(address: string): Denial | undefined {
    const until = this.blocks.untilOf(address)
    if (until === 0) return undefined
    if (until === Number.POSITIVE_INFINITY) return new Denial('forbidden', { detail: 'the address is blocked' })
    return refused(`the address is blocked until ${new Date(until).toISOString()}`, until - this.#clock())
  }

  #checkBytes({ paidAtUs }: Holder, nowUs: number): void {
    const waitUs = paidAtUs - nowUs - MINUTE_US
    if (waitUs <= 0) return
    const quota = this.#cells.responseBytesPerMinute
    const allowance = { limit: 'response', quota, windowMs: MINUTE_US / US_PER_MS, remaining: 0, resetMs: waitUs / US_PER_MS }
    throw refused(`limits.response.perMinute (${quota} bytes) is used up`, waitUs / US_PER_MS, allowance)
  }
}

function runningOf({ resource: { server }, session, origin: { era } }: Call, id: string): Running {
  return { server, session: era === 'legacy' ? session : undefined, id }
}

function bucketsOf({ buckets }: Caller, rows: readonly ToolRow[]): Bucket[] {
  const all = [...buckets]
  for (const { bucket } of rows) if (bucket !== undefined) all.push(bucket)
  return all
}

/** From every one, or from none. @throws Denial `rate_limited` */
function takeAll(buckets: readonly Bucket[], nowUs: number): void {
  checkAll(buckets, nowUs)
  for (const bucket of buckets) bucket.take(nowUs)
}

/** @throws Denial `rate_limited` for the one that must wait longest. */
function checkAll(buckets: readonly Bucket[], nowUs: number): void {
  let longest = 0
  let refusing: Bucket | undefined
  for (const bucket of buckets) {
    const waitUs = bucket.waitUs(nowUs)
    if (waitUs <= longest) continue
    longest = waitUs
    refusing = bucket
  }
  if (refusing !== undefined) throw tooMany(refusing, longest, nowUs)
}

/** On stdio every error to the probe, this one too, means an older server to a client (2026-07-28, basic/versioning); over HTTP a 503 does not. */
function isProbe({ method, origin }: Call): boolean {
  return method === 'server/discover' && origin.transport === 'stdio'
}
