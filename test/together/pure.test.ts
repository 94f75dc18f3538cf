/** The rooms that are pure, or nearly. */
import { runTogether, TOGETHER } from './together.ts'

await runTogether(TOGETHER.pure)
