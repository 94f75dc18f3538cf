import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { STANDING } from '../../src/bridge/strays.ts'
import { nameOf } from '../../src/core/principal.ts'
import { aPrincipal } from '../fixtures/nouns.ts'
import {
  all,
  child,
  denied,
  hands,
  handshake,
  INITIALIZE,
  internal,
  last,
  legacy,
  modern,
  textOf,
  tool,
  upstreamOf,
} from '../fixtures/stdio.ts'

const ALICE = aPrincipal({ subject: 'alice' })
const BOB = aPrincipal({ subject: 'bob' })
const call = (name: string, args: object = {}, said: Parameters<typeof modern>[2] = {}) =>
  modern('tools/call', { name, arguments: { ...args } }, said)
const ask = (name: string, args: object = {}, said: Parameters<typeof legacy>[2] = {}) =>
  legacy('tools/call', { name, arguments: { ...args } }, said)

test('a modern caller reads through the official filesystem server, which knows no revision without initialize', async () => {
  const folder = fileURLToPath(new URL('../fixtures', import.meta.url))
  const server = fileURLToPath(import.meta.resolve('@modelcontextprotocol/server-filesystem/dist/index.js'))
  await using upstream = upstreamOf([process.execPath, server, folder])
  const tools = await last(upstream.forward(modern('tools/list'), ALICE))
  assert.equal(tools.body.result?.['resultType'], 'complete')
  assert.equal(tools.body.result?.['cacheScope'], 'private')
  const listed = await tool(upstream, ALICE, call('list_directory', { path: folder }))
  for (const name of readdirSync(folder)) assert.ok(listed.includes(name))
})

test('a legacy client makes its own handshake with the official filesystem server', async () => {
  const folder = fileURLToPath(new URL('../fixtures', import.meta.url))
  const server = fileURLToPath(import.meta.resolve('@modelcontextprotocol/server-filesystem/dist/index.js'))
  await using upstream = upstreamOf([process.execPath, server, folder])
  const answer = await handshake(upstream, ALICE, 's-1', { ...INITIALIZE, capabilities: {} })
  assert.equal(answer.body.result?.['protocolVersion'], '2025-11-25')
  const tools = await last(upstream.forward(legacy('tools/list', undefined, { id: 'list' }), ALICE))
  assert.equal(tools.body.id, 'list')
  assert.equal(tools.body.result?.['resultType'], undefined)
  await all(upstream.forward(internal('$end'), ALICE))
  await upstream.event(({ type }) => type === 'upstream.stopped')
  assert.throws(() => upstream.forward(legacy('tools/list'), ALICE), denied('no_session'))
})

test('a server of both eras is spoken to in the caller’s own', async () => {
  await using upstream = upstreamOf(child('sdk-v2'))
  await handshake(upstream, ALICE)
  assert.equal(await tool(upstream, ALICE, call('era')), 'modern')
  assert.equal(await tool(upstream, ALICE, ask('era')), 'legacy')
})

test('a modern server gets modern calls as they are, and its input_required comes back untouched', async () => {
  await using upstream = upstreamOf(child('sdk-v2', 'modern'))
  const capabilities = { elicitation: { form: {} } }
  const asked = await last(upstream.forward(call('confirm', {}, { capabilities, id: 'first' }), ALICE))
  assert.equal(asked.body.id, 'first')
  assert.equal(asked.body.result?.['resultType'], 'input_required')
  assert.equal(asked.body.result?.['requestState'], 'state-1')
  const params = {
    name: 'confirm',
    arguments: {},
    requestState: 'state-1',
    inputResponses: { sure: { action: 'accept', content: { ok: true } } },
  }
  assert.equal(await tool(upstream, ALICE, modern('tools/call', params, { capabilities })), 'confirmed true with state-1')
})

test('ids and progress tokens come back as they were, in type and value', async () => {
  await using upstream = upstreamOf(child('sdk-v2', 'modern'))
  for (const id of [0, '1', -7, 'x'.repeat(300)]) {
    const messages = await all(upstream.forward(call('progress', {}, { id, meta: { progressToken: `token-${id}` } }), ALICE))
    assert.deepEqual(
      messages.map(({ body }) => [body.method, body.params?.['progressToken'], body.id]),
      [
        ['notifications/progress', `token-${id}`, undefined],
        [undefined, undefined, id],
      ],
    )
    assert.equal(textOf(messages[1]), 'number')
  }
})

