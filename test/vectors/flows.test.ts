/** Flows as files: what must not leave needs a person, everything else goes. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { type FlowRow, judgeFlow } from '../../bench/flow-rows.ts'

const rows = readFileSync(new URL('./flows/vectors.jsonl', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as FlowRow & { readonly why: string })

test('what must not leave waits for an approval, and what may leave leaves', async () => {
  const judged = await Promise.all(rows.map(async (row) => `${row.id} ${row.class}, ${row.why}: ${(await judgeFlow(row)) ?? 'ok'}`))

  assert.deepEqual(
    judged,
    rows.map((row) => `${row.id} ${row.class}, ${row.why}: ${row.expect_last === 'allow' ? 'ok' : 'approval_required'}`),
  )
})
