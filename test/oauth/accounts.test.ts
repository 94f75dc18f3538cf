/** Local users: names, passwords, roles, and what an unknown one costs. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Denial, Fault } from '../../src/core/denial.ts'
import { Secret } from '../../src/core/secret.ts'
import { Accounts, randomPassword } from '../../src/oauth/accounts.ts'
import { flawOfPassword, Passwords } from '../../src/oauth/passwords.ts'
import { KEYS } from '../../src/store/keys.ts'
import { openSqlite } from '../../src/store/sqlite.ts'

const PASSWORD = 'correct horse battery staple'
const open = () => {
  const store = openSqlite(':memory:', { clock: Date.now })
  return { store, accounts: new Accounts(store, Date.now) }
}
const isFault = (error: unknown): boolean => error instanceof Fault && error.code === 'FAULT_USER'

test('a user signs in with the password of the moment, whatever form its letters have', async () => {
  const { accounts } = open()
  await accounts.add('zoe', new Secret('zo\u00eb likes long walks'), ['user'])
  const zoe = await accounts.signIn('zoe', 'zoe\u0308 likes long walks')
  assert.deepEqual([zoe?.subject, zoe?.name, zoe?.roles], ['zoe', 'zoe', ['user']])
  await accounts.setPassword('zoe', new Secret(PASSWORD))
  assert.equal(await accounts.signIn('zoe', 'zo\u00eb likes long walks'), undefined)
  assert.ok(await accounts.signIn('zoe', PASSWORD))
})

test('a disabled user neither signs in nor gets another token, until enabled', async () => {
  const { accounts } = open()
  await accounts.add('alice', new Secret(PASSWORD), [])
  await accounts.setStatus('alice', 'disabled')
  assert.equal(await accounts.signIn('alice', PASSWORD), undefined)
  assert.equal(await accounts.find('alice'), undefined)
  await accounts.setStatus('alice', 'active')
  assert.ok(await accounts.signIn('alice', PASSWORD))
})

test('names are lower case and taken once, roles are roles, and weak passwords are refused', async () => {
  const { accounts } = open()
  await accounts.add('alice', new Secret(PASSWORD), [])
  for (const name of ['alice', 'Alice', '', 'a|b', 'a b', '../x', 'x'.repeat(65), '\u0430lice'])
    await assert.rejects(accounts.add(name, new Secret(PASSWORD), []), isFault, name)
  await assert.rejects(accounts.add('bob', new Secret(PASSWORD), ['not a role']), isFault)
  for (const weak of ['short', 'aaaaaaaaaaaaaaaaaa', 'bob bob bob bob bob x', 'x'.repeat(300), `lone\ud800 surrogate here`])
    await assert.rejects(accounts.add('bob', new Secret(weak), []), isFault, weak)
  await assert.rejects(accounts.setRoles('nobody', []), isFault)
  assert.equal(flawOfPassword(randomPassword(), 'bob'), undefined)
})

test('only an Argon2id hash of a password is kept, each with a salt of its own', async () => {
  const { store, accounts } = open()
  await accounts.add('alice', new Secret(PASSWORD), [])
  await accounts.add('bob', new Secret(PASSWORD), [])
  const [alice, bob] = [JSON.stringify(await store.get(KEYS.user('alice'))), JSON.stringify(await store.get(KEYS.user('bob')))]
  assert.match(alice, /\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
  assert.ok(!alice.includes(PASSWORD))
  assert.notEqual(/argon2id[^"]*/.exec(alice)?.[0], /argon2id[^"]*/.exec(bob)?.[0])
  assert.ok(!JSON.stringify(await accounts.list()).includes('argon2'))
})

test('an unknown user costs as much as a known one', async () => {
  const { accounts } = open()
  await accounts.add('alice', new Secret(PASSWORD), [])
  await accounts.signIn('nobody', PASSWORD)
  // The quickest of several rounds, in turn: whatever else the machine does can only add.
  const quickest = new Map([
    ['alice', Number.POSITIVE_INFINITY],
    ['nobody', Number.POSITIVE_INFINITY],
    ['NOT A NAME', Number.POSITIVE_INFINITY],
  ])
  for (let round = 0; round < 7; round++) {
    for (const [name, best] of quickest) {
      const from = performance.now()
      await accounts.signIn(name, 'a wrong password')
      quickest.set(name, Math.min(best, performance.now() - from))
    }
  }
  const [known = 0, unknown = 0, impossible = 0] = quickest.values()
  // A look-up is microseconds, a hash tens of milliseconds: without the decoy it would be a hundredth.
  for (const other of [unknown, impossible]) assert.ok(other > known / 3 && other < known * 3, `${known} ${unknown} ${impossible}`)
})

test('more passwords than can wait are turned away, and the ones that wait are all checked', async () => {
  const passwords = new Passwords()
  const hash = await passwords.hash(PASSWORD)
  // The decoy is made first, and takes a place too.
  assert.equal(await passwords.isRight(PASSWORD, undefined), false)
  const results = await Promise.allSettled(Array.from({ length: 80 }, () => passwords.isRight(PASSWORD, hash)))
  const refused = results.filter((result) => result.status === 'rejected')
  assert.equal(refused.length, 14)
  assert.ok(refused.every(({ reason }) => reason instanceof Denial && reason.code === 'rate_limited'))
  assert.ok(results.every((result) => result.status === 'rejected' || result.value))
})

test('who signs in elsewhere is never a local user of the same name', async () => {
  const { accounts } = open()
  await accounts.add('alice', new Secret(PASSWORD), ['admin'])
  const foreign = await accounts.welcome({ provider: 'Example', subject: 'alice', roles: ['user'] }, Date.now() + 60_000)
  assert.equal(foreign.subject, 'Example|alice')
  assert.deepEqual((await accounts.find('Example|alice'))?.roles, ['user'])
  assert.deepEqual((await accounts.find('alice'))?.roles, ['admin'])
})
