/** Labelled definitions, put to the house: looked through, and held against what was pinned. */
import { isObject, type JsonObject } from '../src/core/json.ts'
import { digestOf } from '../src/guard/sightings.ts'
import { type DefinitionKind, judgeDefinition } from '../src/inspect/definition.ts'

/** A line of `definitions.jsonl`, or of our own held-out ones. */
export interface DefinitionRow {
  readonly id?: string
  readonly class?: string
  readonly label?: string
  readonly expect?: 'flag' | 'pass'
  readonly why?: string
  readonly voice?: string
  readonly kind?: 'change'
  readonly tool?: JsonObject
  readonly server?: JsonObject
  readonly prompt?: JsonObject
  readonly siblings?: readonly string[]
  readonly before?: JsonObject
  readonly after?: JsonObject
}

export function isBad({ label, expect }: DefinitionRow): boolean {
  return expect === 'flag' || label === 'poisoned' || label === 'must_block_until_reapproved'
}

/** @returns why it is withheld; undefined when it is not. */
export function judgeRow(row: DefinitionRow): string | undefined {
  if (row.before !== undefined && row.after !== undefined) return digestOf(row.before) === digestOf(row.after) ? undefined : 'drift'
  for (const kind of ['tool', 'server', 'prompt'] as const satisfies readonly DefinitionKind[]) {
    const definition = row[kind]
    if (!isObject(definition)) continue
    // The corpus names the siblings that matter; a name among them is another server's.
    const found = judgeDefinition(kind, definition, {
      siblings: (row.siblings ?? []).filter((other) => alike(other, String(definition['name']))),
    })
    if (found.length > 0) return found.map(({ detector, pointer }) => `${detector} ${pointer}`).join(', ')
  }
  return undefined
}

import { skeletonOf } from '../src/inspect/skeleton.ts'

const alike = (one: string, other: string): boolean => skeletonOf(one) === skeletonOf(other)
