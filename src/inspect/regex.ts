/** Regular expressions that a server runs on its own text: whether a backtracking engine could take exponential time, decided on the automaton. */
import type { Label } from './labels.ts'
import { type Automaton, parsePattern } from './regex-automaton.ts'

/** A pattern that a person wrote is shorter. */
const PATTERN_MAX_CHARS = 2_000
/** Steps of the proof; beyond them nobody can say, and what nobody can say is refused. */
const STEPS_MAX = 60_000

/** Steps of all proofs for one call, some tenths of a second: enough for a list of fifty thousand words. A list of odd patterns would take minutes. */
const CALL_STEPS_MAX = 32 * STEPS_MAX

/** What the patterns of one call have cost so far, in steps. */
export interface Meter {
  spent: number
}

/** @param meter of the call; what is left of it is all that the pattern may cost. */
export function judgeRegex(text: string, meter: Meter = { spent: 0 }): Label | undefined {
  const literal = /^\/(.+)\/[dgimsuvy]{0,8}$/s.exec(text)?.[1]
  return growthOf(literal ?? text, meter) === 'bounded' ? undefined : 'catastrophic-pattern'
}

/** How the time of a backtracking engine grows with the text; `unknown` where the proof would take too long. */
export function growthOf(pattern: string, meter: Meter = { spent: 0 }): 'bounded' | 'exponential' | 'unknown' {
  if (pattern.length > PATTERN_MAX_CHARS || meter.spent > CALL_STEPS_MAX) return 'unknown'
  const automaton = parsePattern(pattern, meter)
  if (automaton === undefined) return 'bounded' // no pattern at all: the server will say so
  return automaton === 'too large' ? 'unknown' : ambiguityOf(automaton, meter)
}

/**
 * Exponential ambiguity (Weber and Seidl 1991): some position is reached from itself by two different ways that read the same text.
 * Looked for in the automaton times itself: from (p, p) through a pair of different positions back to (p, p).
 */
function ambiguityOf({ size, follow, isDoubled, overlaps }: Automaton, meter: Meter): 'bounded' | 'exponential' | 'unknown' {
  if (isDoubled) return 'exponential'
  const numbers = new Map<number, number>()
  const pairs: number[] = []
  const edges: number[][] = []
  const numberOf = (pair: number): number => {
    const known = numbers.get(pair) ?? pairs.push(pair) - 1
    numbers.set(pair, known)
    return known
  }
  for (let p = 0; p < size; p++) numberOf(p * size + p)
  let steps = 0
  // Grows while it is walked: what is reached from the diagonal, and nothing else.
  for (let index = 0; index < pairs.length; index++) {
    const pair = pairs[index] ?? 0
    const [left, right] = [follow[Math.floor(pair / size)] ?? [], follow[pair % size] ?? []]
    steps += left.length * right.length
    meter.spent += left.length * right.length + 1
    if (steps > STEPS_MAX) return 'unknown'
    edges.push(left.flatMap((p) => right.filter((q) => overlaps(p, q)).map((q) => numberOf(p * size + q))))
  }
  const group = components(edges)
  const mixed = new Set(group.slice(size))
  return group.slice(0, size).some((component) => mixed.has(component)) ? 'exponential' : 'bounded'
}

/** Strongly connected components (Tarjan 1972), without recursion: a number for each vertex. */
function components(edges: readonly (readonly number[])[]): readonly number[] {
  const order = new Int32Array(edges.length).fill(-1)
  const low = new Int32Array(edges.length)
  const group = new Array<number>(edges.length).fill(-1)
  const stack: number[] = []
  let counter = 0
  let groups = 0
  for (let root = 0; root < edges.length; root++) {
    if (order[root] !== -1) continue
    const work: { readonly vertex: number; edge: number }[] = [{ vertex: root, edge: 0 }]
    order[root] = low[root] = counter++
    stack.push(root)
    for (let frame = work.at(-1); frame !== undefined; frame = work.at(-1)) {
      const { vertex } = frame
      const target = edges[vertex]?.[frame.edge++]
      if (target !== undefined) {
        if (order[target] === -1) {
          order[target] = low[target] = counter++
          stack.push(target)
          work.push({ vertex: target, edge: 0 })
        } else if (group[target] === -1) low[vertex] = Math.min(low[vertex] ?? 0, order[target] ?? 0)
        continue
      }
      work.pop()
      const parent = work.at(-1)?.vertex
      if (parent !== undefined) low[parent] = Math.min(low[parent] ?? 0, low[vertex] ?? 0)
      if (low[vertex] !== order[vertex]) continue
      for (let member = stack.pop(); member !== undefined; member = stack.pop()) {
        group[member] = groups
        if (member === vertex) break
      }
      groups++
    }
  }
  return group
}
