import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Secret } from '../../src/core/secret.ts'
import { createPreamble, legacyHeaders, modernHeaders } from '../../src/upstream/http-headers.ts'

const pairs = (raw: readonly string[]): Record<string, string> =>
  Object.fromEntries(raw.flatMap((name, at) => (at % 2 === 0 ? [[name, raw[at + 1] ?? '']] : [])))
const body = (method: string, params: Record<string, string>) => ({ jsonrpc: '2.0' as const, id: 1, method, params })

test('the name is mirrored where the revision wants it, from the member that holds it', () => {
  const nameOf = (method: string, params: Record<string, string>): string | undefined =>
    pairs(modernHeaders([], '2026-07-28', body(method, params)))['mcp-name']
  assert.equal(nameOf('tools/call', { name: 'a', uri: 'b' }), 'a')
  assert.equal(nameOf('prompts/get', { name: '' }), '')
  assert.equal(nameOf('resources/read', { name: 'a', uri: 'file:///b' }), 'file:///b')
  assert.equal(nameOf('tasks/get', { taskId: 't' }), 't')
  assert.equal(nameOf('tools/list', { name: 'a' }), undefined)
  assert.equal(nameOf('tools/call', { name: '=?base64?literal?=' }), '=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=')
  assert.equal(nameOf('tools/call', { name: 'a\r\nx: y' }), '=?base64?YQ0KeDogeQ==?=')
})

test('the gateway’s credential opens every request, in both eras', () => {
  const preamble = createPreamble('up', { 'X-Api-Key': new Secret('k') })
  for (const raw of [
    modernHeaders(preamble, '2026-07-28', body('tools/list', {})),
    legacyHeaders(preamble, 'GET', { revision: '', upstreamId: undefined }),
  ]) {
    assert.equal(pairs(raw)['x-api-key'], 'k')
    assert.equal(pairs(raw)['accept-encoding'], 'identity')
  }
})

test('an older revision is named once it is agreed, and its session with it', () => {
  const standing = { revision: '2025-06-18', upstreamId: 's' }
  assert.deepEqual(pairs(legacyHeaders([], 'GET', standing)), {
    accept: 'text/event-stream',
    'mcp-protocol-version': '2025-06-18',
    'mcp-session-id': 's',
  })
  assert.deepEqual(pairs(legacyHeaders([], 'DELETE', standing)), { 'mcp-protocol-version': '2025-06-18', 'mcp-session-id': 's' })
  assert.deepEqual(Object.keys(pairs(legacyHeaders([], 'POST', { revision: '', upstreamId: undefined }))), ['content-type', 'accept'])
})
