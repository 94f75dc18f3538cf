/** The plan says what is there: its floors, its rooms, the line and the refusals are those of the code. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { DENIALS } from '../../src/core/denial.ts'

const ROOT = join(import.meta.dirname, '../..')
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')
const PLAN = read('docs/architecture.md')

/** The first fenced block under a heading. */
function block(heading: string): string {
  const section = PLAN.slice(PLAN.indexOf(`## ${heading}`))
  const fence = /```\w*\n([\s\S]*?)\n```/.exec(section)
  if (fence?.[1] === undefined) throw new Error(`no block under ${heading}`)
  return fence[1]
}

test('the plan lists every file of src, and no other', () => {
  let room = ''
  const listed = block('3. Rooms')
    .split('\n')
    .flatMap((line) => {
      const opened = /^ {2}(\w+\/)$/.exec(line)
      if (opened?.[1] !== undefined) room = opened[1]
      const [, indent, name] = /^( {2}| {4})(\S+) +\S/.exec(line) ?? []
      if (name === undefined) return []
      return [indent?.length === 2 ? name : room + name]
    })
  const there = globSync('**/*.*', { cwd: join(ROOT, 'src') }).map((path) => path.replaceAll('\\', '/'))
  assert.deepEqual(listed.toSorted(), there.toSorted())
})

test('the floors of the plan are those that are held', () => {
  const drawn = block('2. Floors')
    .split('\n')
    .map((line) => [...line.slice(0, 72).matchAll(/(\w+)\/|index\.ts/g)].map((match) => match[1] ?? ''))
  const table = /const FLOORS = (\[[\s\S]*?\n\])/.exec(read('test/house/floors.test.ts'))?.[1] ?? ''
  const held: readonly (readonly string[])[] = JSON.parse(table.replaceAll("'", '"').replaceAll(/,(\s*\])/g, '$1'))
  assert.deepEqual(
    drawn.toReversed().map((rooms) => rooms.toSorted()),
    held.map((rooms) => rooms.toSorted()),
  )
})

test('the line of the plan is the line, word for word', () => {
  const guard = read('src/guard/guard.ts')
  assert.ok(guard.includes(block('4. The line')), 'section 4 of docs/architecture.md shows another pass() than src/guard/guard.ts')
})

test('the plan names every refusal with its status', () => {
  const told = /one closed table[^(]*\(`([^`]*)`\)/.exec(PLAN)?.[1] ?? ''
  assert.deepEqual(
    told.split(/,\s+/).toSorted(),
    Object.entries(DENIALS)
      .map(([code, { status }]) => `${code} ${status}`)
      .toSorted(),
  )
})
