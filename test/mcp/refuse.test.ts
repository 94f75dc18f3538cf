/** refuse.ts: every code on every era, poor outside. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Call } from '../../src/core/call.ts'
import type { Remedy } from '../../src/core/decision.ts'
import { DENIALS, Denial, type DenialCode } from '../../src/core/denial.ts'
import type { JsonValue } from '../../src/core/json.ts'
import { parseCall } from '../../src/mcp/parse.ts'
import { refusalBody, refuse } from '../../src/mcp/refuse.ts'
import { bytes, echo, envelope, META, modern, parseLegacy, parseModern } from './envelope.ts'

const CODES = Object.keys(DENIALS) as DenialCode[] // the keys of the closed table
const modernCall = parseModern(echo())
const legacyCall = parseLegacy({ jsonrpc: '2.0', id: 'l', method: 'tools/call', params: { name: 'echo' } })
const legacyNotification = parseLegacy({ jsonrpc: '2.0', method: 'notifications/initialized' })
const discover = parseModern({ jsonrpc: '2.0', id: 'd', method: 'server/discover', params: { _meta: META } })
const REMEDIES: readonly Remedy[] = [
  { kind: 'scope', scopes: ['a:read', 'b:write'] },
  { kind: 'step_up', acr: 'urn:mfa' },
  { kind: 'wait', ms: 2_500 },
  { kind: 'approval', id: 'an-id', url: 'https://x/approvals/an-id' },
  { kind: 'confirm' },
  { kind: 'redact', labels: ['secret'] },
  { kind: 'authenticate' },
]
const rich = (code: DenialCode) =>
  new Denial(code, {
    detail: 'the-detail',
    policies: ['the-policy'],
    findings: [{ label: 'the-label', detector: 'd', pointer: '/x' }],
    remedies: REMEDIES,
    cause: new Error('the-cause'),
  })

const IN_BAND = [
  'approval_required',
  'confirmation_required',
  'connection_required',
  'content_blocked',
  'forbidden',
  'unknown_method',
  'not_found',
  'invalid_arguments',
  'upstream_failed',
  'login_failed',
  'unusable_tool',
  'timeout',
  'missing_capability',
]

for (const code of CODES) {
  describe(code, () => {
    test('is the status and the error of the table for a modern request', () => {
      const { status, body } = refuse(new Denial(code), modernCall)
      assert.equal(status, DENIALS[code].status)
      assert.equal(body.id, 1)
      assert.equal(body.error?.code, DENIALS[code].rpc)
      assert.equal(body.error?.message, DENIALS[code].message)
    })
    test('is told in-band to a legacy request unless the status matters', () => {
      const { status, body } = refuse(new Denial(code), legacyCall)
      assert.equal(status, IN_BAND.includes(code) ? 200 : DENIALS[code].status)
      assert.equal(body.id, 'l')
    })
    test('keeps its status for a notification and before a body was read', () => {
      for (const call of [legacyNotification, undefined]) {
        const { status, body } = refuse(new Denial(code), call)
        assert.equal(status, DENIALS[code].status)
        assert.ok(!('id' in body))
      }
    })
    test('tells no policy, finding, detail or cause', () => {
      for (const call of [modernCall, legacyCall, undefined] as (Call | undefined)[]) {
        const text = JSON.stringify(refuse(rich(code), call, { resourceMetadata: 'https://x/y' }))
        for (const inside of ['the-detail', 'the-policy', 'the-label', 'the-cause', 'secret"']) assert.ok(!text.includes(inside))
        assert.ok(text.includes('a:read'))
      }
    })
    test('never sends a client of server/discover back to initialize', () => {
      const { status } = refuse(new Denial(code), discover)
      assert.ok([400, 401, 403].includes(status) || status >= 500)
    })
    test('challenges on 401 and asks for patience on 429 and 503', () => {
      const { status, headers } = refuse(new Denial(code), modernCall)
      assert.equal(headers['www-authenticate'] !== undefined, status === 401 || code === 'insufficient_scope')
      assert.equal(headers['retry-after'], status === 429 || status === 503 ? '1' : undefined)
      assert.equal(headers['content-type'], 'application/json')
      assert.equal(headers['cache-control'], 'no-store')
    })
  })
}

test('a discovery asked for in a session is an unknown method, and nothing to come again for', () => {
  const body = { jsonrpc: '2.0', id: 'd', method: 'server/discover' } as const
  const call: Call = { ...legacyCall, method: 'server/discover', message: { body } }
  const { status, headers } = refuse(new Denial('unknown_method'), call)
  assert.deepEqual([status, headers['retry-after']], [200, undefined])
})

describe('challenges', () => {
  const challenge = { resourceMetadata: 'https://mcp.example/.well-known/oauth-protected-resource/mcp', realm: 'files' }
  const of = (denial: Denial) => refuse(denial, modernCall, challenge).headers['www-authenticate']
  test('say nothing of a token that was not presented', () => {
    assert.equal(of(new Denial('unauthenticated')), `Bearer realm="files", resource_metadata="${challenge.resourceMetadata}"`)
  })
  test('name invalid_token, and the level that a step-up needs', () => {
    assert.match(of(new Denial('invalid_token')) ?? '', /error="invalid_token"/)
    const stepUp = of(new Denial('step_up_required', { remedies: [{ kind: 'step_up', acr: 'urn:mfa' }] }))
    assert.match(stepUp ?? '', /error="insufficient_user_authentication".*acr_values="urn:mfa"/)
  })
  test('list all scopes of all remedies once, and none that is no scope', () => {
    const remedies: readonly Remedy[] = [
      { kind: 'scope', scopes: ['a', 'b', 'x" y', 'ü'] },
      { kind: 'scope', scopes: ['b', 'c'] },
    ]
    const { status, headers } = refuse(new Denial('insufficient_scope', { remedies }), legacyCall, challenge)
    assert.equal(status, 403)
    assert.match(headers['www-authenticate'] ?? '', /error="insufficient_scope".*scope="a b c"/)
  })
  test('cannot be broken out of', () => {
    const header = refuse(new Denial('unauthenticated'), undefined, { realm: 'a"b\\c\r\nX: 1\u00e9' }).headers['www-authenticate']
    assert.equal(header, 'Bearer realm="a\\"b\\\\cX: 1"')
  })
})

describe('data', () => {
  test('of an unsupported revision name what is spoken and what was asked', () => {
    const call = parseLegacy({ jsonrpc: '2.0', id: 1, method: 'ping' }, {}, '2024-11-05')
    assert.ok(call.flaw)
    const { status, body } = refuse(call.flaw, call)
    assert.equal(status, 400)
    const data = {
      code: 'unsupported_revision',
      supported: ['2026-07-28', '2025-11-25', '2025-06-18', '2025-03-26'],
      requested: '2024-11-05',
    }
    assert.deepEqual(body.error?.data, data)
  })
  test('of a missing capability name it', () => {
    const body = refusalBody(new Denial('missing_capability'), modernCall, { requiredCapabilities: { elicitation: {} } })
    assert.deepEqual(body.error?.data, { code: 'missing_capability', requiredCapabilities: { elicitation: {} } })
  })
  test('show of a remedy its kind and what a client needs', () => {
    const shown = [
      { kind: 'scope', scopes: ['a:read', 'b:write'] },
      { kind: 'step_up', acr: 'urn:mfa' },
      { kind: 'wait', ms: 2_500 },
      { kind: 'approval', id: 'an-id', url: 'https://x/approvals/an-id' },
      { kind: 'confirm' },
      { kind: 'redact' },
      { kind: 'authenticate', headers: ['X-API-Key', 'Authorization'] },
    ]
    assert.deepEqual(refusalBody(rich('forbidden'), modernCall).error?.data, { code: 'forbidden', remedies: shown })
  })
  test('say where a credential is looked for: in headers, on stdio in a variable, and nowhere to who hosts us', () => {
    const denial = new Denial('unauthenticated', { remedies: [{ kind: 'authenticate' }] })
    const remedyOf = (call: Call | undefined, environment?: string): unknown => {
      const data = refusalBody(denial, call, { environment }).error?.data as { readonly remedies: readonly unknown[] }
      return data.remedies[0]
    }
    const hosted: Call = { ...modernCall, origin: { ...modernCall.origin, transport: 'embedded' } }
    assert.deepEqual(remedyOf(undefined), { kind: 'authenticate', headers: ['X-API-Key', 'Authorization'] })
    assert.deepEqual(remedyOf(hosted, 'MCP_API_KEY'), { kind: 'authenticate', environment: 'MCP_API_KEY' })
    assert.deepEqual(remedyOf(hosted), { kind: 'authenticate' })
  })
  test('that asks the person at the client are a result, or an error with pages, and answer nothing where nobody waits', () => {
    const result = { resultType: 'input_required', requestState: 'sealed' }
    const asking = new Denial('approval_required', { question: { kind: 'input_required', result } })
    const told = refuse(asking, modernCall)
    assert.deepEqual([told.status, told.body], [200, { jsonrpc: '2.0', id: 1, result }])
    assert.equal(refuse(asking, legacyNotification).status, 403)
    const elicitations = [{ mode: 'url', url: 'https://x/approvals/an-id', elicitationId: 'an-id', message: 'open' }]
    const paged = refuse(new Denial('approval_required', { question: { kind: 'url_elicitation', elicitations } }), legacyCall)
    assert.deepEqual([paged.status, paged.body.error?.code], [200, -32042])
    assert.deepEqual(paged.body.error?.data, { code: 'approval_required', elicitations })
  })
  test('of a tool that a person must approve say to its model how to go on, and of anything else so in the message', () => {
    const waiting = new Denial('approval_required', { remedies: [{ kind: 'approval', id: 'an-id', url: 'https://x/approvals/an-id' }] })
    const text =
      'A person must approve this call. Ask somebody with the right to approve to open https://x/approvals/an-id (approval an-id). ' +
      'Then make the very same call again, with the same arguments.'
    const _meta = {
      'portcullis/refusal': {
        code: 'approval_required',
        remedies: [{ kind: 'approval', id: 'an-id', url: 'https://x/approvals/an-id' }],
      },
    }
    const result = { content: [{ type: 'text', text }], isError: true, _meta }
    const told = refuse(waiting, modernCall)
    assert.deepEqual([told.status, told.body.result], [200, { resultType: 'complete', ...result }])
    const older = refuse(waiting, legacyCall)
    assert.deepEqual([older.status, older.body.result], [200, result])
    const prompt = refuse(waiting, { ...modernCall, method: 'prompts/get' })
    assert.deepEqual([prompt.status, prompt.body.error?.code, prompt.body.error?.message], [403, 403, text])
  })
})

describe('what a message shows by its form', () => {
  const told = (call: Call): string => {
    assert.ok(call.flaw)
    return refusalBody(call.flaw, call).error?.message ?? ''
  }
  const marked = { jsonrpc: '2.0', id: 'MARK', method: 'tools/list' }
  test('is told to its sender, in words of ours and without a word of theirs', () => {
    const of = (body: JsonValue, headers: Readonly<Record<string, string>>): Call => parseCall(bytes(body), envelope({ headers }))
    const whole = { ...marked, params: { _meta: { ...META, MARK: 'MARK' } } }
    const headers = modern('tools/list')
    const cases: readonly (readonly [Call, string])[] = [
      [of(marked, headers), 'Required request metadata is missing or invalid: _meta io.modelcontextprotocol/protocolVersion is missing.'],
      [of(whole, { ...headers, 'mcp-method': 'MARK' }), 'A header and the body disagree: Mcp-Method differs from the body.'],
      [of(echo(), modern('tools/call', 'MARK')), 'A header and the body disagree: Mcp-Name differs from the body.'],
      [of({ ...whole, MARK: 1 }, headers), 'The request is malformed: the message has an unknown member.'],
      [of({ ...whole, jsonrpc: 'MARK' }, headers), 'The request is malformed: jsonrpc is not "2.0".'],
      [of([whole], headers), 'The request is malformed: a batch.'],
    ]
    for (const [call, message] of cases) assert.equal(told(call), message)
    for (const [call] of cases) assert.doesNotMatch(told(call), /MARK/)
  })
  test('is told also where it stands in the way of reading it: the rules are public, and who cuts a text within a character did not mean to hide', () => {
    const of = (text: string): string => told(parseCall(bytes(text), envelope({ headers: modern('ping') })))
    assert.equal(of('{"jsonrpc":"2.0","id":1,"id":"MARK","method":"ping"}'), 'The request is malformed: a member name occurs twice.')
    assert.equal(of('{"jsonrpc":"2.0","id":1,"method":"MARK\\ud83d"}'), 'The request is malformed: a surrogate stands alone.')
    assert.equal(of('{"jsonrpc":"2.0","id":1,'), 'The body is not valid JSON: a member name is expected.')
  })
  test('is not told of what was not found in the message', () => {
    assert.equal(refusalBody(rich('malformed'), modernCall).error?.message, 'The request is malformed.')
  })
})

test('the longest wait is rounded up to seconds', () => {
  const denial = new Denial('rate_limited', {
    remedies: [
      { kind: 'wait', ms: 100 },
      { kind: 'wait', ms: 2_001 },
    ],
  })
  assert.equal(refuse(denial, modernCall).headers['retry-after'], '3')
  assert.equal(refuse(denial, discover).status, 503)
  assert.equal(refuse(denial, discover).headers['retry-after'], '3')
})
test("a refused answer of a client carries no id: it is the server's", () => {
  const call = parseLegacy({ jsonrpc: '2.0', id: 5, result: {} }, { session: 's' })
  const { status, body } = refuse(new Denial('forbidden'), call)
  assert.deepEqual([status, 'id' in body], [403, false])
})
test('the id of a refused batch is not guessed', () => {
  const call = parseCall(bytes([echo()]), envelope({ headers: modern('tools/call', 'echo') }))
  assert.ok(call.flaw)
  assert.equal(refuse(call.flaw, call).body.id, undefined)
})

describe('arguments that are not what the tool takes', () => {
  const mismatch = new Denial('invalid_arguments', {
    detail: 'the-detail',
    policies: ['the-policy'],
    findings: [
      { label: 'schema', detector: 'schema/type', pointer: '/x', rule: 'must be string' },
      { label: 'schema', detector: 'schema/cost', pointer: '', rule: 'cannot be checked' },
      { label: 'the-label', detector: 'd', pointer: '/y' },
    ],
  })
  const text = 'The arguments are not valid.\n/x: must be string\ncannot be checked'

  test('are an error of the tool, in both eras with 200: pointer and rule, and nothing else of the inside', () => {
    const result = { content: [{ type: 'text', text }], isError: true }
    const modern = refuse(mismatch, modernCall)
    assert.deepEqual([modern.status, modern.body.result, modern.body.error], [200, { resultType: 'complete', ...result }, undefined])
    const legacy = refuse(mismatch, legacyCall)
    assert.deepEqual([legacy.status, legacy.body], [200, { jsonrpc: '2.0', id: 'l', result }])
  })

  test('at names that only the caller knows are told by the place above them, once, and not echoed', () => {
    const findings = ['/opts/evil', '/opts/more'].map((pointer) => ({
      label: 'schema',
      detector: 'schema/additionalProperties',
      pointer,
      named: '/opts',
      rule: 'is not known to the tool',
    }))
    const denial = new Denial('invalid_arguments', { findings })
    const text = 'The arguments are not valid.\n/opts: an unknown member is not known to the tool'
    assert.deepEqual(refuse(denial, modernCall).body.result?.['content'], [{ type: 'text', text }])
    const told = { pointer: '/opts', rule: 'an unknown member is not known to the tool' }
    assert.deepEqual(refuse(denial, discover).body.error?.data, { code: 'invalid_arguments', arguments: [told] })
  })

  test('a tool that nobody can call is told as that, and not as wrong arguments', () => {
    const findings = [{ label: 'schema', detector: 'schema/definition', pointer: '', rule: 'cannot be checked' }]
    const { status, body } = refuse(new Denial('unusable_tool', { findings }), modernCall)
    const result = { resultType: 'complete', content: [{ type: 'text', text: DENIALS.unusable_tool.message }], isError: true }
    assert.deepEqual([status, body.result], [200, result])
  })

  test('are an error of the protocol for every other method, and where no rule says what to correct', () => {
    const discovery = refuse(mismatch, discover)
    assert.deepEqual([discovery.body.result, discovery.body.error?.code], [undefined, -32602])
    assert.equal(refuse(rich('invalid_arguments'), modernCall).body.error?.code, -32602)
    assert.equal(refuse(new Denial('forbidden', { findings: mismatch.findings }), modernCall).body.error?.code, 403)
  })
})