test('subscriptions of a modern server are told apart, and each has its own id', async () => {
  await using upstream = upstreamOf(child('sdk-v2', 'modern'))
  const notifications = { toolsListChanged: true, resourceSubscriptions: ['test://one'] }
  const stops = [new AbortController(), new AbortController()] as const
  const listen = (id: string | number, signal: AbortSignal) =>
    upstream.forward(modern('subscriptions/listen', { notifications }, { id, signal }), ALICE)[Symbol.asyncIterator]()
  const streams = [listen('L', stops[0].signal), listen(7, stops[1].signal)] as const
  for (const stream of streams) assert.equal((await stream.next()).value?.body.method, 'notifications/subscriptions/acknowledged')
  await tool(upstream, ALICE, call('touch'))
  for (const [stream, id] of [
    [streams[0], 'L'],
    [streams[1], 7],
  ] as const) {
    for (const method of ['notifications/resources/updated', 'notifications/tools/list_changed']) {
      const { value } = await stream.next()
      assert.equal(value?.body.method, method)
      assert.deepEqual(value?.body.params?.['_meta'], { 'io.modelcontextprotocol/subscriptionId': id })
    }
  }
  for (const stop of stops) stop.abort()
  for (const stream of streams) assert.equal((await stream.next()).done, true)
})

test('a log of a modern server goes only to a call that asked for it', async () => {
  await using upstream = upstreamOf(child('sdk-v2', 'modern'))
  assert.equal((await all(upstream.forward(call('log'), ALICE))).length, 1)
  const told = await all(upstream.forward(call('log', {}, { meta: { 'io.modelcontextprotocol/logLevel': 'info' } }), ALICE))
  assert.deepEqual(
    told.map(({ body }) => body.method),
    ['notifications/message', undefined],
  )
})

test('a process belongs to one principal, and to one session in the revisions that have them', async () => {
  await using upstream = upstreamOf(child('sdk-v2'))
  await handshake(upstream, ALICE, 's-1')
  await handshake(upstream, ALICE, 's-2')
  const pids = [
    await tool(upstream, ALICE, call('pid')),
    await tool(upstream, BOB, call('pid')),
    await tool(upstream, ALICE, ask('pid', {}, { session: 's-1' })),
    await tool(upstream, ALICE, ask('pid', {}, { session: 's-2' })),
  ]
  assert.equal(new Set(pids).size, 4)
  assert.equal(await tool(upstream, ALICE, call('pid')), pids[0])
  const owners = upstream.events.filter(({ type }) => type === 'upstream.started').map(({ principal }) => principal)
  assert.deepEqual(owners.sort(), [ALICE, ALICE, ALICE, BOB].map(nameOf).sort())
})

test('a session of somebody else does not exist', async () => {
  await using upstream = upstreamOf(child('raw'))
  await handshake(upstream, ALICE)
  assert.throws(() => upstream.forward(ask('pid'), BOB), denied('no_session'))
  assert.throws(() => upstream.forward(internal('$stream'), BOB), denied('no_session'))
})

test('a hundred askers with equal ids on one shared process get their own answers', async () => {
  await using upstream = upstreamOf(child('raw'), { shared: true })
  const askers = Array.from({ length: 100 }, (_, at) => aPrincipal({ subject: `asker-${at}` }))
  const answers = await Promise.all(
    askers.map((asker, at) =>
      last(upstream.forward(call('shuffle', { text: `for ${at}`, of: 100 }, { id: 1, meta: { progressToken: 1 } }), asker)),
    ),
  )
  for (const [at, answer] of answers.entries()) {
    assert.equal(answer.body.id, 1)
    assert.equal(textOf(answer), `for ${at}`)
  }
  assert.equal(upstream.events.filter(({ type }) => type === 'upstream.started').length, 1)
})

test('a hundred sessions with equal ids on one shared process get their own answers', async () => {
  await using upstream = upstreamOf(child('raw'), { shared: true })
  const sessions = Array.from({ length: 100 }, (_, at) => `session-${at}`)
  for (const session of sessions) {
    const answer = await handshake(upstream, ALICE, session)
    assert.deepEqual(answer.body.result?.['serverInfo'], { name: 'raw', version: '1' })
  }
  const answers = await Promise.all(
    sessions.map((session) => tool(upstream, ALICE, ask('shuffle', { text: session, of: 100 }, { session }))),
  )
  assert.deepEqual(answers, sessions)
})

