import assert from 'node:assert/strict'
import { test } from 'node:test'
import { remember } from '../../src/trust/remember.ts'

test('a memory never grows past its bound, and what was put first goes first', () => {
  const memory = new Map<number, string>()
  for (let key = 0; key < 10; key++) remember(memory, key, `${key}`, 3)
  assert.deepEqual([...memory.keys()], [7, 8, 9])
  remember(memory, 7, 'again', 3)
  remember(memory, 10, '10', 3)
  assert.deepEqual(
    [...memory],
    [
      [9, '9'],
      [7, 'again'],
      [10, '10'],
    ],
  )
})
