import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Secret } from '../../src/core/secret.ts'
import { createIssuer, type Issuer, type IssuerConfig } from '../../src/trust/issuer.ts'
import { makePair, openSite, type Pair, type Site } from './fixture.ts'

const MINUTE = 60_000
const one = makePair('ES256', { kid: 'one' })
const two = makePair('ES256', { kid: 'two' })

function publish(site: Site, ...keys: readonly Pair[]): void {
  site.routes.set('/.well-known/oauth-authorization-server', { body: { issuer: site.url, jwks_uri: `${site.url}/keys` } })
  site.routes.set('/keys', { body: { keys: keys.map(({ jwk }) => jwk) }, type: 'application/jwk-set+json' })
}

function issuerOf(site: Site, said: Partial<IssuerConfig> = {}): Issuer {
  const config: IssuerConfig = { issuer: site.url, algorithms: ['ES256'], ...said }
  return createIssuer(config, { fetch: site.fetch, clock: () => site.time.now, onEvent: (entry) => site.events.push(entry) })
}

const asksFor = (site: Site, path = '/keys'): number => site.asked.filter((asked) => asked === path).length

test('the first token waits for the keys, the next ones do not', async () => {
  await using site = await openSite()
  publish(site, one)
  const issuer = issuerOf(site)
  const first = issuer.keyFor({ alg: 'ES256', kid: 'one' })
  assert.ok(first instanceof Promise)
  assert.equal((await first)?.equals(one.publicKey), true)
  const next = issuer.keyFor({ alg: 'ES256', kid: 'one' })
  assert.ok(next !== undefined && !(next instanceof Promise))
  assert.deepEqual(site.asked, ['/.well-known/oauth-authorization-server', '/keys'])
})

test('many tokens at once cost one fetch', async () => {
  await using site = await openSite()
  publish(site, one)
  const issuer = issuerOf(site)
  const keys = await Promise.all(Array.from({ length: 50 }, (_, at) => issuer.keyFor({ alg: 'ES256', kid: at % 2 ? 'one' : `no-${at}` })))
  assert.equal(keys.filter((key) => key !== undefined).length, 25)
  assert.equal(site.asked.length, 2)
})

test('unknown names cost at most one fetch a cool-down, however many tokens bring them', async () => {
  await using site = await openSite()
  publish(site, one)
  const issuer = issuerOf(site)
  await issuer.warm()
  for (let at = 0; at < 200; at++) assert.equal(await issuer.keyFor({ alg: 'ES256', kid: `stranger-${at}` }), undefined)
  assert.equal(asksFor(site), 1)
  site.time.now += 31_000
  for (let at = 0; at < 200; at++) assert.equal(await issuer.keyFor({ alg: 'ES256', kid: `other-${at}` }), undefined)
  assert.equal(asksFor(site), 2)
})

test('a key published after the last fetch is found after the cool-down', async () => {
  await using site = await openSite()
  publish(site, one)
  const issuer = issuerOf(site)
  await issuer.warm()
  publish(site, one, two)
  assert.equal(issuer.keyFor({ alg: 'ES256', kid: 'two' }), undefined)
  site.time.now += 31_000
  assert.equal((await issuer.keyFor({ alg: 'ES256', kid: 'two' }))?.equals(two.publicKey), true)
})

test('an algorithm that is not configured asks nobody', async () => {
  await using site = await openSite()
  publish(site, one, makePair('RS256', { kid: 'rsa' }))
  const issuer = issuerOf(site)
  for (const alg of ['none', 'HS256', 'RS256', 'toString']) assert.equal(issuer.keyFor({ alg, kid: 'rsa' }), undefined)
  assert.deepEqual(site.asked, [])
})

test('the revision changes when the keys do, and only then', async () => {
  await using site = await openSite()
  publish(site, one)
  const issuer = issuerOf(site, { refreshMs: MINUTE })
  await issuer.warm()
  const first = issuer.revision
  site.time.now += 2 * MINUTE
  await Promise.all([issuer.revision, issuer.warm()])
  assert.equal(issuer.revision, first)
  publish(site, two)
  site.time.now += 2 * MINUTE
  assert.equal(issuer.revision, first, 'the refresh is behind the back of the call')
  await issuer.warm()
  assert.notEqual(issuer.revision, first)
  assert.equal(issuer.keyFor({ alg: 'ES256', kid: 'one' }), undefined)
  assert.equal(asksFor(site), 3)
})

test('while the issuer is down its last keys serve, but not for ever', async () => {
  await using site = await openSite()
  publish(site, one)
  const issuer = issuerOf(site, { refreshMs: MINUTE, maxStaleMs: 60 * MINUTE })
  await issuer.warm()
  const { revision } = issuer
  site.routes.clear()
  site.time.now += 59 * MINUTE
  assert.ok(issuer.keyFor({ alg: 'ES256', kid: 'one' }) !== undefined)
  await assert.rejects(issuer.warm(), { code: 'FAULT_ISSUER' })
  assert.equal(issuer.revision, revision)
  site.time.now += MINUTE
  assert.notEqual(issuer.revision, revision)
  await assert.rejects(async () => await issuer.keyFor({ alg: 'ES256', kid: 'one' }), { code: 'FAULT_ISSUER' })
  publish(site, one)
  site.time.now += MINUTE
  assert.equal((await issuer.keyFor({ alg: 'ES256', kid: 'one' }))?.equals(one.publicKey), true)
  assert.deepEqual(
    site.events.map(({ type }) => type),
    ['issuer.refreshed', 'issuer.failed', 'issuer.refreshed'],
  )
})

