import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Secret } from '../../src/core/secret.ts'
import {
  ALICE,
  all,
  BOB,
  bare,
  CALLER_SECRET,
  idOf,
  json,
  legacy,
  modern,
  refusal,
  sdkModern,
  sdkV1,
  sse,
  upstreamAt,
} from './http-upstreams.ts'

const RESULT = { resultType: 'complete', content: [{ type: 'text', text: 'hello' }] }
const echo = (id: string | number = 1) =>
  modern({ method: 'tools/call', id, params: { name: 'echo', arguments: { text: 'hello' } }, kind: 'tool', name: 'echo' })

test('a modern call to an SDK v2 server answers with its result and the very bytes that carried it', async () => {
  await using server = await sdkModern()
  await using upstream = upstreamAt(server.url)
  const [answer, ...rest] = await all(upstream.forward(echo(), ALICE))
  assert.equal(rest.length, 0)
  assert.equal(answer?.body.id, 1)
  assert.deepEqual(answer?.body.result?.['content'], [{ type: 'text', text: 'hello' }])
  assert.deepEqual(JSON.parse(Buffer.from(answer?.bytes ?? []).toString()), answer?.body)
})

test('the body is sent as it came, and anew only when nobody has its bytes', async () => {
  await using server = await bare((told, res) => json(res, 200, { jsonrpc: '2.0', id: idOf(told), result: RESULT }))
  await using upstream = upstreamAt(server.url)
  const call = echo()
  const bytes = Buffer.from(`\n ${JSON.stringify(call.message.body)} `)
  await all(upstream.forward({ ...call, message: { body: call.message.body, bytes } }, ALICE))
  await all(upstream.forward({ ...call, message: { body: call.message.body } }, ALICE))
  assert.deepEqual(
    server.received.map(({ body }) => body.toString()),
    [bytes.toString(), JSON.stringify(call.message.body)],
  )
  assert.equal(server.received[0]?.url, '/mcp?tenant=a')
})

test('only headers of our own making are sent, recomputed from the body', async () => {
  await using server = await bare((told, res) => json(res, 200, { jsonrpc: '2.0', id: idOf(told), result: RESULT }))
  await using upstream = upstreamAt(server.url, { headers: { Authorization: new Secret('Bearer of-the-gateway') } })
  const call = modern({
    method: 'tools/call',
    params: { name: 'wörld', arguments: {} },
    mirrored: { 'mcp-param-region': 'eu', cookie: CALLER_SECRET, authorization: CALLER_SECRET, 'x-forwarded-for': '1.2.3.4' },
    session: CALLER_SECRET,
    lastEventId: CALLER_SECRET,
  })
  await all(upstream.forward(call, ALICE))
  const { host, 'content-length': _length, ...headers } = server.received[0]?.headers ?? {}
  assert.deepEqual(headers, {
    connection: 'keep-alive',
    'accept-encoding': 'identity',
    authorization: 'Bearer of-the-gateway',
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'tools/call',
    'mcp-name': '=?base64?d8O2cmxk?=',
    'mcp-param-region': 'eu',
  })
  assert.equal(host, new URL(server.url).host)
  assert.ok(!JSON.stringify(server.received.map(({ rawHeaders, body, url }) => [rawHeaders, body.toString(), url])).includes(CALLER_SECRET))
})

test('the gateway’s own credential cannot be set where it would break the protocol', () => {
  for (const name of ['Host', 'Transfer-Encoding', 'Mcp-Session-Id', 'mcp-param-x', 'bad name', '']) {
    assert.throws(() => upstreamAt('http://127.0.0.1:9/', { headers: { [name]: new Secret('x') } }), { code: 'FAULT_CONFIG' })
  }
  assert.throws(() => upstreamAt('http://127.0.0.1:9/', { headers: { authorization: new Secret('a\r\nb: c') } }), { code: 'FAULT_CONFIG' })
  for (const url of ['ftp://127.0.0.1/', 'nothing', 'http://user:pass@127.0.0.1/'])
    assert.throws(() => upstreamAt(url), { code: 'FAULT_CONFIG' })
})

test('progress of an SDK v2 server comes before the response, each message as it is said', async () => {
  await using server = await sdkModern()
  await using upstream = upstreamAt(server.url)
  const told = await all(
    upstream.forward(modern({ method: 'tools/call', params: { name: 'steps', arguments: {}, _meta: { progressToken: 'p' } } }), ALICE),
  )
  assert.deepEqual(
    told.map(({ body }) => body.method ?? 'response'),
    ['notifications/progress', 'response'],
  )
  assert.equal(told[0]?.body.params?.['progressToken'], 'p')
})

test('a subscription of an SDK v2 server is acknowledged, fed and ended by the caller', async () => {
  await using server = await sdkModern()
  await using upstream = upstreamAt(server.url)
  const stop = new AbortController()
  const call = modern({
    method: 'subscriptions/listen',
    id: 'L1',
    params: { notifications: { toolsListChanged: true } },
    signal: stop.signal,
  })
  const methods: (string | undefined)[] = []
  for await (const { body } of upstream.forward(call, ALICE)) {
    methods.push(body.method)
    if (methods.length === 1) server.notifyToolsChanged()
    else stop.abort()
  }
  assert.deepEqual(methods, ['notifications/subscriptions/acknowledged', 'notifications/tools/list_changed'])
})

