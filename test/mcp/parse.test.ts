/** parse.ts: what becomes a Call, and each thing that does not. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Denial } from '../../src/core/denial.ts'
import { isObject } from '../../src/core/json.ts'
import { bodilessCall, flawedCall, parseCall, parseMessage } from '../../src/mcp/parse.ts'
import { bytes, codeOf, echo, envelope, META, modern, parseLegacy, parseModern, parseText } from './envelope.ts'

describe('a well-formed request becomes a call', () => {
  test('a modern tool call carries tool, arguments, origin and the very bytes', () => {
    const body = bytes(echo())
    const given = envelope({ headers: modern('tools/call', 'echo'), address: '10.0.0.1', agent: 'cli/1' })
    const call = parseCall(body, given)
    assert.equal(call.flaw, undefined)
    assert.equal(call.method, 'tools/call')
    assert.equal(call.action, 'call')
    assert.deepEqual(call.resource, { kind: 'tool', server: 'files', name: 'echo' })
    assert.deepEqual(call.arguments, { message: 'hi' })
    assert.deepEqual(call.origin, { transport: 'http', era: 'modern', revision: '2026-07-28', address: '10.0.0.1', agent: 'cli/1' })
    assert.equal(call.message.bytes, body)
    assert.equal(call.message.body.id, 1)
    assert.equal(call.id, 'call-1')
    assert.equal(call.receivedAt, 1_000)
  })
  test('arguments that are absent are an empty object', () => {
    const { arguments: _, ...params } = { name: 'echo', arguments: 1, _meta: META }
    assert.deepEqual(parseModern({ jsonrpc: '2.0', id: 1, method: 'tools/call', params }).arguments, {})
  })
  test('of other methods the parameters but _meta are the arguments', () => {
    const call = parseModern({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: { cursor: 'abc', _meta: META } })
    assert.equal(call.flaw, undefined)
    assert.equal(call.action, 'list')
    assert.deepEqual(call.arguments, { cursor: 'abc' })
    assert.deepEqual(call.resource, { kind: 'server', server: 'files', name: 'files' })
  })
  test('resources, prompts, tasks and completions name their resource', () => {
    const of = (method: string, params: Record<string, string | object>) =>
      parseModern({ jsonrpc: '2.0', id: 1, method, params: { ...params, _meta: META } as never }).resource // a test's own literal
    assert.deepEqual(of('resources/read', { uri: 'file:///a' }), { kind: 'resource', server: 'files', name: 'file:///a' })
    assert.deepEqual(of('prompts/get', { name: 'p' }), { kind: 'prompt', server: 'files', name: 'p' })
    assert.deepEqual(of('tasks/get', { taskId: 't-1' }), { kind: 'task', server: 'files', name: 't-1' })
    const prompt = { ref: { type: 'ref/prompt', name: 'p' }, argument: { name: 'a', value: 'b' } }
    assert.deepEqual(of('completion/complete', prompt), { kind: 'prompt', server: 'files', name: 'p' })
    const template = { ref: { type: 'ref/resource', uri: 'file:///{path}' }, argument: { name: 'path', value: 'b' } }
    assert.deepEqual(of('completion/complete', template), { kind: 'resource', server: 'files', name: 'file:///{path}' })
  })
  test('mirrored arguments are kept as received', () => {
    const headers = { ...modern('tools/call', 'echo'), 'mcp-param-region': 'us-west1', accept: '*/*' }
    assert.deepEqual(parseCall(bytes(echo()), envelope({ headers })).mirrored, { 'mcp-param-region': 'us-west1' })
  })
  test('a session belongs to a legacy call only', () => {
    assert.equal(parseLegacy({ jsonrpc: '2.0', id: 1, method: 'tools/list' }, { session: 's' }).session, 's')
    assert.equal(parseCall(bytes(echo()), envelope({ headers: modern('tools/call', 'echo'), session: 's' })).session, undefined)
  })
  test('line and paragraph separators in an argument are data', () => {
    const call = parseModern(echo({ arguments: { message: 'a\u2028b\u2029c\u0085d' } }))
    assert.equal(call.flaw, undefined)
    assert.equal(call.arguments['message'], 'a\u2028b\u2029c\u0085d')
  })
})

