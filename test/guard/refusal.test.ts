/** Why a call was refused, as history is told it: the reason that would not go away. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { refusal } from '../../src/guard/refusal.ts'
import { createEngine } from '../../src/policy/engine.ts'
import { aCall, aPrincipal } from '../fixtures/nouns.ts'

test('where nothing permits a call, that is the reason, also where it is forbidden beside that', () => {
  const tools = { drop: { permission: 'x:drop', approval: true }, read: { permission: 'x:read' } }
  const law = createEngine({ access: { roles: { user: { permissions: ['x:read'] } }, tools, resources: [] }, files: [] }, () => 0)
  const reason = (tool: string): string => {
    const call = aCall({ tool })
    const { resource, action } = call
    const context = { approved: false, confirmed: false, findings: [], input: {} }
    return refusal(law.decide({ principal: aPrincipal({ roles: ['user'] }), action, resource, context }), call, false).detail
  }

  assert.equal(reason('other'), 'nothing permits it')
  assert.equal(reason('drop'), 'nothing permits it, and it is forbidden by policy')
})
