/** A gateway that speaks TLS: who is let in by a certificate, which tokens are bound to one, and what happens when files change. */
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { request } from 'undici'
import type { AuditEvent, EventType } from '../../src/core/event.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { Clients } from '../../src/oauth/clients.ts'
import { type Authority, anAuthority, type Certified } from '../fixtures/authority.ts'
import { callFrom, codeOf } from '../fixtures/caller.ts'
import { aGateway, type RunningGateway } from '../fixtures/gateway.ts'
import { freePort } from '../fixtures/port.ts'
import { aSecureCaller } from '../fixtures/secure-caller.ts'
import { aBareUpstream, type BareUpstream, text } from '../fixtures/upstream.ts'
import { freshId, makePair, openSite, type Site, signJws } from '../trust/fixture.ts'

const DAY_MS = 86_400_000
const RULES = `
access:
  roles: { service: { permissions: ["tools:use"] } }
  tools: { echo: { permission: tools:use } }
`
const pair = makePair('ES256', { kid: 'k1', use: 'sig', alg: 'ES256' })
const folder = mkdtempSync(join(tmpdir(), 'portcullis-tls-'))
const place = (file: string): string => join(folder, file)
const write = (file: string, content: string): void => writeFileSync(place(file), content, { mode: 0o600 })

let ours: Authority
let theirs: Authority
let upstream: BareUpstream
let issuer: Site
let house: RunningGateway
let agent: Certified
let other: Certified
let redirect: number

const SERVED = 'DNS:localhost,IP:127.0.0.1'
const forClients = (names: string, more: { readonly until?: number; readonly from?: number } = {}): Certified =>
  ours.issue(names, { use: 'clientAuth', ...more })
const thumbprint = ({ cert }: Certified): string =>
  Buffer.from(new X509Certificate(cert).fingerprint256.replaceAll(':', ''), 'hex').toString('base64url')

function serve(certified: Certified): void {
  write('server.crt', certified.cert)
  write('server.key', certified.key)
}

