/** A modern server for one legacy session: `initialize` answered from `server/discover`, `input_required` asked as requests of a server, subscriptions as loose notifications (reference 1.17). */
import type { Body, Call, Message } from '../core/call.ts'
import { Denial } from '../core/denial.ts'
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import type { Signal } from '../core/signal.ts'
import { isResponse, requestBody, resultResponse } from '../mcp/message.ts'
import { methodRow, REVISIONS } from '../mcp/methods.ts'
import { LATEST_LEGACY, LATEST_MODERN, META } from '../mcp/revision.ts'
import type { Schedule } from './alarm.ts'
import { type Ask, createAsk } from './ask.ts'
import { HELD_MS } from './bridge.ts'
import { isModernAnswer } from './era.ts'
import type { Peer } from './peer.ts'
import type { Strays } from './strays.ts'
import { picked, SERVED_CAPABILITIES, toLegacyResult } from './translate.ts'
import { type Implementation, LOG_LEVELS, metaOf } from './wire.ts'

/** Legs of one call; a server that asks more than this asks for ever. */
const LEGS_MAX = 16
/** Questions of one leg. */
const QUESTIONS_MAX = 16
/** Time for a subscription to be acknowledged. */
const ACK_MS = 10_000
/** Resources one session may be subscribed to. */
const URIS_MAX = 256

export interface ReverseOptions {
  /** Who we say we are when the client has not said who it is. */
  readonly client: Implementation
  readonly schedule: Schedule
}

export class Reverse {
  #peer: Peer
  readonly #options: ReverseOptions
  readonly #strays: Strays
  #ask: Ask
  readonly #questions = new Map<string, (answer: Body | undefined) => void>()
  readonly #uris = new Set<string>()
  #count = 0
  #declared: JsonObject = {}
  #client: JsonObject
  #capabilities: JsonObject = {}
  #level: string | undefined
  #listening: AbortController | undefined

  constructor(peer: Peer, strays: Strays, options: ReverseOptions) {
    this.#peer = peer
    this.#strays = strays
    this.#options = options
    this.#client = { ...options.client }
    this.#ask = createAsk(peer)
  }

