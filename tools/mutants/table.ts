/** The line with one step taken out: each row must make a test fail, or nobody would notice that the step is gone. */
import { BEHIND } from './behind.ts'
import { STATIONS, STEPS } from './line.ts'
import { REPLICAS } from './replicas.ts'
import type { Mutant } from './rows.ts'

export const MUTANTS: readonly Mutant[] = [...STATIONS, ...STEPS, ...BEHIND, ...REPLICAS]
