import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CONFIG, install } from './portcullis.ts'

const NOWHERE = 'there is nowhere to sign in: neither authentication.oauth (with users: local) nor admin is written'

test('a user whose roles are good for nothing, or who can sign in nowhere, is made, and the notes say so, in JSON too', async (t) => {
  const there = install(t, `${CONFIG}approval: { approvers: [boss] }\n`)
  const add = async (name: string, role: string): Promise<unknown> => {
    const { code, out } = await there.run(['users', 'add', name, '--role', role, '--json'])
    assert.equal(code, 0)
    return JSON.parse(out).notes
  }
  const slip = 'access.roles does not know admni, did you mean admin? Only a policy can give it rights'
  assert.deepEqual(await add('ann', 'admni'), [slip, NOWHERE])
  there.write('portcullis.yaml', `${CONFIG}approval: { approvers: [boss] }\nadmin: 127.0.0.1:9090\n`)
  assert.deepEqual(await add('bob', 'boss'), [])
  const text = await there.run(['users', 'roles', 'bob', '--role', 'admni'])
  assert.deepEqual([text.code, text.errors], [0, `note: ${slip}\n`])
})

test('the roles of a user are taken away only when that is said', async (t) => {
  const there = install(t, CONFIG)
  await there.run(['users', 'add', 'ann', '--role', 'user'])
  const roles = async (): Promise<unknown> => JSON.parse((await there.run(['users', 'list', '--json'])).out)[0].roles
  const [nothing, both] = [
    await there.run(['users', 'roles', 'ann']),
    await there.run(['users', 'roles', 'ann', '--role', 'user', '--none']),
  ]
  assert.deepEqual([nothing.code, both.code], [2, 2])
  assert.match(nothing.errors, /--role, or take all away with --none/)
  assert.deepEqual(await roles(), ['user'])
  assert.equal((await there.run(['users', 'roles', 'ann', '--none'])).code, 0)
  assert.deepEqual(await roles(), [])
})

test('a client for which there is no authorization server, or with a role that is good for nothing, is made, and the notes say so', async (t) => {
  const there = install(t, CONFIG)
  const add = ['clients', 'add', '--name', 'ci', '--grant', 'client-credentials', '--role']
  const without = 'authentication.oauth is not written, so no client gets a token here'
  assert.deepEqual(JSON.parse((await there.run([...add, 'user', '--json'])).out).notes, [without])
  assert.match((await there.run([...add, 'user'])).errors, new RegExp(`note: ${without}`))
  there.write('portcullis.yaml', `${CONFIG}authentication: { oauth: {} }\n`)
  assert.deepEqual(JSON.parse((await there.run([...add, 'user', '--json'])).out).notes, [])
  assert.match(JSON.parse((await there.run([...add, 'usr', '--json'])).out).notes[0], /did you mean user\?/)
})
