/** The way to Redis: opened when it is first needed, each command in its time, and only so many under way. */
import { Fault } from '../core/denial.ts'
import type { Clock } from '../core/time.ts'
import { type Argument, type Connection, checkKeeps, connectRedis, type RedisSettings } from './redis-connect.ts'
import { redisFault } from './redis-fault.ts'
import type { Script } from './redis-scripts.ts'

/** Commands without an answer, also those that nobody waits for any more: what a Redis that lives answers in a tenth of a second. */
const PENDING_MAX = 8_192
/** How often deadlines are looked at. */
const LOOK_MS = 50
/** A connection on which nothing was answered for so many deadlines is dead, whatever TCP says. */
const DEAD_DEADLINES = 5
/** When nobody answered, how soon the next may try. */
const RETRY_MS = 250

/** To load the client and to connect takes longer than a question, on a machine that has just started most of all. */
const OPEN_MS = 8_000

interface Pending {
  /** When it is late. */
  dueAt: number
  isLate: boolean
  readonly reject: (fault: Fault) => void
}

export class RedisLink {
  readonly #settings: RedisSettings
  readonly #address: string
  readonly #steady: Clock
  readonly #pending = new Set<Pending>()
  #connection: Connection | undefined
  #opening: Promise<Connection> | undefined
  #lastError: unknown
  #retryAt = 0
  /** Of the commands that wait, those that nobody waits for any more. */
  #late = 0
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  /** @param steady milliseconds that only ever go forward */
  constructor(settings: RedisSettings, steady: Clock) {
    this.#settings = settings
    this.#address = addressOf(settings)
    this.#steady = steady
  }

  /** @throws Fault `FAULT_STORE` (rejects) */
  async send(key: string, ...words: readonly Argument[]): Promise<unknown> {
    try {
      return await this.#ask(key, words)
    } catch (error) {
      throw redisFault(error, this.#address)
    }
  }

  /** @param key the first of `keys`. @throws Fault `FAULT_STORE` (rejects) */
  async run(script: Script, keys: readonly [string, ...string[]], words: readonly string[]): Promise<unknown> {
    const rest = [String(keys.length), ...keys, ...words]
    try {
      return await this.#ask(keys[0], ['EVALSHA', script.digest, ...rest])
    } catch (error) {
      // A server that was started anew has seen none of them.
      const isUnknown = error instanceof Error && error.message.startsWith('NOSCRIPT')
      if (isUnknown) return this.send(keys[0], 'EVAL', script.text, ...rest)
      throw redisFault(error, this.#address)
    }
  }

  close(): void {
    this.#isClosed = true
    clearInterval(this.#timer)
    this.#drop()
  }

  async #ask(key: string, words: readonly Argument[]): Promise<unknown> {
    if (this.#isClosed) throw new Fault('FAULT_STORE', `${this.#address}: the store is closed`)
    this.#checkAnswers()
    if (this.#pending.size >= PENDING_MAX)
      throw new Fault('FAULT_STORE', `${this.#address}: ${PENDING_MAX} commands wait for an answer; it is too slow for this load`)
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    const pending: Pending = { dueAt: this.#steady() + OPEN_MS, isLate: false, reject }
    this.#pending.add(pending)
    this.#timer ??= setInterval(() => this.#look(), LOOK_MS).unref()
    const write = (connection: Connection): Promise<unknown> => {
      pending.dueAt = this.#steady() + this.#settings.timeoutMs
      return this.#write(connection, key, words)
    }
    const answer = this.#connection === undefined ? this.#open().then(write) : write(this.#connection)
    answer.then(resolve, reject).finally(() => {
      this.#pending.delete(pending)
      if (pending.isLate) this.#late--
    })
    return promise
  }

  /**
   * Nobody waits for what cannot come: answers come in order, so behind one that is late none is in time. And a server that was not there is
   * looked for behind the back of the calls.
   */
  #checkAnswers(): void {
    if (this.#late > 0 && this.#settings.kind !== 'cluster')
      throw new Fault('FAULT_STORE', `${this.#address}: no answer for more than ${this.#settings.timeoutMs} ms`)
    if (this.#connection !== undefined || this.#lastError === undefined) return
    this.#open().catch(() => undefined)
    throw this.#lastError
  }

  #write(connection: Connection, key: string, words: readonly Argument[]): Promise<unknown> {
    if (connection.isReady) return connection.send(key, words)
    return Promise.reject(this.#lastError ?? new Fault('FAULT_STORE', `${this.#address}: the connection is lost`))
  }

  /** One attempt for all who ask meanwhile. */
  #open(): Promise<Connection> {
    if (this.#opening !== undefined) return this.#opening
    if (this.#steady() < this.#retryAt) return Promise.reject(this.#lastError)
    this.#opening = connectRedis(this.#settings, (error) => {
      this.#lastError = error
    })
      .then(async (connection) => {
        await checkKeeps(connection).catch((fault: unknown) => {
          connection.destroy()
          throw fault
        })
        this.#lastError = undefined
        if (this.#isClosed) connection.destroy()
        else this.#connection = connection
        return connection
      })
      .catch((error: unknown) => {
        this.#lastError = error
        this.#retryAt = this.#steady() + RETRY_MS
        throw error
      })
      .finally(() => {
        this.#opening = undefined
      })
    return this.#opening
  }

  #look(): void {
    const now = this.#steady()
    const { timeoutMs } = this.#settings
    let isDead = false
    for (const pending of this.#pending) {
      if (now < pending.dueAt) continue
      if (!pending.isLate) {
        pending.isLate = true
        this.#late++
        pending.reject(new Fault('FAULT_STORE', `${this.#address}: no answer within ${timeoutMs} ms`))
      }
      isDead ||= now - pending.dueAt > timeoutMs * DEAD_DEADLINES
    }
    if (isDead) {
      this.#lastError = new Fault('FAULT_STORE', `${this.#address}: the connection was dead`)
      this.#drop()
    }
    if (this.#pending.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #drop(): void {
    const connection = this.#connection
    this.#connection = undefined
    connection?.destroy()
  }
}

/** As it is said in faults: without a user and a password. */
function addressOf({ kind, places }: RedisSettings): string {
  return `redis${kind === 'single' ? '' : `+${kind}`}://${places.map(({ host, port }) => `${host}:${port}`).join(',')}`
}
