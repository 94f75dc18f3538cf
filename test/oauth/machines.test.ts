/** Tokens without a person: client credentials, token exchange, assertions; and who may look at tokens. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { decodeJwt, exportJWK, generateKeyPair, SignJWT } from 'jose'
import { Fault } from '../../src/core/denial.ts'
import type { JsonValue } from '../../src/core/json.ts'
import { type ClientRequest, JWT_BEARER, TOKEN_EXCHANGE } from '../../src/oauth/clients.ts'
import type { AssertionOptions } from '../../src/oauth/options.ts'
import { KEYS } from '../../src/store/keys.ts'
import { makePair, openSite, signJws } from '../trust/fixture.ts'
import {
  type Answer,
  createWorld,
  obtainCode,
  obtainTokens,
  post,
  REDIRECT,
  refreshOnce,
  register,
  slowStore,
  type World,
  type WorldOptions,
} from './world.ts'

const MACHINE: ClientRequest = {
  name: 'A machine',
  grants: ['client_credentials'],
  redirectUris: [],
  roles: ['service'],
  createdBy: 'test',
}

interface Machine {
  readonly id: string
  readonly authorization: string
}

async function addMachine(world: World, more: Partial<ClientRequest> = {}): Promise<Machine> {
  const { client, secret } = await world.server.clients.add({ ...MACHINE, ...more })
  return { id: client.id, authorization: `Basic ${Buffer.from(`${client.id}:${secret?.reveal() ?? ''}`).toString('base64')}` }
}

function ask(world: World, { authorization }: Machine, fields: Readonly<Record<string, string>>): Promise<Answer> {
  return post(`${world.issuer}/token`, fields, { authorization })
}

test('a configured client gets a token of its own for a server, with its roles and within its ceiling', async (t) => {
  const world = await createWorld(t)
  const machine = await addMachine(world, { scopes: ['files:admin', 'files:read'] })
  const { status, body } = await ask(world, machine, {
    grant_type: 'client_credentials',
    resource: world.resource,
    scope: 'files:admin files:write',
  })
  assert.equal(status, 200, JSON.stringify(body))
  const claims = decodeJwt(String(body['access_token']))
  assert.deepEqual(
    [claims.sub, claims['client_id'], claims.aud, claims['scope'], claims['roles']],
    [machine.id, machine.id, world.resource, 'files:admin', ['service']],
  )
  assert.equal(body['refresh_token'], undefined)
})

test('whoever is given less than was asked is told, also when it is nothing (RFC 6749 §5.1)', async (t) => {
  const world = await createWorld(t)
  const machine = await addMachine(world, { scopes: ['files:read'] })
  const scopeOf = async (scope: string): Promise<unknown> => {
    const { status, body } = await ask(world, machine, { grant_type: 'client_credentials', resource: world.resource, scope })
    assert.equal(status, 200, JSON.stringify(body))
    assert.equal(decodeJwt(String(body['access_token']))['scope'] ?? '', body['scope'])
    return body['scope']
  }
  assert.equal(await scopeOf('files:read files:write'), 'files:read')
  assert.equal(await scopeOf('files:write'), '')
})

test('a client without its secret, with a wrong one, or with the hash that is kept of it is nobody', async (t) => {
  const world = await createWorld(t)
  const machine = await addMachine(world)
  const record = JSON.parse(JSON.stringify(await world.store.get(KEYS.client(machine.id))))
  for (const secret of ['wrong', record.secretHash, `sha256:${record.secretHash}`]) {
    const authorization = `Basic ${Buffer.from(`${machine.id}:${encodeURIComponent(secret)}`).toString('base64')}`
    const { status, body } = await ask(world, { ...machine, authorization }, { grant_type: 'client_credentials' })
    assert.deepEqual([status, body['error']], [401, 'invalid_client'])
  }
  assert.equal((await post(`${world.issuer}/token`, { grant_type: 'client_credentials', client_id: machine.id })).status, 401)
})

test('a client that is removed gets nothing more', async (t) => {
  const world = await createWorld(t)
  const machine = await addMachine(world)
  await world.server.clients.remove(machine.id)
  assert.equal((await ask(world, machine, { grant_type: 'client_credentials' })).status, 401)
})

test('a public client cannot be a machine', async (t) => {
  const world = await createWorld(t)
  await assert.rejects(
    world.server.clients.add({ ...MACHINE, isPublic: true }),
    (error) => error instanceof Fault && error.code === 'FAULT_CLIENT',
  )
})

test('a client signs for itself with its key, once with each assertion (RFC 7523 §2.2)', async (t) => {
  const world = await createWorld(t)
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
  const jwk = { ...(await exportJWK(publicKey)), alg: 'ES256', use: 'sig', kid: 'k' }
  const { client } = await world.server.clients.add({ ...MACHINE, jwks: { keys: [JSON.parse(JSON.stringify(jwk))] } })
  const assertion = await new SignJWT({ jti: randomUUID() })
    .setProtectedHeader({ alg: 'ES256', kid: 'k' })
    .setIssuer(client.id)
    .setSubject(client.id)
    .setAudience(world.issuer)
    .setIssuedAt()
    .setExpirationTime('1m')
    .sign(privateKey)
  const fields = {
    grant_type: 'client_credentials',
    resource: world.resource,
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: assertion,
  }
  assert.equal((await post(`${world.issuer}/token`, fields)).status, 200)
  assert.notEqual((await post(`${world.issuer}/token`, fields)).status, 200)
})

test('a confidential client may look at its own refresh token; a public one, and any other, learns nothing', async (t) => {
  const world = await createWorld(t)
  const person: Partial<ClientRequest> = { grants: ['authorization_code', 'refresh_token'], redirectUris: [REDIRECT] }
  const own = await addMachine(world, { ...person, id: 'own' })
  const other = await addMachine(world)
  const { code, verifier } = await obtainCode(world, { client: own.id })
  const issued = await ask(world, own, { grant_type: 'authorization_code', code, code_verifier: verifier, redirect_uri: REDIRECT })
  const token = String(issued.body['refresh_token'])
  const look = (headers: Readonly<Record<string, string>>): Promise<Answer> => post(`${world.issuer}/introspect`, { token }, headers)
  const { body } = await look({ authorization: own.authorization })
  assert.deepEqual([body['active'], body['client_id'], body['sub']], [true, 'own', 'alice'])
  assert.deepEqual((await look({ authorization: other.authorization })).body, { active: false })
  await world.server.clients.add({ ...MACHINE, ...person, id: 'public', isPublic: true })
  const mine = await obtainTokens(world, { client: 'public' })
  assert.deepEqual((await post(`${world.issuer}/introspect`, { token: mine.refresh, client_id: 'public' })).body, { active: false })
})

test('a server exchanges the token it was called with: for another server, fewer scopes, and its own name beside', async (t) => {
  const world = await createWorld(t)
  const client = await register(world)
  const { access } = await obtainTokens(world, { client, resource: [world.resource, world.other], scope: 'files:read mail:read' }).catch(
    () => obtainTokens(world, { client, scope: 'files:read files:write' }),
  )
  const files = await addMachine(world, { grants: [TOKEN_EXCHANGE], introspects: [world.resource] })
  const exchange = {
    grant_type: TOKEN_EXCHANGE,
    subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    subject_token: access,
  }
  const { status, body } = await ask(world, files, { ...exchange, resource: world.resource, scope: 'files:read files:admin' })
  assert.equal(status, 200, JSON.stringify(body))
  const before = decodeJwt(access)
  const claims = decodeJwt(String(body['access_token']))
  assert.deepEqual([claims.sub, claims['scope'], claims['client_id'], claims['act']], ['alice', 'files:read', files.id, { sub: files.id }])
  assert.deepEqual([claims['roles'], claims['grant_id']], [before['roles'], before['grant_id']])
  assert.ok(Number(claims.exp) <= Number(before.exp))
  assert.equal(body['issued_token_type'], 'urn:ietf:params:oauth:token-type:access_token')
})

test('a token is exchanged only by whom it was for, unchanged, alive, and not revoked', async (t) => {
  const world = await createWorld(t)
  const client = await register(world)
  const { access, refresh } = await obtainTokens(world, { client })
  const files = await addMachine(world, { grants: [TOKEN_EXCHANGE], introspects: [world.resource] })
  const stranger = await addMachine(world, { grants: [TOKEN_EXCHANGE], introspects: [world.other] })
  const exchange = (machine: Machine, token: string, more: Readonly<Record<string, string>> = {}): Promise<Answer> =>
    ask(world, machine, {
      grant_type: TOKEN_EXCHANGE,
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      subject_token: token,
      ...more,
    })
  assert.equal((await exchange(stranger, access)).body['error'], 'invalid_grant')
  assert.equal((await exchange(files, `${access.slice(0, -4)}AAAA`)).body['error'], 'invalid_grant')
  assert.equal((await exchange(files, refresh)).body['error'], 'invalid_grant')
  assert.equal((await exchange(files, access, { resource: 'https://elsewhere.example' })).body['error'], 'invalid_target')
  assert.equal((await exchange(files, access)).status, 200)
  await post(`${world.issuer}/revoke`, { client_id: client, token: refresh })
  assert.equal((await exchange(files, access)).body['error'], 'invalid_grant')
})

type Claims = Readonly<Record<string, JsonValue | undefined>>

/** An issuer of assertions on loopback. */
async function issuerOf(t: TestContext, kind: AssertionOptions['kind'], more: Partial<AssertionOptions> = {}) {
  const site = await openSite()
  t.after(() => site[Symbol.asyncDispose]())
  const issuer = site.url
  const pair = makePair('ES256', { kid: 'k1', use: 'sig', alg: 'ES256' })
  site.routes.set('/.well-known/openid-configuration', { body: { issuer, jwks_uri: `${issuer}/keys` } })
  site.routes.set('/keys', { body: { keys: [pair.jwk] } })
  const sign = (claims: Claims, typ: string, life = 300): string => {
    const now = Math.floor(Date.now() / 1_000)
    const all = { iss: issuer, iat: now, exp: now + life, jti: randomUUID(), ...claims }
    return signJws(pair, { kid: 'k1', typ }, Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)))
  }
  return { site, issuer, sign, options: { issuer, kind, algorithms: ['ES256'], ...more } satisfies AssertionOptions }
}

