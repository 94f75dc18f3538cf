/** The rooms that keep files and sockets, and what stands behind the line. */
import { runTogether, TOGETHER } from './together.ts'

await runTogether(TOGETHER.lasting)
