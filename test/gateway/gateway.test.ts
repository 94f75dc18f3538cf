/** The gateway as a whole, over real sockets: what only shows when all rooms stand together. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request as httpRequest, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { queryEvents } from '../../src/audit/query.ts'
import type { AuditEvent } from '../../src/core/event.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { aGateway, META, post, type Reply, type RunningGateway } from '../fixtures/gateway.ts'
import { legacyHttp } from '../fixtures/speakers.ts'
import { aBareUpstream, text } from '../fixtures/upstream.ts'

const OPEN = 'access: { roles: { user: { permissions: ["*"] } }, tools: { "*": { permission: tools:use } } }'
const USER = { roles: ['user'] }
const bare = fileURLToPath(new URL('../fixtures/bare-stdio.ts', import.meta.url))

const echo = (house: RunningGateway, key: string): Promise<Reply> =>
  post(`${house.url}/mcp`, 'tools/call', { name: 'echo', arguments: { message: 'hi' } }, { 'x-api-key': key })
const codeOf = (reply: Reply): unknown =>
  ((reply.body['error'] as JsonObject | undefined)?.['data'] as JsonObject | undefined)?.['code'] ?? reply.status

/** The first event of which `isIt` is true, however long it takes to come. */
async function eventually(house: RunningGateway, isIt: (event: AuditEvent) => boolean): Promise<AuditEvent> {
  const stop = new AbortController()
  for await (const { event } of queryEvents(house.gateway.house.store, { follow: { everyMs: 5, signal: stop.signal } })) {
    if (!isIt(event)) continue
    stop.abort()
    return event
  }
  throw new Error('the journal ended')
}

test('what a caller presents reaches no server: not in a header, not in the URL, not in the body', async () => {
  await using upstream = await aBareUpstream({ echo: () => text('x') })
  await using house = await aGateway(`servers: { tools: { url: "${upstream.url}" } }\n${OPEN}`)
  const key = await house.key(USER)
  const headers = {
    authorization: `Bearer ${key}`,
    cookie: 'session=caller',
    'x-forwarded-for': '10.9.9.9',
    'x-user-id': 'root',
    forwarded: 'for=10.9.9.9',
  }
  const reply = await post(`${house.url}/mcp?token=${key}`, 'tools/call', { name: 'echo', arguments: {} }, headers)
  assert.equal(reply.status, 200)
  const [seen] = upstream.seen
  const all = JSON.stringify(seen)
  for (const secret of [key, 'session=caller', '10.9.9.9', 'root']) assert.equal(all.includes(secret), false, secret)
})

test('a server over stdio sees of our environment nothing but what is inherited by name', async () => {
  await using house = await aGateway(
    `servers: { bare: { command: ${JSON.stringify([process.execPath, bare])}, env: { GREETING: hello } } }\n${OPEN}`,
    {
      environment: { MCP_API_KEY: 'mcp_of_the_gateway', AWS_SECRET_ACCESS_KEY: 'hunter2' },
    },
  )
  const server = house.gateway.house.config.servers['bare']
  assert.deepEqual(Object.keys(server?.kind === 'command' ? server.env : {}).sort(), ['GREETING', 'PATH'])
})

test("somebody else's session answers like one that never was", async () => {
  await using house = await aGateway(`servers: { bare: { command: ${JSON.stringify([process.execPath, bare])} } }\n${OPEN}`)
  const [mine, yours] = [await house.key(USER), await house.key(USER)]
  await using speaker = await legacyHttp(`${house.url}/mcp`, mine, '2025-11-25')
  const ask = async (key: string, session: string): Promise<readonly [number, string]> => {
    const response = await fetch(`${house.url}/mcp`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': key, 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 9, method: 'tools/list' }),
    })
    return [response.status, await response.text()]
  }
  assert.equal((await ask(mine, speaker.session))[0], 200)
  const foreign = await ask(yours, speaker.session)
  assert.equal(foreign[0], 404)
  assert.deepEqual(foreign, await ask(yours, 'never-was'))
})

