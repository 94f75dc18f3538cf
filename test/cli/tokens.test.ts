import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { aToken } from '../identity/issuer.ts'
import { CONFIG, install } from './portcullis.ts'

const SECRET = 'c0/5oM3yTgIPZkxJZ2vqTq1nKwRr0hYB1f8XvLzE7uQ='
const config = `${CONFIG}\nauthentication: { jwtSecret: "${SECRET}" }\n`
const issued = z.object({ accessToken: z.string(), refreshToken: z.string(), expiresAt: z.number(), refreshExpiresAt: z.number() })

test('a token is made, looked at and revoked, and each deed stands in the journal without it', async (t) => {
  const there = install(t, config)
  const made = await there.run(['tokens', 'create', '--subject', 'ann', '--role', 'user', '--scope', 'tools:read', '--json'])
  assert.equal(made.code, 0, made.errors)
  const { accessToken } = issued.parse(JSON.parse(made.out))
  const seen = await there.run(['tokens', 'verify'], { input: `${accessToken}\n` })
  assert.equal(seen.code, 0, seen.errors)
  assert.match(seen.out, /\/tokens#ann, roles: user, scopes: tools:read/)
  assert.equal((await there.run(['tokens', 'revoke'], { input: accessToken })).code, 0)
  const after = await there.run(['tokens', 'verify'], { input: accessToken })
  assert.equal(after.code, 1)
  assert.match(after.errors, /revoked/)
  const { out } = await there.run(['audit', 'query', '--json'])
  assert.deepEqual(
    [...out.matchAll(/"type":"(token\.[a-z]+)"/g)].map((match) => match[1]),
    ['token.created', 'token.revoked'],
  )
  for (const part of accessToken.split('.').slice(1)) assert.ok(!out.includes(part))
})

test('a token of another issuer is revoked, too; nothing but one token is read', async (t) => {
  const there = install(t, CONFIG)
  assert.equal((await there.run(['tokens', 'revoke'], { input: aToken() })).code, 0)
  assert.equal((await there.run(['tokens', 'revoke'], { input: 'opaque-token' })).code, 0)
  assert.equal((await there.run(['tokens', 'revoke'], { input: '' })).code, 2)
  assert.equal((await there.run(['tokens', 'revoke'], { input: 'two tokens' })).code, 2)
})

test('without jwtSecret there are no tokens to make, and the next step is told', async (t) => {
  const { code, errors } = await install(t, CONFIG).run(['tokens', 'create', '--subject', 'ann'])
  assert.equal(code, 3)
  assert.match(errors, /authentication\.jwtSecret is not set/)
})

test('a token is for a server that is there', async (t) => {
  const { code, errors } = await install(t, config).run(['tokens', 'create', '--subject', 'ann', '--server', 'nowhere'])
  assert.equal(code, 2)
  assert.match(errors, /no server nowhere/)
})

test('signing keys are rotated: the new one is told and written down, and without a server of our own there are none', async (t) => {
  const there = install(t, `${CONFIG}\nauthentication: { oauth: {} }\n`)
  const first = await there.run(['tokens', 'rotate-keys', '--json'])
  const second = await there.run(['tokens', 'rotate-keys', '--overlap', '1h', '--json'])
  assert.deepEqual([first.code, second.code], [0, 0], first.errors + second.errors)
  const kidOf = (out: string): string => z.object({ kid: z.string() }).parse(JSON.parse(out)).kid
  assert.notEqual(kidOf(first.out), kidOf(second.out))
  const { out } = await there.run(['audit', 'query', '--json'])
  assert.equal([...out.matchAll(/"type":"oauth\.keys_rotated"/g)].length, 2)
  assert.equal((await install(t, CONFIG).run(['tokens', 'rotate-keys'])).code, 3)
})
