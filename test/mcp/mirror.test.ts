import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject, JsonValue } from '../../src/core/json.ts'
import { mirrored, mirrorsOf } from '../../src/mcp/mirror.ts'

const schema = (properties: JsonObject): JsonValue => ({ type: 'object', properties })
const marked = (name: JsonValue, type: JsonValue = 'string'): JsonObject => ({ type, 'x-mcp-header': name })

test('annotations are found through nested properties, and nowhere else', () => {
  const found = mirrorsOf(
    schema({
      a: marked('A'),
      b: { type: 'object', properties: { c: marked('C', 'integer') } },
      d: { type: 'array', items: marked('D') },
      e: { oneOf: [marked('E')] },
    }),
  )
  assert.deepEqual(found, [
    { header: 'mcp-param-a', path: ['a'] },
    { header: 'mcp-param-c', path: ['b', 'c'] },
  ])
  assert.deepEqual(mirrorsOf(undefined), [])
})

test('one annotation that is not valid makes the tool so', () => {
  for (const property of [
    marked(''),
    marked('a b'),
    marked('x:y'),
    marked(7),
    marked('N', 'number'),
    marked('O', 'object'),
    { 'x-mcp-header': 'T' },
  ]) {
    assert.equal(mirrorsOf(schema({ good: marked('G'), property })), undefined)
  }
  assert.equal(mirrorsOf(schema({ one: marked('Same'), two: marked('same') })), undefined)
})

test('values are written as header values, and what is absent or null is not', () => {
  const mirrors = ['s', 'i', 'b', 'n', 'x', 'u'].map((key) => ({ header: `mcp-param-${key}`, path: [key] }))
  assert.deepEqual(mirrored(mirrors, { s: 'us-west1', i: 42, b: false, n: null, u: 'é' }), {
    'mcp-param-s': 'us-west1',
    'mcp-param-i': '42',
    'mcp-param-b': 'false',
    'mcp-param-u': '=?base64?w6k=?=',
  })
  assert.deepEqual(mirrored([{ header: 'mcp-param-p', path: ['toString', 'name'] }], {}), {})
})
