/** An upstream over stdio: which process serves whom, and in which era's words. */
import { systemSchedule } from '../bridge/alarm.ts'
import { isModernRefusal, probeEra } from '../bridge/era.ts'
import { Reverse } from '../bridge/reverse.ts'
import { Strays } from '../bridge/strays.ts'
import { declarationKey, declaredBy, type ServerFacts } from '../bridge/translate.ts'
import { isRequestId, MODERN_ERRORS, refusalOf } from '../bridge/wire.ts'
import type { Body, Call, Era, Message } from '../core/call.ts'
import { Denial } from '../core/denial.ts'
import type { JsonObject } from '../core/json.ts'
import { nameOf, type Principal } from '../core/principal.ts'
import { isRequest, isResponse, notificationBody, resultResponse } from '../mcp/message.ts'
import { Pool, type PoolSpec } from './pool.ts'
import type { Seat, SeatDeps } from './seat.ts'
import { LIST_CHANGED, sharedInitialize, UNSHARED } from './shared.ts'
import type { Upstream } from './upstream.ts'

/** Sessions remembered; the edge bounds them first. */
const TALKS_MAX = 10_000
/** The one process of a shared server. */
const EVERYBODY = 'all'

/** Spans in milliseconds, sizes in bytes. */
const STDIO_DEFAULTS = {
  timeoutMs: 30_000,
  maxTimeoutMs: 10 * 60_000,
  shared: false,
  maxProcesses: 32,
  idleMs: 5 * 60_000,
  maxLineBytes: 10 * 1024 * 1024,
} as const

export type StdioSpec = Pick<PoolSpec, 'name' | 'command' | 'cwd' | 'env'> & Partial<PoolSpec>
export type StdioDeps = Omit<SeatDeps, 'schedule' | 'onText'> & Partial<SeatDeps>

/** A legacy session: what is needed to carry it on over another process. */
interface Talk {
  readonly principal: string
  readonly initialize: Body
  readonly strays: Strays
  isInitialized: boolean
  reverse: Reverse | undefined
}

const NOTHING: AsyncIterable<Message> = {
  [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve({ done: true, value: undefined }) }),
}

/** A server that is a command. Its processes start when they are needed. */
export function createStdioUpstream(spec: StdioSpec, deps: StdioDeps): Upstream {
  return new StdioUpstream({ ...STDIO_DEFAULTS, ...spec }, { schedule: systemSchedule, onText: () => {}, ...deps })
}

class StdioUpstream implements Upstream {
  readonly #shared: boolean
  readonly #deps: SeatDeps
  readonly #pool: Pool
  readonly #talks = new Map<string, Talk>()
  /** Of the command, once it is known; legacy sessions do not wait for it. */
  #era: Era | undefined
  #learning: Promise<void> | undefined
  /** It has answered `initialize` like a modern server. */
  #isModernOnly = false

  constructor(spec: PoolSpec, deps: SeatDeps) {
    this.#shared = spec.shared
    this.#deps = deps
    this.#pool = new Pool(spec, deps)
  }

  forward(call: Call, principal: Principal): AsyncIterable<Message> {
    if (call.origin.era === 'modern') return this.#modern(call, principal)
    const key = this.#sessionKey(call, principal)
    if (call.method === '$end') {
      this.release(key)
      return NOTHING
    }
    if (call.method === 'initialize') return this.#open(call, principal, key)
    const talk = this.#talks.get(key)
    if (talk === undefined || talk.principal !== nameOf(principal)) throw new Denial('no_session', { detail: 'no initialize came before' })
    if (call.method === '$stream') return talk.strays.stream(call.signal)
    if (call.method === 'notifications/initialized') talk.isInitialized = true
    const seat = this.#pool.get(this.#shared ? EVERYBODY : key)
    if (seat?.isReady === true && talk.reverse?.isOn(seat.peer) !== false) return this.#pass(seat, talk, call, key)
    return isRequest(call.message.body) ? this.#revive(talk, call, key) : NOTHING
  }

