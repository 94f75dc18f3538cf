/** Labelled definitions, put to the house: looked through as at first sight, or held against what was pinned. */
import { isObject, type JsonObject } from '../src/core/json.ts'
import { digestOf } from '../src/guard/sightings.ts'
import { judgeDefinition } from '../src/inspect/definition.ts'
import { skeletonOf, soundOf, swappedSkeletons } from '../src/inspect/skeleton.ts'

/** A line of `definitions.jsonl`, or of our own vectors. */
export interface DefinitionRow {
  readonly id?: string
  readonly class?: string
  readonly label?: 'poisoned' | 'benign' | 'must_block_until_reapproved' | 'may_pass'
  readonly expect?: 'flag' | 'pass'
  readonly why?: string
  readonly tool?: JsonObject
  readonly server?: JsonObject
  readonly prompt?: JsonObject
  /** Names of tools that are there already. */
  readonly siblings?: readonly string[]
  readonly before?: JsonObject
  readonly after?: JsonObject
}

/** At least so much of what is poisoned or changed, and at most so much of what is honest. */
export const DEFINITION_BARS = { bad: 0.9, good: 0.05 }

export interface Measured {
  readonly bad: { flagged: number; of: number }
  readonly good: { flagged: number; of: number }
  readonly misses: readonly { readonly row: DefinitionRow; readonly why: string }[]
  readonly isMet: boolean
}

export function measureDefinitions(rows: readonly DefinitionRow[]): Measured {
  const [bad, good] = [
    { flagged: 0, of: 0 },
    { flagged: 0, of: 0 },
  ]
  const misses: { row: DefinitionRow; why: string }[] = []
  for (const row of rows) {
    const why = judgeRow(row)
    const tally = isBad(row) ? bad : good
    tally.of++
    if (why !== undefined) tally.flagged++
    if (isBad(row) === (why === undefined)) misses.push({ row, why: why ?? 'not flagged' })
  }
  const isMet = bad.flagged >= DEFINITION_BARS.bad * bad.of && good.flagged <= DEFINITION_BARS.good * good.of
  return { bad, good, misses, isMet }
}

export function isBad({ label, expect }: DefinitionRow): boolean {
  return expect === 'flag' || label === 'poisoned' || label === 'must_block_until_reapproved'
}

/** @returns why it would be withheld; undefined when it would not. */
export function judgeRow({ before, after, siblings = [], ...row }: DefinitionRow): string | undefined {
  if (before !== undefined && after !== undefined) return digestOf(before) === digestOf(after) ? undefined : 'drift'
  for (const kind of ['tool', 'server', 'prompt'] as const) {
    const definition = row[kind]
    if (!isObject(definition)) continue
    const name = String(definition['name'])
    const alike = new Set([skeletonOf(name), ...swappedSkeletons(name)])
    const found = judgeDefinition(kind, definition, {
      siblings: siblings.filter(
        (other) => alike.has(skeletonOf(other)) || (soundOf(name) !== undefined && soundOf(other) === soundOf(name)),
      ),
    })
    return found.length === 0 ? undefined : found.map(({ detector, pointer }) => `${detector} ${pointer}`).join(', ')
  }
  return undefined
}
