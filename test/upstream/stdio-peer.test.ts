import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Body, Message } from '../../src/core/call.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { INFLIGHT_MAX, type PeerOptions, StdioPeer } from '../../src/upstream/stdio-peer.ts'
import { all, denied, hands } from '../fixtures/stdio.ts'

const request = (id: string | number, method = 'tools/call', params: JsonObject = {}): Message => ({
  body: { jsonrpc: '2.0', id, method, params },
})
const never = (): AbortSignal => new AbortController().signal

function connect(options: Partial<PeerOptions> = {}) {
  const { clock, schedule, turn } = hands()
  const sent: Body[] = []
  const dropped: string[] = []
  const wire = {
    isStuck: false,
    send: (line: string) => void sent.push(JSON.parse(line)),
    close: () => Promise.resolve(),
  }
  const peer = new StdioPeer(wire, {
    clock,
    schedule,
    timeoutMs: 1_000,
    maxTimeoutMs: 5_000,
    relate: true,
    onDrop: (kind) => void dropped.push(kind),
    ...options,
  })
  const take = (body: object): void => peer.take({ jsonrpc: '2.0', ...body }, 100)
  return { peer, wire, sent, dropped, turn, take }
}

test('every request goes out under an id of its own that increases and is never 0', () => {
  const { peer, sent } = connect()
  for (const id of [0, 0, 'a', 'a']) peer.request(request(id), never())
  assert.deepEqual(
    sent.map(({ id }) => id),
    [1, 2, 3, 4],
  )
})

test('askers with equal ids get their own answers, in whatever order they come', async () => {
  const { peer, take } = connect()
  const boxes = Array.from({ length: 100 }, () => peer.request(request(1), never()))
  for (let id = 100; id > 0; id--) take({ id, result: { for: id } })
  for (const [at, box] of boxes.entries()) assert.deepEqual(await all(box), [{ body: { jsonrpc: '2.0', id: 1, result: { for: at + 1 } } }])
})

test('members that are none of JSON-RPC’s do not come through', async () => {
  const { peer, take } = connect()
  const box = peer.request(request('a'), never())
  take({ id: 1, error: { code: 1, message: 'no' }, extra: true })
  assert.deepEqual(await all(box), [{ body: { jsonrpc: '2.0', id: 'a', error: { code: 1, message: 'no' } } }])
})

test('progress goes to its request under the asker’s token, and only if there is one', async () => {
  const { peer, sent, dropped, take } = connect()
  const first = peer.request(request(1, 'tools/call', { _meta: { progressToken: 'mine', other: 1 } }), never())
  const second = peer.request(request(1), never())
  assert.deepEqual(sent[0]?.params, { _meta: { progressToken: 1, other: 1 } })
  take({ method: 'notifications/progress', params: { progressToken: 1, progress: 1 } })
  take({ method: 'notifications/progress', params: { progressToken: 2, progress: 1 } })
  take({ method: 'notifications/progress', params: { progressToken: 'mine', progress: 1 } })
  for (const id of [1, 2]) take({ id, result: {} })
  assert.deepEqual(
    (await all(first)).map(({ body }) => body.params?.['progressToken']),
    ['mine', undefined],
  )
  assert.equal((await all(second)).length, 1)
  assert.deepEqual(dropped, ['progress of nothing', 'progress of nothing'])
})

test('answers that are late, repeated, or to nothing are dropped and counted', async () => {
  const { peer, dropped, take } = connect()
  const stop = new AbortController()
  const box = peer.request(request(1), stop.signal)
  stop.abort()
  for (const id of [1, 1, '1', 99]) take({ id, result: {} })
  assert.deepEqual(await all(box), [])
  assert.deepEqual(dropped, Array(4).fill('answer without a request'))
})

test('an aborted request is cancelled under the mapped id, but never initialize', () => {
  const { peer, sent } = connect()
  for (const method of ['initialize', 'tools/list']) {
    const stop = new AbortController()
    peer.request(request('theirs', method), stop.signal)
    stop.abort()
  }
  assert.deepEqual(
    sent.slice(1).map(({ method, params }) => [method, params?.['requestId']]),
    [
      ['tools/list', undefined],
      ['notifications/cancelled', 2],
    ],
  )
})

test('a reader that stops in the middle cancels its request', async () => {
  const { peer, sent, take } = connect()
  const box = peer.request(request(1, 'tools/call', { _meta: { progressToken: 1 } }), never())
  take({ method: 'notifications/progress', params: { progressToken: 1, progress: 1 } })
  for await (const _message of box) break
  assert.equal(sent.at(-1)?.method, 'notifications/cancelled')
  assert.equal(peer.inflight, 0)
})

test('only the asker itself cancels by its id', async () => {
  const { peer, sent } = connect()
  peer.request(request(1), never(), 'alice')
  const box = peer.request(request(1), never(), 'bob')
  assert.equal(peer.cancel('carol', 1), false)
  assert.equal(peer.cancel('bob', '1'), false)
  assert.equal(peer.cancel('bob', 1), true)
  assert.deepEqual(sent.at(-1)?.params, { requestId: 2 })
  assert.deepEqual(await all(box), [])
  assert.equal(peer.inflight, 1)
})

