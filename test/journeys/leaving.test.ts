/** A planted credential that must not leave, wherever a server puts it: in every place of an answer, in both eras, split, packed or named. */
import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { test } from 'node:test'
import { reportOf } from '../../src/audit/report.ts'
import type { JsonObject, JsonValue } from '../../src/core/json.ts'
import { aGateway, META, post, type RunningGateway } from '../fixtures/gateway.ts'
import { bare, json, sse, type TestServer } from '../upstream/http-upstreams.ts'

/** Of the right form, and nobody's. */
const SECRET = 'ghp_7hRk2mQx9TzB4vLc8WsN3dYf6JgP1aEuK5oC'
const HALVES = [SECRET.slice(0, 17), SECRET.slice(17)] as const
const REDACTED = '[redacted:secret]'

const said = (text: string): JsonObject => ({ type: 'text', text })
const ok = (result: JsonObject): JsonObject => ({ result: { resultType: 'complete', ...result } })
const log = (data: JsonValue): JsonObject => ({ method: 'notifications/message', params: { level: 'info', data } })
const DONE = ok({ content: [said('done')] })

/** What the server says when a tool of this name is called: notifications, then the answer. `prompt` and `resource` are asked for as such. */
const PLACES: Readonly<Record<string, readonly JsonObject[]>> = {
  text: [ok({ content: [said(`token=${SECRET}`)] })],
  structured: [ok({ content: [said('{}')], structuredContent: { deep: [{ leaf: SECRET }] } })],
  embedded: [ok({ content: [{ type: 'resource', resource: { uri: 'file:///a', mimeType: 'text/plain', text: `x ${SECRET}` } }] })],
  blob: [ok({ content: [{ type: 'resource', resource: { uri: 'file:///a', blob: Buffer.from(`x ${SECRET} y`).toString('base64') } }] })],
  link: [ok({ content: [{ type: 'resource_link', name: 'a', uri: `https://files.example.com/a?key=${SECRET}` }] })],
  meta: [ok({ content: [], _meta: { 'example.com/debug': { sent: SECRET } } })],
  message: [{ error: { code: -32000, message: `cannot sign in as ${SECRET}` } }],
  data: [{ error: { code: -32000, message: 'failed', data: { header: `Authorization: token ${SECRET}` } } }],
  progress: [{ method: 'notifications/progress', params: { progressToken: 'p', progress: 1, message: `with ${SECRET}` } }, DONE],
  log: [log({ said: `with ${SECRET}` }), DONE],
  key: [ok({ content: [said('{}')], structuredContent: { [SECRET]: 'ok' } })],
  prompt: [ok({ messages: [{ role: 'user', content: said(`use ${SECRET}`) }] })],
  resource: [ok({ contents: [{ uri: 'file:///a', text: `GITHUB=${SECRET}` }], ttlMs: 0, cacheScope: 'private' })],
  blocks: [ok({ content: [said(`first ${HALVES[0]}`), said(`${HALVES[1]} last`)] })],
  // And in disguise.
  base64: [ok({ content: [said(`auth ${Buffer.from(SECRET).toString('base64')}`)] })],
  zeroWidth: [ok({ content: [said([...SECRET].join('\u200b'))] })],
  logs: [log(`first ${HALVES[0]}`), log(`${HALVES[1]} last`), DONE],
  // Where nothing may stand instead.
  constrained: [ok({ content: [], structuredContent: { token: SECRET } })],
  cursor: [ok({ content: [], nextCursor: SECRET })],
}
const TOOLS = Object.keys(PLACES).filter((name) => name !== 'prompt' && name !== 'resource')
const CONSTRAINED = { type: 'object', properties: { token: { type: 'string', pattern: '^ghp_' } } }
const tools = TOOLS.map((name) => ({
  name,
  inputSchema: { type: 'object' },
  ...(name === 'constrained' ? { outputSchema: CONSTRAINED } : {}),
}))

