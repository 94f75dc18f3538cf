import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { test } from 'node:test'
import type { EventStore } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { STANDING } from '../../src/bridge/strays.ts'
import type { Call, Message } from '../../src/core/call.ts'
import {
  ALICE,
  all,
  answering,
  BOB,
  bare,
  CALLER_SECRET,
  idOf,
  initialize,
  json,
  legacy,
  refusal,
  scripted,
  sdkModern,
  sdkV1,
  sse,
  upstreamAt,
} from './http-upstreams.ts'

const tool = (name: string, session: string, more: { readonly signal?: AbortSignal; readonly token?: string } = {}) =>
  legacy({
    method: 'tools/call',
    session,
    params: { name, arguments: { text: 'hi' }, ...(more.token === undefined ? {} : { _meta: { progressToken: more.token } }) },
    ...(more.signal === undefined ? {} : { signal: more.signal }),
  })
const listTools = (session: string) => legacy({ method: 'tools/list', session })

/** As the examples of SDK v1: ids that count up, events of all sessions in one place. */
function events(): EventStore {
  const kept: { id: string; stream: string; message: unknown }[] = []
  return {
    storeEvent: (stream, message) => {
      const id = `${stream}_${kept.length}`
      kept.push({ id, stream, message })
      return Promise.resolve(id)
    },
    replayEventsAfter: async (last, { send }) => {
      const from = kept.findIndex(({ id }) => id === last)
      const stream = kept[from]?.stream ?? ''
      for (const event of kept.slice(from + 1)) {
        if (event.stream === stream && Object.keys(Object(event.message)).length > 0)
          await send(event.id, event.message as Parameters<typeof send>[1])
      }
      return stream
    },
  }
}

test('a session of ours has one of the upstream’s, and its id stays between us', async () => {
  await using server = await sdkV1()
  await using upstream = upstreamAt(server.url)
  const answer = await initialize(upstream, 'ours')
  assert.equal(answer.body.id, 'init')
  assert.equal(answer.body.result?.['protocolVersion'], '2025-11-25')
  const [theirs = ''] = server.sessions.keys()
  const told = await all(upstream.forward(tool('steps', 'ours', { token: 'p' }), ALICE))
  assert.deepEqual(
    told.map(({ body }) => body.params?.['progressToken'] ?? body.id),
    ['p', 1],
  )
  assert.deepEqual(
    server.received.map(({ headers }) => headers['mcp-session-id']),
    [undefined, theirs, theirs],
  )
  assert.deepEqual(
    server.received.map(({ headers }) => headers['mcp-protocol-version']),
    [undefined, '2025-11-25', '2025-11-25'],
  )
  assert.ok(!JSON.stringify(server.received).includes('ours'))
})

test('two sessions of ours are two of the upstream’s', async () => {
  await using server = await sdkV1({ json: true })
  await using upstream = upstreamAt(server.url)
  await initialize(upstream, 'one')
  await initialize(upstream, 'two', BOB)
  assert.equal(server.sessions.size, 2)
  assert.equal((await all(upstream.forward(tool('echo', 'two'), BOB))).length, 1)
})

test('a session is its principal’s alone', async () => {
  await using server = await sdkV1()
  await using upstream = upstreamAt(server.url)
  await initialize(upstream, 'ours')
  assert.equal(await refusal(async () => upstream.forward(listTools('ours'), BOB)), 'no_session')
  assert.equal(await refusal(async () => upstream.forward(listTools('other'), ALICE)), 'no_session')
})

test('a question of the server’s passes, and so does the answer of the client', async () => {
  await using server = await sdkV1()
  await using upstream = upstreamAt(server.url)
  await initialize(upstream, 'ours', ALICE, { elicitation: {} })
  const told: Message[] = []
  for await (const message of upstream.forward(tool('ask', 'ours'), ALICE)) {
    told.push(message)
    const { id, method } = message.body
    if (method === undefined || id === undefined) continue
    assert.deepEqual(await all(upstream.forward(answering('ours', { jsonrpc: '2.0', id, result: { action: 'decline' } }), ALICE)), [])
  }
  assert.deepEqual(
    told.map(({ body }) => body.method ?? body.result?.['content']),
    ['elicitation/create', [{ type: 'text', text: 'decline' }]],
  )
})

