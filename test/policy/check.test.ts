import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anEngine } from './fixtures.ts'

/** A policy file that is refused, and how that is told. */
const REFUSED: readonly [why: string, text: string, message: RegExp][] = [
  [
    'an attribute that does not exist',
    'permit (principal, action, resource);\nforbid (principal, action, resource) when { resource.colour == "é" };',
    /^policy\/test\.cedar:2:45: attribute `colour` .* not found/,
  ],
  [
    'an optional attribute read without asking whether it is there',
    'forbid (principal, action, resource) when { principal.tenant == "a" };',
    /^policy\/test\.cedar:1:45: .*`e has tenant && \.\.`/,
  ],
  [
    'a tag read without asking whether it is there',
    'forbid (principal, action, resource) when { principal.getTag("acr").contains("x") };',
    /hasTag/,
  ],
  [
    'an action with a resource that it never has',
    'forbid (principal, action == Action::"call", resource is Prompt);',
    /^policy\/test\.cedar:1:1: .*applicable action/,
  ],
  ['a policy that can never apply', 'forbid (principal, action, resource) when { false };', /impossible/],
  ['an action that does not exist', 'forbid (principal, action == Action::"cal", resource);', /cal/],
  ['an entity type that does not exist', 'forbid (principal in Group::"a", action, resource);', /Group/],
  ['a direction override in a name', 'forbid (principal in Role::"a\\u{202e}b", action, resource);', /BIDI/],
  ['letters of two scripts in a name', 'forbid (principal in Role::"\u0430dmin", action, resource);', /mixed scripts/],
  ['a control character in a name', 'forbid (principal in Role::"a\\0", action, resource);', /not a printable/],
  [
    'a tag whose key is not a literal',
    'forbid (principal, action, resource) when { context.input.hasTag(principal.subject) };',
    /^policy\/test\.cedar:1:1: a tag is read by a literal key/,
  ],
  [
    'an argument that is not named by a JSON Pointer',
    'forbid (principal, action, resource) when { context.input.hasTag("path") };',
    /"path" is no JSON Pointer/,
  ],
  [
    'a number that JSON does not carry',
    'forbid (principal, action, resource) when { context.hour == 9007199254740993 };',
    /a number is beyond/,
  ],
  ['an entity without a name', 'forbid (principal, action, resource == Tool::"");', /Tool::"" names nothing/],
  [
    'an id that is taken',
    '@id("a") permit (principal, action, resource);\n@id("a") forbid (principal, action, resource);',
    /^policy\/test\.cedar:2:1: .* taken by policy\/test\.cedar:1:1$/,
  ],
  ['the id of a house rule', '@id("house.ceiling") permit (principal, action, resource);', /taken by defaults\.cedar:\d+:1$/],
  [
    'a remedy that is none',
    '@requires("scopes:a") forbid (principal, action, resource);',
    /^policy\/test\.cedar:1:1: @requires\("scopes:a"\) is none of/,
  ],
  ['a remedy on a permit', '@requires("approval") permit (principal, action, resource);', /@requires belongs on a forbid/],
  ['a limit that is no rate', '@limit("60 a minute") permit (principal, action, resource);', /@limit\("60 a minute"\) is no rate/],
  ['a limit of nothing', '@limit("0/m") permit (principal, action, resource);', /is no rate/],
  ['a limit on a forbid', '@limit("60/m") forbid (principal, action, resource);', /@limit belongs on a permit/],
]

for (const [why, text, message] of REFUSED) {
  test(`a policy file is refused for ${why}`, () => {
    assert.throws(() => anEngine(text), { code: 'FAULT_POLICY', message })
  })
}

test('every mistake is told, a line each', () => {
  const text = ['colour', 'shape']
    .map((name) => `forbid (principal, action == Action::"call", resource) when { resource.${name} == "a" };`)
    .join('\n')

  assert.throws(
    () => anEngine(text),
    (fault: Error) => {
      assert.deepEqual(
        fault.message
          .split('\n')
          .map((line) => line.split(':').slice(0, 2).join(':'))
          .sort(),
        ['policy/test.cedar:1', 'policy/test.cedar:2'],
      )
      return true
    },
  )
})
