/** The story of a key: guessed at, stolen, and used to carry data away, while its owner goes on working. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { mintSecret, writeKey } from '../../src/identity/key-text.ts'
import { callFrom, codeOf } from '../fixtures/caller.ts'
import { aGateway, type RunningGateway } from '../fixtures/gateway.ts'
import { aBareUpstream, text } from '../fixtures/upstream.ts'

const OPEN = 'access: { roles: { user: { permissions: ["*"] } }, tools: { "*": { permission: "tools:use" } } }'
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const OWNER = '127.0.0.1'
const GUESSER = '127.9.0.1'
const THIEF = '127.20.0.1'
const LARGE = 'x'.repeat(1_100_000)

async function aWorld(t: TestContext, yaml: string) {
  const clock = { now: Date.UTC(2026, 0, 5, 9) }
  const folder = mkdtempSync(join(tmpdir(), 'anomalies-'))
  const upstream = await aBareUpstream({ echo: () => text('x'), dump: () => text(LARGE) })
  t.after(async () => {
    await upstream[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true, force: true })
  })
  const open = (): Promise<RunningGateway> =>
    aGateway(`servers: { tools: { url: "${upstream.url}" } }\n${OPEN}\n${yaml}`, { store: join(folder, 'a.db'), clock: () => clock.now })
  return { clock, open }
}

const settled = (house: RunningGateway): Promise<void> | undefined => house.gateway.house.anomalies?.settled()
const look = (house: RunningGateway): Promise<void> | undefined => house.gateway.house.anomalies?.look()

/** The owner of a key works two hours a day, for eight days. */
async function work(house: RunningGateway, key: string, clock: { now: number }): Promise<void> {
  for (let day = 0; day < 8; day++) {
    for (const tool of ['echo', 'dump', 'echo']) {
      const seen = await callFrom(OWNER, `${house.url}/mcp`, { 'x-api-key': key }, 'tools/call', { name: tool, arguments: {} })
      assert.equal(seen.status, 200)
      clock.now += HOUR_MS / 2
    }
    clock.now += DAY_MS - 1.5 * HOUR_MS
  }
}

test('a key that is guessed at on two gateways, stolen and misused yields three anomalies, told once, and a block where it was misused, on both and after a restart; its owner works on', async (t) => {
  const { clock, open } = await aWorld(t, 'anomalies: { reactions: { exfiltration: block } }')
  let key = ''
  let mcp = ''
  const ask = (from: string, tool: string) => callFrom(from, mcp, { 'x-api-key': key }, 'tools/call', { name: tool, arguments: {} })
  {
    await using house = await open()
    mcp = `${house.url}/mcp`
    key = await house.key({ roles: ['user'] })
    await work(house, key, clock)
    await using other = await open()
    // Six here and five there: only who sees both sees a burst.
    for (let nth = 0; nth < 11; nth++)
      await callFrom(GUESSER, nth < 6 ? mcp : `${other.url}/mcp`, {
        'x-api-key': writeKey('mcp', { id: key.slice(4, 16), secret: mintSecret() }),
      })
    assert.equal((await ask(OWNER, 'echo')).status, 200)
    await look(other)
    await look(house)
    let refused = await ask(THIEF, 'dump')
    for (let nth = 0; nth < 10 && refused.status === 200; nth++) {
      refused = await ask(THIEF, 'dump')
      await settled(house)
    }
    assert.equal(codeOf(refused), 'rate_limited')
    assert.equal(refused.headers['retry-after'], '900')
    assert.equal((await ask(OWNER, 'echo')).status, 200)
    mcp = `${other.url}/mcp`
    await look(other)
    assert.equal(codeOf(await ask(THIEF, 'echo')), 'rate_limited')
    assert.equal((await ask(OWNER, 'echo')).status, 200)
    const events = await house.events()
    const told = events.filter(({ type }) => type === 'anomaly.detected')
    assert.deepEqual(
      told.map(({ anomaly, address }) => [anomaly?.kind, address, anomaly?.reaction]),
      [
        ['credential_burst', `${GUESSER}/32`, 'alert'],
        ['credential_burst', `${GUESSER}/32`, 'alert'],
        ['many_networks', `${THIEF}/32`, 'alert'],
        ['exfiltration', `${THIEF}/32`, 'block'],
      ],
    )
    const evidence = new Set(events.map(({ id }) => id))
    for (const { anomaly } of told) for (const id of anomaly?.events ?? ['none']) assert.ok(evidence.has(id))
    assert.ok((events.findLast(({ address, bytes }) => address === THIEF && bytes !== undefined)?.bytes ?? 0) > LARGE.length)
  }
  await using house = await open()
  mcp = `${house.url}/mcp`
  await settled(house)
  assert.equal(codeOf(await ask(THIEF, 'echo')), 'rate_limited')
  assert.equal((await ask(OWNER, 'echo')).status, 200)
  const held = house.gateway.house.anomalies?.reactions
  assert.deepEqual(
    held?.list().map(({ place, reaction, kind }) => [place, reaction, kind]),
    [[`${THIEF}/32`, 'block', 'exfiltration']],
  )
  // By an operator's word before its time, elsewhere too.
  await held?.release(`key#${key.slice(4, 16)}`, `${THIEF}/32`)
  assert.equal((await ask(THIEF, 'echo')).status, 200)
  await assert.rejects(async () => held?.release(`key#${key.slice(4, 16)}`, `${THIEF}/32`), { code: 'FAULT_BLOCK' })
  await held?.add({
    principal: `key#${key.slice(4, 16)}`,
    place: `${THIEF}/32`,
    reaction: 'block',
    kind: 'exfiltration',
    until: clock.now + 60_000,
  })
  assert.equal(codeOf(await ask(THIEF, 'echo')), 'rate_limited')
  clock.now += 60_000
  assert.equal((await ask(THIEF, 'echo')).status, 200)
})

test('with the reaction approval, a stolen key asks for a person where it was stolen to, and only there; in profile observe nothing is held', async (t) => {
  for (const profile of ['standard', 'observe']) {
    const { clock, open } = await aWorld(t, `profile: ${profile}\nanomalies: { reactions: { many_networks: approval } }`)
    await using house = await open()
    const key = await house.key({ roles: ['user'] })
    const ask = (from: string) => callFrom(from, `${house.url}/mcp`, { 'x-api-key': key }, 'tools/call', { name: 'echo', arguments: {} })
    await work(house, key, clock)
    await ask(OWNER)
    assert.equal((await ask(THIEF)).status, 200)
    await settled(house)
    assert.equal(codeOf(await ask(THIEF)), profile === 'observe' ? undefined : 'approval_required')
    assert.equal((await ask(OWNER)).status, 200)
  }
})
