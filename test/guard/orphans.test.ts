/** Calls that were under way when a gateway was killed: the next start gives them their ends, and nobody else's. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { AuditEvent } from '../../src/core/event.ts'
import { endOrphans } from '../../src/guard/orphans.ts'
import { aGateway, post, type RunningGateway } from '../fixtures/gateway.ts'
import { startGateway } from '../fixtures/gateway-process.ts'
import { aBareUpstream, text } from '../fixtures/upstream.ts'

const SETTINGS = {
  limits: { drain: '0s' },
  authentication: { anonymous: { roles: ['user'] } },
  access: { roles: { user: { permissions: ['*'] } }, tools: { '*': { permission: 'tools:use' } } },
}

const yamlOf = (settings: object): string =>
  Object.entries(settings)
    .map(([name, value]) => `${name}: ${JSON.stringify(value)}\n`)
    .join('')
const isOf = (name: string) => (event: AuditEvent) => event.resource?.name === name && event.type === 'call.ended'
const said = ({ outcome, denial, detail }: AuditEvent): string => `${outcome} ${denial} ${detail}`
const ENDED = 'failed unavailable the gateway ended before the call did'

test('a call that was under way when its gateway was killed is ended by the next start, once, and no call of a gateway that lives', async (t) => {
  const begun = Promise.withResolvers<void>()
  const alsoBegun = Promise.withResolvers<void>()
  await using upstream = await aBareUpstream({
    hang: () => void begun.resolve(),
    wait: () => void alsoBegun.resolve(),
    echo: () => text('x'),
  })
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-orphans-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const store = join(folder, 'p.db')
  const yaml = yamlOf({ servers: { tools: { url: upstream.url } }, ...SETTINGS })
  const inProcess = (): Promise<RunningGateway> => aGateway(yaml, { store })
  const killed = await startGateway({ store, servers: { tools: { url: upstream.url } }, ...SETTINGS })
  t.after(async () => {
    await killed.kill()
    rmSync(killed.folder, { recursive: true })
  })
  await using lives = await inProcess()
  const call = (url: string, name: string): Promise<unknown> =>
    post(`${url}/mcp`, 'tools/call', { name, arguments: {} }).catch(() => undefined)
  await call(killed.url, 'echo')
  const hanging = [call(killed.url, 'hang'), call(lives.url, 'wait')]
  await Promise.all([begun.promise, alsoBegun.promise])
  await killed.kill()
  for (let start = 0; start < 2; start++) {
    await using next = await inProcess()
    const events = await next.events()
    assert.deepEqual(events.filter(isOf('hang')).map(said), [ENDED])
    assert.deepEqual(events.filter(isOf('wait')), [])
    assert.equal(events.filter(isOf('echo')).length, 1)
    const [first, last] = [
      events.find(({ type, resource }) => type === 'call.begun' && resource?.name === 'hang'),
      events.find(isOf('hang')),
    ]
    assert.deepEqual(
      [last?.call, last?.method, last?.principal, last?.resource],
      [first?.call, first?.method, first?.principal, first?.resource],
    )
  }
  assert.equal(readdirSync(`${store}-live`).length, 1)
  await lives[Symbol.asyncDispose]()
  await Promise.all(hanging)
  assert.ok(!existsSync(`${store}-live`), 'who ends in order leaves nothing')
})

test('of an approval that such a call was let through on, the outcome is unknown, unless it was written', async () => {
  await using house = await aGateway(yamlOf(SETTINGS))
  const { journal, store } = house.gateway.house
  const resource = { kind: 'tool', server: 'tools', name: 'pay' } as const
  for (const call of ['a', 'b', 'c', 'd'])
    await journal.write({
      type: 'call.begun',
      call,
      method: 'tools/call',
      resource,
      principal: 'key#x',
      ...(call !== 'd' && { approval: `of-${call}` }),
    })
  await journal.write({ type: 'call.ended', call: 'b', outcome: 'permitted', resource })
  await journal.write({ type: 'approval.executed', call: 'c', approval: 'of-c', resource })
  const gone = { name: journal.node, forget: () => undefined, [Symbol.dispose]: () => undefined }
  for (let start = 0; start < 2; start++) {
    await endOrphans({ gone: () => [gone].values() }, store, journal)
    const written = (await house.events()).filter(({ detail }) => detail === 'the gateway ended before the call did')
    assert.deepEqual(
      written.map(({ type, call, approval }) => `${type} ${call} ${approval}`),
      ['call.ended a of-a', 'approval.unknown a of-a', 'call.ended c of-c', 'call.ended d undefined'],
    )
  }
})
