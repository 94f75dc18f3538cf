/** Replicas to each other: a session, or a call that waits for an answer, is with the replica that holds its server; every other one sends it there. */
import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { Agent, request } from 'undici'
import type { PeerConfig } from '../config/config.ts'
import type { Call, Message } from '../core/call.ts'
import { Denial, Fault } from '../core/denial.ts'
import type { Entry } from '../core/event.ts'
import type { JsonObject } from '../core/json.ts'
import type { Principal } from '../core/principal.ts'
import { createSeal, type Seal } from '../core/seal.ts'
import { abortSignalOf, Stop } from '../core/signal.ts'
import { readBody } from '../face/intake.ts'
import { listenAs } from '../face/listening.ts'
import type { Relay } from '../face/relay.ts'
import { isWaiting } from '../face/streams.ts'
import type { Walks } from '../face/walks.ts'
import type { House } from '../guard/create.ts'
import { taskOf } from '../guard/tasks.ts'
import type { Listener } from '../net/serve.ts'
import { KEYS } from '../store/keys.ts'
import { remember } from '../trust/remember.ts'
import { type Homes, listenAtHomes, listenedTasks } from './gathered.ts'
import { AGAIN, GONE, type Gone, homeOf, isUnreached } from './homes.ts'
import { callOf, type Errand, readErrand, readStep, textOf, urlOf, writeDenial, writeEnd, writeErrand, writeMessage } from './peer-wire.ts'

/** 64 random bits: no two replicas have one. */
const ID_BYTES = 8
const NONCE_BYTES = 16
/** Says so often that it is there; not heard of for three of these, it is gone. */
const BEAT_MS = 5_000
const LIFE_MS = 15_000
/** Clocks of replicas may differ by half of this. */
const ERRAND_MAX_AGE_MS = 60_000
const NONCES_MAX = 100_000
const CONNECT_MS = 2_000
/** Sealing and quoting make a body at most so many times as long. */
const GROWTH = 4
/** In front of what else an errand says. */
const ENVELOPE_BYTES = 64 * 1024
const PATH = '/errand'

export interface Peers {
  /** Where it listens. */
  readonly url: string
  /** Behind the name of a session: where it lives. */
  readonly suffix: string
  /** Lets calls go where they belong. */
  around(server: string, relay: Relay): Relay
  close(graceMs: number): Promise<void>
}

type PeersHouse = Pick<House, 'store' | 'keyring' | 'clock' | 'config' | 'journal' | 'newId'>

/** @throws Fault `FAULT_STORE`, `FAULT_LISTEN` */
export async function openPeers({ listen: place, url }: PeerConfig, house: PeersHouse, walks: Walks): Promise<Peers> {
  const peers = new RunningPeers(house, walks)
  await peers.open(place, url)
  return peers
}

class RunningPeers implements Peers {
  readonly #id = randomBytes(ID_BYTES).toString('hex')
  readonly #house: PeersHouse
  readonly #walks: Walks
  readonly #seal: Seal
  readonly #relays = new Map<string, Relay>()
  readonly #nonces = new Map<string, true>()
  /** Those that wait for events here, for other replicas. */
  readonly #waiting = new Set<Stop>()
  readonly #agent = new Agent({ connect: { timeout: CONNECT_MS }, headersTimeout: 0, bodyTimeout: 0 })
  #listener: Listener | undefined
  #beat: NodeJS.Timeout | undefined

  constructor(house: PeersHouse, walks: Walks) {
    this.#house = house
    this.#walks = walks
    this.#seal = createSeal(house.keyring.key('peers'))
  }

  async open(place: PeerConfig['listen'], url: string | undefined): Promise<void> {
    this.#listener = await listenAs('peers.listen', place, (req, res) => void this.#serve(req, res))
    const own = url ?? this.#listener.url
    const say = (): Promise<unknown> =>
      this.#house.store.put(KEYS.replica(this.#id), { url: own }, { expiresAt: this.#house.clock() + LIFE_MS })
    await say()
    this.#beat = setInterval(() => void say().catch(() => undefined), BEAT_MS).unref()
  }

  get url(): string {
    return this.#listener?.url ?? ''
  }

