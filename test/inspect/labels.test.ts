import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isStated, LABELS, type Label } from '../../src/inspect/labels.ts'
import { createEngine } from '../../src/policy/engine.ts'
import { aPrincipal, aQuery, aTool } from '../policy/fixtures.ts'

const engine = createEngine(
  { access: { roles: { user: { permissions: ['*'] } }, tools: { '*': { permission: 'tool:use' } }, resources: [] }, files: [] },
  () => 0,
)
const decide = (findings: readonly string[], action: 'call' | 'receive' = 'call') =>
  engine.decide(aQuery({ principal: aPrincipal({ roles: ['user'] }), resource: aTool('x'), action, findings }))

test('the law that ships forbids a call with any finding that the screening can state, and says so by name', () => {
  assert.equal(decide([]).effect, 'permit')
  for (const label of Object.keys(LABELS)) {
    const { effect, policies, remedies } = decide([label])
    assert.deepEqual([label, effect, policies, remedies], [label, 'forbid', ['house.input'], []])
  }
})

test('it has nothing to say of findings in what comes back, nor of what nobody states', () => {
  assert.equal(decide(['path-traversal', 'script'], 'receive').effect, 'permit')
  assert.equal(decide(['something-else']).effect, 'permit')
})

test('a level states what the level below it states, and more', () => {
  const labels = Object.keys(LABELS) as Label[]
  const [off, standard, strict] = (['off', 'standard', 'strict'] as const).map((level) => labels.filter((label) => isStated(label, level)))
  assert.deepEqual(off, [])
  assert.deepEqual(strict, labels)
  assert.ok(standard !== undefined && standard.length > 30 && standard.length < labels.length)
})
