/** The running processes of one command: who has one, how many there may be, which gives way, and how soon after a crash there is another. */
import { Denial } from '../core/denial.ts'
import { Egress } from './egress.ts'
import { Seat, type SeatDeps, type SeatSpec } from './seat.ts'

/** After the first crash a restart is immediate; after each further one the pause doubles, from this … */
const BACKOFF_MS = 500
/** … up to this. */
const BACKOFF_MAX_MS = 30_000
/** A process that has lived for so long has not crashed at its start: the count begins anew. */
const STABLE_MS = 10_000
/** Crashes remembered; the oldest is forgotten. */
const CRASHES_MAX = 1024
/** Told to a caller when all places are taken. */
const FULL_WAIT_MS = 2_000

export interface PoolSpec extends SeatSpec {
  readonly maxProcesses: number
  readonly idleMs: number
}

interface Crash {
  readonly count: number
  readonly retryAt: number
  /** As many had been started by then. */
  readonly started: number
}

/** Whose crashes are counted together where the process is everybody's. No principal has an empty name. */
const SHARED = ''

export class Pool {
  readonly #spec: PoolSpec
  /** All its processes have one way out. */
  readonly #egress: Egress | undefined
  readonly #deps: SeatDeps
  readonly #seats = new Map<string, Seat>()
  readonly #leaving = new Set<Promise<void>>()
  /** By owner: a session of its own, or another set of capabilities, is no way around the pause, and nobody waits for what another's calls did to theirs. */
  readonly #crashes = new Map<string, Crash>()
  #started = 0
  /** Which one it was. */
  readonly #numbers = new WeakMap<Seat, number>()
  #isClosed = false

  constructor(spec: PoolSpec, deps: SeatDeps) {
    const { name, sandbox } = spec
    this.#deps = deps
    if (sandbox !== undefined && sandbox.network !== 'none') {
      const resource = { kind: 'server', server: name, name } as const
      const onRefused = (detail: string): void =>
        deps.onEvent({ type: 'egress.refused', transport: 'stdio', resource, detail, by: 'gateway' })
      this.#egress = new Egress({ ...deps.outside, hosts: sandbox.network, clock: deps.clock, onRefused })
    }
    this.#spec =
      this.#egress === undefined || sandbox === undefined ? spec : { ...spec, sandbox: { ...sandbox, egress: this.#egress.serve } }
  }

  get(key: string): Seat | undefined {
    return this.#seats.get(key)
  }

  /**
   * The process under this key, started if need be.
   * @throws Denial `unavailable` when there is no place, or too soon after a crash; `upstream_failed` when it cannot be started.
   */
  take(key: string, owner: string | undefined): Seat {
    const seat = this.#seats.get(key)
    if (seat !== undefined) return seat
    if (this.#isClosed) throw new Denial('unavailable', { detail: 'the gateway is stopping' })
    this.#checkCrashes(owner ?? SHARED)
    this.#makeRoom()
    const started = new Seat(this.#spec, this.#deps, owner, (gone, wanted) => this.#gone(gone, wanted))
    this.#seats.set(key, started)
    this.#numbers.set(started, ++this.#started)
    const alarm = this.#deps.schedule(() => {
      if (!this.#isIn(started)) return
      const left = started.isBusy ? this.#spec.idleMs : started.peer.lastActiveAt + this.#spec.idleMs - this.#deps.clock()
      if (left > 0) alarm.refresh()
      else void this.#dismiss(started)
    }, this.#spec.idleMs)
    return started
  }

  /** The same process under another key. */
  rename(from: string, to: string): void {
    const seat = this.#seats.get(from)
    if (seat === undefined || from === to || this.#seats.has(to)) return
    this.#seats.delete(from)
    this.#seats.set(to, seat)
  }

  async drop(key: string): Promise<void> {
    const seat = this.#seats.get(key)
    if (seat !== undefined) await this.#dismiss(seat)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    for (const seat of this.#seats.values()) void this.#dismiss(seat)
    await Promise.all(this.#leaving)
    this.#egress?.close()
  }

  #isIn(seat: Seat): boolean {
    for (const other of this.#seats.values()) if (other === seat) return true
    return false
  }

  #dismiss(seat: Seat): Promise<void> {
    this.#forget(seat)
    const leaving = seat.close().finally(() => this.#leaving.delete(leaving))
    this.#leaving.add(leaving)
    return leaving
  }

  #forget(seat: Seat): string | undefined {
    for (const [key, other] of this.#seats) {
      if (other !== seat) continue
      this.#seats.delete(key)
      return key
    }
    return undefined
  }

  #gone(seat: Seat, wanted: boolean): void {
    if (this.#forget(seat) === undefined || wanted) return
    const owner = seat.owner ?? SHARED
    const last = this.#crashes.get(owner)
    // It stood beside the one that crashed last: no new attempt has failed.
    if (last !== undefined && (this.#numbers.get(seat) ?? 0) <= last.started) return
    const now = this.#deps.clock()
    const before = now - seat.startedAt >= STABLE_MS ? 0 : (last?.count ?? 0)
    const pause = before === 0 ? 0 : Math.min(BACKOFF_MS * 2 ** (before - 1), BACKOFF_MAX_MS)
    this.#crashes.delete(owner)
    this.#crashes.set(owner, { count: before + 1, retryAt: now + pause, started: this.#started })
    const [oldest] = this.#crashes.keys()
    if (oldest !== undefined && this.#crashes.size > CRASHES_MAX) this.#crashes.delete(oldest)
  }

  #checkCrashes(owner: string): void {
    const crash = this.#crashes.get(owner)
    const ms = crash === undefined ? 0 : crash.retryAt - this.#deps.clock()
    if (ms > 0)
      throw new Denial('unavailable', { detail: `the server crashed ${crash?.count} times in a row`, remedies: [{ kind: 'wait', ms }] })
  }

  /** When full, the one that has been idle longest gives way. Those that are still ending take places too, so that no churn gets past the cap for long. */
  #makeRoom(): void {
    if (this.#seats.size < this.#spec.maxProcesses && this.#leaving.size < this.#spec.maxProcesses) return
    let idlest: Seat | undefined
    for (const seat of this.#seats.values()) {
      if (!seat.isBusy && (idlest === undefined || seat.peer.lastActiveAt < idlest.peer.lastActiveAt)) idlest = seat
    }
    if (idlest === undefined || this.#leaving.size >= this.#spec.maxProcesses) {
      throw new Denial('unavailable', {
        detail: `all ${this.#spec.maxProcesses} processes are in use`,
        remedies: [{ kind: 'wait', ms: FULL_WAIT_MS }],
      })
    }
    void this.#dismiss(idlest)
  }
}
