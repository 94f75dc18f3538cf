/** Open streams, counted for each principal: one caller must not hoard what waits for events. */
import type { Call, Message } from '../core/call.ts'
import { Denial } from '../core/denial.ts'

/** Calls that wait for events and end when the caller goes. */
export function isWaiting(call: Call): boolean {
  return call.method === '$stream' || call.method === 'subscriptions/listen'
}

export class Streams {
  readonly #open = new Map<string, number>()
  readonly #perPrincipal: number

  /** @param perPrincipal `limits.streams.perPrincipal`. */
  constructor(perPrincipal: number) {
    this.#perPrincipal = perPrincipal
  }

  /** Open now, of all principals. */
  get size(): number {
    let all = 0
    for (const open of this.#open.values()) all += open
    return all
  }

  /** The same messages, counted as one open stream until they end. @throws Denial `unavailable` at once when the principal has enough. */
  count(principal: string, messages: AsyncIterable<Message>): AsyncIterable<Message> {
    if ((this.#open.get(principal) ?? 0) < this.#perPrincipal) return this.#counted(principal, messages)
    throw new Denial('unavailable', { detail: `limits.streams.perPrincipal (${this.#perPrincipal}) is reached` })
  }

  async *#counted(principal: string, messages: AsyncIterable<Message>): AsyncIterable<Message> {
    this.#open.set(principal, (this.#open.get(principal) ?? 0) + 1)
    try {
      yield* messages
    } finally {
      const left = (this.#open.get(principal) ?? 1) - 1
      if (left === 0) this.#open.delete(principal)
      else this.#open.set(principal, left)
    }
  }
}
