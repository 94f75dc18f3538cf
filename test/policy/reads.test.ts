import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parsePolicies } from '../../src/policy/load.ts'
import { isConcerned, readsOf } from '../../src/policy/reads.ts'

const jsonOf = (text: string) => parsePolicies({ path: 'a', text }).map(({ json }) => json)
const readsIn = (condition: string) => readsOf(jsonOf(`permit (principal, action, resource) when { ${condition} };`))

test('attributes are found wherever they stand', () => {
  const { attributes } = readsIn(`
    if principal has tenant then [{ "a": resource.name }.a, principal.tenant].contains("x") && !(resource.rules.isEmpty())
    else context.hour - 1 >= 2 || resource.server like "a*" || ip("::1").isInRange(ip(principal.subject))`)

  assert.deepEqual([...attributes].filter((name) => !name.endsWith('.a')).sort(), [
    'context.hour',
    'principal.subject',
    'principal.tenant',
    'resource.name',
    'resource.rules',
    'resource.server',
  ])
})

test('an attribute of an expression counts as anybody’s', () => {
  const { attributes } = readsIn('(if true then principal else principal).kind == "user"')

  assert.deepEqual([...attributes].sort(), ['context.kind', 'principal.kind', 'resource.kind'])
})

test('claims and arguments are told apart', () => {
  const { claims, inputs, unclear } = readsIn(
    'principal.hasTag("acr") && context.input.hasTag("/path") && principal.getTag("/a/b").contains("x")',
  )

  assert.deepEqual([...claims], ['acr', '/a/b'])
  assert.deepEqual([...inputs], ['/path'])
  assert.equal(unclear, false)
})

test('a tag of anything else, or by a key that is computed, is unclear', () => {
  assert.equal(readsIn('principal.hasTag(principal.subject)').unclear, true)
  assert.equal(readsIn('(if true then principal else principal).hasTag("x")').unclear, true)
})

test('entities are found in heads, conditions and sets', () => {
  const [json] = jsonOf(
    'permit (principal is Principal in Role::"a", action == Action::"call", resource is Tool in Server::"s") when { principal in [Role::"b", Permission::"c"] || [Tool::"t"].contains(resource) };',
  )
  assert.ok(json !== undefined)

  const { entities } = readsOf([json])

  assert.deepEqual([...(entities.get('Role') ?? [])], ['a', 'b'])
  assert.deepEqual([...(entities.get('Permission') ?? [])], ['c'])
  assert.deepEqual([...(entities.get('Server') ?? [])], ['s'])
  assert.deepEqual([...(entities.get('Tool') ?? [])], ['t'])
})

test('a member of a record that is called like an operator is no operator', () => {
  assert.equal(readsIn('{ "getTag": 1, "hasTag": principal.kind } == { "getTag": 1, "hasTag": "x" }').unclear, false)
})

test('the head of a policy says which actions and resources it concerns', () => {
  const tool = {
    type: 'Tool',
    within: [
      { type: 'Tool', id: 's/t' },
      { type: 'Server', id: 's' },
    ],
  }
  const concerned = (action: string, resource: string) =>
    jsonOf(`permit (principal, ${action}, ${resource});`).map((json) => isConcerned(json, 'call', tool))[0]

  for (const action of ['action', 'action == Action::"call"', 'action in Action::"call"', 'action in [Action::"get", Action::"call"]']) {
    assert.equal(concerned(action, 'resource'), true, action)
  }
  for (const action of ['action == Action::"get"', 'action in Action::"get"', 'action in [Action::"get"]'])
    assert.equal(concerned(action, 'resource'), false, action)
  for (const resource of ['resource == Tool::"s/t"', 'resource in Server::"s"', 'resource is Tool', 'resource is Tool in Server::"s"']) {
    assert.equal(concerned('action', resource), true, resource)
  }
  for (const resource of [
    'resource == Tool::"s/u"',
    'resource in Server::"t"',
    'resource is Prompt',
    'resource is Tool in Server::"t"',
    'resource == Prompt::"s/t"',
  ]) {
    assert.equal(concerned('action', resource), false, resource)
  }
})