test('a modern caller that goes away has cancelled: the server is told, and history says so', async () => {
  let open: ServerResponse | undefined
  const reached = Promise.withResolvers<void>()
  const left = Promise.withResolvers<void>()
  await using upstream = await aBareUpstream({
    slow: (_args, _seen, res) => {
      open = res
      res.on('close', () => left.resolve())
      reached.resolve()
      return undefined
    },
  })
  await using house = await aGateway(`servers: { tools: { url: "${upstream.url}" } }\n${OPEN}`)
  const key = await house.key(USER)
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'slow', arguments: {}, _meta: META } })
  const request = httpRequest(`${house.url}/mcp`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': 'slow',
      'x-api-key': key,
    },
  })
  request.on('error', () => undefined).end(body)
  await reached.promise
  request.destroy()
  await left.promise
  const ended = await eventually(house, (event) => event.type === 'call.ended')
  assert.deepEqual([ended.outcome, ended.resource?.name], ['cancelled', 'slow'])
  assert.equal(open?.writableFinished, false)
})

test('profile observe lets every caller with a key through, and records what the law would have denied', async () => {
  await using upstream = await aBareUpstream({ echo: () => text('x'), admin: () => text('done') })
  await using house = await aGateway(`profile: observe\nservers: { tools: { url: "${upstream.url}" } }\n`)
  const key = await house.key(USER)
  assert.equal((await echo(house, key)).status, 200)
  const listed = await post(`${house.url}/mcp`, 'tools/list', {}, { 'x-api-key': key })
  assert.equal((listed.body['result'] as { readonly tools: readonly unknown[] }).tools.length, 2)
  assert.equal((await post(`${house.url}/mcp`, 'tools/list')).status, 401)
  const outcomes = (await house.events()).filter((event) => event.type === 'call.ended').map((event) => event.outcome)
  assert.deepEqual(outcomes, ['would_deny', 'permitted', 'denied'])
})

test('a policy file that changes is law at once, and one that is wrong changes nothing', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-law-'))
  const file = join(folder, 'law.cedar')
  const forbid = '@id("no-echo") forbid (principal, action == Action::"call", resource is Tool) when { resource.name == "echo" };'
  writeFileSync(file, '')
  await using upstream = await aBareUpstream({ echo: () => text('x') })
  {
    await using house = await aGateway(
      `servers: { tools: { url: "${upstream.url}" } }\n${OPEN.replace(/ }$/, `, policies: ${JSON.stringify(join(folder, '*.cedar'))} }`)}`,
    )
    const key = await house.key(USER)
    assert.equal(codeOf(await echo(house, key)), 200)

    writeFileSync(file, forbid)
    const loaded = await eventually(house, (event) => event.type === 'policy.loaded')
    assert.equal(loaded.law, house.gateway.house.law.revision)
    assert.equal(codeOf(await echo(house, key)), 'not_found')

    writeFileSync(file, `${forbid}\npermit (principal, action, resource) when { resource.nothing == 1 };`)
    const rejected = await eventually(house, (event) => event.type === 'policy.rejected')
    assert.match(rejected.detail ?? '', /law\.cedar:2:\d+/)
    assert.equal(rejected.law, loaded.law)
    assert.equal(codeOf(await echo(house, key)), 'not_found')
  }
  rmSync(folder, { recursive: true })
})

