import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemSchedule } from '../../src/bridge/alarm.ts'
import type { Body, Message } from '../../src/core/call.ts'
import { Turn } from '../../src/core/turn.ts'
import { createWire } from '../../src/upstream/http.ts'
import { HttpPeer } from '../../src/upstream/http-peer.ts'
import { all, idOf, json, refusal, scripted, sdkV1, sse, type TestServer } from './http-upstreams.ts'

const NEVER = new AbortController().signal
const INITIALIZE: Message = {
  body: {
    jsonrpc: '2.0',
    id: 'i',
    method: 'initialize',
    params: { protocolVersion: '2025-11-25', capabilities: { elicitation: {} }, clientInfo: { name: 't', version: '1' } },
  },
}
const INITIALIZED: Message = { body: { jsonrpc: '2.0', method: 'notifications/initialized' } }
const asked = (name: string, token?: string): Message => ({
  body: {
    jsonrpc: '2.0',
    id: 'same',
    method: 'tools/call',
    params: { name, arguments: { text: name }, ...(token === undefined ? {} : { _meta: { progressToken: token } }) },
  },
})

interface Opened extends AsyncDisposable {
  readonly peer: HttpPeer
}

async function connect(server: TestServer): Promise<Opened> {
  const deps = {
    clock: Date.now,
    turn: new Turn(),
    versionInfo: { name: 'portcullis', version: '0' },
    onEvent: () => undefined,
    schedule: systemSchedule,
  }
  const wire = createWire({ name: 'up', url: server.url, timeoutMs: 5_000, allowLegacy: true }, deps)
  const peer = new HttpPeer(wire, [])
  await all(peer.request(INITIALIZE, NEVER))
  await peer.send(INITIALIZED)
  return {
    peer,
    async [Symbol.asyncDispose]() {
      await peer.close()
      await Promise.all([wire.calls.destroy(), wire.streams.destroy()])
    },
  }
}

test('requests with equal ids and tokens at once each get what is theirs', async () => {
  await using server = await sdkV1()
  await using opened = await connect(server)
  const told = await Promise.all(Array.from({ length: 20 }, (_, at) => all(opened.peer.request(asked('steps', `token-${at}`), NEVER))))
  for (const [at, [progress, answer]] of told.entries()) {
    assert.equal(progress?.body.params?.['progressToken'], `token-${at}`)
    assert.equal(answer?.body.id, 'same')
  }
  assert.equal(opened.peer.inflight, 0)
})

test('a question of the server’s is yielded, and its answer sent', async () => {
  await using server = await sdkV1()
  await using opened = await connect(server)
  const told: unknown[] = []
  for await (const { body } of opened.peer.request(asked('ask'), NEVER)) {
    told.push(body.method ?? body.result?.['content'])
    if (body.method !== undefined && body.id !== undefined)
      await opened.peer.send({ body: { jsonrpc: '2.0', id: body.id, result: { action: 'cancel' } } })
  }
  assert.deepEqual(told, ['elicitation/create', [{ type: 'text', text: 'cancel' }]])
})

test('a ping on the stream is answered and not told', async () => {
  await using server = await scripted((told, res) => {
    const id = JSON.parse(told.body.toString()).id
    if (id === 'ping-1') res.writeHead(202).end()
    else if (told.method === 'POST')
      void sse(res).end(`data: {"jsonrpc":"2.0","id":"ping-1","method":"ping"}\n\ndata: {"jsonrpc":"2.0","id":${id},"result":{}}\n\n`)
  })
  await using opened = await connect(server)
  assert.equal((await all(opened.peer.request(asked('x'), NEVER))).length, 1)
  await server.until(() => server.received.some(({ body }) => body.toString() === '{"jsonrpc":"2.0","id":"ping-1","result":{}}'))
})

test('a stream that breaks off is taken up again where it stood, and the asker notices nothing', async () => {
  await using server = await scripted((told, res) => {
    const position = told.headers['last-event-id']
    const answer = (id: string, body: Body): string => `id: ${id}\nretry: 1\ndata: ${JSON.stringify(body)}\n\n`
    if (told.method === 'POST') void sse(res).end('id: e0\nretry: 1\ndata:\n\n')
    else if (position === 'e0') void sse(res).end(answer('e1', { jsonrpc: '2.0', method: 'notifications/message', params: {} }))
    else
      void sse(res).end(
        answer('e2', { jsonrpc: '2.0', id: 999, result: {} }) + answer('e3', { jsonrpc: '2.0', id: 2, result: { mine: true } }),
      )
  })
  await using opened = await connect(server)
  const told = await all(opened.peer.request(asked('x'), NEVER))
  assert.deepEqual(
    told.map(({ body }) => body.method ?? body.result),
    ['notifications/message', { mine: true }],
  )
  assert.deepEqual(
    server.received.flatMap(({ headers }) => headers['last-event-id'] ?? []),
    ['e0', 'e1'],
  )
})

test('a stream that breaks off again and again without a word is given up', async () => {
  await using server = await scripted((_told, res) => void sse(res).end('id: e\nretry: 1\ndata:\n\n'))
  await using opened = await connect(server)
  assert.equal(await refusal(() => opened.peer.request(asked('x'), NEVER)), 'upstream_failed')
})

test('what belongs to no request comes on the GET stream, opened once somebody listens', async () => {
  await using server = await sdkV1()
  await using opened = await connect(server)
  assert.ok(!server.received.some(({ method }) => method === 'GET'))
  const { promise, resolve } = Promise.withResolvers<Message>()
  const stop = opened.peer.onStray(resolve)
  opened.peer.onStray(() => undefined)
  await server.until(() => server.received.some(({ method }) => method === 'GET'))
  await all(opened.peer.request(asked('shout'), NEVER))
  assert.equal((await promise).body.method, 'notifications/tools/list_changed')
  assert.equal(server.received.filter(({ method }) => method === 'GET').length, 1)
  stop()
})

test('a GET stream that stands and ends again and again without a word is given up', async () => {
  const gets = (): number => server.received.filter(({ method }) => method === 'GET').length
  await using server = await scripted((told, res) => {
    if (told.method === 'POST') json(res, 200, { jsonrpc: '2.0', id: idOf(told), result: {} })
    else void sse(res).end(gets() === 1 ? 'retry: 1\ndata:\n\n' : '')
  })
  await using opened = await connect(server)
  opened.peer.onStray(() => undefined)
  await server.until(() => gets() === 5)
  // Many times as long as the pause before a sixth.
  for (let round = 0; round < 20; round++) await all(opened.peer.request(asked('x'), NEVER))
  assert.equal(gets(), 5)
})

test('closing ends what is under way and the session', async () => {
  await using server = await sdkV1()
  await using opened = await connect(server)
  const waiting = all(opened.peer.request(asked('wait'), NEVER))
  await server.until(() => server.received.some(({ body }) => body.includes('"wait"')))
  await opened.peer.close()
  assert.deepEqual(await waiting, [])
  assert.equal(server.sessions.size, 0)
})
