/** The agent's side under the transports of SDK v1 and v2, in each of the shapes that they take; types flow, nothing is cast. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import {
  type AuthProvider as AuthProviderV2,
  Client as ClientV2,
  type OAuthClientProvider as ProviderV2,
  StreamableHTTPClientTransport as TransportV2,
  UnauthorizedError as UnauthorizedV2,
} from '@modelcontextprotocol/client'
import { type OAuthClientProvider as ProviderV1, UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { Revocations, tokenDigest } from '../../src/identity/revocation.ts'
import { authenticatedFetch, authProvider, oauthClientProvider, TokenManager } from '../../src/index.ts'
import { type AgentWorld, anAgentWorld, aPerson } from './world.ts'

const WHO = { name: 'agent', version: '1.0.0' }
const secureOf = ({ house }: AgentWorld): URL => new URL(`${house.url}/mcp/secure`)

/** Connects and calls; the session ends with the test. */
async function callV1(t: TestContext, transport: TransportV1): Promise<string> {
  const client = new ClientV1(WHO)
  await client.connect(transport)
  t.after(() => client.close())
  return JSON.stringify(await client.callTool({ name: 'get_time', arguments: {} }))
}

test('SDK v1 over the fetch: from nothing to a call', async (t) => {
  await using world = await anAgentWorld()
  const person = aPerson()
  await using manager = new TokenManager({ grant: person })
  const transport = new TransportV1(secureOf(world), { fetch: authenticatedFetch(manager) })
  assert.match(await callV1(t, transport), /text/)
  assert.equal(person.shown.length, 1)
})

test('SDK v1 with an OAuthClientProvider: its flow ends as its contract has it, and the next connection is let in', async (t) => {
  await using world = await anAgentWorld()
  const person = aPerson()
  await using manager = new TokenManager({ grant: person })
  const url = secureOf(world)
  const provider: ProviderV1 = oauthClientProvider(manager, url)
  await assert.rejects(callV1(t, new TransportV1(url, { authProvider: provider })), UnauthorizedError)
  assert.match(await callV1(t, new TransportV1(url, { authProvider: provider })), /text/)
  assert.equal(person.shown.length, 1)
})

test('SDK v2 with an OAuthClientProvider: the SDK warns of nothing, and a token that is refused in mid-conversation costs one call', async (t) => {
  await using world = await anAgentWorld()
  const person = aPerson()
  await using manager = new TokenManager({ grant: person })
  const warned: unknown[] = []
  t.mock.method(console, 'warn', (...said: readonly unknown[]) => void warned.push(said))
  const provider: ProviderV2 = oauthClientProvider(manager, world.url)
  const connect = async (): Promise<ClientV2> => {
    const client = new ClientV2(WHO, { versionNegotiation: { mode: 'auto' } })
    await client.connect(new TransportV2(world.url, { authProvider: provider }))
    t.after(() => client.close())
    return client
  }
  await assert.rejects(connect(), UnauthorizedV2)
  const client = await connect()
  const call = async (name: string): Promise<string> => JSON.stringify(await client.callTool({ name, arguments: { message: 'hello' } }))
  assert.match(await call('echo'), /hello/)
  const { accessToken = '' } = (await manager.token(world.url)) ?? {}
  const { store, clock } = world.house.gateway.house
  await new Revocations(store, clock).revoke(tokenDigest(accessToken), clock() + 600_000)
  await assert.rejects(call('echo'), UnauthorizedV2)
  assert.match(await call('echo'), /hello/)
  assert.deepEqual(warned, [])
})

test('SDK v2 with an AuthProvider: from nothing to a call, and on after a token is refused', async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
  await using world = await anAgentWorld()
  const person = aPerson()
  const stopped = Date.now()
  await using manager = new TokenManager({ grant: person, clock: () => stopped })
  const provider: AuthProviderV2 = authProvider(manager, world.url)
  const client = new ClientV2(WHO, { versionNegotiation: { mode: 'auto' } })
  await client.connect(new TransportV2(world.url, { authProvider: provider }))
  t.after(() => client.close())
  const call = async (): Promise<string> => JSON.stringify(await client.callTool({ name: 'echo', arguments: { message: 'hello' } }))
  assert.match(await call(), /hello/)
  t.mock.timers.tick(6 * 60_000)
  assert.match(await call(), /hello/)
  assert.deepEqual([person.shown.length, await world.issued('refresh_token')], [1, 1])
})

test('a token bound to a key is not handed to a transport that would send it unbound', async () => {
  await using world = await anAgentWorld()
  await using manager = new TokenManager({ grant: aPerson(), dpop: true })
  await manager.renew(world.url)
  await assert.rejects(authProvider(manager, world.url).token(), { code: 'FAULT_SIGN_IN' })
})