  release(session: string): void {
    const talk = this.#talks.get(session)
    this.#talks.delete(session)
    talk?.reverse?.close()
    talk?.strays.close()
    if (!this.#shared) void this.#pool.drop(session)
  }

  async close(): Promise<void> {
    for (const talk of this.#talks.values()) {
      talk.reverse?.close()
      talk.strays.close()
    }
    await this.#pool.close()
  }

  #modern(call: Call, principal: Principal): AsyncIterable<Message> {
    const owner = this.#shared ? undefined : nameOf(principal)
    switch (this.#era) {
      case 'modern': {
        // The modern revision has no notifications from client to server but the cancellation, which has become the signal.
        if (!isRequest(call.message.body)) return NOTHING
        const seat = this.#pool.take(owner ?? EVERYBODY, owner)
        seat.peer.era = 'modern'
        return seat.peer.request(call.message, call.signal)
      }
      case 'legacy': {
        const declared = this.#shared ? {} : declaredBy(call.message.body)
        const key = this.#bridgeKey(owner, declared)
        const seat = this.#pool.take(key, owner)
        return seat.isReady ? seat.bridge(declared).forward(call, principal) : this.#bridged(call, principal, key, declared)
      }
      case undefined:
        return this.#first(call, principal)
    }
  }

  /** The first call on a new process. The command may have become a modern server since the last. */
  async *#bridged(call: Call, principal: Principal, key: string, declared: JsonObject): AsyncGenerator<Message> {
    const owner = this.#shared ? undefined : nameOf(principal)
    const seat = this.#pool.take(key, owner)
    if ((await this.#shake(seat, declared)) === 'modern') {
      this.#era = 'modern'
      this.#pool.rename(key, owner ?? EVERYBODY)
      yield* this.#modern(call, principal)
      return
    }
    seat.isReady = true
    yield* seat.bridge(declared).forward(call, principal)
  }

