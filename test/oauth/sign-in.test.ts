/** Sign-in at another OpenID provider, which is a real one of its own making. */
import assert from 'node:assert/strict'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { type TestContext, test } from 'node:test'
import { decodeJwt } from 'jose'
import { Provider } from 'oidc-provider'
import { createGuardedFetch } from '../../src/net/fetch.ts'
import type { SignInOptions } from '../../src/oauth/options.ts'
import { keepInMemory } from '../fixtures/foreign-issuer.ts'
import { passDevPages } from '../idp/dev-pages.ts'
import { authorizeUrl, Browser, createWorld, listenAs, pkce, redeem, register, type World } from './world.ts'

/** oidc-provider as it comes, with its development pages: any name signs in. */
async function startProvider(t: TestContext, redirectUri: () => string): Promise<string> {
  return listenAs(t, async (origin) => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const provider = new Provider(origin, {
      jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kty: 'RSA', use: 'sig', alg: 'RS256' }] },
      cookies: { keys: [randomBytes(16).toString('hex')] },
      claims: { openid: ['sub', 'groups'], profile: ['preferred_username'] },
      findAccount: (_ctx, sub) => ({
        accountId: sub,
        claims: () => ({ sub, groups: ['staff'], preferred_username: `${sub}@example.com` }),
      }),
      conformIdTokenClaims: false,
      pkce: { required: () => true },
      ttl: { Interaction: 600, Session: 600, Grant: 600, AccessToken: 600, IdToken: 600 },
      adapter: keepInMemory(),
      features: { devInteractions: { enabled: true } },
      clients: [{ client_id: 'portcullis', client_secret: 'a-secret-of-the-client', redirect_uris: [redirectUri()] }],
    })
    const callback = provider.callback()
    return { handle: (request, response) => void callback(request, response) }
  })
}

/** Both issuers know the other's address before either listens. */
async function worldWithProvider(t: TestContext, watch: (init: RequestInit | undefined) => void = () => undefined): Promise<World> {
  const known = { callback: '' }
  const provider: { origin?: string } = {}
  const signIn: SignInOptions = {
    name: 'Example',
    get issuer() {
      return provider.origin ?? ''
    },
    clientId: 'portcullis',
    clientSecret: 'a-secret-of-the-client',
    roles: { claim: 'groups', map: new Map([['staff', 'user']]) },
  }
  const guarded = createGuardedFetch({ allowPrivate: true })
  t.after(() => guarded.close())
  const watched: typeof fetch = (url, init) => {
    watch(init)
    return guarded.fetch(url, init)
  }
  const world = await createWorld(t, { signIn: [signIn], issuerFetch: { request: guarded.request, fetch: watched } })
  known.callback = `${world.issuer}/signed-in`
  provider.origin = await startProvider(t, () => known.callback)
  return world
}

/** To the callback of ours, without opening it. */
const signInThere = (start: URL, name: string): Promise<string> =>
  passDevPages(start.href, name, (url) => url.pathname.endsWith('/signed-in'))

async function leave(world: World, client: string, browser: Browser, challenge = pkce()): Promise<URL> {
  await browser.open(authorizeUrl(world, { client }, challenge))
  const href = /<a class="button" href="([^"]+)"/.exec(browser.page.html)?.[1] ?? ''
  const stop = new Error('left')
  const response = await fetch(new URL(href, world.issuer), {
    redirect: 'manual',
    headers: { cookie: browser.cookies(new URL(href, world.issuer)) },
  })
  browser.keep(response, new URL(`${world.issuer}/signed-in`))
  const location = response.headers.get('location')
  if (location === null) throw stop
  return new URL(location)
}

test('who signs in elsewhere is known by provider and subject, with the roles that are mapped', async (t) => {
  const world = await worldWithProvider(t)
  const client = await register(world)
  const browser = new Browser()
  const proof = pkce()
  const start = await leave(world, client, browser, proof)
  assert.equal(start.searchParams.get('code_challenge_method'), 'S256')
  assert.ok(start.searchParams.get('nonce') && start.searchParams.get('state'))
  await browser.open(await signInThere(start, 'carol'))
  assert.match(browser.page.html, /carol@example\.com/)
  const back = await browser.send({ action: 'allow' })
  const { body } = await redeem(world, client, back?.searchParams.get('code') ?? '', proof.verifier)
  const claims = decodeJwt(String(body['access_token']))
  assert.deepEqual([claims.sub, claims['roles']], ['Example|carol', ['user']])
  assert.ok(world.events.some(({ type, principal }) => type === 'oauth.signed_in' && principal === `${world.issuer}#Example|carol`))
})

test('we name ourselves there in letters that are read alike with and without decoding (RFC 6749 §2.3.1)', async (t) => {
  const said: (string | null)[] = []
  const world = await worldWithProvider(t, (init) => said.push(new Headers(init?.headers).get('authorization')))
  const browser = new Browser()
  await browser.open(await signInThere(await leave(world, await register(world), browser), 'carol'))
  assert.match(browser.page.html, /carol@example\.com/)
  const credentials = said.filter((one) => one !== null).map((one) => Buffer.from(one.replace('Basic ', ''), 'base64').toString())
  assert.deepEqual(credentials, ['portcullis:a-secret-of-the-client'])
})

test('an answer is good once, in the browser that asked, with the state that it asked with', async (t) => {
  const world = await worldWithProvider(t)
  const client = await register(world)
  const browser = new Browser()
  const answer = await signInThere(await leave(world, client, browser), 'carol')
  const thief = new Browser()
  await thief.open(answer)
  assert.equal(thief.page.status, 400, 'another browser')
  await browser.open(answer)
  assert.equal(browser.page.status, 400, 'it is spent')
  const again = new URL(await signInThere(await leave(world, client, browser), 'carol'))
  again.searchParams.set('state', 'x'.repeat(43))
  await browser.open(again.href)
  assert.equal(browser.page.status, 400, 'a state that nobody sent')
})

test('an answer of another issuer, or with a code that is none, signs nobody in', async (t) => {
  const world = await worldWithProvider(t)
  const client = await register(world)
  for (const change of [
    (url: URL) => url.searchParams.set('iss', 'https://evil.example'),
    (url: URL) => url.searchParams.set('code', 'nonsense'),
    (url: URL) => url.searchParams.delete('iss'),
  ]) {
    const browser = new Browser()
    const answer = new URL(await signInThere(await leave(world, client, browser), 'carol'))
    change(answer)
    await browser.open(answer.href)
    assert.equal(browser.page.status, 401)
    assert.ok(!browser.page.html.includes('value="allow"'))
  }
  assert.ok(!world.events.some(({ type }) => type === 'oauth.signed_in'))
})

test('a provider that does not answer is told as such, and the others still serve', async (t) => {
  const dead = createServer()
  await new Promise<void>((resolve) => dead.listen(0, '127.0.0.1', resolve))
  const address = dead.address()
  const port = typeof address === 'object' ? address?.port : 0
  await new Promise((resolve) => dead.close(resolve))
  const world = await createWorld(t, { signIn: [{ name: 'Dead', issuer: `http://127.0.0.1:${port}`, clientId: 'x' }] })
  const client = await register(world)
  const browser = new Browser()
  await browser.open(authorizeUrl(world, { client }, pkce()))
  await browser.open(new URL(/<a class="button" href="([^"]+)"/.exec(browser.page.html)?.[1] ?? '', world.issuer).href)
  assert.equal(browser.page.status, 502)
  assert.match(browser.page.html, /name="password"/)
})