test('progress gives a request more time, up to the hard maximum', async () => {
  const { peer, take, turn, sent } = connect()
  const box = peer.request(request(1, 'tools/call', { _meta: { progressToken: 1 } }), never())
  for (let at = 0; at < 8; at++) {
    turn(900)
    take({ method: 'notifications/progress', params: { progressToken: 1, progress: at } })
  }
  await assert.rejects(all(box), denied('timeout'))
  assert.deepEqual(sent.at(-1)?.params, { requestId: 1, reason: 'timed out' })
})

test('the time in which the server waits for the caller is not the server’s', async () => {
  const { peer, take, turn } = connect()
  const box = peer.request(request(1), never())
  take({ id: 'q', method: 'roots/list' })
  turn(3_999)
  await peer.send({ body: { jsonrpc: '2.0', id: 'q', result: {} } })
  turn(999)
  take({ id: 1, result: {} })
  assert.deepEqual(
    (await all(box)).map(({ body }) => body.method),
    ['roots/list', undefined],
  )
})

test('a subscription has no time-out', () => {
  const { peer, turn } = connect()
  peer.request(request(1, 'subscriptions/listen'), never())
  turn(1_000_000)
  assert.equal(peer.inflight, 1)
})

test('an answer is accepted only to a question that was asked, and only once', async () => {
  const { peer, sent, dropped, take } = connect()
  const strays: Message[] = []
  peer.onStray((message) => void strays.push(message))
  take({ id: 5, method: 'roots/list' })
  assert.equal(strays[0]?.body.id, 5)
  for (const id of ['5', 5, 5]) await peer.send({ body: { jsonrpc: '2.0', id, result: {} } })
  assert.deepEqual(sent, [{ jsonrpc: '2.0', id: 5, result: {} }])
  assert.deepEqual(dropped, ['answer to nothing', 'answer to nothing'])
})

test('a question that nobody hears is refused, and a ping is answered', () => {
  const { sent, take } = connect()
  take({ id: 1, method: 'sampling/createMessage', params: {} })
  take({ id: 'p', method: 'ping' })
  assert.deepEqual(
    sent.map(({ id, error, result }) => [id, error?.code, result]),
    [
      [1, -32601, undefined],
      ['p', undefined, {}],
    ],
  )
})

test('the oldest question gives way when a server asks without end', () => {
  const { peer, sent, dropped, take } = connect()
  peer.onStray(() => undefined)
  for (let id = 0; id < 65; id++) take({ id, method: 'roots/list' })
  assert.deepEqual(
    sent.map(({ id, error }) => [id, error?.code]),
    [[0, -32601]],
  )
  assert.deepEqual(dropped, ['too many questions'])
})

test('a modern server asks nothing', () => {
  const { peer, sent, dropped, take } = connect()
  peer.era = 'modern'
  take({ id: 1, method: 'roots/list' })
  assert.deepEqual([sent, dropped], [[], ['a request of a modern server']])
})

test('a subscription that the server cancels ends in good order', async () => {
  const { peer, take } = connect()
  const box = peer.request(request('L', 'subscriptions/listen'), never())
  take({ method: 'notifications/cancelled', params: { requestId: 1 } })
  const [end] = await all(box)
  assert.deepEqual(end?.body.result, { resultType: 'complete', _meta: { 'io.modelcontextprotocol/subscriptionId': 'L' } })
})

test('a flood of notifications is bounded, and the answer still comes', async () => {
  const { peer, dropped, take } = connect()
  const box = peer.request(request(1, 'tools/call', { _meta: { progressToken: 1 } }), never())
  for (let at = 0; at < 5_000; at++) take({ method: 'notifications/progress', params: { progressToken: 1, progress: at } })
  take({ id: 1, result: { last: true } })
  const messages = await all(box)
  assert.equal(messages.length, 1_025)
  assert.deepEqual(messages.at(-1)?.body.result, { last: true })
  assert.equal(dropped.length, 5_000 - 1_024)
})

test('when the connection ends, so does all that was under way, and nothing new begins', async () => {
  const { peer } = connect()
  const box = peer.request(request(1), never())
  await peer.close()
  await assert.rejects(all(box), denied('upstream_failed'))
  assert.throws(() => peer.request(request(1), never()), denied('upstream_failed'))
})

test('a server that is stuck, or has too much under way, takes no more', () => {
  const { peer, wire } = connect()
  for (let at = 0; at < INFLIGHT_MAX; at++) peer.request(request(1), never())
  assert.throws(() => peer.request(request(1), never()), denied('unavailable'))
  const other = connect()
  other.wire.isStuck = true
  assert.throws(() => other.peer.request(request(1), never()), denied('unavailable'))
  assert.equal(wire.isStuck, false)
})
