/** A regular expression as its position automaton (Glushkov 1961): one position for each character that it reads, and which may come next. */

/** Repetitions that are counted are written out; more of them than this are taken for a star, which they are in time. */
const COPIES_MAX = 3
const STAR_FROM = 10
const POSITIONS_MAX = 200
const ATOMS_MAX = 10_000
const DEPTH_MAX = 100

/** Which of the 128 ASCII characters, and whether any other. */
type Chars = readonly [number, number, number, number, number]

export interface Automaton {
  readonly size: number
  readonly follow: readonly (readonly number[])[]
  /** A repetition leads from one position to another where a way led already: each turn of it doubles the ways (`(a+)+`). */
  readonly isDoubled: boolean
  /** Whether some character can be read at both positions. */
  overlaps(left: number, right: number): boolean
}

interface Piece {
  readonly isEmpty: boolean
  readonly first: readonly number[]
  readonly last: readonly number[]
}

const NOTHING: Piece = { isEmpty: true, first: [], last: [] }
const ANY: Chars = [-1, -1, -1, -1, 1]
const NONE: Chars = [0, 0, 0, 0, 0]

/** @param meter what is read and joined is counted there. @returns undefined when it is no regular expression. */
export function parsePattern(text: string, meter: { spent: number }): Automaton | 'too large' | undefined {
  const parser = new Parser(text, meter)
  try {
    parser.alternatives(0)
  } catch (error) {
    if (error instanceof TooLarge) return 'too large'
    if (error instanceof NoPattern) return undefined
    throw error
  }
  if (parser.at < text.length) return undefined
  const { chars } = parser
  const follow = parser.follow.map((set) => [...set])
  const overlaps = (left: number, right: number): boolean => haveCommon(chars[left] ?? NONE, chars[right] ?? NONE)
  return { size: chars.length, follow, isDoubled: parser.isDoubled, overlaps }
}

class TooLarge extends Error {}
class NoPattern extends Error {}

class Parser {
  readonly chars: Chars[] = []
  readonly follow: Set<number>[] = []
  readonly text: string
  isDoubled = false
  at = 0
  private readonly meter: { spent: number }
  private atoms = 0

  constructor(text: string, meter: { spent: number }) {
    this.text = text
    this.meter = meter
  }

  alternatives(depth: number): Piece {
    if (depth > DEPTH_MAX) throw new TooLarge()
    let piece = this.sequence(depth)
    while (this.text[this.at] === '|') {
      this.at++
      const other = this.sequence(depth)
      piece = { isEmpty: piece.isEmpty || other.isEmpty, first: [...piece.first, ...other.first], last: [...piece.last, ...other.last] }
    }
    return piece
  }

  private sequence(depth: number): Piece {
    let piece = NOTHING
    while (this.at < this.text.length && this.text[this.at] !== '|' && this.text[this.at] !== ')')
      piece = this.join(piece, this.repeated(depth))
    return piece
  }

  private join(left: Piece, right: Piece): Piece {
    this.meter.spent += left.last.length * right.first.length
    for (const from of left.last) for (const to of right.first) this.follow[from]?.add(to)
    return {
      isEmpty: left.isEmpty && right.isEmpty,
      first: left.isEmpty ? [...left.first, ...right.first] : left.first,
      last: right.isEmpty ? [...left.last, ...right.last] : right.last,
    }
  }

  /** An atom and what is said of how often; the atom is read again for each copy. */
  private repeated(depth: number): Piece {
    const start = this.at
    let piece = this.atom(depth)
    const { isEmpty } = piece
    const [least, most] = this.quantifier()
    if (least === 1 && most === 1) return piece
    const end = this.at
    const copies = most > STAR_FROM ? Math.min(Math.max(least, 1), COPIES_MAX) : Math.min(most, COPIES_MAX)
    let last = piece
    let whole: Piece = least === 0 ? { ...piece, isEmpty: true } : piece
    for (let copy = 1; copy < copies; copy++) {
      this.at = start
      last = this.atom(depth)
      piece = copy >= least ? { ...last, isEmpty: true } : last
      whole = this.join(whole, piece)
    }
    this.at = end
    if (most > STAR_FROM) {
      // Of many copies each may read or not: which of them did is as many ways as there are choices (`(a?){50}`).
      if (isEmpty && most !== Number.POSITIVE_INFINITY) this.isDoubled ||= this.meets(last)
      this.isDoubled ||= last.last.some((from) => last.first.some((to) => this.follow[from]?.has(to) === true))
      this.join(last, last)
    }
    return most === 0 ? NOTHING : whole
  }

  /** Whether what ends it can be read where it begins. */
  private meets({ first, last }: Piece): boolean {
    return last.some((from) => first.some((to) => haveCommon(this.chars[from] ?? NONE, this.chars[to] ?? NONE)))
  }