test('a shared process may ask nobody anything', async () => {
  await using upstream = upstreamOf(child('raw'), { shared: true })
  await handshake(upstream, ALICE)
  const capabilities = { roots: {}, elicitation: {} }
  assert.equal(JSON.parse(await tool(upstream, BOB, call('ask', {}, { capabilities }))).code, -32601)
})

test('what a shared process says of its lists reaches every session, and nothing else does', async () => {
  await using upstream = upstreamOf(child('raw'), { shared: true })
  const stop = new AbortController()
  const streams = []
  for (const session of ['s-1', 's-2']) {
    await handshake(upstream, ALICE, session)
    streams.push(all(upstream.forward(internal('$stream', { session, signal: stop.signal }), ALICE)))
  }
  await tool(upstream, ALICE, ask('log'))
  await tool(upstream, ALICE, ask('change'))
  stop.abort()
  for (const [first, ...told] of await Promise.all(streams)) {
    assert.equal(first, STANDING)
    assert.deepEqual(
      told.map(({ body }) => body.method),
      ['notifications/tools/list_changed'],
    )
  }
})

test('noise, wrong ids and messages that are none are dropped, counted and told once', async () => {
  await using upstream = upstreamOf(child('raw'))
  assert.equal(await tool(upstream, ALICE, call('noise')), 'after the noise')
  assert.equal(await tool(upstream, ALICE, call('wrong-ids')), 'right')
  await assert.rejects(tool(upstream, ALICE, call('bad-answer')), denied('upstream_failed'))
  const noise = upstream.events.filter(({ type }) => type === 'upstream.noise').map(({ detail }) => detail)
  assert.deepEqual(noise, ['line that is no JSON: 1 dropped', 'not a message: 1 dropped', 'answer without a request: 1 dropped'])
})

test('an answer over the line cap fails its own call at once and no other', async () => {
  await using upstream = upstreamOf(child('raw'), { maxLineBytes: 100_000 })
  await assert.rejects(tool(upstream, ALICE, call('big-id-last', { bytes: 100_000 })), denied('upstream_failed'))
  assert.equal(await tool(upstream, ALICE, call('echo', { text: 'still here' })), 'still here')
})

test('what is written to stderr is no error: it is escaped, capped and handed on', async () => {
  await using upstream = upstreamOf(child('raw'))
  assert.equal(await tool(upstream, ALICE, call('stderr', { bytes: 200_000 })), 'said')
  await upstream.close()
  const said = upstream.texts.join('')
  assert.ok(said.startsWith('\\u{1b}[31mred\\u{1b}[0m yyy'))
  assert.ok(said.length < 70_000)
})

test('the environment of the gateway does not reach the child, and what the configuration gives does', async () => {
  await using upstream = upstreamOf(child('raw'), { env: { LOG_LEVEL: 'info' }, environment: { GATEWAY_SECRET: 'x', HOME: '/h' } })
  const env = JSON.parse(await tool(upstream, ALICE, call('env')))
  assert.deepEqual(Object.keys(env).sort(), ['HOME', 'LOG_LEVEL', 'PATH'])
})

test('a child that dies in the middle fails what is under way, and the next call has a new one', async () => {
  await using upstream = upstreamOf(child('raw'))
  const before = await tool(upstream, ALICE, call('pid'))
  const hanging = tool(upstream, ALICE, call('hang'))
  await Promise.all([
    assert.rejects(hanging, denied('upstream_failed')),
    assert.rejects(tool(upstream, ALICE, call('die')), denied('upstream_failed')),
  ])
  assert.notEqual(await tool(upstream, ALICE, call('pid')), before)
  assert.equal((await upstream.event(({ type }) => type === 'upstream.stopped')).detail, 'exit code 3')
})

test('a legacy session survives its process: the next one is told the same initialize', async () => {
  await using upstream = upstreamOf(child('raw'))
  await handshake(upstream, ALICE)
  await assert.rejects(tool(upstream, ALICE, ask('die')), denied('upstream_failed'))
  const seen: { method: string; params?: object }[] = JSON.parse(await tool(upstream, ALICE, ask('seen')))
  assert.deepEqual(
    seen.map(({ method }) => method),
    ['initialize', 'notifications/initialized', 'tools/call'],
  )
  assert.deepEqual(seen[0]?.params, INITIALIZE)
})

