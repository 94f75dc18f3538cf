/** Reads a request's body within its bounds, and says what is wrong with its media types. */
import type { IncomingMessage } from 'node:http'
import { Denial, Fault } from '../core/denial.ts'

/**
 * Reads the whole body once.
 * @throws Denial `too_large` as soon as it is known to be, `slow_request`; Fault `FAULT_BODY` when somebody in this process has read of it.
 */
export function readBody(req: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  // Nothing more would be told of either: whoever waited for it would wait for ever.
  if (req.readableDidRead || req.readableEnded) return Promise.reject(takenBody())
  if (req.destroyed) return Promise.reject(notWhole('the caller has gone'))
  const announced = req.headers['content-length']
  if (announced !== undefined && Number(announced) > maxBytes) return Promise.reject(tooLarge(maxBytes))
  return new Promise((resolve, reject) => {
    let first: Buffer | undefined
    let rest: Buffer[] | undefined
    let size = 0
    req.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > maxBytes) {
        req.removeAllListeners('data')
        reject(tooLarge(maxBytes))
        return
      }
      if (first === undefined) first = chunk
      else if (rest === undefined) rest = [first, chunk]
      else rest.push(chunk)
    })
    req.on('end', () => resolve(rest === undefined ? (first ?? EMPTY) : Buffer.concat(rest, size)))
    // Node tells an end before the end as an error; it comes from the caller, not from us.
    req.on('error', (error) => reject(notWhole(error)))
  })
}

const EMPTY = new Uint8Array(0)

/** Not the caller's doing, and nothing that trying again would mend. */
export const takenBody = (): Fault =>
  new Fault(
    'FAULT_BODY',
    'The body of a request was read before the guard could: put the guard in front of what reads bodies, as express.json() does, or leave its paths out there',
  )

/**
 * The same of a body that comes as a stream of the Web, as that of a `Request`. What it announces is believed when that is too much, and
 * never when it is little. @throws Denial `too_large` as soon as it is known to be, `slow_request`; Fault `FAULT_BODY`.
 */
export async function readStream(body: ReadableStream<unknown>, announced: string | undefined, maxBytes: number): Promise<Uint8Array> {
  if (announced !== undefined && Number(announced) > maxBytes) throw tooLarge(maxBytes)
  const reader = readerOf(body)
  const chunks: Uint8Array[] = []
  for (let size = 0; ; ) {
    const { done, value } = await reader.read().catch((error: unknown) => Promise.reject(notWhole(error)))
    if (done) break
    // Whoever makes a Request may put any stream into it, and only bytes can be counted.
    const isBytes = value instanceof Uint8Array
    if (isBytes) size += value.byteLength
    if (isBytes && size <= maxBytes) {
      // Any number of empty ones are no bytes, but would be memory.
      if (value.byteLength > 0) chunks.push(value)
      continue
    }
    // Nobody waits for that: a source which cannot be stopped must not hold the refusal.
    reader.cancel().catch(() => undefined)
    throw isBytes ? tooLarge(maxBytes) : notWhole(new TypeError('it is not made of bytes'))
  }
  const [first] = chunks
  return chunks.length > 1 ? Buffer.concat(chunks) : (first ?? EMPTY)
}

/** Somebody who reads it already leaves nothing to read. */
function readerOf(body: ReadableStream<unknown>): ReadableStreamDefaultReader<unknown> {
  try {
    return body.getReader()
  } catch {
    throw takenBody()
  }
}

const notWhole = (error: unknown): Denial =>
  new Denial('slow_request', { detail: `the body did not arrive whole: ${error instanceof Error ? error.message : String(error)}` })

function tooLarge(maxBytes: number): Denial {
  return new Denial('too_large', { detail: `the body is over limits.request.maxBytes (${maxBytes})` })
}

/** JSON in UTF-8, and both kinds of answer welcome (2026-07-28, basic/transports/streamable-http "Sending Messages"). */
export function mediaFlaw(req: IncomingMessage): Denial | undefined {
  const type = req.headers['content-type']
  if (type !== 'application/json' && !isJson(type))
    return new Denial('media_type', { detail: `Content-Type is ${JSON.stringify(type?.slice(0, 100))}` })
  const encoding = req.headers['content-encoding']
  if (encoding !== undefined && encoding !== 'identity')
    return new Denial('media_type', { detail: 'there is a Content-Encoding', isOfForm: true })
  const accept = req.headers.accept
  if (accept === undefined || accept === 'application/json, text/event-stream') return undefined
  const accepted = accept.toLowerCase()
  if (accepted.includes('*/*') || (accepted.includes('application/json') && accepted.includes('text/event-stream'))) return undefined
  return new Denial('not_acceptable', { detail: `Accept is ${JSON.stringify(accept.slice(0, 100))}` })
}

/** `application/json`, with no parameter but `charset=utf-8` (RFC 8259 §8.1, §11). */
function isJson(type: string | undefined): boolean {
  return type !== undefined && /^application\/json[ \t]*(;[ \t]*charset[ \t]*=[ \t]*"?utf-8"?[ \t]*)?$/i.test(type)
}