  get suffix(): string {
    return `.${this.#id}`
  }

  around(server: string, relay: Relay): Relay {
    this.#relays.set(server, relay)
    const keepsTasks = this.#house.config.servers[server]?.kind === 'command'
    return (call, principal, stop, req) => {
      const { home, call: plain } = homeOf(call)
      const here = (): AsyncIterable<Message> => this.#named(call, relay(plain, principal, stop, req))
      if (keepsTasks && call.origin.era === 'modern') {
        if (call.resource.kind === 'task') return this.#whereTaskIs(call, principal, here)
        if (listenedTasks(call).length > 0)
          return this.#whereTasksAre(call, principal, (asked, until) => this.#named(asked, relay(asked, principal, until, req)))
      }
      if (home === undefined || home === this.#id) return here()
      return this.#elsewhere(home, call, principal, here)
    }
  }

  async close(graceMs: number): Promise<void> {
    clearInterval(this.#beat)
    await this.#house.store.take(KEYS.replica(this.#id)).catch(() => undefined)
    // They are told that it is over, and listen where there is still somebody.
    for (const stop of this.#waiting) stop.abort()
    await this.#listener?.close(graceMs)
    await this.#agent.destroy()
  }

  /** A question that waits here is answered here: its state says where. Of a task, the store does. */
  async *#named(call: Call, messages: AsyncIterable<Message>): AsyncGenerator<Message> {
    for await (const message of messages) {
      const { result } = message.body
      if (result?.['resultType'] === 'task') await this.#keep(call, result)
      const state = call.origin.era === 'modern' ? result?.['requestState'] : undefined
      if (typeof state !== 'string') yield message
      else yield { body: { ...message.body, result: { ...result, requestState: `${this.#id}.${state}` } } }
    }
  }

  /** A session ends with its replica. A question does not have to: a server that keeps nothing answers on any replica. */
  async *#elsewhere(home: string, call: Call, principal: Principal, here: () => AsyncIterable<Message>): AsyncGenerator<Message> {
    const answer = await this.#at(home, call, principal)
    if (answer !== undefined) yield* answer
    else if (call.session === undefined) yield* here()
    else throw new Denial('no_session', { detail: `the replica of this session is gone: ${home}`, isOfServer: true })
  }

  /** The task of a command is with the replica that has its process, and gone with it: no other process is asked, which might know another of that name. */
  async *#whereTaskIs(call: Call, principal: Principal, here: () => AsyncIterable<Message>): AsyncGenerator<Message> {
    const { server, name } = call.resource
    const home = await this.#house.store.get(KEYS.taskHome(server, name))
    if (typeof home !== 'string' || home === this.#id) return yield* here()
    const answer = await this.#at(home, call, principal)
    if (answer === undefined) throw new Denial('not_found', { detail: `the replica of this task is gone: ${home}` })
    yield* answer
  }

  #whereTasksAre(call: Call, principal: Principal, here: Homes['here']): AsyncIterable<Message> {
    const { server } = call.resource
    return listenAtHomes(call, {
      here,
      homeOf: async (task) => {
        const home = await this.#house.store.get(KEYS.taskHome(server, task))
        return typeof home === 'string' && home !== this.#id ? home : undefined
      },
      at: (home, asked) => this.#at(home, asked, principal),
    })
  }

