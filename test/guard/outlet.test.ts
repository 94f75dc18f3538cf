/** What leaves is held to the law and to the settings: reported, redacted, blocked, and never other than its tool promised. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Body, Message } from '../../src/core/call.ts'
import { Denial } from '../../src/core/denial.ts'
import type { JsonObject, JsonValue } from '../../src/core/json.ts'
import { createOutlet, type OutputSettings } from '../../src/guard/outlet.ts'
import { createEngine } from '../../src/policy/engine.ts'
import { aCall, aPrincipal } from '../fixtures/nouns.ts'

const TOKEN = 'ghp_7hRk2mQx9TzB4vLc8WsN3dYf6JgP1aEuK5oC'
const SETTINGS: OutputSettings = {
  secrets: 'redact',
  personal: { kinds: [], action: 'redact' },
  internals: 'redact',
  links: 'redact',
  maxBytes: 65_536,
  larger: 'block',
  keyPrefixes: ['mcp'],
}
const law = createEngine({ access: { roles: {}, tools: {}, resources: [] }, files: [] }, () => 0)
const who = aPrincipal()
const call = aCall()
const said = (result: JsonObject): Message => {
  const body: Body = { jsonrpc: '2.0', id: 1, result }
  return { body, bytes: Buffer.from(JSON.stringify(body)) }
}
const text = (...texts: readonly string[]): Message => said({ content: texts.map((each) => ({ type: 'text', text: each })) })

function leave(message: Message, settings: Partial<OutputSettings> = {}, outputSchema?: JsonValue, observing = false): Message {
  const outlet = createOutlet({
    settings: { ...SETTINGS, ...settings },
    judge: (principal, { resource }, findings) =>
      law.decide({ principal, action: 'receive', resource, context: { approved: false, confirmed: false, findings, input: {} } }),
    outputSchemaOf: () => ({ digest: 'd', outputSchema }),
    observing,
  })
  return outlet(message, call, who)(message)
}

const codeOf = (act: () => unknown): readonly [string | undefined, readonly string[]] => {
  try {
    act()
  } catch (error) {
    if (error instanceof Denial) return [error.code, error.findings.map(({ label }) => label)]
  }
  return [undefined, []]
}

test('a message in which nothing is found is the very same, bytes and all', () => {
  for (const message of [text('it is 12:30'), text(`commit ${'9fceb02d'.repeat(5)}`), text('see createAuthenticatedTransportFactoryV2')])
    assert.equal(leave(message), message)
})

test('a redacted message has new bytes, its findings, and everything else as it was', () => {
  const message = { ...text(`x ${TOKEN}`), event: { id: '7' } }
  const left = leave(message)

  assert.deepEqual(left.body.result?.['content'], [{ type: 'text', text: 'x [redacted:secret]' }])
  assert.deepEqual(
    [left.bytes, left.event, left.findings?.map(({ label, isRedacted }) => [label, isRedacted])],
    [undefined, { id: '7' }, [['secret', true]]],
  )
})

test('what is to be reported leaves and is told, what is off is not looked for, what is blocked does not leave', () => {
  const message = text(`x ${TOKEN}`)
  const reported = leave(message, { secrets: 'report' })

  assert.equal(reported.bytes, message.bytes)
  assert.deepEqual(
    reported.findings?.map(({ label, isRedacted }) => [label, isRedacted]),
    [['secret', undefined]],
  )
  assert.equal(leave(message, { secrets: 'off' }), message)
  assert.deepEqual(
    codeOf(() => leave(message, { secrets: 'block' })),
    ['content_blocked', ['secret']],
  )
})

test('where nothing is refused everything leaves, and what was found is told', () => {
  const message = text(`x ${TOKEN}`)
  const left = leave(message, { secrets: 'block' }, undefined, true)

  assert.equal(left.bytes, message.bytes)
  assert.equal(left.findings?.length, 1)
})

test('personal data is looked for by the kinds that are named', () => {
  const message = text('amy.lee@example.com, 4012 8888 8888 1881')
  const masked = leave(message, { personal: { kinds: ['card'], action: 'redact' } })

  assert.equal(leave(message), message)
  assert.deepEqual(masked.body.result?.['content'], [{ type: 'text', text: 'amy.lee@example.com, [redacted:personal]' }])
})

test('what its tool promises it still is, or it does not leave', () => {
  const message = said({ content: [], structuredContent: { token: TOKEN } })
  const promised = (token: JsonObject): JsonValue => ({ type: 'object', properties: { token } })

  assert.deepEqual(leave(message, {}, promised({ type: 'string' })).body.result?.['structuredContent'], { token: '[redacted:secret]' })
  for (const token of [{ type: 'string', pattern: '^ghp_' }, { type: 'string', maxLength: 4 }, { enum: [TOKEN] }, { format: 'uuid' }])
    assert.deepEqual(
      codeOf(() => leave(message, {}, promised(token))),
      ['content_blocked', ['secret']],
      JSON.stringify(token),
    )
})

test('what is too large to be looked at does not leave, unless it may', () => {
  const message = text('x'.repeat(70_000))

  assert.deepEqual(
    codeOf(() => leave(message)),
    ['content_blocked', ['uninspected']],
  )
  assert.deepEqual(
    leave(message, { larger: 'pass' }).findings?.map(({ label }) => label),
    ['uninspected'],
  )
})

test('a secret that is said in two notifications of one call does not arrive, and one call knows nothing of another', () => {
  const outlet = createOutlet({
    settings: SETTINGS,
    judge: (principal, { resource }, findings) =>
      law.decide({ principal, action: 'receive', resource, context: { approved: false, confirmed: false, findings, input: {} } }),
    outputSchemaOf: () => undefined,
    observing: false,
  })
  const log = (data: string): Message => ({ body: { jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data } } })
  const tell = (of: typeof call, data: string): JsonValue | undefined => outlet(log(data), of, who)(log(data)).body.params?.['data']
  const other = aCall()

  assert.equal(tell(call, TOKEN.slice(0, 9)), TOKEN.slice(0, 9))
  assert.equal(tell(other, TOKEN.slice(9)), TOKEN.slice(9))
  assert.equal(tell(call, `${TOKEN.slice(9)} end`), '[redacted:secret] end')
})
