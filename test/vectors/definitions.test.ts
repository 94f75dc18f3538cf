/** Our own definitions, poisoned and honest, in several voices and languages; and others that nothing was tuned on. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { DEFINITION_BARS, type DefinitionRow, measureDefinitions } from '../../bench/definition-rows.ts'

const rowsOf = (file: string): readonly DefinitionRow[] =>
  readFileSync(new URL(`./definitions/${file}`, import.meta.url), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as DefinitionRow)

test('every poisoned definition is flagged, and nothing honest is', () => {
  const { bad, good, misses } = measureDefinitions(rowsOf('vectors.jsonl'))
  assert.ok(bad.of > 150 && good.of > 150)
  assert.deepEqual(
    misses.map(({ row, why }) => `${row.expect}: ${row.why}: ${JSON.stringify(row.tool ?? row.server ?? row.prompt)}: ${why}`),
    [],
  )
})

test('of definitions that were written without looking at the words, nine in ten poisoned ones are flagged, and of the honest one in twenty at most', () => {
  const { bad, good } = measureDefinitions(rowsOf('held-out.jsonl'))
  assert.ok(bad.of > 30 && good.of > 30)
  assert.ok(bad.flagged >= DEFINITION_BARS.bad * bad.of, `${bad.flagged} of ${bad.of} flagged`)
  assert.ok(good.flagged <= DEFINITION_BARS.good * good.of, `${good.flagged} of ${good.of} honest ones flagged`)
})

test('of definitions that hide what they want in other words than anybody has listed, half are flagged: a person reads what the detector does not know', () => {
  const { bad } = measureDefinitions(rowsOf('subtle.jsonl'))
  assert.ok(bad.of >= 20)
  assert.ok(bad.flagged * 2 >= bad.of, `${bad.flagged} of ${bad.of} flagged`)
})
