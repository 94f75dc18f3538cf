/** Credentials that stand over several members, items or messages: the end of one text is how they begin, and the next ones complete them. */
import type { Span } from './assigned.ts'
import { isBeginning } from './glance.ts'

/**
 * How a text begins that was joined from several: as a credential does, or undefined.
 * @param first how long the first of them is
 * @returns what tells all of the credential in as much of the text as it is given; undefined while it is not complete, nothing (an empty span) where it is none
 */
export type SecretAt = (text: string, first: number) => ((text: string) => Span | undefined) | undefined

/** What of one text belongs to a credential that stands over several. */
export interface Part extends Span {
  readonly index: number
}

/** No credential that is joined has more characters, or stands in more texts. */
const STRETCH_CHARS = 2_048
const TEXTS_MAX = 64
/** So many tell how a credential begins: first three letters, then all of a beginning. */
const BEGINNING_CHARS = 3
const ANCHOR_CHARS = 40
/** Nor has one less. */
const SECRET_MIN = 16
/** What one message may cost, in characters read: some milliseconds. Whoever begins so many credentials means none of them. */
const READ_MAX_CHARS = 400_000

/** @param texts one after another, as a reader could join them. @returns in order, nothing twice. */
export function secretsAcross(texts: readonly string[], secretAt: SecretAt): readonly Part[] {
  const found: Part[] = []
  const tank = { left: READ_MAX_CHARS }
  let done = { index: 0, at: 0 }
  for (const [index, text] of texts.entries()) {
    if (index + 1 === texts.length || index < done.index) continue
    for (let at = startOfLastWord(text); at < text.length; at++) {
      if (!isWordStart(text, at) || (index === done.index && at < done.at)) continue
      if (text.length - at >= BEGINNING_CHARS && !isBeginning(text, at)) continue
      const parts = completed(texts, index, at, secretAt, tank)
      const last = parts.at(-1)
      if (last === undefined) continue
      for (const part of parts) found.push(part)
      done = { index: last.index, at: last.end }
      break
    }
  }
  return found
}

function startOfLastWord(text: string): number {
  const least = Math.max(0, text.length - STRETCH_CHARS)
  let start = text.length
  while (start > least && isOfWord(text.charCodeAt(start - 1))) start--
  return start
}

/** A letter or a digit that follows none. */
function isWordStart(text: string, at: number): boolean {
  return isLetterOrDigit(text.charCodeAt(at)) && !(at > 0 && isLetterOrDigit(text.charCodeAt(at - 1)))
}

/** @param at where it would begin. With as few of the texts behind it as complete it. */
function completed(texts: readonly string[], index: number, at: number, secretAt: SecretAt, tank: { left: number }): readonly Part[] {
  const first = texts[index]?.slice(at) ?? ''
  if (first.length < BEGINNING_CHARS && !isBeginning(runFrom(texts, index, first, BEGINNING_CHARS), 0)) return NOTHING
  const ending = secretAt(runFrom(texts, index, first, ANCHOR_CHARS), first.length)
  if (ending === undefined) return NOTHING
  const run = runFrom(texts, index, first, STRETCH_CHARS)
  if (run.length < SECRET_MIN) return NOTHING
  let joined = first
  for (let next = index + 1; next < texts.length && joined.length < run.length; next++) {
    joined = run.slice(0, joined.length + (texts[next]?.length ?? 0))
    if (joined.length < SECRET_MIN) continue
    tank.left -= joined.length
    const secret = tank.left < 0 ? { rule: 'too-much', start: 0, end: joined.length } : ending(joined)
    if (secret !== undefined) return secret.end > first.length ? partsOf(texts, index, at, secret) : NOTHING
  }
  return NOTHING
}

/** As far as nothing stands in it that no credential has. */
function runFrom(texts: readonly string[], index: number, first: string, chars: number): string {
  let run = first.slice(0, chars)
  for (let next = index + 1; next < texts.length && next < index + TEXTS_MAX && run.length < chars; next++) {
    const text = texts[next] ?? ''
    let end = 0
    while (end < text.length && run.length + end < chars && isOfWord(text.charCodeAt(end))) end++
    run += text.slice(0, end)
    if (end < text.length) break
  }
  return run
}

function partsOf(texts: readonly string[], index: number, at: number, { rule, end }: Span): readonly Part[] {
  const parts: Part[] = []
  let left = end
  for (let next = index, start = at; left > 0 && next < texts.length; next++, start = 0) {
    const length = Math.min(left, (texts[next]?.length ?? 0) - start)
    if (length > 0) parts.push({ rule, index: next, start, end: start + length })
    left -= length
  }
  return parts
}

const NOTHING: readonly Part[] = []

function isLetterOrDigit(unit: number): boolean {
  return (unit >= 0x61 && unit <= 0x7a) || (unit >= 0x41 && unit <= 0x5a) || (unit >= 0x30 && unit <= 0x39)
}

/** Letters, digits and `_-.+/=~%`. */
function isOfWord(unit: number): boolean {
  return (
    isLetterOrDigit(unit) ||
    (unit >= 0x2d && unit <= 0x2f) ||
    unit === 0x5f ||
    unit === 0x2b ||
    unit === 0x3d ||
    unit === 0x7e ||
    unit === 0x25
  )
}