  async #keep({ resource: { server } }: Call, result: JsonObject): Promise<void> {
    const task = this.#house.config.servers[server]?.kind === 'command' ? taskOf(result) : undefined
    if (task === undefined) return
    await this.#house.store.put(KEYS.taskHome(server, task.id), this.#id, { expiresAt: this.#house.clock() + task.lifeMs })
  }

  /** @returns undefined when nobody was reached: then nothing was done. */
  async #at(home: string, call: Call, principal: Principal): Promise<AsyncIterable<Message> | undefined> {
    const url = urlOf(await this.#house.store.get(KEYS.replica(home)))
    if (url === undefined) return undefined
    const { signal, message, flaw: _flaw, ...rest } = call
    const nonce = randomBytes(NONCE_BYTES).toString('base64url')
    const errand: Errand = { call: rest, message: textOf(message), principal, at: this.#house.clock(), nonce }
    try {
      const answer = await request(new URL(PATH, url), {
        method: 'POST',
        body: writeErrand(this.#seal, home, errand),
        dispatcher: this.#agent,
        signal: abortSignalOf(signal),
      })
      if (answer.statusCode === 200) return this.#read(answer.body, nonce, isWaiting(call) ? AGAIN : GONE)
      await answer.body.dump()
      throw new Denial('unavailable', { detail: `replica ${home} answers ${answer.statusCode}: does it have the same key file and time?` })
    } catch (error) {
      if (isUnreached(error)) return undefined
      throw error
    }
  }

  async *#read(body: Readable, nonce: string, gone: Gone): AsyncGenerator<Message> {
    let index = 0
    try {
      for await (const line of createInterface({ input: body, crlfDelay: Number.POSITIVE_INFINITY })) {
        const message = readStep(this.#seal, nonce, index++, line)
        if (message === undefined) return
        yield message
      }
    } catch (error) {
      throw error instanceof Denial || error instanceof Fault ? error : new Denial(...gone)
    } finally {
      // Whoever stops listening lets the other side know.
      body.destroy()
    }
    throw new Denial(...gone)
  }

  /** Walked down the line by who sends it: here it is done. */
  async #serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    let errand: Errand
    try {
      const { maxBytes } = this.#house.config.limits.request
      const text = await readBody(req, maxBytes * GROWTH + ENVELOPE_BYTES)
      errand = readErrand(this.#seal, this.#id, Buffer.from(text).toString('latin1'))
      this.#checkFresh(errand)
    } catch (error) {
      await this.#turnAway(req, Denial.from(error).detail)
      res.writeHead(403, { Connection: 'close' }).end()
      return
    }
    const stop = new Stop()
    res.on('close', () => res.writableFinished || stop.abort())
    res.writeHead(200, { 'Content-Type': 'application/octet-stream' })
    res.flushHeaders()
    await this.#answer(errand, stop, res)
  }

  async #turnAway({ socket }: IncomingMessage, detail: string): Promise<void> {
    const { journal, newId } = this.#house
    const address = socket.remoteAddress
    const entry: Entry = {
      type: 'call.ended',
      outcome: 'denied',
      call: newId(),
      transport: 'http',
      denial: 'forbidden',
      detail: `between replicas: ${detail}`,
    }
    await journal.write({ ...entry, ...(address === undefined ? {} : { address }) }).catch(() => undefined)
  }

  async #answer(errand: Errand, stop: Stop, res: ServerResponse): Promise<void> {
    const { nonce, principal } = errand
    let index = 0
    this.#walks.begin(stop)
    try {
      const { call } = homeOf(callOf(errand, stop))
      if (isWaiting(call)) this.#waiting.add(stop)
      const relay = this.#relays.get(call.resource.server)
      if (relay === undefined)
        throw new Denial('no_session', { detail: `this replica has no server ${call.resource.server}`, isOfServer: true })
      for await (const message of this.#named(call, relay(call, principal, stop))) {
        if (!res.write(writeMessage(this.#seal, nonce, index++, message))) await drained(res)
        if (res.destroyed) return
      }
      if (stop.reason instanceof Denial) throw stop.reason
      res.end(writeEnd(this.#seal, nonce, index))
    } catch (error) {
      res.end(writeDenial(this.#seal, nonce, index, Denial.from(stop.reason ?? error)))
    } finally {
      this.#walks.end(stop)
      this.#waiting.delete(stop)
    }
  }

  /** An errand is done once, and soon. @throws Denial `forbidden` */
  #checkFresh({ at, nonce }: Errand): void {
    if (Math.abs(this.#house.clock() - at) > ERRAND_MAX_AGE_MS) throw new Denial('forbidden', { detail: 'an old errand' })
    if (this.#nonces.has(nonce)) throw new Denial('forbidden', { detail: 'an errand that was done' })
    remember(this.#nonces, nonce, true, NONCES_MAX)
  }
}

function drained(res: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      res.off('drain', done).off('close', done)
      resolve()
    }
    res.on('drain', done).on('close', done)
  })
}
