/** Which texts of a message follow on one another: values, names with their values, and what was said before. */
import type { Body } from '../core/call.ts'
import type { JsonObject, JsonValue } from '../core/json.ts'
import { type SecretAt, secretsAcross } from './joints.ts'
import { FIXED, kindOf, type Leaf, pointerTo, SEALED } from './leaves.ts'

/** What was said last in a stream, and is remembered for what is said next. */
export interface Tail {
  /** Texts that are shown after one another. */
  readonly shown: string
  /** All of them, and what stood in objects and arrays, one by one. */
  readonly all: readonly string[]
}

export const NOTHING_BEFORE: Tail = { shown: '', all: [] }

interface Piece {
  readonly container: JsonObject | readonly JsonValue[]
  readonly token: string
  readonly pointer: string
  readonly isName: boolean
  readonly text: string
}

/** Deeper than any parser in front lets through. */
const DEPTH_MAX = 256
/** What says of which form a message or a block is, and nothing else. Objects that a server forms by itself have none. */
const FORM = new Set(['type', 'mimeType', 'role', 'level', 'logger', 'resultType', 'progressToken', 'requestId', 'taskId', 'lastModified'])
const FREE = new Set(['/result/structuredContent', '/params/data', '/error/data'])
const PACKED = new Set(['data', 'blob'])
/** Deeper stands nothing that goes back to its server as it is. */
const FIXED_DEPTH_MAX = 3

/** All texts of a message that somebody could join, in order. */
function piecesOf({ result, error, params }: Body): readonly Piece[] {
  const pieces: Piece[] = []
  for (const [root, value] of [
    ['/result', result],
    ['/error', error],
    ['/params', params],
  ] as const)
    if (value !== undefined) take(value as JsonObject, root, 0, false, pieces)
  return pieces
}

function take(container: JsonObject | readonly JsonValue[], pointer: string, depth: number, isFree: boolean, pieces: Piece[]): void {
  if (depth > DEPTH_MAX) return
  const isNamed = !Array.isArray(container)
  for (const [token, value] of Object.entries(container)) {
    if (isNamed && isFree) pieces.push({ container, token, pointer, isName: true, text: token })
    if (typeof value === 'string') {
      if (value === '' || (!isFree && isForm(container, token))) continue
      const at = pointerTo(pointer, token)
      if (depth <= FIXED_DEPTH_MAX && (at === SEALED || FIXED.test(at))) continue
      pieces.push({ container, token, pointer: at, isName: false, text: value })
    } else if (typeof value === 'object' && value !== null) {
      const at = pointerTo(pointer, token)
      take(value as JsonObject, at, depth + 1, isFree || (depth === 0 && FREE.has(at)), pieces)
    }
  }
}

function isForm(container: Piece['container'], token: string): boolean {
  return FORM.has(token) || (PACKED.has(token) && 'mimeType' in container)
}

/** The ways to read on: all values; names and values in turn; what is structured right behind what was said before. */
function* orders(pieces: readonly Piece[], hasBefore: boolean): Generator<readonly Piece[]> {
  const values = pieces.filter(({ isName }) => !isName)
  yield values
  if (values.length < pieces.length) yield pieces
  const structured = hasBefore ? values.findIndex(({ pointer }) => pointer.startsWith('/result/structuredContent/')) : -1
  if (structured > 0) yield values.slice(structured)
}

/** Whether a credential stands over several texts of a message, or over what was said before. */
export function isJoined(body: Body, { all }: Tail, secretAt: SecretAt): boolean {
  for (const order of orders(piecesOf(body), all.length > 0))
    if (secretsAcross([...all, ...order.map(({ text }) => text)], secretAt).length > 0) return true
  return false
}

/** What of such credentials each of the texts holds. */
export function joinedIn(body: Body, { all }: Tail, secretAt: SecretAt): readonly Leaf[] {
  const found: Leaf[] = []
  for (const order of orders(piecesOf(body), all.length > 0)) {
    for (const { index, rule, start, end } of secretsAcross([...all, ...order.map(({ text }) => text)], secretAt)) {
      const piece = order[index - all.length]
      if (piece === undefined) continue
      const { container, token, pointer, isName, text } = piece
      const kind = isName ? 'name' : kindOf(token, pointer, text)
      found.push({
        container,
        token,
        pointer,
        kind,
        text,
        encoding: 'utf8',
        hits: [{ label: 'secret', rule: `split/${rule}`, start, end }],
      })
    }
  }
  return found
}

/** How much of what was said before is remembered for what is said next, characters. */
const TAIL_CHARS = 2_048
const TAIL_TEXTS = 64

/** @param shown of this message */
export function tailAfter(body: Body, before: Tail, shown: string): Tail {
  const told = piecesOf(body).filter(({ isName }) => !isName)
  const all: string[] = []
  let left = TAIL_CHARS
  for (const text of [...before.all, ...told.map((piece) => piece.text)].slice(-TAIL_TEXTS).toReversed()) {
    if (left <= 0) break
    all.unshift(text.slice(-left))
    left -= text.length
  }
  return { shown: (before.shown + shown).slice(-TAIL_CHARS), all }
}

/** Whether anything is remembered. */
export const isEmpty = ({ shown, all }: Tail): boolean => shown === '' && all.length === 0
