/** The pages: what they show, that nothing of a stranger becomes markup, and that only they can send their forms. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { html } from '../../src/oauth/html.ts'
import { authorizeUrl, Browser, createWorld, PASSWORD, pkce, register } from './world.ts'

const HOSTILE = '<script>alert(1)</script>"\'><img src=x onerror=alert(1)>\u202e'

test('a page has no script, cannot be framed, is not kept and tells nobody where it was', async (t) => {
  const world = await createWorld(t)
  const client = await register(world)
  const browser = new Browser()
  await browser.open(authorizeUrl(world, { client }, pkce()))
  await browser.send({ action: 'login', name: 'alice', password: PASSWORD })
  for (const { html, headers } of browser.pages) {
    const csp = headers.get('content-security-policy') ?? ''
    assert.match(
      csp,
      /default-src 'none'; style-src 'sha256-[^']+'; form-action 'self' http:\/\/127\.0\.0\.1:7777; frame-ancestors 'none'; base-uri 'none'/,
    )
    assert.equal(headers.get('x-frame-options'), 'DENY')
    assert.equal(headers.get('cache-control'), 'no-store')
    assert.equal(headers.get('referrer-policy'), 'no-referrer')
    assert.equal(headers.get('x-content-type-options'), 'nosniff')
    assert.ok(!/<script|\son\w+=|javascript:/i.test(html))
    assert.match(html, /<html lang="en">/)
  }
})

test('consent shows the client, who vouches for it, where the answer goes, and each scope in words', async (t) => {
  const world = await createWorld(t)
  const client = await register(world, { client_name: HOSTILE })
  const browser = new Browser()
  await browser.open(authorizeUrl(world, { client, scope: 'files:read mcp:tool:echo' }, pkce()))
  await browser.send({ action: 'login', name: 'alice', password: PASSWORD })
  const { html } = browser.page
  assert.ok(!html.includes('<script') && !html.includes('<img'), 'what a client says of itself is text')
  assert.ok(html.includes('&lt;script&gt;') && html.includes('\\u202e'))
  assert.match(html, /nobody: it gave this name itself/)
  assert.match(html, /<code>127\.0\.0\.1:7777<\/code>/)
  assert.match(html, /Read your files <code class="soft">files:read<\/code>/)
  assert.match(html, /Use a tool: mcp:tool:echo/)
  assert.match(html, /Only continue if you started this yourself/)
  assert.match(html, /<dd>alice<\/dd>/)
})

test('a name that draws nothing, or moves what stands behind it away, is shown as what it is', () => {
  for (const blank of ['\u3164', '\u115f', '\u2800', '\u2003', '\u034f', '\u00ad', '\u{e0041}', '\u200b'])
    assert.match(String(html`${blank}`), /^\\u[0-9a-f]{4,5}$/, blank)
  assert.equal(String(html`${'Caf\u00e9\u00a0\u2764\ufe0f \u65e5\u672c'}`), 'Caf\u00e9\u00a0\u2764\ufe0f \u65e5\u672c')
})

test('a form without its token, with that of another page, or from another site is refused', async (t) => {
  const world = await createWorld(t)
  const client = await register(world)
  const other = new Browser()
  await other.open(authorizeUrl(world, { client }, pkce()))
  const stolen = /name="csrf" value="([^"]+)"/.exec(other.page.html)?.[1] ?? ''
  const attacks: readonly [Readonly<Record<string, string>>, Readonly<Record<string, string>>][] = [
    [{ csrf: '' }, {}],
    [{ csrf: stolen }, {}],
    [{}, { 'sec-fetch-site': 'cross-site' }],
    [{}, { 'sec-fetch-site': 'same-site' }],
  ]
  for (const [fields, headers] of attacks) {
    const browser = new Browser()
    await browser.open(authorizeUrl(world, { client }, pkce()))
    await browser.send({ action: 'login', name: 'alice', password: PASSWORD, ...fields }, headers)
    assert.equal(browser.page.status, 403)
  }
  assert.ok(!world.events.some(({ type }) => type === 'oauth.signed_in'))
})

test('a page that was opened in one browser is nothing in another', async (t) => {
  const world = await createWorld(t)
  const client = await register(world)
  const victim = new Browser()
  await victim.open(authorizeUrl(world, { client }, pkce()))
  const thief = new Browser()
  await thief.open(victim.page.url)
  assert.equal(thief.page.status, 400)
})

test('a wrong password, an unknown user and a disabled one get the same page, and each is one event', async (t) => {
  const world = await createWorld(t)
  const client = await register(world)
  await world.server.accounts.setStatus('bob', 'disabled')
  const pages = []
  for (const [name, password] of [
    ['alice', 'wrong'],
    ['nobody', PASSWORD],
    ['bob', PASSWORD],
  ] as const) {
    const browser = new Browser()
    await browser.open(authorizeUrl(world, { client }, pkce()))
    await browser.send({ action: 'login', name, password })
    assert.equal(browser.page.status, 401)
    pages.push(browser.page.html.replaceAll(/name="csrf" value="[^"]*"|interaction\/[\w-]+|value="(alice|nobody|bob)"/g, ''))
  }
  assert.equal(new Set(pages).size, 1)
  const refused = world.events.filter(({ type }) => type === 'oauth.sign_in_refused')
  assert.equal(refused.length, 3)
  assert.deepEqual(
    refused.map(({ principal }) => principal),
    [`${world.issuer}#alice`, undefined, undefined],
  )
  assert.ok(!JSON.stringify(refused).includes('nobody'))
})

test('guessing a password is slowed down by name, wherever it comes from', async (t) => {
  const world = await createWorld(t)
  const client = await register(world)
  const browser = new Browser()
  await browser.open(authorizeUrl(world, { client }, pkce()))
  for (let attempt = 0; attempt < 10; attempt++) await browser.send({ action: 'login', name: 'alice', password: `wrong ${attempt}` })
  assert.equal(browser.page.status, 401)
  await browser.send({ action: 'login', name: 'alice', password: PASSWORD })
  assert.equal(browser.page.status, 429)
  world.ahead += 61_000
  await browser.send({ action: 'login', name: 'alice', password: PASSWORD })
  assert.match(browser.page.html, /Allow/)
})

test('who is somebody else signs in anew, and the session before is ended', async (t) => {
  const world = await createWorld(t)
  const client = await register(world)
  const browser = new Browser()
  await browser.agree(authorizeUrl(world, { client }, pkce()))
  await browser.open(authorizeUrl(world, { client }, pkce()))
  assert.match(browser.page.html, /<dd>alice<\/dd>/)
  await browser.send({ action: 'switch' })
  assert.match(browser.page.html, /name="password"/)
  await browser.send({ action: 'login', name: 'bob', password: PASSWORD })
  assert.match(browser.page.html, /<dd>bob<\/dd>/)
  assert.ok(await browser.send({ action: 'allow' }))
})

test('an answer that was to be sent by script is a form that a person sends', async (t) => {
  const world = await createWorld(t)
  const client = await register(world)
  const browser = new Browser()
  let away = await browser.open(authorizeUrl(world, { client, more: { response_mode: 'form_post' } }, pkce()))
  away = await browser.send({ action: 'login', name: 'alice', password: PASSWORD })
  away = await browser.send({ action: 'allow' })
  assert.equal(away, undefined)
  assert.ok(!browser.page.html.includes('<script'))
  assert.match(browser.page.html, /<form method="post" action="http:\/\/127\.0\.0\.1:7777\/callback">[\s\S]*name="code"[\s\S]*<button/)
})
