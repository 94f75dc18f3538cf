import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Denial } from '../../src/core/denial.ts'
import { createAuthenticator, type Scheme } from '../../src/identity/authenticate.ts'
import { apiKey, bearer, CALL, createWorld } from './world.ts'

test('without a credential a call is refused, unless anonymous callers are configured', async () => {
  const { keys } = createWorld()
  assert.throws(() => createAuthenticator([keys])([], CALL), { code: 'unauthenticated', remedies: [{ kind: 'authenticate' }] })
  const principal = await createAuthenticator([keys], { anonymous: { roles: ['guest'] } })([], CALL)
  assert.deepEqual(principal, { kind: 'anonymous', issuer: 'local', subject: 'anonymous', actors: [], roles: ['guest'], claims: {} })
})

test('two credentials are refused, also two equal ones, also where anonymous callers are let in', async () => {
  const { keys } = createWorld()
  const { text } = await keys.create({ name: 'x', roles: [], createdBy: 'test' })
  const authenticate = createAuthenticator([keys], { anonymous: { roles: ['guest'] } })
  assert.throws(() => authenticate([apiKey(text), bearer(text)], CALL), { code: 'ambiguous_credentials' })
  assert.throws(() => authenticate([bearer(text), bearer(text)], CALL), { code: 'ambiguous_credentials' })
})

test('a credential that is no good does not become an anonymous caller', async () => {
  const authenticate = createAuthenticator([createWorld().keys], { anonymous: { roles: ['guest'] } })
  for (const credential of [apiKey('mcp_x'), apiKey(''), bearer(''), bearer('eyJ.e30.x')]) {
    await assert.rejects(async () => authenticate([credential], CALL), { code: 'invalid_token' })
  }
})

test('a credential that is wrong by itself is refused before any scheme sees it, however good its text', async () => {
  const { keys } = createWorld()
  const { text } = await keys.create({ name: 'x', roles: [], createdBy: 'test' })
  const authenticate = createAuthenticator([keys], { anonymous: { roles: ['guest'] } })
  assert.throws(() => authenticate([{ ...apiKey(text), flaw: 'it is no certificate of a client' }], CALL), { code: 'invalid_token' })
})

test('schemes are asked in order until one knows the credential; a refusal ends the asking', async () => {
  const asked: string[] = []
  const scheme = (name: string, answer: () => undefined): Scheme => ({
    authenticate() {
      asked.push(name)
      return answer()
    },
  })
  const refuse = (): undefined => {
    throw new Denial('invalid_token')
  }
  const authenticate = createAuthenticator([scheme('first', () => undefined), scheme('second', refuse), scheme('third', () => undefined)])
  await assert.rejects(async () => authenticate([bearer('x')], CALL), { code: 'invalid_token' })
  assert.deepEqual(asked, ['first', 'second'])
})
