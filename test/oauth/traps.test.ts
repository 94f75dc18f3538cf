/** The traps of an embedded oidc-provider, each closed: the numbers are those of the study of libraries. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import { test } from 'node:test'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { Fault } from '../../src/core/denial.ts'
import type { JsonValue } from '../../src/core/json.ts'
import { grantName } from '../../src/oauth/adapter.ts'
import { SigningKeys } from '../../src/oauth/keys.ts'
import { createAuthorizationServer } from '../../src/oauth/server.ts'
import { KEYS } from '../../src/store/keys.ts'
import type { Store } from '../../src/store/store.ts'
import {
  authorizeUrl,
  Browser,
  createWorld,
  get,
  obtainCode,
  obtainTokens,
  pkce,
  post,
  postJson,
  REDIRECT,
  redeem,
  refreshOnce,
  register,
  slowStore,
} from './world.ts'

test('trap 1: a client that registers itself can have no client credentials, nor any other grant of machines', async (t) => {
  const world = await createWorld(t)
  for (const grant of [
    'client_credentials',
    'urn:ietf:params:oauth:grant-type:token-exchange',
    'urn:ietf:params:oauth:grant-type:jwt-bearer',
    'implicit',
    'password',
  ]) {
    const { status, body } = await postJson(`${world.issuer}/register`, {
      redirect_uris: [REDIRECT],
      grant_types: ['authorization_code', grant],
      token_endpoint_auth_method: 'client_secret_post',
      portcullis: { origin: 'configured', roles: ['admin'], introspects: [], scopes: ['*'] },
    })
    assert.equal(status, 400, grant)
    assert.equal(body['error'], 'invalid_client_metadata')
  }
})

test('trap 1: a client that registers itself gets no privileged scope, whatever it says of itself', async (t) => {
  const world = await createWorld(t)
  const client = await register(world, { portcullis: { origin: 'configured', roles: ['admin'], introspects: [], scopes: ['*'] } })
  const { answer } = await obtainTokens(world, { client, scope: 'files:admin files:read' })
  assert.equal(answer.body['scope'], 'files:read')
})

test('trap 2: the addresses in the metadata do not come from the request', async (t) => {
  const world = await createWorld(t)
  for (const path of ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration']) {
    const body = await new Promise<string>((resolve, reject) => {
      const asked = httpRequest(`${world.origin}${path}`, {
        headers: { host: 'evil.example', 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https', forwarded: 'host=evil.example' },
      })
      asked.on('response', (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk
        })
        response.on('end', () => resolve(text))
      })
      asked.on('error', reject).end()
    })
    assert.ok(!body.includes('evil.example'), body)
    assert.equal(JSON.parse(body).token_endpoint, `${world.issuer}/token`)
  }
})

test('trap 3: behind a terminator of TLS the endpoints are https and the cookies are secure', async (t) => {
  const world = await createWorld(t)
  const secure = await createAuthorizationServer({ ...world.options, issuer: 'https://auth.example.com' })
  const { createServer } = await import('node:http')
  const http = createServer((request, response) => secure.handle(request, response))
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  t.after(() => http.close())
  const address = http.address()
  const origin = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
  const { body } = await get(`${origin}/.well-known/oauth-authorization-server`)
  assert.equal(body['token_endpoint'], 'https://auth.example.com/token')
  const client = await register(world)
  const url = new URL(authorizeUrl(world, { client }, pkce()))
  const response = await fetch(`${origin}/authorize${url.search}`, { redirect: 'manual' })
  assert.equal(response.status, 303)
  const cookies = response.headers.getSetCookie()
  assert.ok(cookies.length > 0)
  for (const cookie of cookies) assert.match(cookie, /^__(Host|Secure)-.*(; secure.*httponly|; httponly.*secure)/i)
})

test('trap 4: the metadata of an issuer with a path is found at each place, and nowhere else', async (t) => {
  const world = await createWorld(t, { path: '/a.b/c' })
  for (const path of [
    '/.well-known/oauth-authorization-server/a.b/c',
    '/.well-known/openid-configuration/a.b/c',
    '/a.b/c/.well-known/openid-configuration',
  ]) {
    const { body, status } = await get(`${world.origin}${path}`)
    assert.equal(status, 200, path)
    assert.equal(body['issuer'], world.issuer)
    for (const [name, value] of Object.entries(body))
      if (/_endpoint$|_uri$/.test(name) && typeof value === 'string') assert.ok(value.startsWith(`${world.issuer}/`), `${name} ${value}`)
  }
  for (const path of [
    '/.well-known/oauth-authorization-server',
    '/token',
    '/axb/c/token',
    '/a.b/c',
    '/a.b/c/',
    '/a.b/c/token/',
    '/a.b/c/session/end/confirm',
    '/a.b/c/register/x',
    '/A.b/c/token',
  ])
    assert.equal((await get(`${world.origin}${path}`)).status, 404, path)
})

test('trap 5: when a grant is revoked its JWTs are on the deny-list, by the family that they name', async (t) => {
  const world = await createWorld(t)
  const client = await register(world)
  const { access, refresh } = await obtainTokens(world, { client })
  const family = String(decodeJwt(access)['grant_id'])
  assert.equal(await world.store.get(KEYS.revokedFamily(world.issuer, family)), undefined)
  assert.equal((await post(`${world.issuer}/revoke`, { client_id: client, token: refresh })).status, 200)
  assert.notEqual(await world.store.get(KEYS.revokedFamily(world.issuer, family)), undefined)
  assert.equal((await refreshOnce(world, client, refresh)).body['error'], 'invalid_grant')
  assert.ok(world.events.some(({ type, client: who }) => type === 'oauth.revoked' && who === client))
})

test('trap 6: of fifty parallel redemptions of a code exactly one succeeds, and then its family is revoked', async (t) => {
  const world = await createWorld(t, { wrapStore: slowStore })
  const client = await register(world)
  const { code, verifier } = await obtainCode(world, { client })
  const answers = await Promise.all(Array.from({ length: 50 }, () => redeem(world, client, code, verifier)))
  const winners = answers.filter(({ status }) => status === 200)
  assert.equal(winners.length, 1, JSON.stringify(answers.map(({ status }) => status)))
  for (const { status, body } of answers) if (status !== 200) assert.equal(body['error'], 'invalid_grant')
  const [winner] = winners
  const family = String(decodeJwt(String(winner?.body['access_token']))['grant_id'])
  assert.notEqual(await world.store.get(KEYS.revokedFamily(world.issuer, family)), undefined)
  assert.equal((await refreshOnce(world, client, String(winner?.body['refresh_token']))).body['error'], 'invalid_grant')
})

test('trap 6: a code that is brought again later ends everything that came of it', async (t) => {
  const world = await createWorld(t)
  const client = await register(world)
  const { code, verifier } = await obtainCode(world, { client })
  const first = await redeem(world, client, code, verifier)
  assert.equal(first.status, 200)
  assert.equal((await redeem(world, client, code, verifier)).body['error'], 'invalid_grant')
  assert.equal((await refreshOnce(world, client, String(first.body['refresh_token']))).body['error'], 'invalid_grant')
})

test('trap 7: of fifty parallel refreshes one token comes out, the same for all of them', async (t) => {
  const world = await createWorld(t, { wrapStore: slowStore })
  const client = await register(world)
  const { refresh } = await obtainTokens(world, { client })
  const answers = await Promise.all(Array.from({ length: 50 }, () => refreshOnce(world, client, refresh)))
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200])
  assert.equal(new Set(answers.map(({ body }) => body['refresh_token'])).size, 1)
  assert.equal(new Set(answers.map(({ body }) => body['access_token'])).size, 1)
})

test('trap 7: a client that lost its answer asks again and gets the same answer', async (t) => {
  const world = await createWorld(t)
  const client = await register(world)
  const { refresh } = await obtainTokens(world, { client })
  const first = await refreshOnce(world, client, refresh)
  const second = await refreshOnce(world, client, refresh)
  assert.equal(second.status, 200)
  assert.deepEqual(second.body, first.body)
  assert.equal((await refreshOnce(world, client, String(first.body['refresh_token']))).status, 200)
})

test('trap 7: once the next token was used, the one before it is a stolen one, and ends the family', async (t) => {
  const world = await createWorld(t)
  const client = await register(world)
  const { refresh } = await obtainTokens(world, { client })
  const second = String((await refreshOnce(world, client, refresh)).body['refresh_token'])
  const third = String((await refreshOnce(world, client, second)).body['refresh_token'])
  assert.equal((await refreshOnce(world, client, refresh)).body['error'], 'invalid_grant')
  assert.equal((await refreshOnce(world, client, third)).body['error'], 'invalid_grant')
})

test('trap 7: after the window a used refresh token ends the family', async (t) => {
  const world = await createWorld(t)
  const client = await register(world)
  const { refresh } = await obtainTokens(world, { client })
  const next = String((await refreshOnce(world, client, refresh)).body['refresh_token'])
  world.ahead += 31_000
  assert.equal((await refreshOnce(world, client, refresh)).body['error'], 'invalid_grant')
  assert.equal((await refreshOnce(world, client, next)).body['error'], 'invalid_grant')
})

test('trap 7: a lost answer is for the client and the request that it was made for', async (t) => {
  const world = await createWorld(t)
  const client = await register(world)
  const other = await register(world)
  const { refresh } = await obtainTokens(world, { client, scope: 'files:read files:write' })
  assert.equal((await refreshOnce(world, client, refresh)).status, 200)
  assert.equal((await refreshOnce(world, other, refresh)).body['error'], 'invalid_grant')
  assert.equal((await refreshOnce(world, client, refresh, { scope: 'files:read' })).body['error'], 'invalid_grant')
})

test('trap 8: a client that names no scope gets the default of the server that it names', async (t) => {
  const world = await createWorld(t)
  const client = await register(world)
  assert.equal((await obtainTokens(world, { client })).answer.body['scope'], 'files:read')
  assert.equal((await obtainTokens(world, { client, resource: world.other })).answer.body['scope'], 'mail:read')
})

test('trap 8: a client that names neither scope nor server still gets in', async (t) => {
  const world = await createWorld(t)
  const client = await register(world)
  const url = new URL(authorizeUrl(world, { client }, pkce()))
  url.searchParams.delete('resource')
  const back = await new Browser().agree(url.href)
  assert.ok(back.searchParams.get('code'))
})

test('trap 9: the scope of a registration is no ceiling', async (t) => {
  const world = await createWorld(t)
  const client = await register(world, { scope: 'files:read' })
  const browser = new Browser()
  await obtainTokens(world, { client, scope: 'files:read' }, browser)
  const { answer } = await obtainTokens(world, { client, scope: 'files:read files:write' }, browser)
  assert.equal(answer.body['scope'], 'files:read files:write')
})

test('trap 10: a redirect to the loopback is asked about each time, on any port', async (t) => {
  const world = await createWorld(t)
  const client = await register(world, { application_type: 'web' })
  const browser = new Browser()
  await obtainCode(world, { client }, browser)
  const before = browser.pages.length
  const { back } = await obtainCode(world, { client, redirect: 'http://127.0.0.1:4040/callback' }, browser)
  assert.equal(back.port, '4040')
  assert.equal(browser.pages.length, before + 1)
  assert.match(browser.page.html, /Only continue if you started this yourself/)
})

test('trap 10: a redirect to the loopback that does not look like one is not registered, so nothing of it is left out', async (t) => {
  const world = await createWorld(t)
  const disguised = [
    'HTTP://127.0.0.1:7777/callback',
    'http://127.1:7777/callback',
    'http://2130706433/callback',
    'http://LOCALHOST/callback',
    'http:127.0.0.1/callback',
    'https:///app.example.com/callback',
    'https://app.example.com\\evil.example/callback',
    ' https://app.example.com/callback',
    'https://app.example.com/call\nback',
    'https://\u0430pp.example.com/callback',
  ]
  for (const uri of disguised) {
    const { status, body } = await postJson(`${world.issuer}/register`, { redirect_uris: [uri] })
    assert.deepEqual([status, body['error']], [400, 'invalid_redirect_uri'], uri)
  }
  for (const uri of ['https://app.example.com', 'https://app.example.com:443/callback?x=1', 'http://[::1]:1/callback'])
    assert.equal((await postJson(`${world.issuer}/register`, { redirect_uris: [uri] })).status, 201, uri)
})

test('trap 12: identities are not in the metadata, and nobody may look at or end the token of another client', async (t) => {
  const world = await createWorld(t)
  const { body } = await get(`${world.issuer}/.well-known/oauth-authorization-server`)
  assert.ok(!JSON.stringify(body['scopes_supported']).includes('openid'))
  assert.ok(!JSON.stringify(body['scopes_supported']).includes('files:admin'))
  const client = await register(world)
  const { refresh } = await obtainTokens(world, { client })
  const stranger = await postJson(`${world.issuer}/register`, {
    redirect_uris: [REDIRECT],
    token_endpoint_auth_method: 'client_secret_post',
  })
  const credentials = { client_id: String(stranger.body['client_id']), client_secret: String(stranger.body['client_secret']) }
  assert.deepEqual((await post(`${world.issuer}/introspect`, { ...credentials, token: refresh })).body, { active: false })
  assert.equal((await post(`${world.issuer}/revoke`, { ...credentials, token: refresh })).status, 200)
  assert.equal((await refreshOnce(world, client, refresh)).status, 200)
})

test('trap 13: without keys of its own it does not start, and there are no development pages', async (t) => {
  const world = await createWorld(t)
  const { options } = world
  const wrong = [
    { ...options, keys: { ...options.keys, cookies: Buffer.alloc(32) } },
    { ...options, keys: { ...options.keys, identifiers: randomBytes(16) } },
    { ...options, keys: { cookies: options.keys.identifiers, identifiers: options.keys.identifiers } },
    { ...options, issuer: 'http://auth.example.com' },
    { ...options, issuer: 'https://auth.example.com/' },
    { ...options, issuer: 'https://auth.example.com?x=1' },
    { ...options, localUsers: false },
    { ...options, resources: new Map() },
  ]
  for (const bad of wrong)
    await assert.rejects(createAuthorizationServer(bad), (error) => error instanceof Fault && error.code === 'FAULT_OAUTH')
  const client = await register(world)
  const browser = new Browser()
  await browser.open(authorizeUrl(world, { client }, pkce()))
  await browser.send({ action: 'login', name: 'anybody', login: 'anybody', password: 'anything' })
  assert.equal(browser.page.status, 401)
})

test('trap 14: after a rotation both keys are published, and the new one signs once everybody has it', async (t) => {
  const world = await createWorld(t)
  const client = await register(world)
  const { access, refresh } = await obtainTokens(world, { client })
  const kid = decodeProtectedHeader(access).kid
  const keys = new SigningKeys({
    store: world.store,
    clock: world.options.clock,
    seal: world.options.seal,
    algorithm: 'ES256',
  })
  const made = await keys.rotate(600_000)
  world.ahead += 11_000
  const published = (await get(`${world.issuer}/jwks`)).body['keys']
  assert.deepEqual(new Set(JSON.parse(JSON.stringify(published)).map((key: { kid: string }) => key.kid)), new Set([kid, made.kid]))
  const soon = await refreshOnce(world, client, refresh)
  assert.equal(decodeProtectedHeader(String(soon.body['access_token'])).kid, kid)
  world.ahead += 30_000
  const later = await refreshOnce(world, client, String(soon.body['refresh_token']))
  assert.equal(decodeProtectedHeader(String(later.body['access_token'])).kid, made.kid)
  world.ahead += 700_000
  assert.deepEqual(
    JSON.parse(JSON.stringify((await get(`${world.issuer}/jwks`)).body['keys'])).map((key: { kid: string }) => key.kid),
    [made.kid],
  )
})

test('trap 14: what is in the store opens nothing: no key, no code, no token, no secret of a client', async (t) => {
  const kept: string[] = []
  const watch = (store: Store): Store => ({
    ...slowStore(store),
    put: async (key: string, value: JsonValue, options) => {
      kept.push(key, JSON.stringify(value))
      return store.put(key, value, options)
    },
  })
  const world = await createWorld(t, { wrapStore: watch })
  const client = await register(world)
  const { code, verifier } = await obtainCode(world, { client })
  const { body } = await redeem(world, client, code, verifier)
  await refreshOnce(world, client, String(body['refresh_token']))
  const secret = await postJson(`${world.issuer}/register`, {
    redirect_uris: [REDIRECT],
    token_endpoint_auth_method: 'client_secret_basic',
  })
  const text = kept.join('\n')
  assert.ok(kept.length > 20)
  for (const hidden of [
    code,
    String(body['refresh_token']),
    String(body['access_token']),
    String(secret.body['client_secret']),
    '"d":',
    'PRIVATE KEY',
  ])
    assert.ok(!text.includes(hidden), hidden)
})

test('trap 15: a registration can be neither read, changed nor deleted by anybody, and of one address thirty are taken, then one a minute', async (t) => {
  const world = await createWorld(t)
  const { body } = await postJson(`${world.issuer}/register`, { redirect_uris: [REDIRECT] })
  assert.equal(body['registration_access_token'], undefined)
  assert.equal(body['registration_client_uri'], undefined)
  for (const method of ['GET', 'PUT', 'DELETE'])
    assert.equal((await fetch(`${world.issuer}/register/${String(body['client_id'])}`, { method })).status, 404)
  const wrong = [
    'javascript:x',
    'data:text/html,x',
    'myapp:/cb',
    'http://app.example/cb',
    'https://u@app.example/cb',
    'https://app.example/cb#x',
  ]
  for (let n = 1; n < 30; n++) {
    const uri = wrong[n % wrong.length] ?? ''
    assert.equal((await postJson(`${world.issuer}/register`, { redirect_uris: [uri] })).status, 400, uri)
  }
  assert.equal((await postJson(`${world.issuer}/register`, { redirect_uris: [REDIRECT] })).status, 429)
})

test('trap 15: who comes from another address of the same /64 each time is counted as one', async (t) => {
  let host = 0
  const world = await createWorld(t, { addressOf: () => `2001:db8:1:2::${(++host).toString(16)}` })
  const codes = new Set<number>()
  for (let n = 0; n <= 20; n++) codes.add((await post(`${world.issuer}/device`, { user_code: 'BBBB-BBBB' })).status)
  assert.ok(codes.has(429))
  for (let n = 0; n < 30; n++) await postJson(`${world.issuer}/register`, { redirect_uris: ['data:,'] })
  assert.equal((await postJson(`${world.issuer}/register`, { redirect_uris: [REDIRECT] })).status, 429)
})

test('trap 15: a body without end is refused', async (t) => {
  const world = await createWorld(t)
  const { status } = await post(`${world.issuer}/token`, { grant_type: 'x'.repeat(60 * 1024) })
  assert.equal(status, 413)
})

test('a client in a web page of any origin may register and ask for tokens, a confidential one may not', async (t) => {
  const world = await createWorld(t)
  const origin = 'https://inspector.example'
  for (const path of ['/register', '/token', '/.well-known/oauth-authorization-server']) {
    const headers = { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' }
    const { status, headers: answered } = await fetch(`${world.issuer}${path}`, { method: 'OPTIONS', headers })
    assert.equal(status, 204, path)
    assert.ok(answered.get('access-control-allow-origin'))
    assert.equal(answered.get('access-control-allow-credentials'), null)
  }
  const { client, secret } = await world.server.clients.add({
    name: 'm',
    grants: ['client_credentials'],
    redirectUris: [],
    roles: [],
    createdBy: 'test',
  })
  const authorization = `Basic ${Buffer.from(`${client.id}:${secret?.reveal()}`).toString('base64')}`
  const answer = await post(`${world.issuer}/token`, { grant_type: 'client_credentials' }, { authorization, origin })
  assert.equal(answer.status, 400)
})

test('the name of a grant is not the grant', () => {
  assert.notEqual(grantName('abc'), 'abc')
})
