/** Attacks that need no more than a request each, against one gateway: what must not be taken is not, and nothing of it reaches the server. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { queryEvents } from '../../src/audit/query.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { aGateway, META, post, type Reply } from '../fixtures/gateway.ts'
import { legacyHttp } from '../fixtures/speakers.ts'
import { aBareUpstream, text } from '../fixtures/upstream.ts'

const SECRET = 'ghp_16C7e42F292c6912E7710c838347Ae178B4a'
const DROPPED = 3

async function aWorld() {
  const started = Promise.withResolvers<void>()
  const waiting: (() => void)[] = []
  const upstream = await aBareUpstream({
    echo: ({ message }) => text(String(message)),
    pad: () => text(`${'All is well in the house. '.repeat(60_000)}${SECRET}`),
    ask: () => ({ resultType: 'input_required', inputRequests: {}, requestState: 'x' }),
    slow: () => {
      waiting.shift()?.()
      started.resolve()
      return undefined
    },
    admin: () => text('root'),
  })
  const house = await aGateway(`
servers: { s: { url: "${upstream.url}" } }
access:
  roles: { user: { permissions: [tools:use] }, admin: { permissions: ["*"] } }
  tools: { echo: { permission: tools:use }, pad: { permission: tools:use }, ask: { permission: tools:use }, slow: { permission: tools:use }, admin: { permission: tools:admin } }
limits: { failures: { allow: 10000 }, tools: { slow: { rate: 1/h, burst: ${DROPPED} } } }
inspect: { definitions: { pin: false } }`)
  const key = await house.key({ roles: ['user'] })
  const url = `${house.url}/mcp/s`
  const call = (name: string, headers: Readonly<Record<string, string>>, more: JsonObject = {}, at = url): Promise<Reply> =>
    post(at, 'tools/call', { name, arguments: { message: 'hi' }, ...more }, headers)
  const reached = (): number => upstream.seen.filter(({ body }) => body['method'] === 'tools/call').length
  const close = async (): Promise<void> => {
    await house[Symbol.asyncDispose]()
    await upstream[Symbol.asyncDispose]()
  }
  return { house, upstream, key, url, call, reached, waiting, [Symbol.asyncDispose]: close }
}

type World = Awaited<ReturnType<typeof aWorld>>

const STEPS: Readonly<Record<string, (world: World) => Promise<void>>> = {
  'a credential in the query, a cookie, a form, the arguments or _meta is none, and is not written down': async ({
    call,
    key,
    url,
    house,
  }) => {
    const replies = [
      await call('echo', {}, {}, `${url}?api_key=${key}&access_token=${key}`),
      await call('echo', { cookie: `X-API-Key=${key}; authorization=Bearer ${key}` }),
      await call('echo', {}, { auth: { type: 'api_key', api_key: key } }),
      await call('echo', {}, { _meta: { ...META, authorization: `Bearer ${key}`, 'x-api-key': key } }),
      await call('echo', { 'proxy-authorization': `Bearer ${key}`, 'x-authorization': `Bearer ${key}` }),
    ]
    assert.deepEqual(
      replies.map(({ status }) => status),
      [401, 401, 401, 401, 401],
    )
    const form = await fetch(url, { method: 'POST', body: new URLSearchParams({ access_token: key }) })
    assert.equal(form.status, 401)
    assert.equal(JSON.stringify(await house.events()).includes(key), false)
  },
  'a credential that stands where a name belongs is not written down': async ({ call, key, url, house }) => {
    const mine = { 'x-api-key': key }
    await call(
      'echo',
      { ...mine, 'user-agent': SECRET },
      { arguments: { [SECRET]: 1, message: 'hi', url: 'x', [`path ${SECRET}`]: '../../x' } },
    )
    await call(SECRET, mine)
    await post(url, 'resources/read', { uri: `https://files.example.com/a?api_key=${SECRET}` }, mine)
    await post(url, SECRET, {}, mine)

    const events = await house.events()
    const text = JSON.stringify(events)
    assert.ok(!text.includes(SECRET))
    const named = events.filter(({ type, resource }) => type === 'call.ended' && resource?.name.includes('[redacted:secret]') === true)
    assert.deepEqual(
      named.map(({ resource }) => resource?.kind),
      ['tool', 'resource'],
    )
  },
  'what we sealed, named or signed ourselves opens nothing: a state, a session, the id of a key, a seal of the journal': async ({
    call,
    key,
    url,
    house,
  }) => {
    await using session = await legacyHttp(url, key, '2025-11-25')
    const asked = await call('ask', { 'x-api-key': key })
    const state = String((asked.body['result'] as JsonObject)['requestState'])
    const [event] = await house.events()
    const [checkpoint] = await house.gateway.house.store.read('checkpoints', { limit: 1 })
    const signature = String((checkpoint?.value as JsonObject | undefined)?.['signature'])
    assert.ok(state.length > 20 && signature.length > 20)
    const artefacts = [state, session.session, key.split('_')[1] ?? '', event?.previous ?? '', event?.seal ?? '', signature]
    for (const artefact of artefacts)
      for (const headers of [{ authorization: `Bearer ${artefact}` }, { 'x-api-key': artefact }])
        assert.equal((await call('echo', headers)).status, 401, artefact)
  },
  'who a header says that a caller is does not matter': async ({ call, key, house }) => {
    const claims = {
      'x-user-id': 'root',
      'x-forwarded-user': 'admin',
      'x-roles': 'admin',
      'x-mcp-authorized': 'true',
      'mcp-init-host': 'localhost',
      'x-client-cert': 'CN=admin',
      'client-cert': ':AAAA:',
    }
    assert.equal((await call('echo', claims)).status, 401)
    const denied = await call('admin', { ...claims, 'x-api-key': key })
    assert.equal(((denied.body['error'] as JsonObject)['data'] as JsonObject)['code'], 'not_found')
    const { roles } = (await house.events()).findLast(({ type, denial }) => type === 'call.ended' && denial === 'not_found') ?? {}
    assert.deepEqual(roles, ['user'])
  },
  'whatever stands in Authorization, nobody is let in and nothing breaks': async ({ call, house }) => {
    const odd = [
      '',
      ' ',
      'Bearer',
      'Bearer ',
      'bearer\t',
      'Bearer a b',
      'Bearer ,',
      'Basic Og==',
      'DPoP',
      'DPoP x',
      'Bearer null',
      'Bearer undefined',
      'Bearer [object Object]',
      'Bearer {}',
      'Bearer ..',
      'Bearer eyJ.eyJ.',
      'Bearer eyJhbGciOiJub25lIn0.e30.',
      'Negotiate',
      `Bearer ${'a'.repeat(7_000)}`,
      `Bearer ${'.'.repeat(500)}`,
      'Bearer mcp_',
      'Bearer mcp___',
      'Bearer mcp_____',
      'Bearer \xff\xfe',
      '__proto__ x',
      'constructor x',
      'Bearer mcp_constructor_x',
    ]
    for (const authorization of odd) assert.equal((await call('echo', { authorization })).status, 401, JSON.stringify(authorization))
    const told = (await house.events()).filter(({ denial }) => denial !== undefined)
    assert.equal(told.filter(({ denial }) => denial === 'unavailable').length, 0)
  },
  'a body that is packed, or of a type that a page of anybody may send, is not read': async ({ url, key }) => {
    const bomb = gzipSync(Buffer.alloc(1_000_000, 0x20))
    for (const encoding of ['gzip', 'br', 'deflate', 'gzip, identity', 'x-unknown']) {
      const reply = await fetch(url, {
        method: 'POST',
        body: bomb,
        headers: { 'x-api-key': key, 'content-type': 'application/json', 'content-encoding': encoding },
      })
      assert.equal(reply.status, 415, encoding)
      assert.match(await reply.text(), /"The body must be application\/json, not encoded: there is a Content-Encoding\."/)
    }
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', 'application/json-seq', 'text/json', ''])
      assert.equal(
        (await fetch(url, { method: 'POST', body: Buffer.from('{}'), headers: { 'x-api-key': key, 'content-type': type } })).status,
        415,
        type,
      )
  },
  'a path in another spelling is no way around the line': async ({ house, reached }) => {
    const paths = [
      '/health/../mcp/s',
      '/health/%2e%2e/mcp/s',
      '//mcp/s',
      '/mcp//s',
      '/mcp/s/',
      '/mcp/s;x',
      '/mcp/s%00',
      '/mcp/%73',
      '/MCP/s',
      '/mcp\\s',
      '/.well-known/../mcp/s',
      '/mcp/s/health',
      '/health?/mcp/s',
      '/mcp/s#/health',
      'http://localhost/mcp/s',
    ]
    const before = reached()
    for (const path of paths) {
      const status = await rawStatus(house.url, path)
      assert.ok(status >= 400 && status < 500, `${path}: ${status}`)
    }
    assert.equal(reached(), before)
  },
  'whoever opens a server is told that callers must be known, and how': async ({ url, key }) => {
    const { body } = await post(url, 'server/discover', {}, { 'x-api-key': key })
    const { capabilities } = body['result'] as { readonly capabilities: JsonObject }
    assert.deepEqual(capabilities, { tools: {}, experimental: { authentication: { required: true, types: ['api-key'] } } })
  },
  'a secret behind a megabyte of nothing is found': async ({ call, key }) => {
    const { body } = await call('pad', { 'x-api-key': key })
    const [{ text: said } = { text: '' }] = (body['result'] as { readonly content: readonly { readonly text: string }[] }).content
    assert.ok(said.length > 1_500_000)
    assert.equal(said.includes(SECRET), false)
    assert.match(said.slice(-40), /\[redacted:secret\]$/)
  },
  'who hangs up has made the call all the same: its limit is spent, and each is written down as cancelled': async ({
    call,
    key,
    url,
    waiting,
    house,
  }) => {
    for (let n = 0; n < DROPPED; n++) await dropOne(url, key, waiting)
    const reply = await call('slow', { 'x-api-key': key })
    assert.equal(reply.status, 429)
    const stop = new AbortController()
    let cancelled = 0
    for await (const { event } of queryEvents(house.gateway.house.store, { follow: { everyMs: 5, signal: stop.signal } })) {
      if (event.type === 'call.ended' && event.outcome === 'cancelled' && event.resource?.name === 'slow') cancelled++
      if (cancelled === DROPPED) stop.abort()
    }
    assert.equal(cancelled, DROPPED)
  },
}

/** Leaves once the call has arrived at the server, and waits until that is written down. */
async function dropOne(url: string, key: string, waiting: (() => void)[]): Promise<void> {
  const arrived = new Promise<void>((resolve) => waiting.push(resolve))
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'slow', arguments: {}, _meta: META } })
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'tools/call',
    'mcp-name': 'slow',
    'x-api-key': key,
  }
  const request = httpRequest(url, { method: 'POST', headers })
  const closed = new Promise<void>((resolve) => request.on('close', resolve))
  request.on('error', () => undefined).end(body)
  await arrived
  request.destroy()
  await closed
}

