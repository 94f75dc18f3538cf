import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonValue } from '../../src/core/json.ts'
import type { PrincipalRules } from '../../src/identity/jwt-principal.ts'
import { aToken } from './issuer.ts'
import { aBearer, verdict } from './tokens-world.ts'

const MAP = { staff: ['user'], 'mcp-admins': ['admin', 'user'] }
const rolesOf = async (rules: PrincipalRules, said: Readonly<Record<string, JsonValue>>) =>
  (await aBearer([{ rules }]).ask(aToken(said)))?.roles

test('roles come through the map alone', async () => {
  const rules = { roles: { claim: 'groups', map: MAP } }
  assert.deepEqual(await rolesOf(rules, { groups: ['staff', 'admin', 'mcp-admins'] }), ['user', 'admin'])
  assert.deepEqual(await rolesOf(rules, { groups: 'staff' }), ['user'])
  assert.deepEqual(await rolesOf(rules, { roles: ['admin'], groups: ['admin', 'constructor', '__proto__'] }), [])
  // A name is that name: not what it looks like, and not what somebody's normalisation makes of it.
  for (const groups of ['ｓtaff', 'Staff', 'staff ', 'st\u0430ff', 'sta\uFB00'])
    assert.deepEqual(await rolesOf(rules, { groups }), [], groups)
  assert.deepEqual(await rolesOf(rules, {}), [])
  assert.deepEqual(await rolesOf({}, { groups: ['staff'], roles: ['admin'] }), [])
})

test('a claim within others is named by a pointer; a name with dots and slashes elsewhere is a name', async () => {
  assert.deepEqual(await rolesOf({ roles: { claim: '/realm_access/roles', map: MAP } }, { realm_access: { roles: ['staff'] } }), ['user'])
  assert.deepEqual(await rolesOf({ roles: { claim: '/a~1b/c~0d', map: MAP } }, { 'a/b': { 'c~d': ['staff'] } }), ['user'])
  assert.deepEqual(await rolesOf({ roles: { claim: 'https://example.com/roles', map: MAP } }, { 'https://example.com/roles': ['staff'] }), [
    'user',
  ])
  assert.deepEqual(await rolesOf({ roles: { claim: '/realm_access/roles', map: MAP } }, { realm_access: ['staff'] }), [])
  assert.deepEqual(await rolesOf({ roles: { claim: 'constructor', map: MAP } }, {}), [])
})

test('a claim of roles that holds something else than texts refuses the token', async () => {
  const { ask } = aBearer([{ rules: { roles: { claim: 'groups', map: MAP } } }])
  for (const groups of [[1], { staff: true }, [['staff']], true, null]) {
    if (groups === null) continue
    assert.match(await verdict(ask(aToken({ groups }))), /roles/)
  }
})

test('a token that a client got for itself is a service', async () => {
  const { ask } = aBearer()
  assert.equal((await ask(aToken({ sub: 'desktop' })))?.kind, 'service')
  assert.equal((await ask(aToken()))?.kind, 'user')
})

test('the tenant is what the configuration says of the issuer, whatever its tokens claim', async () => {
  assert.equal((await aBearer([{ rules: { tenant: 'acme' } }]).ask(aToken({ tenant: 'other' })))?.tenant, 'acme')
  assert.equal((await aBearer().ask(aToken({ tenant: 'other' })))?.tenant, undefined)
})
