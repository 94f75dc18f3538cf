/** A person and an SDK client against a gateway that is its own authorization server: from nothing to a call, with nothing written by hand. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client'
import { Secret } from '../../src/core/secret.ts'
import { Accounts } from '../../src/oauth/accounts.ts'
import { aGateway, post } from '../fixtures/gateway.ts'
import { aBareUpstream, text } from '../fixtures/upstream.ts'
import { Person } from '../oauth/person.ts'
import { Browser, PASSWORD } from '../oauth/world.ts'

test('discovery, registration, sign-in, consent, call and refresh, all through the gateway; who loses a role or is disabled is out at the next call', async () => {
  await using upstream = await aBareUpstream({ echo: (args) => text(String(args['message'])), purge: () => text('purged') })
  await using house = await aGateway(`
servers: { tools: { url: "${upstream.url}" } }
authentication: { oauth: {} }
access:
  roles: { user: { permissions: ["*"] } }
  tools:
    echo: { permission: tools:use, scope: "tools:read" }
    purge: { permission: tools:use, scope: "tools:write" }
`)
  const { store, clock } = house.gateway.house
  await new Accounts(store, clock).add('alice', new Secret(PASSWORD), ['user'])
  const person = new Person()
  const browser = new Browser()
  const url = new URL(`${house.url}/mcp/tools`)
  const transport = (): StreamableHTTPClientTransport => new StreamableHTTPClientTransport(url, { authProvider: person })
  const connect = async (): Promise<Client> => {
    const client = new Client({ name: 'e2e', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } })
    await client.connect(transport())
    return client
  }

  await assert.rejects(connect(), UnauthorizedError)
  await transport().finishAuth((await browser.agree(person.asked?.href ?? '')).searchParams)
  const client = await connect()
  assert.ok(JSON.stringify(await client.callTool({ name: 'echo', arguments: { message: 'hello' } })).includes('hello'))

  const ended = (await house.events()).findLast((event) => event.type === 'call.ended' && event.resource?.name === 'echo')
  assert.deepEqual([ended?.principal, ended?.outcome], [`${house.url}#alice`, 'permitted'])
  assert.equal(
    upstream.seen.some((seen) => JSON.stringify(seen).includes(person.kept?.access_token ?? 'none')),
    false,
  )

  const before = person.kept
  assert.ok(before?.refresh_token !== undefined)
  person.saveTokens({ ...before, access_token: 'gone', token_type: 'Bearer' })
  const renewed = await connect()
  assert.notEqual(person.kept?.access_token, 'gone')
  await renewed.close()
  await client.close()

  // What a token says of its user is held to what the user is now, at the next call.
  const accounts = new Accounts(store, clock)
  const call = async (): Promise<number> =>
    (await post(url.href, 'tools/list', {}, { authorization: `Bearer ${person.kept?.access_token ?? ''}` })).status
  assert.equal(await call(), 200)
  await accounts.setRoles('alice', ['user', 'more'])
  assert.equal(await call(), 200)
  await accounts.setRoles('alice', ['more'])
  assert.equal(await call(), 401)
  await accounts.setRoles('alice', ['user'])
  assert.equal(await call(), 200)
  await accounts.setStatus('alice', 'disabled')
  assert.equal(await call(), 401)
  const refused = (await house.events()).findLast((event) => event.type === 'call.ended')
  assert.deepEqual([refused?.denial, refused?.detail], ['invalid_token', 'who the token speaks for is no longer what it says'])
})

test('where no law names a scope, a person signs in all the same, and is told what is given: to be known', async () => {
  await using upstream = await aBareUpstream({ echo: (args) => text(String(args['message'])) })
  await using house = await aGateway(`
servers: { tools: { url: "${upstream.url}" } }
authentication: { oauth: {} }
access:
  roles: { user: { permissions: ["*"] } }
  tools: { echo: { permission: tools:use } }
`)
  const { store, clock } = house.gateway.house
  await new Accounts(store, clock).add('alice', new Secret(PASSWORD), ['user'])
  const person = new Person()
  const transport = (): StreamableHTTPClientTransport =>
    new StreamableHTTPClientTransport(new URL(`${house.url}/mcp/tools`), { authProvider: person })
  const client = new Client({ name: 'e2e', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } })

  await assert.rejects(client.connect(transport()), UnauthorizedError)
  await transport().finishAuth((await new Browser().agree(person.asked?.href ?? '')).searchParams)
  await client.connect(transport())
  assert.ok(JSON.stringify(await client.callTool({ name: 'echo', arguments: { message: 'hello' } })).includes('hello'))
  await client.close()
})
