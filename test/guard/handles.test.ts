/** What a server keeps for somebody is used by whoever was given its name. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '../../src/core/json.ts'
import { aGateway, post } from '../fixtures/gateway.ts'
import { legacyHttp } from '../fixtures/speakers.ts'
import { aBareUpstream, text } from '../fixtures/upstream.ts'

test('a handle is good for whoever was given it, on any of the tools that take one; a guessed and an overheard one are refused alike', async () => {
  let carts = 0
  const clock = { now: Date.now() }
  await using upstream = await aBareUpstream({
    new_cart: () => ({ ...text('a cart'), structuredContent: { cart: { id: `cart-${++carts}` } } }),
    old_cart: () => text(JSON.stringify({ cart: { id: 7 } })),
    lost_cart: () => ({ ...text(JSON.stringify({ cart: { id: 'cart-9' } })), isError: true }),
    show_cart: () => text('shown'),
    merge_carts: () => text('merged'),
    browse: () => text('goods'),
  })
  await using house = await aGateway(
    `
servers: { shop: { url: "${upstream.url}" }, other: { url: "${upstream.url}" } }
access: { roles: { user: { permissions: ["*"] } }, tools: { "*": { permission: t:use } } }
handles:
  cart:
    made: { "shop/*_cart": /cart/id }
    used: { "shop/show_cart": /cart_id, "shop/merge_carts": /carts/id }
    remember: 1h
limits: { tools: { "shop/browse": 1000/s } }
inspect: { definitions: { pin: false } }`,
    { clock: () => clock.now },
  )
  const [ann, bob] = [await house.key({ roles: ['user'] }), await house.key({ roles: ['user'] })]
  const call = async (key: string, name: string, args: JsonObject = {}, server = 'shop'): Promise<unknown> => {
    const { body } = await post(`${house.url}/mcp/${server}`, 'tools/call', { name, arguments: args }, { 'x-api-key': key })
    return ((body['error'] as JsonObject | undefined)?.['data'] as JsonObject | undefined)?.['code'] ?? 'ok'
  }
  const show = (key: string, id: unknown): Promise<unknown> => call(key, 'show_cart', { cart_id: id as string })

  assert.equal(await call(ann, 'new_cart'), 'ok')
  assert.equal(await call(bob, 'new_cart'), 'ok')
  assert.equal(await call(bob, 'old_cart'), 'ok')
  assert.deepEqual(
    [await show(ann, 'cart-1'), await show(bob, 'cart-2'), await show(bob, 7), await show(bob, '7')],
    ['ok', 'ok', 'ok', 'ok'],
  )
  const reached = upstream.seen.length
  for (const id of ['cart-2', 'cart-3', 'cart-9', 7, '', null, { id: 'cart-1' }, ['cart-1', 'cart-2'], 'CART-1', 'cart-1 '])
    assert.equal(await show(ann, id), 'forbidden', JSON.stringify(id))
  assert.equal(await call(ann, 'merge_carts', { carts: [{ id: 'cart-1' }, { id: 'cart-2' }] }), 'forbidden')
  // What answered with an error gave nothing.
  assert.equal(await call(ann, 'lost_cart'), 'ok')
  assert.equal(await show(ann, 'cart-9'), 'forbidden')
  assert.equal(upstream.seen.length, reached + 1)
  assert.equal(await call(bob, 'merge_carts', { carts: [{ id: 'cart-2' }, { id: 7 }] }), 'ok')
  assert.deepEqual(
    [
      await call(ann, 'browse', { cart_id: 'cart-2' }),
      await call(ann, 'show_cart'),
      await call(ann, 'show_cart', { cart_id: 'cart-2' }, 'other'),
    ],
    ['ok', 'ok', 'ok'],
  )

  // Whose it was first it stays, in either era.
  carts = 1
  await using speaker = await legacyHttp(`${house.url}/mcp/shop`, ann, '2025-11-25')
  await speaker.ask('tools/call', { name: 'new_cart', arguments: {} })
  assert.equal(carts, 2)
  assert.equal(await show(ann, 'cart-2'), 'forbidden')

  const refused = (await house.events()).find(({ denial, policies }) => denial === 'forbidden' && policies?.includes('house.handle'))
  assert.deepEqual(
    refused?.findings?.map(({ label, detector, pointer }) => [label, detector, pointer]),
    [['foreign-handle', 'handle/cart', '/cart_id']],
  )
  const { store } = house.gateway.house
  assert.equal(JSON.stringify([await house.events(), await store.list('handle/')]).includes('cart-1'), false)
  clock.now += 3_600_001
  assert.equal(await show(ann, 'cart-1'), 'forbidden')
})
