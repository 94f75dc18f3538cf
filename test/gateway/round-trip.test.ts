/** What a call carries to its server and back, through a whole gateway: states of several legs (2026-07-28, basic/patterns/mrtr) sealed to who asked what; subscriptions narrowed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '../../src/core/json.ts'
import { KEYS } from '../../src/store/keys.ts'
import { aGateway, META, post, type Reply } from '../fixtures/gateway.ts'
import { aCall, aPrincipal } from '../fixtures/nouns.ts'
import { aBareUpstream, text } from '../fixtures/upstream.ts'

const STATE = 'step-2;of=the-server'
const OPEN = 'access: { roles: { user: { permissions: ["*"] } }, tools: { "*": { permission: tools:use } } }'

/** Asks for a name on the first leg, and greets whoever brings its state back. */
const greet = (_args: JsonObject, { body }: { readonly body: JsonObject }): JsonObject =>
  (body['params'] as JsonObject)['requestState'] === undefined ? { resultType: 'input_required', requestState: STATE } : text('hello')

test('the state of a server leaves sealed, and only who was given it brings it back, for the same call; the server gets its own', async () => {
  await using upstream = await aBareUpstream({ greet })
  await using house = await aGateway(`servers: { tools: { url: "${upstream.url}" } }\n${OPEN}`)
  const [mine, yours] = [await house.key({ roles: ['user'] }), await house.key({ roles: ['user'] })]
  const call = (key: string, args: JsonObject, requestState?: string): Promise<Reply> =>
    post(
      `${house.url}/mcp`,
      'tools/call',
      { name: 'greet', arguments: args, ...(requestState === undefined ? {} : { requestState }) },
      { 'x-api-key': key },
    )
  const stateOf = ({ body }: Reply): string => String((body['result'] as JsonObject)['requestState'])
  const given = stateOf(await call(mine, { lang: 'en' }))
  const calls = (): number => upstream.seen.filter(({ body }) => body['method'] === 'tools/call').length
  const reached = calls()

  for (const [why, reply] of [
    ['in clear', await call(mine, { lang: 'en' }, STATE)],
    ['of somebody else', await call(yours, { lang: 'en' }, given)],
    ['with other arguments', await call(mine, { lang: 'de' }, given)],
  ] as const)
    assert.equal(reply.status, 400, why)
  assert.equal(calls(), reached)
  assert.equal(given.includes(STATE) || Buffer.from(given, 'base64url').includes(STATE), false)

  const done = await call(mine, { lang: 'en' }, given)
  assert.deepEqual((done.body['result'] as JsonObject)['content'], text('hello')['content'])
  const [last] = upstream.seen.slice(-1)
  assert.ok(last)
  assert.equal((last.body['params'] as JsonObject)['requestState'], STATE)
})

test('of a subscription the server is asked only for what its caller may listen to', async () => {
  await using upstream = await aBareUpstream({ greet })
  const rules =
    'access: { roles: { user: { permissions: ["*"] } }, resources: [{ uri: "file:///open/**", read: [user], subscribe: [user] }] }'
  await using house = await aGateway(`servers: { tools: { url: "${upstream.url}" } }\n${rules}`)
  const notifications = { resourceSubscriptions: ['file:///open/a', 'file:///closed/b'] }
  await post(`${house.url}/mcp`, 'subscriptions/listen', { notifications }, { 'x-api-key': await house.key({ roles: ['user'] }) })
  const asked = upstream.seen
    .filter(({ body }) => body['method'] === 'subscriptions/listen')
    .map(({ body }) => body['params'] as JsonObject)
  assert.deepEqual(
    asked.map((params) => params['notifications']),
    [{ resourceSubscriptions: ['file:///open/a'] }],
  )
  // Rights change while a stream lives, and a server may tell what nobody asked for.
  const { stations } = house.gateway.house
  const stream = aCall({ method: 'subscriptions/listen', action: 'listen', resource: { kind: 'server', server: 'tools', name: 'tools' } })
  const isTold = async (uri: string): Promise<boolean> => {
    const message = { body: { jsonrpc: '2.0', method: 'notifications/resources/updated', params: { uri } } } as const
    return (await stations.release(message, aPrincipal({ roles: ['user'] }), stream)) !== undefined
  }
  assert.deepEqual([await isTold('file:///open/a'), await isTold('file:///closed/b')], [true, false])
})

test('of tasks a caller listens to its own alone, and is told of no other, whatever its server says', async () => {
  await using upstream = await aBareUpstream({ greet })
  await using house = await aGateway(`servers: { tools: { url: "${upstream.url}" } }\naccess: { roles: { user: { permissions: ["*"] } } }`)
  const key = await house.key({ roles: ['user'] })
  const me = `key#${key.split('_')[1]}`
  const { store, stations } = house.gateway.house
  await store.put(KEYS.taskOwner('tools', 'mine'), me)
  await store.put(KEYS.taskOwner('tools', 'theirs'), 'key#another')
  const notifications = { taskIds: ['mine', 'theirs', 'nobodys'] }
  await post(`${house.url}/mcp`, 'subscriptions/listen', { notifications }, { 'x-api-key': key })
  const asked = upstream.seen
    .filter(({ body }) => body['method'] === 'subscriptions/listen')
    .map(({ body }) => body['params'] as JsonObject)
  assert.deepEqual(
    asked.map((params) => params['notifications']),
    [{ taskIds: ['mine'] }],
  )
  const stream = aCall({ method: 'subscriptions/listen', action: 'listen', resource: { kind: 'server', server: 'tools', name: 'tools' } })
  const principal = aPrincipal({ issuer: 'key', subject: me.slice(4), roles: ['user'] })
  const told = async (method: string, taskId: string): Promise<boolean> =>
    (await stations.release({ body: { jsonrpc: '2.0', method, params: { taskId } } }, principal, stream)) !== undefined
  for (const method of ['notifications/tasks', 'notifications/tasks/status'])
    assert.deepEqual(
      [await told(method, 'mine'), await told(method, 'theirs'), await told(method, 'nobodys')],
      [true, false, false],
      method,
    )
})

test('no server is told to cancel what a caller names: of the newest revision a cancellation is the end of its own stream', async () => {
  await using upstream = await aBareUpstream({ greet })
  await using house = await aGateway(`servers: { tools: { url: "${upstream.url}" } }\n${OPEN}`)
  const body = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1, _meta: META } }
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': '2026-07-28',
    'x-api-key': await house.key({ roles: ['user'] }),
  }
  const { status } = await fetch(`${house.url}/mcp`, { method: 'POST', headers, body: JSON.stringify(body) })
  assert.equal(status, 202)
  assert.deepEqual(
    upstream.seen.map((seen) => seen.text),
    [],
  )
})

test('a filter in another spelling narrows nothing, so it is refused', async () => {
  await using upstream = await aBareUpstream({ greet })
  await using house = await aGateway(`servers: { tools: { url: "${upstream.url}" } }\n${OPEN}`)
  const notifications = { resourceSubscriptions: [], ResourceSubscriptions: ['file:///closed/b'] }
  const { status } = await post(
    `${house.url}/mcp`,
    'subscriptions/listen',
    { notifications },
    { 'x-api-key': await house.key({ roles: ['user'] }) },
  )
  assert.equal(status, 400)
  assert.equal(upstream.seen.length, 0)
})
