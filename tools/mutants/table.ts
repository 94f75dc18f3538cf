/** The line with one step taken out: each row must make a test fail, or nobody would notice that the step is gone. */
import { BEHIND } from './behind.ts'
import { STATIONS, STEPS } from './line.ts'

export interface Mutant {
  readonly name: string
  readonly file: string
  /** Stands in the file exactly once. */
  readonly from: string
  readonly to: string
  /** The tests that notice it, below test/ and without .test.ts: asked first, so that a row takes seconds. */
  readonly seenBy: readonly string[]
}

export const MUTANTS: readonly Mutant[] = [...STATIONS, ...STEPS, ...BEHIND]
