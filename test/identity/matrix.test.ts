/**
 * Every state of a credential of every kind, put to what a server can be asked, as one text that people review: `matrix.txt` beside this file.
 * Write it anew with `MATRIX=write`, then read the difference.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { parseConfig } from '../../src/config/load.ts'
import { Denial } from '../../src/core/denial.ts'
import type { JsonObject, JsonValue } from '../../src/core/json.ts'
import { parsePattern } from '../../src/core/pattern.ts'
import type { Credential } from '../../src/core/principal.ts'
import { Secret } from '../../src/core/secret.ts'
import { type House, openHouse } from '../../src/guard/create.ts'
import { pass } from '../../src/guard/guard.ts'
import { createAuthenticator } from '../../src/identity/authenticate.ts'
import { Bearer } from '../../src/identity/bearer.ts'
import { createTokenIssuer, rulesOf } from '../../src/identity/bearer-issuer.ts'
import { writeKey } from '../../src/identity/key-text.ts'
import { createResources } from '../../src/identity/resource.ts'
import { Revocations, tokenDigest } from '../../src/identity/revocation.ts'
import { tokensOf } from '../../src/identity/tokens.ts'
import { refuse } from '../../src/mcp/refuse.ts'
import { createIssuer } from '../../src/trust/issuer.ts'
import { createProofs } from '../../src/trust/proof.ts'
import { aCall } from '../fixtures/nouns.ts'
import { checkReviewed } from '../fixtures/reviewed.ts'
import { makePair, openSite, type Site, signJws } from '../trust/fixture.ts'
import { NOW, seconds } from './issuer.ts'
import { PUBLIC_URL, SECRET } from './tokens-world.ts'

const TEXT = new URL('./matrix.txt', import.meta.url)
const RESOURCE = `${PUBLIC_URL}/mcp/files`
const THUMBPRINT = '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I'
const CERTIFICATE = { thumbprint: THUMBPRINT, names: [], expiresAt: Number.MAX_SAFE_INTEGER, pem: '' }

/** What is asked, one column each. */
const CALLS = {
  'server/discover': aCall({
    method: 'server/discover',
    action: 'control',
    resource: { kind: 'server', server: 'files', name: 'files' },
    params: {},
  }),
  'tools/list': aCall({ method: 'tools/list', action: 'list', resource: { kind: 'server', server: 'files', name: 'files' }, params: {} }),
  'tools/call read_file': aCall({ tool: 'read_file' }),
  'tools/call write_file': aCall({ tool: 'write_file' }),
  'resources/read': aCall({
    method: 'resources/read',
    action: 'read',
    resource: { kind: 'resource', server: 'files', name: 'file:///data/a' },
    params: { uri: 'file:///data/a' },
  }),
  'prompts/get': aCall({
    method: 'prompts/get',
    action: 'get',
    resource: { kind: 'prompt', server: 'files', name: 'summary' },
    params: { name: 'summary' },
  }),
} as const

let site: Site
let down: Site
let house: House
const time = { now: NOW }
const clock = (): number => time.now
const pair = makePair('ES256', { kid: 'k1' })

function configOf(issuer: string, away: string): string {
  return `
publicUrl: ${PUBLIC_URL}
store: ":memory:"
servers: { files: { url: "https://files.internal/mcp" }, mail: { url: "https://mail.internal/mcp" } }
authentication:
  jwtSecret: ${SECRET}
  issuers:
    - issuer: ${issuer}
      allowPrivate: true
      roles: { claim: groups, map: { staff: user } }
      introspection: { clientId: gw, clientSecret: s3cret, cache: 30s }
    - { issuer: "${away}", allowPrivate: true }
limits: { failures: { allow: 1000, per: 5m, block: 15m } }
inspect: { input: off, definitions: { pin: false } }
access:
  roles: { user: { permissions: ["files:read", "files:write", "prompts:use"] }, guest: { permissions: ["other:thing"] } }
  tools:
    read_file: { permission: files:read, scope: "tools:read" }
    write_file: { permission: files:write, scope: "tools:write" }
  prompts: { summary: { permission: prompts:use } }
  resources: [{ uri: "file:///data/**", read: [user] }]
`
}

before(async () => {
  site = await openSite()
  down = await openSite()
  site.routes.set('/.well-known/oauth-authorization-server', {
    body: { issuer: site.url, jwks_uri: `${site.url}/jwks`, introspection_endpoint: `${site.url}/introspect` },
  })
  site.routes.set('/jwks', { body: { keys: [pair.jwk] } })
  site.routes.set('/introspect', ({ body }) => answerTo(new URLSearchParams(body).get('token') ?? ''))
  house = openHouse(parseConfig(configOf(site.url, down.url), { file: 'portcullis.yaml', environment: {} }), {
    node: 'test',
    clock,
    onFault: (fault) => assert.fail(fault),
  })
})
after(async () => {
  await house.close()
  await site[Symbol.asyncDispose]()
  await down[Symbol.asyncDispose]()
})

