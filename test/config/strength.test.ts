import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { weakness } from '../../src/config/strength.ts'

test('what a random generator makes is never weak', () => {
  for (let round = 0; round < 2_000; round++) {
    for (const form of ['base64', 'base64url', 'hex'] as const) {
      const text = randomBytes(32).toString(form)
      assert.equal(weakness(text), undefined, text)
    }
    const short = randomBytes(24).toString('base64')
    assert.equal(weakness(short), undefined, short)
  }
})

test('less than 32 bytes is too short, counted in bytes', () => {
  assert.match(weakness('k7Tz0qVnE3xWb9RmYc5LpA8sUd2HfJ1') ?? '', /at least 32 bytes/)
  assert.match(weakness('') ?? '', /at least 32 bytes/)
})

for (const text of [
  'your-256-bit-secret-your-256-bit-secret',
  'a-string-secret-at-least-256-bits-long',
  'change-me-change-me-change-me-change-me',
  'CHANGE_THIS_SECRET_IN_PRODUCTION_PLEASE',
  'super-secret-jwt-signing-key-for-my-app!',
  'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
  'abcdefghijklmnopqrstuvwxyz0123456789abcd',
  '0123456789012345678901234567890123456789',
  '0123456789abcdef0123456789abcdef01234567',
  'passwordpasswordpasswordpasswordpassword',
  'qwertyuiopqwertyuiopqwertyuiopqwertyuiop',
  'correct horse battery staple correct horse',
  'k7Tz0qVnk7Tz0qVnk7Tz0qVnk7Tz0qVnk7Tz0qVn',
  'deadbeefdeadbeefcafebabecafebabedeadbeef',
  'the secret key must be at least 32 characters long',
]) {
  test(`"${text}" could be guessed`, () => {
    const said = weakness(text)
    assert.match(said ?? '', /could be guessed/)
    assert.ok(said?.includes(text) === false)
  })
}
