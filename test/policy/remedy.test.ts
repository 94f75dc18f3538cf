import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anEngine, aPrincipal, aQuery, aTool, EXAMPLE, type QueryParts } from './fixtures.ts'

const LAW = `
permit (principal in Role::"user", action == Action::"call", resource in Server::"warehouse");
@id("drop") @requires("scope:warehouse:write")
forbid (principal, action == Action::"call", resource == Tool::"warehouse/drop") unless { principal.scopes.contains("warehouse:write") };
@id("destruction") @requires("approval")
forbid (principal, action == Action::"call", resource in Server::"warehouse")
when { resource.name like "drop*" || resource.name like "wipe*" || resource.name like "burn*" } unless { context.approved };
@id("wipe") @requires("acr:phr")
forbid (principal, action == Action::"call", resource == Tool::"warehouse/wipe") unless { principal.hasTag("acr") && principal.getTag("acr").contains("phr") };
@id("burn") forbid (principal, action == Action::"call", resource == Tool::"warehouse/burn");
@id("secret") @requires("redact:secret") forbid (principal, action == Action::"receive", resource) when { context.findings.contains("secret") };
@id("personal") @requires("redact:personal, redact:phone") forbid (principal, action == Action::"receive", resource) when { context.findings.containsAny(["personal", "phone"]) };
@id("virus") forbid (principal, action == Action::"receive", resource) when { context.findings.contains("virus") };
@id("futile") @requires("approval") forbid (principal, action == Action::"call", resource == Tool::"warehouse/futile");
@id("chain") @requires("scope:first") forbid (principal, action == Action::"call", resource == Tool::"warehouse/chain") unless { principal.scopes.contains("first") };
@id("chained") @requires("scope:second")
forbid (principal, action == Action::"call", resource == Tool::"warehouse/chain") when { principal.scopes.contains("first") } unless { principal.scopes.contains("second") };
`
const engine = anEngine(LAW, { ...EXAMPLE, tools: { 'weather/get_*': { permission: 'weather:read', scopes: ['tools:read'] } } })
const user = aPrincipal({ roles: ['user'], scopes: [] })
const remedies = (parts: QueryParts) => engine.decide(aQuery({ principal: user, ...parts })).remedies
const call = (tool: string, parts: QueryParts = {}) => remedies({ resource: aTool(tool, 'warehouse'), ...parts })

test('a forbid tells all its remedies at once', () => {
  assert.deepEqual(call('drop'), [{ kind: 'scope', scopes: ['warehouse:write'] }, { kind: 'approval' }])
})

test('what was brought is not asked for again', () => {
  assert.deepEqual(call('drop', { approved: true }), [{ kind: 'scope', scopes: ['warehouse:write'] }])
  assert.deepEqual(call('drop', { principal: { ...user, scopes: ['warehouse:write'] } }), [{ kind: 'approval' }])
})

test('with all remedies brought the answer is yes', () => {
  const principal = { ...user, scopes: ['warehouse:write'] }

  assert.equal(engine.decide(aQuery({ principal, resource: aTool('drop', 'warehouse'), approved: true })).effect, 'permit')
})

test('a stronger sign-in is a remedy', () => {
  assert.deepEqual(call('wipe'), [{ kind: 'step_up', acr: 'phr' }, { kind: 'approval' }])
  assert.deepEqual(call('wipe', { principal: { ...user, claims: { acr: 'phr' } } }), [{ kind: 'approval' }])
})

test('one forbid without a remedy leaves none', () => {
  assert.deepEqual(call('burn'), [])
  assert.deepEqual(remedies({ action: 'receive', findings: ['secret', 'virus'] }), [])
})

test('nobody is sent to fetch what would not help', () => {
  assert.deepEqual(call('futile'), [])
  assert.deepEqual(call('drop', { principal: aPrincipal({ scopes: [] }) }), [])
})

test('redaction names every label that has to go', () => {
  assert.deepEqual(remedies({ action: 'receive', findings: ['personal', 'secret', 'harmless'] }), [
    { kind: 'redact', labels: ['personal', 'phone', 'secret'] },
  ])
})

test('a forbid that comes into play only with the first remedy adds its own', () => {
  assert.deepEqual(call('chain'), [{ kind: 'scope', scopes: ['first', 'second'] }])
})

test('a credential that knows no scopes is offered neither scopes nor a stronger sign-in', () => {
  const key = aPrincipal({ issuer: 'key', kind: 'service', roles: ['user'] })

  assert.deepEqual(call('drop', { principal: key }), [])
  assert.deepEqual(call('wipe', { principal: key }), [])
})

test('a scope that cannot stand in a challenge is not offered', () => {
  const open = anEngine('', { ...EXAMPLE, tools: { '*': { permission: 'weather:read', scopes: ['tool:{name}'] } } })
  const decide = (name: string) => open.decide(aQuery({ principal: user, resource: aTool(name) })).remedies

  assert.deepEqual(decide('echo'), [{ kind: 'scope', scopes: ['tool:echo'] }])
  assert.deepEqual(decide('echo", realm="x'), [])
})

test('a remedy of the house names the scopes that the configuration lists', () => {
  assert.deepEqual(remedies({ resource: aTool('get_weather') }), [{ kind: 'scope', scopes: ['tools:read'] }])
})
