/** Retention: what is older than it may be goes from the front of the journal, proved first, signed for, and only then removed. */
import { createPublicKey, type KeyObject } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { Fault } from '../core/denial.ts'
import type { Entry } from '../core/event.ts'
import type { JsonValue } from '../core/json.ts'
import type { KeyedHash } from '../core/secret.ts'
import type { Clock } from '../core/time.ts'
import { KEYS, LOGS } from '../store/keys.ts'
import type { Line, Store } from '../store/store.ts'
import { Chains } from './chain.ts'
import { isCheckpoint } from './checkpoint.ts'
import { Claims } from './claims.ts'
import { type Cut, type CutChain, cutJson, openCut, signCut } from './cut.ts'
import { isEvent } from './event.ts'

/*
 * A run removes what the run before it has signed away, then signs the next cut. So at any moment our word is in the store before its lines are
 * gone, also in a Cluster, where the two lie on different servers and one of them may lose its last writes: the next run reads it there first.
 * Whoever is killed in between leaves lines in front of a cut. They are proved like all others, and the next run removes them.
 */

/** How often of its own length what is too old is looked for: it stays that much longer, three times at most. */
const RUNS_EACH = 32
const PERIOD_MIN_MS = 60_000
const PERIOD_MAX_MS = 86_400_000
/** Proved at a time: a gateway that does so goes on serving. */
const PAGE_LINES = 128
/** An event that says to be later than this is of a clock that is wrong. */
const AHEAD_MAX_MS = 86_400_000

export interface RetentionOptions {
  readonly store: Store
  readonly clock: Clock
  /** How long events are kept at least. */
  readonly retainMs: number
  /** Ed25519, private. */
  readonly signingKey: KeyObject
  readonly headHash: KeyedHash
  /** Who looks to it. */
  readonly node: string
  readonly tell: (entry: Entry) => Promise<void>
  readonly onFault: (fault: Fault) => void
}

/** What is too old, proved. */
interface Old {
  readonly chains: Chains
  /** Where what the cut before has not signed away begins. */
  readonly kept: string | undefined
  readonly events: number
}

/** Of a node's checkpoints those that are too old. */
interface Counted {
  readonly count: number
  readonly closed?: number
}

export class Retention {
  readonly #options: RetentionOptions
  readonly #publicKey: KeyObject
  readonly #periodMs: number
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> = Promise.resolve()
  #isClosed = false

  constructor(options: RetentionOptions) {
    this.#options = options
    this.#publicKey = createPublicKey(options.signingKey)
    this.#periodMs = Math.max(PERIOD_MIN_MS, Math.min(PERIOD_MAX_MS, options.retainMs / RUNS_EACH))
  }

