/** Whole stories. */
import { runTogether, TOGETHER } from './together.ts'

await runTogether(TOGETHER.journeys)
