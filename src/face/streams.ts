/** Open streams, counted for each person: one caller must not hoard what waits for events. */
import type { Call, Message } from '../core/call.ts'
import { Denial } from '../core/denial.ts'

/** Calls that wait for events and end when the caller goes. */
export function isWaiting(call: Call): boolean {
  return call.method === '$stream' || call.method === 'subscriptions/listen'
}

export class Streams {
  readonly #open = new Map<string, number>()
  readonly #perPerson: number

  /** @param perPrincipal `limits.streams.perPrincipal`. */
  constructor(perPrincipal: number) {
    this.#perPerson = perPrincipal
  }

  /** Open now, of everybody. */
  get size(): number {
    let all = 0
    for (const open of this.#open.values()) all += open
    return all
  }

  /** The same messages, counted as one open stream until they end. @param person `personOf`. @throws Denial `unavailable` at once when they have enough. */
  count(person: string, messages: AsyncIterable<Message>): AsyncIterable<Message> {
    if ((this.#open.get(person) ?? 0) < this.#perPerson) return this.#counted(person, messages)
    throw new Denial('unavailable', { detail: `limits.streams.perPrincipal (${this.#perPerson}) is reached` })
  }

  async *#counted(person: string, messages: AsyncIterable<Message>): AsyncIterable<Message> {
    this.#open.set(person, (this.#open.get(person) ?? 0) + 1)
    try {
      yield* messages
    } finally {
      const left = (this.#open.get(person) ?? 1) - 1
      if (left === 0) this.#open.delete(person)
      else this.#open.set(person, left)
    }
  }
}
