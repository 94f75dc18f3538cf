/** Orders to a model in what a server answers: facts on what a conversation has heard, nothing is taken out. */
import type { Finding } from '../core/finding.ts'
import { isObject, type JsonValue } from '../core/json.ts'
import { hiddenIn, ordersIn } from './instructions.ts'

/** Of one message so much is read: beyond, it counts as though it held orders, because they would be put there. */
const SPOKEN_MAX_CHARS = 256 * 1024
/** What was found is one fact, told in a few places. */
const FINDINGS_MAX = 4
/** Pictures and sounds, in base64. */
const BINARY = new Set(['data', 'blob'])
const TEXT_TYPE = /^text\/|[/+](?:json|xml|yaml)\b/
/** Some ten milliseconds. */
const PIECE_CHARS = 8 * 1024
/** Longer than a sentence. */
const OVERLAP_CHARS = 1_024
/** Shorter than any order. */
const TEXT_MIN_CHARS = 12

interface Reading {
  readonly found: Finding[]
  left: number
}

/** Reads a value through, and yields after every few milliseconds of that: others are waiting too. */
export function* spokenIn(value: JsonValue | undefined, pointer: string): Generator<undefined, readonly Finding[]> {
  const reading: Reading = { found: [], left: SPOKEN_MAX_CHARS }
  yield* read(value, pointer, reading)
  return reading.found
}

function* read(value: JsonValue | undefined, pointer: string, reading: Reading): Generator<undefined, void> {
  if (typeof value === 'string') yield* listen(value, pointer, reading)
  if (!Array.isArray(value) && !isObject(value)) return
  const isPacked = isObject(value) && typeof value['mimeType'] === 'string' && !TEXT_TYPE.test(value['mimeType'])
  for (const [name, member] of Object.entries(value)) {
    if (isPacked && BINARY.has(name)) continue
    if (!Array.isArray(value)) yield* listen(name, pointer, reading)
    yield* read(member, `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`, reading)
  }
}

function* listen(text: string, pointer: string, reading: Reading): Generator<undefined, void> {
  if (text.length < TEXT_MIN_CHARS || reading.found.length >= FINDINGS_MAX) return
  const hidden = hiddenIn(text)
  if (hidden !== undefined) tell(hidden, pointer, reading)
  // Piece by piece, all of it: of a definition the beginning counts, of a page of the web no part does more than another.
  for (let at = 0; at < text.length; at += PIECE_CHARS) {
    const piece = text.slice(at, at + PIECE_CHARS + OVERLAP_CHARS)
    if (reading.left < piece.length) {
      tell('instructions/unread', pointer, reading)
      return
    }
    const before = reading.left
    reading.left -= piece.length
    for (const detector of ordersIn(piece)) tell(detector, pointer, reading)
    if (Math.floor(before / PIECE_CHARS) !== Math.floor(reading.left / PIECE_CHARS)) yield
  }
}

function tell(detector: string, pointer: string, { found }: Reading): void {
  if (found.length >= FINDINGS_MAX || found.some((one) => one.detector === detector && one.pointer === pointer)) return
  found.push({ label: 'instructions', detector, pointer })
}
