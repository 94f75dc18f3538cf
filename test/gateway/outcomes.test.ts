/** What a call has come to, in history: who was refused was refused, and a server that failed has failed, wherever on the line that came out. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AuditEvent } from '../../src/core/event.ts'
import { aGateway, MODERN, post, type RunningGateway } from '../fixtures/gateway.ts'
import { legacyHttp } from '../fixtures/speakers.ts'
import { aBareUpstream } from '../fixtures/upstream.ts'
import { sdkV1 } from '../upstream/http-upstreams.ts'

const ACCESS = 'access: { roles: { user: { permissions: ["*"] } }, tools: { "*": { permission: tools:use } } }'
const NODE = JSON.stringify(process.execPath)

async function endedIn(house: RunningGateway): Promise<readonly AuditEvent[]> {
  return (await house.events()).filter(({ type }) => type === 'call.ended')
}

const shown = ({ method, outcome, denial }: AuditEvent): string => `${method} ${outcome} ${denial}`

test('a server that cannot be reached has failed a call as it has failed a list, and the law that permitted both is named', async () => {
  await using house = await aGateway(`servers: { dead: { url: "http://127.0.0.1:9/mcp" } }\n${ACCESS}`)
  const key = { 'x-api-key': await house.key({ roles: ['user'] }) }
  await post(`${house.url}/mcp`, 'tools/call', { name: 'echo', arguments: {} }, key)
  await post(`${house.url}/mcp`, 'tools/list', {}, key)
  const ended = await endedIn(house)
  assert.deepEqual(ended.map(shown), ['tools/call failed upstream_failed', 'tools/list failed upstream_failed'])
  for (const { policies = [] } of ended) assert.notEqual(policies.length, 0)
})

test('a command that crashes at once has failed, also while it is not started again so soon', async () => {
  await using house = await aGateway(`servers: { crash: { command: [${NODE}, "-e", "process.exit(1)"], sandbox: off } }\n${ACCESS}`)
  const key = { 'x-api-key': await house.key({ roles: ['user'] }) }
  const codes = new Set<string>()
  for (let i = 0; i < 6 && !codes.has('unavailable'); i++) {
    const { body } = await post(`${house.url}/mcp`, 'tools/call', { name: 'echo', arguments: {} }, key)
    codes.add(String((await endedIn(house)).at(-1)?.denial))
    assert.ok('error' in body)
  }
  assert.deepEqual([...codes], ['upstream_failed', 'unavailable'])
  for (const event of await endedIn(house)) assert.equal(event.outcome, 'failed', shown(event))
})

test("who comes with somebody else's session is denied, whatever is asked", async () => {
  await using house = await aGateway(`servers: { notes: { command: [${NODE}, test/fixtures/bare-stdio.ts] } }\n${ACCESS}`)
  await using hers = await legacyHttp(`${house.url}/mcp`, await house.key({ roles: ['user'] }), '2025-11-25')
  const before = (await endedIn(house)).length
  const headers = {
    ...MODERN,
    'mcp-protocol-version': '2025-11-25',
    'mcp-session-id': hers.session,
    'x-api-key': await house.key({ roles: ['user'] }),
  }
  for (const method of ['tools/list', 'ping'])
    await fetch(`${house.url}/mcp`, { method: 'POST', headers, body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: {} }) })
  await fetch(`${house.url}/mcp`, { headers })
  await fetch(`${house.url}/mcp`, { method: 'DELETE', headers })
  assert.deepEqual((await endedIn(house)).slice(before).map(shown), [
    'tools/list denied no_session',
    'ping denied no_session',
    '$stream denied no_session',
    '$end denied no_session',
  ])
})

test('a session that the server has lost is its failure, not a refusal', async () => {
  await using server = await sdkV1()
  await using house = await aGateway(`servers: { notes: { url: "${server.url}" } }\n${ACCESS}`)
  await using mine = await legacyHttp(`${house.url}/mcp`, await house.key({ roles: ['user'] }), '2025-11-25')
  await mine.ask('tools/list')
  server.sessions.clear()
  await mine.ask('tools/call', { name: 'echo', arguments: { text: 'x' } })
  assert.deepEqual((await endedIn(house)).slice(-1).map(shown), ['tools/call failed no_session'])
})

test('a request that is cancelled, or whose session ends, is answered by a stream without an event: 202 is for what is no request', async () => {
  for (const how of ['cancel', 'end'] as const) {
    const reached = Promise.withResolvers<void>()
    const hang = (): undefined => void reached.resolve()
    await using upstream = await aBareUpstream({ hang })
    await using house = await aGateway(`servers: { tools: { url: "${upstream.url}" } }\n${ACCESS}`)
    const key = await house.key({ roles: ['user'] })
    const { session } = await legacyHttp(`${house.url}/mcp`, key, '2025-11-25')
    const headers = { ...MODERN, 'mcp-protocol-version': '2025-11-25', 'mcp-session-id': session, 'x-api-key': key }
    const say = (message: object): Promise<Response> =>
      fetch(`${house.url}/mcp`, { method: 'POST', headers, body: JSON.stringify({ jsonrpc: '2.0', ...message }) })
    const hanging = say({ id: 7, method: 'tools/call', params: { name: 'hang', arguments: {} } })
    await reached.promise
    if (how === 'cancel') assert.equal((await say({ method: 'notifications/cancelled', params: { requestId: 7 } })).status, 202)
    else await fetch(`${house.url}/mcp`, { method: 'DELETE', headers })
    const reply = await hanging
    assert.deepEqual([reply.status, reply.headers.get('content-type'), await reply.text()], [200, 'text/event-stream', ''])
    const ends = (await endedIn(house)).filter(({ method }) => method === 'tools/call')
    assert.deepEqual(ends.map(shown), ['tools/call cancelled undefined'])
  }
})
