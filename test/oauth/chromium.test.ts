/** Sign-in and consent in a real Chromium: the pages work under their own policy, from a keyboard, to the client and back. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { CHROMIUM, openTab, type Tab } from './chromium.ts'
import { authorizeUrl, createWorld, PASSWORD, pkce, post, register } from './world.ts'

/** Pictures are kept where a person asks for them: `SCREENSHOTS=folder npm test`. */
async function keep(tab: Tab, name: string): Promise<void> {
  const folder = process.env['SCREENSHOTS']
  if (folder === undefined) return
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, `${name}.png`), await tab.picture())
}

/** The client of a person, waiting on the loopback. */
async function waitForCode(t: TestContext): Promise<string> {
  const server = createServer((request, response) =>
    response
      .setHeader('content-type', 'text/html')
      .end(`<title>client</title>${request.url?.includes('code=') === true ? 'got it' : 'nothing'}`),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/callback`
}

const SIGN_IN = `document.querySelector('#name').value = 'alice'; document.querySelector('#password').value = ${JSON.stringify(PASSWORD)}; document.querySelector('button.first').click()`

test('a person signs in, sees who asks for what, allows it, and is back at the client', { skip: CHROMIUM === undefined }, async (t) => {
  const redirect = await waitForCode(t)
  const world = await createWorld(t)
  const client = await register(world, { client_name: 'Agent <b>with</b> a name', redirect_uris: [redirect] })
  const tab = await openTab(t, CHROMIUM ?? '')
  await tab.open(authorizeUrl(world, { client, redirect, scope: 'files:read files:write mcp:tool:echo' }, pkce()))
  assert.equal(await tab.look('document.title'), 'Sign in')
  assert.equal(await tab.look(`getComputedStyle(document.querySelector('main')).maxWidth`), '480px', 'the style is allowed by its hash')
  assert.equal(
    await tab.look(`[...document.querySelectorAll('input:not([type=hidden])')].every((input) => input.labels.length === 1)`),
    true,
  )
  await keep(tab, 'sign-in')
  await tab.act(
    `document.querySelector('#name').value = 'alice'; document.querySelector('#password').value = 'wrong'; document.querySelector('button.first').click()`,
  )
  assert.equal(await tab.look(`document.querySelector('[role=alert]').textContent`), 'This name and password do not belong together.')
  await keep(tab, 'sign-in-refused')
  await tab.act(SIGN_IN)
  assert.equal(await tab.look('document.title'), 'Allow access')
  assert.equal(await tab.look(`document.querySelector('h1 strong').textContent`), 'Agent <b>with</b> a name')
  await keep(tab, 'consent')
  await tab.act(`document.querySelector('button[value=allow]').click()`)
  assert.equal(await tab.look('document.body.textContent'), 'got it', 'the policy lets the answer through')
  assert.deepEqual(
    tab.complaints.filter((line) => /Content Security Policy/i.test(line)),
    [],
  )
})

test('a page of ours is not shown in the frame of another', { skip: CHROMIUM === undefined }, async (t) => {
  const world = await createWorld(t)
  const client = await register(world)
  const target = authorizeUrl(world, { client }, pkce())
  const frame = createServer((_request, response) =>
    response.setHeader('content-type', 'text/html').end(`<title>evil</title><iframe src="${target.replaceAll('&', '&amp;')}"></iframe>`),
  )
  await new Promise<void>((resolve) => frame.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    frame.closeAllConnections()
    frame.close()
  })
  const address = frame.address()
  const tab = await openTab(t, CHROMIUM ?? '')
  await tab.open(`http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/`)
  assert.equal(
    await tab.look(
      `(() => { try { return document.querySelector('iframe').contentDocument?.title ?? 'refused' } catch { return 'refused' } })()`,
    ),
    'refused',
  )
  assert.ok(
    tab.complaints.some((line) => /frame-ancestors|X-Frame-Options/i.test(line)),
    tab.complaints.join('\n'),
  )
})

test('a device is connected by a person who saw its code', { skip: CHROMIUM === undefined }, async (t) => {
  const world = await createWorld(t)
  const client = await register(world, {
    client_name: 'A television',
    grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
  })
  const { body } = await post(`${world.issuer}/device/authorize`, { client_id: client, resource: world.resource })
  const tab = await openTab(t, CHROMIUM ?? '')
  await tab.open(String(body['verification_uri_complete']))
  assert.equal(await tab.look(`document.querySelector('#code').value`), body['user_code'])
  await keep(tab, 'device')
  await tab.act(`document.querySelector('button').click()`)
  await keep(tab, 'device-confirm')
  await tab.act(`document.querySelector('button[name=confirm]').click()`)
  await tab.act(SIGN_IN)
  await keep(tab, 'device-consent')
  await tab.act(`document.querySelector('button[value=allow]').click()`)
  assert.equal(await tab.look('document.title'), 'Connected')
  await keep(tab, 'device-connected')
})
