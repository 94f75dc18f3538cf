/** A Cluster loses the primary that has the keys: whoever needs it is told to come again, and what was acknowledged is on its replica. */
import assert from 'node:assert/strict'
import { createPublicKey } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { storeSource, verifyJournal } from '../../src/audit/verify.ts'
import { createKeyedHash } from '../../src/core/secret.ts'
import { openRedis } from '../../src/store/redis.ts'
import { aGateway, post, type Reply } from '../fixtures/gateway.ts'
import { REDIS_MISSING, startFailingCluster, until } from '../fixtures/redis.ts'
import { aBareUpstream, text } from '../fixtures/upstream.ts'

/** With the keys: the log of a writer whose lines may wait. */
const LOG = 'b'

test('a primary of a Cluster dies: calls are clean 503s until its replica has taken over, then they succeed, and no line is lost', {
  skip: REDIS_MISSING,
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'cluster-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  await using world = await startFailingCluster('{.key}')
  await using upstream = await aBareUpstream({ echo: () => text('hi') })
  const { places } = world.settings
  await using running = await aGateway(
    `servers: { tools: { url: ${JSON.stringify(upstream.url)} } }
keyFile: ${JSON.stringify(join(folder, 'house.key'))}
inspect: { input: off, definitions: { pin: false } }
access: { roles: { user: { permissions: ["*"] } }, tools: { "*": { permission: "tools:use" } } }`,
    { store: `redis+cluster://${places.map(({ host, port }) => `${host}:${port}`).join(',')}` },
  )
  const writer = openRedis(world.settings, { clock: Date.now, spool: { folder, maxBytes: 1_000_000, logs: [LOG] } })
  t.after(() => writer.close())
  const key = await running.key({ roles: ['user'] })
  const call = (): Promise<Reply> => post(`${running.url}/mcp/tools`, 'tools/call', { name: 'echo', arguments: {} }, { 'x-api-key': key })
  assert.equal((await call()).status, 200)
  let written = 0
  const write = (): Promise<void> => writer.append(LOG, [written++], { by: 'w', value: written })
  for (let n = 0; n < 5; n++) await write()
  await world.replicated()

  await world.primary.kill()
  const heard: Reply[] = []
  await until(async () => {
    await write()
    heard.push(await call())
    return heard.at(-1)?.status === 200
  }, 30_000)
  const refused = heard.slice(0, -1)
  assert.ok(refused.length > 0)
  for (const { status, headers, body } of refused)
    assert.deepEqual([status, Number(headers.get('retry-after')) > 0], [503, true], JSON.stringify(body))
  await until(async () => (await writer.read(LOG)).length >= written)
  assert.deepEqual(
    (await writer.read(LOG)).map(({ value }) => value),
    Array.from({ length: written }, (_, n) => n),
  )
  assert.deepEqual(await writer.marks(LOG), [{ by: 'w', value: written }])
  const { store, keyring } = running.gateway.house
  const { isSound, events } = await verifyJournal(storeSource(store), createPublicKey(keyring.signingKey()), {
    headHash: createKeyedHash(keyring.key('journal-head')),
  })
  assert.ok(isSound && events > heard.length)
})
