import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Bridge, HELD_MS } from '../../src/bridge/bridge.ts'
import type { Message } from '../../src/core/call.ts'
import { isObject, type JsonObject } from '../../src/core/json.ts'
import { StdioPeer } from '../../src/upstream/stdio-peer.ts'
import { aPrincipal } from '../fixtures/nouns.ts'
import { all, CLIENT, child, denied, hands, last, modern, textOf, tool, upstreamOf } from '../fixtures/stdio.ts'

const ALICE = aPrincipal({ subject: 'alice' })
const BOB = aPrincipal({ subject: 'bob' })
const FORMS = { capabilities: { elicitation: { form: {} } } }
const LOG = 'io.modelcontextprotocol/logLevel'
const SUBSCRIPTION = 'io.modelcontextprotocol/subscriptionId'
const call = (name: string, args: JsonObject = {}, said: Parameters<typeof modern>[2] = {}) =>
  modern('tools/call', { name, arguments: args }, said)

function retry(asked: Message, args: JsonObject, answers: JsonObject, said: Parameters<typeof modern>[2] = {}) {
  const { requestState, inputRequests } = asked.body.result ?? {}
  const [key = ''] = isObject(inputRequests) ? Object.keys(inputRequests) : []
  const inputResponses: JsonObject = Object.keys(answers).length === 0 ? {} : { [key]: answers }
  return modern(
    'tools/call',
    { name: 'confirm', arguments: args, inputResponses, ...(requestState === undefined ? {} : { requestState }) },
    { ...FORMS, ...said },
  )
}

test('server/discover is answered from the handshake, with what can be served', async () => {
  await using upstream = upstreamOf(child('sdk-v1'))
  const { body } = await last(upstream.forward(modern('server/discover', {}, { id: 'd' }), ALICE))
  assert.equal(body.id, 'd')
  assert.deepEqual(body.result, {
    resultType: 'complete',
    supportedVersions: ['2026-07-28'],
    capabilities: { tools: { listChanged: true }, resources: { subscribe: true, listChanged: true }, logging: {} },
    instructions: 'be kind',
    ttlMs: 0,
    cacheScope: 'private',
    _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'v1', version: '1.2.3' } },
  })
})

test('results become modern ones: complete, private where they could be kept, and with the name of the server', async () => {
  await using upstream = upstreamOf(child('sdk-v1'))
  const list = await last(upstream.forward(modern('tools/list'), ALICE))
  assert.deepEqual(
    [list.body.result?.['resultType'], list.body.result?.['ttlMs'], list.body.result?.['cacheScope']],
    ['complete', 0, 'private'],
  )
  const echo = await last(upstream.forward(call('echo', { text: 'hi' }), ALICE))
  assert.deepEqual(echo.body.result, {
    content: [{ type: 'text', text: 'hi' }],
    resultType: 'complete',
    _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'v1', version: '1.2.3' } },
  })
})

test('the server hears who we are and what the caller declared, and none of the modern envelope', async () => {
  await using upstream = upstreamOf(child('sdk-v1'))
  const said = { ...FORMS, meta: { traceparent: '00-1', [LOG]: 'info' } }
  assert.deepEqual(JSON.parse(await tool(upstream, ALICE, call('client', {}, said))), [CLIENT, { elicitation: { form: {} } }])
  assert.deepEqual(JSON.parse(await tool(upstream, ALICE, call('meta', {}, said))), { traceparent: '00-1' })
})

test('callers that declare something else have another process, because a handshake cannot be taken back', async () => {
  await using upstream = upstreamOf(child('sdk-v1'))
  const pids = [
    await tool(upstream, ALICE, call('pid')),
    await tool(upstream, ALICE, call('pid', {}, FORMS)),
    await tool(upstream, ALICE, call('pid')),
  ]
  assert.equal(pids[0], pids[2])
  assert.notEqual(pids[0], pids[1])
})

test('a resource that does not exist is -32602, and a method without a counterpart does not exist', async () => {
  await using upstream = upstreamOf(child('sdk-v1'))
  const missing = await last(upstream.forward(modern('resources/read', { uri: 'test://none' }), ALICE))
  assert.equal(missing.body.error?.code, -32602)
  for (const method of ['ping', 'initialize', 'logging/setLevel', 'resources/subscribe', 'tasks/get']) {
    await assert.rejects(all(upstream.forward(modern(method), ALICE)), denied('unknown_method'))
  }
})

