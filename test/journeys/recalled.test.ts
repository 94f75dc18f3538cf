/** On Redis a key that called a moment ago is judged at once, and asked about anew before anything is done for it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '../../src/core/json.ts'
import { aGateway, post } from '../fixtures/gateway.ts'
import { REDIS_MISSING, startRedis } from '../fixtures/redis.ts'
import { aBareUpstream, text } from '../fixtures/upstream.ts'

test('a key that is revoked a moment after it called reaches no server, asks no server what there is, and has no person asked', {
  skip: REDIS_MISSING,
}, async () => {
  await using redis = await startRedis()
  await using upstream = await aBareUpstream({ echo: () => text('hi'), wipe: () => text('gone') })
  await using house = await aGateway(
    `
servers: { tools: { url: "${upstream.url}" } }
access:
  roles: { user: { permissions: ["*"] } }
  tools: { "tools/*": { permission: t:use }, tools/wipe: { permission: t:use, approval: true } }
inspect: { definitions: { pin: false } }`,
    { store: `redis://127.0.0.1:${redis.port}` },
  )
  const { keys, approvals } = house.gateway.house
  for (const name of ['echo', 'wipe', 'unheard-of']) {
    const key = await house.key({ roles: ['user'] })
    const call = async (tool: string): Promise<unknown> => {
      const { status, body } = await post(`${house.url}/mcp/tools`, 'tools/call', { name: tool, arguments: {} }, { 'x-api-key': key })
      return ((body['error'] as JsonObject | undefined)?.['data'] as JsonObject | undefined)?.['code'] ?? status
    }
    assert.equal(await call('echo'), 200)
    await keys.revoke(key.split('_')[1] ?? '')
    const reached = upstream.seen.length
    assert.equal(await call(name), 'invalid_token', name)
    assert.equal(upstream.seen.length, reached, name)
  }
  assert.deepEqual(await approvals.list(), [])
})
