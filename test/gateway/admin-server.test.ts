/** The MCP server for operators: hidden from all but those for whom it is, useful to them in both eras, and written down like any other. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { it } from 'node:test'
import type { JsonObject } from '../../src/core/json.ts'
import { aGateway, post } from '../fixtures/gateway.ts'

const SERVER = join(import.meta.dirname, '../fixtures/bare-stdio.ts')

/** `wide` may call every tool that there is, and is no operator. */
const CONFIG = `
adminServer: [admin]
servers: { one: { command: [${JSON.stringify(process.execPath)}, ${JSON.stringify(SERVER)}] } }
access:
  roles: { admin: { permissions: ["*"] }, owner: { inherits: admin }, wide: { permissions: ["*"] }, other: {} }
  tools: { "*": { permission: "any:call" } }
`

const namesIn = (body: JsonObject): readonly string[] =>
  ((body['result'] as JsonObject)['tools'] as readonly JsonObject[]).map((tool) => String(tool['name'])).sort()

const resultOf = (body: JsonObject): JsonObject => (body['result'] as JsonObject)['structuredContent'] as JsonObject

it('answers those for whom it is, and nobody else, under the law', async () => {
  await using there = await aGateway(CONFIG)
  const url = `${there.url}/mcp/portcullis`
  const as = async (role: string): Promise<JsonObject> => ({ authorization: `Bearer ${await there.key({ roles: [role] })}` })
  const [owner, wide, other] = (await Promise.all([as('owner'), as('wide'), as('other')])) as [
    { authorization: string },
    { authorization: string },
    { authorization: string },
  ]
  const call = (name: string, args: JsonObject, headers: { authorization: string }) =>
    post(url, 'tools/call', { name, arguments: args }, headers)

  const listed = await post(url, 'tools/list', {}, owner)
  assert.deepEqual(namesIn(listed.body), [
    'block_address',
    'explain_decision',
    'get_security_audit',
    'list_approvals',
    'list_keys',
    'list_users',
  ])
  assert.equal((await post(url, 'tools/list', {}, wide)).status, 403)
  assert.equal((await call('list_keys', {}, wide)).status, 403)
  assert.equal((await call('list_keys', {}, other)).status, 400)
  assert.equal((await post(url, 'tools/list')).status, 401)
  assert.equal((await post(`${there.url}/mcp`, 'tools/list', {}, owner)).status, 200, 'a single server stays at /mcp')

  const audit = resultOf((await call('get_security_audit', { since: '1h' }, owner)).body)['result'] as JsonObject
  assert.ok(((audit['sections'] as JsonObject)['permissions'] as JsonObject)['count'])
  const keys = JSON.stringify((await call('list_keys', {}, owner)).body)
  assert.match(keys, /"roles":\["wide"\]/)
  assert.doesNotMatch(keys, /hash|secret|mcp_/)
  assert.deepEqual(resultOf((await call('list_users', {}, owner)).body)['result'], [])
  assert.deepEqual(resultOf((await call('list_approvals', {}, owner)).body)['result'], [])
  const explained = resultOf((await call('explain_decision', { as: 'role:other', tool: 'one/x' }, owner)).body)['result'] as JsonObject
  assert.equal(explained['effect'], 'forbid')

  const blocked = await call('block_address', { address: '203.0.113.7', for: '1h' }, owner)
  assert.equal((resultOf(blocked.body)['result'] as JsonObject)['cidr'], '203.0.113.7/32')
  for (const args of [{ address: '0.0.0.0/0' }, { address: 'x' }, { address: '203.0.113.7', for: '90d' }])
    assert.equal(((await call('block_address', args, owner)).body['result'] as JsonObject)['isError'], true, JSON.stringify(args))
  assert.equal((await call('list_keys', { more: 1 }, owner)).status, 200)
  const block = (await there.events()).find(({ type }) => type === 'address.blocked')
  assert.match(block?.by ?? '', /^mcp:key#/)
  assert.ok((await there.events()).some(({ type, resource }) => type === 'call.ended' && resource?.name === 'block_address'))
})

it('speaks to clients of the older revisions too', async () => {
  await using there = await aGateway(CONFIG)
  const authorization = `Bearer ${await there.key({ roles: ['admin'] })}`
  const say = (body: JsonObject, session?: string): Promise<Response> =>
    fetch(`${there.url}/mcp/portcullis`, {
      method: 'POST',
      headers: {
        authorization,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...(session !== undefined && { 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' }),
      },
      body: JSON.stringify({ jsonrpc: '2.0', ...body }),
    })

  const clientInfo = { name: 'old', version: '1' }
  const opened = await say({ id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo } })
  const session = opened.headers.get('mcp-session-id') ?? ''
  await opened.text()
  await say({ method: 'notifications/initialized' }, session)
  const answer = await say(
    { id: 2, method: 'tools/call', params: { name: 'block_address', arguments: { address: '203.0.113.9' } } },
    session,
  )

  assert.match(await answer.text(), /203\.0\.113\.9\/32/)
})
