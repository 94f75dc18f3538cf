/** The journal: seals each event to the one before, appends events in groups, signs where the chain stands, and tells the sinks. */
import type { KeyObject } from 'node:crypto'
import { Fault } from '../core/denial.ts'
import type { Entry } from '../core/event.ts'
import type { KeyedHash } from '../core/secret.ts'
import type { Clock } from '../core/time.ts'
import type { Turn } from '../core/turn.ts'
import { LOGS } from '../store/keys.ts'
import type { Store } from '../store/store.ts'
import { checkpointText, signCheckpoint } from './checkpoint.ts'
import { Group } from './group.ts'
import { sealHead } from './head.ts'
import type { History } from './history.ts'
import { Interruption } from './interruption.ts'
import { Neighbours } from './neighbours.ts'
import { Retention } from './retention.ts'
import { Fanout, type Sink } from './sinks.ts'

export interface JournalOptions {
  readonly store: Store
  readonly clock: Clock
  /** Makes UUIDv7s. */
  readonly ids: () => string
  /** Who writes: `gateway`, `cli`, a host's name. Each journal makes a chain of its own from it, so that processes never share one. */
  readonly node: string
  readonly sinks: readonly Sink[]
  /** When a group is closed: all that the sockets of one turn bring goes into one append. */
  readonly turn: Turn
  /** At most this long is an event without a checkpoint behind it. */
  readonly checkpointMs: number
  /** How long events are kept at least; absent: for ever. */
  readonly retainMs?: number | undefined
  /** Ed25519, private. */
  readonly signingKey: KeyObject
  /** Seals the last event of each append, and the head of the chain: of a key for this purpose only. */
  readonly headHash: KeyedHash
  /** Told of a sink that fails, a checkpoint that could not be written, and once of each time that nothing can be written and everything is refused. */
  readonly onFault: (fault: Fault) => void
}

export interface Journal extends History {
  /** The name of this chain: `<node>-<12 hex digits>`, new with every start. */
  readonly node: string
  /** The last append failed, or more waits than may: nothing can be recorded, so nothing is done. It is tried again by itself, about once a second. */
  readonly isFailing: boolean
  /** Signs where the chain stands, unless nothing came since the last time. @throws Fault `FAULT_STORE` */
  checkpoint(): Promise<void>
  /** Writes what waits and a last checkpoint, then closes the sinks. Later writes are refused. */
  close(): Promise<void>
  /** Opens again what its sinks write to (log rotation). @returns whether all of it could be opened */
  reopen(): boolean
  /** How many lines each sink has lost, by its name. */
  lost(): ReadonlyMap<string, number>
  /** How many lines wait in each sink that keeps a queue, by its name. */
  waiting(): ReadonlyMap<string, number>
}

/** Events that may wait for one append: as many as a slow store can take in a second; the next are refused. */
const WAITING_MAX = 8_192
/** How often it is tried whether the journal can be written again, when nobody calls. */
const PROBE_MS = 1_000

export function createJournal(options: JournalOptions): Journal {
  return new ChainJournal(options)
}

class ChainJournal implements Journal {
  readonly node: string
  readonly #options: JournalOptions
  readonly #neighbours: Neighbours
  readonly #fanout: Fanout
  readonly #retention: Retention | undefined
  readonly #interruption: Interruption
  #group: Group | undefined
  /** Appends and checkpoints take turns. */
  #turn: Promise<unknown> = Promise.resolve()
  #lastAt = 0
  #seq = 0
  #head = ''
  /** Checkpoints written, and the event that the last one covers. */
  #count = 0
  #signedSeq = 0
  /** An append failed, so the log must be asked where the chain stands. */
  #isUnsure = false
  #isClosed = false
  #closing: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #probing: NodeJS.Timeout | undefined

  constructor(options: JournalOptions) {
    this.node = `${options.node}-${options.ids().slice(-12)}`
    this.#options = options
    this.#neighbours = new Neighbours(options.store, this.node)
    this.#fanout = new Fanout(options.sinks, options.onFault)
    this.#interruption = new Interruption(options.clock, options.onFault)
    const { retainMs } = options
    if (retainMs === undefined) return
    this.#retention = new Retention({ ...options, retainMs, node: this.node, tell: (entry) => this.write(entry) })
    this.#retention.start()
  }