test('a child that crashes again and again is started less and less often', async () => {
  const turned = hands()
  await using upstream = upstreamOf(child('raw', '--crash'), { hands: turned })
  const attempt = () => last(upstream.forward(legacy('initialize', INITIALIZE), ALICE))
  await assert.rejects(attempt(), denied('upstream_failed'))
  await assert.rejects(attempt(), denied('upstream_failed'))
  const waits: number[] = []
  for (const expected of [500, 1_000, 2_000]) {
    await assert.rejects(attempt(), (error) => {
      assert.ok(denied('unavailable')(error))
      waits.push(...(error as { remedies: { ms: number }[] }).remedies.map(({ ms }) => ms))
      return true
    })
    turned.turn(expected)
    await assert.rejects(attempt(), denied('upstream_failed'))
  }
  assert.deepEqual(waits, [500, 1_000, 2_000])
})

test('a crashing child is started less and less often whoever opens sessions, but what one principal has waits for no other', async () => {
  const turned = hands()
  await using upstream = upstreamOf(child('raw', '--crash'), { hands: turned })
  const attempt = (session: string, principal = ALICE) => last(upstream.forward(legacy('initialize', INITIALIZE, { session }), principal))
  const refusals: unknown[] = []
  for (let at = 0; at < 8; at++) await attempt(`s-${at}`).catch(({ code }: { code: unknown }) => refusals.push(code))
  assert.deepEqual(refusals, ['upstream_failed', 'upstream_failed', ...Array(6).fill('unavailable')])
  assert.equal(upstream.events.filter(({ type }) => type === 'upstream.started').length, 2)
  await assert.rejects(tool(upstream, ALICE, call('pid')), denied('unavailable'))
  await assert.rejects(attempt('s-of-bob', BOB), denied('upstream_failed'))
  turned.turn(500)
  // Side by side they fail once.
  await Promise.all([1, 2, 3].map((at) => assert.rejects(attempt(`beside-${at}`), denied('upstream_failed'))))
  await assert.rejects(attempt('after'), (error) => {
    assert.deepEqual((error as { remedies: object }).remedies, [{ kind: 'wait', ms: 1_000 }])
    return denied('unavailable')(error)
  })
})

test('a command that does not exist fails its calls', async () => {
  await using upstream = upstreamOf(['/nonexistent/program'])
  await assert.rejects(tool(upstream, ALICE, call('pid')), denied('upstream_failed'))
})

test('when all places are taken the one that is idle longest gives way, and one that works does not', async () => {
  await using upstream = upstreamOf(child('raw'), { maxProcesses: 2 })
  const first = await tool(upstream, ALICE, call('pid'))
  const second = await tool(upstream, BOB, call('pid'))
  const stop = new AbortController()
  const hanging = all(upstream.forward(call('hang', {}, { signal: stop.signal }), BOB))
  const third = await tool(upstream, aPrincipal({ subject: 'carol' }), call('pid'))
  assert.equal(new Set([first, second, third]).size, 3)
  const alsoHanging = all(upstream.forward(call('hang', {}, { signal: stop.signal }), aPrincipal({ subject: 'carol' })))
  await assert.rejects(tool(upstream, ALICE, call('pid')), (error) => {
    assert.deepEqual((error as { remedies: object }).remedies, [{ kind: 'wait', ms: 2_000 }])
    return denied('unavailable')(error)
  })
  stop.abort()
  assert.deepEqual(await Promise.all([hanging, alsoHanging]), [[], []])
})

test('a process that nobody uses is ended, and one with an open stream is not', async () => {
  const turned = hands()
  await using upstream = upstreamOf(child('raw'), { hands: turned, idleMs: 60_000 })
  await handshake(upstream, ALICE)
  const before = await tool(upstream, ALICE, ask('pid'))
  const stop = new AbortController()
  const stream = all(upstream.forward(internal('$stream', { signal: stop.signal }), ALICE))
  turned.turn(120_000)
  assert.equal(await tool(upstream, ALICE, ask('pid')), before)
  stop.abort()
  await stream
  turned.turn(120_000)
  await upstream.event(({ type }) => type === 'upstream.stopped')
  assert.notEqual(await tool(upstream, ALICE, ask('pid')), before)
})

test('a call that gets no answer in time is refused, and cancelled at the server', async () => {
  const turned = hands()
  await using upstream = upstreamOf(child('raw'), { hands: turned, timeoutMs: 5_000 })
  await handshake(upstream, ALICE)
  const hanging = last(upstream.forward(ask('hang', {}, { id: 'slow' }), ALICE))
  turned.turn(5_000)
  await assert.rejects(hanging, denied('timeout'))
  const seen: { method: string; id?: number; params?: { requestId?: number } }[] = JSON.parse(await tool(upstream, ALICE, ask('seen')))
  const hang = seen.find(({ method, id }) => method === 'tools/call' && id !== undefined)
  assert.equal(seen.find(({ method }) => method === 'notifications/cancelled')?.params?.requestId, hang?.id)
})

