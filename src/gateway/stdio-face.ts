/** The gateway's face towards a client that started it: `portcullis run`, one server guarded over stdin and stdout. */
import type { Readable, Writable } from 'node:stream'
import type { Call, Message, RequestId } from '../core/call.ts'
import { Denial } from '../core/denial.ts'
import type { Credential } from '../core/principal.ts'
import { type Signal, Stop } from '../core/signal.ts'
import type { Clock } from '../core/time.ts'
import { pass, type Stations } from '../guard/guard.ts'
import { bytesOf } from '../mcp/message.ts'
import { bodilessCall, type Envelope, parseCall } from '../mcp/parse.ts'
import { refusalBody } from '../mcp/refuse.ts'
import { LineReader } from '../upstream/lines.ts'
import type { Relay } from './relay.ts'
import { newSessionId } from './session.ts'

export interface FaceParts {
  readonly house: Stations
  readonly server: string
  readonly relay: Relay
  /** What the spawning process put into the environment, if anything. */
  readonly credentials: readonly Credential[]
  readonly maxBytes: number
  readonly parsing: Envelope['limits']
  readonly clock: Clock
  readonly newId: () => string
}

/** Serves until the client closes its side and what was under way has ended. */
export async function serveStdio(parts: FaceParts, input: Readable, output: Writable): Promise<void> {
  const face = new Face(parts, output)
  const lines = new LineReader(parts.maxBytes, {
    onLine: (line) => face.accept(line),
    onTooLong: () => face.refuse(new Denial('too_large', { detail: `a line is over limits.request.maxBytes (${parts.maxBytes})` })),
    onEndless: () => input.destroy(),
  })
  for await (const chunk of input) lines.read(Buffer.from(chunk))
  await face.drain()
}

class Face {
  readonly #parts: FaceParts
  readonly #output: Writable
  readonly #running = new Map<RequestId, Stop>()
  readonly #walks = new Set<Promise<void>>()
  readonly #streams = new Stop()
  /** Settled by an accepted `initialize`; a connection does not change its era (2026-07-28, basic/versioning). */
  #session: string | undefined

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

  /** What cannot be told to belong to any request. */
  refuse(denial: Denial): void {
    this.#write({ body: refusalBody(denial, undefined) })
  }

  async drain(): Promise<void> {
    this.#streams.abort()
    while (this.#walks.size > 0) await Promise.all(this.#walks)
  }

  #start(call: Call, stop: Stop): void {
    const walk = this.#walk(call, stop).finally(() => this.#walks.delete(walk))
    this.#walks.add(walk)
  }

  async #walk(call: Call, stop: Stop): Promise<void> {
    const id = call.message.body.id
    if (id !== undefined) this.#running.set(id, stop)
    try {
      for await (const message of pass(this.#parts.house, call, this.#parts.credentials, (asked, principal) =>
        this.#forward(asked, principal, stop),
      )) {
        if (call.method === 'initialize' && message.body.result !== undefined) this.#open(call)
        if (message.event?.isEmpty !== true) this.#write(message)
      }
    } catch (error) {
      if (id !== undefined && !stop.aborted) this.#write({ body: refusalBody(Denial.from(error), call) })
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
  #open(call: Call): void {
    if (call.session === undefined) return
    this.#session = call.session
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
      ...(this.#session === undefined ? {} : { session: this.#session, forcedEra: 'legacy' as const }),
    }
  }

  /** One line a message: bytes that hold a line feed are written anew. */
  #write(message: Message): void {
    const bytes = bytesOf(message)
    this.#output.write(bytes.includes(LF) ? Buffer.from(JSON.stringify(message.body)) : bytes)
    this.#output.write('\n')
  }
}

const LF = 0x0a
