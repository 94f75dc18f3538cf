/** SQL as words: what is text, what is a comment, what is a sign. One pass, for every engine; where engines read differently, the reader says how. */

export type SqlTokenKind = 'word' | 'number' | 'text' | 'quoted' | 'comment' | 'sign' | 'parameter'

export interface SqlToken {
  readonly kind: SqlTokenKind
  /** Words in lower case; of texts and comments only their first characters. */
  readonly text: string
  /** Nothing stands between it and the one before. */
  readonly isGlued: boolean
  /** A text, a quoted name or a comment that does not end, or ends elsewhere for other engines. */
  readonly isOpen: boolean
}

/** How an engine reads; what is not told is not so. */
export interface SqlReading {
  /** A backslash escapes within texts. */
  readonly backslash?: boolean
  /** `#` begins a comment, and `--` only with a space behind it. */
  readonly hash?: boolean
  /** `$tag$ … $tag$` is a text; `@` and the backtick are operators, and what is not ASCII is part of a name (PostgreSQL §4.1). */
  readonly dollar?: boolean
  /** `[a name]` is a name. */
  readonly brackets?: boolean
  /** `q'[ … ]'` is a text, with quotes in it. */
  readonly q?: boolean
}

export const POSTGRES: SqlReading = { dollar: true }
export const MYSQL: SqlReading = { backslash: true, hash: true }
export const BRACKETS: SqlReading = { brackets: true }
export const ORACLE: SqlReading = { q: true }
export const PLAIN: SqlReading = {}

/** What has more words is not read to its end: what is left is told as one open text, and nobody takes that for harmless. */
export const TOKENS_MAX = 10_000
/** What is kept of texts and comments. */
const SHOWN_CHARS = 8

const WORD = /[A-Za-z_\u0080-\uffff@][\w$\u0080-\uffff@]*/y
const POSTGRES_WORD = /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y
const NUMBER = /0x[0-9a-fA-F]+|(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y
const DOLLAR = /\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y
/** Behind a text with backslashes another one that goes on in it, also behind comments (PostgreSQL §4.1.2.2). One way to read it: a comment is taken whole. */
const CONTINUED = /(?:\s|--[^'\r\n]*(?![^'\r\n]))*'/y
const Q_CLOSING: ReadonlyMap<string, string> = new Map([
  ['[', ']'],
  ['{', '}'],
  ['(', ')'],
  ['<', '>'],
])
/** Signs that begin no longer one. */
const SINGLE = new Set('(),;.+*%^?{}[]/')
const PARAMETER = /\$\d{1,5}/y
const SIGN = /<=>|->>|<>|!=|>=|<=|\|\||&&|::|:=|->|!~\*?|~\*?|[^\s]/y

/** MySQL runs what stands in such a comment. */
export const isExecutable = (token: SqlToken): boolean => token.kind === 'comment' && /^\/\*[!+M]/.test(token.text)

export function tokensOf(text: string, reading: SqlReading): readonly SqlToken[] {
  const tokens: SqlToken[] = []
  let last = -1
  for (let at = 0; at < text.length; ) {
    if (tokens.length === TOKENS_MAX) return [...tokens, { kind: 'text', text: '', isGlued: false, isOpen: true }]
    const letter = text[at] ?? ''
    if (letter <= ' ' || (letter === '\u00a0' && reading.dollar !== true)) {
      at++
      continue
    }
    const { kind, end, isOpen = false } = readOne(text, at, letter, reading)
    const shown = text.slice(at, kind === 'text' || kind === 'comment' ? Math.min(end, at + SHOWN_CHARS) : end)
    tokens.push({ kind, text: kind === 'word' ? shown.toLowerCase() : shown, isGlued: last === at, isOpen })
    at = end
    last = end
  }
  return tokens
}

interface Read {
  readonly kind: SqlTokenKind
  readonly end: number
  readonly isOpen?: boolean
}

