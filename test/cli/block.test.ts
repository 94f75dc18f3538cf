/** Addresses are blocked and let in again, while two gateways run on the same store. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { z } from 'zod'
import { callFrom, codeOf } from '../fixtures/caller.ts'
import { CONFIG, type Installation, install } from './portcullis.ts'

const listening = z.object({ url: z.string() })
const issued = z.object({ key: z.string() })
const blocks = z.array(z.object({ cidr: z.string(), until: z.number().optional(), by: z.string() }))
const event = z.looseObject({ type: z.string(), address: z.string().optional(), by: z.string().optional(), denial: z.string().optional() })

const ENOUGH_MS = 10_000

async function aGateway(there: Installation): Promise<string> {
  const line = await there.start(['serve', '--json']).line((text) => text.startsWith('{"url"'))
  return `${listening.parse(JSON.parse(line)).url}/mcp`
}

/** Asks until the answer is this, for a time. */
async function until(ask: () => Promise<number>, status: number): Promise<void> {
  const endsAt = performance.now() + ENOUGH_MS
  while ((await ask()) !== status) {
    assert.ok(performance.now() < endsAt, `never answered ${status}`)
    await wait(50)
  }
}

const run = async (there: Installation, ...args: readonly string[]): Promise<string> => {
  const { code, out, errors } = await there.run(args)
  assert.equal(code, 0, errors)
  return out
}

async function twoGateways(t: TestContext) {
  const there = install(t, CONFIG)
  const { key } = issued.parse(JSON.parse(await run(there, 'keys', 'create', '--name', 'ci', '--role', 'user', '--json')))
  const urls = await Promise.all([aGateway(there), aGateway(there)])
  const from = (address: string, url: string) => callFrom(address, url, { 'x-api-key': key }, 'tools/list', {})
  return { there, urls, from }
}

test('an address that is blocked is turned away by every gateway, and let in again by a word', async (t) => {
  const { there, urls, from } = await twoGateways(t)
  for (const url of urls) assert.equal((await from('127.0.0.5', url)).status, 200)

  await run(there, 'block', 'add', '127.0.0.4/30', '--for', '15m')
  for (const url of urls) await until(async () => (await from('127.0.0.5', url)).status, 429)
  for (const url of urls) {
    const refused = await from('127.0.0.6', url)
    assert.deepEqual([refused.status, codeOf(refused)], [429, 'rate_limited'])
    assert.ok(Number(refused.headers['retry-after']) > 800)
    assert.equal((await from('127.0.0.8', url)).status, 200)
  }

  await run(there, 'block', 'add', '127.0.0.9')
  for (const url of urls) await until(async () => (await from('127.0.0.9', url)).status, 403)
  const listed = blocks.parse(JSON.parse(await run(there, 'block', 'list', '--json')))
  assert.deepEqual(
    listed.map(({ cidr, until: end }) => [cidr, end === undefined]),
    [
      ['127.0.0.4/30', false],
      ['127.0.0.9/32', true],
    ],
  )
  for (const { by } of listed) assert.match(by, /^cli/)
  assert.match(await run(there, 'block', 'list'), /127\.0\.0\.4\/30 +in 14m/)

  await run(there, 'block', 'remove', '127.0.0.5/30')
  for (const url of urls) await until(async () => (await from('127.0.0.5', url)).status, 200)

  const events = (await run(there, 'audit', 'query', '--json'))
    .trim()
    .split('\n')
    .map((line) => event.parse(JSON.parse(line)))
  assert.deepEqual(
    events.filter(({ type }) => type.startsWith('address.')).map(({ type, address }) => [type, address]),
    [
      ['address.blocked', '127.0.0.4/30'],
      ['address.blocked', '127.0.0.9/32'],
      ['address.unblocked', '127.0.0.4/30'],
    ],
  )
  assert.ok(events.some(({ denial, address }) => denial === 'rate_limited' && address === '127.0.0.6'))
  assert.ok(events.some(({ denial, address }) => denial === 'forbidden' && address === '127.0.0.9'))
})

test('what is no range, or is not blocked, is told with the next step', async (t) => {
  const there = install(t, `${CONFIG}\nlimits: { block: [203.0.113.0/24] }\n`)
  const odd = await there.run(['block', 'add', 'somebody'])
  assert.equal(odd.code, 2)
  assert.match(odd.errors, /203\.0\.113\.0\/24/)
  assert.equal((await there.run(['block', 'add', '198.51.100.8'])).code, 0)
  const none = await there.run(['block', 'remove', '198.51.100.7'])
  assert.equal(none.code, 1)
  assert.match(none.errors, /198\.51\.100\.7\/32 is not blocked[\s\S]*block list/)
  assert.match((await there.run(['block', 'remove', '203.0.113.0/24'])).errors, /limits\.block of the configuration/)
  assert.match((await there.run(['block', 'list'])).out, /203\.0\.113\.0\/24 +for ever/)
})
