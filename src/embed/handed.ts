/** A handler of the Web's kind, `(Request) => Response`, as what requests are carried to: the Request it is handed, and its Response read. */
import { Bag } from '../core/bag.ts'
import type { CarriedRequest, Carrier } from '../upstream/http-plan.ts'
import { bytesOfBody, Carried, cutAll, plainBytes, shownHeaders } from './carried.ts'
import { current } from './context.ts'

/** What answers requests of the Web's kind, as an application of Hono does. */
export type FetchHandler = (request: Request) => Response | Promise<Response>

/** What `createMcpHandler` of the SDK v2 makes. Handed whole it is given messages parsed, and reads no body. */
export interface McpHandler {
  readonly fetch: (request: Request, options?: { readonly parsedBody?: unknown }) => Promise<Response>
  readonly notify: object
  readonly bus: object
}

/** @throws TypeError for an object that is not known to take what is parsed: it would be called without a body. */
export function isMcpHandler(handler: McpHandler | ((...given: never) => unknown)): handler is McpHandler {
  if (typeof handler === 'function') return false
  if (typeof handler === 'object' && typeof handler?.fetch === 'function' && 'notify' in handler && 'bus' in handler) return true
  throw new TypeError('handler: expected a function, or what createMcpHandler() of the SDK makes')
}

export function handlerCarrier(handler: FetchHandler | McpHandler): Carrier {
  const ask = isMcpHandler(handler)
    ? (asked: CarriedRequest, signal: AbortSignal): Promise<Response> => askParsed(handler, asked, signal)
    : (asked: CarriedRequest, signal: AbortSignal): Response | Promise<Response> => handler(requestOf(asked, signal))
  const underWay = new Bag<Carried>()
  return {
    dispatch(asked, told) {
      const stop = new AbortController()
      const reading: Reading = {}
      const leave = (): void => {
        stop.abort()
        reading.reader?.cancel().catch(() => undefined)
        reading.wake?.()
      }
      const carried = new Carried(told, underWay, leave, () => reading.wake?.())
      answer(() => ask(asked, stop.signal), carried, reading).catch((error: unknown) => carried.fail(error))
    },
    destroy: async () => cutAll(underWay),
  }
}

/** The body of an answer while it is read. */
interface Reading {
  reader?: ReadableStreamDefaultReader<Uint8Array>
  /** Goes on, after a pause. */
  wake?: () => void
}

async function answer(ask: () => Response | Promise<Response>, carried: Carried, reading: Reading): Promise<void> {
  const { status, headers, body } = await ask()
  const told: Record<string, string> = {}
  headers.forEach((value, name) => {
    told[name] = value
  })
  carried.start(status, told)
  if (body !== null) {
    const reader = body.getReader()
    reading.reader = reader
    // Who was called off while it thought is not read to an end that may never come.
    if (carried.isOver) await reader.cancel()
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      carried.data(Buffer.from(value.buffer, value.byteOffset, value.byteLength))
      if (carried.paused) await new Promise<void>((resolve) => (reading.wake = resolve))
    }
  }
  carried.end()
}

/** What is parsed here has been scanned, or was written by the house: it is read as the law has read it, and nobody else holds it. */
function askParsed(handler: McpHandler, asked: CarriedRequest, signal: AbortSignal): Promise<Response> {
  const { body } = asked
  const request = bodilessOf(asked, signal)
  if (body === null) return handler.fetch(request)
  const parsedBody: unknown = JSON.parse(typeof body === 'string' ? body : bytesOfBody(body).toString())
  return handler.fetch(request, { parsedBody })
}

/**
 * One whose body is handed beside it. A Request that is made with a signal ties it to one of its own by way of the garbage collector, and then
 * lies about with all that listens until the next full collection, which was measured to be a third of the time. So this one says the signal itself.
 */
function bodilessOf(asked: CarriedRequest, signal: AbortSignal): Request {
  const { url, ...init } = sayingOf(asked, undefined)
  return Object.defineProperty(new Request(url, init), 'signal', { value: signal, enumerable: true })
}

/** A genuine one with the original bytes: what is made of it hears of the signal, too. */
function requestOf(asked: CarriedRequest, signal: AbortSignal): Request {
  const bytes = asked.body === null ? undefined : bytesOfBody(asked.body)
  const { url, ...init } = sayingOf(asked, bytes)
  return new Request(url, bytes === undefined ? { ...init, signal } : { ...init, signal, body: plainBytes(bytes) })
}

interface Saying {
  readonly url: string
  readonly method: string
  readonly headers: Record<string, string>
}

function sayingOf(asked: CarriedRequest, bytes: Uint8Array | undefined): Saying {
  const from = current()?.req
  const headers = headersOf(shownHeaders(from?.rawHeaders ?? [], asked, bytes?.length ?? lengthOf(asked.body)))
  return { url: `http://${headers['host'] ?? 'localhost'}${from?.url ?? asked.path}`, method: asked.method, headers }
}

const lengthOf = (body: CarriedRequest['body']): number => (body === null ? 0 : Buffer.byteLength(body))

/** One member for each name, repeated ones joined as `Headers` would join them (RFC 9110 §5.3, RFC 6265 §5.4). */
function headersOf(raw: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = Object.create(null)
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] ?? ''
    const value = raw[at + 1] ?? ''
    const before = headers[name]
    headers[name] = before === undefined ? value : `${before}${name === 'cookie' ? '; ' : ', '}${value}`
  }
  return headers
}
