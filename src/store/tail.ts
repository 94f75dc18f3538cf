/** What others append to a log, told line by line within half a second: how a word of one process reaches all of them. */
import type { JsonValue } from '../core/json.ts'
import type { Store } from './store.ts'

/** How often it is looked for. */
const LOOK_MS = 500
const PAGE = 1_000

export interface Heard {
  /** A line; the next one waits until it has been taken. */
  take(value: JsonValue): void | Promise<void>
  /** After each look, also one that found nothing. */
  looked?(): void
}

export class Tail {
  readonly #store: Pick<Store, 'read'>
  readonly #log: string
  readonly #heard: Heard
  #after: string | undefined
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined

  constructor(store: Pick<Store, 'read'>, log: string, heard: Heard) {
    this.#store = store
    this.#log = log
    this.#heard = heard
  }

  /** @param before reads what stood there before. @throws Fault `FAULT_STORE` */
  async start(before: () => Promise<void>): Promise<void> {
    // The position first: what comes in between is then seen twice, not never.
    this.#after = (await this.#store.read(this.#log, { last: 1 }))[0]?.position
    await before()
    this.#timer ??= setInterval(() => void this.look(), LOOK_MS).unref()
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#timer = undefined
    await this.#looking?.catch(() => undefined)
  }

  /** Reads what came since the last look. While the store is away, what is known stands. Never rejects. */
  look(): Promise<void> {
    return this.read().catch(() => undefined)
  }

  /** The same for whoever must know. @throws Fault `FAULT_STORE` */
  read(): Promise<void> {
    this.#looking ??= this.#follow().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  async #follow(): Promise<void> {
    for (;;) {
      const lines = await this.#store.read(this.#log, { limit: PAGE, ...(this.#after === undefined ? {} : { after: this.#after }) })
      for (const { value } of lines) {
        const taking = this.#heard.take(value)
        if (taking !== undefined) await taking
      }
      this.#after = lines.at(-1)?.position ?? this.#after
      if (lines.length < PAGE) break
    }
    this.#heard.looked?.()
  }
}
