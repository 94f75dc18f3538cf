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
/** Where one text ends and the next begins: so much of either is read as one, because a model does. */
const SEAM_CHARS = 400
/** Of all seams of one message; beyond, as beyond `SPOKEN_MAX_CHARS`. */
const SEAMS_MAX_CHARS = 256 * 1024
/** Members that are shown one after the other: blocks of content, messages of a prompt, what is told along the way. */
const SHOWN = new Set(['text', 'message', 'data'])
/** Bare texts of a list that are read as one. */
const LIST_MAX_CHARS = 8 * 1024

interface Reading {
  readonly found: Finding[]
  left: number
  seamsLeft: number
  before: Tail
}

/** The end of what was said before: with spaces between what was said, and without, for a word may be broken too. */
export interface Tail {
  readonly spaced: string
  readonly glued: string
}

export const SILENCE: Tail = { spaced: '', glued: '' }

/** What one message says, and how it ends: the next of the same call goes on from there. */
export interface Spoken {
  readonly found: readonly Finding[]
  readonly end: Tail
}

/**
 * Reads a value through, and yields after every few milliseconds of that: others are waiting too.
 * @param before how the last message of the same call ended: an order may be said in two halves, in two blocks or two messages.
 */
export function* spokenIn(value: JsonValue | undefined, pointer: string, before: Tail = SILENCE): Generator<undefined, Spoken> {
  const reading: Reading = { found: [], left: SPOKEN_MAX_CHARS, seamsLeft: SEAMS_MAX_CHARS, before }
  yield* read(value, pointer, reading)
  return { found: reading.found, end: reading.before }
}

function* read(value: JsonValue | undefined, pointer: string, reading: Reading): Generator<undefined, void> {
  if (typeof value === 'string') yield* listen(value, pointer, reading)
  if (!Array.isArray(value) && !isObject(value)) return
  const isPacked = isObject(value) && typeof value['mimeType'] === 'string' && !TEXT_TYPE.test(value['mimeType'])
  if (Array.isArray(value)) yield* listenToList(value, pointer, reading)
  for (const [name, member] of Object.entries(value)) {
    if (isPacked && BINARY.has(name)) continue
    const place = `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
    if (!Array.isArray(value)) yield* listen(name, pointer, reading)
    yield* read(member, place, reading)
    if (SHOWN.has(name) && typeof member === 'string') yield* goOn(member, place, reading)
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

/** Texts of a list, as one: a sentence may be handed out word by word. What the single ones say is told where it stands. */
function* listenToList(list: readonly JsonValue[], pointer: string, reading: Reading): Generator<undefined, void> {
  const texts = list.filter((item) => typeof item === 'string')
  const joined = texts.join(' ')
  if (texts.length < 2 || joined.length > LIST_MAX_CHARS) return
  yield* seam(joined, pointer, reading)
}

/** What was shown before, and this, as one. */
function* goOn(text: string, pointer: string, reading: Reading): Generator<undefined, void> {
  const { spaced, glued } = reading.before
  const start = text.slice(0, SEAM_CHARS)
  reading.before = { spaced: `${spaced} ${text}`.slice(-SEAM_CHARS), glued: (glued + text).slice(-SEAM_CHARS) }
  if (spaced === '') return
  yield* seam(`${spaced} ${start}`, pointer, reading)
  if (/[\p{L}\p{N}]$/u.test(glued) && /^[\p{L}\p{N}]/u.test(start)) yield* seam(glued + start, pointer, reading)
}

function* seam(joined: string, pointer: string, reading: Reading): Generator<undefined, void> {
  if (reading.found.length >= FINDINGS_MAX) return
  if (reading.seamsLeft < joined.length) {
    tell('instructions/unread', pointer, reading)
    return
  }
  const before = reading.seamsLeft
  reading.seamsLeft -= joined.length
  const known = new Set(reading.found.map(({ detector }) => detector))
  for (const detector of ordersIn(joined)) if (!known.has(detector)) tell(detector, pointer, reading)
  if (Math.floor(before / PIECE_CHARS) !== Math.floor(reading.seamsLeft / PIECE_CHARS)) yield
}

function tell(detector: string, pointer: string, { found }: Reading): void {
  if (found.length >= FINDINGS_MAX || found.some((one) => one.detector === detector && one.pointer === pointer)) return
  found.push({ label: 'instructions', detector, pointer })
}