describe('form', () => {
  const META_TEXT = JSON.stringify(META)
  const text = (params: string, top = ''): string =>
    `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{${params},"_meta":${META_TEXT}}${top}}`
  const cases: readonly (readonly [string, string | Uint8Array, string])[] = [
    ['an empty body', '', 'unparseable'],
    ['a cut body', '{"jsonrpc":"2.0"', 'unparseable'],
    ['a word', 'nope', 'unparseable'],
    ['trailing data', `${text('"name":"echo"')} {}`, 'unparseable'],
    ['a byte order mark', `\ufeff${text('"name":"echo"')}`, 'unparseable'],
    ['UTF-16', Buffer.from(text('"name":"echo"'), 'utf16le'), 'unparseable'],
    ['invalid UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 'unparseable'],
    ['an overlong UTF-8 sequence', Buffer.from([0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x3a, 0x31, 0x7d]), 'unparseable'],
    ['a raw surrogate', Buffer.from([0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x3a, 0x31, 0x7d]), 'unparseable'],
    ['an escaped lone surrogate', text('"name":"echo","arguments":{"a":"\\ud800"}'), 'malformed'],
    ['an escaped low surrogate first', text('"name":"echo","arguments":{"a":"\\udc00\\ud800"}'), 'malformed'],
    ['a batch', `[${text('"name":"echo"')}]`, 'malformed'],
    ['an empty batch', '[]', 'malformed'],
    ['a batch after white space', ` \n[${text('"name":"echo"')}]`, 'malformed'],
    ['a string', '"x"', 'malformed'],
    ['null', 'null', 'malformed'],
    ['a duplicate name', text('"name":"echo","name":"admin"'), 'malformed'],
    ['a duplicate by escape', text('"name":"echo","n\\u0061me":"admin"'), 'malformed'],
    ['a duplicate by escape, escape first', text('"n\\u0061me":"echo","name":"admin"'), 'malformed'],
    ['a duplicate deep inside', text('"name":"echo","arguments":{"a":[{"b":{"c":1,"d":2,"c":3}}]}'), 'malformed'],
    [
      'a duplicate in a wide object',
      text(`"name":"echo","arguments":{${Array.from({ length: 40 }, (_, i) => `"k${i % 39}":1`)}}`),
      'malformed',
    ],
    ['__proto__', text('"name":"echo","arguments":{"__proto__":{"a":1}}'), 'malformed'],
    ['__proto__ by escape', text('"name":"echo","arguments":{"\\u005f_proto__":{"a":1}}'), 'malformed'],
    ['constructor.prototype', text('"name":"echo","arguments":{"constructor":{"prototype":{"a":1}}}'), 'malformed'],
    ['a long s in a key', text('"name":"echo","argument\u017f":{}'), 'malformed'],
    ['a Kelvin sign deep inside', text('"name":"echo","arguments":{"a":{"to\u212aen":1}}'), 'malformed'],
    ['a Kelvin sign by escape', text('"name":"echo","arguments":{"to\\u212aen":1}'), 'malformed'],
    ['an integer that a double cannot hold', text('"name":"echo","arguments":{"a":9007199254740993}'), 'malformed'],
    ['an overflow', text('"name":"echo","arguments":{"a":1e400}'), 'malformed'],
    ['an unknown member', text('"name":"echo"', ',"extra":1'), 'malformed'],
    ['METHOD', text('"name":"echo"').replace('"method"', '"METHOD"'), 'malformed'],
    ['Name next to name', text('"name":"echo","Name":"admin"'), 'malformed'],
    ['Name instead of name', text('"Name":"echo"'), 'malformed'],
    ['a full-width name', text('"name":"echo","\uff4eame":"admin"'), 'malformed'],
    ['variants of an unknown parameter', text('"name":"echo","extra":1,"Extra":2'), 'malformed'],
    ['variants among arguments', text('"name":"echo","arguments":{"path":"a","Path":"b"}'), 'malformed'],
    ['a variant of a _meta key', text('"name":"echo"').replace('clientInfo', 'clientinfo'), 'malformed'],
    ['request and response at once', text('"name":"echo"', ',"result":{}'), 'malformed'],
    ['no method', '{"jsonrpc":"2.0","id":1}', 'malformed'],
    ['a method that is a number', '{"jsonrpc":"2.0","id":1,"method":1}', 'malformed'],
    ['params that are an array', '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":[]}', 'malformed'],
    ['JSON-RPC 1.0', text('"name":"echo"').replace('"2.0"', '"1.0"'), 'malformed'],
    ['no jsonrpc', text('"name":"echo"').replace('"jsonrpc":"2.0",', ''), 'malformed'],
  ]
  for (const [what, body, code] of cases) test(`${what} is refused as ${code}`, () => assert.equal(codeOf(parseText(body)), code))

  test('what is wrong with the form is told, in words of ours and none of the message', () => {
    for (const [what, body] of cases) {
      const flaw = parseText(body).flaw
      assert.ok(flaw?.isOfForm === true && flaw.detail !== '', what)
    }
    const detailOf = (params: string): string | undefined => parseText(text(params)).flaw?.detail
    assert.equal(detailOf('"name":"echo","secret-1":1,"secret-1":2'), 'a member name occurs twice')
    assert.equal(detailOf('"name":"echo","arguments":{"a":9007199254740993}'), 'a number does not survive being read; a string does')
  })

  const ids: readonly (readonly [string, string])[] = [
    ['null', 'null'],
    ['an object', '{"a":1}'],
    ['a boolean', 'true'],
    ['a fraction', '1.5'],
    ['minus zero', '-0'],
    ['an unsafe integer', '9007199254740992'],
    ['too long', `"${'a'.repeat(257)}"`],
  ]
  for (const [what, id] of ids) {
    test(`an id that is ${what} is refused and not repeated`, () => {
      const call = parseText(text('"name":"echo"').replace('"id":1', `"id":${id}`))
      assert.equal(codeOf(call), 'malformed')
      assert.equal(call.message.body.id, undefined)
    })
  }
  test('nesting is allowed to 64 and refused beyond', () => {
    const nested = (depth: number) => parseText(text(`"name":"echo","arguments":{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`))
    assert.equal(codeOf(nested(61)), undefined)
    assert.equal(codeOf(nested(62)), 'malformed')
  })
  test('more members than the limit are refused', () => {
    const many = (count: number) => text(`"name":"echo","arguments":{"a":[${Array.from({ length: count }, () => '{"b":1}')}]}`)
    assert.equal(codeOf(parseText(many(9_000))), undefined)
    assert.equal(codeOf(parseText(many(10_000))), 'malformed')
  })
  test('constructor and prototype alone are words', () => {
    const call = parseText(text('"name":"echo","arguments":{"constructor":"Ferrari","prototype":{"constructor":{"a":1}}}'))
    assert.equal(call.flaw, undefined)
  })
  test('a key that is escaped but not ambiguous is accepted', () => {
    assert.equal(codeOf(parseText(text('"name":"echo","arguments":{"\\u00e9t\\u00e9":1,"a\\"b":2,"\\ud83d\\ude00":3}'))), undefined)
  })
  test('the refusal carries the id wherever it stands', () => {
    const call = parseText('{"method":"tools/call","params":{"name":"a","name":"b"},"jsonrpc":"2.0","id":"x-9"}')
    assert.equal(codeOf(call), 'malformed')
    assert.equal(call.message.body.id, 'x-9')
  })
  test('the id is not taken from a body that is not JSON', () => {
    assert.equal(parseText('{"id":1,').message.body.id, undefined)
  })
})

describe('parameters', () => {
  test('a request without an id is not a notification', () => {
    const { id: _, ...rest } = echo()
    assert.equal(codeOf(parseModern(rest)), 'malformed')
  })
  test('a notification with an id is not a request', () => {
    assert.equal(codeOf(parseLegacy({ jsonrpc: '2.0', id: 1, method: 'notifications/initialized' })), 'malformed')
  })
  test('an unknown method is refused, its name kept for the log', () => {
    const call = parseModern({ jsonrpc: '2.0', id: 1, method: 'tools/destroy', params: { _meta: META } })
    assert.equal(codeOf(call), 'unknown_method')
    assert.equal(call.method, 'tools/destroy')
  })
  test('the internal methods cannot be asked for', () => {
    for (const method of ['$stream', '$end', '$response', 'constructor', '__proto__', '']) {
      const call = parseModern({ jsonrpc: '2.0', id: 1, method, params: { _meta: META } })
      assert.equal(codeOf(call), 'unknown_method')
      assert.ok(!call.method.startsWith('$'))
    }
  })
  test('a name that is missing or not a string is an invalid argument', () => {
    assert.equal(codeOf(parseModern(echo({ name: 1 }))), 'invalid_arguments')
    assert.equal(codeOf(parseModern({ jsonrpc: '2.0', id: 1, method: 'resources/read', params: { _meta: META } })), 'invalid_arguments')
  })
  test('arguments that are not an object are invalid', () => {
    for (const given of [[], 'x', 1, null]) assert.equal(codeOf(parseModern(echo({ arguments: given }))), 'invalid_arguments')
  })
  test('a name that is not canonical is the name of nothing', () => {
    for (const name of ['', ' echo', 'echo ', 'ec\u200bho', 'ec\u0000ho', '\uff45cho', 'a'.repeat(257)]) {
      assert.equal(codeOf(parseModern(echo({ name }))), 'not_found')
    }
  })
  test('a reference must be a prompt or a resource, and only that', () => {
    const refs = [undefined, {}, { type: 'ref/prompt' }, { type: 'ref/prompt', name: 'a', uri: 'file:///a' }, { type: 'ref/x', name: 'a' }]
    for (const ref of refs) {
      const params = { ...(ref === undefined ? {} : { ref }), argument: { name: 'a', value: '' }, _meta: META }
      assert.equal(codeOf(parseModern({ jsonrpc: '2.0', id: 1, method: 'completion/complete', params })), 'invalid_arguments')
    }
  })
  test('a listen filter holds only canonical names', () => {
    const listen = (notifications: object) =>
      codeOf(parseModern({ jsonrpc: '2.0', id: 1, method: 'subscriptions/listen', params: { notifications, _meta: META } as never })) // a test's own literal
    assert.equal(listen({ toolsListChanged: true, resourceSubscriptions: ['file:///a'], taskIds: ['t'] }), undefined)
    assert.equal(listen({ resourceSubscriptions: ['file:///a/../b'] }), 'not_found')
    assert.equal(listen({ resourceSubscriptions: 'file:///a' }), 'invalid_arguments')
    assert.equal(listen({ taskIds: [1] }), 'invalid_arguments')
  })
})

describe('answers of a client', () => {
  const answer = { jsonrpc: '2.0', id: 5, result: { roots: [] } }
  test('are taken in a legacy session and on a legacy stdio', () => {
    const http = parseLegacy(answer, { session: 's' })
    assert.equal(http.flaw, undefined)
    assert.equal(http.method, '$response')
    assert.equal(http.action, 'control')
    assert.equal(http.session, 's')
    const stdio = parseCall(bytes(answer), envelope({ transport: 'stdio', forcedEra: 'legacy', forcedRevision: '2025-06-18' }))
    assert.equal(stdio.flaw, undefined)
    assert.equal(stdio.origin.revision, '2025-06-18')
  })
  test('are refused without a session, in the modern era and before a handshake', () => {
    assert.equal(codeOf(parseLegacy(answer)), 'malformed')
    assert.equal(codeOf(parseLegacy(answer, { session: 's' }, '2026-07-28')), 'malformed')
    assert.equal(codeOf(parseCall(bytes(answer), envelope({ transport: 'stdio' }))), 'malformed')
  })
  test('are either a result or an error, and well formed', () => {
    const error = { code: -1, message: 'no' }
    assert.equal(codeOf(parseLegacy({ jsonrpc: '2.0', id: 5, error }, { session: 's' })), undefined)
    assert.equal(codeOf(parseLegacy({ ...answer, error }, { session: 's' })), 'malformed')
    assert.equal(codeOf(parseLegacy({ jsonrpc: '2.0', result: {} }, { session: 's' })), 'malformed')
    assert.equal(codeOf(parseLegacy({ ...answer, result: [] }, { session: 's' })), 'malformed')
    assert.equal(codeOf(parseLegacy({ jsonrpc: '2.0', id: 5, error: { code: 'x' } }, { session: 's' })), 'malformed')
  })
})

describe('calls that were never a body', () => {
  test('the stream and the end of a session are legacy calls on the server', () => {
    const stream = bodilessCall('$stream', envelope({ headers: {}, session: 's', lastEventId: '7' }))
    assert.deepEqual([stream.method, stream.action, stream.session, stream.lastEventId], ['$stream', 'listen', 's', '7'])
    assert.equal(stream.origin.revision, '2025-03-26')
    assert.equal(bodilessCall('$end', envelope({ headers: {} })).action, 'control')
  })
  test('they have no place in the modern era, and none in an unknown revision', () => {
    const of = (revision: string) => codeOf(bodilessCall('$stream', envelope({ headers: { 'mcp-protocol-version': revision } })))
    assert.equal(of('2026-07-28'), 'http_method')
    assert.equal(of('2024-11-05'), 'unsupported_revision')
  })
  test('a refusal before the body was read is a call with that flaw', () => {
    const call = flawedCall(new Denial('too_large'), envelope({ headers: modern('tools/call') }))
    assert.equal(codeOf(call), 'too_large')
    assert.equal(call.origin.era, 'modern')
  })
})

describe('messages of a server', () => {
  test('keep numbers of any precision, but no duplicate', () => {
    const message = parseMessage(bytes('{"jsonrpc":"2.0","id":1,"result":{"pi":3.14159265358979323846}}'), { maxDepth: 64 })
    assert.ok(isObject(message.body.result))
    assert.throws(() => parseMessage(bytes('{"jsonrpc":"2.0","id":1,"result":{"a":1,"a":2}}'), { maxDepth: 64 }), { code: 'malformed' })
    assert.throws(() => parseMessage(bytes('log line'), { maxDepth: 64 }), { code: 'unparseable' })
  })
})