function readOne(text: string, at: number, letter: string, reading: SqlReading): Read {
  if (letter === "'") return quotedFrom(text, at, "'", 'text', reading.backslash === true)
  if (letter === '"') return quotedFrom(text, at, '"', 'quoted', reading.backslash === true)
  if (letter === '`' && reading.dollar !== true) return quotedFrom(text, at, '`', 'quoted', false)
  if (letter === '[' && reading.brackets === true) return quotedFrom(text, at, ']', 'quoted', false)
  if ((letter === '#' && reading.hash === true) || startsLineComment(text, at, reading)) return lineComment(text, at)
  if (letter === '/' && text[at + 1] === '*') return comment(text, at)
  if (letter === '$') return dollarFrom(text, at, reading)
  const number = (letter >= '0' && letter <= '9') || letter === '.' ? endOf(NUMBER, text, at) : undefined
  if (number !== undefined) return { kind: 'number', end: number }
  const word = letter >= '@' ? endOf(reading.dollar === true ? POSTGRES_WORD : WORD, text, at) : undefined
  if (word === undefined) return { kind: 'sign', end: SINGLE.has(letter) ? at + 1 : (endOf(SIGN, text, at) ?? at + 1) }
  return prefixed(text, at, word, reading) ?? { kind: 'word', end: word }
}

/** A text or a name that a letter in front of it makes another kind of text or name. @param word where that letter ends. */
function prefixed(text: string, at: number, word: number, { q }: SqlReading): Read | undefined {
  if (text[word] !== "'" && text[word] !== '&') return undefined
  const prefix = text.slice(at, Math.min(word, at + 3)).toLowerCase()
  // E'…' of PostgreSQL knows backslashes; where it goes on behind a line end, so does what follows, for that engine alone.
  if (prefix === 'e' && text[word] === "'") {
    const read = quotedFrom(text, word, "'", 'text', true)
    return endOf(CONTINUED, text, read.end) === undefined ? read : { ...read, isOpen: true }
  }
  // U&"…" spells a name so that nobody sees which: an escape in it may be any character (PostgreSQL §4.1.2.3).
  if (prefix === 'u' && text[word + 1] === '"') return { ...quotedFrom(text, word + 1, '"', 'quoted', false), isOpen: true }
  if (q !== true || text[word] !== "'" || (prefix !== 'q' && prefix !== 'nq')) return undefined
  const opening = text[word + 1] ?? ''
  const found = text.indexOf(`${Q_CLOSING.get(opening) ?? opening}'`, word + 2)
  return { kind: 'text', end: found === -1 ? text.length : found + 2, isOpen: found === -1 }
}

function endOf(pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at
  return pattern.test(text) ? pattern.lastIndex : undefined
}

/** From quote to quote; a doubled one stands for itself. */
function quotedFrom(text: string, from: number, quote: string, kind: SqlTokenKind, backslash: boolean): Read {
  for (let at = from + 1; at < text.length; at++) {
    const letter = text[at]
    if (letter === '\\' && backslash) at++
    else if (letter === quote) {
      if (text[at + 1] !== quote) return { kind, end: at + 1 }
      at++
    }
  }
  return { kind, end: text.length, isOpen: true }
}

function startsLineComment(text: string, at: number, { hash }: SqlReading): boolean {
  return text[at] === '-' && text[at + 1] === '-' && (hash !== true || at + 2 >= text.length || (text[at + 2] ?? '') <= ' ')
}

/** A carriage return ends it for PostgreSQL, and is part of it for others. */
function lineComment(text: string, from: number): Read {
  const found = text.indexOf('\n', from)
  const end = found === -1 ? text.length : found
  const inner = text.indexOf('\r', from)
  return { kind: 'comment', end, isOpen: inner !== -1 && inner < end - 1 }
}

/** A comment within a comment is opened by some engines only: where it ends is open. */
function comment(text: string, from: number): Read {
  const found = text.indexOf('*/', from + 2)
  const end = found === -1 ? text.length : found + 2
  const inner = text.indexOf('/*', from + 2)
  return { kind: 'comment', end, isOpen: found === -1 || (inner !== -1 && inner < found) }
}

/** `$$ … $$` and `$tag$ … $tag$` of PostgreSQL, `$1`, or a sign. */
function dollarFrom(text: string, at: number, { dollar }: SqlReading): Read {
  const tag = dollar === true ? endOf(DOLLAR, text, at) : undefined
  if (tag !== undefined) {
    const found = text.indexOf(text.slice(at, tag), tag)
    return { kind: 'text', end: found === -1 ? text.length : found + tag - at, isOpen: found === -1 }
  }
  const parameter = endOf(PARAMETER, text, at)
  return parameter === undefined ? { kind: 'sign', end: at + 1 } : { kind: 'parameter', end: parameter }
}
