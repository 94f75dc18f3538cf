/** Our own attacks and look-alikes, each kind of argument by itself: parsed, screened and judged by the law that ships. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { createJudge, questionOfVector, type Vector } from '../../bench/rows.ts'

const vectors = readFileSync(new URL('./arguments/vectors.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Vector)
const judge = createJudge()

test('there are vectors of every kind and of both sorts', () => {
  for (const kind of new Set(vectors.map((vector) => vector.kind))) {
    for (const expect of ['stop', 'pass']) assert.ok(vectors.some((vector) => vector.kind === kind && vector.expect === expect), `${kind}: ${expect}`)
  }
  assert.ok(vectors.length > 500)
})

for (const kind of new Set(vectors.map((vector) => vector.kind))) {
  test(`${kind}: every attack is stopped, and nothing honest is`, () => {
    const wrong = vectors
      .filter((vector) => vector.kind === kind)
      .map((vector) => ({ vector, why: judge(questionOfVector(vector)) }))
      .filter(({ vector, why }) => (why !== undefined) !== (vector.expect === 'stop'))
      .map(({ vector, why }) => `${vector.expect}: ${vector.why}: ${JSON.stringify(vector.payload)}: ${why ?? 'let through'}`)
    assert.deepEqual(wrong, [])
  })
}
