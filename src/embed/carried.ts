/** A request that is carried to a handler in this process: how its answer is told, and how it is called off. */
import type { Dispatcher } from 'undici'
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
  #isPaused = false
  #reason: Error | null = null
  #isOver = false

  /** @param onAbort nobody waits for the answer any more. @param onResume the reader takes more. */
  constructor(handler: Dispatcher.DispatchHandler, onAbort: () => void, onResume: () => void) {
    this.#handler = handler
    this.#onAbort = onAbort
    this.#onResume = onResume
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
    this.#isOver = true
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

  start(status: number, headers: Readonly<Record<string, string | string[]>>): void {
    if (!this.#isOver) this.#handler.onResponseStart?.(this, status, { ...headers })
  }

  data(chunk: Buffer): void {
    if (!this.#isOver) this.#handler.onResponseData?.(this, chunk)
  }

  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#handler.onResponseEnd?.(this, {})
  }

  /** The handler failed before its answer was whole. */
  fail(cause: unknown): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#handler.onResponseError?.(this, cause instanceof Error ? cause : new Error(String(cause)))
  }
}

/** The client's headers that a handler may see, then those of the request itself, names and values in turn. */
export function shownHeaders(sent: readonly string[], request: CarriedRequest, bytes: number): string[] {
  const said = new Set(request.headers.filter((_, at) => at % 2 === 0))
  const shown: string[] = []
  for (let at = 0; at + 1 < sent.length; at += 2) {
    const name = (sent[at] ?? '').toLowerCase()
    // Of the protocol's own headers every one is said anew, so that they agree with the body.
    if (!WITHHELD.has(name) && !name.startsWith('mcp-') && name !== 'last-event-id' && !said.has(name)) shown.push(name, sent[at + 1] ?? '')
  }
  shown.push(...request.headers)
  if (request.body !== null) shown.push('content-length', String(bytes))
  return shown
}

const NOTHING = Buffer.alloc(0)

export function bytesOfBody(body: CarriedRequest['body']): Buffer {
  if (body === null) return NOTHING
  return typeof body === 'string' ? Buffer.from(body) : Buffer.from(body.buffer, body.byteOffset, body.byteLength)
}
