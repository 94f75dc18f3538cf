/** Programs that people use. */
import { runTogether, TOGETHER } from './together.ts'

await runTogether(TOGETHER.clients)