test('the GET stream tells what belongs to no request, until the caller leaves', async () => {
  await using server = await sdkV1()
  await using upstream = upstreamAt(server.url)
  await initialize(upstream, 'ours')
  const stop = new AbortController()
  const listening = all(upstream.forward(legacy({ method: '$stream', session: 'ours', signal: stop.signal }), ALICE))
  await server.until(() => server.received.some(({ method }) => method === 'GET'))
  await all(upstream.forward(tool('shout', 'ours'), ALICE))
  stop.abort()
  const [first, ...told] = await listening
  assert.equal(first, STANDING)
  assert.deepEqual(
    told.map(({ body }) => body.method),
    ['notifications/tools/list_changed'],
  )
})

test('a stream is said to stand once the upstream has accepted it, before a word of it', async () => {
  const open: ServerResponse[] = []
  await using server = await scripted((_told, res) => {
    open.push(res)
  })
  await using upstream = upstreamAt(server.url)
  await initialize(upstream, 'ours')
  const stop = new AbortController()
  const listening = legacy({ method: '$stream', session: 'ours', signal: stop.signal })
  const messages = upstream.forward(listening, ALICE)[Symbol.asyncIterator]()
  const first = messages.next()
  const order: string[] = []
  void first.then(() => order.push('told'))
  await server.until(() => open.length === 1)
  order.push('asked')
  for (const res of open) sse(res).flushHeaders()
  assert.equal((await first).value, STANDING)
  assert.deepEqual(order, ['asked', 'told'])
  for (const res of open) res.write('data: {"jsonrpc":"2.0","method":"notifications/message","params":{}}\n\n')
  assert.equal((await messages.next()).value?.body.method, 'notifications/message')
  stop.abort()
  assert.equal((await messages.next()).done, true)
})

test('a GET that is not answered with a stream never stands', async () => {
  const answers: ((res: ServerResponse) => void)[] = [
    (res) => void res.writeHead(405, { allow: 'POST' }).end(),
    (res) => void res.writeHead(405, { 'content-type': 'text/event-stream' }).end('data: {}\n\n'),
    (res) => void res.writeHead(500).end(),
    (res) => json(res, 200, {}),
  ]
  const codes = []
  for (const answer of answers) {
    await using server = await scripted((_told, res) => answer(res))
    await using upstream = upstreamAt(server.url)
    await initialize(upstream, 'ours')
    const messages = upstream.forward(legacy({ method: '$stream', session: 'ours' }), ALICE)[Symbol.asyncIterator]()
    // The very first thing that is told is the refusal.
    codes.push(await refusal(() => messages.next()))
  }
  assert.deepEqual(codes, ['http_method', 'http_method', 'upstream_failed', 'upstream_failed'])
})

test('an upstream without a GET stream says so with 405', async () => {
  await using server = await sdkModern()
  await using upstream = upstreamAt(server.url)
  await initialize(upstream, 'ours')
  assert.equal((await all(upstream.forward(tool('echo', 'ours'), ALICE)))[0]?.body.result?.['isError'], undefined)
  assert.equal(await refusal(() => upstream.forward(legacy({ method: '$stream', session: 'ours' }), ALICE)), 'http_method')
})

test('the end of our session is the end of the upstream’s', async () => {
  await using server = await sdkV1()
  await using upstream = upstreamAt(server.url)
  await initialize(upstream, 'ended')
  await initialize(upstream, 'released')
  assert.deepEqual(await all(upstream.forward(legacy({ method: '$end', session: 'ended' }), ALICE)), [])
  upstream.release('released')
  await server.until(() => server.received.filter(({ method }) => method === 'DELETE').length === 2)
  assert.equal(await refusal(async () => upstream.forward(listTools('ended'), ALICE)), 'no_session')
})

