/** Clients known by their metadata document: what is fetched, from where, and what is believed of it. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { createGuardedFetch } from '../../src/net/fetch.ts'
import type { Fetch } from '../../src/oauth/options.ts'
import { isDocumentUrl } from '../../src/oauth/registration.ts'
import { authorizeUrl, Browser, createWorld, obtainTokens, pkce, REDIRECT } from './world.ts'

const ID = 'https://app.example.com/oauth/client.json'

/** The web, as far as this test knows it. */
function web(documents: Readonly<Record<string, unknown>>): { readonly fetch: Fetch; readonly asked: string[] } {
  const asked: string[] = []
  return {
    asked,
    fetch: (url) => {
      asked.push(String(url))
      const found = documents[String(url)]
      if (found instanceof Response) return Promise.resolve(found)
      return Promise.resolve(
        new Response(found === undefined ? '' : JSON.stringify(found), {
          status: found === undefined ? 404 : 200,
          headers: { 'content-type': 'application/json' },
        }),
      )
    },
  }
}

test('a client that is known by its document signs people in, and its host is shown as verified', async (t) => {
  const { fetch, asked } = web({
    [ID]: { client_id: ID, client_name: 'An app', redirect_uris: [REDIRECT], token_endpoint_auth_method: 'none' },
  })
  const world = await createWorld(t, { fetch })
  const browser = new Browser()
  const { answer } = await obtainTokens(world, { client: ID }, browser)
  assert.equal(answer.status, 200)
  assert.match(browser.page.html, /<strong>app\.example\.com<\/strong>/)
  assert.equal(asked.length, 1, 'the document is remembered')
})

test('trap 11: a document must be of https, with a path, of a named host, in its normal form', () => {
  for (const id of [ID, 'https://a.example/x?y=1']) assert.equal(isDocumentUrl(id, true), true, id)
  const wrong = [
    'https://app.example.com',
    'https://app.example.com/',
    'http://app.example.com/client.json',
    'https://127.0.0.1/client.json',
    'https://2130706433/client.json',
    'https://0x7f.1/client.json',
    'https://0177.0.0.1/client.json',
    'https://127.1/client.json',
    'https://[::1]/client.json',
    'https://[::ffff:127.0.0.1]/client.json',
    'https://localhost/client.json',
    'https://app.example.com./client.json',
    'https://user@app.example.com/client.json',
    'https://app.example.com:8443/client.json',
    'https://app.example.com/a/../client.json',
    'https://app.example.com/client.json#x',
    'https://APP.example.com/client.json',
    'https://app.example.com/cli ent.json',
    'file:///etc/passwd',
  ]
  for (const id of wrong) assert.equal(isDocumentUrl(id, true), false, id)
  assert.equal(isDocumentUrl(ID, ['https://other.example.com']), false)
  assert.equal(isDocumentUrl(ID, ['https://app.example.com']), true)
  const inside = 'https://agents:8443/client.json'
  assert.deepEqual([isDocumentUrl(inside, ['https://agents:8443']), isDocumentUrl(inside, ['https://agents'])], [true, false])
  assert.equal(isDocumentUrl(ID, false), false)
})

test('trap 11: what a document must not say is refused', async (t) => {
  const good = { client_id: ID, client_name: 'An app', redirect_uris: [REDIRECT] }
  const wrong = [
    { ...good, client_name: undefined },
    { ...good, client_id: 'https://app.example.com/other.json' },
    { ...good, grant_types: ['client_credentials'] },
    { ...good, redirect_uris: ['javascript:alert(1)'] },
    { ...good, redirect_uris: ['http://app.example.com/callback'] },
    { ...good, redirect_uris: 'https://app.example.com/callback' },
    { ...good, token_endpoint_auth_method: 'client_secret_post', client_secret: 'x'.repeat(40) },
    ['not an object'],
    { ...good, client_name: 'x'.repeat(6_000) },
  ]
  for (const document of wrong) {
    const world = await createWorld(t, { fetch: web({ [ID]: document }).fetch })
    const browser = new Browser()
    assert.equal(await browser.open(authorizeUrl(world, { client: ID }, pkce())), undefined, JSON.stringify(document))
    assert.ok(browser.page.status >= 400, JSON.stringify(document))
  }
})

test('trap 11: a document is never looked for behind a redirect', async (t) => {
  const away = new Response(null, { status: 302, headers: { location: 'http://169.254.169.254/latest' } })
  const { fetch, asked } = web({ [ID]: away })
  const world = await createWorld(t, { fetch })
  const browser = new Browser()
  await browser.open(authorizeUrl(world, { client: ID }, pkce()))
  assert.equal(browser.page.status, 400)
  assert.deepEqual([...new Set(asked)], [ID])
})

test('trap 11: a name that leads to this machine is not dialled', async (t) => {
  let requests = 0
  const inside = createServer((_request, response) => {
    requests++
    response.end('{}')
  })
  inside.on('connection', () => requests++)
  await new Promise<void>((resolve) => inside.listen(0, '127.0.0.1', resolve))
  t.after(() => inside.close())
  const guarded = createGuardedFetch({ resolve: (_name, done) => done(null, [{ address: '127.0.0.1', family: 4 }]) })
  t.after(() => guarded.close())
  const world = await createWorld(t, { fetch: guarded.fetch })
  const browser = new Browser()
  await browser.open(authorizeUrl(world, { client: ID }, pkce()))
  assert.equal(browser.page.status, 400)
  assert.equal(requests, 0)
  assert.ok(!browser.page.html.includes('127.0.0.1:'), 'the page does not tell what was found')
})

test('a document of an origin that is not on the list is not fetched', async (t) => {
  const { fetch, asked } = web({ [ID]: { client_id: ID, client_name: 'An app', redirect_uris: [REDIRECT] } })
  const world = await createWorld(t, { fetch, registration: { metadataDocuments: ['https://trusted.example.com'], dynamic: false } })
  const browser = new Browser()
  await browser.open(authorizeUrl(world, { client: ID }, pkce()))
  assert.equal(browser.page.status, 400)
  assert.deepEqual(asked, [])
  assert.equal((await globalThis.fetch(`${world.issuer}/register`, { method: 'POST' })).status, 404)
})
