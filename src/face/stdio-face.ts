/** The face towards a client that started us: one server guarded over stdin and stdout. */
import type { Readable, Writable } from 'node:stream'
import type { Call, Message, RequestId } from '../core/call.ts'
import { Denial, type DenialCode } from '../core/denial.ts'
import type { Credential } from '../core/principal.ts'
import { type Signal, Stop } from '../core/signal.ts'
import type { Clock } from '../core/time.ts'
import { pass, type Stations } from '../guard/guard.ts'
import { bytesOf, isResponse } from '../mcp/message.ts'
import { bodilessCall, type Envelope, flawedCall, parseCall } from '../mcp/parse.ts'
import { refusalBody } from '../mcp/refuse.ts'
import { LEGACY_REVISIONS } from '../mcp/revision.ts'
import { LineReader } from '../upstream/lines.ts'
import type { Relay } from './relay.ts'
import { newSessionId } from './session.ts'
import { Walks } from './walks.ts'

export interface FaceParts {
  readonly house: Stations
  readonly server: string
  readonly relay: Relay
  /** What the spawning process put into the environment, if anything. */
  readonly credentials: readonly Credential[]
  /** The variable where that is looked for: who is refused for it is told. */
  readonly environment: string
  /** Told once, of the first call whose caller is not known by that: all others will be as little. */
  readonly onUnknown?: (denial: Denial) => void
  readonly maxBytes: number
  /** How long calls under way may take to end once the client has closed its side, milliseconds. */
  readonly drainMs: number
  /** Where calls are kept while they walk. */
  readonly walks: Walks
  readonly parsing: Envelope['limits']
  readonly clock: Clock
  readonly newId: () => string
}

/** What was cut off only has to be written down. */
const LAST_WORD_MS = 1_000

/** Serves until the client closes its side and what was under way has ended, or was given up. */
export async function serveStdio(parts: FaceParts, input: Readable, output: Writable): Promise<void> {
  const face = new Face(parts, output)
  let isEndless = false
  const refuse = (): void => face.refuse(new Denial('too_large', { detail: `a line is over limits.request.maxBytes (${parts.maxBytes})` }))
  const lines = new LineReader(parts.maxBytes, {
    onLine: (line) => face.accept(line),
    onTooLong: refuse,
    onEndless: () => {
      isEndless = true
      refuse()
    },
  })
  for await (const chunk of input) {
    lines.read(Buffer.from(chunk))
    if (isEndless) break
  }
  await face.drain()
}

class Face {
  readonly #parts: FaceParts
  readonly #output: Writable
  readonly #running = new Map<RequestId, Stop>()
  /** Of this conversation: with it they end, and no others. */
  readonly #walks = new Walks()
  readonly #streams = new Stop()
  /** Settled by an accepted `initialize`; a connection does not change its era (2026-07-28, basic/versioning). */
  #session: string | undefined
  /** What the same answer agreed on, where it is spoken here. */
  #revision: string | undefined
  #isUnknown = false

  constructor(parts: FaceParts, output: Writable) {
    this.#parts = parts
    this.#output = output
  }

  accept(line: Uint8Array): void {
    const stop = new Stop()
    const parsed = parseCall(line, this.#envelope(stop))
    const call = parsed.method === 'initialize' && parsed.origin.era === 'legacy' ? { ...parsed, session: newSessionId() } : parsed
    this.#start(call, stop)
  }

  /** A line that was not read: it walks the line all the same, so that its caller is known and history has it. */
  refuse(denial: Denial): void {
    const stop = new Stop()
    this.#start(flawedCall(denial, this.#envelope(stop)), stop)
  }

  async drain(): Promise<void> {
    const own = this.#walks
    this.#streams.abort()
    await own.ended(this.#parts.drainMs)
    own.cut('its client had gone, and limits.drain was over')
    await own.ended(LAST_WORD_MS)
  }

  #start(call: Call, stop: Stop): void {
    const all = [this.#walks, this.#parts.walks]
    for (const walks of all) walks.begin(stop)
    void this.#walk(call, stop).finally(() => {
      for (const walks of all) walks.end(stop)
    })
  }

  async #walk(call: Call, stop: Stop): Promise<void> {
    const id = call.message.body.id
    if (id !== undefined) this.#running.set(id, stop)
    let response: Message | undefined
    try {
      for await (const message of pass(this.#parts.house, call, this.#parts.credentials, (asked, principal) =>
        this.#forward(asked, principal, stop),
      )) {
        // Held back until the call has been written down as ended, as over HTTP.
        if (isResponse(message.body)) response = message
        else if (message.event?.isEmpty !== true) this.#write(message)
      }
      if (call.method === 'initialize' && response?.body.result !== undefined) this.#open(call, response.body.result['protocolVersion'])
      if (response !== undefined) this.#write(response)
    } catch (error) {
      const denial = Denial.from(error)
      if (UNKNOWN.has(denial.code) && !this.#isUnknown) this.#parts.onUnknown?.(denial)
      this.#isUnknown ||= UNKNOWN.has(denial.code)
      const { environment } = this.#parts
      if (isAnswered(call) && (!stop.aborted || stop.reason === denial)) this.#write({ body: refusalBody(denial, call, { environment }) })
    } finally {
      if (id !== undefined && this.#running.get(id) === stop) this.#running.delete(id)
    }
  }

  /** On stdio cancelling is a message in both eras. */
  #forward(call: Call, principal: Parameters<Relay>[1], stop: Stop): AsyncIterable<Message> {
    if (call.method === 'notifications/cancelled' && call.origin.era === 'modern') {
      const requestId = call.message.body.params?.['requestId']
      if (typeof requestId === 'string' || typeof requestId === 'number') this.#running.get(requestId)?.abort()
    }
    return this.#parts.relay(call, principal, stop)
  }

  /** The handshake is done: what the server says unasked has a stream from now on. */
  #open(call: Call, agreed: unknown): void {
    if (call.session === undefined) return
    this.#session = call.session
    this.#revision = LEGACY_REVISIONS.find((revision) => revision === agreed)
    this.#start(bodilessCall('$stream', this.#envelope(this.#streams)), this.#streams)
  }

  #envelope(signal: Signal): Envelope {
    const { server, parsing, clock, newId } = this.#parts
    return {
      id: newId(),
      server,
      transport: 'stdio',
      receivedAt: clock(),
      signal,
      limits: parsing,
      ...(this.#session === undefined ? {} : { session: this.#session, forcedEra: 'legacy' as const, forcedRevision: this.#revision }),
    }
  }

  /** One line a message: bytes that hold a line feed are written anew. */
  #write(message: Message): void {
    const bytes = bytesOf(message)
    this.#output.write(bytes.includes(LF) ? Buffer.from(JSON.stringify(message.body)) : bytes)
    this.#output.write('\n')
  }
}

/**
 * Whether a refusal is told: of a request, and of a line that could not be read far enough to know what it is (JSON-RPC 2.0 §5, under no id).
 * Notifications and responses are never answered.
 */
function isAnswered(call: Call): boolean {
  const { id, method } = call.message.body
  return id !== undefined || (method === undefined && !call.method.startsWith('$'))
}

const LF = 0x0a
const UNKNOWN: ReadonlySet<DenialCode> = new Set(['unauthenticated', 'invalid_token'])