function server(): Promise<TestServer> {
  return bare((told, res) => {
    const { id, method, params } = JSON.parse(told.body.toString()) as { id?: number; method: string; params?: JsonObject }
    if (id === undefined) return void res.writeHead(202).end()
    const cacheable = { ttlMs: 0, cacheScope: 'private' }
    if (method === 'server/discover') {
      const capabilities = { tools: {}, prompts: {}, resources: {}, logging: {} }
      return json(res, 200, { jsonrpc: '2.0', id, ...ok({ supportedVersions: ['2026-07-28'], capabilities, ...cacheable }) })
    }
    if (method === 'tools/list') return json(res, 200, { jsonrpc: '2.0', id, ...ok({ tools, ...cacheable }) })
    if (!['tools/call', 'prompts/get', 'resources/read'].includes(method))
      return json(res, 404, { jsonrpc: '2.0', id, error: { code: -32601, message: 'Method not found' } })
    const place = method === 'prompts/get' ? 'prompt' : method === 'resources/read' ? 'resource' : String(params?.['name'])
    // What it is told to name its progress by is not what its caller's client did.
    const token = (params?.['_meta'] as JsonObject | undefined)?.['progressToken']
    answer(res, id, JSON.parse(JSON.stringify(PLACES[place] ?? []).replace('"p"', JSON.stringify(token ?? 'p'))) as readonly JsonObject[])
  })
}

function answer(res: ServerResponse, id: number, messages: readonly JsonObject[]): void {
  const whole = messages.map((message) => ({ jsonrpc: '2.0', ...(message['method'] === undefined ? { id } : {}), ...message }))
  if (whole.length === 1) json(res, 200, whole[0])
  else sse(res).end(whole.map((message) => `event: message\ndata: ${JSON.stringify(message)}\n\n`).join(''))
}

const REQUESTS: Readonly<Record<string, readonly [method: string, params: JsonObject]>> = {
  prompt: ['prompts/get', { name: 'p' }],
  resource: ['resources/read', { uri: 'file:///a' }],
}

type Ask = (place: string) => Promise<readonly JsonObject[]>

async function asker(house: RunningGateway, key: string, era: 'modern' | 'legacy'): Promise<Ask> {
  const common = { 'content-type': 'application/json', accept: 'application/json, text/event-stream', 'x-api-key': key }
  const send = (body: JsonObject, headers: Readonly<Record<string, string>>): Promise<Response> =>
    fetch(`${house.url}/mcp`, { method: 'POST', headers: { ...common, ...headers }, body: JSON.stringify({ jsonrpc: '2.0', ...body }) })
  const spoken = { 'mcp-protocol-version': '2025-11-25' }
  const session: Record<string, string> = {}
  if (era === 'legacy') {
    const opening = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } }
    const opened = await send({ id: 0, method: 'initialize', params: opening }, {})
    session['mcp-session-id'] = opened.headers.get('mcp-session-id') ?? ''
    await opened.text()
    await send({ method: 'notifications/initialized' }, { ...session, ...spoken })
    await (await send({ id: 1, method: 'logging/setLevel', params: { level: 'debug' } }, { ...session, ...spoken })).text()
  }
  return async (place) => {
    const [method, asked] = REQUESTS[place] ?? ['tools/call', { name: place, arguments: {} } as JsonObject]
    const meta = era === 'modern' ? { ...META, 'io.modelcontextprotocol/logLevel': 'debug', progressToken: 'p' } : { progressToken: 'p' }
    const name = String(asked['name'] ?? asked['uri'])
    const headers =
      era === 'modern' ? { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method, 'mcp-name': name } : { ...session, ...spoken }
    const text = await (await send({ id: 7, method, params: { ...asked, _meta: meta } }, headers)).text()
    const lines = text.startsWith('{') ? [text] : text.split('\n').flatMap((line) => (line.startsWith('data: {') ? [line.slice(6)] : []))
    return lines.map((line) => JSON.parse(line) as JsonObject)
  }
}

/** Every text and every name in it, one after another, with what is packed in base64 unpacked. */
function texts(value: JsonValue | undefined, name = ''): string {
  if (typeof value === 'string') return name === 'blob' ? Buffer.from(value, 'base64').toString() : value
  if (typeof value !== 'object' || value === null) return ''
  return Object.entries(value)
    .map(([inner, member]) => (Array.isArray(value) ? '' : inner) + texts(member, inner))
    .join('')
}

