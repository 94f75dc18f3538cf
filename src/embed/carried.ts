/** A request that is carried to a handler in this process: how its answer is told, and how it is called off. */
import type { Dispatcher } from 'undici'
import type { Bag } from '../core/bag.ts'
import type { CarriedRequest } from '../upstream/http-plan.ts'

/** Of what a client sent, a handler behind the guard is not shown: what was said to us alone, and what is said anew. */
const WITHHELD: ReadonlySet<string> = new Set([
  'authorization',
  'x-api-key',
  'dpop',
  'proxy-authorization',
  'connection',
  'keep-alive',
  'transfer-encoding',
  'te',
  'trailer',
  'upgrade',
  'expect',
  'content-length',
  'content-type',
  'content-encoding',
  'accept',
  'accept-encoding',
])

/** Answers of a handler, told as those of a server over a connection would be. */
export class Carried implements Dispatcher.DispatchController {
  readonly #handler: Dispatcher.DispatchHandler
  readonly #onAbort: () => void
  readonly #onResume: () => void
  readonly #underWay: Bag<Carried>
  #isPaused = false
  #reason: Error | null = null
  #isOver = false

  /** @param underWay where it lies until it is over. @param onAbort nobody waits for the answer any more. @param onResume the reader takes more. */
  constructor(handler: Dispatcher.DispatchHandler, underWay: Bag<Carried>, onAbort: () => void, onResume: () => void) {
    this.#handler = handler
    this.#underWay = underWay
    this.#onAbort = onAbort
    this.#onResume = onResume
    underWay.add(this)
    handler.onRequestStart?.(this, undefined)
  }

  get aborted(): boolean {
    return this.#reason !== null
  }

  get reason(): Error | null {
    return this.#reason
  }

  get paused(): boolean {
    return this.#isPaused
  }

  abort(reason: Error): void {
    if (this.#isOver) return
    this.#over()
    this.#reason = reason
    this.#onAbort()
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.#onResume()
  }

  /** Nothing more is wanted of the handler, or nothing more is to come. */
  get isOver(): boolean {
    return this.#isOver
  }

  start(status: number, headers: Record<string, string | string[]>): void {
    if (!this.#isOver) this.#handler.onResponseStart?.(this, status, headers)
  }

  data(chunk: Buffer): void {
    if (!this.#isOver) this.#handler.onResponseData?.(this, chunk)
  }

  end(): void {
    if (this.#isOver) return
    this.#over()
    this.#handler.onResponseEnd?.(this, {})
  }

  /** The handler failed before its answer was whole. */
  fail(cause: unknown): void {
    if (this.#isOver) return
    this.#over()
    this.#handler.onResponseError?.(this, cause instanceof Error ? cause : new Error(String(cause)))
  }

  /** The server closes: who asked is told that it failed, and the handler that nobody waits. */
  cut(): void {
    this.fail(new Error('the server was closed'))
    this.#onAbort()
  }

  #over(): void {
    this.#isOver = true
    this.#underWay.delete(this)
  }
}

export function cutAll(underWay: Bag<Carried>): void {
  for (const carried of underWay) carried.cut()
}

/** The client's headers that a handler may see, then those of the request itself, names and values in turn. */
export function shownHeaders(sent: readonly string[], { headers, body }: CarriedRequest, bytes: number): string[] {
  const shown: string[] = []
  for (let at = 0; at + 1 < sent.length; at += 2) {
    const name = (sent[at] ?? '').toLowerCase()
    // Of the protocol's own headers every one is said anew, so that they agree with the body.
    if (WITHHELD.has(name) || name.startsWith('mcp-') || name === 'last-event-id' || isSaid(headers, name)) continue
    // What HTTP/2 says before the headers is none of them.
    if (name.startsWith(':')) continue
    shown.push(name, sent[at + 1] ?? '')
  }
  for (const part of headers) shown.push(part)
  if (body !== null) shown.push('content-length', String(bytes))
  return shown
}

/** They are so few that a look at each is quicker than a set of them. */
function isSaid(headers: readonly string[], name: string): boolean {
  for (let at = 0; at < headers.length; at += 2) if (headers[at] === name) return true
  return false
}

const NOTHING = Buffer.alloc(0)

export function bytesOfBody(body: CarriedRequest['body']): Buffer {
  if (body === null) return NOTHING
  return typeof body === 'string' ? Buffer.from(body) : Buffer.from(body.buffer, body.byteOffset, body.byteLength)
}

/** The platform copies what it is given as a body; only memory that threads share has to be copied for it. */
export function plainBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return isPlain(bytes) ? bytes : new Uint8Array(bytes)
}

function isPlain(bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer
}