test('an issuer that is down is not a no for a key that is not known', async () => {
  await using site = await openSite()
  publish(site, one)
  const issuer = issuerOf(site)
  await issuer.warm()
  site.routes.clear()
  site.time.now += MINUTE
  await assert.rejects(async () => await issuer.keyFor({ alg: 'ES256', kid: 'two' }), { code: 'FAULT_ISSUER' })
  const asked = site.asked.length
  assert.throws(() => issuer.keyFor({ alg: 'ES256', kid: 'three' }), { code: 'FAULT_ISSUER' })
  assert.equal(site.asked.length, asked, 'it is not asked again within the cool-down')
  assert.ok(issuer.keyFor({ alg: 'ES256', kid: 'one' }) !== undefined)
})

test('an issuer that was never there refuses, and is asked once a cool-down', async () => {
  await using site = await openSite()
  const issuer = issuerOf(site)
  await assert.rejects(issuer.warm(), { code: 'FAULT_ISSUER' })
  const asked = site.asked.length
  for (let at = 0; at < 20; at++) assert.throws(() => issuer.keyFor({ alg: 'ES256', kid: 'one' }), { code: 'FAULT_ISSUER' })
  assert.equal(site.asked.length, asked)
})

test('a clock that is set back does not keep old keys alive', async () => {
  await using site = await openSite()
  publish(site, one)
  const issuer = issuerOf(site)
  await issuer.warm()
  publish(site, two)
  site.time.now -= 60 * MINUTE
  assert.equal(await issuer.keyFor({ alg: 'ES256', kid: 'one' }), undefined)
  assert.equal((await issuer.keyFor({ alg: 'ES256', kid: 'two' }))?.equals(two.publicKey), true)
})

test('keys that moved are found by asking the metadata again', async () => {
  await using site = await openSite()
  publish(site, one)
  const issuer = issuerOf(site, { refreshMs: MINUTE, coolDownMs: MINUTE })
  await issuer.warm()
  site.routes.delete('/keys')
  site.routes.set('/.well-known/oauth-authorization-server', { body: { issuer: site.url, jwks_uri: `${site.url}/moved` } })
  site.routes.set('/moved', { body: { keys: [two.jwk] } })
  site.time.now += MINUTE
  await assert.rejects(issuer.warm(), { code: 'FAULT_ISSUER' })
  site.time.now += MINUTE
  await issuer.warm()
  assert.ok(issuer.keyFor({ alg: 'ES256', kid: 'two' }) !== undefined)
})

test('with the place of its keys configured an issuer needs no metadata', async () => {
  await using site = await openSite()
  site.routes.set('/jwks', { body: { keys: [one.jwk] } })
  const issuer = issuerOf(site, { issuer: 'https://workload.example', jwksUri: `${site.url}/jwks` })
  await issuer.warm()
  assert.deepEqual(site.asked, ['/jwks'])
})

test('poisoned key sets are refused: large, of another type, redirected, over plain http elsewhere, on private addresses', async () => {
  await using site = await openSite()
  await using inside = await openSite()
  publish(inside, one)
  const answers = [
    { body: JSON.stringify({ keys: [one.jwk], padding: 'x'.repeat(512 * 1024) }) },
    { body: { keys: [one.jwk] }, type: 'text/plain' },
    { body: '{"keys":[],"keys":[]}' },
    { body: '', status: 302 },
    { body: { keys: [one.jwk] }, status: 500 },
  ]
  for (const answer of answers) {
    site.routes.set('/jwks', answer)
    await assert.rejects(issuerOf(site, { jwksUri: `${site.url}/jwks` }).warm(), { code: 'FAULT_ISSUER' })
  }
  for (const jwksUri of [`${inside.url}/keys`, 'http://8.8.8.8/keys', 'https://169.254.169.254/keys', 'file:///etc/passwd', 'not a url'])
    await assert.rejects(issuerOf(site, { jwksUri }).warm(), { code: 'FAULT_ISSUER' }, jwksUri)
  assert.deepEqual(inside.asked, [])
})

test('keys that were left out are said once, with the reason', async () => {
  await using site = await openSite()
  publish(site, one, { ...two, jwk: { ...two.jwk, use: 'enc' } })
  await issuerOf(site).warm()
  assert.match(site.events[0]?.detail ?? '', /1 keys; left out: a key of another use/)
})

test('a configuration that could not be safe is a fault at start', async () => {
  await using site = await openSite()
  for (const said of [{ issuer: 'not a url' }, { algorithms: [] }]) assert.throws(() => issuerOf(site, said), { code: 'FAULT_CONFIG' })
})

test('introspection is there when it is configured, and finds its endpoint in the metadata', async () => {
  await using site = await openSite()
  assert.equal(issuerOf(site).introspect, undefined)
  const body = { issuer: site.url, introspection_endpoint: `${site.url}/introspect` }
  site.routes.set('/.well-known/oauth-authorization-server', { body })
  site.routes.set('/introspect', { body: { active: true, sub: 'ann' } })
  const issuer = issuerOf(site, { introspection: { clientId: 'gw', clientSecret: new Secret('s') } })
  assert.deepEqual(await issuer.introspect?.('token'), { active: true, claims: { active: true, sub: 'ann' } })
})