test('closing says goodbye to every session of the upstream’s', async () => {
  await using server = await sdkV1()
  const upstream = upstreamAt(server.url)
  await initialize(upstream, 'one')
  await initialize(upstream, 'two')
  await upstream.close()
  assert.equal(server.sessions.size, 0)
})

test('a lost session is opened again with the client’s own words, and what only asks is asked again', async () => {
  await using server = await sdkV1({ json: true })
  await using upstream = upstreamAt(server.url)
  await initialize(upstream, 'ours', ALICE, { roots: {} })
  server.sessions.clear()
  const answers = await Promise.all(
    ['a', 'b', 'c'].map((id) =>
      all(upstream.forward({ ...listTools('ours'), message: { body: { jsonrpc: '2.0', id, method: 'tools/list' } } }, ALICE)),
    ),
  )
  assert.deepEqual(
    answers.map(([answer]) => answer?.body.id),
    ['a', 'b', 'c'],
  )
  assert.equal(server.sessions.size, 1)
  const handshakes = server.received.map(({ body }) => body.toString()).filter((body) => body.includes('"initialize"'))
  assert.equal(handshakes.length, 2)
  assert.deepEqual(JSON.parse(handshakes[1] ?? '').params, JSON.parse(handshakes[0] ?? '').params)
})

test('a call that may have an effect is not repeated in a new session', async () => {
  await using server = await sdkV1()
  await using upstream = upstreamAt(server.url)
  await initialize(upstream, 'ours')
  server.sessions.clear()
  assert.equal(await refusal(() => upstream.forward(tool('echo', 'ours'), ALICE)), 'no_session')
  assert.equal(
    await refusal(() => upstream.forward(legacy({ method: 'notifications/roots/list_changed', session: 'ours' }), ALICE)),
    'no_session',
  )
  assert.equal(server.sessions.size, 0)
})

test('who cannot open a session is told that the server failed, and finds a new one at the next call', async () => {
  await using server = await sdkV1()
  await using upstream = upstreamAt(server.url)
  const said = (call: Call): Call => ({ ...call, origin: { ...call.origin, transport: 'stdio' } })
  const opening = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } }
  await all(upstream.forward(said(legacy({ method: 'initialize', params: opening, session: 'ours' })), ALICE))
  server.sessions.clear()
  assert.equal(await refusal(() => upstream.forward(said(tool('echo', 'ours')), ALICE)), 'upstream_failed')
  assert.equal(server.sessions.size, 1)
  const [answer] = await all(upstream.forward(said(tool('echo', 'ours')), ALICE))
  assert.ok(answer?.body.result !== undefined)
})

test('an upstream that loses every session is tried once', async () => {
  await using server = await bare((told, res) => {
    const isHandshake = told.body.includes('"initialize"')
    const result = { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: { name: 'x', version: '1' } }
    if (isHandshake) json(res, 200, { jsonrpc: '2.0', id: idOf(told), result }, { 'mcp-session-id': `s-${server.received.length}` })
    else if (told.body.includes('initialized')) res.writeHead(202).end()
    else res.writeHead(404).end()
  })
  await using upstream = upstreamAt(server.url)
  await initialize(upstream, 'ours')
  assert.equal(await refusal(() => upstream.forward(listTools('ours'), ALICE)), 'no_session')
  assert.equal(server.received.length, 2 + 1 + 2 + 1)
})

test('an abort is told to the upstream in the words of its revision', async () => {
  await using server = await sdkV1()
  await using upstream = upstreamAt(server.url)
  await initialize(upstream, 'ours')
  const stop = new AbortController()
  const waiting = all(upstream.forward(tool('wait', 'ours', { signal: stop.signal }), ALICE))
  await server.until(() => server.received.some(({ body }) => body.includes('"wait"')))
  stop.abort()
  assert.deepEqual(await waiting, [])
  await server.until(() => server.cancelled.length === 1)
  const [said] = server.received.filter(({ body }) => body.includes('notifications/cancelled'))
  assert.equal(JSON.parse(said?.body.toString() ?? '').params.requestId, 1)
})

