/** Reads a log file in either direction, a window at a time. */
import { fstatSync, readSync } from 'node:fs'
import { Fault } from '../core/denial.ts'
import type { JsonValue } from '../core/json.ts'
import { BATCH_MAX_BYTES, HEADER_BYTES, headerAt, isWhole, readSegment, type Segment, textsOf } from './log-batch.ts'
import type { Line, Stretch } from './store.ts'

const PAGE_LINES = 1_000
/** Some 400 events. */
const WINDOW_BYTES = 256 * 1024
export const SCRATCH_BYTES = 2 * WINDOW_BYTES
const NEWLINE = 0x0a
/** A position: where the segment of a line begins, and which of its lines it is. Of fixed width, so that they sort as text. */
const OFFSET_DIGITS = 16
const INDEX_DIGITS = 8
const POSITION = /^([0-9]{16})-([0-9]{8})$/

/** A segment and where it stands. */
interface Placed extends Segment {
  readonly at: number
  readonly end: number
}

export interface Place {
  readonly at: number
  readonly index: number
}

/**
 * The lines of a stretch. The file may grow meanwhile; what grows is not seen.
 * @param scratch to read into, of `SCRATCH_BYTES`: used only until this returns
 * @param base what the positions of this file begin with
 * @throws Fault `FAULT_STORE` for a position that this log never gave; whatever the file system throws.
 */
export function readStretch(file: number, stretch: Stretch, scratch: Buffer, base = 0): readonly Line[] {
  const after = stretch.after === undefined ? undefined : placeOf(stretch.after, base)
  const before = stretch.before === undefined ? undefined : placeOf(stretch.before, base)
  const { last } = stretch
  const reader = new LogReader(file, last !== undefined, scratch, base)
  if (last === undefined) return readFirst(reader, after, before, stretch.limit ?? PAGE_LINES)
  return readLast(reader, after, before, last)
}

function readFirst(reader: LogReader, after: Place | undefined, before: Place | undefined, limit: number): readonly Line[] {
  const lines: Line[] = []
  for (let at = after?.at ?? 0; at < reader.end && (before === undefined || at <= before.at); ) {
    const segment = reader.segmentAt(at)
    const to = at === before?.at ? Math.min(before.index, segment.texts.length) : segment.texts.length
    for (let index = at === after?.at ? after.index + 1 : 0; index < to; index++) {
      if (lines.length >= limit) return lines
      lines.push(lineOf(segment, index, reader.base))
    }
    at = segment.end
  }
  return lines
}

function readLast(reader: LogReader, after: Place | undefined, before: Place | undefined, last: number): readonly Line[] {
  const lines: Line[] = []
  const from = after?.at ?? 0
  // The segment of `before` may have lines in front of it.
  let end = before === undefined || before.at >= reader.end ? reader.end : reader.segmentAt(before.at).end
  while (end > from && lines.length < last) {
    const segment = reader.segmentBefore(end)
    const { at, texts } = segment
    end = at
    if (before !== undefined && at > before.at) continue
    const first = at === after?.at ? after.index + 1 : 0
    let index = at === before?.at ? Math.min(before.index, texts.length) : texts.length
    while (--index >= first && lines.length < last) lines.push(lineOf(segment, index, reader.base))
  }
  return lines.reverse()
}

class LogReader {
  /** Where the file ended when it was opened to be read. */
  readonly end: number
  readonly base: number
  readonly #file: number
  readonly #isBackward: boolean
  readonly #scratch: Buffer
  #window: Buffer = Buffer.alloc(0)
  #windowAt = 0

  constructor(file: number, isBackward: boolean, scratch: Buffer, base: number) {
    this.base = base
    this.#file = file
    this.#isBackward = isBackward
    this.#scratch = scratch
    this.end = fstatSync(file).size
  }