  /** Carries on over another connection to the same server. */
  async move(peer: Peer): Promise<void> {
    if (peer === this.#peer) return
    this.close()
    this.#peer = peer
    this.#ask = createAsk(peer)
    await this.#listen()
  }

  isOn(peer: Peer): boolean {
    return peer === this.#peer
  }

  /** The answer to `initialize`. @throws Denial `upstream_failed` when the server cannot be discovered. */
  async initialize(body: Body): Promise<JsonObject> {
    const { protocolVersion, capabilities, clientInfo } = body.params ?? {}
    if (isObject(capabilities)) this.#declared = picked(capabilities, ['elicitation', 'sampling', 'roots'])
    if (isObject(clientInfo)) this.#client = clientInfo
    const answer = await this.#ask('server/discover', { _meta: this.#envelope() })
    const { result } = answer
    if (result === undefined || !isModernAnswer(answer))
      throw new Denial('upstream_failed', { detail: `server/discover: ${answer.error?.message ?? 'no DiscoverResult'}` })
    this.#capabilities = isObject(result['capabilities']) ? picked(result['capabilities'], SERVED_CAPABILITIES) : {}
    const meta = result['_meta']
    const info = isObject(meta) ? meta[META.serverInfo] : undefined
    const isKnown =
      typeof protocolVersion === 'string' && protocolVersion !== LATEST_MODERN && REVISIONS.some((revision) => revision === protocolVersion)
    return {
      protocolVersion: isKnown ? protocolVersion : LATEST_LEGACY,
      capabilities: this.#capabilities,
      serverInfo: isObject(info) ? info : { name: 'server', version: '0' },
      ...(typeof result['instructions'] === 'string' ? { instructions: result['instructions'] } : {}),
    }
  }

  /** One message of the session after its `initialize`. Yields like `Upstream.forward`. */
  async *forward(call: Call): AsyncGenerator<Message> {
    const { body } = call.message
    if (call.method === '$response') {
      if (typeof body.id === 'string') this.#questions.get(body.id)?.(body)
      return
    }
    if (call.method === 'notifications/initialized') await this.#listen()
    if (body.id === undefined || body.method === undefined) return
    switch (body.method) {
      case 'ping':
        break
      case 'logging/setLevel':
        this.#setLevel(body.params?.['level'])
        break
      case 'resources/subscribe':
      case 'resources/unsubscribe':
        await this.#subscribe(body.method, body.params?.['uri'])
        break
      default:
        if (methodRow(body.method)?.revisions.has(LATEST_MODERN) !== true)
          throw new Denial('unknown_method', { detail: `${body.method} has no counterpart in ${LATEST_MODERN}` })
        yield* this.#legs(call)
        return
    }
    yield { body: resultResponse(body.id, {}) }
  }

  close(): void {
    this.#listening?.abort()
    for (const settle of this.#questions.values()) settle(undefined)
    this.#questions.clear()
  }

  /** One call, asked again with what the client answered until it is complete. */
  async *#legs(call: Call): AsyncGenerator<Message> {
    const { id = 0, method = '', params } = call.message.body
    const base: JsonObject = { ...params, _meta: { ...metaOf(call.message.body), ...this.#envelope() } }
    let asked = base
    for (let leg = 0; leg < LEGS_MAX; leg++) {
      let pause: JsonObject | undefined
      for await (const message of this.#peer.request({ body: requestBody(id, method, asked) }, call.signal)) {
        const { result } = message.body
        if (isResponse(message.body) && result?.['resultType'] === 'input_required') pause = result
        else yield inOlderWords(message)
      }
      if (pause === undefined) return
      const questions = pause['inputRequests']
      const answers: Record<string, JsonValue> = {}
      for (const [key, question] of Object.entries(isObject(questions) ? questions : {}).slice(0, QUESTIONS_MAX)) {
        if (!isObject(question) || typeof question['method'] !== 'string') continue
        const answer = yield* this.#question(question['method'], question['params'], call.signal)
        if (answer === undefined) return
        if (answer.error !== undefined) {
          yield { body: { jsonrpc: '2.0', id, error: answer.error } }
          return
        }
        answers[key] = answer.result ?? {}
      }
      const state = pause['requestState']
      asked = { ...base, inputResponses: answers, ...(state === undefined ? {} : { requestState: state }) }
    }
    throw new Denial('upstream_failed', { detail: `the server asked ${LEGS_MAX} times` })
  }

  /** Asks the client something on the stream of its own request. @returns undefined when it has gone, or does not answer in time. */
  async *#question(method: string, params: JsonValue | undefined, signal: Signal): AsyncGenerator<Message, Body | undefined> {
    const id = `portcullis-question-${++this.#count}`
    const answered = new Promise<Body | undefined>((resolve) => this.#questions.set(id, resolve))
    const leave = (): void => this.#questions.get(id)?.(undefined)
    const alarm = this.#options.schedule(leave, HELD_MS)
    signal.addEventListener('abort', leave, { once: true })
    if (signal.aborted) leave()
    try {
      yield { body: requestBody(id, method, isObject(params) ? params : {}) }
      return await answered
    } finally {
      alarm.close()
      signal.removeEventListener('abort', leave)
      this.#questions.delete(id)
    }
  }

  #setLevel(level: unknown): void {
    if (typeof level !== 'string' || !LOG_LEVELS.includes(level)) throw new Denial('invalid_arguments', { detail: 'unknown level' })
    this.#level = level
  }

  async #subscribe(method: string, uri: unknown): Promise<void> {
    if (typeof uri !== 'string') throw new Denial('invalid_arguments', { detail: 'uri is missing' })
    if (method === 'resources/unsubscribe') this.#uris.delete(uri)
    else if (this.#uris.size < URIS_MAX) this.#uris.add(uri)
    const honoured = await this.#listen()
    if (method === 'resources/unsubscribe' || honoured.includes(uri)) return
    this.#uris.delete(uri)
    throw new Denial('not_found', { detail: 'the server does not tell about this resource' })
  }

  /** Opens the subscription anew, with all that is wanted now; the old one ends when the new one stands. @returns the URIs honoured. */
  async #listen(): Promise<readonly JsonValue[]> {
    const { tools, prompts, resources } = this.#capabilities
    const lists = { toolsListChanged: tools, promptsListChanged: prompts, resourcesListChanged: resources }
    const wanted: Record<string, JsonValue> = {}
    for (const [name, capability] of Object.entries(lists))
      if (isObject(capability) && capability['listChanged'] === true) wanted[name] = true
    if (this.#uris.size > 0) wanted['resourceSubscriptions'] = [...this.#uris]
    const before = this.#listening
    this.#listening = undefined
    if (Object.keys(wanted).length === 0) {
      before?.abort()
      return []
    }
    const stop = new AbortController()
    this.#listening = stop
    const alarm = this.#options.schedule(() => stop.abort(), ACK_MS)
    const asked = requestBody(`portcullis-listen-${++this.#count}`, 'subscriptions/listen', {
      _meta: this.#envelope(),
      notifications: wanted,
    })
    const messages = this.#peer.request({ body: asked }, stop.signal)[Symbol.asyncIterator]()
    const first = await messages.next()
    alarm.close()
    before?.abort()
    const honoured = first.done === true ? undefined : first.value.body.params?.['notifications']
    if (!isObject(honoured)) return []
    // Ends with the subscription; what it throws then, the calls of the session learn too.
    void this.#pump(messages).catch(() => undefined)
    const uris = honoured['resourceSubscriptions']
    return Array.isArray(uris) ? uris : []
  }

  async #pump(messages: AsyncIterator<Message>): Promise<void> {
    for (;;) {
      const step = await messages.next()
      if (step.done === true) return
      const { body } = step.value
      if (body.method === undefined) continue
      const { _meta, ...params } = body.params ?? {}
      const message: Message = { body: { jsonrpc: '2.0', method: body.method, params } }
      if (!this.#strays.give(message)) this.#strays.keep(message)
    }
  }

  #envelope(): JsonObject {
    const level = this.#level === undefined ? {} : { [META.logLevel]: this.#level }
    return { [META.protocolVersion]: LATEST_MODERN, [META.clientCapabilities]: this.#declared, [META.clientInfo]: this.#client, ...level }
  }
}

/** What came over a wire goes on as the bytes that it came in: what it has beside harms nobody. Of what has none, it is left out. */
function inOlderWords(message: Message): Message {
  const { body, bytes } = message
  return body.result === undefined || bytes !== undefined ? message : { ...message, body: { ...body, result: toLegacyResult(body.result) } }
}
