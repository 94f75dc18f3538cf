/** Everything that must hold of the text before it is run: types, lint and format, floors, unused parts, the package, the lockfile. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const bin = (name: string, ...args: string[]): readonly string[] => [join(root, 'node_modules', name), ...args]

interface Step {
  readonly name: string
  /** Arguments for this Node.js. */
  readonly run: readonly string[]
}

const STEPS: readonly Step[] = [
  { name: 'types', run: bin('typescript/bin/tsc', '-p', '.') },
  { name: 'lint and format', run: bin('@biomejs/biome/bin/biome', 'check', '--error-on-warnings') },
  { name: 'floors', run: ['--test', '--test-reporter=dot', 'test/house/floors.test.ts'] },
  { name: 'unused files, exports and dependencies', run: bin('knip/bin/knip.js', '--no-progress') },
  { name: 'build', run: ['tools/build.ts'] },
  { name: 'types without optional peers', run: ['tools/types.ts'] },
  { name: 'package', run: bin('publint/src/cli.js', '--strict') },
]

/** A lockfile that names a registry cannot be installed from another one. */
function isLockfilePortable(): boolean {
  const named = readFileSync(join(root, 'package-lock.json'), 'utf8')
    .split('\n')
    .filter((line) => /"resolved": "(https?|git)/.test(line))
  for (const line of named.slice(0, 5)) console.error(line.trim())
  return named.length === 0
}

const failed: string[] = []
const judge = (name: string, isFine: boolean, startedAt: number): void => {
  console.log(`${isFine ? '✔' : '✘'} ${name} (${((performance.now() - startedAt) / 1000).toFixed(1)} s)`)
  if (!isFine) failed.push(name)
}

for (const step of STEPS) {
  const startedAt = performance.now()
  const result = spawnSync(process.execPath, step.run, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
  judge(step.name, result.status === 0, startedAt)
}
judge('lockfile names no registry', isLockfilePortable(), performance.now())

console.log(failed.length === 0 ? `check: ${STEPS.length + 1} of ${STEPS.length + 1} pass` : `check: failed: ${failed.join(', ')}`)
process.exitCode = failed.length === 0 ? 0 : 1