test('a question becomes input_required, and the retry brings the answer to the call that waits', async () => {
  await using upstream = upstreamOf(child('sdk-v1'))
  const args = { questions: 2 }
  let asked = await last(upstream.forward(call('confirm', args, { ...FORMS, id: 'leg-1' }), ALICE))
  for (const at of [0, 1]) {
    const { inputRequests, resultType } = asked.body.result ?? {}
    assert.equal(resultType, 'input_required')
    assert.deepEqual(
      isObject(inputRequests) &&
        Object.values(inputRequests).map(
          (question) => isObject(question) && [question['method'], isObject(question['params']) && question['params']['message']],
        ),
      [['elicitation/create', `sure ${at}?`]],
    )
    asked = await last(
      upstream.forward(retry(asked, args, { action: 'accept', content: { ok: at === 0 } }, { id: `leg-${at + 2}` }), ALICE),
    )
  }
  assert.equal(asked.body.id, 'leg-3')
  assert.equal(textOf(asked), 'accept {"ok":true}; accept {"ok":false}')
})

test('a retry without the answer is asked again', async () => {
  await using upstream = upstreamOf(child('sdk-v1'))
  const args = { questions: 1 }
  const asked = await last(upstream.forward(call('confirm', args, FORMS), ALICE))
  const again = await last(upstream.forward(retry(asked, args, {}), ALICE))
  assert.deepEqual(again.body.result?.['inputRequests'], asked.body.result?.['inputRequests'])
  assert.equal(textOf(await last(upstream.forward(retry(again, args, { action: 'decline' }), ALICE))), 'decline undefined')
})

test('a state serves once, its own caller and its own call', async () => {
  await using upstream = upstreamOf(child('sdk-v1'))
  const args = { questions: 1 }
  const asked = await last(upstream.forward(call('confirm', args, FORMS), ALICE))
  const answer = { action: 'accept', content: { ok: true } }
  const forged = { body: { ...asked.body, result: { ...asked.body.result, requestState: 'x' } } }
  await assert.rejects(all(upstream.forward(retry(asked, args, answer), BOB)), denied('invalid_arguments'))
  await assert.rejects(all(upstream.forward(retry(forged, args, answer), ALICE)), denied('invalid_arguments'))
  const other = modern('tools/call', { name: 'echo', arguments: {}, requestState: String(asked.body.result?.['requestState']) }, FORMS)
  await assert.rejects(all(upstream.forward(other, ALICE)), denied('invalid_arguments'))
  await last(upstream.forward(retry(asked, args, answer), ALICE))
  await assert.rejects(all(upstream.forward(retry(asked, args, answer), ALICE)), denied('invalid_arguments'))
})

test('the end of the leg that was asked does not end the call that waits', async () => {
  await using upstream = upstreamOf(child('sdk-v1'))
  const stop = new AbortController()
  const asked = await last(upstream.forward(call('confirm', { questions: 1 }, { ...FORMS, signal: stop.signal }), ALICE))
  stop.abort()
  assert.equal(textOf(await last(upstream.forward(retry(asked, { questions: 1 }, { action: 'cancel' }), ALICE))), 'cancel undefined')
})

test('a call that nobody comes back for is cancelled at the server', async () => {
  const turned = hands()
  await using upstream = upstreamOf(child('sdk-v1'), { hands: turned, idleMs: 10 * HELD_MS, maxTimeoutMs: 10 * HELD_MS })
  const asked = await last(upstream.forward(call('confirm', { questions: 1 }, FORMS), ALICE))
  turned.turn(HELD_MS)
  await assert.rejects(all(upstream.forward(retry(asked, { questions: 1 }, { action: 'accept' }), ALICE)), denied('invalid_arguments'))
})

test('a server that needs what the caller did not declare is told so, and the caller is asked nothing', async () => {
  await using upstream = upstreamOf(child('raw'))
  const forms = await tool(upstream, ALICE, call('ask', {}, FORMS))
  assert.equal(JSON.parse(forms).code, -32601)
})

test('-32042 becomes a URL question for those who can be asked, and a missing capability for others', async () => {
  await using upstream = upstreamOf(child('sdk-v1'))
  const asked = await last(upstream.forward(call('visit', {}, { capabilities: { elicitation: { url: {} } } }), ALICE))
  assert.deepEqual(asked.body.result, {
    resultType: 'input_required',
    inputRequests: { 'url-0': { method: 'elicitation/create', params: { mode: 'url', url: 'https://example.com/x', message: 'visit' } } },
  })
  const refused = await last(upstream.forward(call('visit', {}, FORMS), ALICE))
  assert.equal(refused.body.error?.code, -32021)
  assert.deepEqual(refused.body.error?.data, { requiredCapabilities: { elicitation: { url: {} } } })
})

