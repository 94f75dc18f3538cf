/** A person who has an account at Glewlwyd and none here: signed in there, through the gateway's own authorization server, to a call. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { aGateway, post, type RunningGateway } from '../fixtures/gateway.ts'
import { aBareUpstream, text } from '../fixtures/upstream.ts'
import { Browser, type Pkce, pkce, post as postForm, postJson, REDIRECT } from '../oauth/world.ts'
import { GLEWLWYD_MISSING, type Glewlwyd, startGlewlwyd } from './glewlwyd.ts'

interface Place {
  readonly glewlwyd: Glewlwyd
  readonly house: RunningGateway
  readonly client: string
}

async function aPlace(t: TestContext): Promise<Place> {
  const upstream = await aBareUpstream({ echo: (args) => text(String(args['message'])) })
  const glewlwyd = await startGlewlwyd()
  const house = await aGateway(`
servers: { tools: { url: "${upstream.url}" } }
authentication:
  oauth:
    users: none
    signIn:
      - name: Glewlwyd
        issuer: "${glewlwyd.issuer}"
        clientId: portcullis
        clientSecret: "${glewlwyd.secret}"
        allowPrivate: true
        roles: { claim: groups, map: { staff: user } }
access:
  roles: { user: { permissions: ["*"] } }
  tools: { echo: { permission: tools:use, scope: "tools:read" } }
`)
  t.after(async () => {
    await house[Symbol.asyncDispose]()
    await glewlwyd[Symbol.asyncDispose]()
    await upstream[Symbol.asyncDispose]()
  })
  await glewlwyd.addClient('portcullis', `${house.url}/signed-in`)
  const { body } = await postJson(`${house.url}/register`, { client_name: 'A client', redirect_uris: [REDIRECT] })
  return { glewlwyd, house, client: String(body['client_id']) }
}

/** From the client to Glewlwyd. @returns where the browser is sent. */
async function leave({ house, client }: Place, browser: Browser, { challenge }: Pkce): Promise<URL> {
  const url = new URL(`${house.url}/authorize`)
  url.search = new URLSearchParams({
    response_type: 'code',
    client_id: client,
    redirect_uri: REDIRECT,
    resource: `${house.url}/mcp/tools`,
    state: 'the-state',
    code_challenge: challenge,
    code_challenge_method: 'S256',
  }).toString()
  await browser.open(url.href)
  const link = new URL(/<a class="button" href="([^"]+)"/.exec(browser.page.html)?.[1] ?? assert.fail(browser.page.html), house.url)
  const response = await fetch(link, { redirect: 'manual', headers: { cookie: browser.cookies(link) } })
  browser.keep(response, new URL(`${house.url}/signed-in`))
  return new URL(response.headers.get('location') ?? assert.fail(await response.text()))
}

/** There. @returns the callback with its answer, not opened. */
async function signInThere({ glewlwyd }: Place, name: string, sentTo: URL): Promise<URL> {
  const cookie = await glewlwyd.signIn(name, 'portcullis', 'openid')
  // What its page adds once name and password were right; `profile` is no scope that it has.
  sentTo.searchParams.set('g_continue', '')
  const response = await fetch(sentTo, { redirect: 'manual', headers: { cookie } })
  return new URL(response.headers.get('location') ?? assert.fail(await response.text()))
}

async function tokenOf({ house, client }: Place, browser: Browser, { verifier }: Pkce): Promise<string> {
  const back = (await browser.send({ action: 'allow' })) ?? assert.fail(browser.page.html)
  const { status, body } = await postForm(`${house.url}/token`, {
    grant_type: 'authorization_code',
    client_id: client,
    code: back.searchParams.get('code') ?? '',
    code_verifier: verifier,
    redirect_uri: REDIRECT,
  })
  assert.equal(status, 200, JSON.stringify(body))
  return String(body['access_token'])
}

const call = ({ house }: Place, token: string) =>
  post(`${house.url}/mcp/tools`, 'tools/call', { name: 'echo', arguments: { message: 'hi' } }, { authorization: `Bearer ${token}` })

test('who signs in at Glewlwyd calls with the role of their group, under a name that only Glewlwyd can give', {
  skip: GLEWLWYD_MISSING,
}, async (t) => {
  const place = await aPlace(t)
  const [browser, proof] = [new Browser(), pkce()]
  const sentTo = await leave(place, browser, proof)
  assert.equal(`${sentTo.origin}${sentTo.pathname}`.replace('//api', '/api'), `${place.glewlwyd.issuer}/auth`)
  await browser.open((await signInThere(place, 'ann', sentTo)).href)
  assert.match(browser.page.html, /Ann/)
  assert.equal((await call(place, await tokenOf(place, browser, proof))).status, 200)
  const ended = (await place.house.events()).findLast((event) => event.type === 'call.ended')
  assert.match(ended?.principal ?? '', /#Glewlwyd\|\w{32}$/)
  assert.deepEqual(ended?.roles, ['user'])
})

test('who is of no mapped group signs in at Glewlwyd and may do nothing', { skip: GLEWLWYD_MISSING }, async (t) => {
  const place = await aPlace(t)
  const [browser, proof] = [new Browser(), pkce()]
  await browser.open((await signInThere(place, 'ben', await leave(place, browser, proof))).href)
  const reply = await call(place, await tokenOf(place, browser, proof))
  assert.equal(reply.status, 400)
  assert.equal((await place.house.events()).findLast((event) => event.type === 'call.ended')?.denial, 'not_found')
})

test('an answer of Glewlwyd is good in the browser that asked, once, as it was given', { skip: GLEWLWYD_MISSING }, async (t) => {
  const place = await aPlace(t)
  const changes: readonly ((url: URL) => void)[] = [
    (url) => url.searchParams.set('code', 'x'.repeat(32)),
    (url) => url.searchParams.set('iss', 'https://evil.example'),
    (url) => url.searchParams.set('state', 'x'.repeat(43)),
  ]
  for (const change of changes) {
    const browser = new Browser()
    const answer = await signInThere(place, 'ann', await leave(place, browser, pkce()))
    change(answer)
    await browser.open(answer.href)
    assert.ok(browser.page.status >= 400, answer.href)
    assert.ok(!browser.page.html.includes('value="allow"'))
  }
  const browser = new Browser()
  const answer = await signInThere(place, 'ann', await leave(place, browser, pkce()))
  const thief = new Browser()
  await thief.open(answer.href)
  assert.equal(thief.page.status, 400)
  assert.ok(!(await place.house.events()).some(({ type }) => type === 'oauth.signed_in'))
})