/** Of the answer to a request line as it is written; no client makes such a path. */
function rawStatus(base: string, path: string): Promise<number> {
  const { hostname, port, host } = new URL(base)
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'echo', arguments: {} } })
  return new Promise((resolve, reject) => {
    let said = ''
    const socket = connect(Number(port), hostname, () =>
      socket.write(
        `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
      ),
    )
    socket.on('data', (chunk) => (said += chunk.toString('latin1')))
    socket.on('end', () => resolve(Number(said.split(' ')[1] ?? 0)))
    socket.on('error', reject)
  })
}

test('one gateway, one attack after another', async (t) => {
  await using world = await aWorld()
  for (const [promise, body] of Object.entries(STEPS)) await t.test(promise, () => body(world))
})

test('a forbidden tool is not called by another spelling of its name, also where a star permits whatever nobody lists', async () => {
  await using upstream = await aBareUpstream(
    {
      admin_reset: () => text('reset'),
      Admin_Reset: () => text('reset'),
      'admin-reset': () => text('reset'),
      other: () => text('other'),
    },
    undefined,
    ['admin_reset'],
  )
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-spelling-'))
  writeFileSync(join(folder, 'p.cedar'), '@id("no-reset") forbid (principal, action == Action::"call", resource == Tool::"s/admin_reset");')
  await using house = await aGateway(`
servers: { s: { url: "${upstream.url}" } }
access: { roles: { user: { permissions: [t:use] } }, tools: { "*": { permission: t:use } }, policies: ${JSON.stringify(join(folder, 'p.cedar'))} }`)
  const headers = { 'x-api-key': await house.key({ roles: ['user'] }) }
  const call = async (name: string): Promise<JsonObject> =>
    (await post(`${house.url}/mcp/s`, 'tools/call', { name, arguments: {} }, headers)).body
  for (const name of ['admin_reset', 'Admin_Reset', 'admin-reset'])
    assert.equal(((await call(name))['error'] as { data: JsonObject }).data['code'], 'not_found', name)
  assert.deepEqual((await call('other'))['result'], { resultType: 'complete', ...text('other') })
  rmSync(folder, { recursive: true })
})