test('a caller that goes away or cancels is heard by the server, under the id that the server knows', async () => {
  await using upstream = upstreamOf(child('raw'))
  await handshake(upstream, ALICE)
  const stop = new AbortController()
  const aborted = all(upstream.forward(ask('hang', {}, { id: 'a', signal: stop.signal }), ALICE))
  const cancelled = all(upstream.forward(ask('hang', {}, { id: 'b' }), ALICE))
  stop.abort()
  await all(upstream.forward(legacy('notifications/cancelled', { requestId: 'b' }), ALICE))
  assert.deepEqual(await Promise.all([aborted, cancelled]), [[], []])
  const seen: { method: string; id?: number; params: { requestId?: number; name?: string } }[] = JSON.parse(
    await tool(upstream, ALICE, ask('seen')),
  )
  const asked = seen.filter(({ params }) => params?.name === 'hang').map(({ id }) => id)
  const told = seen.filter(({ method }) => method === 'notifications/cancelled').map(({ params }) => params.requestId)
  assert.deepEqual(told, asked)
})

test('a question of a legacy server comes with the call it was asked during, and the answer goes back once', async () => {
  await using upstream = upstreamOf(child('raw'))
  await handshake(upstream, ALICE)
  const messages = upstream.forward(ask('ask'), ALICE)[Symbol.asyncIterator]()
  const { value: question } = await messages.next()
  assert.equal(question?.body.method, 'roots/list')
  assert.equal(question?.body.id, 'q-1')
  await all(upstream.forward(internal('$response', { id: 'q-2', result: { roots: ['forged'] } }), ALICE))
  await all(upstream.forward(internal('$response', { id: 'q-1', result: { roots: [] } }), ALICE))
  await all(upstream.forward(internal('$response', { id: 'q-1', result: { roots: ['late'] } }), ALICE))
  assert.equal(textOf((await messages.next()).value), '{"roots":[]}')
  assert.equal((await upstream.event(({ type }) => type === 'upstream.noise')).detail, 'answer to nothing: 1 dropped')
})

test('what a legacy server says unasked waits for the stream of its session', async () => {
  await using upstream = upstreamOf(child('raw'))
  await handshake(upstream, ALICE)
  const during = await all(upstream.forward(ask('change'), ALICE))
  assert.deepEqual(
    during.map(({ body }) => body.method),
    ['notifications/tools/list_changed', 'notifications/resources/updated', undefined],
  )
  const stop = new AbortController()
  const stream = upstream.forward(internal('$stream', { signal: stop.signal }), ALICE)[Symbol.asyncIterator]()
  assert.equal((await stream.next()).value, STANDING)
  await all(upstream.forward(ask('change'), ALICE))
  assert.equal((await stream.next()).value?.body.method, 'notifications/tools/list_changed')
  assert.equal((await stream.next()).value?.body.method, 'notifications/resources/updated')
  stop.abort()
  assert.equal((await stream.next()).done, true)
})

test('a server that ends when it is asked something unknown is served all the same', async () => {
  await using upstream = upstreamOf(child('raw', '--dies-of-the-unknown'))
  assert.equal(await tool(upstream, ALICE, call('echo', { text: 'hello' })), 'hello')
})

test('a server that does not answer the probe is taken for legacy', async () => {
  const turned = hands()
  await using upstream = upstreamOf(child('raw', '--silent'), { hands: turned })
  const answer = tool(upstream, ALICE, call('echo', { text: 'hello' }))
  turned.turn(5_000)
  assert.equal(await answer, 'hello')
})

test('a server that refuses initialize as only a modern one does is not taken for legacy', async () => {
  await using upstream = upstreamOf(child('raw', '--modern'))
  const answer = await last(upstream.forward(call('echo', { text: 'as it is' }), ALICE))
  assert.deepEqual(answer.body.result, { content: [{ type: 'text', text: 'as it is' }] })
})

test('after close nothing is started any more', async () => {
  const upstream = upstreamOf(child('raw'))
  await tool(upstream, ALICE, call('pid'))
  await upstream.close()
  await assert.rejects(tool(upstream, ALICE, call('pid')), denied('unavailable'))
})
