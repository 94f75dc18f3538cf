/** What a server says to a session outside of any request: to its open stream, else kept, a little, until there is one. */
import type { Message } from '../core/call.ts'
import type { Signal } from '../core/signal.ts'
import { Mailbox } from './mailbox.ts'

/** The first message of a `$stream`: the server has accepted it, and has said nothing yet. Before it, a refusal can still be told as one. */
export const STANDING: Message = Object.freeze({ body: Object.freeze({ jsonrpc: '2.0' }), event: Object.freeze({ isEmpty: true }) })

/** Messages kept for a session that has no stream; the oldest gives way. */
const KEPT_MAX = 64
/** A longer one is not kept: what a server says unasked is short. */
const KEPT_MAX_BYTES = 64 * 1024
/** Streams of one session open at once; the oldest is ended. */
const STREAMS_MAX = 4

export class Strays {
  readonly #streams: Mailbox[] = []
  readonly #kept: Message[] = []

  get isOpen(): boolean {
    return this.#streams.length > 0
  }

  /** `$stream`: yields `STANDING`, then what is said, until the signal aborts. */
  async *stream(signal: Signal): AsyncGenerator<Message> {
    if (signal.aborted) return
    const box = new Mailbox()
    const stop = (): void => box.end()
    signal.addEventListener('abort', stop, { once: true })
    this.#streams.push(box)
    if (this.#streams.length > STREAMS_MAX) this.#streams.shift()?.end()
    for (const message of this.#kept.splice(0)) box.push(message)
    try {
      yield STANDING
      yield* box
    } finally {
      signal.removeEventListener('abort', stop)
      const at = this.#streams.indexOf(box)
      if (at !== -1) this.#streams.splice(at, 1)
    }
  }

  /** To the newest stream: never to more than one (2025-11-25, Streamable HTTP "Multiple Connections"). @returns whether there is one. */
  give(message: Message, bytes = 0): boolean {
    return this.#streams.at(-1)?.push(message, bytes) ?? false
  }

  /** @returns what had to give way, perhaps the message itself. */
  keep(message: Message, bytes = 0): Message | undefined {
    if (bytes > KEPT_MAX_BYTES) return message
    this.#kept.push(message)
    return this.#kept.length > KEPT_MAX ? this.#kept.shift() : undefined
  }

  close(): void {
    for (const box of this.#streams) box.end()
    this.#kept.length = 0
  }
}
