import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anEngine, aPrincipal, aQuery, aTool, type QueryParts } from './fixtures.ts'

const engine = anEngine(`
permit (principal in Role::"user", action == Action::"call", resource in Server::"s");
permit (principal, action == Action::"call", resource == Tool::"s/by_argument") when { principal has tenant && context.input.hasTag("/tenant") && context.input.getTag("/tenant") == principal.tenant };
forbid (principal, action == Action::"call", resource == Tool::"s/within") unless { context.input.hasTag("/path") && context.input.getTag("/path") like "/srv/*" };
forbid (principal, action == Action::"call", resource == Tool::"s/found") when { context.findings.contains("path-traversal") };
forbid (principal, action == Action::"call", resource == Tool::"s/closed") when { principal.kind == "user" || context.findings.contains("x") };
forbid (principal, action == Action::"call", resource == Tool::"s/negated") unless { !(principal.kind == "user" && !context.input.hasTag("/dry")) };
forbid (principal, action == Action::"call", resource == Tool::"s/branch") when { if context.input.hasTag("/all") then true else principal.kind == "user" };
forbid (principal, action == Action::"call", resource == Tool::"s/both") when { if context.input.hasTag("/all") then true else principal.issuer != "nobody" };
@requires("approval") forbid (principal, action == Action::"call", resource == Tool::"s/approved") unless { context.approved };
forbid (principal, action == Action::"call", resource == Tool::"s/hopeless") unless { context.approved };
`)
const isVisible = (tool: string, principal: QueryParts['principal'] = aPrincipal({ roles: ['user'] })) =>
  engine.isVisible(aQuery({ principal, resource: aTool(tool, 's') }))

test('what is permitted is visible, and what nothing permits is not', () => {
  assert.equal(isVisible('plain'), true)
  assert.equal(isVisible('plain', aPrincipal()), false)
})

test('what some arguments would permit is visible', () => {
  assert.equal(isVisible('within'), true)
  assert.equal(isVisible('negated'), true)
  assert.equal(isVisible('by_argument', aPrincipal({ tenant: 'a' })), true)
})

test('what no arguments would permit is not visible', () => {
  assert.equal(isVisible('by_argument', aPrincipal()), false)
  assert.equal(isVisible('closed'), false)
  assert.equal(isVisible('closed', aPrincipal({ kind: 'service', roles: ['user'] })), true)
})

test('what is forbidden only for its content is visible', () => {
  assert.equal(isVisible('found'), true)
})

test('of a choice by an argument, either branch may be the way in', () => {
  assert.equal(isVisible('branch', aPrincipal({ kind: 'service', roles: ['user'] })), true)
})

test('what a remedy would permit is visible, and what asks for one that is never offered is not', () => {
  assert.equal(isVisible('approved'), true)
  assert.equal(isVisible('hopeless'), false)
})

test('visible is at least what is permitted', () => {
  for (const tool of ['plain', 'within', 'found', 'closed', 'negated', 'branch', 'both', 'approved', 'hopeless']) {
    for (const input of [{}, { path: '/srv/x' }, { path: '/etc' }, { dry: true }, { all: 1 }]) {
      const query = aQuery({ principal: aPrincipal({ roles: ['user'] }), resource: aTool(tool, 's'), input })
      if (engine.decide(query).effect === 'permit') assert.equal(engine.isVisible(query), true, tool)
    }
  }
})
