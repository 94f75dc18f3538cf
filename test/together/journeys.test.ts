/** x */
import { runTogether, TOGETHER } from './together.ts'

await runTogether(TOGETHER.journeys)
