/** `npm test` runs every test file, and each once. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { filesOf, TOGETHER } from '../together/together.ts'

const ROOT = join(import.meta.dirname, '../..')
const ROOMS = Object.values(TOGETHER).flat()

test('every test file is run by npm test, and none twice', () => {
  const script: string = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).scripts.test
  assert.equal(script, 'node tools/with-node.cjs test/together/run.ts')
  const run = [...ROOMS.flatMap(filesOf), ...Object.keys(TOGETHER).map((name) => `together/${name}.test.ts`)]
  assert.deepEqual(run.sort(), globSync('**/*.test.ts', { cwd: join(ROOT, 'test') }).sort())
})

test('every room that is run together is run by the file of its name, and has tests', () => {
  for (const name of Object.keys(TOGETHER)) {
    const text = readFileSync(join(ROOT, `test/together/${name}.test.ts`), 'utf8')
    assert.match(text, new RegExp(`^await runTogether\\(TOGETHER\\.${name}\\)$`, 'm'))
  }
  for (const room of ROOMS) assert.notEqual(filesOf(room).length, 0, room)
})

test('no test file changes what its process has but once', () => {
  for (const file of ROOMS.flatMap(filesOf)) {
    const text = readFileSync(join(ROOT, 'test', file), 'utf8')
    assert.doesNotMatch(text, /process\.chdir\(|process\.(env(\.\w+|\[[^\]]+\])|exitCode) = |(?<!t\.)mock\./, file)
  }
})