test('an accepted notification yields nothing', async () => {
  await using server = await bare((_told, res) => res.writeHead(202).end())
  await using upstream = upstreamAt(server.url)
  assert.deepEqual(await all(upstream.forward(modern({ method: 'notifications/cancelled' }), ALICE)), [])
})

test('an abort closes the exchange with the upstream and ends the iteration', async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  await using server = await bare((_told, _res, req) => {
    req.socket.on('close', () => resolve())
    stop.abort()
  })
  const stop = new AbortController()
  await using upstream = upstreamAt(server.url)
  assert.deepEqual(await all(upstream.forward(modern({ method: 'tools/list', signal: stop.signal }), ALICE)), [])
  await promise
})

test('a call that was aborted before it was sent is never sent', async () => {
  await using server = await bare((_told, res) => json(res, 200, {}))
  await using upstream = upstreamAt(server.url)
  assert.deepEqual(await all(upstream.forward(modern({ method: 'tools/list', signal: AbortSignal.abort() }), ALICE)), [])
  assert.equal(server.received.length, 0)
})

test('a reader that leaves early closes the exchange', async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  await using server = await bare((_told, res, req) => {
    req.socket.on('close', () => resolve())
    sse(res).write('data: {"jsonrpc":"2.0","method":"notifications/message","params":{}}\n\n')
  })
  await using upstream = upstreamAt(server.url)
  for await (const _message of upstream.forward(modern({ method: 'tools/list' }), ALICE)) break
  await promise
})

test('a hundred calls with equal ids at once each get their own answer', async () => {
  await using server = await sdkModern()
  await using upstream = upstreamAt(server.url, { connections: 8 })
  const texts = Array.from({ length: 100 }, (_, index) => `text-${index}`)
  const answers = await Promise.all(
    texts.map(
      async (text) =>
        (await all(upstream.forward(modern({ method: 'tools/call', params: { name: 'echo', arguments: { text } } }), ALICE)))[0],
    ),
  )
  assert.deepEqual(
    answers.map((answer) => answer?.body.result?.['content']),
    texts.map((text) => [{ type: 'text', text }]),
  )
})

test('an upstream’s JSON-RPC error passes with its code, whatever the status', async () => {
  for (const [status, code] of [
    [400, -32020],
    [400, -32021],
    [400, -32022],
    [404, -32601],
    [500, -32603],
    [200, -32602],
  ] as const) {
    await using server = await bare((told, res) => json(res, status, { jsonrpc: '2.0', id: idOf(told), error: { code, message: 'no' } }))
    await using upstream = upstreamAt(server.url)
    const [answer] = await all(upstream.forward(echo(), ALICE))
    assert.equal(answer?.body.error?.code, code)
    assert.equal(server.received.length, 1)
  }
})

test('an error without an id is the answer to what was asked', async () => {
  await using server = await bare((_told, res) => json(res, 400, { jsonrpc: '2.0', id: null, error: { code: -32020, message: 'no' } }))
  await using upstream = upstreamAt(server.url)
  assert.equal((await all(upstream.forward(echo('q'), ALICE)))[0]?.body.id, 'q')
})

test('a request that only asks is sent again over a connection that had gone stale', async () => {
  for (const [call, sent] of [
    [modern({ method: 'tools/list' }), 2],
    [echo(), 1],
  ] as const) {
    await using server = await bare((told, res, req) => {
      if (server.received.length === 1) req.socket.destroy()
      else json(res, 200, { jsonrpc: '2.0', id: idOf(told), result: RESULT })
    })
    await using upstream = upstreamAt(server.url)
    if (sent === 2) assert.equal((await all(upstream.forward(call, ALICE))).length, 1)
    else assert.equal(await refusal(() => upstream.forward(call, ALICE)), 'upstream_failed')
    assert.equal(server.received.length, sent)
  }
})

test('a request that only asks is sent again once, not for ever', async () => {
  await using server = await bare((_told, _res, req) => req.socket.destroy())
  await using upstream = upstreamAt(server.url)
  assert.equal(await refusal(() => upstream.forward(modern({ method: 'tools/list' }), ALICE)), 'upstream_failed')
  assert.equal(server.received.length, 2)
})

test('a modern call to an SDK v1 server is bridged, with one session for each principal', async () => {
  await using server = await sdkV1()
  await using upstream = upstreamAt(server.url)
  for (const principal of [ALICE, ALICE, BOB]) {
    const [answer] = await all(upstream.forward(echo('same'), principal))
    assert.deepEqual(answer?.body.result?.['content'], [{ type: 'text', text: 'hello' }])
    assert.equal(answer?.body.result?.['resultType'], 'complete')
    assert.equal(answer?.body.id, 'same')
  }
  assert.equal(server.sessions.size, 2)
  assert.deepEqual(
    upstream.events.map(({ type }) => type),
    ['upstream.noise'],
  )
})