  private quantifier(): readonly [number, number] {
    const sign = this.text[this.at]
    let range: readonly [number, number] = [1, 1]
    if (sign === '*' || sign === '+' || sign === '?') {
      this.at++
      range = [sign === '+' ? 1 : 0, sign === '?' ? 1 : Number.POSITIVE_INFINITY]
    } else if (sign === '{') {
      const found = /^\{(\d{1,9})(,)?(\d{0,9})\}/.exec(this.text.slice(this.at, this.at + 24))
      if (found === null) return range
      this.at += found[0].length
      const least = Number(found[1])
      range = [least, found[2] === undefined ? least : found[3] === '' ? Number.POSITIVE_INFINITY : Number(found[3])]
    } else return range
    // Lazy or possessive: how it is tried, not what it reads.
    if (this.text[this.at] === '?' || this.text[this.at] === '+') this.at++
    return range
  }

  private atom(depth: number): Piece {
    // What is written out may be empty, so that positions alone bound nothing.
    if (++this.atoms > ATOMS_MAX) throw new TooLarge()
    this.meter.spent++
    const sign = this.text[this.at++] ?? ''
    switch (sign) {
      case '(':
        return this.group(depth)
      case '[':
        return this.position(this.set())
      case '.':
        return this.position(ANY)
      case '^':
      case '$':
        return NOTHING
      case '\\':
        return this.escape()
      case '*':
      case '+':
      case '?':
        throw new NoPattern()
      default:
        return this.position(only(sign))
    }
  }

  private group(depth: number): Piece {
    const kind = /^\?(?:[:=!>]|<[=!]|P?<\w{1,64}>|[a-z-]{1,8}:)/.exec(this.text.slice(this.at, this.at + 72))?.[0] ?? ''
    this.at += kind.length
    const piece = this.alternatives(depth + 1)
    if (this.text[this.at++] !== ')') throw new NoPattern()
    // Looking ahead or back reads nothing on the way, but may take its time where it stands.
    return /^\?<?[=!]/.test(kind) ? NOTHING : piece
  }

  private escape(): Piece {
    const letter = this.text[this.at++]
    if (letter === undefined) throw new NoPattern()
    if (letter === 'b' || letter === 'B' || letter === 'A' || letter === 'z' || letter === 'Z') return NOTHING
    if (/[1-9]/.test(letter)) return { ...this.position(ANY), isEmpty: true } // what was read before, whatever it was
    return this.position(this.escaped(letter))
  }

  private escaped(letter: string): Chars {
    const [, hex] = /^(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4}))/.exec(letter + this.text.slice(this.at, this.at + 4)) ?? []
    if (hex !== undefined) {
      this.at += 2
      return only(String.fromCharCode(Number.parseInt(hex, 16)))
    }
    if (/[pP]/.test(letter) && this.text[this.at] === '{') {
      const end = this.text.indexOf('}', this.at)
      this.at = end === -1 ? this.text.length : end + 1
      return ANY
    }
    const known = CLASSES[letter.toLowerCase()]
    if (known === undefined) return only(CONTROLS[letter] ?? letter)
    return letter === letter.toLowerCase() ? known : inverse(known)
  }

  /** `[a-z\d]`, after the bracket. */
  private set(): Chars {
    const isInverse = this.text[this.at] === '^'
    if (isInverse) this.at++
    let chars = NONE
    for (let isFirst = true; isFirst || this.text[this.at] !== ']'; isFirst = false) {
      const letter = this.text[this.at++]
      if (letter === undefined) throw new NoPattern()
      if (letter === '\\') {
        chars = union(chars, this.escaped(this.text[this.at++] ?? ''))
        continue
      }
      const to = this.text[this.at] === '-' && this.text[this.at + 1] !== ']' ? this.text[this.at + 1] : undefined
      if (to !== undefined) this.at += 2
      chars = union(chars, between(letter, to ?? letter))
    }
    this.at++
    return isInverse ? inverse(chars) : chars
  }

  private position(chars: Chars): Piece {
    if (this.chars.length === POSITIONS_MAX) throw new TooLarge()
    this.follow.push(new Set())
    const index = this.chars.push(chars) - 1
    return { isEmpty: false, first: [index], last: [index] }
  }
}

function between(from: string, to: string): Chars {
  const words: [number, number, number, number, number] = [0, 0, 0, 0, 0]
  const [least, most] = [from.charCodeAt(0), to.charCodeAt(0)]
  for (let code = least; code <= Math.min(most, 127); code++) words[code >> 5] = (words[code >> 5] ?? 0) | (1 << (code & 31))
  if (most > 127) words[4] = 1
  return words
}

const only = (letter: string): Chars => between(letter, letter)
const union = (a: Chars, b: Chars): Chars => [a[0] | b[0], a[1] | b[1], a[2] | b[2], a[3] | b[3], a[4] | b[4]]
const haveCommon = (a: Chars, b: Chars): boolean => ((a[0] & b[0]) | (a[1] & b[1]) | (a[2] & b[2]) | (a[3] & b[3]) | (a[4] & b[4])) !== 0
const inverse = (a: Chars): Chars => [~a[0], ~a[1], ~a[2], ~a[3], 1]

const DIGIT = between('0', '9')
const WORD = [between('a', 'z'), between('A', 'Z'), only('_')].reduce(union, DIGIT)
const SPACE = [between('\t', '\r'), only('\u2000')].reduce(union, only(' '))
const CLASSES: Readonly<Record<string, Chars>> = { d: DIGIT, w: WORD, s: SPACE, h: SPACE }
const CONTROLS: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', f: '\f', v: '\v', '0': '\0' }
