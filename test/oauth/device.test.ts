/** Devices without a browser (RFC 8628). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeJwt } from 'jose'
import { DEVICE_CODE } from '../../src/oauth/clients.ts'
import { type Answer, Browser, createWorld, PASSWORD, post, register, slowStore, type World } from './world.ts'

const GRANTS = ['authorization_code', 'refresh_token', DEVICE_CODE]

function start(world: World, client: string): Promise<Answer> {
  return post(`${world.issuer}/device/authorize`, { client_id: client, resource: world.resource, scope: 'files:read' })
}

function poll(world: World, client: string, code: unknown): Promise<Answer> {
  return post(`${world.issuer}/token`, { grant_type: DEVICE_CODE, client_id: client, device_code: String(code) })
}

test('a person approves a device after they saw its code and what it asks for', async (t) => {
  const world = await createWorld(t)
  const client = await register(world, { client_name: 'A television', grant_types: GRANTS })
  const { body } = await start(world, client)
  assert.equal(body['verification_uri'], `${world.issuer}/device`)
  assert.equal((await poll(world, client, body['device_code'])).body['error'], 'authorization_pending')
  const browser = new Browser()
  await browser.open(String(body['verification_uri_complete']))
  assert.ok(browser.page.html.includes(`value="${String(body['user_code'])}"`), 'the code of the link is filled in, and not sent')
  await browser.send({ user_code: String(body['user_code']) })
  assert.match(browser.page.html, /Does your device show this code\?/)
  assert.match(browser.page.html, /A television/)
  await browser.send({ confirm: 'yes' })
  await browser.send({ action: 'login', name: 'alice', password: PASSWORD })
  assert.match(browser.page.html, /Read your files/)
  await browser.send({ action: 'allow' })
  assert.match(browser.page.html, /Connected/)
  const { status, body: tokens } = await poll(world, client, body['device_code'])
  assert.equal(status, 200, JSON.stringify(tokens))
  const claims = decodeJwt(String(tokens['access_token']))
  assert.deepEqual([claims.sub, claims.aud, claims['scope']], ['alice', world.resource, 'files:read'])
  assert.equal((await poll(world, client, body['device_code'])).body['error'], 'invalid_grant')
  for (const { html, headers } of browser.pages) {
    assert.ok(!html.includes('<script'))
    assert.match(headers.get('content-security-policy') ?? '', /frame-ancestors 'none'/)
  }
})

test('a device is refused when its person says no, and asked about anew for a second one', async (t) => {
  const world = await createWorld(t)
  const client = await register(world, { grant_types: GRANTS })
  const browser = new Browser()
  const first = (await start(world, client)).body
  await browser.open(`${world.issuer}/device`)
  await browser.send({ user_code: String(first['user_code']) })
  await browser.send({ abort: 'yes' })
  assert.match(browser.page.html, /Nothing was connected/)
  assert.equal((await poll(world, client, first['device_code'])).body['error'], 'access_denied')
  for (let round = 0; round < 2; round++) {
    const { body } = await start(world, client)
    await browser.open(`${world.issuer}/device`)
    await browser.send({ user_code: String(body['user_code']) })
    await browser.send({ confirm: 'yes' })
    if (round === 0) await browser.send({ action: 'login', name: 'alice', password: PASSWORD })
    assert.match(browser.page.html, /value="allow"/)
    await browser.send({ action: 'allow' })
  }
})

test('of fifty parallel polls one gets the token', async (t) => {
  const world = await createWorld(t, { wrapStore: slowStore })
  const client = await register(world, { grant_types: GRANTS })
  const { body } = await start(world, client)
  const browser = new Browser()
  await browser.open(`${world.issuer}/device`)
  await browser.send({ user_code: String(body['user_code']) })
  await browser.send({ confirm: 'yes' })
  await browser.send({ action: 'login', name: 'alice', password: PASSWORD })
  await browser.send({ action: 'allow' })
  const answers = await Promise.all(Array.from({ length: 50 }, () => poll(world, client, body['device_code'])))
  assert.equal(answers.filter(({ status }) => status === 200).length, 1)
})

test('a device code that is used once more later on ends what was given for it', async (t) => {
  const world = await createWorld(t)
  const client = await register(world, { grant_types: [...GRANTS] })
  const { body } = await start(world, client)
  const browser = new Browser()
  await browser.open(`${world.issuer}/device`)
  await browser.send({ user_code: String(body['user_code']) })
  await browser.send({ confirm: 'yes' })
  await browser.send({ action: 'login', name: 'alice', password: PASSWORD })
  await browser.send({ action: 'allow' })
  const given = await poll(world, client, body['device_code'])
  const refresh = (): Promise<Answer> =>
    post(`${world.issuer}/token`, { grant_type: 'refresh_token', client_id: client, refresh_token: String(given.body['refresh_token']) })
  assert.equal((await poll(world, client, body['device_code'])).body['error'], 'invalid_grant', 'its own, at once')
  world.ahead = 10_000
  assert.equal((await poll(world, client, body['device_code'])).body['error'], 'invalid_grant')
  assert.equal((await refresh()).body['error'], 'invalid_grant')
})

test('user codes cannot be tried out', async (t) => {
  const world = await createWorld(t)
  const browser = new Browser()
  await browser.open(`${world.issuer}/device`)
  for (let attempt = 0; attempt < 20; attempt++) await browser.send({ user_code: `BBBB-BBB${'BCDFGHJKLMNPQRSTVWXZ'[attempt]}` })
  assert.match(browser.page.html, /not valid/)
  const page = browser.page
  await browser.send({ user_code: 'BBBB-CCCC' })
  assert.equal(browser.page.status, 429)
  assert.notEqual(page.status, 429)
})