  write(entry: Entry, isDone = false): Promise<void> {
    if (this.#isClosed) return Promise.reject(new Fault('FAULT_STORE', 'The journal is closed; nothing more can be recorded'))
    const group = this.#group ?? this.#openGroup()
    // What was done already is no more than calls may be under way.
    if (group.entries.length >= WAITING_MAX && !isDone) {
      const fault = new Fault('FAULT_STORE', `${WAITING_MAX} events wait for the store; it is too slow for this load`)
      this.#interruption.crowded(entry, fault)
      return Promise.reject(fault)
    }
    // Within a chain time does not run backwards, whatever is done to the clock.
    this.#lastAt = Math.max(this.#lastAt, this.#options.clock())
    group.add(entry, this.#options.ids(), this.#lastAt, isDone)
    return group.done.promise
  }

  get isFailing(): boolean {
    return this.#interruption.isOn
  }

  checkpoint(): Promise<void> {
    return this.#inTurn(() => this.#checkpoint())
  }

  close(): Promise<void> {
    this.#closing ??= this.#end()
    return this.#closing
  }

  async #end(): Promise<void> {
    if (this.#retention !== undefined) await this.#retention.close()
    this.#isClosed = true
    clearTimeout(this.#timer)
    clearTimeout(this.#probing)
    await this.#inTurn(() => this.#append())
    this.#interruption.end()
    if (this.#count > 0) await this.#inTurn(() => this.#checkpointOrTell(true))
    clearTimeout(this.#timer)
    await this.#fanout.close()
  }

  reopen(): boolean {
    return this.#fanout.reopen()
  }

  lost(): ReadonlyMap<string, number> {
    return this.#fanout.lost
  }

  waiting(): ReadonlyMap<string, number> {
    return new Map(this.#options.sinks.flatMap(({ name, waiting }) => (waiting === undefined ? [] : [[name, waiting] as const])))
  }

  #openGroup(): Group {
    const group = new Group()
    this.#group = group
    this.#options.turn.writes(() => void this.#inTurn(() => this.#append()))
    return group
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(work)
    this.#turn = done.catch(() => undefined)
    return done
  }

  async #append(): Promise<void> {
    const group = this.#group
    if (group === undefined) return
    this.#group = undefined
    const { isOn } = this.#interruption
    if (group.entries.length === 0 && !isOn) return group.done.resolve()
    try {
      if (this.#count === 0) await this.#begin()
      if (this.#isUnsure) await this.#settle()
      await this.#seal(isOn ? this.#withInterruption(group) : group)
    } catch (error) {
      const fault = faultOf(error)
      this.#interruption.note(group.entries, group.owed, fault)
      this.#probe()
      group.done.reject(fault)
      return
    }
    if (isOn) this.#interruption.over()
    group.done.resolve()
    if (this.#signedSeq === 0) await this.#checkpointOrTell()
    this.#arm()
  }

  /**
   * In front of its first event a chain has a mark, so that it is never without one while it is open, and a birth certificate: a chain that
   * nobody signed for did not come from here.
   */
  async #begin(): Promise<void> {
    const { store, headHash } = this.#options
    // A store that cannot be read is not to be given marks in vain.
    await this.#neighbours.look()
    await store.append(LOGS.audit, [], sealHead({ node: this.node, seq: 0, head: '' }, headHash))
    await this.#sign()
  }

  /** History says of itself where it was interrupted. */
  #withInterruption({ entries, ids, times }: Group): Group {
    const whole = new Group([...entries], [...ids], [...times])
    this.#lastAt = Math.max(this.#lastAt, this.#options.clock())
    for (const entry of this.#interruption.entries()) whole.add(entry, this.#options.ids(), this.#lastAt)
    return whole
  }

  /** Also when nobody calls, because nobody does who is told that we are not ready. */
  #probe(): void {
    if (this.#probing !== undefined || this.#isClosed) return
    this.#probing = setTimeout(() => {
      this.#probing = undefined
      if (!this.#interruption.isOn || this.#group !== undefined) return
      this.#openGroup().done.promise.catch(() => undefined)
    }, PROBE_MS)
    this.#probing.unref()
  }

  /** The chain in memory moves on only when the store has answered, so a failed group leaves it where it was. */
  async #seal(group: Group): Promise<void> {
    const { store, sinks, headHash } = this.#options
    const { texts, seals, end } = group.sealed({ node: this.node, seq: this.#seq, head: this.#head }, headHash)
    this.#isUnsure = true
    await store.append(LOGS.audit, { texts }, sealHead(end, headHash))
    this.#isUnsure = false
    this.#seq = end.seq
    this.#head = end.head
    if (sinks.length > 0) this.#fanout.tell(group.told(seals, texts))
  }

  async #checkpoint(): Promise<void> {
    if (this.#seq > this.#signedSeq) await this.#sign()
  }

  async #checkpointOrTell(isLast = false): Promise<void> {
    try {
      await (isLast ? this.#sign(true) : this.#checkpoint())
    } catch (error) {
      // While nothing can be written that was told.
      if (!this.#interruption.isOn) this.#options.onFault(faultOf(error))
    }
  }

  async #sign(closed = false): Promise<void> {
    const { store, clock, signingKey } = this.#options
    if (this.#isUnsure) await this.#settle()
    await this.#neighbours.look()
    const chains = this.#neighbours.heads()
    // One of ours may stand in the log although its writing seemed to fail.
    const count = Math.max(this.#count, this.#neighbours.ownCount) + 1
    const checkpoint = signCheckpoint(
      { type: 'checkpoint', node: this.node, seq: this.#seq, head: this.#head, count, at: clock(), chains, closed },
      signingKey,
    )
    const text = checkpointText(checkpoint)
    await store.append(LOGS.checkpoints, { texts: [text] })
    this.#count = count
    this.#signedSeq = checkpoint.seq
    this.#neighbours.forget()
    this.#fanout.tell([{ kind: 'checkpoint', checkpoint, text }])
    // The signature vouches for the end from now on.
    if (closed) await store.append(LOGS.audit, [], { by: this.node, value: undefined })
  }

  #arm(): void {
    if (this.#timer !== undefined || this.#isClosed || this.#seq === this.#signedSeq) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      void this.#inTurn(() => this.#checkpointOrTell()).then(() => this.#arm())
    }, this.#options.checkpointMs)
    this.#timer.unref()
  }

  /** A store that failed to answer may yet have kept the group; then the chain goes on behind it. */
  async #settle(): Promise<void> {
    const own = await this.#neighbours.ownEnd()
    if (own !== undefined) {
      this.#seq = own.seq
      this.#head = own.head
    }
    this.#isUnsure = false
  }
}

function faultOf(error: unknown): Fault {
  if (error instanceof Fault) return error
  return new Fault('FAULT_STORE', `The journal could not be written: ${error instanceof Error ? error.message : String(error)}`, {
    cause: error,
  })
}
