/** A text as readers further on may read it: what was encoded or disguised is undone, twice at most, in time linear in the text. */
import { isStated, type Label } from './labels.ts'

export interface Decoders {
  /** `%2e`, `%u2216`, and UTF-8 in more bytes than it needs. */
  readonly percent?: boolean
  /** `&#x2e;`, `&lt;` */
  readonly entities?: boolean
  /** `\u002e`, `\x2e` */
  readonly escapes?: boolean
  /** A whole text that is base64 of printable text. */
  readonly base64?: boolean
}

/** What was encoded twice is decoded twice; nobody decodes three times by mistake. */
const ROUNDS = 2

/**
 * Asks of the text as it is, then of every further reading of it, until a danger is told. What only `strict` states ends nothing: it would hide
 * the danger behind it from the other levels.
 * @param judge `round` is 0 for the text as it was sent.
 * @returns the danger, else the first that only `strict` states.
 */
export function readEveryWay(
  text: string,
  decoders: Decoders,
  judge: (view: string, round: number) => Label | undefined,
): Label | undefined {
  let view = text
  let found = judge(view, 0)
  for (let round = 1; !isDanger(found) && round <= ROUNDS; round++) {
    const next = decodeOnce(view, decoders)
    if (next === view) break
    view = next
    found = graver(found, judge(view, round))
  }
  const plain = decoders.base64 === true && !isDanger(found) ? base64Text(text) : undefined
  return plain === undefined ? found : graver(found, judge(plain, ROUNDS))
}

const isDanger = (label: Label | undefined): boolean => label !== undefined && isStated(label, 'standard')
const graver = (known: Label | undefined, other: Label | undefined): Label | undefined => (isDanger(other) ? other : (known ?? other))

function decodeOnce(text: string, { percent, entities, escapes }: Decoders): string {
  let view = text
  if (percent === true && view.includes('%')) view = decodePercent(view)
  if (entities === true && view.includes('&')) view = decodeEntities(view)
  if (escapes === true && view.includes('\\')) view = decodeEscapes(view)
  return fold(view)
}

const PERCENT = /%u([0-9a-fA-F]{4})|(?:%[0-9a-fA-F]{2})+/g

function decodePercent(text: string): string {
  return text.replace(PERCENT, (run: string, unit: string | undefined) =>
    unit === undefined ? looseUtf8(Buffer.from(run.replaceAll('%', ''), 'hex')) : String.fromCharCode(Number.parseInt(unit, 16)),
  )
}

/** UTF-8 as careless decoders read it: overlong forms stand for what they spell (RFC 3629 §10 forbids them), a stray byte for itself. */
function looseUtf8(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; ) {
    const lead = bytes[at] ?? 0
    const more = lead < 0xc0 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : lead < 0xf8 ? 3 : 0
    let point = more === 0 ? lead : lead & (0x3f >> more)
    let read = 0
    // A continuation with wrong upper bits (`%c0%2e`) is taken by its lower six.
    for (; read < more && at + read + 1 < bytes.length; read++) point = (point << 6) | ((bytes[at + read + 1] ?? 0) & 0x3f)
    const isWhole = read === more && point <= 0x10ffff
    text += String.fromCodePoint(isWhole ? point : lead)
    at += isWhole ? more + 1 : 1
  }
  return text
}

const NAMED: Readonly<Record<string, string>> = {
  lt: '<',
  gt: '>',
  amp: '&',
  quot: '"',
  apos: "'",
  colon: ':',
  tab: '\t',
  newline: '\n',
  lpar: '(',
  rpar: ')',
  sol: '/',
  bsol: '\\',
  period: '.',
  semi: ';',
  nbsp: ' ',
  equals: '=',
  grave: '`',
}
const ENTITY = /&(?:#x([0-9a-f]{1,8})|#([0-9]{1,9})|([a-z]{2,8}));?/gi

/** Character references (HTML §13.2.5.72), those that matter to syntax. */
function decodeEntities(text: string): string {
  return text.replace(ENTITY, (whole: string, hex: string | undefined, decimal: string | undefined, name: string | undefined) => {
    if (name !== undefined) return NAMED[name.toLowerCase()] ?? whole
    const point = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16)
    return point <= 0x10ffff ? String.fromCodePoint(point) : whole
  })
}

const ESCAPE = /\\(?:u([0-9a-fA-F]{4})|u\{([0-9a-fA-F]{1,6})\}|x([0-9a-fA-F]{2}))/g

