/** Our sessions and the upstream's: which of theirs belongs to which of ours, and what a caller may resume. */
import { Reverse } from '../bridge/reverse.ts'
import { Strays } from '../bridge/strays.ts'
import { METHOD_NOT_FOUND, MODERN_ERRORS } from '../bridge/wire.ts'
import type { Action, Call, Message } from '../core/call.ts'
import { Denial } from '../core/denial.ts'
import type { Principal } from '../core/principal.ts'
import { resultResponse } from '../mcp/message.ts'
import { EventIds } from './event-ids.ts'
import type { Preamble } from './http-headers.ts'
import { LegacyLink } from './http-link.ts'
import { ModernPeer } from './http-modern.ts'
import type { HttpTalk } from './http-peer.ts'
import type { Answer, Wire } from './http-plan.ts'

/** What asks without changing anything may be asked twice. */
const IDEMPOTENT_ACTIONS: ReadonlySet<Action> = new Set(['list', 'read', 'get', 'complete', 'listen'])
const IDEMPOTENT_METHODS: ReadonlySet<string> = new Set(['ping', 'server/discover', 'logging/setLevel'])
/** Told to go, an upstream has this long; the gateway does not wait for it longer. */
const FAREWELL_MS = 1_000

export function isIdempotent(call: Call): boolean {
  return IDEMPOTENT_ACTIONS.has(call.action) || IDEMPOTENT_METHODS.has(call.method)
}

interface Held {
  /** Who opened it (`Ways.ownerOf`): nobody else reaches the upstream's session, whatever the edge let through. */
  readonly owner: string
  readonly link: LegacyLink
  /** The upstream speaks only newer revisions. */
  reversed: Reversed | undefined
}

interface Reversed {
  readonly reverse: Reverse
  readonly strays: Strays
}

export class LegacySessions {
  readonly #talk: HttpTalk
  readonly #wire: Wire
  readonly #preamble: Preamble
  readonly #held = new Map<string, Held>()
  /** An upstream may keep the events of all its sessions in one place: an id is good only in the session that was given it. */
  readonly #eventIds = new EventIds()

  constructor(talk: HttpTalk) {
    this.#talk = talk
    this.#wire = talk.wire
    this.#preamble = talk.preamble
  }

  /** @throws Denial `no_session`, `malformed`; everything else when iterated. */
  forward(call: Call, principal: Principal): AsyncIterable<Message> {
    const { ways } = this.#talk
    const wire = ways.wireOf(principal)
    const owner = ways.ownerOf(principal)
    if (call.method === 'initialize') return this.#open(call, owner, wire)
    const held = this.#heldBy(call, owner)
    if (call.method === '$end') return nothingAfter(call.session === undefined ? undefined : this.release(call.session))
    if (held?.reversed !== undefined) return backwards(held.reversed, call)
    // A caller without a session speaks to an upstream that needs none.
    const link = held?.link ?? new LegacyLink({ wire, preamble: this.#preamble })
    switch (call.method) {
      case '$stream':
        return link.stream(call.signal, this.#unseal(call))
      case '$response':
        return link.send(call.message, call.signal)
      default:
        if (call.message.body.id === undefined) return link.send(call.message, call.signal)
        return link.request({ message: call.message, signal: call.signal, isIdempotent: isIdempotent(call) })
    }
  }

  /** Forgets a session of ours and ends the upstream's. */
  release(session: string): Promise<void> {
    const held = this.#held.get(session)
    this.#held.delete(session)
    held?.reversed?.reverse.close()
    held?.reversed?.strays.close()
    return held?.link.end() ?? Promise.resolve()
  }

  async close(): Promise<void> {
    const farewells = [...this.#held.keys()].map((session) => this.release(session))
    if (farewells.length === 0) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const patience = setTimeout(resolve, FAREWELL_MS)
    await Promise.race([Promise.all(farewells), promise])
    clearTimeout(patience)
  }

  #open(call: Call, owner: string, wire: Wire): AsyncIterable<Message> {
    const { session } = call
    const seal = session === undefined ? {} : { sealEventId: (id: string) => this.#eventIds.hide(session, id) }
    // On stdio the connection is the session: its client cannot open another.
    const isOurs = call.origin.transport === 'stdio'
    const link = new LegacyLink({ wire, preamble: this.#preamble, isOurs, ...seal })
    const held: Held = { owner, link, reversed: undefined }
    if (session !== undefined) this.#held.set(session, held)
    return held.link.open(call.message, call.signal, (answer) =>
      session !== undefined && isModernOnly(answer) ? this.#reverse(call, held, wire) : undefined,
    )
  }

  /** The upstream has no `initialize`: it is asked what it is, and the session is kept here. */
  async *#reverse(call: Call, held: Held, wire: Wire): AsyncGenerator<Message, undefined> {
    const { client, schedule } = this.#talk
    const strays = new Strays()
    const reverse = new Reverse(new ModernPeer(wire, this.#preamble), strays, { client, schedule })
    const { body } = call.message
    const result = await reverse.initialize(body)
    held.reversed = { reverse, strays }
    yield { body: resultResponse(body.id ?? 0, result) }
  }

  #heldBy(call: Call, owner: string): Held | undefined {
    if (call.session === undefined) return undefined
    const held = this.#held.get(call.session)
    if (held?.owner !== owner) throw new Denial('no_session', { detail: `${this.#wire.server}: no session of this principal's` })
    return held
  }

  #unseal(call: Call): string | undefined {
    const { lastEventId, session } = call
    if (lastEventId === undefined) return undefined
    const id = session === undefined ? undefined : this.#eventIds.find(session, lastEventId)
    if (id === undefined) throw new Denial('malformed', { detail: 'Last-Event-ID is none that this session was given' })
    // Headers are written byte by byte; ids are UTF-8 (HTML §9.2.4).
    return Buffer.from(id).toString('latin1')
  }
}

function backwards({ reverse, strays }: Reversed, call: Call): AsyncIterable<Message> {
  return call.method === '$stream' ? strays.stream(call.signal) : reverse.forward(call)
}

/** How a server that knows only newer revisions refuses `initialize` (2026-07-28, Versioning). */
function isModernOnly({ status, body }: Answer): boolean {
  const code = body?.error?.code
  return code !== undefined && (MODERN_ERRORS.has(code) || (status === 404 && code === METHOD_NOT_FOUND))
}

/** Yields nothing, and ends when `done` has. */
function nothingAfter(done: Promise<void> | undefined): AsyncIterable<Message> {
  return {
    [Symbol.asyncIterator]: () => ({
      next: async () => {
        await done
        return { done: true, value: undefined }
      },
    }),
  }
}
