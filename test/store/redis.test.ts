/** Redis keeps the contract: one server, three primaries of a Cluster, a pair under Sentinel; and so does Valkey, where it is. */
import { after, describe } from 'node:test'
import { openRedis } from '../../src/store/redis.ts'
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
  storeContract('A Redis Cluster', async () => {
    cluster ??= startCluster()
    const [first = 0, ...rest] = (await cluster).ports
    const places = [first, ...rest].map((port) => ({ host: '127.0.0.1', port }))
    const settings = settingsOf(first, { kind: 'cluster', places: [places[0] ?? { host: '', port: 0 }, ...places.slice(1)] })
    return { open: (clock) => openRedis(settings, { clock }), remove: () => undefined }
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
