/** revision.ts: eras, envelope, and headers that must agree with the body. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { JsonObject } from '../../src/core/json.ts'
import { parseCall } from '../../src/mcp/parse.ts'
import { LEGACY_REVISIONS, shownRevision } from '../../src/mcp/revision.ts'
import { encodeHeaderValue } from '../../src/mcp/sentinel.ts'
import { bytes, codeOf, echo, envelope, META, modern, parseLegacy } from './envelope.ts'

const http = (body: JsonObject, headers: Record<string, string>) => parseCall(bytes(body), envelope({ headers }))
const stdio = (body: JsonObject, rest = {}) => parseCall(bytes(body), envelope({ transport: 'stdio', ...rest }))
const version = 'io.modelcontextprotocol/protocolVersion'

describe('the era', () => {
  test('is modern when _meta names a modern revision, on stdio without any header', () => {
    const call = stdio(echo())
    assert.equal(call.flaw, undefined)
    assert.deepEqual(call.origin, { transport: 'stdio', era: 'modern', revision: '2026-07-28' })
  })
  test('is legacy for initialize, whose revision is the one it wishes when that is spoken', () => {
    const initialize = (protocolVersion: string) => ({
      jsonrpc: '2.0',
      id: 0,
      method: 'initialize',
      params: { protocolVersion, capabilities: {}, clientInfo: { name: 'c', version: '1' } },
    })
    const call = http(initialize('2025-06-18'), {})
    assert.equal(call.flaw, undefined)
    assert.deepEqual([call.origin.era, call.origin.revision, call.action], ['legacy', '2025-06-18', 'control'])
    assert.equal(stdio(initialize('2024-11-05')).origin.revision, '')
    assert.equal(codeOf(stdio(initialize('2024-11-05'))), undefined)
    assert.equal(codeOf(http(initialize('2025-06-18'), { 'mcp-protocol-version': '2026-07-28' })), 'header_mismatch')
  })
  test('is legacy for what claims nothing: the header says which, its absence 2025-03-26', () => {
    for (const revision of LEGACY_REVISIONS)
      assert.equal(parseLegacy({ jsonrpc: '2.0', id: 1, method: 'ping' }, {}, revision).origin.revision, revision)
    const call = parseLegacy({ jsonrpc: '2.0', id: 1, method: 'ping' }, {}, undefined)
    assert.equal(http({ jsonrpc: '2.0', id: 1, method: 'ping' }, {}).origin.revision, '2025-03-26')
    assert.equal(call.origin.era, 'legacy')
  })
  test('settled by initialize on stdio stays', () => {
    const call = stdio({ jsonrpc: '2.0', id: 1, method: 'ping' }, { forcedEra: 'legacy', forcedRevision: '2025-06-18' })
    assert.deepEqual([call.flaw, call.origin.revision], [undefined, '2025-06-18'])
    assert.equal(stdio(echo(), { forcedEra: 'legacy', forcedRevision: '2025-06-18' }).origin.era, 'legacy')
  })
  test('of a notification on an unsettled stdio is modern', () => {
    const call = stdio({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 3 } })
    assert.deepEqual([call.flaw, call.origin.era], [undefined, 'modern'])
  })
  test('settled as modern on stdio needs the envelope on requests only', () => {
    assert.equal(codeOf(stdio({ jsonrpc: '2.0', id: 1, method: 'tools/list' }, { forcedEra: 'modern' })), 'invalid_envelope')
    assert.equal(codeOf(stdio({ jsonrpc: '2.0', method: 'notifications/cancelled' }, { forcedEra: 'modern' })), undefined)
  })
})

describe('revisions that are not spoken', () => {
  test('are refused, and named in the origin', () => {
    const meta = { ...META, [version]: '2099-01-01' }
    const call = http(echo({ _meta: meta }), { ...modern('tools/call', 'echo'), 'mcp-protocol-version': '2099-01-01' })
    assert.equal(codeOf(call), 'unsupported_revision')
    assert.equal(call.origin.revision, '2099-01-01')
    assert.equal(codeOf(parseLegacy({ jsonrpc: '2.0', id: 1, method: 'ping' }, {}, '2024-11-05')), 'unsupported_revision')
  })
  test('a legacy revision in _meta is not one that has _meta', () => {
    const meta = { ...META, [version]: '2025-11-25' }
    assert.equal(codeOf(http(echo({ _meta: meta }), { 'mcp-protocol-version': '2025-11-25' })), 'unsupported_revision')
  })
  test('a claim is shown bounded and in ASCII', () => {
    assert.equal(shownRevision('x'.repeat(99)).length, 32)
    assert.equal(shownRevision('2026\u0000'), '')
  })
})

describe('methods belong to revisions', () => {
  test('what a revision removed is unknown to it', () => {
    for (const method of ['initialize', 'ping', 'logging/setLevel', 'resources/subscribe', 'tasks/result', 'tasks/list']) {
      assert.equal(codeOf(http({ jsonrpc: '2.0', id: 1, method, params: { _meta: META } }, modern(method))), 'unknown_method')
    }
  })
  test('what a revision did not have yet is unknown to it', () => {
    for (const method of ['server/discover', 'subscriptions/listen', 'tasks/update']) {
      assert.equal(codeOf(parseLegacy({ jsonrpc: '2.0', id: 1, method, params: { taskId: 't' } })), 'unknown_method')
    }
    assert.equal(
      codeOf(parseLegacy({ jsonrpc: '2.0', id: 1, method: 'tasks/get', params: { taskId: 't' } }, {}, '2025-06-18')),
      'unknown_method',
    )
    assert.equal(codeOf(parseLegacy({ jsonrpc: '2.0', id: 1, method: 'tasks/get', params: { taskId: 't' } })), undefined)
  })
})

describe('the envelope', () => {
  const cases: readonly (readonly [string, JsonObject])[] = [
    ['capabilities are missing', { [version]: '2026-07-28' }],
    ['capabilities are not an object', { ...META, 'io.modelcontextprotocol/clientCapabilities': [] }],
    ['the revision is not a string', { ...META, [version]: 1 }],
    ['client info is not an object', { ...META, 'io.modelcontextprotocol/clientInfo': 'me' }],
    ['the log level is unknown', { ...META, 'io.modelcontextprotocol/logLevel': 'loud' }],
    ['the progress token is an object', { ...META, progressToken: {} }],
    ['the progress token is a fraction', { ...META, progressToken: 1.5 }],
  ]
  for (const [what, meta] of cases) {
    test(`is refused when ${what}`, () =>
      assert.equal(codeOf(http(echo({ _meta: meta }), modern('tools/call', 'echo'))), 'invalid_envelope'))
  }
  test('is refused when it is missing under a modern header, or no object', () => {
    assert.equal(codeOf(http({ jsonrpc: '2.0', id: 1, method: 'tools/list' }, modern('tools/list'))), 'invalid_envelope')
    assert.equal(codeOf(http(echo({ _meta: 'x' }), modern('tools/call', 'echo'))), 'invalid_envelope')
  })
  test('may lack client info and hold what nobody knows', () => {
    const { 'io.modelcontextprotocol/clientInfo': _, ...rest } = META
    assert.equal(codeOf(http(echo({ _meta: { ...rest, 'com.example/x': [1] } }), modern('tools/call', 'echo'))), undefined)
  })
})

describe('headers', () => {
  const good = modern('tools/call', 'echo')
  const without = (name: string) => Object.fromEntries(Object.entries(good).filter(([key]) => key !== name))
  const cases: readonly (readonly [string, Record<string, string>])[] = [
    ['the revision is missing', without('mcp-protocol-version')],
    ['the revision differs', { ...good, 'mcp-protocol-version': '2025-11-25' }],
    ['the method is missing', without('mcp-method')],
    ['the method differs in case', { ...good, 'mcp-method': 'Tools/Call' }],
    ['the method is repeated', { ...good, 'mcp-method': 'tools/call, tools/call' }],
    ['the name is missing', without('mcp-name')],
    ['the name differs', { ...good, 'mcp-name': 'admin' }],
    ['the name is repeated', { ...good, 'mcp-name': 'echo, echo' }],
    ['the sentinel is in upper case', { ...good, 'mcp-name': '=?BASE64?ZWNobw==?=' }],
    ['the sentinel lacks its padding', { ...good, 'mcp-name': '=?base64?ZWNobw?=' }],
    ['the sentinel has a foreign letter', { ...good, 'mcp-name': '=?base64?ZWNob_==?=' }],
  ]
  for (const [what, headers] of cases)
    test(`are refused when ${what}`, () => assert.equal(codeOf(http(echo(), headers)), 'header_mismatch'))

  test('are trimmed and decoded before they are compared', () => {
    assert.equal(codeOf(http(echo(), { ...good, 'mcp-method': ' tools/call ', 'mcp-name': '\techo ' })), undefined)
    assert.equal(codeOf(http(echo(), { ...good, 'mcp-name': '=?base64?ZWNobw==?=' })), undefined)
    assert.equal(codeOf(http(echo({ name: 'wörld' }), modern('tools/call', encodeHeaderValue('wörld')))), undefined)
    assert.equal(codeOf(http(echo({ name: 'wörld' }), modern('tools/call', 'wörld'))), 'header_mismatch')
  })
  test('of a notification may be absent but not different', () => {
    const note = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1, _meta: META } }
    assert.equal(codeOf(http(note, {})), undefined)
    assert.equal(codeOf(http(note, modern('notifications/progress'))), 'header_mismatch')
  })
  test('come after the method and the parameters in the ladder', () => {
    assert.equal(codeOf(http(echo({}, { method: 'tools/nope' }), modern('tools/call', 'other'))), 'unknown_method')
    assert.equal(codeOf(http(echo({ name: 1 }), modern('tools/list'))), 'invalid_arguments')
  })
})
