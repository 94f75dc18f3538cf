import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expandRoles, isPermitted, rightsOf } from '../../src/policy/roles.ts'

test('a role has its own permissions and those of all that it inherits', () => {
  const roles = expandRoles({
    guest: { permissions: ['weather:read'] },
    user: { inherits: ['guest'], permissions: ['files:read'] },
    premium: { inherits: ['user', 'guest'], permissions: ['files:*'] },
  })

  assert.deepEqual([...(roles.get('premium')?.roles ?? [])].sort(), ['guest', 'premium', 'user'])
  assert.deepEqual([...(roles.get('premium')?.permissions ?? [])].sort(), ['files:*', 'files:read', 'weather:read'])
})

test('a role that inherits itself is a fault that shows the circle', () => {
  const circle = {
    a: { inherits: ['b'], permissions: [] },
    b: { inherits: ['c'], permissions: [] },
    c: { inherits: ['a'], permissions: [] },
  }

  assert.throws(() => expandRoles(circle), {
    code: 'FAULT_POLICY',
    message: 'access.roles["c"].inherits: a role inherits itself: a → b → c → a',
  })
})

test('an unknown parent is a fault that names it', () => {
  const orphan = { a: { inherits: ['constructor'], permissions: [] } }

  assert.throws(() => expandRoles(orphan), { code: 'FAULT_POLICY', message: 'access.roles["a"].inherits: no role is called "constructor"' })
})

test('a role cannot be named like a principal', () => {
  assert.throws(() => expandRoles({ 'key#1': { permissions: [] } }), { code: 'FAULT_POLICY' })
})

test('a role that the configuration does not know is a role without permissions', () => {
  const rights = rightsOf(['stranger'], expandRoles({ guest: { permissions: ['*'] } }))

  assert.deepEqual([...rights.roles], ['stranger'])
  assert.deepEqual([...rights.permissions], [])
})

test('a star in a permission covers what it stands for and nothing else', () => {
  assert.equal(isPermitted('files:read', ['files:*']), true)
  assert.equal(isPermitted('files:read', ['*']), true)
  assert.equal(isPermitted('filesystem:read', ['files:*']), false)
  assert.equal(isPermitted('files:read', []), false)
})
