/** sentinel.ts: the table of the specification, and strict decoding. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeHeaderValue, encodeHeaderValue } from '../../src/mcp/sentinel.ts'

const TABLE: readonly (readonly [string, string])[] = [
  ['us-west1', 'us-west1'],
  ['Hello, 世界', '=?base64?SGVsbG8sIOS4lueVjA==?='],
  [' padded ', '=?base64?IHBhZGRlZCA=?='],
  ['line1\nline2', '=?base64?bGluZTEKbGluZTI=?='],
  ['=?base64?literal?=', '=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?='],
  ['', ''],
  ['a\tb', '=?base64?YQli?='],
]

for (const [value, header] of TABLE) {
  test(`${JSON.stringify(value)} is written as ${JSON.stringify(header)} and read back`, () => {
    assert.equal(encodeHeaderValue(value), header)
    assert.equal(decodeHeaderValue(header), value)
  })
}

test('a tab in plain text is read', () => assert.equal(decodeHeaderValue('a\tb'), 'a\tb'))

for (const header of [
  '=?base64?YQ?=',
  '=?base64?YR==?=',
  '=?base64?Y Q=?=',
  '=?base64?_-8=?=',
  '=?base64?/w==?=',
  '=?base64?YQ===?=',
  'é',
  'a\u0000',
]) {
  test(`${JSON.stringify(header)} cannot be read`, () => assert.equal(decodeHeaderValue(header), undefined))
}

for (const header of ['=?BASE64?YQ==?=', '=?base64?YQ==', 'YQ==?=', '=?base64?=']) {
  test(`${header} is a literal`, () => assert.equal(decodeHeaderValue(header), header))
}
