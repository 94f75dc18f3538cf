/** A legacy server for modern clients: one handshake for all calls of a caller, and its questions turned into `input_required` (reference 1.17). */
import { randomBytes } from 'node:crypto'
import type { Body, Call, Message } from '../core/call.ts'
import { Denial } from '../core/denial.ts'
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { nameOf, type Principal } from '../core/principal.ts'
import { isRequest, isResponse, notificationBody, requestBody, resultResponse } from '../mcp/message.ts'
import { LATEST_LEGACY, META } from '../mcp/revision.ts'
import type { Alarm, Schedule } from './alarm.ts'
import { type Ask, answerAlone, createAsk } from './ask.ts'
import { Listens } from './listens.ts'
import type { Peer } from './peer.ts'
import { discoverResult, isLoud, mayAsk, parseInitialize, type ServerFacts, toLegacyParams, toModernAnswer } from './translate.ts'
import { type Implementation, LOG_LEVELS, metaOf, ROUND_TRIP, refusalOf } from './wire.ts'

/** Long enough for a person to answer a form; then the call is cancelled at the server. */
export const HELD_MS = 5 * 60_000
/** Calls that may wait for their caller's answers on one connection; the oldest gives way. */
const HELD_MAX = 64
/** The one question of an `input_required` answer: legacy servers ask one at a time. */
const QUESTION = 'question'
/** What a legacy server is asked on behalf of modern clients. */
const BRIDGED: ReadonlySet<string> = new Set([
  ...ROUND_TRIP,
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  'completion/complete',
])

export interface BridgeOptions {
  /** Who we say we are. */
  readonly client: Implementation
  /** What the callers on this connection declared, from `declaredBy`; `{}`: the server may ask nothing. */
  readonly declared: JsonObject
  readonly schedule: Schedule
  readonly heldMs?: number
  /** A name that cannot be guessed. */
  readonly newToken?: () => string
}

/** A call under way at the server, perhaps over several legs. */
interface Held {
  readonly iterator: AsyncIterator<Message>
  readonly stop: AbortController
  readonly principal: string
  readonly method: string
  readonly name: string
  question: Body | undefined
  alarm: Alarm | undefined
}

export class Bridge {
  readonly #peer: Peer
  readonly #options: BridgeOptions
  readonly #ask: Ask
  readonly #listens: Listens
  readonly #held = new Map<string, Held>()
  readonly #unlisten: () => void
  #facts: ServerFacts | undefined
  #handshake: Promise<ServerFacts> | undefined
  /** The most talkative level that the server was set to. */
  #level: string | undefined

  constructor(peer: Peer, options: BridgeOptions) {
    this.#peer = peer
    this.#options = options
    this.#ask = createAsk(peer)
    this.#listens = new Listens(this.#ask)
    this.#unlisten = peer.onStray((message) => this.#stray(message.body))
  }

  /** Calls that wait for their caller, and subscriptions: the connection is in use though nothing is on the wire. */
  get waiting(): number {
    return this.#held.size + this.#listens.size
  }

