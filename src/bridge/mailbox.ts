/** What belongs to one request or stream, in order and bounded, between a connection that reads and a caller that takes. */
import type { Message } from '../core/call.ts'

/** Longest queue of messages that nobody has taken. More is a server that floods or a caller that does not read: notifications are dropped, the answer never is. */
const MAX_WAITING = 1024
/** Bytes that may wait untaken in one mailbox beside the answer. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024

type Step = IteratorResult<Message, undefined>
const DONE: Step = { done: true, value: undefined }

/** An async iterator that is written from outside. Has one reader. */
export class Mailbox implements AsyncIterableIterator<Message, undefined> {
  readonly #waiting: { readonly message: Message; readonly bytes: number }[] = []
  readonly #onLeave: () => void
  #bytes = 0
  #ended = false
  #failure: Error | undefined
  #reader: { readonly resolve: (step: Step) => void; readonly reject: (error: Error) => void } | undefined

  /** @param onLeave called once, when the reader stops before the end. */
  constructor(onLeave: () => void = () => {}) {
    this.#onLeave = onLeave
  }

  /** Adds a message unless the box is full or ended. @returns whether it was taken in. */
  push(message: Message, bytes = 0): boolean {
    if (this.#ended) return false
    if (this.#hand(message)) return true
    if (this.#waiting.length >= MAX_WAITING || this.#bytes + bytes > MAX_WAITING_BYTES) return false
    this.#waiting.push({ message, bytes })
    this.#bytes += bytes
    return true
  }

  /** Adds the last message, always, and ends. */
  finish(message: Message): void {
    if (this.#ended) return
    if (!this.#hand(message)) this.#waiting.push({ message, bytes: 0 })
    this.end()
  }

  end(): void {
    this.#ended = true
    const reader = this.#reader
    this.#reader = undefined
    reader?.resolve(DONE)
  }

  /** Ends with an error, told after what is still waiting. */
  fail(error: Error): void {
    if (this.#ended) return
    this.#ended = true
    const reader = this.#reader
    this.#reader = undefined
    if (reader === undefined) this.#failure = error
    else reader.reject(error)
  }

  next(): Promise<Step> {
    const first = this.#waiting.shift()
    if (first !== undefined) {
      this.#bytes -= first.bytes
      return Promise.resolve({ done: false, value: first.message })
    }
    if (this.#failure !== undefined) {
      const failure = this.#failure
      this.#failure = undefined
      return Promise.reject(failure)
    }
    if (this.#ended) return Promise.resolve(DONE)
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject }
    })
  }

  return(): Promise<Step> {
    const early = !this.#ended
    this.#waiting.length = 0
    this.#bytes = 0
    this.#failure = undefined
    this.end()
    if (early) this.#onLeave()
    return Promise.resolve(DONE)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #hand(message: Message): boolean {
    const reader = this.#reader
    if (reader === undefined) return false
    this.#reader = undefined
    reader.resolve({ done: false, value: message })
    return true
  }
}
