/** Records read once a turn for all who ask: one look-up costs several system calls, and under load all calls ask for the same few. */
import type { JsonValue } from '../core/json.ts'
import type { Turn } from '../core/turn.ts'

/** Values that are kept as parsed: at most 8 MiB of text. */
const PARSED_MAX = 4_096
const PARSED_MAX_CHARS = 2_048

export class GroupedReads {
  readonly #turn: Turn
  /** The JSON text of a live record; a promise where it comes from elsewhere. */
  readonly #read: (key: string) => string | undefined | Promise<string | undefined>
  readonly #asked = new Map<string, PromiseWithResolvers<JsonValue | undefined>>()
  readonly #parsed = new Map<string, { readonly text: string; readonly value: JsonValue }>()

  constructor(turn: Turn, read: (key: string) => string | undefined | Promise<string | undefined>) {
    this.#turn = turn
    this.#read = read
  }

  get(key: string): Promise<JsonValue | undefined> {
    const known = this.#asked.get(key)
    if (known !== undefined) return known.promise
    const asked = Promise.withResolvers<JsonValue | undefined>()
    if (this.#asked.size === 0) this.#turn.reads(this.#answer)
    this.#asked.set(key, asked)
    return asked.promise
  }

  readonly #answer = (): void => {
    for (const [key, { resolve, reject }] of this.#asked) {
      try {
        const text = this.#read(key)
        resolve(text instanceof Promise ? text.then((read) => this.#parse(key, read)) : this.#parse(key, text))
      } catch (error) {
        reject(error)
      }
    }
    this.#asked.clear()
  }

  /** The text is read anew each time; only what it says is remembered. One value for one text, so that callers can tell by identity. */
  #parse(key: string, text: string | undefined): JsonValue | undefined {
    if (text === undefined) return undefined
    const known = this.#parsed.get(key)
    if (known?.text === text) return known.value
    const value = JSON.parse(text) as JsonValue // what `put` wrote
    if (this.#parsed.size >= PARSED_MAX) this.#parsed.clear()
    if (text.length <= PARSED_MAX_CHARS) this.#parsed.set(key, { text, value })
    return value
  }
}
