/** People, their browsers and their agents. */
import { runTogether, TOGETHER } from './together.ts'

await runTogether(TOGETHER.people)
