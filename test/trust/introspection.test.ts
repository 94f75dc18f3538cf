import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonValue } from '../../src/core/json.ts'
import { Secret } from '../../src/core/secret.ts'
import { createIntrospection, type Introspect } from '../../src/trust/introspection.ts'
import { openSite, type Site, START_AT } from './fixture.ts'

const NOW = START_AT / 1_000
const ISSUER = 'https://id.example'

function introspectionOf(site: Site): Introspect {
  const config = { issuer: ISSUER, clientId: 'gate way', clientSecret: new Secret('s:e%c/r+t'), endpoint: `${site.url}/introspect` }
  const locate = () => Promise.reject(new Error('it is configured'))
  return createIntrospection({ ...config, locate }, { fetch: site.fetch, clock: () => site.time.now })
}

const say = (site: Site, body: JsonValue): unknown => site.routes.set('/introspect', { body })

test('the question is a form, with form-encoded client credentials', async () => {
  await using site = await openSite()
  const seen: unknown[] = []
  site.routes.set('/introspect', ({ request, body }) => {
    seen.push(request.method, request.headers['content-type'], request.headers.authorization, body)
    return { body: { active: true } }
  })
  await introspectionOf(site)('a+b/c~d==')
  const basic = `Basic ${Buffer.from('gate+way:s%3Ae%25c%2Fr%2Bt').toString('base64')}`
  assert.deepEqual(seen, ['POST', 'application/x-www-form-urlencoded', basic, 'token=a%2Bb%2Fc%7Ed%3D%3D&token_type_hint=access_token'])
})

test('a yes is remembered for half a minute, then asked for again', async () => {
  await using site = await openSite()
  say(site, { active: true, sub: 'ann', exp: NOW + 3600 })
  const introspect = introspectionOf(site)
  assert.ok(introspect('token') instanceof Promise)
  await introspect('token')
  assert.deepEqual(introspect('token'), { active: true, claims: { active: true, sub: 'ann', exp: NOW + 3600 } })
  site.time.now += 29_999
  await introspect('token')
  assert.equal(site.asked.length, 1)
  say(site, { active: false })
  site.time.now += 1
  assert.deepEqual(await introspect('token'), { active: false })
  assert.equal(site.asked.length, 2)
})

test('a yes is never remembered beyond the life of the token', async () => {
  await using site = await openSite()
  say(site, { active: true, exp: NOW + 5 })
  const introspect = introspectionOf(site)
  await introspect('token')
  site.time.now += 5_000
  assert.deepEqual(await introspect('token'), { active: false })
  assert.equal(site.asked.length, 2)
})

test('a no is remembered for moments, and tokens are never mixed up', async () => {
  await using site = await openSite()
  site.routes.set('/introspect', ({ body }) => ({ body: { active: body.includes('token=good&') } }))
  const introspect = introspectionOf(site)
  for (let round = 0; round < 3; round++) {
    assert.deepEqual(await introspect('bad'), { active: false })
    assert.equal((await introspect('good')).active, true)
  }
  assert.equal(site.asked.length, 2)
  site.time.now += 5_001
  await introspect('bad')
  assert.equal(site.asked.length, 3)
})

test('many who bring the same token ask once', async () => {
  await using site = await openSite()
  say(site, { active: true })
  const introspect = introspectionOf(site)
  await Promise.all(Array.from({ length: 50 }, () => introspect('token')))
  assert.equal(site.asked.length, 1)
})

const NOT_A_YES: Readonly<Record<string, JsonValue>> = {
  'without active': { sub: 'ann' },
  'with a text for active': { active: 'true' },
  'with a number for active': { active: 1 },
  'that is inactive': { active: false, sub: 'ann' },
  'about a token that is over': { active: true, exp: NOW },
  'with an expiry that is no number': { active: true, exp: `${NOW + 3600}` },
  'with an expiry of null': { active: true, exp: null },
  'about a token that has not begun': { active: true, nbf: NOW + 60 },
  'about the token of another issuer': { active: true, iss: 'https://other.example' },
}

for (const [what, body] of Object.entries(NOT_A_YES)) {
  test(`an answer ${what} is a no`, async () => {
    await using site = await openSite()
    say(site, body)
    assert.deepEqual(await introspectionOf(site)('token'), { active: false })
  })
}

test('an issuer that cannot be asked is a fault, and is not remembered', async () => {
  await using site = await openSite()
  const introspect = introspectionOf(site)
  const broken = [
    { body: 'internal error', status: 500 },
    { body: { error: 'invalid_client' }, status: 401 },
    { body: { active: true }, status: 302 },
    { body: { active: true }, type: 'text/html' },
    { body: '{"active":false,"active":true}' },
    { body: '[]' },
    { body: 'x'.repeat(65 * 1024) },
  ]
  for (const answer of broken) {
    site.routes.set('/introspect', answer)
    await assert.rejects(async () => await introspect('token'), { code: 'FAULT_INTROSPECTION' })
  }
  await site.fetch.close()
  await assert.rejects(async () => await introspect('token'), { code: 'FAULT_INTROSPECTION' })
  assert.equal(site.asked.length, broken.length)
})

test('what cannot be a token is sent nowhere', async () => {
  await using site = await openSite()
  const introspect = introspectionOf(site)
  for (const token of ['', ' ', 'a b', 'a\r\nb', 'é', 'a=b', 'x'.repeat(8 * 1024 + 1)])
    assert.deepEqual(await introspect(token), { active: false })
  assert.deepEqual(site.asked, [])
})

test('more questions at once than are good for the issuer are refused', async () => {
  await using site = await openSite()
  say(site, { active: true })
  const introspect = introspectionOf(site)
  const open = Array.from({ length: 64 }, (_, at) => introspect(`token-${at}`))
  assert.throws(() => introspect('one-more'), { code: 'FAULT_INTROSPECTION' })
  await Promise.all(open)
  assert.equal((await introspect('one-more')).active, true)
})
