/** Tokens bound to a key (RFC 9449), through a whole gateway: whoever holds the token alone has nothing. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Client, DpopSession, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client'
import type { JsonObject } from '../../src/core/json.ts'
import { sha256 } from '../../src/core/secret.ts'
import { post, type Reply } from '../fixtures/gateway.ts'
import { aSignInHouse, aToken, type SignInHouse } from '../fixtures/sign-in.ts'
import { Person } from '../oauth/person.ts'
import { Browser } from '../oauth/world.ts'
import { freshId, makePair, type Pair, signJws } from '../trust/fixture.ts'

let house: SignInHouse
let pair: Pair
let token: string
let nonce: string

/** A proof that is right, but for what is said. */
function prove(claims: JsonObject = {}, by = pair): string {
  const right = { htm: 'POST', htu: house.endpoint, ath: sha256(token), nonce, jti: freshId(), iat: Math.floor(Date.now() / 1_000) }
  return signJws(by, { typ: 'dpop+jwt', jwk: by.jwk }, { ...right, ...claims })
}

const call = (headers: Readonly<Record<string, string>>): Promise<Reply> =>
  post(house.endpoint, 'tools/call', { name: 'echo', arguments: { message: 'hi' } }, headers)
const callWith = (proof: string): Promise<Reply> => call({ authorization: `DPoP ${token}`, dpop: proof })

/** The code of the challenge; undefined when there is none for DPoP. */
const challengeOf = ({ headers }: Reply): string | undefined =>
  /, DPoP error="([^"]+)", algs="ES256 [^"]+"$/.exec(headers.get('www-authenticate') ?? '')?.[1]

before(async () => {
  house = await aSignInHouse()
  pair = makePair('ES256')
  const proof = signJws(
    pair,
    { typ: 'dpop+jwt', jwk: pair.jwk },
    { htm: 'POST', htu: `${house.url}/token`, jti: freshId(), iat: Math.floor(Date.now() / 1_000) },
  )
  const issued = await aToken(house, { dpop: proof })
  assert.equal(issued.type, 'DPoP')
  token = issued.token
  nonce = (await call({ authorization: `DPoP ${token}` })).headers.get('dpop-nonce') ?? ''
})
after(() => house[Symbol.asyncDispose]())

test('a bound token with a proof of its key opens', async () => {
  assert.equal((await callWith(prove())).status, 200)
})

test('without a nonce of ours the client is told one, and comes back with it', async () => {
  const refused = await callWith(prove({ nonce: 'of another time' }))
  assert.deepEqual([refused.status, challengeOf(refused)], [401, 'use_dpop_nonce'])
  const told = refused.headers.get('dpop-nonce') ?? ''
  assert.equal((await callWith(prove({ nonce: told }))).status, 200)
})

test('a proof that is missing, used, or for something else is refused with the challenge, and history says why', async () => {
  const used = prove()
  assert.equal((await callWith(used)).status, 200)
  const now = Math.floor(Date.now() / 1_000)
  const wrong: readonly (readonly [string, Readonly<Record<string, string>>, string, RegExp])[] = [
    ['none', {}, 'invalid_dpop_proof', /without a proof/],
    ['used before', { dpop: used }, 'invalid_dpop_proof', /used before/],
    ['for another URL', { dpop: prove({ htu: `${house.url}/mcp/other` }) }, 'invalid_dpop_proof', /another URL/],
    ['for another host', { dpop: prove({ htu: 'https://evil.example/mcp/tools' }) }, 'invalid_dpop_proof', /another URL/],
    ['for another method', { dpop: prove({ htm: 'GET' }) }, 'invalid_dpop_proof', /another method/],
    ['for another token', { dpop: prove({ ath: sha256('another') }) }, 'invalid_dpop_proof', /another token/],
    ['by another key', { dpop: prove({}, makePair('ES256')) }, 'invalid_dpop_proof', /another key/],
    ['old', { dpop: prove({ iat: now - 600 }) }, 'invalid_dpop_proof', /not made now/],
    ['two', { dpop: `${prove()}, ${prove()}` }, 'invalid_dpop_proof', /not good/],
    ['garbage', { dpop: 'x' }, 'invalid_dpop_proof', /not good/],
  ]
  for (const [why, headers, error, detail] of wrong) {
    const reply = await call({ authorization: `DPoP ${token}`, ...headers })
    assert.deepEqual([reply.status, challengeOf(reply)], [401, error], why)
    assert.match(reply.headers.get('www-authenticate') ?? '', /^Bearer .*resource_metadata="/, why)
    assert.notEqual(reply.headers.get('dpop-nonce'), null, why)
    assert.match((await house.events()).findLast((event) => event.type === 'call.ended')?.detail ?? '', detail, why)
  }
})

test('a bound token is no bearer token, with a proof or without, and a bearer token is not bound', async () => {
  const bare = await call({ authorization: `Bearer ${token}` })
  const proven = await call({ authorization: `Bearer ${token}`, dpop: prove() })
  const { token: free } = await aToken(house)
  const dressed = await call({ authorization: `DPoP ${free}`, dpop: prove({ ath: sha256(free) }) })
  for (const reply of [bare, proven, dressed]) assert.deepEqual([reply.status, challengeOf(reply)], [401, 'invalid_token'])
  assert.equal((await call({ authorization: `Bearer ${free}` })).status, 200)
})

test('of twenty parallel uses of one proof one passes', async () => {
  const proof = prove()
  const replies = await Promise.all(Array.from({ length: 20 }, () => callWith(proof)))
  assert.equal(replies.filter(({ status }) => status === 200).length, 1)
})

test('a server tells that it takes proofs, and by which algorithms (RFC 9728 §2)', async () => {
  const metadata = (await (await fetch(`${house.url}/.well-known/oauth-protected-resource/mcp/tools`)).json()) as JsonObject
  assert.ok(JSON.stringify(metadata['dpop_signing_alg_values_supported']).includes('ES256'))
})

test('neither tokens nor proofs are in history, nor at the server behind', async () => {
  const told = JSON.stringify([await house.events(), house.upstream.seen])
  // Every part of a token is the base64url of `{"name":…`; three characters of that stand by chance in a digest now and then.
  const parts = told.match(/eyJ[\w-]+/g) ?? []
  assert.deepEqual(
    parts.filter((part) => /^\{"\w+":/.test(Buffer.from(part, 'base64url').toString())),
    [],
  )
})

/** A person's client that binds its tokens. */
class Prover extends Person {
  readonly #session = DpopSession.create()
  dpop(): Promise<DpopSession> {
    return this.#session
  }
}

for (const [revision, mode] of [
  ['2026-07-28', { pin: '2026-07-28' }],
  ['2025-11-25', 'legacy'],
] as const) {
  test(`${revision}: the SDK's client binds its tokens, and finds the nonces by itself`, async () => {
    const person = new Prover()
    const transport = (): StreamableHTTPClientTransport =>
      new StreamableHTTPClientTransport(new URL(house.endpoint), { authProvider: person })
    const connect = async (): Promise<Client> => {
      const client = new Client({ name: 'prover', version: '1.0.0' }, { versionNegotiation: { mode } })
      await client.connect(transport())
      return client
    }
    await assert.rejects(connect(), UnauthorizedError)
    await transport().finishAuth((await new Browser().agree(person.asked?.href ?? '')).searchParams)
    const client = await connect()
    const said = await client.callTool({ name: 'echo', arguments: { message: 'hello' } })
    await client.close()
    assert.equal(person.kept?.token_type, 'DPoP')
    assert.match(JSON.stringify(said), /hello/)
  })
}
