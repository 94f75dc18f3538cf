/** Tokens without a person, at our own authorization server: the client's own, and a caller's exchanged for another server's. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeJwt, exportJWK, exportPKCS8, generateKeyPair } from 'jose'
import { Caller, textOf } from '../../src/agent/caller.ts'
import { authenticatedFetch } from '../../src/agent/fetch.ts'
import { TokenManager } from '../../src/agent/manager.ts'
import type { Audience, PresentedToken } from '../../src/agent/options.ts'
import { Fault } from '../../src/core/denial.ts'
import { type ClientRequest, Clients, TOKEN_EXCHANGE } from '../../src/oauth/clients.ts'
import { type AgentWorld, anAgentWorld, aPerson } from './world.ts'

const MACHINE: ClientRequest = { name: 'A machine', grants: ['client_credentials'], redirectUris: [], roles: ['user'], createdBy: 'test' }

const clientsOf = ({ house }: AgentWorld): Clients => new Clients(house.gateway.house.store, house.gateway.house.clock)

async function echo(manager: TokenManager, url: URL, signal: AbortSignal): Promise<string> {
  const caller = new Caller({ url, fetch: authenticatedFetch(manager), client: { name: 'agent', version: '1.0.0' }, signal })
  return textOf(await caller.callTool('echo', { message: 'hello' }))
}

for (const authentication of ['client_secret_basic', 'client_secret_post'] as const) {
  test(`a machine calls with a token of its own, proving itself by ${authentication}, and gets another when that one ends`, async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
    await using world = await anAgentWorld()
    const { client, secret } = await clientsOf(world).add(MACHINE)
    assert.ok(secret)
    await using manager = new TokenManager({
      grant: { kind: 'client_credentials' },
      client: { id: client.id, secret, issuer: world.house.url, authentication },
      clock: () => Date.now(),
    })
    assert.equal(await echo(manager, world.url, t.signal), 'hello')
    t.mock.timers.tick(6 * 60_000)
    assert.equal(await echo(manager, world.url, t.signal), 'hello')
    assert.equal(await world.issued('client_credentials'), 2)
    const ended = (await world.house.events()).findLast(({ type }) => type === 'call.ended')
    assert.equal(ended?.principal, `${world.house.url}#${client.id}`)
  })
}

test('a machine gets its next token before the last one ends, once for 50 calls', async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
  await using world = await anAgentWorld()
  const { client, secret } = await clientsOf(world).add(MACHINE)
  assert.ok(secret)
  await using manager = new TokenManager({
    grant: { kind: 'client_credentials' },
    client: { id: client.id, secret, issuer: world.house.url },
    clock: () => Date.now(),
  })
  const first = await manager.renew(world.url)
  t.mock.timers.tick(5 * 60_000 - 29_000)
  const tokens = await Promise.all(Array.from({ length: 50 }, () => manager.token(world.url)))
  assert.deepEqual([new Set(tokens.map((token) => token?.accessToken)).size, await world.issued('client_credentials')], [1, 2])
  assert.notEqual(tokens[0]?.accessToken, first.accessToken)
  assert.deepEqual(tokens[0]?.scopes, first.scopes)
})

test('a machine signs for itself with its key', async (t) => {
  await using world = await anAgentWorld()
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
  const jwk = { ...(await exportJWK(publicKey)), alg: 'ES256', use: 'sig', kid: 'k' }
  const { client } = await clientsOf(world).add({ ...MACHINE, jwks: { keys: [JSON.parse(JSON.stringify(jwk))] } })
  await using manager = new TokenManager({
    grant: { kind: 'client_credentials' },
    client: { id: client.id, key: { pem: await exportPKCS8(privateKey), algorithm: 'ES256', kid: 'k' }, issuer: world.house.url },
  })
  assert.equal(await echo(manager, world.url, t.signal), 'hello')
})

test('a wrong secret is told with what the server says, and the secret is in no message', async (t) => {
  await using world = await anAgentWorld()
  const { client } = await clientsOf(world).add(MACHINE)
  const secret = 'not-the-secret'
  await using manager = new TokenManager({
    grant: { kind: 'client_credentials' },
    client: { id: client.id, secret, issuer: world.house.url },
  })
  await assert.rejects(echo(manager, world.url, t.signal), (error) => {
    assert.ok(error instanceof Fault && error.code === 'FAULT_SIGN_IN')
    assert.match(error.message, /invalid_client/)
    return !error.message.includes(secret)
  })
})

test('the token of a caller is exchanged for one of another server, which says for whom and through whom', async (t) => {
  await using world = await anAgentWorld()
  const other = new URL(`${world.house.url}/mcp/other`)
  await using alice = new TokenManager({ grant: aPerson() })
  await alice.renew(world.url)
  const { client, secret } = await clientsOf(world).add({ ...MACHINE, grants: [TOKEN_EXCHANGE], introspects: [world.url.href] })
  assert.ok(secret)
  const asked: Audience[] = []
  const subject = async (audience: Audience): Promise<PresentedToken> => {
    asked.push(audience)
    const token = await alice.token(world.url)
    return { token: token?.accessToken ?? '', type: 'urn:ietf:params:oauth:token-type:access_token' }
  }
  await using manager = new TokenManager({
    grant: { kind: 'token_exchange', subject },
    client: { id: client.id, secret, issuer: world.house.url },
  })
  assert.equal(await echo(manager, other, t.signal), 'hello')
  assert.deepEqual(
    asked.map(({ issuer, resource }) => [issuer, resource]),
    [[world.house.url, other.href]],
  )
  const { sub, aud, act } = decodeJwt((await manager.token(other))?.accessToken ?? '')
  assert.deepEqual([sub, aud, act], ['alice', other.href, { sub: client.id }])
})