test('more calls at once than there are places are told to come again', async () => {
  const waiting: (() => void)[] = []
  const full = Promise.withResolvers<void>()
  await using upstream = await aBareUpstream({
    slow: (_args, seen, res) => {
      waiting.push(
        () =>
          void res
            .writeHead(200, { 'content-type': 'application/json' })
            .end(JSON.stringify({ jsonrpc: '2.0', id: seen.body['id'], result: { resultType: 'complete', ...text('x') } })),
      )
      if (waiting.length === 2) full.resolve()
      return undefined
    },
  })
  await using house = await aGateway(
    `servers: { tools: { url: "${upstream.url}" } }\nlimits: { calls: { total: 2 }, principal: { concurrency: 2 } }\n${OPEN}`,
  )
  const key = await house.key(USER)
  const slow = (): Promise<Reply> => post(`${house.url}/mcp`, 'tools/call', { name: 'slow', arguments: {} }, { 'x-api-key': key })
  const underway = [slow(), slow()]
  await full.promise
  const third = await slow()
  assert.deepEqual([third.status, third.headers.get('retry-after')], [503, '1'])
  for (const finish of waiting) finish()
  assert.deepEqual(
    (await Promise.all(underway)).map((reply) => reply.status),
    [200, 200],
  )
  // Who has ended has left the place, and it is written down how much they were answered.
  assert.equal((await post(`${house.url}/mcp`, 'tools/list', {}, { 'x-api-key': key })).status, 200)
  const answered = (await house.events()).filter(({ type, outcome }) => type === 'call.ended' && outcome === 'permitted')
  assert.ok(answered.length >= 3 && answered.every(({ bytes = 0 }) => bytes > 20))
})

test('health is told to anybody, and nothing else is', async () => {
  await using house = await aGateway('')
  const health = await fetch(`${house.url}/health`)
  assert.deepEqual([health.status, await health.json()], [200, { status: 'ok' }])
  for (const path of ['/', '/metrics', '/health/', '/Health', '//health', '/health%2f', '/mcp', '/.well-known/x'])
    assert.equal((await fetch(house.url + path)).status, 404, path)
  assert.equal((await fetch(`${house.url}/health`, { method: 'POST' })).status, 405)
})

test('a client that asks for a host which nobody wrote down is told nothing, and the operator what to write, once', async () => {
  await using house = await aGateway('admin: 127.0.0.1:0')
  for (const url of [`${house.url}/health`, house.admin]) {
    for (const host of ['10.0.0.5:8200', 'mcp.internal']) {
      const { promise, resolve } = Promise.withResolvers<number | undefined>()
      httpRequest(url, { headers: { host } }, (response) => resolve(response.resume().statusCode)).end()
      assert.equal(await promise, 400)
    }
  }
  assert.deepEqual(
    house.faults.map(({ message }) => message),
    ['publicUrl, or under allowedHosts', 'adminUrl'].map(
      (setting) =>
        `a client asked for the host 10.0.0.5:8200, which is not served here: where that is this gateway, write it as ${setting}. Others like it are in the journal`,
    ),
  )
})

test('a gateway that cannot write its journal does nothing, and says that it is not well', async () => {
  await using upstream = await aBareUpstream({ echo: () => text('x') })
  const house = await aGateway(`servers: { tools: { url: "${upstream.url}" } }\nauthentication: { anonymous: { roles: [user] } }\n${OPEN}`)
  await house.gateway.house.store.close()
  assert.equal((await post(`${house.url}/mcp`, 'tools/call', { name: 'echo', arguments: {} })).status, 503)
  assert.equal(upstream.seen.length, 0)
  assert.equal((await fetch(`${house.url}/health`)).status, 503)
  await house.gateway.close().catch(() => undefined)
})

test('a gateway whose store is away says so before anybody has called', async () => {
  let now = 0
  const house = await aGateway('', { steady: () => now })
  assert.equal((await fetch(`${house.url}/health`)).status, 200)
  await house.gateway.house.store.close()
  now += 1_000
  const head = await fetch(`${house.url}/health`, { method: 'HEAD' })
  assert.deepEqual([head.status, await head.text()], [503, ''])
  await house.gateway.close().catch(() => undefined)
})

test('with one server it is at /mcp too; with two there is no guessing', async () => {
  await using upstream = await aBareUpstream({ echo: () => text('x') })
  const url = JSON.stringify(upstream.url)
  await using one = await aGateway(`servers: { a: { url: ${url} } }\n${OPEN}`)
  await using two = await aGateway(`servers: { a: { url: ${url} }, b: { url: ${url} } }\n${OPEN}`)
  const asked = (house: RunningGateway, path: string): Promise<number> => post(house.url + path, 'tools/list').then((reply) => reply.status)
  assert.deepEqual([await asked(one, '/mcp'), await asked(one, '/mcp/a')], [401, 401])
  assert.deepEqual([await asked(two, '/mcp'), await asked(two, '/mcp/a'), await asked(two, '/mcp/b')], [404, 401, 401])
})