test('a stream is resumed where it broke off, from the position the client was given', async () => {
  await using server = await sdkV1({ eventStore: events() })
  await using upstream = upstreamAt(server.url)
  await initialize(upstream, 'ours')
  const told = await all(upstream.forward(tool('steps', 'ours', { token: 'p' }), ALICE))
  assert.ok(told[0]?.event?.isEmpty, 'the first event only gives a position')
  const position = told[1]?.event?.id ?? ''
  const stop = new AbortController()
  const resumed = legacy({ method: '$stream', session: 'ours', lastEventId: position, signal: stop.signal })
  const messages = upstream.forward(resumed, ALICE)[Symbol.asyncIterator]()
  assert.equal((await messages.next()).value, STANDING)
  const { value: missed } = await messages.next()
  stop.abort()
  assert.equal(missed?.body.id, 1)
  assert.equal(missed?.event?.id, told[2]?.event?.id)
  assert.equal((await messages.next()).done, true)
})

test('a position is good only in the session that was given it', async () => {
  await using server = await sdkV1({ eventStore: events() })
  await using upstream = upstreamAt(server.url)
  await initialize(upstream, 'ours')
  await initialize(upstream, 'theirs', BOB)
  const told = await all(upstream.forward(tool('steps', 'ours', { token: 'p' }), ALICE))
  const position = told[1]?.event?.id ?? ''
  const sent = server.received.length
  for (const lastEventId of [position, position.slice(22), '', 'x']) {
    assert.equal(
      await refusal(async () => upstream.forward(legacy({ method: '$stream', session: 'theirs', lastEventId }), BOB)),
      'malformed',
    )
  }
  assert.equal(server.received.length, sent)
})

test('what an upstream writes into the ids of its events is told to nobody but itself, letter by letter', async () => {
  const secret = 'ghp_7hRk2mQx9TzB4vLc8WsN3dYf6JgP1aEuK5oC \u00fc\u{1f511}'
  await using server = await bare((told, res) => {
    if (told.body.includes('initialize'))
      json(res, 200, { jsonrpc: '2.0', id: idOf(told), result: { protocolVersion: '2025-11-25', capabilities: {} } })
    else sse(res).end(`id: ${secret}\ndata:\n\n`)
  })
  await using upstream = upstreamAt(server.url)
  await all(upstream.forward(legacy({ method: 'initialize', session: 'ours', params: {} }), ALICE))
  const given = async (): Promise<string> => (await all(upstream.forward(tool('x', 'ours'), ALICE)))[0]?.event?.id ?? ''
  const id = await given()
  assert.match(id, /^[\w-]{22,}$/)
  assert.ok(!Buffer.from(id, 'base64url').toString().includes(secret.slice(0, 8)))
  assert.equal(await given(), id)
  await all(upstream.forward(legacy({ method: '$stream', session: 'ours', lastEventId: id }), ALICE))
  const said = server.received.at(-1)?.headers['last-event-id']
  assert.equal(Buffer.from(String(said), 'latin1').toString(), secret)
})

test('a stream that ends where it can be resumed ends without a refusal', async () => {
  await using server = await bare((told, res) => {
    if (told.body.includes('initialize'))
      json(res, 200, { jsonrpc: '2.0', id: idOf(told), result: { protocolVersion: '2025-11-25', capabilities: {} } })
    else sse(res).end('id: e1\nretry: 500\ndata:\n\n')
  })
  await using upstream = upstreamAt(server.url)
  await all(upstream.forward(legacy({ method: 'initialize', session: 'ours', params: {} }), ALICE))
  const told = await all(upstream.forward(tool('x', 'ours'), ALICE))
  assert.deepEqual(
    told.map(({ event }) => [event?.isEmpty, event?.retryMs, event?.id?.length]),
    [[true, 500, 24]],
  )
})

