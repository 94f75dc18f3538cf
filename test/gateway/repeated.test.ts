/** A client that writes its credential into the message as well is refused: no server is told it, on any transport. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { JsonObject } from '../../src/core/json.ts'
import { encodeHeaderValue } from '../../src/mcp/sentinel.ts'
import { aGateway, keyIn, META, MODERN, post, type Reply } from '../fixtures/gateway.ts'
import { legacyHttp, overStdio } from '../fixtures/speakers.ts'
import { aBareUpstream, text } from '../fixtures/upstream.ts'

const ACCESS = 'access: { roles: { user: { permissions: ["*"] } }, tools: { "*": { permission: tools:use } } }'
const ECHO = { name: 'echo', arguments: { message: 'x' } }
const REFUSED = 'The request is malformed: the credential is repeated in the message or in a header for an argument.'

const errorOf = (body: JsonObject): unknown => (body['error'] as JsonObject | undefined)?.['message']

test('a credential that its caller repeats in _meta or in a header for an argument reaches no server, and its caller is told', async () => {
  await using upstream = await aBareUpstream({ echo: () => text('x') })
  await using house = await aGateway(`servers: { tools: { url: "${upstream.url}" } }\n${ACCESS}`)
  const key = await house.key({ roles: ['user'] })
  const meta = (more: JsonObject): Promise<Reply> =>
    post(`${house.url}/mcp`, 'tools/call', { ...ECHO, _meta: { ...META, ...more } }, { 'x-api-key': key })
  const header = (name: string, value: string): Promise<Reply> =>
    post(`${house.url}/mcp`, 'tools/call', ECHO, { authorization: `Bearer ${key}`, [name]: value })
  const replies = [
    await meta({ 'x-api-key': key }),
    await meta({ 'com.example/auth': { authorization: [`Bearer ${key}`] } }),
    await meta({ [`com.example/${key}`]: true }),
    await meta({ 'io.modelcontextprotocol/clientInfo': { name: key, version: '1' } }),
    await meta({ progressToken: key }),
    await header('mcp-param-auth', key),
    await header('mcp-param-auth', encodeHeaderValue(`ключ ${key}`)),
  ]
  for (const { status, body } of replies) assert.deepEqual([status, errorOf(body)], [400, REFUSED])
  assert.equal(upstream.seen.filter(({ text: seen, headers }) => (seen + JSON.stringify(headers)).includes(key)).length, 0)
})

test('escapes do not hide it', async () => {
  await using upstream = await aBareUpstream({ echo: () => text('x') })
  await using house = await aGateway(`servers: { tools: { url: "${upstream.url}" } }\n${ACCESS}`)
  const key = await house.key({ roles: ['user'] })
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { ...ECHO, _meta: { ...META, progressToken: key } } })
  const headers = { ...MODERN, 'mcp-method': 'tools/call', 'mcp-name': 'echo', 'x-api-key': key }
  const reply = await fetch(`${house.url}/mcp`, { method: 'POST', headers, body: body.replace(key, key.replace('m', '\\u006d')) })
  assert.equal(reply.status, 400)
  assert.equal(upstream.seen.length, 0)
})

test('in what a tool is given it is the tool’s own', async () => {
  await using upstream = await aBareUpstream({ echo: (args) => text(String(args['message'])) })
  await using house = await aGateway(`servers: { tools: { url: "${upstream.url}" } }\n${ACCESS}`)
  const key = await house.key({ roles: ['user'] })
  const { status } = await post(
    `${house.url}/mcp`,
    'tools/call',
    { name: 'echo', arguments: { message: `my key is "${key}"` } },
    { 'x-api-key': key },
  )
  assert.equal(status, 200)
  assert.equal(upstream.seen.at(-1)?.text.includes(key), true)
})

test('a server over stdio is not told it, in a session of an older revision either', async () => {
  const command = JSON.stringify([process.execPath, 'test/fixtures/bare-stdio.ts'])
  await using house = await aGateway(`servers: { tools: { command: ${command} } }\n${ACCESS}`)
  const key = await house.key({ roles: ['user'] })
  await using speaker = await legacyHttp(`${house.url}/mcp`, key, '2025-11-25')
  assert.equal(errorOf(await speaker.ask('tools/call', { ...ECHO, _meta: { progressToken: key } })), REFUSED)
  assert.equal(errorOf(await speaker.ask('tools/call', ECHO)), undefined)
})

test('over stdio what the environment presents is not repeated either', async (context) => {
  await using upstream = await aBareUpstream({ echo: () => text('x') })
  const folder = mkdtempSync(join(tmpdir(), 'repeated-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  const yaml = `servers: { tools: { url: "${upstream.url}" } }\nkeyFile: ${join(folder, 'key')}\n${ACCESS}`
  const store = join(folder, 'p.db')
  const key = await keyIn(store, yaml, ['user'])
  await using house = await aGateway(yaml, { store, environment: { MCP_API_KEY: key } })
  await using speaker = await overStdio(house, 'tools', '2025-11-25')
  assert.equal(errorOf(await speaker.ask('tools/call', { ...ECHO, _meta: { progressToken: key } })), REFUSED)
  assert.equal(errorOf(await speaker.ask('tools/call', ECHO)), undefined)
  assert.equal(upstream.seen.filter(({ text: seen }) => seen.includes(key)).length, 0)
})
