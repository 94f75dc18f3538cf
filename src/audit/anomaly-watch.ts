/** Looks for anomalies in what the journal tells and in what other processes write, behind the back of the calls; and learns at start what was usual before. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Sensitivity } from '../core/anomaly.ts'
import type { AuditEvent } from '../core/event.ts'
import type { Clock } from '../core/time.ts'
import { LOGS } from '../store/keys.ts'
import type { Line, Store } from '../store/store.ts'
import { createDetector, type Sighting } from './anomaly.ts'
import { eventsOfOthers, Others } from './anomaly-others.ts'
import { DAY_MS } from './anomaly-thresholds.ts'
import { isEvent } from './event.ts'
import { isBegun } from './event-text.ts'
import type { Sink } from './sinks.ts'

/** Events that may wait: a busy second or two. Beyond it they are not looked at, and counted as lost. */
const WAITING_MAX = 65_536
/** Looked at in one turn of the event loop: two milliseconds' work, and more than the calls of a turn can bring, or what waits would pile up under a load. */
const SLICE_EVENTS = 1_024
/** How far back is learned from, and from how many lines at most: some ten seconds' work, in slices. */
const LEARN_MS = 14 * DAY_MS
const LEARN_LINES_MAX = 1_000_000
const PAGE_LINES = 250
/** In larger steps once so many events wait: what is lost is never looked at, a call only takes some milliseconds longer. */
const BEHIND_EVENTS = 8_192
const PAGE_LINES_BEHIND = 1_000
/** How often it is looked for what others wrote. */
const LOOK_MS = 1_000

export interface AnomalyWatchOptions {
  readonly sensitivity: Sensitivity
  readonly store: Pick<Store, 'read' | 'marks'>
  readonly clock: Clock
  /** Told of what is far from usual now. */
  readonly onAnomaly: (sighting: Sighting) => void
  readonly onFault: (error: unknown) => void
}

export class AnomalyWatch implements Sink {
  readonly name = 'anomalies'
  readonly #options: AnomalyWatchOptions
  readonly #detect: ReturnType<typeof createDetector>
  #waiting: AuditEvent[] = []
  #work: Promise<void> | undefined
  #others: Others | undefined
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(options: AnomalyWatchOptions) {
    this.#options = options
    this.#detect = createDetector(options.sensitivity)
  }

  write(told: Parameters<Sink['write']>[0]): void {
    if (this.#waiting.length + told.length > WAITING_MAX) throw new Error(`more than ${WAITING_MAX} events wait to be looked at`)
    for (const one of told) if (one.kind === 'event' && !isBegun(one.text)) this.#waiting.push(one.event)
    if (this.#waiting.length > 0) this.#work ??= this.#drain()
  }

  /** Learns from what the journal holds of others' events and of earlier ones, and goes on with theirs; what is written meanwhile waits. @param node our own chain */
  learn(node: string): void {
    this.#work = this.#learn(node)
      .catch((error: unknown) => {
        // What was cannot be learned; what is can be seen.
        this.#others ??= new Others(this.#options.store, node, undefined)
        this.#options.onFault(error)
      })
      .then(() => this.#drain())
    this.#timer = setInterval(() => void this.look(), LOOK_MS).unref()
  }

  /** Looks at what others wrote since the last look, once nothing of ours waits. While the store is away nothing is missed. Never rejects. */
  async look(): Promise<void> {
    await this.settled()
    if (this.#others === undefined || this.#isClosed) return
    this.#work = this.#follow(this.#others)
      .catch(() => undefined)
      .then(() => this.#drain())
    await this.#work
  }

  /** Resolves when nothing waits. */
  async settled(): Promise<void> {
    while (this.#work !== undefined) await this.#work
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearInterval(this.#timer)
    await this.#work
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0 && !this.#isClosed) {
      await nextTurn()
      for (const event of this.#waiting.splice(0, SLICE_EVENTS)) for (const found of this.#detect(event)) this.#options.onAnomaly(found)
    }
    this.#work = undefined
  }

  async #follow(others: Others): Promise<void> {
    let seen = 0
    for await (const event of others.look()) {
      if (this.#isClosed) return
      if (++seen % SLICE_EVENTS === 0) await nextTurn()
      for (const found of this.#detect(event)) this.#options.onAnomaly(found)
    }
  }

  async #learn(node: string): Promise<void> {
    const { store } = this.#options
    let after = await this.#start()
    while (!this.#isClosed) {
      const limit = this.#waiting.length > BEHIND_EVENTS ? PAGE_LINES_BEHIND : PAGE_LINES
      const lines = await store.read(LOGS.audit, { limit, ...(after !== undefined && { after }) })
      // Ours are told to us.
      for (const event of eventsOfOthers(lines, node)) this.#detect(event)
      after = lines.at(-1)?.position ?? after
      // Whoever waited for no line at all would learn for as long as there are calls: there is always one more, and it is ours.
      if (lines.length < limit) {
        this.#others = new Others(store, node, after)
        return
      }
      await nextTurn()
    }
  }

  /** A position behind which all that is learned from stands; undefined for the beginning. */
  async #start(): Promise<string | undefined> {
    const since = this.#options.clock() - LEARN_MS
    let first: Line | undefined
    for (let read = 0; read < LEARN_LINES_MAX && !this.#isClosed; read += PAGE_LINES) {
      const lines = await this.#options.store.read(LOGS.audit, { last: PAGE_LINES, ...(first !== undefined && { before: first.position }) })
      if (lines.length === 0) return undefined
      first = lines[0]
      if (first !== undefined && isEvent(first.value) && first.value.at < since) return first.position
      await nextTurn()
    }
    return first?.position
  }
}