const claims = (more: Readonly<Record<string, JsonValue>> = {}): JsonObject => ({
  iss: site.url,
  sub: 'ann',
  aud: RESOURCE,
  client_id: 'desktop',
  groups: ['staff', 'mcp-admins'],
  scope: 'tools:read tools:write',
  iat: seconds(NOW),
  exp: seconds(NOW) + 300,
  ...more,
})

/** What the issuer knows of opaque tokens, by their text. */
function answerTo(text: string): { readonly body: JsonObject } | { readonly status: number; readonly body: string } {
  const said: Readonly<Record<string, Readonly<Record<string, JsonValue>>>> = {
    good: {},
    revoked: {},
    'wrong-audience': { aud: `${PUBLIC_URL}/mcp/mail` },
    'wrong-issuer': { iss: 'https://evil.example' },
    expired: { exp: seconds(NOW) - 1 },
    'insufficient-scope': { scope: 'tools:read' },
    'no-rights': { groups: [] },
    bound: { cnf: { jkt: THUMBPRINT } },
  }
  const more = said[text]
  if (text === 'away') return { status: 500, body: 'down' }
  return { body: more === undefined ? { active: false } : { active: true, token_type: 'Bearer', ...claims(more) } }
}

type Make = () => Credential | undefined | Promise<Credential | undefined>
const bearer = (text: string): Credential => ({ scheme: 'bearer', secret: new Secret(text) })
const jwt = (more: Readonly<Record<string, JsonValue>> = {}): string => signJws(pair, { typ: 'at+jwt', kid: 'k1' }, claims(more))

async function aKey(roles: readonly string[], ...allow: readonly string[]) {
  const patterns = allow.map((text) => parsePattern(text)).filter((pattern) => pattern !== undefined)
  return await house.keys.create({ name: 'k', roles, allow: patterns, createdBy: 'test', expiresMs: 60_000 })
}
const symmetric = (at = NOW) =>
  tokensOf(PUBLIC_URL, { secret: new Secret(SECRET), store: house.store, clock: () => at, newId: house.newId })
const ours = async (
  said: { readonly scopes?: readonly string[]; readonly roles?: readonly string[]; readonly audience?: readonly string[] } = {},
  at = NOW,
) => (await symmetric(at).createTokens({ subject: 'ann', roles: ['user'], ...said })).accessToken

const STATES: Readonly<Record<string, Make>> = {
  none: () => undefined,
  'two at once': () => bearer('@two'),
  'another scheme': () => bearer(''),
  'key  malformed': () => bearer('mcp_short'),
  'key  unknown': () => bearer(writeKey('mcp', { id: '0'.repeat(12), secret: '0'.repeat(32) })),
  'key  expired': async () => {
    const made = await aKey(['user'])
    time.now += 60_000
    return bearer(made.text.reveal())
  },
  'key  for another server': async () => bearer((await aKey(['user'], 'mail/*')).text.reveal()),
  'key  revoked': async () => {
    const made = await aKey(['user'])
    await house.keys.revoke(made.key.id)
    return bearer(made.text.reveal())
  },
  'key  without rights': async () => bearer((await aKey(['guest'])).text.reveal()),
  'key  as DPoP': async () => ({ ...bearer((await aKey(['user'])).text.reveal()), scheme: 'dpop' }),
  'key  good': async () => bearer((await aKey(['user'])).text.reveal()),
  'jwt  malformed': () => bearer(`${jwt()}x`),
  'jwt  alg none': () => bearer(`${Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')}.${jwt().split('.')[1]}.`),
  'jwt  expired': () => bearer(jwt({ iat: seconds(NOW) - 600, exp: seconds(NOW) })),
  'jwt  wrong audience': () => bearer(jwt({ aud: `${PUBLIC_URL}/mcp/mail` })),
  'jwt  wrong issuer': () => bearer(jwt({ iss: 'https://evil.example' })),
  'jwt  issuer away': () => bearer(jwt({ iss: down.url })),
  'jwt  revoked': async () => {
    const text = jwt({ jti: 'revoked' })
    await new Revocations(house.store, clock).revoke(tokenDigest(text), NOW + 300_000)
    return bearer(text)
  },
  'jwt  insufficient scope': () => bearer(jwt({ scope: 'tools:read' })),
  'jwt  without rights': () => bearer(jwt({ groups: ['mcp-admins'] })),
  'jwt  bound, no proof': () => bearer(jwt({ cnf: { jkt: THUMBPRINT } })),
  'jwt  bound, DPoP, no proof': () => ({ ...bearer(jwt({ cnf: { jkt: THUMBPRINT } })), scheme: 'dpop' }),
  'jwt  bound to a certificate': () => bearer(jwt({ cnf: { 'x5t#S256': THUMBPRINT } })),
  'jwt  with that certificate': () => ({ ...bearer(jwt({ cnf: { 'x5t#S256': THUMBPRINT } })), certificate: CERTIFICATE }),
  'jwt  unbound, as DPoP': () => ({ ...bearer(jwt()), scheme: 'dpop' }),
  'jwt  good': () => bearer(jwt()),
  'opaque  malformed': () => bearer('good token'),
  'opaque  unknown': () => bearer('nobody-knows-it'),
  'opaque  expired': () => bearer('expired'),
  'opaque  wrong audience': () => bearer('wrong-audience'),
  'opaque  wrong issuer': () => bearer('wrong-issuer'),
  'opaque  issuer away': () => bearer('away'),
  'opaque  revoked': async () => {
    await new Revocations(house.store, clock).revoke(tokenDigest('revoked'), NOW + 300_000)
    return bearer('revoked')
  },
  'opaque  insufficient scope': () => bearer('insufficient-scope'),
  'opaque  without rights': () => bearer('no-rights'),
  'opaque  bound, no proof': () => bearer('bound'),
  'opaque  good': () => bearer('good'),
  'symmetric  malformed': async () => bearer(`${await ours()}=`),
  'symmetric  expired': async () => bearer(await ours({}, NOW - 30 * 60_000)),
  'symmetric  wrong audience': async () => bearer(await ours({ audience: [`${PUBLIC_URL}/mcp/mail`] })),
  'symmetric  wrong issuer': async () => {
    const foreign = tokensOf('https://dev.example.com', { secret: new Secret(SECRET), store: house.store, clock, newId: house.newId })
    return bearer((await foreign.createTokens({ subject: 'ann', roles: ['user'], audience: [RESOURCE] })).accessToken)
  },
  'symmetric  refresh token': async () => bearer((await symmetric().createTokens({ subject: 'ann', roles: ['user'] })).refreshToken),
  'symmetric  revoked': async () => {
    const text = await ours()
    await symmetric().revokeToken(text)
    return bearer(text)
  },
  'symmetric  insufficient scope': async () => bearer(await ours({ scopes: ['tools:read'] })),
  'symmetric  without rights': async () => bearer(await ours({ roles: ['guest'] })),
  'symmetric  good, no scopes': async () => bearer(await ours()),
  'symmetric  good': async () => bearer(await ours({ scopes: ['tools:read', 'tools:write'] })),
}

