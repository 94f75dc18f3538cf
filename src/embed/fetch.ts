/** guardFetch(): around any `(Request) => Response`, as the SDK's `createMcpHandler`, Hono and others have it. */
import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import type { Reply } from '../face/answer.ts'
import type { CarriedRequest, Carrier } from '../upstream/http-plan.ts'
import { bytesOfBody, Carried, shownHeaders } from './carried.ts'
import { current } from './context.ts'
import { type Guard, type Guarded, postOf } from './guard.ts'
import { handlerUpstream, host } from './host.ts'

export type FetchHandler = (request: Request) => Response | Promise<Response>

/**
 * A handler in whose place none is reached but by calls that the law lets through, at `/mcp` and `/mcp/<server>`. What it answers is checked
 * before it leaves. `Host` is the request's own, else that of its URL.
 * @throws RangeError for a name that no server can have.
 */
export function guardFetch(guard: Guard, handler: FetchHandler, options: Guarded): (request: Request) => Promise<Response> {
  const post = postOf(guard, options)
  const { maxBytes } = guard.house.config.limits.request
  const { edge } = host<FetchReply>(guard, post, handlerUpstream(guard, post, carrierOf(handler)))
  return (request) => {
    const reply = new FetchReply()
    const { pathname } = new URL(request.url)
    const req = incomingOf(request)
    request.signal.addEventListener('abort', () => reply.leave(), { once: true })
    edge(req, reply, pathname)
    feed(request, req, maxBytes).catch((error: unknown) => req.emit('error', error))
    return reply.response
  }
}

/** A request that did not come over a socket of ours has one all the same; it is never read or written. */
const UNCONNECTED = new Socket()

/** What the edge looks at of a request. */
function incomingOf(request: Request): IncomingMessage {
  const url = new URL(request.url)
  const req = new IncomingMessage(UNCONNECTED)
  // Whoever reads the body is told too; for what is answered without reading it, a broken body is no matter.
  req.on('error', () => undefined)
  req.method = request.method
  req.url = url.pathname + url.search
  if (!request.headers.has('host')) req.rawHeaders.push('host', url.host)
  for (const [name, value] of request.headers) req.rawHeaders.push(name, value)
  for (let at = 0; at + 1 < req.rawHeaders.length; at += 2) req.headers[req.rawHeaders[at] ?? ''] = req.rawHeaders[at + 1]
  return req
}

/** The body, no more of it than is wanted. */
async function feed(request: Request, req: IncomingMessage, maxBytes: number): Promise<void> {
  let bytes = 0
  if (request.body !== null) {
    for await (const chunk of request.body) {
      bytes += chunk.byteLength
      req.push(chunk)
      if (bytes > maxBytes) return
    }
  }
  req.complete = true
  req.push(null)
}

function carrierOf(handler: FetchHandler): Carrier {
  return {
    dispatch(request, told) {
      const stop = new AbortController()
      let wake: (() => void) | undefined
      const carried = new Carried(
        told,
        () => stop.abort(),
        () => wake?.(),
      )
      const patience = (): Promise<void> => (carried.paused ? new Promise((resolve) => (wake = resolve)) : Promise.resolve())
      answer(handler, request, stop.signal, carried, patience).catch((error: unknown) => carried.fail(error))
    },
    destroy: () => Promise.resolve(),
  }
}

async function answer(
  handler: FetchHandler,
  asked: CarriedRequest,
  signal: AbortSignal,
  carried: Carried,
  patience: () => Promise<void>,
): Promise<void> {
  const response = await handler(requestOf(asked, signal))
  carried.start(response.status, Object.fromEntries(response.headers))
  // One read instead of a reader's several; how much it may be is counted all the same.
  if (response.headers.get('content-type') === 'application/json') carried.data(Buffer.from(await response.arrayBuffer()))
  else if (response.body !== null) {
    const reader = response.body.getReader()
    signal.addEventListener('abort', () => void reader.cancel().catch(() => undefined), { once: true })
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      carried.data(Buffer.from(value.buffer, value.byteOffset, value.byteLength))
      await patience()
    }
  }
  carried.end()
}

function requestOf(asked: CarriedRequest, signal: AbortSignal): Request {
  const from = current()?.req
  const body = bytesOfBody(asked.body)
  const raw = shownHeaders(from?.rawHeaders ?? [], asked, body.length)
  const headers = new Headers()
  for (let at = 0; at + 1 < raw.length; at += 2) headers.append(raw[at] ?? '', raw[at + 1] ?? '')
  const url = `http://${headers.get('host') ?? 'localhost'}${from?.url ?? asked.path}`
  return new Request(url, { method: asked.method, headers, signal, ...(asked.body === null ? {} : { body: new Uint8Array(body) }) })
}

/** An answer of the edge as a Response: whole when it is said at once, else a stream. */
class FetchReply implements Reply {
  readonly response: Promise<Response>
  readonly #resolve: (response: Response) => void
  readonly #onClose: (() => void)[] = []
  #status = 200
  #headers = new Headers()
  #stream: ReadableStreamDefaultController<Uint8Array> | undefined
  headersSent = false
  writableEnded = false
  destroyed = false

  constructor() {
    const { promise, resolve } = Promise.withResolvers<Response>()
    this.response = promise
    this.#resolve = resolve
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
    for (let at = 0; at + 1 < headers.length; at += 2) this.#headers.append(headers[at] ?? '', headers[at + 1] ?? '')
  }

  flushHeaders(): void {
    if (this.#stream !== undefined) return
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
    if (this.#stream !== undefined) {
      if (chunk !== undefined) this.write(chunk)
      this.#stream.close()
      return
    }
    const body = typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk
    const hasBody = body !== undefined && body.length > 0 && this.#status !== 204
    this.#resolve(new Response(hasBody ? new Uint8Array(body) : null, { status: this.#status, headers: this.#headers }))
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
    for (const listener of this.#onClose.splice(0)) listener()
  }
}
