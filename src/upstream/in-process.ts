/** A server of the newest revision in this process, as an upstream for callers of both eras. */
import { systemSchedule } from '../bridge/alarm.ts'
import type { Peer } from '../bridge/peer.ts'
import { Reverse } from '../bridge/reverse.ts'
import { Strays } from '../bridge/strays.ts'
import type { Implementation } from '../bridge/wire.ts'
import type { Call, Message } from '../core/call.ts'
import { Denial } from '../core/denial.ts'
import { nameOf, type Principal } from '../core/principal.ts'
import { isRequest, resultResponse } from '../mcp/message.ts'
import type { Upstream } from './upstream.ts'

/** A session of an older revision. */
interface Talk {
  readonly principal: string
  readonly reverse: Reverse
  readonly strays: Strays
}

const NOTHING: AsyncIterable<Message> = {
  [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve({ done: true, value: undefined }) }),
}

export class InProcess implements Upstream {
  readonly #peer: Peer
  readonly #client: Implementation
  readonly #talks = new Map<string, Talk>()

  /** @param client who we say we are on behalf of a client that has not said who it is */
  constructor(peer: Peer, client: Implementation) {
    this.#peer = peer
    this.#client = client
  }

  forward(call: Call, principal: Principal): AsyncIterable<Message> {
    if (call.origin.era === 'modern') return isRequest(call.message.body) ? this.#peer.request(call.message, call.signal) : NOTHING
    if (call.method === 'initialize') return this.#open(call, principal)
    const talk = call.session === undefined ? undefined : this.#talks.get(call.session)
    if (talk === undefined || talk.principal !== nameOf(principal)) throw new Denial('no_session', { detail: 'no initialize came before' })
    return call.method === '$stream' ? talk.strays.stream(call.signal) : talk.reverse.forward(call)
  }

  release(session: string): void {
    const talk = this.#talks.get(session)
    this.#talks.delete(session)
    talk?.reverse.close()
    talk?.strays.close()
  }

  async close(): Promise<void> {
    for (const session of this.#talks.keys()) this.release(session)
    await this.#peer.close()
  }

  async *#open(call: Call, principal: Principal): AsyncGenerator<Message> {
    const { body } = call.message
    const strays = new Strays()
    const reverse = new Reverse(this.#peer, strays, { client: this.#client, schedule: systemSchedule })
    const result = await reverse.initialize(body)
    if (call.session !== undefined) this.#talks.set(call.session, { principal: nameOf(principal), reverse, strays })
    yield { body: resultResponse(body.id ?? 0, result) }
  }
}
