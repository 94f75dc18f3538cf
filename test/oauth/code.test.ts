/** Authorization code with PKCE: the way of every person, from discovery to a renewed token. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose'
import {
  authorizeUrl,
  Browser,
  createWorld,
  get,
  obtainCode,
  obtainTokens,
  pkce,
  REDIRECT,
  redeem,
  refreshOnce,
  register,
} from './world.ts'

for (const path of ['', '/tenant/auth']) {
  const where = path === '' ? 'at the root' : 'under a path'

  test(`an issuer ${where} is discovered, registered with, signed in at and gives tokens for one server`, async (t) => {
    const world = await createWorld(t, { path })
    const { body: metadata } = await get(`${world.origin}/.well-known/oauth-authorization-server${path}`)
    assert.equal(metadata['issuer'], world.issuer)
    assert.equal(metadata['token_endpoint'], `${world.issuer}/token`)
    assert.equal(metadata['authorization_endpoint'], `${world.issuer}/authorize`)
    assert.deepEqual(metadata['code_challenge_methods_supported'], ['S256'])
    const client = await register(world)
    const { access, answer } = await obtainTokens(world, { client, scope: 'files:read files:write' })
    const { payload, protectedHeader } = await jwtVerify(access, createRemoteJWKSet(new URL(String(metadata['jwks_uri']))), {
      issuer: world.issuer,
      audience: world.resource,
      typ: 'at+jwt',
      algorithms: ['ES256'],
    })
    assert.equal(payload.sub, 'alice')
    assert.equal(payload['scope'], 'files:read files:write')
    assert.deepEqual(payload['roles'], ['user'])
    assert.equal(payload['client_id'], client)
    assert.equal(typeof payload['grant_id'], 'string')
    assert.equal(protectedHeader.alg, 'ES256')
    assert.equal(answer.headers.get('cache-control'), 'no-store')
    const again = await refreshOnce(world, client, String(answer.body['refresh_token']))
    assert.equal(again.status, 200, JSON.stringify(again.body))
    assert.equal(decodeJwt(String(again.body['access_token'])).aud, world.resource)
  })
}

test('the answer of an authorization names its issuer and the state (RFC 9207)', async (t) => {
  const world = await createWorld(t)
  const client = await register(world)
  const { back } = await obtainCode(world, { client })
  assert.equal(back.searchParams.get('iss'), world.issuer)
  assert.equal(back.searchParams.get('state'), 'the-state')
  const browser = new Browser()
  await browser.open(authorizeUrl(world, { client }, pkce()))
  const denied = await browser.send({ action: 'deny' })
  assert.equal(denied?.searchParams.get('error'), 'access_denied')
  assert.equal(denied?.searchParams.get('iss'), world.issuer)
})

test('without a challenge, or with plain, there is no code', async (t) => {
  const world = await createWorld(t)
  const client = await register(world)
  for (const change of [
    (url: URL) => url.searchParams.delete('code_challenge'),
    (url: URL) => url.searchParams.set('code_challenge_method', 'plain'),
    (url: URL) => url.searchParams.delete('code_challenge_method'),
  ]) {
    const url = new URL(authorizeUrl(world, { client }, pkce()))
    change(url)
    const back = await new Browser().open(url.href)
    assert.equal(back?.searchParams.get('error'), 'invalid_request', url.href)
  }
})

test('a code is worth nothing without its verifier, and not with an empty one', async (t) => {
  const world = await createWorld(t)
  const client = await register(world)
  for (const verifier of ['', 'x'.repeat(43)]) {
    const { code } = await obtainCode(world, { client })
    const answer = await redeem(world, client, code, verifier)
    assert.equal(answer.status, 400)
    assert.equal(answer.body['error'], 'invalid_grant')
  }
})

test('a wrong redirect URI does not burn the code, and the right one still redeems it', async (t) => {
  const world = await createWorld(t)
  const client = await register(world)
  const { code, verifier } = await obtainCode(world, { client })
  assert.equal((await redeem(world, client, code, verifier, { redirect_uri: `${REDIRECT}/x` })).body['error'], 'invalid_grant')
  assert.equal((await redeem(world, client, code, verifier)).status, 200)
})

test('a redirect URI matches to the letter, but for the port of the loopback', async (t) => {
  const world = await createWorld(t)
  const client = await register(world)
  const wrong = [
    'http://127.0.0.1:7777/callback/',
    'http://127.0.0.1:7777/Callback',
    'http://127.0.0.1:7777/callback?x=1',
    'http://127.0.0.1:7777/%63allback',
    'http://127.0.0.1:7777/a/../callback',
    'http://user@127.0.0.1:7777/callback',
    'http://127.0.0.1:7777/callback#x',
    'http://127.0.0.1.evil.example/callback',
    'http://localhost:7777/callback',
    'https://127.0.0.1:7777/callback',
    'javascript:alert(1)',
  ]
  for (const redirect of wrong) {
    const browser = new Browser()
    const away = await browser.open(authorizeUrl(world, { client, redirect }, pkce()))
    assert.equal(away, undefined, redirect)
    assert.equal(browser.page.status, 400, redirect)
  }
  const { back } = await obtainCode(world, { client, redirect: 'http://127.0.0.1:5555/callback' })
  assert.equal(back.port, '5555')
})

test('the resource of a token is one that was authorized, else invalid_target (RFC 8707)', async (t) => {
  const world = await createWorld(t)
  const client = await register(world)
  const browser = new Browser()
  const back = await browser.open(authorizeUrl(world, { client, resource: 'https://elsewhere.example/mcp' }, pkce()))
  assert.equal(back?.searchParams.get('error'), 'invalid_target')
  const { code, verifier } = await obtainCode(world, { client })
  const answer = await redeem(world, client, code, verifier, { resource: world.other })
  assert.equal(answer.body['error'], 'invalid_target')
  const { refresh } = await obtainTokens(world, { client })
  assert.equal((await refreshOnce(world, client, refresh, { resource: world.other })).body['error'], 'invalid_target')
})

test('a refresh never brings more scopes than were granted', async (t) => {
  const world = await createWorld(t)
  const client = await register(world)
  const { refresh } = await obtainTokens(world, { client, scope: 'files:read' })
  const answer = await refreshOnce(world, client, refresh, { scope: 'files:read files:write' })
  assert.equal(answer.body['error'], 'invalid_scope')
})

test('a scope that ends in a star is offered for each of its kind', async (t) => {
  const world = await createWorld(t)
  const client = await register(world)
  const { answer } = await obtainTokens(world, { client, scope: 'mcp:tool:echo files:read unknown:thing' })
  assert.deepEqual(String(answer.body['scope']).split(' ').sort(), ['files:read', 'mcp:tool:echo'])
})

test('a refresh keeps what a star stood for', async (t) => {
  const world = await createWorld(t)
  const client = await register(world)
  const { refresh } = await obtainTokens(world, { client, scope: 'mcp:tool:echo' })
  const again = await refreshOnce(world, client, refresh)
  assert.equal(again.body['scope'], 'mcp:tool:echo', JSON.stringify(again.body))
})

test('an identity token is never given, though one is asked for', async (t) => {
  const world = await createWorld(t)
  const client = await register(world)
  const { answer } = await obtainTokens(world, { client, scope: 'openid offline_access files:read' })
  assert.equal(answer.body['id_token'], undefined)
  assert.equal(answer.body['scope'], 'files:read')
})

test('a user who was disabled gets no more tokens, and one whose roles changed gets them with the next', async (t) => {
  const world = await createWorld(t)
  const client = await register(world)
  const { refresh } = await obtainTokens(world, { client })
  await world.server.accounts.setRoles('alice', ['admin'])
  const { body } = await refreshOnce(world, client, refresh)
  assert.deepEqual(decodeJwt(String(body['access_token']))['roles'], ['admin'])
  await world.server.accounts.setStatus('alice', 'disabled')
  assert.equal((await refreshOnce(world, client, String(body['refresh_token']))).body['error'], 'invalid_grant')
})

test('a second request shows all that is asked again, and nothing that the client may not have', async (t) => {
  const world = await createWorld(t)
  const client = await register(world)
  const browser = new Browser()
  await obtainTokens(world, { client, scope: 'files:read files:admin' }, browser)
  await obtainTokens(world, { client, scope: 'files:read files:admin unknown:thing' }, browser)
  assert.match(browser.page.html, /files:read/)
  assert.ok(!/files:admin|unknown:thing/.test(browser.page.html))
})
