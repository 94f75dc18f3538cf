/** The rooms that keep files and sockets. */
import { runTogether, TOGETHER } from './together.ts'

await runTogether(TOGETHER.lasting)
