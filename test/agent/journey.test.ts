/** An agent at a gateway that is its own authorization server: nobody above the fetch knows of tokens. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { Caller, textOf } from '../../src/agent/caller.ts'
import { authenticatedFetch, type FetchLike } from '../../src/agent/fetch.ts'
import { TokenManager } from '../../src/agent/manager.ts'
import { memoryStorage } from '../../src/agent/storage.ts'
import { Fault } from '../../src/core/denial.ts'
import { Revocations, tokenDigest } from '../../src/identity/revocation.ts'
import { anAgentWorld, aPerson } from './world.ts'

const WHO = { name: 'agent', version: '1.0.0' }
const MINUTE_MS = 60_000

async function connect(t: TestContext, url: URL, fetch: FetchLike): Promise<Client> {
  const client = new Client(WHO, { versionNegotiation: { mode: 'auto' } })
  await client.connect(new StreamableHTTPClientTransport(url, { fetch }))
  t.after(() => client.close())
  return client
}

const echo = async (client: Client): Promise<string> =>
  JSON.stringify(await client.callTool({ name: 'echo', arguments: { message: 'hello' } }))

test('an SDK client goes from nothing to a call: one page is shown, and the token goes to this server alone', async (t) => {
  await using world = await anAgentWorld()
  const person = aPerson()
  await using manager = new TokenManager({ grant: person })
  const client = await connect(t, world.url, authenticatedFetch(manager))
  assert.match(await echo(client), /hello/)
  assert.equal(person.shown.length, 1)
  const asked = person.shown[0]?.searchParams
  assert.deepEqual([asked?.get('code_challenge_method'), asked?.get('resource')], ['S256', world.url.href])
  const token = await manager.token(world.url)
  assert.deepEqual([token?.issuer, token?.resource], [world.house.url, world.url.href])
  assert.equal(await manager.token(new URL(`${world.house.url}/mcp/other`)), undefined)
  const ended = (await world.house.events()).findLast(({ type, resource }) => type === 'call.ended' && resource?.name === 'echo')
  assert.equal(ended?.principal, `${world.house.url}#alice`)
})

test('a tool that needs more is stepped up to with the union of scopes, and what was granted stays granted', async (t) => {
  await using world = await anAgentWorld()
  const person = aPerson()
  await using manager = new TokenManager({ grant: person })
  const narrow = await manager.renew(world.url, { scheme: 'bearer', scopes: ['tools:read'] })
  assert.deepEqual(narrow.scopes, ['tools:read'])
  const client = await connect(t, world.url, authenticatedFetch(manager))
  assert.match(await echo(client), /hello/)
  assert.match(JSON.stringify(await client.callTool({ name: 'purge' })), /purged/)
  assert.equal(person.shown.at(-1)?.searchParams.get('scope'), 'tools:read tools:write')
  assert.match(await echo(client), /hello/)
  assert.equal(person.shown.length, 2)
})

test('a token that ends in the middle of a conversation is renewed before its end, and nobody signs in again', async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
  await using world = await anAgentWorld()
  const person = aPerson()
  await using manager = new TokenManager({ grant: person, clock: () => Date.now() })
  const client = await connect(t, world.url, authenticatedFetch(manager))
  await echo(client)
  const first = (await manager.token(world.url))?.accessToken
  t.mock.timers.tick(5 * MINUTE_MS - 31_000)
  await echo(client)
  assert.equal((await manager.token(world.url))?.accessToken, first, 'more than 30 s before its end it is kept')
  t.mock.timers.tick(2_000)
  await echo(client)
  assert.notEqual((await manager.token(world.url))?.accessToken, first)
  t.mock.timers.tick(60 * MINUTE_MS)
  assert.match(await echo(client), /hello/)
  assert.deepEqual([person.shown.length, await world.issued('refresh_token')], [1, 2])
})

test('a token that the server no longer takes is renewed after its 401, once, and the call is made again', async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
  await using world = await anAgentWorld()
  const person = aPerson()
  const stopped = Date.now()
  await using manager = new TokenManager({ grant: person, clock: () => stopped })
  const client = await connect(t, world.url, authenticatedFetch(manager))
  await echo(client)
  t.mock.timers.tick(6 * MINUTE_MS)
  assert.match(await echo(client), /hello/)
  assert.deepEqual([person.shown.length, await world.issued('refresh_token')], [1, 1])
})

test('50 parallel calls make one refresh, and 50 parallel refusals make one', async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
  await using world = await anAgentWorld()
  const person = aPerson()
  const lag = { ms: 0 }
  await using manager = new TokenManager({ grant: person, clock: () => Date.now() - lag.ms })
  const client = await connect(t, world.url, authenticatedFetch(manager))
  await echo(client)
  t.mock.timers.tick(6 * MINUTE_MS)
  const calls = (): Promise<readonly string[]> => Promise.all(Array.from({ length: 50 }, () => echo(client)))
  assert.equal(
    (await calls()).every((said) => said.includes('hello')),
    true,
  )
  assert.equal(await world.issued('refresh_token'), 1)
  // Now its clock is late, and it learns from 50 times 401.
  lag.ms = 6 * MINUTE_MS
  t.mock.timers.tick(6 * MINUTE_MS)
  assert.equal(
    (await calls()).every((said) => said.includes('hello')),
    true,
  )
  assert.deepEqual([await world.issued('refresh_token'), person.shown.length], [2, 1])
})

test('a revoked token is replaced while its grant stands; when the grant is gone, the person is asked; a script is told', async (t) => {
  await using world = await anAgentWorld()
  const { store, clock } = world.house.gateway.house
  const storage = memoryStorage()
  const person = aPerson()
  await using manager = new TokenManager({ grant: person, storage })
  const client = await connect(t, world.url, authenticatedFetch(manager))
  await echo(client)
  const revoke = async (): Promise<void> => {
    const token = (await manager.token(world.url))?.accessToken ?? ''
    await new Revocations(store, clock).revoke(tokenDigest(token), clock() + 10 * MINUTE_MS)
  }
  await revoke()
  assert.match(await echo(client), /hello/)
  assert.equal(person.shown.length, 1)

  await using script = new TokenManager({ grant: { kind: 'stored' }, storage })
  const fetch = authenticatedFetch(script)
  const caller = new Caller({ url: world.url, fetch, client: WHO, signal: t.signal })
  assert.equal(textOf(await caller.callTool('echo', { message: 'from a script' })), 'from a script')

  assert.equal(await manager.forget(world.url), true)
  assert.equal(await manager.forget(world.url), false)
  await using late = new TokenManager({ grant: { kind: 'stored' }, storage })
  const again = new Caller({ url: world.url, fetch: authenticatedFetch(late), client: WHO, signal: t.signal })
  await assert.rejects(again.listTools(), (error) => error instanceof Fault && error.code === 'FAULT_SIGN_IN')
})

test('two accounts share a storage and never a token', async (t) => {
  await using world = await anAgentWorld()
  const storage = memoryStorage()
  await using alice = new TokenManager({ grant: aPerson('alice'), storage, account: 'alice' })
  await using bob = new TokenManager({ grant: aPerson('bob'), storage, account: 'bob' })
  const clients = await Promise.all([alice, bob].map((manager) => connect(t, world.url, authenticatedFetch(manager))))
  await Promise.all(clients.flatMap((client) => Array.from({ length: 10 }, () => echo(client))))
  const [first, second] = [await alice.token(world.url), await bob.token(world.url)]
  assert.notEqual(first?.accessToken, second?.accessToken)
  const callers = (await world.house.events()).filter(({ type, resource }) => type === 'call.ended' && resource?.name === 'echo')
  const count = (name: string): number => callers.filter(({ principal }) => principal === `${world.house.url}#${name}`).length
  assert.deepEqual([count('alice'), count('bob')], [10, 10])
})

test('a token bound to a key goes with a proof, and is renewed with it', async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
  await using world = await anAgentWorld()
  await using manager = new TokenManager({ grant: aPerson(), dpop: true, clock: () => Date.now() })
  const client = await connect(t, world.url, authenticatedFetch(manager))
  assert.match(await echo(client), /hello/)
  const token = await manager.token(world.url)
  assert.ok(token?.dpop)
  const stolen = await fetch(world.url, { method: 'POST', headers: { authorization: `Bearer ${token.accessToken}` }, body: '{}' })
  assert.equal(stolen.status, 401)
  t.mock.timers.tick(6 * MINUTE_MS)
  assert.match(await echo(client), /hello/)
  assert.equal(await world.issued('refresh_token'), 1)
})
