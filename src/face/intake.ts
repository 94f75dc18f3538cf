/** Reads a request's body within its bounds, and says what is wrong with its media types. */
import type { IncomingMessage } from 'node:http'
import { Denial } from '../core/denial.ts'

/** Reads the whole body once. @throws Denial `too_large` as soon as it is known to be. */
export function readBody(req: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
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
    req.on('error', (error) => reject(new Denial('slow_request', { detail: `the body did not arrive whole: ${error.message}` })))
  })
}

const EMPTY = new Uint8Array(0)

function tooLarge(maxBytes: number): Denial {
  return new Denial('too_large', { detail: `the body is over limits.request.maxBytes (${maxBytes})` })
}

/** JSON in UTF-8, and both kinds of answer welcome (2026-07-28, basic/transports/streamable-http "Sending Messages"). */
export function mediaFlaw(req: IncomingMessage): Denial | undefined {
  const type = req.headers['content-type']
  if (type !== 'application/json' && !isJson(type))
    return new Denial('media_type', { detail: `Content-Type is ${JSON.stringify(type?.slice(0, 100))}` })
  const encoding = req.headers['content-encoding']
  if (encoding !== undefined && encoding !== 'identity') return new Denial('media_type', { detail: 'the body is encoded' })
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
