/** resource.ts: where the table says that names stand. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MethodRow } from '../../src/mcp/methods.ts'
import { METHODS, methodRow } from '../../src/mcp/methods.ts'
import { argumentsOf, resourceOf } from '../../src/mcp/resource.ts'

function rowOf(method: string): MethodRow {
  const row = methodRow(method)
  assert.ok(row)
  return row
}

test('a method without a name source is about the server', () => {
  assert.equal(resourceOf(rowOf('tools/list'), { name: 'x' }, 's'), undefined)
})
test('every method with a name source refuses parameters without it', () => {
  for (const row of METHODS.filter(({ name }) => name !== undefined))
    assert.throws(() => resourceOf(row, {}, 's'), { code: 'invalid_arguments' })
})
test('the arguments of a tool are its own; of a read all parameters but _meta', () => {
  assert.deepEqual(argumentsOf(rowOf('tools/call'), { name: 'x', arguments: { a: 1 } }), { a: 1 })
  assert.deepEqual(argumentsOf(rowOf('resources/read'), { uri: 'file:///a', _meta: {} }), { uri: 'file:///a' })
})
test('a read has the same arguments in every leg, so that its state comes back to it', () => {
  const leg = { uri: 'file:///a', inputResponses: { which: {} }, requestState: 'v1.x' }
  assert.deepEqual(argumentsOf(rowOf('resources/read'), leg), { uri: 'file:///a' })
})
