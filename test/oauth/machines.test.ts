/** Tokens without a person: client credentials, token exchange, assertions; and who may look at tokens. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { decodeJwt, exportJWK, generateKeyPair, SignJWT } from 'jose'
import { Fault } from '../../src/core/denial.ts'
import { type ClientRequest, JWT_BEARER, TOKEN_EXCHANGE } from '../../src/oauth/clients.ts'
import type { AssertionOptions, Fetch } from '../../src/oauth/options.ts'
import { KEYS } from '../../src/store/keys.ts'
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

type Claims = Readonly<Record<string, unknown>>

/** An issuer of assertions, as the authorization server sees it on the web. */
async function issuerOf(issuer: string, kind: AssertionOptions['kind'], more: Partial<AssertionOptions> = {}) {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
  const keys = { keys: [{ ...(await exportJWK(publicKey)), alg: 'ES256', use: 'sig', kid: issuer }] }
  const answers: Readonly<Record<string, unknown>> = {
    [`${issuer}/.well-known/openid-configuration`]: { issuer, jwks_uri: `${issuer}/keys` },
    [`${issuer}/keys`]: keys,
  }
  const fetch: Fetch = (url) => {
    const found = answers[String(url)]
    return Promise.resolve(new Response(JSON.stringify(found ?? {}), { status: found === undefined ? 404 : 200 }))
  }
  const sign = (claims: Claims, typ: string, life = 300): Promise<string> => {
    const now = Math.floor(Date.now() / 1_000)
    const all: Claims = { iss: issuer, iat: now, exp: now + life, jti: randomUUID(), ...claims }
    return new SignJWT(Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)))
      .setProtectedHeader({ alg: 'ES256', kid: issuer, typ })
      .sign(privateKey)
  }
  return { fetch, sign, options: { issuer, kind, algorithms: ['ES256'], ...more } satisfies AssertionOptions }
}

const IDP = 'https://idp.example.com'
const CLOUD = 'https://cloud.example.com'

async function worldOfAssertions(t: TestContext, more: WorldOptions = {}) {
  const idp = await issuerOf(IDP, 'enterprise', { roles: { claim: 'groups', map: new Map([['staff', 'user']]) } })
  const cloud = await issuerOf(CLOUD, 'workload', {
    workloads: [{ subject: 'job-1', claims: { repository: 'acme/app' }, roles: ['service'], scopes: ['files:read'] }],
  })
  const fetch: Fetch = (url, init) => (String(url).startsWith(IDP) ? idp : cloud).fetch(url, init)
  const world = await createWorld(t, { fetch, assertions: [idp.options, cloud.options], ...more })
  const machine = await addMachine(world, { grants: [JWT_BEARER] })
  const jag = (claims: Claims = {}, typ = 'oauth-id-jag+jwt'): Promise<string> =>
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
  const job = (claims: Claims = {}, typ = 'JWT'): Promise<string> =>
    cloud.sign({ sub: 'job-1', aud: world.issuer, repository: 'acme/app', ...claims }, typ)
  return { world, machine, jag, job }
}

test('enterprise-managed authorization: an ID-JAG becomes a token for the server that it names, with its scopes', async (t) => {
  const { world, machine, jag } = await worldOfAssertions(t)
  const { status, body } = await ask(world, machine, { grant_type: JWT_BEARER, assertion: await jag(), scope: 'files:read files:write' })
  assert.equal(status, 200, JSON.stringify(body))
  const claims = decodeJwt(String(body['access_token']))
  assert.deepEqual([claims.sub, claims.aud, claims['scope'], claims['roles']], [`${IDP}|u1`, world.resource, 'files:read', ['user']])
  const { body: metadata } = { body: await (await fetch(`${world.issuer}/.well-known/oauth-authorization-server`)).json() }
  assert.ok(JSON.stringify(metadata).includes('urn:ietf:params:oauth:grant-profile:id-jag'))
})

test('an ID-JAG for another client, server, audience, too old, or not one is refused', async (t) => {
  const { world, machine, jag } = await worldOfAssertions(t)
  const now = Math.floor(Date.now() / 1_000)
  const wrong: readonly [string, Promise<string>, string][] = [
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
    ['another kind', jag({ iss: CLOUD }), 'invalid_grant'],
    ['typ', jag({}, 'JWT'), 'invalid_grant'],
    ['padded', jag().then((token) => `${token}=`), 'invalid_grant'],
  ]
  for (const [why, assertion, error] of wrong) {
    const { body } = await ask(world, machine, { grant_type: JWT_BEARER, assertion: await assertion })
    assert.equal(body['error'], error, why)
    assert.ok(!JSON.stringify(body).includes('elsewhere'), 'the answer tells nothing')
  }
})

test('of fifty parallel uses of one assertion one succeeds', async (t) => {
  const { world, machine, jag } = await worldOfAssertions(t, { wrapStore: slowStore })
  const assertion = await jag()
  const answers = await Promise.all(Array.from({ length: 50 }, () => ask(world, machine, { grant_type: JWT_BEARER, assertion })))
  assert.equal(answers.filter(({ status }) => status === 200).length, 1)
})

test('a workload comes with its assertion alone, and gets what its operator gave it', async (t) => {
  const { world, job } = await worldOfAssertions(t)
  const { status, body } = await post(`${world.issuer}/token`, {
    grant_type: JWT_BEARER,
    assertion: await job(),
    resource: world.resource,
    scope: 'files:read files:write',
  })
  assert.equal(status, 200, JSON.stringify(body))
  const claims = decodeJwt(String(body['access_token']))
  assert.deepEqual([claims.sub, claims['scope'], claims['roles']], [`${CLOUD}|job-1`, 'files:read', ['service']])
  assert.equal(
    (
      await post(`${world.issuer}/token`, {
        grant_type: JWT_BEARER,
        assertion: await job({ aud: `${world.issuer}/token` }),
        resource: world.resource,
      })
    ).status,
    200,
  )
})

test('a workload that is not known, or comes as a person, is refused; and a person never comes as a workload', async (t) => {
  const { world, machine, jag, job } = await worldOfAssertions(t)
  const wrong = [
    await job({ sub: 'job-2' }),
    await job({ repository: 'evil/app' }),
    await job({}, 'oauth-id-jag+jwt'),
    await jag({}, 'JWT'),
    await jag(),
  ]
  for (const assertion of wrong) {
    const { body } = await post(`${world.issuer}/token`, { grant_type: JWT_BEARER, assertion, resource: world.resource })
    assert.equal(body['error'], 'invalid_grant')
  }
  assert.equal((await post(`${world.issuer}/token`, { grant_type: JWT_BEARER, assertion: await job() })).body['error'], 'invalid_target')
  assert.equal((await ask(world, machine, { grant_type: 'authorization_code', client_id: 'workload', code: 'x' })).status, 400)
})

test('each issued and each refused token is one event, and none of them holds a token', async (t) => {
  const { world, machine, jag } = await worldOfAssertions(t)
  const assertion = await jag()
  const { body } = await ask(world, machine, { grant_type: JWT_BEARER, assertion })
  await ask(world, machine, { grant_type: JWT_BEARER, assertion })
  await refreshOnce(world, 'nobody', 'nothing')
  const types = world.events.map(({ type }) => type)
  assert.deepEqual(types, ['oauth.issued', 'oauth.refused', 'oauth.refused'])
  assert.match(world.events[1]?.detail ?? '', /used before/)
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
