/** Counted repetitions in patterns: what they come to when they are written out, and what to try where that is too much. */

/** A count, a class, an escape or a single character. */
const TOKEN = /(\{(\d{1,9})(?:,(\d{0,9}))?\})|\[\^?(?:\\[\s\S]|[^\]\\])*\]?|\\(?:[pP]\{[^}]{0,64}\}|[\s\S])|[\s\S]/g
const UNICODE = /\\[pPwWdDsS]/
/** What a class of Unicode costs against a character, when it is repeated. */
const UNICODE_CLASS = 10
/** Counts up to here are kept where others are given up. */
const KEPT_MAX = 16

/** Found before anything is written out: `(a{1000}b){1000}` is a small text. */
export function expandedSize(pattern: string): number {
  const open = [0]
  let last = 0
  const add = (size: number): void => {
    last = size
    open.push((open.pop() ?? 0) + size)
  }
  for (const [token, , low, high] of pattern.matchAll(TOKEN)) {
    if (token === '(') open.push(0)
    else if (token === ')') {
      const inner = open.pop() ?? 0
      if (open.length === 0) open.push(0)
      add(inner + 2)
    } else if (low !== undefined) {
      const more = last * (Math.max(Number(low), Number(high ?? 0), 1) - 1)
      add(more)
      last += more
    } else add(UNICODE.test(token) ? UNICODE_CLASS : 1)
  }
  return open.reduce((sum, size) => sum + size, 0)
}

/** A pattern, and how many characters a text must have beside. */
export interface Measured {
  readonly pattern: string
  readonly min: number
  readonly max: number
}

/** What is one character wide in a pattern: a class, an escape of a character or of a class, or the character itself. */
const isWide = (token: string): boolean => !/^(?:[\^$()|*+?{}]|\\[bB\dkuxc])$/.test(token)

/**
 * The same without its counts, where all of a text is looked at character by character and one place alone may repeat: how often it did
 * is then how long the text is. `^[a-z][a-z0-9]{0,2047}$` is `^[a-z][a-z0-9]*$` of 1 to 2048 characters.
 */
export function measured(pattern: string): Measured | undefined {
  const tokens = [...pattern.matchAll(TOKEN)]
  if (tokens.at(0)?.[0] !== '^' || tokens.at(-1)?.[0] !== '$') return undefined
  const inner = tokens.slice(1, -1)
  const counts = inner.filter(([, count]) => count !== undefined)
  const [[count = '', , low = '', high] = []] = counts
  const at = inner.findIndex(([token]) => token === count)
  if (counts.length !== 1 || at === 0 || !inner.every(([token], index) => index === at || isWide(token))) return undefined
  const beside = inner.length - 2
  const max = high === undefined ? Number(low) : high === '' ? Number.POSITIVE_INFINITY : Number(high)
  if (max < Number(low)) return undefined
  const text = inner.map(([token], index) => (index === at ? '*' : token)).join('')
  return { pattern: `^${text}$`, min: beside + Number(low), max: beside + max }
}

/** The same with its higher counts given up: it takes all that the pattern takes, and more. */
export function loosened(pattern: string): string {
  return pattern.replace(TOKEN, (token: string, count?: string, low = '', high?: string) => {
    if (count === undefined || Math.max(Number(low), Number(high ?? 0)) <= KEPT_MAX) return token
    return `{${Math.min(Number(low), KEPT_MAX)},}`
  })
}
