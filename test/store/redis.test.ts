/** Redis keeps the contract: one server, three primaries of a Cluster, a pair under Sentinel; and so does Valkey, where it is. */
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { openRedis } from '../../src/store/redis.ts'
import type { RedisSettings } from '../../src/store/redis-connect.ts'
import { storeContract } from '../contract/store.ts'
import {
  REDIS_MISSING,
  type RedisServer,
  type SentinelWorld,
  settingsOf,
  startCluster,
  startRedis,
  startSentinel,
  VALKEY,
  VALKEY_MISSING,
} from '../fixtures/redis.ts'

describe('Redis', { skip: REDIS_MISSING }, () => {
  let server: Promise<RedisServer> | undefined
  after(async () => (await server)?.[Symbol.asyncDispose]())
  storeContract('Redis', async () => {
    server ??= startRedis()
    const settings = settingsOf((await server).port)
    return { open: (clock) => openRedis(settings, { clock }), remove: () => undefined }
  })

  let cluster: ReturnType<typeof startCluster> | undefined
  after(async () => (await cluster)?.[Symbol.asyncDispose]())
  async function clusterSettings(): Promise<RedisSettings> {
    cluster ??= startCluster()
    const [first, ...rest] = (await cluster).servers.map(({ port }) => ({ host: '127.0.0.1', port }))
    assert.ok(first !== undefined)
    return settingsOf(0, { kind: 'cluster', places: [first, ...rest] })
  }
  storeContract('A Redis Cluster', async () => {
    const settings = await clusterSettings()
    return { open: (clock) => openRedis(settings, { clock }), remove: () => undefined }
  })
  it('A Cluster is not opened where one of its servers would forget revocations when it is full', async (t) => {
    const settings = await clusterSettings()
    const last = (await cluster)?.servers.at(-1)
    await last?.command('CONFIG', 'SET', 'maxmemory', '100mb', 'maxmemory-policy', 'allkeys-lru')
    t.after(() => last?.command('CONFIG', 'SET', 'maxmemory', '0', 'maxmemory-policy', 'noeviction'))
    const store = openRedis(settings, { clock: Date.now })
    t.after(() => store.close())
    await assert.rejects(store.get('k'), { code: 'FAULT_STORE', message: /set maxmemory-policy noeviction/ })
  })

  let world: Promise<SentinelWorld> | undefined
  after(async () => (await world)?.[Symbol.asyncDispose]())
  storeContract('Redis under Sentinel', async () => {
    world ??= startSentinel()
    const { settings } = await world
    const { prefix } = settingsOf(0)
    return { open: (clock) => openRedis({ ...settings, prefix }, { clock }), remove: () => undefined }
  })
})

describe('Valkey', { skip: VALKEY_MISSING }, () => {
  let server: Promise<RedisServer> | undefined
  after(async () => (await server)?.[Symbol.asyncDispose]())
  storeContract('Valkey', async () => {
    server ??= startRedis([], { program: VALKEY })
    const settings = settingsOf((await server).port)
    return { open: (clock) => openRedis(settings, { clock }), remove: () => undefined }
  })
})
