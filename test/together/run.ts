/** `npm test`: every test, the longest groups first, so that none is left to run alone at the end. `npm test -- cli people` runs these groups. */
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { TOGETHER } from './together.ts'

const TEST_MS = 300_000

const asked = process.argv.slice(2)
const groups = asked.length === 0 ? Object.keys(TOGETHER) : asked
const stream = run({
  files: groups.map((group) => join(import.meta.dirname, `${group}.test.ts`)),
  // One more than there are processors: a third of the time a group waits for others.
  concurrency: availableParallelism() + 1,
  timeout: TEST_MS,
})
// Until told otherwise, it failed.
process.exitCode = 1
stream.on('test:summary', ({ file, success, counts }) => {
  if (file === undefined && success && counts.passed > 0) process.exitCode = 0
})
stream.compose(spec).pipe(process.stdout)