  /** The segment that begins here. @throws Fault `FAULT_STORE` when none does */
  segmentAt(at: number): Placed {
    const header = this.#headerAt(at)
    if (header === undefined && at > 0) throw notPosition()
    const end = at + HEADER_BYTES + (header?.bytes ?? 0)
    // As it nearly always is: the batch is whole, and another stands behind it, or nothing.
    if (header !== undefined && header.bytes <= BATCH_MAX_BYTES && end <= this.end) {
      const lines = this.#bytes(at + HEADER_BYTES, end)
      if (isWhole(header, lines)) {
        const texts = textsOf(lines)
        if (end === this.end || this.#headerAt(end) !== undefined) return { at, end, texts, sound: texts.length }
      }
    }
    return this.#cut(at, this.#searchForward(at + 1))
  }

  /** The segment that ends here. */
  segmentBefore(end: number): Placed {
    return this.#cut(this.#searchBackward(end), end)
  }

  #cut(at: number, end: number): Placed {
    // No batch is that large: it is one bad line, however much of it there is.
    if (end - at > HEADER_BYTES + BATCH_MAX_BYTES) return { at, end, texts: [''], sound: 0 }
    return { at, end, ...readSegment(this.#bytes(at, end)) }
  }

  #headerAt(at: number): ReturnType<typeof headerAt> {
    return at + HEADER_BYTES > this.end ? undefined : headerAt(this.#bytes(at, at + HEADER_BYTES), 0)
  }

  /** Where the first header from here on begins; the end when there is none. */
  #searchForward(from: number): number {
    for (let start = from; start < this.end; ) {
      const stop = Math.min(start + WINDOW_BYTES, this.end)
      const bytes = this.#bytes(start, stop)
      for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, at + 1)) {
        const found = at + 1 - HEADER_BYTES
        if (found >= 0 && headerAt(bytes, found) !== undefined) return start + found
      }
      // A header may stand across two windows.
      start = stop === this.end ? stop : stop + 1 - HEADER_BYTES
    }
    return this.end
  }

  /** Where the last header in front of this begins; 0 when there is none. */
  #searchBackward(to: number): number {
    for (let stop = to; stop > 0; ) {
      const isNear = this.#isLoaded(stop - HEADER_BYTES, stop)
      const start = isNear ? this.#windowAt : Math.max(0, stop - WINDOW_BYTES)
      // With what was searched in vain, if that is little: it is the end of the same segment, which is read next.
      if (!isNear && to - stop < WINDOW_BYTES) this.#bytes(start, to)
      const bytes = this.#bytes(start, stop)
      for (let at = bytes.lastIndexOf(NEWLINE); at >= HEADER_BYTES - 1; at = bytes.lastIndexOf(NEWLINE, at - 1)) {
        const found = at + 1 - HEADER_BYTES
        if (headerAt(bytes, found) !== undefined) return start + found
      }
      stop = start === 0 ? 0 : start - 1 + HEADER_BYTES
    }
    return 0
  }

  /** Valid until the next call. */
  #bytes(from: number, to: number): Buffer {
    if (!this.#isLoaded(from, to)) this.#load(from, to)
    return this.#window.subarray(from - this.#windowAt, to - this.#windowAt)
  }

  #isLoaded(from: number, to: number): boolean {
    return from >= this.#windowAt && to <= this.#windowAt + this.#window.length
  }

  #load(from: number, to: number): void {
    const start = this.#isBackward ? Math.max(0, Math.min(from, to - WINDOW_BYTES)) : from
    const stop = this.#isBackward ? to : Math.min(this.end, Math.max(to, from + WINDOW_BYTES))
    // Fresh memory for each window would cost more than reading it.
    const bytes = stop - start <= this.#scratch.length ? this.#scratch.subarray(0, stop - start) : Buffer.allocUnsafe(stop - start)
    for (let done = 0; done < bytes.length; ) {
      const read = readSync(this.#file, bytes, done, bytes.length - done, start + done)
      if (read === 0) throw new Fault('FAULT_STORE', 'The log was cut while it was read: see who writes to its file, then read it again')
      done += read
    }
    this.#window = bytes
    this.#windowAt = start
  }
}

function lineOf({ at, texts, sound }: Placed, index: number, base: number): Line {
  return new LogLine(base + at, index, texts[index] ?? '', index < sound)
}

interface Parsed {
  readonly value: JsonValue
  readonly isJson: boolean
}

/** Parsed when it is asked for: a report over a million lines looks at the text of most of them, and parsing would be most of its work. */
class LogLine implements Line {
  readonly text: string
  readonly at: number
  readonly index: number
  readonly isSound: boolean
  #parsed: Parsed | undefined

  constructor(at: number, index: number, text: string, isSound: boolean) {
    this.at = at
    this.index = index
    this.text = text
    this.isSound = isSound
  }

  get position(): string {
    return `${String(this.at).padStart(OFFSET_DIGITS, '0')}-${String(this.index).padStart(INDEX_DIGITS, '0')}`
  }

  get value(): JsonValue {
    return this.#parse().value
  }

  get isDamaged(): true | undefined {
    return this.isSound && this.#parse().isJson ? undefined : true
  }

  #parse(): Parsed {
    this.#parsed ??= parseJson(this.text)
    return this.#parsed
  }
}

function parseJson(text: string): Parsed {
  try {
    return { value: JSON.parse(text) as JsonValue, isJson: true } // the type of whatever JSON.parse returns
  } catch {
    return { value: null, isJson: false }
  }
}

/** @throws Fault `FAULT_STORE` for what is no position */
export function placeOf(position: string, base = 0): Place {
  const [, at, index] = POSITION.exec(position) ?? []
  if (at === undefined || index === undefined) throw notPosition()
  return { at: Number(at) - base, index: Number(index) }
}

function notPosition(): Fault {
  return new Fault('FAULT_STORE', 'This is not a position of the log')
}
