/** Our own credentials, personal data and look-alikes, in many voices: each put into an answer, and looked at as it would leave. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { isAsExpected, type OutputVector } from '../../bench/output-rows.ts'

const vectors = readFileSync(new URL('./outputs/vectors.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as OutputVector)

test('there are vectors of every kind and of both sorts', () => {
  for (const label of ['secret', 'personal', 'internal', 'data-link']) assert.ok(vectors.some((vector) => vector.label === label), label)
  assert.ok(vectors.filter(({ expect }) => expect === 'pass').length > 100)
})

for (const expect of ['redact', 'pass'] as const) {
  test(expect === 'redact' ? 'nothing that must not leave does' : 'nothing honest is touched', () => {
    const wrong = vectors.filter((vector) => vector.expect === expect && !isAsExpected(vector)).map(({ why, payload }) => `${why}: ${payload}`)

    assert.deepEqual(wrong, [])
  })
}
