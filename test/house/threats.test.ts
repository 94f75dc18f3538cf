/** docs/threats.md says of every attack what is done about it and where that is shown, and what it names is there. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const ROOT = join(import.meta.dirname, '../..')
const text = readFileSync(join(ROOT, 'docs/threats.md'), 'utf8')
const rows = text
  .split('\n')
  .filter((line) => /^\| [A-Z]\d*-\d/.test(line))
  .map((line) => {
    const [, id = '', attack = '', done = '', shown = ''] = line
      .split(' | ')
      .flatMap((cell, index) => (index === 0 ? ['', cell.slice(2)] : [cell.replace(/ ?\|$/, '')]))
    return { id, attack, done, shown: [...shown.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '') }
  })

test('every attack has its own number, an answer, and a file that shows it, or a word that there is none', () => {
  assert.ok(rows.length > 200)
  assert.equal(new Set(rows.map(({ id }) => id)).size, rows.length)
  const without = rows.filter(({ done, shown }) => shown.length === 0 && !/^(?:not answered|does not apply): /.test(done))
  assert.deepEqual(
    without.map(({ id }) => id),
    [],
  )
  assert.deepEqual(
    rows.filter(({ attack, done }) => attack === '' || done === '').map(({ id }) => id),
    [],
  )
})

test('every file that it names is there', () => {
  assert.deepEqual(
    rows.flatMap(({ id, shown }) => shown.filter((file) => !existsSync(join(ROOT, file))).map((file) => `${id}: ${file}`)),
    [],
  )
})

test('it counts itself right', () => {
  const isNone = ({ done }: { readonly done: string }): boolean => done.startsWith('not answered')
  const isNothing = ({ done }: { readonly done: string }): boolean => done.startsWith('does not apply')
  const isPart = (row: { readonly done: string }): boolean => !isNone(row) && row.done.includes('not answered')
  const [part, none, nothing] = [rows.filter(isPart).length, rows.filter(isNone).length, rows.filter(isNothing).length]
  const told = `Of ${rows.length}: ${rows.length - part - none - nothing} are answered and shown, ${part} in part, ${none} are not, ${nothing} do not apply.`
  assert.ok(text.includes(told), told)
})