async function worldOfAssertions(t: TestContext, more: WorldOptions = {}, terms: Partial<AssertionOptions> = {}) {
  const idp = await issuerOf(t, 'idjag', { roles: { claim: 'groups', map: new Map([['staff', 'user']]) }, ...terms })
  const cloud = await issuerOf(t, 'workload', {
    workloads: [{ subject: 'job-1', claims: { repository: 'acme/app' }, roles: ['service'], scopes: ['files:read'] }],
  })
  const world = await createWorld(t, { assertions: [idp.options, cloud.options], ...more })
  const machine = await addMachine(world, { grants: [JWT_BEARER] })
  const jag = (claims: Claims = {}, typ = 'oauth-id-jag+jwt'): string =>
    idp.sign(
      {
        sub: 'u1',
        aud: world.issuer,
        client_id: machine.id,
        resource: world.resource,
        scope: 'files:read',
        groups: ['staff', 'other'],
        ...claims,
      },
      typ,
    )
  const job = (claims: Claims = {}, typ = 'JWT'): string =>
    cloud.sign({ sub: 'job-1', aud: world.issuer, repository: 'acme/app', ...claims }, typ)
  return { world, machine, jag, job, idp, cloud }
}

test('enterprise-managed authorization: an ID-JAG becomes a token for the server that it names, with its scopes', async (t) => {
  const { world, machine, jag, idp } = await worldOfAssertions(t)
  const { status, body } = await ask(world, machine, { grant_type: JWT_BEARER, assertion: jag(), scope: 'files:read files:write' })
  assert.equal(status, 200, JSON.stringify(body))
  const claims = decodeJwt(String(body['access_token']))
  assert.deepEqual([claims.sub, claims.aud, claims['scope'], claims['roles']], [`${idp.issuer}|u1`, world.resource, 'files:read', ['user']])
  const { body: metadata } = { body: await (await fetch(`${world.issuer}/.well-known/oauth-authorization-server`)).json() }
  assert.ok(JSON.stringify(metadata).includes('urn:ietf:params:oauth:grant-profile:id-jag'))
})

