/** Messages handed from a socket to one reader, in order: the reader's half of an HTTP exchange. */
import type { Message } from '../core/call.ts'
import type { Denial } from '../core/denial.ts'

/** Messages waiting for a slow reader before the socket is paused; each is bounded in size, so their sum is. */
const QUEUE_MAX = 16

type Step = IteratorResult<Message, undefined>

/** An async iterator by hand: a generator would cost the path of a call two more promises and a frame. */
export abstract class Delivery implements AsyncIterableIterator<Message, undefined> {
  #state: 'new' | 'open' | 'ended' = 'new'
  readonly #queue: Message[] = []
  #failure: Denial | undefined
  #resolve: ((step: Step) => void) | undefined
  #reject: ((reason: unknown) => void) | undefined
  #instead: AsyncIterator<Message> | undefined

  /** The reader asked for the first message. */
  protected abstract begin(): void
  /** It is over, however; called once. */
  protected abstract ended(): void
  /** The reader went away before the end. */
  protected abstract abandon(): void
  protected abstract pause(): void
  protected abstract resume(): void

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<Step> {
    if (this.#state === 'new') {
      this.#state = 'open'
      this.begin()
    }
    const message = this.#queue.length === 0 ? undefined : this.#queue.shift()
    if (message !== undefined) {
      if (this.#queue.length === 0) this.resume()
      return Promise.resolve({ done: false, value: message })
    }
    if (this.#instead !== undefined) return this.#instead.next()
    if (this.#failure !== undefined) {
      const failure = this.#failure
      this.#failure = undefined
      return Promise.reject(failure)
    }
    if (this.#state === 'ended') return Promise.resolve({ done: true, value: undefined })
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  async return(): Promise<Step> {
    this.#queue.length = 0
    if (this.#state === 'open') this.abandon()
    this.#state = 'ended'
    await this.#instead?.return?.()
    return { done: true, value: undefined }
  }

  protected get isOver(): boolean {
    return this.#state === 'ended'
  }

  protected deliver(message: Message): void {
    const resolve = this.#resolve
    if (resolve !== undefined) {
      this.#resolve = undefined
      resolve({ done: false, value: message })
      return
    }
    this.#queue.push(message)
    if (this.#queue.length >= QUEUE_MAX) this.pause()
  }

  protected finish(): void {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    this.ended()
    const resolve = this.#resolve
    this.#resolve = undefined
    resolve?.({ done: true, value: undefined })
  }

  /** Ends with a refusal, told after what is still waiting. */
  protected deny(denial: Denial): void {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    this.ended()
    if (this.#resolve === undefined) this.#failure = denial
    else this.#reject?.(denial)
    this.#resolve = undefined
  }

  /** Ends here; everything further comes from `instead`. */
  protected delegate(instead: AsyncIterable<Message>): void {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    this.ended()
    const iterator = instead[Symbol.asyncIterator]()
    this.#instead = iterator
    const resolve = this.#resolve
    this.#resolve = undefined
    if (resolve !== undefined) iterator.next().then(resolve, this.#reject)
  }
}