function decodeEscapes(text: string): string {
  return text.replace(ESCAPE, (whole: string, unit: string | undefined, point: string | undefined, byte: string | undefined) => {
    const value = Number.parseInt(unit ?? point ?? byte ?? '', 16)
    return value <= 0x10ffff ? String.fromCodePoint(value) : whole
  })
}

const BASE64 = /^[A-Za-z0-9+/_-]{12,8192}={0,2}$/
const PRINTABLE = /^[\t\n\r\x20-\x7e]+$/

function base64Text(text: string): string | undefined {
  if (text.length < 12 || text.length > 8194 || !BASE64.test(text)) return undefined
  const plain = Buffer.from(text, 'base64').toString('latin1')
  return PRINTABLE.test(plain) ? plain : undefined
}

/** Each stands for what a best-fit conversion, a normalisation (NFKC) or a tired eye makes of it. */
const ALIKE: Readonly<Record<string, string>> = {
  '.': '\u2024\u3002\uff61\ufe52',
  '..': '\u2025',
  '...': '\u2026',
  '/': '\u2044\u2215\u29f8\u2571\u27cb',
  '\\': '\u2216\u29f5\u29f9\u2572\ufe68',
  "'": '\u2018\u2019\u201a\u201b\u2032\u02bc\u02b9\u02bb\u02c8\u00b4',
  '"': '\u201c\u201d\u201e\u201f\u2033\u02ba',
  '<': '\u2039\u3008\u27e8\u276e\ufe64',
  '>': '\u203a\u3009\u27e9\u276f\ufe65',
  ';': '\u037e\u204f\ufe54',
  ':': '\ua789\u2236\ufe55',
  '|': '\u2223\u01c0\u2758',
  '-': '\u2010\u2011\u2012\u2212\ufe63',
  '=': '\ua78a\ufe66',
  '(': '\u207d\u208d\ufe59',
  ')': '\u207e\u208e\ufe5a',
  '&': '\ufe60',
  $: '\ufe69',
  '%': '\ufe6a\u066a',
  '*': '\u2217\u204e\ufe61',
  ' ': '\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000\v\f',
  '': '\u00ad\u180e\u200b\u200c\u200d\u200e\u200f\u2060\u2061\u2062\u2063\u2064\ufeff\ufe00\ufe0e\ufe0f',
  k: '\u212a',
  s: '\u017f',
}
/** Blocks of which every letter is another one in disguise: ordinals, super- and subscripts, letter-like, numerals, circled, full width, mathematical. */
const BLOCKS = [
  [0xaa, 0xaa],
  [0xb2, 0xb3],
  [0xb9, 0xba],
  [0x2070, 0x209c],
  [0x2100, 0x214f],
  [0x2160, 0x217f],
  [0x2460, 0x24ea],
  [0xff01, 0xff5e],
  [0x1d400, 0x1d7ff],
] as const

/** By code point. */
const PLAIN: ReadonlyMap<number, string> = new Map([
  ...BLOCKS.flatMap(([from, to]) =>
    Array.from({ length: to - from + 1 }, (_, index) => [from + index, String.fromCodePoint(from + index).normalize('NFKC')] as const),
  ),
  ...Object.entries(ALIKE).flatMap(([plain, disguises]) =>
    [...disguises].map((disguise) => [disguise.codePointAt(0) ?? 0, plain] as const),
  ),
])
/** Overlong UTF-8 that somebody has already read as Latin-1. */
const MISREAD: ReadonlyMap<string, string> = new Map([
  ['\u00c0\u00ae', '.'],
  ['\u00c0\u00af', '/'],
  ['\u00c1\u009c', '\\'],
  ['\u00c0\u00bc', '<'],
  ['\u00c0\u00a7', "'"],
])
const FOREIGN = /[^\t\n\r\x20-\x7e]/

/** Disguised characters as the plain ones that they stand for; what is not there to be seen is taken out. */
export function fold(text: string): string {
  if (!FOREIGN.test(text)) return text
  let plain = ''
  let kept = 0
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit < 0x7f && unit !== 0x0b && unit !== 0x0c) continue
    const isPair = unit === 0xc0 || unit === 0xc1 || (unit >= 0xd800 && unit < 0xdc00)
    const width = isPair && at + 1 < text.length ? 2 : 1
    const instead = unit === 0xc0 || unit === 0xc1 ? MISREAD.get(text.slice(at, at + 2)) : PLAIN.get(text.codePointAt(at) ?? unit)
    if (instead === undefined) continue
    plain += text.slice(kept, at) + instead
    at += width - 1
    kept = at + 1
  }
  return kept === 0 ? text : plain + text.slice(kept)
}
