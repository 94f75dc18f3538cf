/** scan.ts: the walk itself. What it refuses in a message is in parse.test.ts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MEMBERS_MAX, scan } from '../../src/mcp/scan.ts'

const rules = { maxDepth: 64, maxMembers: MEMBERS_MAX, exactNumbers: true }
const of = (text: string) => scan(Buffer.from(text), rules)

test('the text of ASCII and of UTF-8 bodies is answered', () => {
  assert.equal(of('{"a":[1,true,null,"x"]} '), '{"a":[1,true,null,"x"]} ')
  assert.equal(of('{"ä":"😀"}'), '{"ä":"😀"}')
})
test('a view into a larger buffer is read within its bounds', () => {
  const whole = Buffer.from('xx{"a":1}yy')
  assert.equal(scan(new Uint8Array(whole.buffer, whole.byteOffset + 2, 7), rules), '{"a":1}')
})
test('equal names in different objects are no duplicates', () => {
  of('{"a":{"a":{"a":1},"b":[{"a":1},{"a":2}]},"b":{"a":1}}')
})
test('a sibling after a nested object is still compared with those before it', () => {
  assert.throws(() => of('{"a":1,"b":{"c":1,"d":{"e":1}},"a":2}'), { code: 'malformed' })
})
test('names with equal hashes are compared by their bytes', () => {
  // FNV-1a over 32 bits: "costarring" and "liquid" collide.
  of('{"costarring":1,"liquid":2}')
  assert.throws(() => of('{"costarring":1,"liquid":2,"liquid":3}'), { code: 'malformed' })
})
test('a wide object finds duplicates of its first and its last names', () => {
  const names = Array.from({ length: 100 }, (_, index) => `"k${index}":${index}`)
  of(`{${names}}`)
  for (const index of [0, 23, 24, 99]) assert.throws(() => of(`{${names},"k${index}":1}`), { code: 'malformed' })
})
test('numbers of any precision pass where they need not be exact', () => {
  assert.equal(scan(Buffer.from('[1e400]'), { ...rules, exactNumbers: false }), '[1e400]')
  assert.throws(() => of('[1e400]'), { code: 'malformed' })
})
for (const text of [
  '{"a" 1}',
  '{"a":1,}',
  '{,}',
  '{a:1}',
  '[1,]',
  '[1 2]',
  '{"a":}',
  '{"a":"\n"}',
  '"abc',
  '{"a\\u00zz":1}',
  '[}',
  '+1',
  ']',
  '{"a":1',
  '\u00a0{}',
]) {
  test(`${JSON.stringify(text)} is no JSON`, () => assert.throws(() => of(text), { code: 'unparseable' }))
}