test('an ID-JAG for another client, server, audience, too old, or not one is refused', async (t) => {
  const { world, machine, jag, cloud } = await worldOfAssertions(t)
  const now = Math.floor(Date.now() / 1_000)
  const wrong: readonly [string, string, string][] = [
    ['client', jag({ client_id: 'other' }), 'invalid_grant'],
    ['resource', jag({ resource: 'https://elsewhere.example' }), 'invalid_target'],
    ['no resource', jag({ resource: undefined }), 'invalid_target'],
    ['audience', jag({ aud: 'https://elsewhere.example' }), 'invalid_grant'],
    ['audiences', jag({ aud: [world.issuer, 'https://elsewhere.example'] }), 'invalid_grant'],
    ['token endpoint', jag({ aud: `${world.issuer}/token` }), 'invalid_grant'],
    ['expired', jag({ iat: now - 500, exp: now - 60 }), 'invalid_grant'],
    ['long', jag({ exp: now + 3_600 }), 'invalid_grant'],
    ['no jti', jag({ jti: undefined }), 'invalid_grant'],
    ['issuer', jag({ iss: 'https://unknown.example' }), 'invalid_grant'],
    ['another kind', jag({ iss: cloud.issuer }), 'invalid_grant'],
    ['typ', jag({}, 'JWT'), 'invalid_grant'],
    ['padded', `${jag()}=`, 'invalid_grant'],
  ]
  for (const [why, assertion, error] of wrong) {
    const { body } = await ask(world, machine, { grant_type: JWT_BEARER, assertion })
    assert.equal(body['error'], error, why)
    assert.ok(!JSON.stringify(body).includes('elsewhere'), 'the answer tells nothing')
  }
})

