/** The official suite. */
import { runTogether, TOGETHER } from './together.ts'

await runTogether(TOGETHER.conformance)