  /** Looks to it every now and then; of all processes one does. */
  start(): void {
    this.#timer = setInterval(() => {
      this.#running = this.#running.then(() => this.run()).catch((error: unknown) => this.#options.onFault(faultOf(error)))
    }, PERIOD_MIN_MS).unref()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearInterval(this.#timer)
    await this.#running
  }

  /** Once a period, whoever asks. @throws Fault `FAULT_STORE` (rejects); `FAULT_JOURNAL` where what is too old is not whole: then nothing is removed */
  async run(): Promise<void> {
    const { store, clock, node, retainMs } = this.#options
    const now = clock()
    if (!(await store.put(KEYS.retention, node, { onlyIfAbsent: true, expiresAt: now + this.#periodMs }))) return
    const found = await store.get(KEYS.cut)
    const cut = found === undefined ? undefined : openCut(found, this.#publicKey)
    if (found !== undefined && cut === undefined) throw broken('what says how far it was removed is not signed by this key')
    const before = now - retainMs
    const claims = new Claims(this.#publicKey, cut)
    const spoken = await this.#spokenOf(claims, before)
    if (this.#isClosed) return
    const old = await this.#prove(claims, before, now)
    if (this.#isClosed) return
    await this.#remove(LOGS.audit, old.kept)
    await this.#remove(LOGS.checkpoints, spoken.kept)
    const chains = cutChains(old.chains, spoken.counted, cut)
    const isMore = old.events > 0 || chains.some(({ node: name, count }) => count > (claims.cutOf(name)?.count ?? 0))
    if (!isMore) return
    const known = new Set([...spoken.nodes, ...old.chains.ends().map((end) => end.node)])
    const next: Omit<Cut, 'signature'> = {
      type: 'cut',
      node,
      at: now,
      before,
      retainMs,
      removed: (cut?.removed ?? 0) + old.events,
      chains: chains.filter((chain) => known.has(chain.node)),
    }
    await this.#sign(next, found, old.events)
  }

  /** Two at once: one of them finds that what it has read is no more. */
  async #sign(next: Omit<Cut, 'signature'>, found: JsonValue | undefined, events: number): Promise<void> {
    const { store, signingKey, tell } = this.#options
    const value = cutJson(signCut(next, signingKey))
    const isWritten = await store.put(KEYS.cut, value, found === undefined ? { onlyIfAbsent: true } : { onlyIf: found })
    if (!isWritten || events === 0) return
    await tell({ type: 'journal.cut', detail: `${events} events older than ${new Date(next.before).toISOString()}`, by: 'gateway' })
  }

  /** All checkpoints are read: they say which chains there are. What is too old among them is counted. */
  async #spokenOf(claims: Claims, before: number) {
    const { store } = this.#options
    const counted = new Map<string, Counted>()
    const nodes = new Set((await store.marks(LOGS.audit)).map(({ by }) => by))
    let kept: string | undefined
    let isOld = true
    for await (const { position, value, isDamaged } of this.#lines(LOGS.checkpoints)) {
      claims.take(position, value, true)
      if (isDamaged === true || claims.flaw !== undefined) throw broken(claims.flaw?.detail ?? 'a checkpoint is damaged')
      if (!isCheckpoint(value)) continue
      const { node, at, count, seq, closed } = value
      for (const { node: name } of [value, ...value.chains]) nodes.add(name)
      if (count > (claims.cutOf(node)?.count ?? 0)) kept ??= position
      isOld &&= at < before
      if (isOld) counted.set(node, { count, ...(closed && { closed: seq }) })
    }
    return { nodes, counted, kept }
  }

  /** From the first event to the first that is not too old: nothing is signed away that was not whole until now. */
  async #prove(claims: Claims, before: number, now: number): Promise<Old> {
    const { headHash, store } = this.#options
    const chains = new Chains(claims, { isPartial: false, hasHeads: false, headHash, isInOrder: store.isInOrder === true })
    let kept: string | undefined
    let last: string | undefined
    let events = 0
    for await (const line of this.#lines(LOGS.audit)) {
      const { value, position, isDamaged } = line
      if (isDamaged === true) throw broken(`the line at ${position} is damaged`)
      const isNew = !isEvent(value) || value.seq > (claims.cutOf(value.node)?.seq ?? 0)
      if (isNew) kept ??= position
      if (isEvent(value) && value.at >= before) {
        if (value.at > now + AHEAD_MAX_MS)
          this.#options.onFault(broken(`the event at ${position} is of the future, and keeps all behind it`))
        break
      }
      chains.take(line)
      last = position
      if (isNew) events++
    }
    const flaw = chains.soFar()
    if (flaw !== undefined) throw broken(`${flaw.reason} at ${flaw.position}: ${flaw.detail}`)
    return { chains, kept: kept ?? last, events }
  }

  /** Also where nothing is to be removed: a log that is kept in pieces begins the next one. */
  async #remove(log: string, kept: string | undefined): Promise<void> {
    const { store } = this.#options
    const [first] = await store.read(log, { limit: 1 })
    if (first !== undefined) await store.trim(log, kept ?? first.position)
  }

  async *#lines(log: string): AsyncGenerator<Line> {
    let after: string | undefined
    do {
      const lines = await this.#options.store.read(log, { limit: PAGE_LINES, ...(after !== undefined && { after }) })
      yield* lines
      after = lines.at(-1)?.position
      await setImmediate()
    } while (after !== undefined && !this.#isClosed)
  }
}

/** Where each chain goes on, of those of which something may be gone. */
function cutChains(old: Chains, counted: ReadonlyMap<string, Counted>, before: Cut | undefined): readonly CutChain[] {
  const chains = new Map<string, CutChain>(before?.chains.map((chain) => [chain.node, chain]))
  const change = (node: string, change: Partial<CutChain>): void =>
    void chains.set(node, { ...(chains.get(node) ?? { node, seq: 0, head: '', count: 0 }), ...change })
  for (const { node, seq, head } of old.ends()) if (seq > (chains.get(node)?.seq ?? 0)) change(node, { seq, head })
  for (const [node, said] of counted) if (said.count > (chains.get(node)?.count ?? 0)) change(node, said)
  return [...chains.values()]
}

function broken(detail: string): Fault {
  return new Fault(
    'FAULT_JOURNAL',
    `Retention removes nothing: ${detail}. Run "portcullis audit verify"; docs/operations.md says what to do with a damaged journal`,
  )
}

function faultOf(error: unknown): Fault {
  return error instanceof Fault ? error : new Fault('FAULT_STORE', `Retention failed: ${String(error)}`, { cause: error })
}
