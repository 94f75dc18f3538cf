/** What never becomes a call costs its address what a call does, and fills no journal. */
import assert from 'node:assert/strict'
import { request } from 'node:http'
import { describe, test } from 'node:test'
import { Denial } from '../../src/core/denial.ts'
import type { Entry } from '../../src/core/event.ts'
import { TurnedAway } from '../../src/face/turned-away.ts'
import { callFrom } from '../fixtures/caller.ts'
import { aGateway } from '../fixtures/gateway.ts'
import { aBareUpstream, text } from '../fixtures/upstream.ts'

const MINUTE = 60_000
const LINES = 60

function aTeller() {
  const world = { now: 1_000_000, written: [] as Entry[] }
  const history = { write: (entry: Entry) => Promise.resolve(void world.written.push(entry)) }
  const away = new TurnedAway({ history, clock: () => world.now, newId: () => 'id' })
  const tell = async (address: string | undefined, times: number): Promise<void> => {
    for (let at = 0; at < times; at++) await away.tell(new Denial('no_route', { detail: `path ${at}` }), { address })
  }
  const linesOf = (address: string): number => world.written.filter((entry) => entry.address === address).length
  return { world, away, tell, linesOf }
}

describe('of what one address is turned away for', () => {
  test('the first in a minute stand in the journal, the others are one number, and those of other addresses are not less', async () => {
    const { world, tell, linesOf } = aTeller()
    await tell('192.0.2.1', LINES + 40)
    await tell('192.0.2.2', 3)
    assert.deepEqual([linesOf('192.0.2.1'), linesOf('192.0.2.2')], [LINES, 3])
    world.now += MINUTE
    await tell('192.0.2.3', 1)
    const told = world.written.filter(({ detail }) => detail?.includes('more from there'))
    assert.deepEqual(
      told.map(({ address, denial, detail }) => [address, denial, detail]),
      [['192.0.2.1/32', 'no_route', '40 more from there within a minute, the last: path 99']],
    )
    await tell('192.0.2.1', 1)
    assert.equal(linesOf('192.0.2.1'), LINES + 1)
  })

  test('the number is told a minute later, and at the end, also when nobody comes any more', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const { world, away, tell } = aTeller()
    const told = (): readonly (string | undefined)[] =>
      world.written.map(({ detail }) => detail).filter((detail) => detail?.includes('more from there'))
    await tell('192.0.2.1', LINES + 2)
    world.now += MINUTE
    t.mock.timers.tick(MINUTE)
    assert.deepEqual(told(), ['2 more from there within a minute, the last: path 61'])
    await tell('192.0.2.1', LINES + 3)
    away.flush()
    away.flush()
    assert.deepEqual(told().slice(1), ['3 more from there within a minute, the last: path 62'])
  })

  test('a clock that is set back keeps nothing quiet, and no number of addresses is more than memory', async () => {
    const { world, tell, linesOf } = aTeller()
    await tell('192.0.2.1', LINES + 1)
    world.now -= 10 * MINUTE
    await tell('192.0.2.1', 1)
    assert.equal(linesOf('192.0.2.1'), LINES + 1)
    for (let at = 0; at < 10_000; at++) await tell(`10.0.${at >> 8}.${at & 255}`, 1)
    await tell('192.0.2.1', LINES)
    assert.equal(linesOf('192.0.2.1'), 2 * LINES + 1)
  })
})

const BURST = 5
const FLOOD = 100

/** The status of what is no call, asked again and again from one address. */
async function flood(
  url: string,
  localAddress: string,
  said: { readonly method: string; readonly headers?: Readonly<Record<string, string>> },
) {
  const statuses = new Map<number, number>()
  for (let at = 0; at < FLOOD; at++) {
    const status = await new Promise<number>((resolve, reject) => {
      const req = request(url, { ...said, localAddress, agent: false }, (res) => res.resume().on('end', () => resolve(res.statusCode ?? 0)))
      req.on('error', reject)
      req.end()
    })
    statuses.set(status, (statuses.get(status) ?? 0) + 1)
  }
  return Object.fromEntries(statuses)
}

async function aPlace(more: string) {
  const upstream = await aBareUpstream({ echo: () => text('done') })
  const house = await aGateway(`
servers: { tools: { url: "${upstream.url}" } }
access: { roles: { user: { permissions: ["*"] } }, tools: { "*": { permission: t:use } } }
limits: { address: { rate: 1/h, burst: ${BURST} } }
${more}`)
  const close = async (): Promise<void> => {
    await house[Symbol.asyncDispose]()
    await upstream[Symbol.asyncDispose]()
  }
  return { house, [Symbol.asyncDispose]: close }
}

const NO_CALLS = [
  ['no path of ours', '/nowhere', { method: 'GET' }, 404],
  ['no method of ours', '/mcp', { method: 'PUT' }, 405],
  ['a stream of no session', '/mcp', { method: 'GET' }, 405],
  ['health that is written to', '/health', { method: 'POST' }, 405],
  ['metadata that is written to', '/.well-known/oauth-protected-resource/mcp', { method: 'POST' }, 405],
  ['a foreign host', '/mcp', { method: 'POST', headers: { host: 'evil.example' } }, 400],
  ['a foreign page', '/mcp', { method: 'POST', headers: { origin: 'https://evil.example' } }, 403],
] as const

test('whoever sends what is no call again and again is told 429, has no calls left, and writes no line for each', async () => {
  await using place = await aPlace('authentication: { issuers: [{ issuer: "https://id.example", jwksUri: "https://id.example/keys" }] }')
  const { house } = place
  const key = await house.key({ roles: ['user'] })
  for (const [at, [name, path, said, status]] of NO_CALLS.entries()) {
    const from = `127.0.1.${at + 1}`
    assert.deepEqual(await flood(house.url + path, from, said), { [status]: BURST, 429: FLOOD - BURST }, name)
    assert.equal((await callFrom(from, `${house.url}/mcp`, { 'x-api-key': key })).status, 429, name)
    const written = (await house.events()).filter(({ address }) => address === from)
    assert.equal(written.length, LINES, name)
  }
  assert.equal((await callFrom('127.0.2.1', `${house.url}/mcp`, { 'x-api-key': key })).status, 200)
})

test('where nothing but authentication refuses, an address may ask as often as it likes; what would have been is written down', async () => {
  await using place = await aPlace('profile: observe')
  const { house } = place
  const key = await house.key({ roles: ['user'] })
  const from = '127.0.1.1'
  for (let at = 0; at < 2 * BURST; at++) assert.equal((await callFrom(from, `${house.url}/mcp`, { 'x-api-key': key })).status, 200)
  const outcomes = (await house.events())
    .filter(({ type }) => type === 'call.ended')
    .map(({ outcome, denial }) => `${outcome} ${denial ?? ''}`)
  assert.deepEqual(outcomes, [...Array<string>(BURST).fill('permitted '), ...Array<string>(BURST).fill('would_deny rate_limited')])
  assert.deepEqual(await flood(`${house.url}/nowhere`, from, { method: 'GET' }), { 404: FLOOD })

  await house.gateway.house.limits.blocks.add(`${from}/32`, { by: 'test' })
  assert.equal((await callFrom(from, `${house.url}/mcp`, { 'x-api-key': key })).status, 403)
})