test('what is refused uses nothing up: the one for whom it was made may still come', async (t) => {
  const { world, machine, jag } = await worldOfAssertions(t)
  const thief = await addMachine(world, { grants: [JWT_BEARER] })
  const assertion = jag()
  assert.equal((await ask(world, thief, { grant_type: JWT_BEARER, assertion })).body['error'], 'invalid_grant')
  assert.equal((await ask(world, machine, { grant_type: JWT_BEARER, assertion })).status, 200)
})

test("where its clients are named, no other brings an issuer's assertions", async (t) => {
  const named = await worldOfAssertions(t, {}, { clients: ['agent'] })
  const agent = await addMachine(named.world, { id: 'agent', grants: [JWT_BEARER] })
  const bring = (machine: Machine): Promise<Answer> =>
    ask(named.world, machine, { grant_type: JWT_BEARER, assertion: named.jag({ client_id: machine.id }) })
  assert.deepEqual([(await bring(agent)).status, (await bring(named.machine)).body['error']], [200, 'invalid_grant'])
})

test('how long an assertion may live is for the operator to say', async (t) => {
  const now = Math.floor(Date.now() / 1_000)
  const { world, machine, jag } = await worldOfAssertions(t, {}, { lifeMaxMs: 3_600_000 })
  const bring = (iat: number, exp: number): Promise<Answer> => ask(world, machine, { grant_type: JWT_BEARER, assertion: jag({ iat, exp }) })
  assert.deepEqual([(await bring(now - 1_800, now + 1_700)).status, (await bring(now, now + 3_700)).body['error']], [200, 'invalid_grant'])
})

test('an issuer that is away is not a no: the client may come again, and then it is heard', async (t) => {
  const { world, machine, jag, idp } = await worldOfAssertions(t)
  const documents = [...idp.site.routes]
  idp.site.routes.clear()
  const assertion = jag()
  const { status, body } = await ask(world, machine, { grant_type: JWT_BEARER, assertion })
  assert.deepEqual([status, body['error']], [503, 'temporarily_unavailable'])
  assert.ok(world.events.some(({ type }) => type === 'issuer.failed'))
  for (const [path, document] of documents) idp.site.routes.set(path, document)
  world.ahead = 31_000
  assert.equal((await ask(world, machine, { grant_type: JWT_BEARER, assertion })).status, 200)
})

