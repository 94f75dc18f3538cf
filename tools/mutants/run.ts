/**
 * Takes every step of the line out, one after the other, and demands that a test fails each time. `npm run mutants [-- PART OF A NAME]`
 * The tests that a row names are asked first, the first failure ends it; where they notice nothing, all tests of the line are asked.
 */
import { spawn } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Mutant } from './rows.ts'
import { MUTANTS } from './table.ts'

const ROOT = join(import.meta.dirname, '../..')
/** The tests of the line, the quick ones first. */
const TESTS = ['guard', 'approval', 'limit', 'gateway', 'journeys', 'matrix', 'vectors', 'embed', 'refusals'].map(
  (room) => `test/${room}/*.test.ts`,
)
/** A mutant that hangs a test was noticed too, but not by a test that says so. */
const TEST_MS = 60_000

interface Failure {
  readonly test: string
  readonly file: string
}

async function firstFailure(mutant: Mutant | undefined, files: Iterable<string>): Promise<Failure | undefined> {
  for (const file of files) {
    const test = await failureIn(file, mutant)
    if (test !== undefined) return { test, file }
  }
  return undefined
}

function failureIn(file: string, mutant: Mutant | undefined): Promise<string | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<string | undefined>()
  const hook = join(import.meta.dirname, 'hook.ts')
  const child = spawn(
    process.execPath,
    ['--import', hook, '--test', '--test-isolation=none', '--test-reporter=tap', `--test-timeout=${TEST_MS}`, file],
    {
      cwd: ROOT,
      env: { ...process.env, MUTANT: mutant?.name ?? '' },
      stdio: ['ignore', 'pipe', 'ignore'],
      detached: true,
    },
  )
  let failed: string | undefined
  let rest = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    rest += text
    failed ??= /^\s*not ok \d+ - (.*)$/m.exec(rest)?.[1]
    rest = rest.slice(rest.lastIndexOf('\n') + 1)
    // It has been noticed: what the file starts goes with it.
    if (failed !== undefined && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
  })
  child.on('error', reject)
  child.on('close', (code) => resolve(failed ?? (code === 0 ? undefined : `${file} ended with ${code}`)))
  return promise
}

/** Those in which the step stands exactly once; others are a mistake of the table. */
function checkTable(): void {
  for (const { name, file, from } of MUTANTS) {
    const times = readFileSync(join(ROOT, file), 'utf8').split(from).length - 1
    if (times !== 1) throw new Error(`${name}: ${file} has it ${times} times; mend tools/mutants/table.ts`)
  }
}

checkTable()
const asked = process.argv[2] ?? ''
const files = TESTS.flatMap((pattern) => globSync(pattern, { cwd: ROOT }).toSorted())
const chosen = MUTANTS.filter(({ name }) => name.includes(asked))
const witnesses = new Set<string>()
let unnoticed = 0
for (const mutant of chosen) {
  const startedAt = performance.now()
  const noticed = await firstFailure(mutant, new Set([...mutant.seenBy.map((name) => `test/${name}.test.ts`), ...files]))
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1)
  const verdict = noticed === undefined ? `✘ ${mutant.name}: nobody notices` : `✔ ${mutant.name}: ${noticed.file}: ${noticed.test}`
  console.log(`${verdict} (${seconds} s)`)
  if (noticed === undefined) unnoticed++
  else witnesses.add(noticed.file)
}
// A test that fails anyway is no witness.
const broken = await firstFailure(undefined, [...witnesses])
if (broken !== undefined) console.log(`✘ fails without any mutant: ${broken.test} (${broken.file})`)
console.log(`mutants: ${chosen.length - unnoticed} of ${chosen.length} noticed`)
process.exitCode = unnoticed === 0 && chosen.length > 0 && broken === undefined ? 0 : 1