before(async () => {
  ours = anAuthority()
  theirs = anAuthority('Somebody Else')
  serve(ours.issue(SERVED))
  write('ca.pem', ours.cert)
  write('crl.pem', ours.revocationList())
  agent = forClients('URI:spiffe://example/agent/one')
  other = forClients('URI:spiffe://example/agent/two')
  upstream = await aBareUpstream({ echo: (args) => text(String(args['message'])) })
  issuer = await openSite()
  issuer.routes.set('/.well-known/oauth-authorization-server', { body: { issuer: issuer.url, jwks_uri: `${issuer.url}/jwks` } })
  issuer.routes.set('/jwks', { body: { keys: [pair.jwk] } })
  redirect = await freePort()
  house = await aGateway(`
tls:
  certificate: ${place('server.crt')}
  key: ${place('server.key')}
  clientCa: ${place('ca.pem')}
  clientCertificates: optional
  revocationList: ${place('crl.pem')}
  redirect: 127.0.0.1:${redirect}
servers: { tools: { url: "${upstream.url}" } }
limits: { failures: { allow: 1000, per: 5m, block: 15m } }
authentication:
  certificates: { subject: san-uri, roles: { "spiffe://example/agent/*": service } }
  issuers: [{ issuer: "${issuer.url}", allowPrivate: true, roles: { claim: groups, map: { staff: service } } }]
  oauth: {}
${RULES}`)
})
after(async () => {
  await house[Symbol.asyncDispose]()
  await issuer[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
  ours[Symbol.dispose]()
  theirs[Symbol.dispose]()
  rmSync(folder, { recursive: true })
})

async function last(type: EventType): Promise<AuditEvent | undefined> {
  return (await house.events()).findLast((event) => event.type === type)
}

/** Status and code of a call with this certificate; and what was written down of it. */
async function ask(own: Certified | undefined, headers: Readonly<Record<string, string>> = {}): Promise<string> {
  await using caller = aSecureCaller(ours.cert, own)
  const { status, code } = await caller.call(`${house.url}/mcp`, headers)
  const ended = await last('call.ended')
  return [status, code, code === undefined ? ended?.principal : ended?.detail].filter((one) => one !== undefined).join(' ')
}

test('a client is known by the one verified name of its certificate, and has the roles of that name', async () => {
  assert.equal(await ask(agent), '200 certificate#spiffe://example/agent/one')
  assert.deepEqual((await last('call.ended'))?.roles, ['service'])
  assert.equal(await ask(forClients('URI:spiffe://example/agent/one/deeper')), '400 not_found nothing permits it')
  assert.equal(await ask(undefined), '401 unauthenticated no credential was presented')
})

test('a certificate that does not say who it is, or cannot be verified, lets nobody in, not even beside a good key', async () => {
  const key = await house.key({ roles: ['service'] })
  const [foreign, expired] = [
    theirs.issue('URI:spiffe://example/agent/one', { use: 'clientAuth' }),
    forClients('URI:spiffe://example/agent/one', { from: -9, until: -1 }),
  ]
  for (const [own, why] of [
    [forClients(''), 'the client certificate has no name of the kind san-uri'],
    [forClients('DNS:agent.example,email:a@example.com'), 'the client certificate has no name of the kind san-uri'],
    [
      forClients('URI:spiffe://example/agent/one,URI:spiffe://example/agent/two'),
      'the client certificate has several names of the kind san-uri',
    ],
    [foreign, 'the client certificate was not verified: UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    [expired, 'the client certificate was not verified: CERT_HAS_EXPIRED'],
    [ours.issue('URI:spiffe://example/agent/one'), 'the client certificate was not verified: INVALID_PURPOSE'],
  ] as const)
    assert.equal(await ask(own), `401 invalid_token ${why}`)
  assert.match(await ask(foreign, { 'x-api-key': key }), /^401 invalid_token the client certificate was not verified/)
})

test('beside a certificate a key says who it is, and two keys are still one too many', async () => {
  const key = await house.key({ roles: ['service'] })
  assert.match(await ask(agent, { 'x-api-key': key }), /^200 key#/)
  assert.match(await ask(agent, { 'x-api-key': key, authorization: `Bearer ${key}` }), /^400 ambiguous_credentials/)
})

test('a token that is bound to a certificate opens over a connection with that certificate alone', async () => {
  const now = Math.floor(Date.now() / 1_000)
  const token = signJws(
    pair,
    { typ: 'at+jwt', kid: 'k1' },
    {
      iss: issuer.url,
      aud: `${house.url}/mcp/tools`,
      sub: 'ann',
      client_id: 'app',
      jti: freshId(),
      iat: now,
      exp: now + 300,
      scope: '',
      groups: ['staff'],
      cnf: { 'x5t#S256': thumbprint(agent) },
    },
  )
  const headers = { authorization: `Bearer ${token}` }
  assert.equal(await ask(agent, headers), `200 ${issuer.url}#ann`)
  const why = 'the token is bound to a certificate that this connection does not have'
  assert.equal(await ask(other, headers), `401 invalid_token ${why}`)
  assert.equal(await ask(undefined, headers), `401 invalid_token ${why}`)
})

test('our own authorization server binds tokens to the certificate of a client that asks for it, and issues none without', async () => {
  const { store, clock } = house.gateway.house
  const { client, secret } = await new Clients(store, clock).add({
    name: 'machine',
    grants: ['client_credentials'],
    redirectUris: [],
    roles: ['service'],
    certificateBound: true,
    createdBy: 'test',
  })
  const authorization = `Basic ${Buffer.from(`${client.id}:${secret?.reveal()}`).toString('base64')}`
  const obtain = async (own: Certified | undefined): Promise<JsonObject> => {
    await using caller = aSecureCaller(ours.cert, own)
    const { body } = await request(`${house.url}/token`, {
      dispatcher: caller.agent,
      method: 'POST',
      headers: { authorization, 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ grant_type: 'client_credentials', resource: `${house.url}/mcp/tools` }).toString(),
    })
    return (await body.json()) as JsonObject
  }
  assert.equal((await obtain(undefined))['error'], 'invalid_grant')
  const headers = { authorization: `Bearer ${String((await obtain(agent))['access_token'])}` }
  assert.equal(await ask(agent, headers), `200 ${house.url}#${client.id}`)
  assert.match(await ask(other, headers), /^401 invalid_token/)
  await using caller = aSecureCaller(ours.cert)
  const { body } = await request(`${house.url}/.well-known/oauth-protected-resource/mcp/tools`, { dispatcher: caller.agent })
  assert.equal(((await body.json()) as JsonObject)['tls_client_certificate_bound_access_tokens'], true)
})

test('plain http leads browsers to the real address, and refuses everything else without a look at its credential', async () => {
  const at = `http://127.0.0.1:${redirect}`
  const page = await request(`${at}/authorize?a=b`, { headers: { accept: 'text/html', host: 'evil.example' } })
  assert.deepEqual([page.statusCode, page.headers['location']], [308, `${house.url}/authorize?a=b`])
  await page.body.dump()
  const key = await house.key({ roles: ['service'] })
  for (const [path, method, accept] of [
    ['/mcp', 'POST', 'text/html'],
    ['/mcp/tools', 'GET', 'text/html'],
    ['/authorize', 'POST', 'text/html'],
    ['/health', 'GET', '*/*'],
  ] as const) {
    const refused = await request(at + path, { method, headers: { accept, 'x-api-key': key } })
    assert.equal(refused.statusCode, 403, path)
    await refused.body.dump()
  }
  assert.equal((await last('call.ended'))?.detail, 'plain http at tls.redirect')
})

test('files that do not fit together change nothing and are told once; good ones are taken when they change, without being asked', async () => {
  await using standing = aSecureCaller(ours.cert, agent)
  assert.equal((await standing.call(`${house.url}/mcp`)).status, 200)
  write('server.key', ours.issue(SERVED).key)
  assert.equal(await house.gateway.reload(), false)
  assert.match((await last('certificate.rejected'))?.detail ?? '', /^tls\.key: .*server\.key: it does not belong to the certificate/)
  assert.match(house.faults.at(-1)?.message ?? '', /what was read before stays in use/)
  await house.gateway.reload()
  assert.equal((await house.events()).filter(({ type }) => type === 'certificate.rejected').length, 1)
  assert.match(await ask(agent), /^200/)
  serve(ours.issue(SERVED, { commonName: 'next' }))
  // Nobody asks: the folder is watched.
  while ((await last('certificate.loaded')) === undefined) await nextTurn()
  assert.match((await last('certificate.loaded'))?.detail ?? '', /^CN=next until /)
  assert.equal((await standing.call(`${house.url}/mcp`)).status, 200)
})

test('who is on the new revocation list is refused from the next call on, also over a connection that stood', async () => {
  const stolen = forClients('URI:spiffe://example/agent/stolen')
  await using caller = aSecureCaller(ours.cert, stolen)
  assert.equal((await caller.call(`${house.url}/mcp`)).status, 200)
  ours.revoke(stolen)
  write('crl.pem', ours.revocationList())
  assert.equal(await house.gateway.reload(), true)
  assert.deepEqual(
    [(await caller.call(`${house.url}/mcp`)).code, (await last('call.ended'))?.detail],
    ['invalid_token', 'the client certificate was not verified: CERT_REVOKED'],
  )
  assert.match(await ask(agent), /^200/)
})

test('that a certificate ends is told 30, 7 and 1 days before, once each', async () => {
  const own = ours.issue(SERVED, { until: 100 })
  write('ending.crt', own.cert)
  write('ending.key', own.key)
  const end = new X509Certificate(own.cert).validToDate.getTime()
  const time = { now: end - 31 * DAY_MS }
  await using brief = await aGateway(`tls: { certificate: ${place('ending.crt')}, key: ${place('ending.key')} }`, { clock: () => time.now })
  const told: number[] = []
  for (const days of [30.5, 29, 28, 6, 5, 0.9, 0.5]) {
    time.now = end - days * DAY_MS
    await brief.gateway.reload()
    told.push((await brief.events()).filter(({ type }) => type === 'certificate.expiring').length)
  }
  assert.deepEqual(told, [0, 1, 1, 2, 2, 3, 3])
})

test('a certificate in Client-Cert counts from a trusted proxy alone', async () => {
  await using proxied = await aGateway(`
trustedProxies: [127.0.0.2]
servers: { tools: { url: "${upstream.url}" } }
authentication: { certificates: { subject: san-uri, roles: { "spiffe://example/agent/*": service }, header: true } }
${RULES}`)
  const header = (der: Uint8Array): Readonly<Record<string, string>> => ({ 'client-cert': `:${Buffer.from(der).toString('base64')}:` })
  const { raw } = new X509Certificate(agent.cert)
  const ended = async (): Promise<AuditEvent | undefined> => (await proxied.events()).findLast(({ type }) => type === 'call.ended')
  assert.equal((await callFrom('127.0.0.2', `${proxied.url}/mcp`, { ...header(raw), 'x-forwarded-for': '203.0.113.9' })).status, 200)
  assert.deepEqual([(await ended())?.principal, (await ended())?.address], ['certificate#spiffe://example/agent/one', '203.0.113.9'])
  for (const [from, headers, code, detail] of [
    ['127.0.0.3', header(raw), 'invalid_token', 'Client-Cert came from an address that is not among trustedProxies'],
    ['127.0.0.2', header(raw.subarray(1)), 'invalid_token', 'Client-Cert holds no certificate'],
    ['127.0.0.2', { 'client-cert': 'x' }, 'invalid_token', 'Client-Cert is not one certificate as RFC 9440 writes it'],
    [
      '127.0.0.2',
      header(new X509Certificate(forClients('URI:spiffe://example/agent/one', { from: -9, until: -1 }).cert).raw),
      'invalid_token',
      'the client certificate has expired',
    ],
    ['127.0.0.2', {}, 'unauthenticated', 'no credential was presented'],
  ] as const) {
    assert.equal(codeOf(await callFrom(from, `${proxied.url}/mcp`, headers)), code)
    assert.equal((await ended())?.detail, detail)
  }
})

test('a server behind us is believed by its own authority, and shown a certificate of ours', async () => {
  write('gateway.crt', agent.cert)
  write('gateway.key', agent.key)
  // A gateway stands in for the server: it demands certificates, and speaks MCP.
  const settings = `
tls: { certificate: ${place('server.crt')}, key: ${place('server.key')}, clientCa: ${place('ca.pem')} }
servers: { tools: { url: "${upstream.url}" } }
authentication: { certificates: { subject: san-uri, roles: { "spiffe://example/agent/*": service } } }
${RULES}`
  await using inner = await aGateway(settings)
  const outer = (tls: string): Promise<RunningGateway> =>
    aGateway(`servers: { tools: { url: "${inner.url}/mcp"${tls} } }\nauthentication: { anonymous: { roles: [service] } }\n${RULES}`)
  await using good = await outer(`, tls: { ca: ${place('ca.pem')}, certificate: ${place('gateway.crt')}, key: ${place('gateway.key')} }`)
  await using blind = await outer('')
  assert.equal((await callFrom('127.0.0.1', `${good.url}/mcp`, {})).status, 200)
  assert.equal((await inner.events()).findLast(({ type }) => type === 'call.ended')?.principal, 'certificate#spiffe://example/agent/one')
  assert.equal(codeOf(await callFrom('127.0.0.1', `${blind.url}/mcp`, {})), 'upstream_failed')
})

test('a gateway does not start with files that cannot be used, and says what to do', async () => {
  const start = (tls: string): Promise<RunningGateway> => aGateway(`tls: { ${tls} }`)
  await assert.rejects(start(`certificate: ${place('none.crt')}, key: ${place('server.key')}`), {
    code: 'FAULT_TLS',
    message: `tls.certificate: ${place('none.crt')}: there is no such file`,
  })
})