for (const era of ['modern', 'legacy'] as const) {
  test(`${era}: a planted credential leaves from nowhere, the rest of the answer does, and history says where it was without saying what`, async () => {
    await using upstream = await server()
    await using house = await aGateway(`servers: { s: { url: "${upstream.url}" } }
access: { roles: { user: { permissions: ["*"] } }, tools: { "*": { permission: t:use } }, prompts: { "*": { permission: t:use } }, resources: [{ uri: "file:///**", read: [user] }] }`)
    const ask = await asker(house, await house.key({ roles: ['user'] }), era)

    const leaks: string[] = []
    for (const place of Object.keys(PLACES)) {
      const messages = await ask(place)
      const whole = messages.map((message) => texts(message)).join('')
      const plain = whole.replaceAll('\u200b', '')
      if (plain.includes(SECRET) || whole.includes(HALVES[1]) || whole.includes(Buffer.from(SECRET).toString('base64'))) leaks.push(place)
      assert.ok(messages.length > 0, place)
      if (place === 'constrained' || place === 'cursor') assert.ok(JSON.stringify(messages).includes('The content is not allowed.'), place)
      else assert.ok(decodeURIComponent(whole).includes(REDACTED), `${place}: ${whole}`)
    }

    assert.deepEqual(leaks, [])
    const events = await house.events()
    assert.ok(!JSON.stringify(events).includes(SECRET.slice(4, 16)))
    const ended = events.filter(({ type, findings }) => type === 'call.ended' && findings?.some(({ label }) => label === 'secret') === true)
    assert.equal(ended.length, Object.keys(PLACES).length)
    assert.deepEqual(
      ended.filter(({ denial }) => denial !== undefined).map(({ denial, policies }) => [denial, policies]),
      [
        ['content_blocked', ['house.secrets']],
        ['content_blocked', ['house.secrets']],
      ],
    )
    const { sections } = await reportOf(house.gateway.house.store, { since: 0, until: Date.now() + 1 })
    assert.equal(sections.leaving.count, ended.length, 'what was taken out was kept from leaving, as what was blocked')
    const pointers = ended.flatMap(({ findings = [] }) => findings.map(({ pointer }) => pointer))
    for (const pointer of [
      '/result/content/0/text',
      '/result/structuredContent/deep/0/leaf',
      '/error/data/header',
      `/result/structuredContent/${REDACTED}`,
    ])
      assert.ok(pointers.includes(pointer), pointer)
  })
}

test('what stands beside the members of an answer, or in the place of one for a reader that does not tell cases apart, does not leave', async () => {
  const hidden = { tools: [{ name: 'b', description: 'Never approved.', inputSchema: { type: 'object' } }] }
  const answers: Readonly<Record<string, JsonObject>> = {
    beside: { ...DONE, leak: SECRET },
    variant: { ...DONE, Result: { content: [said(SECRET)] } },
    within: ok({ content: [said('done')], Content: [said('other')] }),
    dotless: ok({ content: [said('done')], ıserror: true }),
    honest: ok({ content: [said('done')], extra: 1 }),
  }
  for (const stream of [false, true]) {
    await using upstream = await bare((told, res) => {
      const { id, method, params } = JSON.parse(told.body.toString()) as { id?: number; method: string; params?: JsonObject }
      if (id === undefined) return void res.writeHead(202).end()
      const cacheable = { ttlMs: 0, cacheScope: 'private' }
      const all = Object.keys(answers).map((name) => ({ name, inputSchema: { type: 'object' } }))
      const listed =
        params?.['cursor'] === undefined ? ok({ tools: all, ...cacheable }) : ok({ tools: [], Tools: hidden.tools, ...cacheable })
      const discovered = ok({ supportedVersions: ['2026-07-28'], capabilities: { tools: {} }, ...cacheable })
      const answered =
        method === 'server/discover' ? discovered : method === 'tools/list' ? listed : (answers[String(params?.['name'])] ?? {})
      if (!stream) return json(res, 200, { jsonrpc: '2.0', id, ...answered })
      sse(res).end(`event: message\ndata: ${JSON.stringify({ jsonrpc: '2.0', id, ...answered })}\n\n`)
    })
    await using house = await aGateway(`servers: { s: { url: "${upstream.url}" } }
access: { roles: { user: { permissions: ["*"] } }, tools: { "*": { permission: t:use } } }
inspect: { definitions: { pin: false } }`)
    const key = await house.key({ roles: ['user'] })

    const replies = new Map<string, string>()
    for (const name of Object.keys(answers)) {
      const reply = await post(`${house.url}/mcp/s`, 'tools/call', { name, arguments: {} }, { 'x-api-key': key })
      replies.set(name, JSON.stringify(reply.body))
    }
    const page = await post(`${house.url}/mcp/s`, 'tools/list', { cursor: 'second' }, { 'x-api-key': key })

    for (const [name, text] of replies) {
      assert.ok(!text.includes(SECRET), name)
      assert.equal(text.includes('"upstream_failed"'), name === 'within' || name === 'dotless', `${name}: ${text}`)
    }
    assert.ok(replies.get('honest')?.includes('"extra":1'))
    assert.ok(JSON.stringify(page.body).includes('"upstream_failed"'))
  }
})
