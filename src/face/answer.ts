/** An HTTP answer: one JSON object, or a stream of Server-Sent Events, whichever the messages turn out to need. */
import type { Call, Message } from '../core/call.ts'
import type { Allowance, Denial } from '../core/denial.ts'
import { allowanceHeaders } from '../mcp/allowance.ts'
import { isResponse } from '../mcp/message.ts'
import { type Challenge, refusalBody, refuse } from '../mcp/refuse.ts'
import { encodeControl, encodeEvent, SSE_KEEP_ALIVE } from '../mcp/sse.ts'

/** A comment on silent streams so often that no proxy in between gives up; under the usual 30 s idle time-outs. */
const HEARTBEAT_MS = 15_000
/** Unsent bytes at which a reader counts as stuck and its stream is cut. */
const UNREAD_MAX_BYTES = 16 * 1024 * 1024
/** Up to here one write of a copy is cheaper than two writes. */
const AS_TEXT_MAX_BYTES = 16 * 1024

/** As an event, at the place where it stood in a stream that can be resumed. */
function eventOf(message: Message): string | Uint8Array {
  const { event } = message
  if (event?.isEmpty !== true) return encodeEvent(message, event?.id)
  return event.id === undefined && event.retryMs === undefined ? SSE_KEEP_ALIVE : encodeControl(event)
}

/** Errors of a server's that have an HTTP status of their own (2026-07-28, basic/transports/streamable-http). */
const STATUS_OF_ERROR: ReadonlyMap<number, number> = new Map([
  [-32601, 404],
  [-32020, 400],
  [-32021, 400],
  [-32022, 400],
])

/** What of a ServerResponse is used: every one is one, and whatever else can take an answer. */
export interface Reply {
  readonly headersSent: boolean
  readonly writableEnded: boolean
  readonly writableFinished: boolean
  readonly destroyed: boolean
  readonly writableLength: number
  /** @param headers names and values in turn. */
  writeHead(status: number, headers: string[]): unknown
  flushHeaders(): void
  write(chunk: string | Uint8Array): boolean
  end(): unknown
  end(chunk: string | Uint8Array): unknown
  end(chunk: string, encoding: 'latin1'): unknown
  destroy(): unknown
  on(event: 'close', listener: () => void): unknown
}

export class Answer {
  readonly #res: Reply
  readonly #extra: readonly string[]
  readonly #stopping: AbortSignal
  /** The response proper is held back until the call has been written down as ended. */
  #held: Message | undefined
  #heartbeat: NodeJS.Timeout | undefined
  sessionId: string | undefined
  /** What is left to the caller, told with the answer. */
  allowance: Allowance | undefined
  /** Whether the caller reads errors of the protocol from the status too. Older ones take a 404 for the end of their session. */
  isModern = false
  /** Whether what is answered was a request: 202 is for notifications and responses alone (2025-11-25, Streamable HTTP "Sending Messages"). */
  isRequest = false

  /**
   * @param extra raw header names and values sent on every answer (CORS). @param stopping once it is aborted, an answer is the last on its
   * connection (RFC 9112 §9.6): whoever closes the listener must not have to cut off what was not read yet.
   */
  constructor(res: Reply, extra: readonly string[], stopping: AbortSignal) {
    this.#res = res
    this.#extra = extra
    this.#stopping = stopping
  }

  /** Opens the stream now: for calls that wait for events. */
  open(): void {
    if (this.#res.headersSent) return
    this.#res.writeHead(200, [...this.#headers(), 'Content-Type', 'text/event-stream', 'X-Accel-Buffering', 'no'])
    this.#res.flushHeaders()
    this.#heartbeat = setInterval(() => this.#write(SSE_KEEP_ALIVE), HEARTBEAT_MS).unref()
  }

  take(message: Message): void {
    if (isResponse(message.body) && this.#held === undefined) {
      this.#held = message
      return
    }
    this.open()
    this.#write(eventOf(message))
  }

  /** Everything is written down: let the response go. */
  finish(): void {
    const message = this.#held
    // It was cancelled, or its session ended: nothing more is said of it, and that is an event stream without an event.
    if (message === undefined && this.isRequest) this.open()
    clearInterval(this.#heartbeat)
    if (this.#res.headersSent) {
      if (message !== undefined) this.#write(eventOf(message))
      this.#res.end()
      return
    }
    if (message === undefined) {
      this.#res.writeHead(202, [...this.#headers(), 'Content-Length', '0'])
      this.#res.end()
      return
    }
    this.#send(message)
  }

  /** The response is the whole answer. */
  #send({ body, bytes }: Message): void {
    const status = (this.isModern && body.error !== undefined ? STATUS_OF_ERROR.get(body.error.code) : undefined) ?? 200
    const content = bytes ?? Buffer.from(JSON.stringify(body))
    const headers = this.#headers()
    headers.push('Content-Type', 'application/json', 'Content-Length', String(content.length))
    this.#res.writeHead(status, headers)
    // Node writes head and body at once when both are text, and Latin-1 text is any bytes, one for one.
    if (content.length > AS_TEXT_MAX_BYTES) this.#res.end(content)
    else this.#res.end(Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString('latin1'), 'latin1')
  }

  /** A refusal, as status and body while nothing was sent, later as the last event of the stream. */
  refuse(denial: Denial, call: Call | undefined, challenge: Challenge, headers: Readonly<Record<string, string>> = {}): void {
    clearInterval(this.#heartbeat)
    if (this.#res.headersSent) {
      if (call?.message.body.id !== undefined) this.#write(encodeEvent({ body: refusalBody(denial, call) }))
      this.#res.end()
      return
    }
    const refusal = refuse(denial, call, challenge)
    const bytes = Buffer.from(JSON.stringify(refusal.body))
    const raw = [
      ...this.#extra,
      ...Object.entries({ ...(this.#stopping.aborted && LAST), ...refusal.headers, ...headers }).flat(),
      'Content-Length',
      String(bytes.length),
    ]
    this.#res.writeHead(refusal.status, raw)
    this.#res.end(bytes)
  }

  #headers(): string[] {
    const headers = ['Cache-Control', 'no-store', ...this.#extra]
    if (this.#stopping.aborted) headers.push('Connection', 'close')
    if (this.allowance !== undefined) headers.push(...allowanceHeaders(this.allowance))
    // On a stream the headers go before the answer is known; a session that was refused is then unknown when it is used.
    if (this.sessionId !== undefined && this.#held?.body.error === undefined) headers.push('Mcp-Session-Id', this.sessionId)
    return headers
  }

  #write(chunk: string | Uint8Array): void {
    if (this.#res.writableEnded || this.#res.destroyed) return
    if (this.#res.writableLength > UNREAD_MAX_BYTES) {
      this.#res.destroy()
      return
    }
    this.#res.write(chunk)
  }
}

const LAST = { Connection: 'close' }
