import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMedia, messageOf, ownResponse, parseBytes } from '../../src/upstream/http-answer.ts'

test('a media type is compared without its parameters and its case, and wholly', () => {
  for (const type of ['application/json', 'Application/JSON', 'application/json; charset=utf-8', 'application/json ;x'])
    assert.ok(isMedia(type, 'application/json'), type)
  for (const type of [
    'application/json5',
    'application/jsonx; charset',
    'text/html; application/json',
    '',
    undefined,
    ['application/json', 'text/html'],
  ]) {
    assert.ok(!isMedia(type, 'application/json'), String(type))
  }
})

test('an error without an id is a message, a result without one is not', () => {
  const error = { code: -32600, message: 'x' }
  assert.ok(messageOf({ jsonrpc: '2.0', error }))
  assert.ok(messageOf({ jsonrpc: '2.0', id: null, error }))
  assert.ok(!messageOf({ jsonrpc: '2.0', id: null, result: {} }))
  assert.ok(!messageOf({ jsonrpc: '2.0', result: {} }))
  assert.ok(!messageOf({ jsonrpc: '2.0', id: null, method: 'x' }))
  assert.ok(!messageOf([]))
  assert.ok(!messageOf(undefined))
})

test('a response is ours by its very id', () => {
  const result = { jsonrpc: '2.0', id: 1, result: {} } as const
  assert.equal(ownResponse(result, 1), result)
  assert.equal(ownResponse(result, '1'), undefined)
  assert.equal(ownResponse(result, undefined), undefined)
  assert.equal(ownResponse({ jsonrpc: '2.0', error: { code: 1, message: 'x' } }, 7)?.id, 7)
})

test('bytes that two readers may read differently are not read', () => {
  assert.deepEqual(parseBytes(Buffer.from('{"a":1.50}')), { a: 1.5 })
  for (const text of ['{"a":1,"a":2}', '\ufeff{}', '{', '{}x', '[1', `${'['.repeat(65)}${']'.repeat(65)}`])
    assert.equal(parseBytes(Buffer.from(text)), undefined, text)
  assert.equal(parseBytes(Buffer.from([0x22, 0xff, 0x22])), undefined)
})