function aScheme(): Bearer {
  const { issuers } = house.config.authentication
  const sources = issuers.map((issuer) =>
    createIssuer(issuer, { fetch: (issuer.issuer === site.url ? site : down).fetch, clock, onEvent: () => undefined }),
  )
  return new Bearer({
    issuers: [
      ...issuers.map((issuer, at) => createTokenIssuer(rulesOf(issuer), issuer.algorithms, sources[at] ?? assert.fail())),
      symmetric(),
    ],
    revocations: new Revocations(house.store, clock),
    proofs: createProofs({ store: house.store, clock }),
    audiencesOf: resources().identifiersOf,
    clock,
  })
}

function resources() {
  const { access, authentication, servers } = house.config
  return createResources({
    publicUrl: PUBLIC_URL,
    servers: Object.keys(servers),
    issuers: authentication.issuers.map(({ issuer }) => issuer),
    tools: access.tools,
    prompts: access.prompts,
  })
}

/** ✔, or the status and what the caller is told; of a 403 the scopes it names; and, in quotes, what only the operator is told. */
async function cellOf(credential: Credential | undefined, call: (typeof CALLS)[keyof typeof CALLS], scheme: Bearer): Promise<string> {
  const stations = { ...house.stations, identify: createAuthenticator([house.keys, scheme]) }
  const presented = credential === undefined ? [] : credential.secret.reveal() === '@two' ? [credential, credential] : [credential]
  try {
    for await (const _message of pass(stations, call, presented, async function* () {})) assert.fail('nothing answers')
    return '✔'
  } catch (error) {
    const denial = Denial.from(error)
    const { status, headers } = refuse(denial, call, resources().challengeFor('/mcp/files', denial, call.resource))
    const challenge = headers['www-authenticate']
    if (challenge !== undefined) {
      assert.match(challenge, /resource_metadata="https:\/\/mcp\.example\.com\/\.well-known\/oauth-protected-resource\/mcp\/files"/)
      assert.doesNotMatch(challenge, /offline_access/)
    }
    const scope = status === 403 ? / scope="([^"]*)"/.exec(challenge ?? '')?.[1] : undefined
    const detail = denial.detail.replaceAll(/127\.0\.0\.1:\d+|key [0-9A-Za-z]{12}/g, (found) =>
      found.startsWith('key') ? 'key …' : 'loopback',
    )
    return `${status} ${denial.code}${scope === undefined ? '' : ` (${scope})`} "${detail}"`
  }
}

test('every state of every kind of credential is answered as the matrix says', async () => {
  const scheme = aScheme()
  const lines: string[] = []
  for (const [state, make] of Object.entries(STATES)) {
    time.now = NOW
    const credential = await make()
    const cells: string[] = []
    for (const [name, call] of Object.entries(CALLS)) cells.push(`  ${name.padEnd(22)} ${await cellOf(credential, call, scheme)}`)
    const isUniform = new Set(cells.map((cell) => cell.slice(25))).size === 1
    lines.push(isUniform ? `${state}: ${cells[0]?.slice(25)}` : `${state}:\n${cells.join('\n')}`)
  }
  const text = `${lines.join('\n')}\n`
  checkReviewed(TEXT, text)
})