test('nothing of the caller’s but the message reaches an older upstream either', async () => {
  await using server = await sdkV1()
  await using upstream = upstreamAt(server.url)
  await initialize(upstream, CALLER_SECRET)
  const call = { ...listTools(CALLER_SECRET), mirrored: { 'mcp-param-x': CALLER_SECRET, authorization: CALLER_SECRET } }
  await all(upstream.forward(call, ALICE))
  await all(upstream.forward(legacy({ method: '$end', session: CALLER_SECRET }), ALICE))
  assert.ok(!JSON.stringify(server.received.map(({ rawHeaders, body, url }) => [rawHeaders, body.toString(), url])).includes(CALLER_SECRET))
})

test('a session that the upstream lost is opened anew, also where its answers are streams with positions', async () => {
  await using server = await sdkV1({ eventStore: events() })
  await using upstream = upstreamAt(server.url)
  await initialize(upstream, 'ours')
  server.sessions.clear()
  const told = await all(upstream.forward(listTools('ours'), ALICE))
  assert.ok(Array.isArray(told.at(-1)?.body.result?.['tools']))
  assert.equal(server.sessions.size, 1)
})

test('a session id that a header cannot carry is not taken over', async () => {
  await using server = await bare((told, res) => {
    if (told.body.includes('"initialize"'))
      json(
        res,
        200,
        { jsonrpc: '2.0', id: idOf(told), result: { protocolVersion: '2025-11-25', capabilities: {} } },
        { 'mcp-session-id': 'a b' },
      )
    else res.writeHead(202).end()
  })
  await using upstream = upstreamAt(server.url)
  await initialize(upstream, 'ours')
  assert.equal(server.received[1]?.headers['mcp-session-id'], undefined)
})

test('a client of an older revision is served by an upstream that knows only the newest', async () => {
  await using server = await sdkModern({ legacy: 'reject' })
  await using upstream = upstreamAt(server.url)
  const answer = await initialize(upstream, 'ours')
  assert.equal(answer.body.id, 'init')
  assert.equal(answer.body.result?.['protocolVersion'], '2025-11-25')
  assert.deepEqual(answer.body.result?.['serverInfo'], { name: 'modern', version: '1.0.0' })
  const [echoed] = await all(upstream.forward(tool('echo', 'ours'), ALICE))
  assert.deepEqual(echoed?.body.result?.['content'], [{ type: 'text', text: 'hi' }])
  const stop = new AbortController()
  const listening = all(upstream.forward(legacy({ method: '$stream', session: 'ours', signal: stop.signal }), ALICE))
  server.notifyToolsChanged()
  await all(upstream.forward(tool('echo', 'ours'), ALICE))
  stop.abort()
  const [first, ...told] = await listening
  assert.equal(first, STANDING)
  assert.deepEqual(
    told.map(({ body }) => body.method),
    ['notifications/tools/list_changed'],
  )
  assert.equal(await refusal(async () => upstream.forward(tool('echo', 'ours'), BOB)), 'no_session')
  upstream.release('ours')
  assert.equal(await refusal(async () => upstream.forward(tool('echo', 'ours'), ALICE)), 'no_session')
})

test('for it, arguments are repeated in the headers that the tool asks for', async () => {
  await using server = await sdkModern({ legacy: 'reject' })
  await using upstream = upstreamAt(server.url)
  await initialize(upstream, 'ours')
  const call = legacy({ method: 'tools/call', session: 'ours', params: { name: 'mirrored', arguments: { where: { region: 'süd' } } } })
  for (const _time of [1, 2]) {
    const [answer] = await all(upstream.forward(call, ALICE))
    assert.deepEqual(answer?.body.result?.['content'], [{ type: 'text', text: 'süd' }])
  }
  const methods = server.received.map(({ headers }) => headers['mcp-method'])
  assert.deepEqual(
    methods.filter((method) => String(method).startsWith('tools/')),
    ['tools/call', 'tools/list', 'tools/call', 'tools/call'],
  )
})
