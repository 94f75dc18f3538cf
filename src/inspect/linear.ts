/** Patterns of strangers, on an engine whose time is linear in the text: no pattern and no text can make it hang. */
import { RE2JS } from 're2js'
import type { Fuel } from './fuel.ts'

/** Longest pattern that is read. The longest that schema generators write (IPv6 networks) has 1 200 characters. */
const PATTERN_MAX_CHARS = 2_048
/** Instructions of one pattern, with its counted repetitions written out. */
export const PROGRAM_MAX = 2_000
/**
 * Up to here the automaton of a pattern has so few states (2^12) that it is built once and then reads a character in nanoseconds.
 * Larger ones may need a new state for every character, so their instructions are walked instead: slower, but by a known factor.
 */
const AUTOMATON_MAX = 12
/** What a class of Unicode costs against a character, when it is repeated. */
const UNICODE_CLASS = 10

/** A pattern that can be asked. */
export interface Matcher {
  test(text: string): boolean
  /** Instructions. */
  readonly size: number
}

/** Why a pattern cannot be used: the linear engine does not know what it asks for, or it is too large. */
export type Unusable = 'unsupported' | 'too large'

export function compilePattern(pattern: string, fuel: Fuel): Matcher | Unusable {
  if (pattern.length > PATTERN_MAX_CHARS || expandedSize(pattern) > PROGRAM_MAX) return 'too large'
  const reviewed = REVIEWED.get(pattern)
  if (reviewed !== undefined) return { size: AUTOMATON_MAX, test: (text) => burnt(fuel, 1 + text.length) && reviewed.test(text) }
  const compiled = read(pattern)
  if (compiled === undefined) return 'unsupported'
  const size = compiled.programSize()
  if (size > PROGRAM_MAX) return 'too large'
  if (size <= AUTOMATON_MAX) return { size, test: (text) => burnt(fuel, 1 + text.length) && compiled.test(text) }
  return { size, test: (text) => burnt(fuel, (1 + text.length) * size) && compiled.matcher(text).find() }
}

/** Of well-known generators, for texts that are long: read by us, without a choice to go back to, so the native engine is linear in them too. */
const REVIEWED: ReadonlyMap<string, RegExp> = new Map(
  [
    /^$|^(?:[0-9a-zA-Z+/]{4})*(?:(?:[0-9a-zA-Z+/]{2}==)|(?:[0-9a-zA-Z+/]{3}=))?$/,
    /^[A-Za-z0-9_-]*$/,
    /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/,
  ].map((pattern) => [pattern.source.replaceAll('\\/', '/'), pattern]),
)

function burnt(fuel: Fuel, units: number): true {
  fuel.burn(units)
  return true
}

function read(pattern: string): RE2JS | undefined {
  try {
    return RE2JS.compile(RE2JS.translateRegExp(pattern))
  } catch {
    return undefined
  }
}

/** What counted repetitions come to when they are written out, found before anything is: `(a{1000}b){1000}` is a small text. */
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

/** A count, a class, an escape or a single character. */
const TOKEN = /(\{(\d{1,9})(?:,(\d{0,9}))?\})|\[\^?\]?(?:\\[\s\S]|[^\]\\])*\]?|\\(?:[pP]\{[^}]{0,64}\}|[\s\S])|[\s\S]/g
const UNICODE = /\\[pPwWdDsS]/
