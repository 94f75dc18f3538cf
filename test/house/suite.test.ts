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
  const patterns = [...script.matchAll(/"(test\/[^"]*)"/g)].map((match) => match[1] ?? '')
  const alone = patterns.flatMap((pattern) => globSync(pattern, { cwd: ROOT }))
  const together = ROOMS.flatMap(filesOf).map((file) => join('test', file))
  assert.deepEqual([...alone, ...together].sort(), globSync('test/**/*.test.ts', { cwd: ROOT }).sort())
})

test('every room that is run together is run by the file of its name, and has tests', () => {
  for (const name of Object.keys(TOGETHER)) {
    const text = readFileSync(join(ROOT, `test/together/${name}.test.ts`), 'utf8')
    assert.match(text, new RegExp(`^await runTogether\\(TOGETHER\\.${name}\\)$`, 'm'))
  }
  for (const room of ROOMS) assert.notEqual(filesOf(room).length, 0, room)
})

test('a file that is run together has no hook for all tests', () => {
  for (const file of ROOMS.flatMap(filesOf)) {
    assert.doesNotMatch(readFileSync(join(ROOT, 'test', file), 'utf8'), /^(beforeEach|afterEach)\(|process\.chdir|mock\.timers/m, file)
  }
})
