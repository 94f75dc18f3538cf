/** Server-Sent Events (HTML Standard §9.2), read from bytes split anywhere, and written so that no payload can break the framing. */
import { isUtf8 } from 'node:buffer'
import type { Message } from '../core/call.ts'
import { Denial } from '../core/denial.ts'
import { bytesOf } from './message.ts'

export interface SseEvent {
  /** `message` when the stream does not say. */
  readonly event: string
  /** Empty for an event that only sets an id: revision 2025-11-25 begins streams with one. */
  readonly data: string
  readonly id?: string
  /** Milliseconds before the client may connect again. */
  readonly retryMs?: number
}

/** A result of ten mebibytes is more than any model reads. */
const EVENT_MAX_BYTES = 10 * 1024 * 1024

const CR = 0x0d
const LF = 0x0a
const NO_BYTES = Buffer.alloc(0)

/** Reads one stream. */
export class SseDecoder {
  readonly #maxBytes: number
  /** The begun line: chunks that hold no line end yet. */
  #parts: Buffer[] = []
  /** Bytes of the begun event, its begun line included. */
  #size = 0
  #afterCr = false
  #first = true
  #data: string[] = []
  #event = ''
  #id: string | undefined
  #retryMs: number | undefined

  constructor(maxBytes: number = EVENT_MAX_BYTES) {
    this.#maxBytes = maxBytes
  }

  /**
   * The events that these bytes complete. What is begun when the stream ends is not an event.
   * @throws Denial `upstream_failed` when an event is too large or not UTF-8.
   */
  push(chunk: Uint8Array): SseEvent[] {
    const events: SseEvent[] = []
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    let start = 0
    // A CR that ended the last chunk may have its LF here.
    if (this.#afterCr && bytes.length > 0) {
      if (bytes[0] === LF) start = 1
      this.#afterCr = false
    }
    let cr = bytes.indexOf(CR, start)
    let lf = bytes.indexOf(LF, start)
    while (cr !== -1 || lf !== -1) {
      const end = cr !== -1 && (lf === -1 || cr < lf) ? cr : lf
      this.#line(bytes.subarray(start, end), events)
      start = end + 1
      if (end === cr) {
        if (start === bytes.length) this.#afterCr = true
        else if (bytes[start] === LF) start++
      }
      // Each kind is searched for again only when its last find is behind: linear over the chunk.
      if (cr !== -1 && cr < start) cr = bytes.indexOf(CR, start)
      if (lf !== -1 && lf < start) lf = bytes.indexOf(LF, start)
    }
    if (start < bytes.length) this.#begin(bytes.subarray(start))
    return events
  }

  #begin(part: Buffer): void {
    this.#grow(part.length)
    // The chunk's memory may be used again by its owner.
    this.#parts.push(Buffer.from(part))
  }

  #grow(bytes: number): void {
    this.#size += bytes
    if (this.#size > this.#maxBytes) throw new Denial('upstream_failed', { detail: 'an event of a stream is too large' })
  }

  #line(tail: Buffer, events: SseEvent[]): void {
    this.#grow(tail.length)
    const line = this.#parts.length === 0 ? tail : Buffer.concat([...this.#parts, tail])
    this.#parts = []
    if (!isUtf8(line)) throw new Denial('upstream_failed', { detail: 'a stream is not UTF-8' })
    let text = line.toString()
    if (this.#first && text.startsWith('\ufeff')) text = text.slice(1)
    this.#first = false
    if (text === '') this.#dispatch(events)
    else if (text.startsWith(':')) this.#size -= line.length
    else this.#field(text)
  }

  #field(line: string): void {
    const colon = line.indexOf(':')
    const name = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? '' : line.slice(line.charCodeAt(colon + 1) === 0x20 ? colon + 2 : colon + 1)
    switch (name) {
      case 'data':
        this.#data.push(value)
        break
      case 'event':
        this.#event = value
        break
      case 'id':
        if (!value.includes('\0')) this.#id = value
        break
      case 'retry':
        if (/^\d{1,9}$/.test(value)) this.#retryMs = Number(value)
        break
      default:
        break
    }
  }

  #dispatch(events: SseEvent[]): void {
    const said = this.#data.length > 0 || this.#id !== undefined || this.#retryMs !== undefined
    if (said) {
      events.push({
        event: this.#event === '' ? 'message' : this.#event,
        data: this.#data.join('\n'),
        ...(this.#id === undefined ? undefined : { id: this.#id }),
        ...(this.#retryMs === undefined ? undefined : { retryMs: this.#retryMs }),
      })
    }
    this.#data = []
    this.#event = ''
    this.#id = undefined
    this.#retryMs = undefined
    this.#size = 0
  }
}

const OPEN = Buffer.from('event: message\ndata: ')
const CLOSE = Buffer.from('\n\n')

/** A comment that keeps a quiet stream open; clients ignore it. */
export const SSE_KEEP_ALIVE: Uint8Array = Buffer.from(':\n\n')

/**
 * A message as one event. Its own bytes are sent when they are one line; else it is written anew.
 * @throws Denial `upstream_failed` when the id, taken from a stream of a server's, cannot be one.
 */
export function encodeEvent(message: Message, id?: string): Uint8Array {
  const bytes = bytesOf(message)
  const line = isOneLine(bytes) ? bytes : Buffer.from(JSON.stringify(message.body))
  const head = id === undefined ? NO_BYTES : Buffer.from(`id: ${checkedId(id)}\n`)
  return Buffer.concat([head, OPEN, line, CLOSE])
}

/** An event that only sets an id, or how long to wait before connecting again. */
export function encodeControl(fields: { readonly id?: string | undefined; readonly retryMs?: number | undefined }): Uint8Array {
  const id = fields.id === undefined ? '' : `id: ${checkedId(fields.id)}\n`
  const retry = fields.retryMs === undefined ? '' : `retry: ${Math.max(0, Math.trunc(fields.retryMs))}\n`
  return Buffer.from(`${id}${retry}data: \n\n`)
}

function isOneLine(bytes: Uint8Array): boolean {
  return bytes.indexOf(LF) === -1 && bytes.indexOf(CR) === -1
}

function checkedId(id: string): string {
  if (/[\r\n\0]/.test(id)) throw new Denial('upstream_failed', { detail: 'an event id breaks the framing' })
  return id
}
