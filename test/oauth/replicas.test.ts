/** Three authorization servers of one issuer on one Redis: what may be used once is used once, whoever is asked. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createAuthorizationServer } from '../../src/oauth/server.ts'
import { openRedis } from '../../src/store/redis.ts'
import { REDIS_MISSING, settingsOf, startRedis } from '../fixtures/redis.ts'
import { type Answer, createWorld, listenAs, obtainCode, redeem, refreshOnce, register, type World } from './world.ts'

/** The world as each of three replicas serves it. */
async function createReplicas(t: TestContext): Promise<readonly [World, ...World[]]> {
  const redis = await startRedis()
  t.after(() => redis[Symbol.asyncDispose]())
  const settings = settingsOf(redis.port)
  const open = () => {
    const store = openRedis(settings, { clock: Date.now })
    t.after(() => store.close())
    return store
  }
  const first = await createWorld(t, { wrapStore: open })
  const others = [0, 1].map(async () => {
    const store = open()
    const origin = await listenAs(t, () => createAuthorizationServer({ ...first.options, store }))
    return { ...first, store, origin }
  })
  return [first, ...(await Promise.all(others))]
}

test('of fifty parallel redemptions of a code, and of fifty refreshes, on three replicas, one token family comes out', {
  skip: REDIS_MISSING,
}, async (t) => {
  const worlds = await createReplicas(t)
  const [first] = worlds
  const at = (index: number): World => {
    const world = worlds[index % worlds.length] ?? first
    return { ...world, issuer: world.origin }
  }
  const client = await register(at(1))
  const { code, verifier } = await obtainCode(first, { client })
  const redeemed = await Promise.all(Array.from({ length: 50 }, (_, index) => redeem(at(index), client, code, verifier)))
  assert.equal(redeemed.filter(({ status }) => status === 200).length, 1)

  const again = await obtainCode(first, { client })
  const { body } = await redeem(at(2), client, again.code, again.verifier)
  const refreshed: readonly Answer[] = await Promise.all(
    Array.from({ length: 50 }, (_, index) => refreshOnce(at(index), client, String(body['refresh_token']))),
  )
  const tokens = new Set(refreshed.filter(({ status }) => status === 200).map((answer) => answer.body['refresh_token']))
  assert.equal(tokens.size, 1)
})