test('a key that is not for signatures vouches for nobody', async (t) => {
  const { world, machine, jag, idp } = await worldOfAssertions(t)
  const site = idp.site.routes.get('/keys')
  assert.ok(typeof site === 'object' && typeof site.body === 'object')
  const [key] = JSON.parse(JSON.stringify(site.body)).keys
  idp.site.routes.set('/keys', { body: { keys: [{ ...key, use: 'enc' }] } })
  assert.equal((await ask(world, machine, { grant_type: JWT_BEARER, assertion: jag() })).body['error'], 'invalid_grant')
})

test('of fifty parallel uses of one assertion one succeeds', async (t) => {
  const { world, machine, jag } = await worldOfAssertions(t, { wrapStore: slowStore })
  const assertion = jag()
  const answers = await Promise.all(Array.from({ length: 50 }, () => ask(world, machine, { grant_type: JWT_BEARER, assertion })))
  assert.equal(answers.filter(({ status }) => status === 200).length, 1)
})

test('a workload comes with its assertion alone, and gets what its operator gave it', async (t) => {
  const { world, job, cloud } = await worldOfAssertions(t)
  const { status, body } = await post(`${world.issuer}/token`, {
    grant_type: JWT_BEARER,
    assertion: job(),
    resource: world.resource,
    scope: 'files:read files:write',
  })
  assert.equal(status, 200, JSON.stringify(body))
  const claims = decodeJwt(String(body['access_token']))
  assert.deepEqual([claims.sub, claims['scope'], claims['roles']], [`${cloud.issuer}|job-1`, 'files:read', ['service']])
  assert.equal(
    (
      await post(`${world.issuer}/token`, {
        grant_type: JWT_BEARER,
        assertion: job({ aud: `${world.issuer}/token` }),
        resource: world.resource,
      })
    ).status,
    200,
  )
})

test('a workload that is not known, or comes as a person, is refused; and a person never comes as a workload', async (t) => {
  const { world, machine, jag, job } = await worldOfAssertions(t)
  const wrong = [job({ sub: 'job-2' }), job({ repository: 'evil/app' }), job({}, 'oauth-id-jag+jwt'), jag({}, 'JWT'), jag()]
  for (const assertion of wrong) {
    const { body } = await post(`${world.issuer}/token`, { grant_type: JWT_BEARER, assertion, resource: world.resource })
    assert.equal(body['error'], 'invalid_grant')
  }
  assert.equal((await post(`${world.issuer}/token`, { grant_type: JWT_BEARER, assertion: job() })).body['error'], 'invalid_target')
  assert.equal((await ask(world, machine, { grant_type: 'authorization_code', client_id: 'workload', code: 'x' })).status, 400)
})

test('each issued and each refused token is one event, and none of them holds a token', async (t) => {
  const { world, machine, jag } = await worldOfAssertions(t)
  const assertion = jag()
  const { body } = await ask(world, machine, { grant_type: JWT_BEARER, assertion })
  await ask(world, machine, { grant_type: JWT_BEARER, assertion })
  await refreshOnce(world, 'nobody', 'nothing')
  const told = world.events.filter(({ type }) => type !== 'issuer.refreshed')
  assert.deepEqual(
    told.map(({ type }) => type),
    ['oauth.issued', 'oauth.refused', 'oauth.refused'],
  )
  assert.match(told[1]?.detail ?? '', /used before/)
  const text = JSON.stringify(world.events)
  assert.ok(!text.includes(assertion) && !text.includes(String(body['access_token'])))
})

test('when history cannot be written no token leaves', async (t) => {
  const world = await createWorld(t, { onEvent: () => Promise.reject(new Fault('FAULT_STORE', 'the disk is full')) })
  const machine = await addMachine(world)
  const { status, body } = await ask(world, machine, { grant_type: 'client_credentials', resource: world.resource })
  assert.equal(status >= 500, true)
  assert.equal(body['access_token'], undefined)
})
