/** Inside servers that others write, and everything that is refused. */
import { runTogether, TOGETHER } from './together.ts'

await runTogether(TOGETHER.authors)
