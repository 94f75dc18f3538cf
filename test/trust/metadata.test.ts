import assert from 'node:assert/strict'
import { test } from 'node:test'
import { discover, wellKnownUrls } from '../../src/trust/metadata.ts'
import { openSite } from './fixture.ts'

test('the path of an issuer is put behind the well-known part, and OpenID is tried in both places', () => {
  assert.deepEqual(wellKnownUrls('https://id.example'), [
    'https://id.example/.well-known/oauth-authorization-server',
    'https://id.example/.well-known/openid-configuration',
  ])
  const behindPath = [
    'https://id.example/.well-known/oauth-authorization-server/tenant/one',
    'https://id.example/.well-known/openid-configuration/tenant/one',
    'https://id.example/tenant/one/.well-known/openid-configuration',
  ]
  assert.deepEqual(wellKnownUrls('https://id.example/tenant/one'), behindPath)
  assert.deepEqual(wellKnownUrls('https://id.example/tenant/one/'), behindPath)
})

test('each place is asked in order until one has metadata of this issuer', async () => {
  await using site = await openSite()
  const issuer = `${site.url}/tenant`
  const document = { issuer, jwks_uri: `${site.url}/keys`, introspection_endpoint: `${site.url}/introspect` }
  site.routes.set('/tenant/.well-known/openid-configuration', { body: document })
  assert.deepEqual(await discover(issuer, site.fetch), {
    issuer,
    jwksUri: document.jwks_uri,
    introspectionEndpoint: document.introspection_endpoint,
  })
  assert.equal(site.asked.length, 3)
})

const others = (url: string): readonly unknown[] => [
  `${url}/`,
  url.toUpperCase(),
  `${url}/other`,
  'https://id.example',
  undefined,
  7,
  [url],
]

test('metadata that names another issuer is not believed', async () => {
  await using site = await openSite()
  for (const issuer of others(site.url)) {
    const body = JSON.stringify({ issuer, jwks_uri: `${site.url}/keys` })
    site.routes.set('/.well-known/oauth-authorization-server', { body })
    await assert.rejects(discover(site.url, site.fetch), { code: 'FAULT_ISSUER', message: /another issuer/ })
  }
})

test('what is not one JSON object of the right type, read alike by everybody, is not believed', async () => {
  await using site = await openSite()
  const good = `"issuer":"${site.url}"`
  const broken = [
    { body: `{${good}}`, type: 'text/html' },
    { body: `{${good}}`, status: 201 },
    { body: `[{${good}}]` },
    { body: `{"issuer":"https://other.example",${good}}` },
    { body: `{${good}` },
    { body: `\ufeff{${good}}` },
    { body: `{${good},"__proto__":{}}` },
    { body: '' },
  ]
  for (const answer of broken) {
    site.routes.set('/.well-known/oauth-authorization-server', answer)
    await assert.rejects(discover(site.url, site.fetch), { code: 'FAULT_ISSUER' }, JSON.stringify(answer))
  }
  site.routes.set('/.well-known/oauth-authorization-server', { body: `{${good}}`, type: 'Application/JSON; charset=utf-8' })
  assert.deepEqual(await discover(site.url, site.fetch), { issuer: site.url })
})

test('a failure tells nothing of what was answered', async () => {
  await using site = await openSite()
  site.routes.set('/.well-known/oauth-authorization-server', { body: '{"secret-token-1234" x' })
  await assert.rejects(discover(site.url, site.fetch), ({ message }: Error) => {
    assert.doesNotMatch(message, /1234/)
    return true
  })
})
