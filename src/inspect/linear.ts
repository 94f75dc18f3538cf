/** Patterns of strangers, on an engine whose time is linear in the text: no pattern and no text can make it hang. */
import { RE2JS } from 're2js'
import { expandedSize, loosened, measured } from './counts.ts'
import { translated } from './ecma-pattern.ts'
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

/** A pattern that can be asked. */
export interface Matcher {
  test(text: string): boolean
  /** Instructions. */
  readonly size: number
  /** It takes more than the pattern does: counts that the engine cannot hold were given up. */
  readonly isLoose?: true
}

/** Why a pattern cannot be used: the linear engine does not know what it asks for, or it is too large. */
export type Unusable = 'unsupported' | 'too large'

export function compilePattern(pattern: string, fuel: Fuel): Matcher | Unusable {
  if (pattern.length > PATTERN_MAX_CHARS) return 'too large'
  const reviewed = REVIEWED.get(pattern)
  if (reviewed !== undefined) return { size: AUTOMATON_MAX, test: (text) => burnt(fuel, 1 + text.length) && reviewed.test(text) }
  const whole = compileWhole(pattern, fuel)
  if (typeof whole === 'object') return whole
  const byLength = compileMeasured(pattern, fuel)
  if (byLength !== undefined) return byLength
  const looser = loosened(pattern)
  const loose = looser === pattern ? whole : compileWhole(looser, fuel)
  return typeof loose === 'object' ? { ...loose, isLoose: true } : whole
}

function compileWhole(pattern: string, fuel: Fuel): Matcher | Unusable {
  if (expandedSize(pattern) > PROGRAM_MAX) return 'too large'
  const compiled = read(pattern)
  if (compiled === undefined) return 'unsupported'
  const size = compiled.programSize()
  if (size > PROGRAM_MAX) return 'too large'
  if (size <= AUTOMATON_MAX) return { size, test: (text) => burnt(fuel, 1 + text.length) && compiled.test(text) }
  return { size, test: (text) => burnt(fuel, (1 + text.length) * size) && compiled.matcher(text).find() }
}

/** The engine counts to 1 000 and writes every count out; how long a text is needs no engine. */
function compileMeasured(pattern: string, fuel: Fuel): Matcher | undefined {
  const plain = measured(pattern)
  const matcher = plain && compileWhole(plain.pattern, fuel)
  if (plain === undefined || typeof matcher !== 'object') return undefined
  const isLong = (text: string): boolean => {
    const chars = lengthOf(text)
    return chars >= plain.min && chars <= plain.max
  }
  return { size: matcher.size, test: (text) => burnt(fuel, 1 + text.length) && isLong(text) && matcher.test(text) }
}

/** In code points, as the engine and JSON Schema count. */
function lengthOf(text: string): number {
  let chars = 0
  for (const _ of text) chars++
  return chars
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
  const text = translated(pattern)
  if (text === undefined) return undefined
  try {
    return RE2JS.compile(RE2JS.translateRegExp(text))
  } catch {
    return undefined
  }
}
