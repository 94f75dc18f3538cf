import assert from 'node:assert/strict'
import { test } from 'node:test'
import { STANDING } from '../../src/bridge/strays.ts'
import { aPrincipal } from '../fixtures/nouns.ts'
import { all, child, denied, handshake, INITIALIZE, internal, last, legacy, textOf, tool, upstreamOf } from '../fixtures/stdio.ts'

const ALICE = aPrincipal({ subject: 'alice' })
const FORMS = { ...INITIALIZE, capabilities: { elicitation: {} } }
const ask = (name: string, said: Parameters<typeof legacy>[2] = {}) => legacy('tools/call', { name, arguments: {} }, said)

test('a legacy client is served by a server that knows only the modern revision', async () => {
  await using upstream = upstreamOf(child('sdk-v2', 'modern'))
  const { body } = await handshake(upstream, ALICE, 's-1', { ...INITIALIZE, protocolVersion: '2025-06-18' })
  assert.deepEqual(body.result, {
    protocolVersion: '2025-06-18',
    capabilities: { tools: { listChanged: true }, resources: { subscribe: true, listChanged: true }, logging: {} },
    serverInfo: { name: 'v2', version: '2.0.0' },
    instructions: 'be modern',
  })
  assert.equal(await tool(upstream, ALICE, ask('era')), 'modern')
  assert.deepEqual((await last(upstream.forward(legacy('ping'), ALICE))).body.result, {})
  await handshake(upstream, ALICE, 's-2')
  assert.equal(await tool(upstream, ALICE, ask('era', { session: 's-2' })), 'modern')
})

test('input_required becomes a request of the server on the stream of the call', async () => {
  await using upstream = upstreamOf(child('sdk-v2', 'modern'))
  await handshake(upstream, ALICE, 's-1', FORMS)
  const messages = upstream.forward(ask('confirm', { id: 'c' }), ALICE)[Symbol.asyncIterator]()
  const { value: question } = await messages.next()
  assert.equal(question?.body.method, 'elicitation/create')
  const id = question?.body.id ?? ''
  const answered = messages.next()
  await all(upstream.forward(internal('$response', { id: 'not-asked', result: {} }), ALICE))
  await all(upstream.forward(internal('$response', { id, result: { action: 'accept', content: { ok: true } } }), ALICE))
  const { value: answer } = await answered
  assert.equal(answer?.body.id, 'c')
  assert.equal(textOf(answer), 'confirmed true with state-1')
})

test('a caller that goes away while it is asked ends the call', async () => {
  await using upstream = upstreamOf(child('sdk-v2', 'modern'))
  await handshake(upstream, ALICE, 's-1', FORMS)
  const stop = new AbortController()
  const messages = upstream.forward(ask('confirm', { signal: stop.signal }), ALICE)[Symbol.asyncIterator]()
  await messages.next()
  stop.abort()
  assert.equal((await messages.next()).done, true)
})

test('a level that was set is told with every call, and its log comes with the call', async () => {
  await using upstream = upstreamOf(child('sdk-v2', 'modern'))
  await handshake(upstream, ALICE)
  assert.equal((await all(upstream.forward(ask('log'), ALICE))).length, 1)
  await all(upstream.forward(legacy('logging/setLevel', { level: 'info' }), ALICE))
  assert.deepEqual(
    (await all(upstream.forward(ask('log'), ALICE))).map(({ body }) => body.method),
    ['notifications/message', undefined],
  )
})

test('subscriptions become loose notifications on the stream of the session', async () => {
  await using upstream = upstreamOf(child('sdk-v2', 'modern'))
  await handshake(upstream, ALICE)
  const stop = new AbortController()
  const stream = upstream.forward(internal('$stream', { signal: stop.signal }), ALICE)[Symbol.asyncIterator]()
  assert.equal((await stream.next()).value, STANDING)
  await last(upstream.forward(legacy('resources/subscribe', { uri: 'test://one' }), ALICE))
  await tool(upstream, ALICE, ask('touch'))
  assert.deepEqual((await stream.next()).value?.body, {
    jsonrpc: '2.0',
    method: 'notifications/resources/updated',
    params: { uri: 'test://one' },
  })
  assert.equal((await stream.next()).value?.body.method, 'notifications/tools/list_changed')
  await last(upstream.forward(legacy('resources/unsubscribe', { uri: 'test://one' }), ALICE))
  await tool(upstream, ALICE, ask('touch'))
  assert.equal((await stream.next()).value?.body.method, 'notifications/tools/list_changed')
  stop.abort()
})

test('a session is carried on over a new process when the old one has died', async () => {
  await using upstream = upstreamOf(child('sdk-v2', 'modern'))
  await handshake(upstream, ALICE)
  const pid = await tool(upstream, ALICE, ask('pid'))
  process.kill(Number(pid), 'SIGKILL')
  await upstream.event(({ type }) => type === 'upstream.stopped')
  assert.notEqual(await tool(upstream, ALICE, ask('pid')), pid)
})

test('sessions on one shared modern process are asked for themselves', async () => {
  await using upstream = upstreamOf(child('sdk-v2', 'modern'), { shared: true })
  await handshake(upstream, ALICE, 's-1', FORMS)
  await handshake(upstream, ALICE, 's-2', FORMS)
  const asked = upstream.forward(ask('confirm', { session: 's-2' }), ALICE)[Symbol.asyncIterator]()
  const { value } = await asked.next()
  const answered = asked.next()
  const answer = { id: value?.body.id ?? '', result: { action: 'accept', content: { ok: false } } }
  await all(upstream.forward(internal('$response', { ...answer, session: 's-1' }), ALICE))
  await all(upstream.forward(internal('$response', { ...answer, session: 's-2' }), ALICE))
  assert.equal(textOf((await answered).value), 'confirmed false with state-1')
})

test('a method without a counterpart does not exist', async () => {
  await using upstream = upstreamOf(child('sdk-v2', 'modern'))
  await handshake(upstream, ALICE)
  await assert.rejects(all(upstream.forward(legacy('tasks/list'), ALICE)), denied('unknown_method'))
})
