/** Tasks belong to whoever began them, also in lists. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { JsonObject } from '../../src/core/json.ts'
import { endedIn, TaskOwners } from '../../src/guard/tasks.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import { aGateway, META, post } from '../fixtures/gateway.ts'
import { aCall, aPrincipal, aResult } from '../fixtures/nouns.ts'
import { aBareUpstream } from '../fixtures/upstream.ts'

test('of a list of the tasks of everybody a caller sees its own', async () => {
  const store = openSqlite(':memory:', { clock: Date.now })
  const owners = new TaskOwners(store, Date.now)
  const [ann, bob] = [aPrincipal({ subject: 'ann' }), aPrincipal({ subject: 'bob' })]
  const [first, second, nobodys]: readonly JsonObject[] = [{ taskId: 't1' }, { taskId: 't2' }, { taskId: 't3' }]
  assert.ok(first && second && nobodys)
  const begin = aCall({ era: 'legacy' })
  await owners.remember(aResult({ task: first }), begin, ann)
  await owners.remember(aResult({ task: second }), begin, bob)
  const list = aCall({ method: 'tasks/list', action: 'list', resource: { kind: 'server', server: 'files', name: 'files' } })
  const all = aResult({ tasks: [first, second, nobodys, {}] })
  assert.deepEqual((await owners.narrow(all, list, ann)).body.result, { tasks: [first] })
  assert.deepEqual((await owners.narrow(all, list, bob)).body.result, { tasks: [second] })
  const mine = aResult({ tasks: [first] })
  assert.equal(await owners.narrow(mine, list, ann), mine)
  await store.close()
})

test('what may not be received from a tool may not be received by way of a task that it began', async () => {
  const told = { content: [{ type: 'text', text: 'ada@example.org' }] }
  await using upstream = await aBareUpstream({
    query: () => ({ resultType: 'task', taskId: 'q', status: 'working', ttlMs: 60_000 }),
    other: () => ({ resultType: 'task', taskId: 'o', status: 'working', ttlMs: 60_000 }),
    'tasks/get': ({ taskId }) => ({ taskId: String(taskId), status: 'completed', result: told }),
  })
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-tasks-'))
  writeFileSync(
    join(folder, 'p.cedar'),
    '@id("no-mail") forbid (principal, action == Action::"receive", resource == Tool::"s/query") when { context.findings.contains("personal") };',
  )
  await using house = await aGateway(`
servers: { s: { url: "${upstream.url}" } }
access: { roles: { user: { permissions: ["*"] } }, tools: { "*": { permission: t:use } }, policies: ${JSON.stringify(join(folder, 'p.cedar'))} }
inspect: { input: off, definitions: { pin: false }, output: { personal: { kinds: [email], action: redact } } }`)
  const key = await house.key({ roles: ['user'] })
  const _meta = { ...META, 'io.modelcontextprotocol/clientCapabilities': { extensions: { 'io.modelcontextprotocol/tasks': {} } } }
  const ask = async (method: string, params: JsonObject): Promise<unknown> => {
    const { body } = await post(`${house.url}/mcp/s`, method, { ...params, _meta }, { 'x-api-key': key })
    const { error, result } = body as { readonly error?: { readonly data: JsonObject }; readonly result?: JsonObject }
    return error?.data['code'] ?? result?.['status']
  }
  for (const name of ['query', 'other']) assert.equal(await ask('tools/call', { name, arguments: {} }), 'working')
  assert.equal(await ask('tasks/get', { taskId: 'o' }), 'completed')
  assert.equal(await ask('tasks/get', { taskId: 'q' }), 'content_blocked')
  const { stations } = house.gateway.house
  const stream = aCall({ method: 'subscriptions/listen', action: 'listen', resource: { kind: 'server', server: 's', name: 's' } })
  const principal = aPrincipal({ issuer: 'key', subject: String(key.split('_')[1]), roles: ['user'] })
  const tell = async (taskId: string): Promise<unknown> =>
    stations.release(
      { body: { jsonrpc: '2.0', method: 'notifications/tasks', params: { taskId, status: 'completed', result: told } } },
      principal,
      stream,
    )
  assert.notEqual(await tell('o'), undefined)
  await assert.rejects(tell('q'), { code: 'content_blocked' })
  assert.notEqual(await tell('o'), undefined)
  rmSync(folder, { recursive: true })
})

const TASKS = { ...META, 'io.modelcontextprotocol/clientCapabilities': { extensions: { 'io.modelcontextprotocol/tasks': {} } } }

test('a task keeps the place of the call that began it until it is over, and can be asked for meanwhile', async () => {
  const over = new Set<string>()
  let begun = 0
  await using upstream = await aBareUpstream({
    dig: () => ({ resultType: 'task', taskId: `t${++begun}`, status: 'working', ttlMs: 60_000 }),
    at: () => ({ resultType: 'task', taskId: 'at once', status: 'completed', ttlMs: 60_000 }),
    'tasks/get': ({ taskId }) => ({ taskId: String(taskId), status: over.has(String(taskId)) ? 'failed' : 'working' }),
  })
  await using house = await aGateway(`
servers: { s: { url: "${upstream.url}" } }
access: { roles: { user: { permissions: ["*"] } }, tools: { "*": { permission: t:use } } }
limits: { principal: { concurrency: 2 } }
inspect: { definitions: { pin: false } }`)
  const key = await house.key({ roles: ['user'] })
  const ask = async (method: string, params: JsonObject, as = key): Promise<number> =>
    (await post(`${house.url}/mcp/s`, method, { ...params, _meta: TASKS }, { 'x-api-key': as })).status
  const dig = (as = key): Promise<number> => ask('tools/call', { name: 'dig', arguments: {} }, as)

  for (let at = 0; at < 5; at++) assert.equal(await ask('tools/call', { name: 'at', arguments: {} }), 200)
  assert.deepEqual([await dig(), await dig(), await dig()], [200, 200, 429])
  assert.equal(await dig(await house.key({ roles: ['user'] })), 200)
  assert.equal(await ask('tools/list', {}), 200)
  assert.equal(await ask('tasks/get', { taskId: 't1' }), 200)
  assert.equal(await dig(), 429)
  over.add('t1')
  assert.equal(await ask('tasks/get', { taskId: 't1' }), 200)
  assert.deepEqual([await dig(), await dig()], [200, 429])
})

test('that a task is over is read from every message in which a server says so, of both revisions', () => {
  const task = { kind: 'task', server: 's', name: 't' } as const
  const get = aCall({ method: 'tasks/get', action: 'get', resource: task })
  const listed = aCall({ method: 'tasks/list', action: 'list' })
  const stream = aCall({ method: '$stream', action: 'listen' })
  const told = (method: string, status: string) => endedIn({ body: { jsonrpc: '2.0', method, params: { taskId: 'n', status } } }, stream)
  for (const status of ['completed', 'failed', 'cancelled']) {
    assert.deepEqual(endedIn(aResult({ taskId: 'elsewhere', status }), get), ['t'])
    assert.deepEqual(endedIn(aResult({ taskId: 't', status }), { ...get, method: 'tasks/cancel' }), ['t'])
    for (const method of ['notifications/tasks', 'notifications/tasks/status']) assert.deepEqual(told(method, status), ['n'])
  }
  assert.deepEqual(endedIn(aResult({ content: [] }), { ...get, method: 'tasks/result' }), ['t'])
  const tasks = [{ taskId: 'a', status: 'completed' }, { taskId: 'b', status: 'working' }, 7]
  assert.deepEqual(endedIn(aResult({ tasks }), listed), ['a'])
  for (const status of ['working', 'input_required']) {
    assert.deepEqual(endedIn(aResult({ taskId: 't', status }), get), [])
    assert.deepEqual(told('notifications/tasks', status), [])
  }
  // A tool may answer what it likes: only what is asked of a task speaks of it.
  assert.deepEqual(endedIn(aResult({ taskId: 't', status: 'completed' }), aCall()), [])
  assert.deepEqual(told('notifications/message', 'completed'), [])
})
