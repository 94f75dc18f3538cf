import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isKeyId, isKeyLike, mintId, mintSecret, parseKey, writeKey } from '../../src/identity/key-text.ts'

const KEY = { id: mintId(), secret: mintSecret() }

test('a key is mcp_, 12 characters of id, 32 of secret and 6 of checksum, in base62', () => {
  assert.match(writeKey('mcp', KEY), /^mcp_[0-9A-Za-z]{12}_[0-9A-Za-z]{38}$/)
})

test('a key that was written is read back', () => {
  for (let round = 0; round < 200; round++) {
    const key = { id: mintId(), secret: mintSecret() }
    assert.deepEqual(parseKey('mcp', writeKey('mcp', key)), key)
  }
})

test('any single changed character makes a key malformed', () => {
  const text = writeKey('mcp', KEY)
  for (let at = 0; at < text.length; at++) {
    for (const other of ['0', 'z', '_', 'é', ' ']) {
      if (text[at] !== other) assert.equal(parseKey('mcp', text.slice(0, at) + other + text.slice(at + 1)), undefined, `${at} ${other}`)
    }
  }
})

test('a key cut, lengthened, repeated or of another prefix is malformed', () => {
  const text = writeKey('mcp', KEY)
  for (const wrong of [
    '',
    'mcp_',
    text.slice(1),
    text.slice(0, -1),
    `${text}0`,
    ` ${text}`,
    `${text}\n`,
    `${text}, ${text}`,
    text.toUpperCase(),
  ]) {
    assert.equal(parseKey('mcp', wrong), undefined)
  }
  assert.equal(parseKey('acme', text), undefined)
  assert.deepEqual(parseKey('acme', writeKey('acme', KEY)), KEY)
})

test('bytes that would make some letters likelier are thrown away', () => {
  const bytes = [255, 248, 247, 62, 0, 61]
  const random = (size: number): Uint8Array => Uint8Array.from({ length: size }, () => bytes.shift() ?? 1)
  assert.equal(mintId(random), `z00z${'1'.repeat(8)}`)
})

test('every letter of the alphabet comes up about equally often', () => {
  const counts = new Map<string, number>()
  for (let round = 0; round < 2_000; round++) for (const letter of mintSecret()) counts.set(letter, (counts.get(letter) ?? 0) + 1)
  assert.equal(counts.size, 62)
  const mean = 64_000 / 62
  // Ten standard deviations.
  for (const [letter, count] of counts) assert.ok(Math.abs(count - mean) < 10 * Math.sqrt(mean), letter)
})

test('a bearer token that starts like a key means to be one', () => {
  assert.equal(isKeyLike('mcp', 'mcp_x'), true)
  assert.equal(isKeyLike('mcp', 'mcpx_'), false)
  assert.equal(isKeyLike('mcp', 'eyJhbGciOi'), false)
})

test('an id is twelve letters', () => {
  assert.equal(isKeyId(KEY.id), true)
  assert.equal(isKeyId(`${KEY.id.slice(1)}/`), false)
  assert.equal(isKeyId(KEY.id.slice(1)), false)
})
