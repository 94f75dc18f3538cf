/** The framing of stdio: one message per line, ended by LF and by nothing else (2026-07-28, basic/transports/stdio). */

const LF = 0x0a
/** How much of each end of a line that is too long is kept: enough to see the `id` there. */
const EDGE_BYTES = 128
/** A line that goes on for this many times the cap will never end: whoever writes it is stopped. */
const ENDLESS = 4

/** What is read, and what could not be. */
export interface LineHandlers {
  onLine(line: Buffer): void
  /** A line over the cap was skipped whole. */
  onTooLong(head: string, tail: string): void
  /** A line goes on without end; called once. */
  onEndless(): void
}

/** Cuts chunks into lines, holding at most one line of `maxBytes`. */
export class LineReader {
  readonly #maxBytes: number
  readonly #handlers: LineHandlers
  #parts: Buffer[] = []
  /** Bytes of the unfinished line, also those that were skipped. */
  #bytes = 0
  #head = ''
  #tail: Buffer = Buffer.alloc(0)
  #isSkipping = false

  constructor(maxBytes: number, handlers: LineHandlers) {
    this.#maxBytes = maxBytes
    this.#handlers = handlers
  }

  read(chunk: Buffer): void {
    let start = 0
    let end = chunk.indexOf(LF)
    while (end !== -1) {
      this.#finish(chunk.subarray(start, end))
      start = end + 1
      end = chunk.indexOf(LF, start)
    }
    if (start === chunk.length) return
    const limit = this.#maxBytes * ENDLESS
    const before = this.#bytes
    this.#keep(start === 0 ? chunk : chunk.subarray(start))
    if (before <= limit && this.#bytes > limit) this.#handlers.onEndless()
  }

  #finish(last: Buffer): void {
    if (this.#bytes === 0 && last.length <= this.#maxBytes) {
      if (last.length > 0) this.#handlers.onLine(last)
      return
    }
    this.#keep(last)
    const line = this.#parts
    const skipped = this.#isSkipping
    const tail = this.#tail
    this.#parts = []
    this.#bytes = 0
    this.#isSkipping = false
    if (skipped) this.#handlers.onTooLong(this.#head, tail.toString('latin1'))
    else this.#handlers.onLine(Buffer.concat(line))
  }

  #keep(part: Buffer): void {
    this.#bytes += part.length
    if (this.#isSkipping) {
      this.#tail = lastOf(this.#tail, part)
      return
    }
    this.#parts.push(part)
    if (this.#bytes <= this.#maxBytes) return
    const joined = Buffer.concat(this.#parts)
    this.#head = joined.toString('latin1', 0, EDGE_BYTES)
    this.#tail = Buffer.from(joined.subarray(-EDGE_BYTES))
    this.#parts = []
    this.#isSkipping = true
  }
}

function lastOf(before: Buffer, part: Buffer): Buffer {
  if (part.length >= EDGE_BYTES) return Buffer.from(part.subarray(-EDGE_BYTES))
  return Buffer.concat([before.subarray(-EDGE_BYTES), part]).subarray(-EDGE_BYTES)
}