test('a modern caller knows no session that could be lost: its call fails, is not repeated, and the next one is answered', async () => {
  await using server = await sdkV1()
  await using upstream = upstreamAt(server.url)
  await all(upstream.forward(echo('first'), ALICE))
  server.sessions.clear()
  assert.equal(await refusal(() => upstream.forward(echo('second'), ALICE)), 'upstream_failed')
  const [answer] = await all(upstream.forward(echo('third'), ALICE))
  assert.deepEqual(answer?.body.result?.['content'], [{ type: 'text', text: 'hello' }])
  assert.equal(server.sessions.size, 1)
  const inSession = server.received.filter(({ headers, body }) => headers['mcp-session-id'] !== undefined && body.includes('"tools/call"'))
  assert.equal(inSession.length, 3)
})

test('bridged calls of one principal with equal ids do not meet', async () => {
  await using server = await sdkV1()
  await using upstream = upstreamAt(server.url)
  const texts = Array.from({ length: 20 }, (_, index) => `text-${index}`)
  await all(upstream.forward(echo(), ALICE))
  const answers = await Promise.all(
    texts.map(
      async (text) =>
        (await all(upstream.forward(modern({ method: 'tools/call', params: { name: 'echo', arguments: { text } } }), ALICE)))[0],
    ),
  )
  assert.deepEqual(
    answers.map((answer) => answer?.body.result?.['content']),
    texts.map((text) => [{ type: 'text', text }]),
  )
})

test('bridged progress carries the caller’s own token', async () => {
  await using server = await sdkV1()
  await using upstream = upstreamAt(server.url)
  const told = await all(
    upstream.forward(modern({ method: 'tools/call', params: { name: 'steps', arguments: {}, _meta: { progressToken: 'mine' } } }), ALICE),
  )
  assert.deepEqual(
    told.map(({ body }) => body.params?.['progressToken'] ?? 'response'),
    ['mine', 'response'],
  )
})

test('a list change of an SDK v1 server reaches a modern subscription', async () => {
  await using server = await sdkV1()
  await using upstream = upstreamAt(server.url)
  const stop = new AbortController()
  const methods: (string | undefined)[] = []
  for await (const { body } of upstream.forward(
    modern({ method: 'subscriptions/listen', params: { notifications: { toolsListChanged: true } }, signal: stop.signal }),
    ALICE,
  )) {
    methods.push(body.method)
    if (methods.length === 2) break
    // The GET stream is opened beside the handshake: what is said before it stands is said to nobody.
    await server.until(() => server.received.some(({ method }) => method === 'GET'))
    await all(upstream.forward(modern({ method: 'tools/call', params: { name: 'shout', arguments: {} } }), ALICE))
  }
  assert.deepEqual(methods, ['notifications/subscriptions/acknowledged', 'notifications/tools/list_changed'])
})

test('an abort of a bridged call is told to the SDK v1 server', async () => {
  await using server = await sdkV1()
  await using upstream = upstreamAt(server.url)
  const stop = new AbortController()
  const waiting = all(
    upstream.forward(modern({ method: 'tools/call', params: { name: 'wait', arguments: {} }, signal: stop.signal }), ALICE),
  )
  await server.until(() => server.received.some(({ body }) => body.includes('"wait"') && !body.includes('_meta')))
  stop.abort()
  await waiting
  await server.until(() => server.cancelled.length === 1)
})

test('where older revisions are switched off, neither side may speak them', async () => {
  await using server = await sdkV1()
  await using upstream = upstreamAt(server.url, { allowLegacy: false })
  assert.equal((await all(upstream.forward(echo(), ALICE)))[0]?.body.error?.code, -32000)
  assert.equal(await refusal(async () => upstream.forward(legacy({ method: 'ping' }), ALICE)), 'unsupported_revision')
  assert.equal(server.sessions.size, 0)
})

test('a modern server that once answers 404 is not taken for an older one', async () => {
  await using server = await bare((told, res) => {
    if (server.received.length === 2) res.writeHead(404).end()
    else json(res, 200, { jsonrpc: '2.0', id: idOf(told), result: RESULT })
  })
  await using upstream = upstreamAt(server.url)
  await all(upstream.forward(echo(), ALICE))
  assert.equal(await refusal(() => upstream.forward(echo(), ALICE)), 'upstream_failed')
  await all(upstream.forward(echo(), ALICE))
  assert.equal(server.received.length, 3)
})

test('a server that learned the newer revision is found to speak it', async () => {
  let isModern = false
  await using server = await bare((told, res) => {
    if (isModern && told.headers['mcp-method'] !== undefined) json(res, 200, { jsonrpc: '2.0', id: idOf(told), result: RESULT })
    else res.writeHead(400).end()
  })
  await using upstream = upstreamAt(server.url)
  assert.equal(await refusal(() => upstream.forward(echo(), ALICE)), 'upstream_failed')
  isModern = true
  assert.equal((await all(upstream.forward(echo(), ALICE))).length, 1)
})
