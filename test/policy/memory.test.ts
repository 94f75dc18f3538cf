import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Recent } from '../../src/policy/memory.ts'

test('what is asked for again and again is never forgotten', () => {
  const memory = new Recent<number, string>(10)
  memory.set(0, 'often')

  for (let key = 1; key <= 1_000; key++) {
    memory.set(key, 'once')
    assert.equal(memory.get(0), 'often')
  }
})

test('a memory never holds more than twice its bound', () => {
  const memory = new Recent<number, string>(10)

  for (let key = 0; key < 1_000; key++) {
    memory.set(key, 'x')
    assert.ok(memory.size <= 20)
  }

  assert.equal(memory.get(0), undefined)
  assert.equal(memory.get(999), 'x')
})