test('a server that asks for time is left alone: its callers are told for how long, and history says why', async () => {
  await using upstream = await aBareUpstream({
    busy: (_args, _seen, res) => void res.writeHead(429, { 'retry-after': '77' }).end('slow down'),
  })
  await using house = await aGateway(`servers: { tools: { url: "${upstream.url}" } }\n${OPEN}`)
  const reply = await post(`${house.url}/mcp`, 'tools/call', { name: 'busy', arguments: {} }, { 'x-api-key': await house.key(USER) })
  assert.deepEqual([reply.status, codeOf(reply), reply.headers.get('retry-after')], [503, 'unavailable', '77'])
  const { outcome } = await eventually(house, ({ detail }) => detail === 'tools: it answered 429, and asks to be left alone for 77 s')
  assert.equal(outcome, 'failed')
})

test('a server has one time for a call, also where it had to be asked for its tools first', { timeout: 20_000 }, async () => {
  const world = { now: Date.now() }
  // Its list takes nearly all of a minute, by a clock that is turned by hand.
  const describe = (): undefined => {
    world.now += 59_950
  }
  await using upstream = await aBareUpstream({ silent: () => undefined }, describe)
  await using house = await aGateway(`servers: { tools: { url: "${upstream.url}", timeout: 60s } }\n${OPEN}`, { clock: () => world.now })
  const reply = await post(`${house.url}/mcp`, 'tools/call', { name: 'silent', arguments: {} }, { 'x-api-key': await house.key(USER) })
  assert.deepEqual([reply.status, codeOf(reply)], [504, 'timeout'])
  assert.deepEqual(
    upstream.seen.map(({ body }) => body['method']),
    ['tools/list', 'tools/call'],
  )
  await eventually(house, ({ detail }) => detail === 'tools: no answer in 60000 ms, of which its list of tools took a part')
})

test('a gateway that is about to stop answers on, each time for the last time on a connection, and is not well to who asks', async () => {
  await using upstream = await aBareUpstream({ echo: () => text('x') })
  const house = await aGateway(`servers: { tools: { url: "${upstream.url}" } }\n${OPEN}`)
  const key = await house.key(USER)
  assert.equal((await echo(house, key)).status, 200)
  const retired = house.gateway.retire()
  const health = await fetch(`${house.url}/health`)
  assert.deepEqual([health.status, health.headers.get('connection')], [503, 'close'])
  for (const _ of [1, 2]) {
    const { status, headers } = await echo(house, key)
    assert.deepEqual([status, headers.get('connection')], [200, 'close'])
  }
  await Promise.all([house.gateway.close(), retired])
  await assert.rejects(fetch(`${house.url}/health`))
})

test('when the gateway stops, calls under way are answered and listening streams end', async () => {
  const reached = Promise.withResolvers<() => void>()
  await using upstream = await aBareUpstream({
    slow: (_args, seen, res) => {
      reached.resolve(
        () =>
          void res
            .writeHead(200, { 'content-type': 'application/json' })
            .end(JSON.stringify({ jsonrpc: '2.0', id: seen.body['id'], result: { resultType: 'complete', ...text('late') } })),
      )
      return undefined
    },
  })
  const house = await aGateway(`servers: { tools: { url: "${upstream.url}" } }\n${OPEN}`)
  const key = await house.key(USER)
  const call = post(`${house.url}/mcp`, 'tools/call', { name: 'slow', arguments: {} }, { 'x-api-key': key })
  const finish = await reached.promise
  const closed = house[Symbol.asyncDispose]()
  finish()
  assert.equal((await call).status, 200)
  await closed
  await assert.rejects(fetch(`${house.url}/health`))
})
