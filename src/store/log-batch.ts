/** How a batch of lines looks in a log file, and what is read out of a file that did not stay as it was written. */
import { crc32 } from 'node:zlib'
import { Fault } from '../core/denial.ts'

/*
 *     #1c291ca3 000000042⏎        header: CRC-32 of what follows, and how many bytes that are
 *     {"at":1,…}⏎                 the lines: JSON texts, which never contain a newline
 *     {"at":2,…}⏎
 *     ⏎                           an empty line, the last byte of the batch
 *
 * A batch is written with one call. Two things can be wrong with it, and they must not be taken for each other:
 * - It is **torn**: the writer was killed in the middle of the call, or the disk was full. Nobody was told that it is written, so nothing of
 *   it is ever read, also when other batches follow. A torn batch is shorter than its header says, and its last byte, so the empty line, is
 *   missing.
 * - It is **damaged**: somebody changed it. Every other batch that is not as its header says is, whether longer, shorter or of the same
 *   length. Its lines are read and marked, so that verification names the record that was changed. Were they skipped like a torn batch,
 *   an edit would look like a deletion; of the checksum, or of a line that nothing is chained to, it would not show at all.
 *
 * The checksum proves nothing against somebody who can compute one; that is what the journal's chain, seals and signatures do. Whoever makes
 * an acknowledged batch look torn has deleted it, and is found like anybody who deletes.
 *
 * Nothing within a batch looks like a header: a newline behind a digit would end a JSON text that has a `#` outside of a string. So a file is
 * cut into segments, from each header up to the next, and the cuts are the same from either end, whatever was torn in between.
 */

export const HEADER_BYTES = 20
/** As much as all that may wait for the journal, 8,192 events, with 16 KiB each: no reader has to hold more. */
export const BATCH_MAX_BYTES = 128 * 1024 * 1024

const CRC_DIGITS = 8
const LENGTH_DIGITS = 9
const HEADER = /^#[0-9a-f]{8} [0-9]{9}\n$/
/** What torn headers look like: they have everything but an end. They may stand behind any batch. */
const TORN_HEADERS = /(?:#(?:[0-9a-f]{0,8}|[0-9a-f]{8} [0-9]{0,9}))*$/
/** So many of them in a row: more are no accident. */
const TORN_MAX_BYTES = 32 * HEADER_BYTES
const HASH = 0x23
const NEWLINE = 0x0a
/** UTF-8 of one UTF-16 code unit. */
const UNIT_MAX_BYTES = 3
/** Kept between appends: batches of a busy gateway fit. */
const SCRATCH_BYTES = 256 * 1024

/** Writes batches into one buffer, over and over: a batch is valid until the next. */
export class BatchWriter {
  #scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES)

  /** @throws Fault `FAULT_STORE` when they are too many, or one of them is more than a line */
  batchOf(texts: readonly string[]): Buffer {
    let chars = 0
    for (const text of texts) {
      if (text.includes('\n')) throw new Fault('FAULT_STORE', 'A line of a log is JSON on one line; this text has a newline')
      chars += text.length
    }
    if (chars > BATCH_MAX_BYTES) throw tooLarge()
    const lines = `${texts.length === 1 ? (texts[0] ?? '') : texts.join('\n')}\n\n`
    const most = HEADER_BYTES + lines.length * UNIT_MAX_BYTES
    const bytes = most <= this.#scratch.length ? this.#scratch : Buffer.allocUnsafe(HEADER_BYTES + Buffer.byteLength(lines))
    const length = bytes.write(lines, HEADER_BYTES)
    if (length > BATCH_MAX_BYTES) throw tooLarge()
    const crc = crc32(bytes.subarray(HEADER_BYTES, HEADER_BYTES + length))
    bytes.write(`#${hexOf(crc)} ${String(length).padStart(LENGTH_DIGITS, '0')}\n`, 0, 'latin1')
    return bytes.subarray(0, HEADER_BYTES + length)
  }
}

function tooLarge(): Fault {
  return new Fault('FAULT_STORE', `These are more lines than one append may have, ${BATCH_MAX_BYTES} bytes; append fewer at a time`)
}

export function hexOf(crc: number): string {
  return crc.toString(16).padStart(CRC_DIGITS, '0')
}

export interface Header {
  readonly crc: number
  /** Of the lines, without the header. */
  readonly bytes: number
}

/** The header that stands at this place; undefined when none does. */
export function headerAt(bytes: Buffer, at: number): Header | undefined {
  if (bytes[at] !== HASH || bytes[at + HEADER_BYTES - 1] !== NEWLINE) return undefined
  const text = bytes.toString('latin1', at, at + HEADER_BYTES)
  if (!HEADER.test(text)) return undefined
  return { crc: Number.parseInt(text.slice(1, 1 + CRC_DIGITS), 16), bytes: Number(text.slice(2 + CRC_DIGITS, -1)) }
}

/** Whether the bytes behind a header are what it says. */
export function isWhole(header: Header, lines: Buffer): boolean {
  return lines.length === header.bytes && crc32(lines) === header.crc
}

/** What is read out of a segment. */
export interface Segment {
  readonly texts: readonly string[]
  /** The first so many are what was written. */
  readonly sound: number
}

const NOTHING: Segment = { texts: [], sound: 0 }

/** @param bytes from a header up to the next, or to the end of the file; or what stands in front of the first header */
export function readSegment(bytes: Buffer): Segment {
  const header = headerAt(bytes, 0)
  if (header === undefined) return readStray(bytes, [])
  const lines = bytes.subarray(HEADER_BYTES)
  const due = lines.subarray(0, header.bytes)
  if (isWhole(header, due)) return readStray(lines.subarray(header.bytes), textsOf(due))
  const batch = lines.length > header.bytes ? withoutTornHeaders(lines) : lines
  const isTorn = batch.length < header.bytes && !endsWhole(batch)
  return isTorn ? NOTHING : { texts: textsOf(lines), sound: 0 }
}

/** Behind a whole batch, or in front of all, stands nothing but torn headers. */
function readStray(bytes: Buffer, texts: readonly string[]): Segment {
  const isNothing = withoutTornHeaders(bytes).length === 0
  return { texts: isNothing ? texts : [...texts, ...textsOf(bytes)], sound: texts.length }
}

function withoutTornHeaders(bytes: Buffer): Buffer {
  const from = Math.max(0, bytes.length - TORN_MAX_BYTES)
  const torn = TORN_HEADERS.exec(bytes.toString('latin1', from))?.[0] ?? ''
  return bytes.subarray(0, bytes.length - torn.length)
}

function endsWhole(lines: Buffer): boolean {
  return lines.length > 1 && lines.at(-1) === NEWLINE && lines.at(-2) === NEWLINE
}

export function textsOf(lines: Buffer): readonly string[] {
  const text = lines.toString()
  return text.slice(0, text.endsWith('\n\n') ? -2 : text.endsWith('\n') ? -1 : undefined).split('\n')
}