  /** `initialize` and `notifications/initialized`, once. @throws Denial `upstream_failed`. */
  start(): Promise<ServerFacts> {
    this.#handshake ??= this.#initialize().catch((error: unknown) => {
      this.#handshake = undefined
      throw error
    })
    return this.#handshake
  }

  /** One modern call. Yields like `Upstream.forward`. */
  async *forward(call: Call, principal: Principal): AsyncGenerator<Message> {
    const facts = this.#facts ?? (await this.start())
    const { id } = call.message.body
    // The modern revision has no notification from client to server that a legacy one would want.
    if (id === undefined) return
    if (call.method === 'server/discover') {
      yield { body: resultResponse(id, discoverResult(facts)) }
      return
    }
    if (call.method === 'subscriptions/listen') {
      yield* this.#listens.listen(call, facts)
      return
    }
    if (!BRIDGED.has(call.method)) throw new Denial('unknown_method', { detail: `${call.method} has no counterpart in ${LATEST_LEGACY}` })
    const wanted = metaOf(call.message.body)?.[META.logLevel]
    const level = wanted === undefined ? undefined : await this.#setLevel(wanted, facts)
    const held =
      call.message.body.params?.['requestState'] === undefined ? this.#begin(call, principal) : await this.#resume(call, principal)
    if (held.question !== undefined) {
      // Not all was answered: asked again (basic/patterns/mrtr).
      yield { body: resultResponse(id, this.#park(held)) }
      return
    }
    yield* this.#follow(held, call, facts, level)
  }

  /** The connection has ended. */
  fail(denial: Denial): void {
    this.#unlisten()
    this.#listens.fail(denial)
    for (const held of this.#held.values()) held.alarm?.close()
    this.#held.clear()
  }

  /** Ends the subscriptions in good order and cancels what waits; the peer stays open. */
  close(): void {
    this.#listens.close()
    this.#unlisten()
    for (const [token, held] of this.#held) this.#forget(token, held)
  }

  async #initialize(): Promise<ServerFacts> {
    const { client, declared } = this.#options
    const answer = await this.#ask('initialize', { protocolVersion: LATEST_LEGACY, capabilities: declared, clientInfo: { ...client } })
    const facts = parseInitialize(answer.result)
    if (facts === undefined) {
      const cause = answer.error === undefined ? undefined : { code: answer.error.code }
      throw new Denial('upstream_failed', { detail: `initialize: ${answer.error?.message ?? 'no InitializeResult'}`, cause })
    }
    await this.#peer.send({ body: notificationBody('notifications/initialized') })
    this.#facts = facts
    return facts
  }

  #begin(call: Call, principal: Principal): Held {
    const { body } = call.message
    const stop = new AbortController()
    const asked = requestBody(body.id ?? 0, call.method, toLegacyParams(body))
    const iterator = this.#peer.request({ body: asked }, stop.signal)[Symbol.asyncIterator]()
    return {
      iterator,
      stop,
      principal: nameOf(principal),
      method: call.method,
      name: call.resource.name,
      question: undefined,
      alarm: undefined,
    }
  }

  /** The call that an earlier leg left at the server, with the answer it waits for. Once only, and only for who was asked. */
  async #resume(call: Call, principal: Principal): Promise<Held> {
    const { requestState, inputResponses } = call.message.body.params ?? {}
    const held = typeof requestState === 'string' ? this.#held.get(requestState) : undefined
    if (held === undefined || held.principal !== nameOf(principal) || held.method !== call.method || held.name !== call.resource.name) {
      throw new Denial('invalid_arguments', { detail: 'requestState names no call that waits' })
    }
    this.#held.delete(String(requestState))
    held.alarm?.close()
    const response = isObject(inputResponses) ? inputResponses[QUESTION] : undefined
    if (held.question?.id === undefined || !isObject(response)) return held
    const { id } = held.question
    held.question = undefined
    await this.#peer.send({ body: resultResponse(id, response) })
    return held
  }

  /** Passes on what belongs to the call, until the answer, or until the server asks something. */
  async *#follow(held: Held, call: Call, facts: ServerFacts, level: string | undefined): AsyncGenerator<Message> {
    const id = call.message.body.id ?? 0
    const stop = (): void => held.stop.abort()
    call.signal.addEventListener('abort', stop, { once: true })
    if (call.signal.aborted) stop()
    let isOver = false
    try {
      for (;;) {
        const step = await held.iterator.next()
        isOver = step.done === true
        if (step.done === true) return
        const { body } = step.value
        if (isResponse(body)) {
          isOver = true
          yield { body: toModernAnswer(body, id, call.method, facts, this.#options.declared) }
          return
        }
        if (isRequest(body)) {
          if (!ROUND_TRIP.has(call.method) || !mayAsk(this.#options.declared, body)) {
            await answerAlone(this.#peer, body)
            continue
          }
          held.question = body
          isOver = true
          yield { body: resultResponse(id, this.#park(held)) }
          return
        }
        const notification = this.#during(body, call, level)
        if (notification !== undefined) yield notification
      }
    } finally {
      call.signal.removeEventListener('abort', stop)
      if (!isOver) stop()
    }
  }

  /** A notification that came while the call was under way: whether the caller wants it, and in which words. */
  #during(body: Body, call: Call, level: string | undefined): Message | undefined {
    switch (body.method) {
      case 'notifications/progress': {
        const progressToken = metaOf(call.message.body)?.['progressToken']
        return progressToken === undefined ? undefined : { body: { ...body, params: { ...body.params, progressToken } } }
      }
      case 'notifications/message':
        return isLoud(body, level) ? { body } : undefined
      default:
        this.#listens.publish(body)
        return undefined
    }
  }

  /** Leaves the call at the server and says what is asked. The state is a pointer: what it points to never leaves the house. */
  #park(held: Held): JsonObject {
    const { newToken = randomToken, heldMs = HELD_MS, schedule } = this.#options
    const token = newToken()
    const [oldest] = this.#held
    if (oldest !== undefined && this.#held.size >= HELD_MAX) this.#forget(...oldest)
    held.alarm = schedule(() => this.#forget(token, held), heldMs)
    this.#held.set(token, held)
    const { method, params } = held.question ?? {}
    const question: JsonObject = params === undefined ? { method } : { method, params: withoutMeta(params) }
    return { resultType: 'input_required', inputRequests: { [QUESTION]: question }, requestState: token }
  }

  /** Nobody came back for it: the server is told no, and to stop. */
  #forget(token: string, held: Held): void {
    this.#held.delete(token)
    held.alarm?.close()
    if (held.question?.id !== undefined) void this.#peer.send(refusalOf(held.question.id))
    held.stop.abort()
  }

  /** @returns the level that this call will hear; undefined: nothing. */
  async #setLevel(level: JsonValue, facts: ServerFacts): Promise<string | undefined> {
    if (typeof level !== 'string' || !LOG_LEVELS.includes(level)) throw new Denial('invalid_envelope', { detail: 'unknown logLevel' })
    if (!isObject(facts.capabilities['logging'])) return undefined
    // One level for the whole connection: the most talkative that anyone wanted; each call hears only its own.
    if (this.#level === undefined || LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(this.#level)) {
      this.#level = level
      await this.#ask('logging/setLevel', { level })
    }
    return level
  }

  /** What belongs to no call: notifications go to those who subscribed; questions nobody can answer. */
  #stray(body: Body): void {
    if (isRequest(body)) void answerAlone(this.#peer, body)
    else this.#listens.publish(body)
  }
}

function randomToken(): string {
  return randomBytes(24).toString('base64url')
}

/** A progress token or a task of the server's means nothing to the one who is asked. */
function withoutMeta(params: JsonObject): JsonObject {
  const { _meta, ...rest } = params
  return rest
}