  /** Before the first modern call the server has to say what it is. */
  async *#first(call: Call, principal: Principal): AsyncGenerator<Message> {
    await this.#learn(call.message.body, principal)
    yield* this.#modern(call, principal)
  }

  #learn(body: Body, principal: Principal): Promise<void> {
    const owner = this.#shared ? undefined : nameOf(principal)
    this.#learning ??= this.#probe(owner, this.#shared ? {} : declaredBy(body)).finally(() => {
      this.#learning = undefined
    })
    return this.#learning
  }

  async #probe(owner: string | undefined, declared: JsonObject): Promise<void> {
    const key = this.#bridgeKey(owner, declared)
    const seat = this.#pool.take(key, owner)
    seat.isProbed = true
    // One that ends when it is asked something unknown is legacy, if it can be started at all: the handshake tells.
    let era = await probeEra(seat.ask, this.#deps.versionInfo, this.#deps.schedule).catch((): Era => 'legacy')
    seat.isProbed = false
    if (era === 'legacy') era = await this.#shake(this.#pool.take(key, owner), declared)
    if (era === 'modern') this.#pool.rename(key, owner ?? EVERYBODY)
    this.#era = era
  }

  /** The handshake with a server that is taken for legacy. A modern one that was only slow says so now. */
  async #shake(seat: Seat, declared: JsonObject): Promise<Era> {
    try {
      await seat.bridge(declared).start()
      return 'legacy'
    } catch (error) {
      if (!isModernRefusal(error)) throw error
      return 'modern'
    }
  }

  /** `initialize`: a new process of the session's own, to which the client speaks itself. */
  async *#open(call: Call, principal: Principal, key: string): AsyncGenerator<Message> {
    if (this.#talks.size >= TALKS_MAX) throw new Denial('unavailable', { detail: 'too many sessions' })
    const { body } = call.message
    const talk: Talk = { principal: nameOf(principal), initialize: body, strays: new Strays(), isInitialized: false, reverse: undefined }
    this.release(key)
    if (this.#shared) yield await this.#joinShared(call, principal, talk)
    else if (this.#isModernOnly) yield await this.#reversed(this.#seatOf(talk, key), talk, body)
    else {
      const seat = this.#seatOf(talk, key)
      for await (const message of seat.peer.request(call.message, call.signal, key)) {
        if (isResponse(message.body) && message.body.error !== undefined) {
          if (!MODERN_ERRORS.has(message.body.error.code)) {
            yield message
            continue
          }
          this.#isModernOnly = true
          yield await this.#reversed(seat, talk, body)
          continue
        }
        if (isResponse(message.body)) seat.isReady = true
        yield message
      }
      if (!seat.isReady) {
        void this.#pool.drop(key)
        return
      }
    }
    this.#talks.set(key, talk)
  }

  /** A message of a session whose process is there. */
  #pass(seat: Seat, talk: Talk, call: Call, key: string): AsyncIterable<Message> {
    const { body } = call.message
    if (talk.reverse !== undefined) return talk.reverse.forward(call)
    if (isRequest(body)) {
      // One process cannot have a subscription or a level for each of many sessions.
      if (this.#shared && UNSHARED.has(call.method)) throw new Denial('unknown_method', { detail: `${call.method} of a shared server` })
      return seat.peer.request(call.message, call.signal, key)
    }
    if (call.method === 'notifications/cancelled') {
      const id = body.params?.['requestId']
      if (isRequestId(id)) seat.peer.cancel(key, id)
      return NOTHING
    }
    if (!this.#shared) void seat.peer.send(call.message)
    return NOTHING
  }

  /** The process of the session has ended since: another one is told the same `initialize`, and the client notices nothing. */
  async *#revive(talk: Talk, call: Call, key: string): AsyncGenerator<Message> {
    const seat = this.#seatOf(talk, this.#shared ? EVERYBODY : key)
    if (talk.reverse !== undefined) {
      seat.peer.era = 'modern'
      seat.isReady = true
      await talk.reverse.move(seat.peer)
    }
    await seat.ready(async () => {
      if (talk.reverse !== undefined) return
      if (this.#shared) {
        await this.#share(seat)
        return
      }
      const answer = await seat.ask('initialize', talk.initialize.params)
      if (answer.error !== undefined) throw new Denial('upstream_failed', { detail: `initialize after a restart: ${answer.error.message}` })
      if (talk.isInitialized) await seat.peer.send({ body: notificationBody('notifications/initialized') })
    })
    yield* this.#pass(seat, talk, call, key)
  }

  /** The session's own process, with its loose messages going to the session. */
  #seatOf(talk: Talk, key: string): Seat {
    const seat = this.#pool.take(key, this.#shared ? undefined : talk.principal)
    if (seat.strays !== undefined || this.#shared) return seat
    seat.strays = talk.strays
    seat.peer.onStray((message, bytes) => {
      if (talk.strays.give(message, bytes) || seat.peer.toNewest(message, bytes)) return
      const dropped = talk.strays.keep(message, bytes)
      if (dropped !== undefined && isRequest(dropped.body)) void seat.peer.send(refusalOf(dropped.body.id))
    })
    return seat
  }

  async #reversed(seat: Seat, talk: Talk, initialize: Body): Promise<Message> {
    seat.peer.era = 'modern'
    talk.reverse?.close()
    talk.reverse = new Reverse(seat.peer, talk.strays, { client: this.#deps.versionInfo, schedule: this.#deps.schedule })
    const result = await talk.reverse.initialize(initialize)
    seat.isReady = true
    return { body: resultResponse(initialize.id ?? 0, result) }
  }

  /** `initialize` of a session on the process of everybody: answered from the one handshake. */
  async #joinShared(call: Call, principal: Principal, talk: Talk): Promise<Message> {
    const { body } = call.message
    if (this.#era === undefined) await this.#learn(body, principal)
    const seat = this.#pool.take(EVERYBODY, undefined)
    if (this.#era === 'modern') return this.#reversed(seat, talk, body)
    const facts = await this.#share(seat)
    seat.isReady = true
    return { body: resultResponse(body.id ?? 0, sharedInitialize(facts)) }
  }

  /** Lists that change are everybody's business; whatever else the server says might be somebody's. */
  #share(seat: Seat): Promise<ServerFacts> {
    if (!seat.isFannedOut) {
      seat.isFannedOut = true
      seat.peer.onStray(({ body: { method = '' } }) => {
        if (!LIST_CHANGED.has(method)) return
        for (const talk of this.#talks.values()) talk.strays.give({ body: notificationBody(method) })
      })
    }
    return seat.bridge({}).start()
  }

  /** What a legacy server was told of its client cannot be changed: callers that declared something else have another process. */
  #bridgeKey(owner: string | undefined, declared: JsonObject): string {
    return owner === undefined ? EVERYBODY : `${owner} ${declarationKey(declared)}`
  }

  #sessionKey(call: Call, principal: Principal): string {
    return call.session ?? `session of ${nameOf(principal)}`
  }
}
