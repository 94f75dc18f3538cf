/** message.ts: guards and builders. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  bytesOf,
  checkBody,
  errorResponse,
  isNotification,
  isRequest,
  isResponse,
  notificationBody,
  requestBody,
  resultResponse,
} from '../../src/mcp/message.ts'

test('each message is exactly one of request, notification and response', () => {
  const kinds = [requestBody(1, 'ping'), notificationBody('notifications/initialized'), resultResponse(1, {}), errorResponse('a', 1, 'no')]
  const told = kinds.map((body) => [isRequest(body), isNotification(body), isResponse(body)])
  assert.deepEqual(told, [
    [true, false, false],
    [false, true, false],
    [false, false, true],
    [false, false, true],
  ])
})
test('what is built is well formed', () => {
  checkBody({ ...requestBody(1, 'ping', { a: 1 }) })
  checkBody({ ...notificationBody('x', {}) })
  checkBody({ ...errorResponse('a', 1, 'no', { b: 2 }) })
})
test('an error without an id has no member for it', () =>
  assert.deepEqual(errorResponse(undefined, 1, 'no'), { jsonrpc: '2.0', error: { code: 1, message: 'no' } }))
test('a message keeps its bytes until it is rewritten', () => {
  const bytes = Buffer.from('{"jsonrpc":"2.0", "id":1,"method":"ping"}')
  assert.equal(bytesOf({ body: requestBody(1, 'ping'), bytes }), bytes)
  assert.equal(Buffer.from(bytesOf({ body: requestBody(1, 'ping') })).toString(), '{"jsonrpc":"2.0","id":1,"method":"ping"}')
})
