/** guardFetch(): around any `(Request) => Response`, as the SDK's `createMcpHandler`, Hono and others have it. */
import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { parseIp } from '../core/cidr.ts'
import type { Reply } from '../face/answer.ts'
import { readBody, readStream, takenBody } from '../face/intake.ts'
import { plainBytes } from './carried.ts'
import { type Guard, type Guarded, postOf } from './guard.ts'
import { type FetchHandler, handlerCarrier, type McpHandler } from './handed.ts'
import { handlerUpstream, host } from './host.ts'

/** Where a request came from. */
export interface From {
  /** Of its connection, as the platform tells it: `incoming.socket.remoteAddress`, `server.requestIP(request)?.address`, `info.remoteAddr.hostname`. */
  readonly address?: string | undefined
}

/** What is called in place of the handler. Rejects with a TypeError for an address that is none. */
export type GuardedHandler = (request: Request, from?: From) => Promise<Response>

/**
 * A handler in whose place none is reached but by calls that the law lets through, at `/mcp` and `/mcp/<server>`. What it answers is checked
 * before it leaves. `Host` is the request's own, else that of its URL. Who aborts the request's signal is answered 499, and the call is cancelled.
 * A `Request` does not say from which address it came. Unless whoever calls what is answered here says it, nothing is held by address: no
 * blocks, no limits of addresses, no count of bad credentials.
 * @param handler any function; of what the SDK's `createMcpHandler` makes the whole, and no message is parsed twice.
 * @throws RangeError for a name that no server can have; TypeError for another mistake in what is given; Fault `FAULT_CLOSED`.
 */
export function guardFetch(guard: Guard, handler: FetchHandler | McpHandler, options: Guarded): GuardedHandler {
  const post = postOf(guard, options)
  const upstream = handlerUpstream(guard, post, handlerCarrier(handler))
  const { edge } = host<FetchReply>(guard, post, upstream, { read })
  return (request, from) => {
    const socket = socketOf(from)
    if (socket === undefined) return Promise.reject(new TypeError(`from.address: ${JSON.stringify(from?.address)} is no IP address`))
    const reply = new FetchReply(request.signal)
    const url = new URL(request.url)
    edge(new Incoming(request, url, socket), reply, url.pathname)
    return reply.response
  }
}

/** A request that did not come over a socket of ours has one all the same; it is never read or written. */
const UNCONNECTED = new Socket()

/** Of servers that call their handler with something else beside the request, that is left alone. */
function socketOf(from: From | undefined): Socket | undefined {
  const address: unknown = from?.address
  if (typeof address !== 'string' || address === '') return UNCONNECTED
  if (parseIp(address) === undefined) return undefined
  // It is what it was made from but for this: node:net answers with the address of its handle, and there is none.
  return Object.create(UNCONNECTED, { remoteAddress: { value: address } }) as Socket
}

/** What the edge looks at of a request. */
class Incoming extends IncomingMessage {
  readonly request: Request

  constructor(request: Request, { host, pathname, search }: URL, socket: Socket) {
    super(socket)
    this.request = request
    this.method = request.method
    this.url = pathname + search
    const { headers, rawHeaders } = this
    request.headers.forEach((value, name) => {
      headers[name] = value
      rawHeaders.push(name, value)
    })
    if (headers.host !== undefined) return
    headers.host = host
    rawHeaders.push('host', host)
  }
}

const EMPTY = new Uint8Array(0)

async function read(req: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  if (!(req instanceof Incoming)) return readBody(req, maxBytes)
  const { body, bodyUsed } = req.request
  if (bodyUsed) throw takenBody()
  return body === null ? EMPTY : readStream(body, req.headers['content-length'], maxBytes)
}

/** As the SDK's handlers and many proxies have it: nobody is there to read it. */
const CLOSED_BY_CALLER = 499

/** An answer of the edge as a Response: whole when it is said at once, else a stream. */
class FetchReply implements Reply {
  readonly response: Promise<Response>
  readonly #resolve: (response: Response) => void
  readonly #signal: AbortSignal
  readonly #onClose: (() => void)[] = []
  #status = 200
  readonly #headers: Record<string, string> = {}
  #stream: ReadableStreamDefaultController<Uint8Array> | undefined
  headersSent = false
  writableEnded = false
  destroyed = false

  /** @param signal of the request: aborted when the caller has gone. */
  constructor(signal: AbortSignal) {
    const { promise, resolve } = Promise.withResolvers<Response>()
    this.response = promise
    this.#resolve = resolve
    this.#signal = signal
    if (signal.aborted) this.handleEvent()
    else signal.addEventListener('abort', this, { once: true })
  }

  /** The signal was aborted: whoever holds the promise, or reads the stream, must not wait for what does not come any more. */
  handleEvent(): void {
    if (this.writableEnded || this.destroyed) return
    if (this.#stream === undefined) this.#resolve(new Response(null, { status: CLOSED_BY_CALLER }))
    else this.#stream.error(this.#signal.reason)
    this.leave()
  }

  get writableFinished(): boolean {
    return this.writableEnded
  }

  get writableLength(): number {
    return -Math.min(0, this.#stream?.desiredSize ?? 0)
  }

  writeHead(status: number, headers: string[]): void {
    this.headersSent = true
    this.#status = status
    for (let at = 0; at + 1 < headers.length; at += 2) {
      const name = headers[at] ?? ''
      const before = this.#headers[name]
      this.#headers[name] = before === undefined ? (headers[at + 1] ?? '') : `${before}, ${headers[at + 1] ?? ''}`
    }
  }

  flushHeaders(): void {
    if (this.#stream !== undefined || this.destroyed) return
    const body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#stream = controller
        },
        cancel: () => this.leave(),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: 0 }),
    )
    this.#resolve(new Response(body, { status: this.#status, headers: this.#headers }))
  }

  write(chunk: string | Uint8Array): boolean {
    this.flushHeaders()
    this.#stream?.enqueue(typeof chunk === 'string' ? Buffer.from(chunk) : chunk)
    return true
  }

  end(chunk?: string | Uint8Array, encoding: 'utf8' | 'latin1' = 'utf8'): void {
    if (this.writableEnded || this.destroyed) return
    this.writableEnded = true
    // The signal of a Request lies about until a full collection, and whatever listens to it would lie there with it.
    this.#signal.removeEventListener('abort', this)
    if (this.#stream !== undefined) {
      if (chunk !== undefined) this.write(chunk)
      this.#stream.close()
      return
    }
    const body = typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk
    const hasBody = body !== undefined && body.length > 0 && this.#status !== 204
    this.#resolve(new Response(hasBody ? plainBytes(body) : null, { status: this.#status, headers: this.#headers }))
  }

  destroy(): void {
    if (this.destroyed) return
    this.destroyed = true
    this.#stream?.error(new Error('the answer was cut off'))
    this.leave()
  }

  on(_event: 'close', listener: () => void): void {
    this.#onClose.push(listener)
  }

  /** Nobody reads any more. */
  leave(): void {
    this.destroyed = true
    this.#signal.removeEventListener('abort', this)
    for (const listener of this.#onClose.splice(0)) listener()
  }
}
