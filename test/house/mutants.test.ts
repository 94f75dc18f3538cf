/** The mutation check knows every step of the line: a step without a row in `tools/mutants` could be taken out unseen. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { MUTANTS } from '../../tools/mutants/table.ts'

const ROOT = join(import.meta.dirname, '../..')
const LINE = 'src/guard/guard.ts'
const STATIONS = ['stations', 'enforce', 'release'].map((name) => `src/guard/${name}.ts`)
const FLOW = 'src/guard/flow.ts'

const textOf = (file: string): string => readFileSync(join(ROOT, file), 'utf8')
const takenOutOf = (file: string): readonly string[] => MUTANTS.filter((row) => row.file === file).map(({ from }) => from)

/** What the stations are made of, and what they only look something up with: taken out, nothing would work at all. */
const NO_STEPS = new Set([
  'seal.reopen',
  'asking.visibleIn',
  'asking.decide',
  'asking.permits',
  'asking.permitsOf',
  'kindOfResult',
  'withApproval',
  'withoutRoots',
  'refusal',
  'nameOf',
])

test('every row names a step that stands in its file exactly once and a test that notices it, and no two have one name', () => {
  for (const { name, file, from, to, seenBy } of MUTANTS) {
    assert.equal(textOf(file).split(from).length - 1, 1, `${name}: ${file}`)
    assert.notEqual(from, to, name)
    assert.ok(seenBy.length > 0 && seenBy.every((test) => existsSync(join(ROOT, `test/${test}.test.ts`))), `${name}: seenBy`)
  }
  assert.equal(new Set(MUTANTS.map(({ name }) => name)).size, MUTANTS.length)
})

test('every station of the line is taken out once', () => {
  const text = textOf(LINE)
  const stations = [
    ...text
      .slice(text.indexOf('interface Stations {'), text.indexOf('\n}', text.indexOf('interface Stations {')))
      .matchAll(/^ {2}(\w+)\(/gm),
  ].map(([, name]) => name)
  assert.ok(stations.length >= 11)
  const rows = takenOutOf(LINE)
  assert.deepEqual(
    stations.filter((name) => !rows.some((from) => from.includes(`house.${name}(`))),
    [],
  )
})

test('every step of a station is taken out once', () => {
  const text = STATIONS.map(textOf).join('\n')
  const steps = [
    ...[
      ...text.matchAll(
        /(?<![\w.])(limits|seal|history|tasks|catalog|meter|approved|declared|connecting|asking|parts\.(?:seal|definitions))\??\.(\w+)\(/g,
      ),
    ].map(([, room, step]) => `${room}.${step}`),
    ...[...text.matchAll(/(?<![\w.])((?:check|filter|limit|narrow|with|may|count)[A-Z]\w+|\w+Of|outlet|refusal)\(/g)].map(
      ([, step]) => step ?? '',
    ),
  ].filter((step) => !NO_STEPS.has(step))
  const own = new Set([...text.matchAll(/^(?:async )?function (\w+)\(/gm)].map(([, name]) => name))
  const rows = STATIONS.flatMap(takenOutOf)
  const inRow = (step: string): boolean => rows.some((from) => from.replaceAll('?.', '.').includes(`${step}(`))
  assert.ok(new Set(steps).size >= 30)
  assert.deepEqual(
    [...new Set(steps)].filter((step) => !own.has(step) && !inRow(step)),
    [],
  )
})

test('what flow does around each station is taken out once', () => {
  const text = textOf(FLOW)
  const steps = [...text.matchAll(/(?<![\w.])record\.(\w+)\(/g)].map(([, step]) => step ?? '')
  const rows = takenOutOf(FLOW)
  assert.deepEqual(
    [...new Set(steps)].filter((step) => !rows.some((from) => from.includes(`record.${step}(`))),
    [],
  )
  assert.ok(MUTANTS.some(({ from }) => from.startsWith('withFlow(')))
})
