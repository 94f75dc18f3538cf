/** What a listener of node:http is handed behind the guard: a request to read once more, and a response that goes through us. */
import { IncomingMessage, type OutgoingHttpHeader, type OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import type { CarriedRequest } from '../upstream/http-plan.ts'
import { bytesOfBody, type Carried, shownHeaders } from './carried.ts'

/** @param from what the client sent, if it was HTTP. */
export function requestOf(request: CarriedRequest, from: IncomingMessage | undefined): IncomingMessage {
  const body = bytesOfBody(request.body)
  const req = new IncomingMessage(from?.socket ?? new Socket())
  req.method = request.method
  req.url = from?.url ?? request.path
  req.httpVersion = '1.1'
  req.httpVersionMajor = 1
  req.httpVersionMinor = 1
  req.rawHeaders = shownHeaders(from?.rawHeaders ?? ['host', 'localhost'], request, body.length)
  for (let at = 0; at + 1 < req.rawHeaders.length; at += 2) {
    const name = req.rawHeaders[at] ?? ''
    const value = req.rawHeaders[at + 1] ?? ''
    const before = req.headers[name]
    req.headers[name] = before === undefined ? value : `${String(before)}, ${value}`
  }
  if (body.length > 0) req.push(body)
  req.push(null)
  req.complete = true
  return req
}

/**
 * A response whose head and body are told to `carried` instead of a socket. Own properties, not a subclass: frameworks put a prototype of
 * their own under the responses they are given.
 */
export function responseOf(req: IncomingMessage, carried: Carried): ServerResponse {
  const res = new ServerResponse(req)
  let hasBegun = false
  const begin = (): void => {
    if (hasBegun) return
    hasBegun = true
    carried.start(res.statusCode, headersOf(res))
  }
  const writeHead = (status: number, ...rest: readonly unknown[]): ServerResponse => {
    res.statusCode = status
    const [reason] = rest
    if (typeof reason === 'string') res.statusMessage = reason
    setHeaders(res, rest.at(-1))
    begin()
    return res
  }
  const write = (chunk: string | Uint8Array, ...rest: readonly unknown[]): boolean => {
    begin()
    carried.data(bytesOf(chunk, rest[0]))
    callLast(rest)
    return !carried.paused
  }
  const end = (...given: readonly unknown[]): ServerResponse => {
    if (res.writableEnded) return res
    const [chunk] = given
    begin()
    if (typeof chunk === 'string' || chunk instanceof Uint8Array) carried.data(bytesOf(chunk, given[1]))
    res.finished = true
    carried.end()
    process.nextTick(() => {
      callLast(given)
      res.emit('finish')
      res.emit('close')
    })
    return res
  }
  Object.defineProperties(res, {
    headersSent: { get: () => hasBegun },
    writeHead: { value: writeHead },
    flushHeaders: { value: begin },
    write: { value: write },
    end: { value: end },
  })
  return res
}

function bytesOf(chunk: string | Uint8Array, encoding: unknown): Buffer {
  if (typeof chunk === 'string') return Buffer.from(chunk, typeof encoding === 'string' && Buffer.isEncoding(encoding) ? encoding : 'utf8')
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
}

/** The callback that Node lets stand at the end of the arguments. */
function callLast(given: readonly unknown[]): void {
  const last = given.at(-1)
  if (typeof last === 'function') last()
}

/** As `writeHead` takes them: an object, a flat array, or an array of pairs. */
function setHeaders(res: ServerResponse, given: unknown): void {
  if (!isHeaders(given)) return
  if (!Array.isArray(given)) {
    for (const [name, value] of Object.entries(given)) if (value !== undefined) res.setHeader(name, value)
    return
  }
  const flat = given.flat()
  for (let at = 0; at + 1 < flat.length; at += 2) res.appendHeader(String(flat[at]), String(flat[at + 1]))
}

function isHeaders(given: unknown): given is OutgoingHttpHeaders | OutgoingHttpHeader[] {
  return typeof given === 'object' && given !== null
}

function headersOf(res: ServerResponse): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {}
  for (const [name, value] of Object.entries(res.getHeaders())) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value : String(value)
  }
  return headers
}
