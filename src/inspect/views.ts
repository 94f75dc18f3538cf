/** A text as a reader further on may read it, where each character still knows which ones of the text it came from. */
import { fold } from './decode.ts'

/** A reading of a text. */
export interface View {
  readonly text: string
  /** Where in the source each character begins, and where the last one ends; undefined where they are the same. */
  readonly at?: Uint32Array
}

/** What is undone at once, a character of several bytes whole (RFC 3986 §2.5); a text in several disguises is read once more. */
const DISGUISES =
  /((?:%|\\x)[c-fC-F][0-9a-fA-F](?:(?:%|\\x)[89abAB][0-9a-fA-F]){1,3})|%([0-9a-fA-F]{2})|\\u([0-9a-fA-F]{4})|\\u\{([0-9a-fA-F]{1,6})\}|\\x([0-9a-fA-F]{2})|&#x([0-9a-fA-F]{1,6});|&#([0-9]{1,7});|[\u00a0\u00aa\u00ad\u00b2\u00b3\u00b9\u017f\u180e\u2000-\u200c\u200e-\u218f\u2460-\u24ff\u3000-\u300f\ufe50-\uff5e\ufeff\u{1d400}-\u{1d7ff}]|\u200d|[\ufe00-\ufe0f]|[\u{e0020}-\u{e007e}]/gu

/** @returns the text with encoded and disguised characters as the plain ones they stand for; undefined when there are none. */
export function undisguise({ text, at }: View): View | undefined {
  return rewritten({ text, ...(at === undefined ? {} : { at }) }, DISGUISES, plainOf)
}

/** Line breaks within what was one word, with what continues a line in code and mail (`\`, `=`), and quoting marks. */
const BREAKS =
  /(?<=[A-Za-z0-9_\-+/.=~])(?:=|\\)?(?:\r?\n|\\r?\\n|\\n)[ \t]*(?:[>#*|] ?)?(?=[A-Za-z0-9_\-+/.=~])|["'`] *(?:\+|\.|&|,) *["'`]/g

/** @returns the text as it is without its line breaks and joined string literals; undefined when there are none. */
export function unbroken(view: View): View | undefined {
  return rewritten(view, BREAKS, () => '')
}

/** The stretch of the source that a stretch of the view came from. */
export function sourceOf({ at }: View, start: number, end: number): readonly [start: number, end: number] {
  return at === undefined ? [start, end] : [at[start] ?? start, at[end] ?? end]
}

function plainOf(match: RegExpExecArray): string {
  const [whole, character, percent, unit, point, byte, hex, decimal] = match
  if (character !== undefined) return fold(Buffer.from(character.replace(/%|\\x/g, ''), 'hex').toString('utf8'))
  const digits = percent ?? unit ?? point ?? byte ?? hex
  if (digits === undefined && decimal === undefined) return tagText(whole) ?? fold(whole)
  const value = digits === undefined ? Number(decimal) : Number.parseInt(digits, 16)
  return value > 0x10ffff ? whole : fold(String.fromCodePoint(value))
}

/** Tag characters spell ASCII that nobody sees (Unicode §23.9). */
function tagText(character: string): string | undefined {
  const point = character.codePointAt(0) ?? 0
  return point >= 0xe0020 && point <= 0xe007e ? String.fromCharCode(point - 0xe0000) : undefined
}

function rewritten({ text, at }: View, pattern: RegExp, plain: (match: RegExpExecArray) => string): View | undefined {
  pattern.lastIndex = 0
  let written = ''
  let kept = 0
  const origin = new Uint32Array(text.length + 1)
  const from = (index: number): number => at?.[index] ?? index
  const keep = (until: number): void => {
    for (let index = kept; index < until; index++) origin[written.length + index - kept] = from(index)
    written += text.slice(kept, until)
  }
  let isChanged = false
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const instead = plain(match)
    const length = match[0].length
    if (instead === match[0] || instead.length > length) continue
    keep(match.index)
    for (let index = 0; index < instead.length; index++) origin[written.length + index] = from(match.index)
    written += instead
    kept = match.index + length
    isChanged = true
  }
  if (!isChanged) return undefined
  keep(text.length)
  // An end is where the next character begins, or, behind what was left out, where the last one ended.
  origin[written.length] = from(text.length)
  return { text: written, at: origin.subarray(0, written.length + 1) }
}
