/** What is appended to logs in Redis: in order, each batch once, and kept in a file of this machine while Redis is away. */
import { Fault } from '../core/denial.ts'
import type { Clock } from '../core/time.ts'
import type { Batch, Numbered, RedisLogs } from './redis-logs.ts'
import { newWriter, openSpool, type Spool, type SpoolSettings, strandedSpools } from './spool.ts'

/** How often it is tried to deliver what waits. */
const DELIVER_MS = 200
/** Batches that were acknowledged and may yet be lost with the server that did: so long, and so much of them, is kept in memory. */
const RECENT_MS = 60_000
const RECENT_MAX_CHARS = 4 * 1024 * 1024

export interface OutboxOptions {
  readonly spool: SpoolSettings | undefined
  readonly steady: Clock
  readonly onFault: (fault: Fault) => void
}

interface Recent {
  readonly batch: Numbered
  readonly at: number
  readonly chars: number
}

export class Outbox {
  readonly #logs: RedisLogs
  readonly #options: OutboxOptions
  readonly #writer = newWriter()
  readonly #numbers = new Map<string, number>()
  /** Of each log the first of the numbers whose batches were refused since the last one that was brought. */
  readonly #refused = new Map<string, number>()
  readonly #recent: Recent[] = []
  #recentChars = 0
  #spool: Spool | undefined
  /** Left behind by processes that were killed. */
  #stranded: readonly Spool[] | undefined
  /** Appends and deliveries take turns: a batch that overtook another would pass for it. */
  #turn: Promise<unknown> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(logs: RedisLogs, options: OutboxOptions) {
    this.#logs = logs
    this.#options = options
    if (options.spool !== undefined) this.#arm()
  }

  /** Resolves when the lines survive SIGKILL: in Redis, or for the logs that may wait in the spool. @throws Fault `FAULT_STORE` (rejects) */
  append(batch: Batch): Promise<void> {
    if (this.#isClosed) return Promise.reject(new Fault('FAULT_STORE', 'The store is closed'))
    const { spool } = this.#options
    if (spool === undefined || !spool.logs.includes(batch.log)) return this.#logs.append(batch)
    return this.#inTurn(() => this.#appendInTurn(batch, spool))
  }

  /** Whoever reads where a log ends must not read past what waits. @throws Fault `FAULT_STORE` */
  checkDelivered(log: string): void {
    if (this.#spool?.has(log) !== true) return
    throw new Fault('FAULT_STORE', `${this.#spool.path}: lines of this log wait to be delivered`)
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    clearTimeout(this.#timer)
    await this.#inTurn(() => this.#deliver()).catch(() => undefined)
    for (const spool of this.#stranded ?? []) spool.close()
    this.#spool?.close()
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(work)
    this.#turn = done.catch(() => undefined)
    return done
  }

  async #appendInTurn(batch: Batch, settings: SpoolSettings): Promise<void> {
    const number = (this.#numbers.get(batch.log) ?? 0) + 1
    const numbered: Numbered = { ...batch, number }
    if (this.#spool !== undefined) this.#spool.push(numbered)
    else await this.#bring(numbered).catch((error: unknown) => this.#beginWaiting(numbered, settings, error))
    this.#numbers.set(batch.log, number)
    if (this.#spool !== undefined) this.#arm()
  }

  /**
   * Where the first cannot wait either, the next one is brought to Redis again: nothing is there that it could overtake. It has another number,
   * because Redis may have kept this one without saying so.
   */
  #beginWaiting(batch: Numbered, settings: SpoolSettings, away: unknown): void {
    let spool: Spool | undefined
    try {
      spool = openSpool(settings, this.#writer)
      spool.push(batch)
    } catch (error) {
      spool?.remove()
      const { log, number } = batch
      this.#numbers.set(log, number)
      if (!this.#refused.has(log)) this.#refused.set(log, number)
      throw new Fault('FAULT_STORE', `${said(away)}; and on this machine: ${said(error)}`, { cause: away })
    }
    this.#spool = spool
    this.#options.onFault(new Fault('FAULT_STORE', `The journal waits on this machine: ${said(away)}`, { cause: away }))
  }

  /** Also what a server that took another's place does not have, although it was acknowledged. */
  async #bring(batch: Numbered): Promise<void> {
    let last = await this.#logs.bring(batch, this.#writer)
    if (last < batch.number) {
      const missing = this.#recent.filter((one) => one.batch.log === batch.log && one.batch.number > last)
      const known = missing[0]?.batch.number ?? this.#refused.get(batch.log) ?? batch.number
      if (known > last + 1)
        this.#options.onFault(
          new Fault('FAULT_STORE', `Redis has lost ${known - last - 1} appends to ${batch.log} that it had acknowledged`),
        )
      for (const { batch: again } of missing) last = await this.#logs.bring(again, this.#writer, last)
      last = await this.#logs.bring(batch, this.#writer, last)
      if (last < batch.number) throw new Fault('FAULT_STORE', `Redis does not take an append to ${batch.log}`)
    }
    if ((this.#refused.get(batch.log) ?? batch.number) < batch.number) this.#refused.delete(batch.log)
    this.#remember(batch)
  }

  #remember(batch: Numbered): void {
    const at = this.#options.steady()
    const chars = batch.texts.reduce((sum, text) => sum + text.length, 0)
    this.#recent.push({ batch, at, chars })
    this.#recentChars += chars
    for (let first = this.#recent[0]; first !== undefined; first = this.#recent[0]) {
      if (this.#recentChars <= RECENT_MAX_CHARS && at - first.at < RECENT_MS) break
      this.#recentChars -= first.chars
      this.#recent.shift()
    }
  }

  #arm(): void {
    if (this.#timer !== undefined || this.#isClosed) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      void this.#inTurn(() => this.#deliver()).then(
        () => undefined,
        () => this.#arm(),
      )
    }, DELIVER_MS).unref()
  }

  async #deliver(): Promise<void> {
    const { spool: settings, onFault } = this.#options
    if (this.#spool !== undefined) {
      for (let next = this.#spool.first; next !== undefined; next = this.#spool.first) {
        await this.#bring(next)
        this.#spool.shift()
      }
      this.#spool.remove()
      this.#spool = undefined
      onFault(new Fault('FAULT_STORE', 'What waited of the journal was delivered'))
    }
    if (settings === undefined) return
    this.#stranded ??= strandedSpools(settings)
    for (const spool of this.#stranded) {
      for (let next = spool.first; next !== undefined; next = spool.first) {
        const last = await this.#logs.lastOf(next.log, spool.writer)
        await this.#logs.bring(next, spool.writer, last)
        spool.shift()
      }
      spool.remove()
      onFault(new Fault('FAULT_STORE', `${spool.path}: what a process had left behind of the journal was delivered`))
    }
    this.#stranded = []
  }
}

function said(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