test('a call hears the log it asked for and nothing else', async () => {
  await using upstream = upstreamOf(child('sdk-v1'))
  const told = async (level?: string) => {
    const messages = await all(upstream.forward(call('log', {}, level === undefined ? {} : { meta: { [LOG]: level } }), ALICE))
    return messages.map(({ body }) => body.params?.['data']).filter((data) => data !== undefined)
  }
  assert.deepEqual(await told('debug'), ['quiet', 'loud'])
  assert.deepEqual(await told('warning'), ['loud'])
  assert.deepEqual(await told(), [])
  await assert.rejects(told('chatty'), denied('invalid_envelope'))
})

test('progress comes under the caller’s own token', async () => {
  await using upstream = upstreamOf(child('sdk-v1'))
  const messages = await all(upstream.forward(call('progress', {}, { meta: { progressToken: 'p' } }), ALICE))
  assert.deepEqual(
    messages.map(({ body }) => body.params?.['progressToken']),
    ['p', undefined],
  )
})

test('a subscription is acknowledged with what is honoured, fed from loose notifications, and unsubscribed at the end', async () => {
  await using upstream = upstreamOf(child('sdk-v1'))
  const stop = new AbortController()
  const notifications = { toolsListChanged: true, promptsListChanged: true, resourceSubscriptions: ['test://one', 'test://refused'] }
  const stream = upstream
    .forward(modern('subscriptions/listen', { notifications }, { id: 'L', signal: stop.signal }), ALICE)
    [Symbol.asyncIterator]()
  const { value: ack } = await stream.next()
  assert.equal(ack?.body.method, 'notifications/subscriptions/acknowledged')
  assert.deepEqual(ack?.body.params, {
    _meta: { [SUBSCRIPTION]: 'L' },
    notifications: { toolsListChanged: true, resourceSubscriptions: ['test://one'] },
  })
  await tool(upstream, ALICE, call('touch'))
  const first = (await stream.next()).value
  assert.deepEqual(first?.body.params, { uri: 'test://one', _meta: { [SUBSCRIPTION]: 'L' } })
  assert.equal((await stream.next()).value?.body.method, 'notifications/tools/list_changed')
  assert.equal(await tool(upstream, ALICE, call('subscribed')), 'test://one')
  stop.abort()
  assert.equal((await stream.next()).done, true)
  assert.equal(await tool(upstream, ALICE, call('subscribed')), '')
})

test('a subscription ends in good order when we end it, and with a refusal when the server dies', async () => {
  const upstream = upstreamOf(child('sdk-v1'))
  const open = async (id: string) => {
    const stream = upstream
      .forward(modern('subscriptions/listen', { notifications: { toolsListChanged: true } }, { id }), ALICE)
      [Symbol.asyncIterator]()
    await stream.next()
    return stream
  }
  const broken = await open('L1')
  process.kill(Number(await tool(upstream, ALICE, call('pid'))), 'SIGKILL')
  await assert.rejects(broken.next(), denied('upstream_failed'))
  const ended = await open('L2')
  await upstream.close()
  assert.deepEqual((await ended.next()).value?.body, {
    jsonrpc: '2.0',
    id: 'L2',
    result: { resultType: 'complete', _meta: { [SUBSCRIPTION]: 'L2' } },
  })
  assert.equal((await ended.next()).done, true)
})

test('over any peer the handshake is made once, and again only when it failed', async () => {
  const { clock, schedule } = hands()
  const sent: { id: number; method: string }[] = []
  const wire = { isStuck: false, send: (line: string) => void sent.push(JSON.parse(line)), close: () => Promise.resolve() }
  const peer = new StdioPeer(wire, { clock, schedule, timeoutMs: 1_000, maxTimeoutMs: 1_000, relate: true, onDrop: () => {} })
  const bridge = new Bridge(peer, { client: CLIENT, declared: {}, schedule })
  const failing = [bridge.start(), bridge.start()]
  peer.take({ jsonrpc: '2.0', id: 1, error: { code: -32603, message: 'not yet' } }, 0)
  for (const attempt of failing) await assert.rejects(attempt, denied('upstream_failed'))
  const good = [bridge.start(), last(bridge.forward(modern('server/discover'), ALICE))] as const
  peer.take(
    { jsonrpc: '2.0', id: 2, result: { protocolVersion: '2025-06-18', capabilities: {}, serverInfo: { name: 's', version: '1' } } },
    0,
  )
  assert.equal((await good[0]).revision, '2025-06-18')
  assert.deepEqual((await good[1]).body.result?.['supportedVersions'], ['2026-07-28'])
  assert.deepEqual(
    sent.map(({ method }) => method),
    ['initialize', 'initialize', 'notifications/initialized'],
  )
})
