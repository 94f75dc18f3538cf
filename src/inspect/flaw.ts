/** What is wrong with a definition: why its arguments cannot be judged, and where. */
import type { Finding } from '../core/finding.ts'
import { visible } from '../core/visible.ts'

/** Longest pointer that is told; more is cut at a whole step. */
const POINTER_MAX_CHARS = 256

export class Flaw extends Error {
  override readonly name = 'Flaw'
  readonly finding: Finding

  /** @param path to the place in the schema. @param rule one sentence without a word of the schema's own. */
  constructor(keyword: string, path: Path | undefined, rule: string) {
    super(rule)
    this.finding = { label: 'schema', detector: `schema/${keyword}`, pointer: pointerOf(path), rule }
  }
}

/** The way to a place, innermost step first: nothing is joined before somebody wants to read it. */
export interface Path {
  readonly step: string | number
  readonly outer: Path | undefined
}

function pointerOf(path: Path | undefined): string {
  const steps: string[] = []
  for (let at = path; at !== undefined; at = at.outer) steps.unshift(`/${escapeStep(String(at.step))}`)
  return cutPointer(visible(cutPointer(steps.join(''))))
}

/** RFC 6901 §3. */
export function escapeStep(step: string): string {
  return step.replaceAll('~', '~0').replaceAll('/', '~1')
}

/** The names in it are somebody's: bounded, and cut where a step ends, so that it still points somewhere. */
export function cutPointer(pointer: string): string {
  if (pointer.length <= POINTER_MAX_CHARS) return pointer
  return pointer.slice(0, Math.max(0, pointer.lastIndexOf('/', POINTER_MAX_CHARS)))
}
