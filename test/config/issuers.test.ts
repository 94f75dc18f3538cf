import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseConfig } from '../../src/config/load.ts'
import { Fault } from '../../src/core/denial.ts'

const SECRET = 'c0/5oM3yTgIPZkxJZ2vqTq1nKwRr0hYB1f8XvLzE7uQ='
const parse = (text: string) => parseConfig(text, { file: 'p.yaml', environment: { SECRET, WEAK: 'changeme' } })

function mistakes(text: string): readonly string[] {
  try {
    parse(text)
  } catch (error) {
    assert.ok(error instanceof Fault && error.code === 'FAULT_CONFIG')
    return error.message.split('\n')
  }
  return []
}

test('an issuer is its URL, and everything else has a careful default', () => {
  const [issuer] = parse('authentication: { issuers: [{ issuer: "https://login.example.com/" }] }').authentication.issuers
  assert.deepEqual(issuer, {
    issuer: 'https://login.example.com/',
    algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'],
    typ: 'at+jwt',
    scopes: 'scope',
    maxLifetimeMs: 86_400_000,
    allowPrivate: false,
  })
  assert.deepEqual(parse('').authentication.issuers, [])
})

test('everything of an issuer can be written, and its secret does not print', () => {
  const { issuers, jwtSecret } = parse(`
authentication:
  jwtSecret: "\${SECRET}"
  issuers:
    - issuer: http://127.0.0.1:9000/realm
      allowPrivate: true
      audience: https://mcp.example.com/mcp/files
      algorithms: [ES256]
      typ: JWT
      roles: { claim: /realm_access/roles, map: { staff: user, admins: [admin, user] } }
      scopes: scp
      tenant: acme
      jwksUri: http://127.0.0.1:9000/keys
      maxLifetime: 1h
      introspection: { clientId: gw, clientSecret: "\${SECRET}", cache: 10s }
`).authentication
  const [issuer] = issuers
  assert.deepEqual(issuer?.audience, ['https://mcp.example.com/mcp/files'])
  assert.deepEqual(issuer?.roles?.map, { staff: ['user'], admins: ['admin', 'user'] })
  assert.deepEqual([issuer?.typ, issuer?.scopes, issuer?.tenant, issuer?.maxLifetimeMs], ['JWT', 'scp', 'acme', 3_600_000])
  assert.equal(issuer?.introspection?.clientSecret.reveal(), SECRET)
  assert.equal(issuer?.introspection?.cacheMs, 10_000)
  assert.equal(jwtSecret?.reveal(), SECRET)
  assert.ok(!JSON.stringify(parse(`authentication: { jwtSecret: "${SECRET}" }`)).includes(SECRET))
})

const at = (line: string): string => `authentication:\n  issuers:\n    - ${line}`
for (const [why, text, expect] of [
  ['no URL', at('issuer: login'), /^p\.yaml:3:15: authentication\.issuers\[0\]\.issuer: expected an http/],
  ['a query', at('issuer: "https://a.example?x"'), /:3:15: .*without user, query or fragment/],
  ['a user', at('issuer: "https://a:b@a.example"'), /:3:15: .*without user/],
  ['http', at('issuer: "http://a.example"'), /:3:15: .*expected an https:\/\/ URL/],
  ['a symmetric algorithm', at('{ issuer: "https://a.example", algorithms: [HS256] }'), /:3:\d+: .*algorithms\[0\]: expected one of RS256/],
  ['no algorithm', at('{ issuer: "https://a.example", algorithms: [] }'), /:3:\d+: .*at least 1/],
  ['none for an algorithm', at('{ issuer: "https://a.example", algorithms: [none] }'), /expected one of RS256/],
  ['another typ', at('{ issuer: "https://a.example", typ: any }'), /expected at\+jwt or JWT/],
  ['a life of a year', at('{ issuer: "https://a.example", maxLifetime: 365d }'), /expected a span from 1m to 30d/],
  ['an unknown setting', at('{ issuer: "https://a.example", audiences: x }'), /did you mean audience\?/],
  ['scopes: true', at('{ issuer: "https://a.example", scopes: true }'), /scopes: expected the name of a claim, or false/],
  ['a claim with a line feed', at('{ issuer: "https://a.example", roles: { claim: "a\\nb", map: {} } }'), /claim: expected a claim/],
  ['the same issuer twice', `${at('issuer: "https://a.example"')}\n    - issuer: "https://a.example"`, /:4:15: .*each issuer once/],
  [
    'introspection twice',
    `${at('{ issuer: "https://a.example", introspection: &i { clientId: a, clientSecret: b } }')}\n    - { issuer: "https://b.example", introspection: *i }`,
    /introspection: expected introspection at one issuer only/,
  ],
  ['a short secret', `authentication: { jwtSecret: "\${WEAK}" }`, /:1:30: authentication\.jwtSecret: expected at least 32 bytes/],
  ['a common secret', 'authentication: { jwtSecret: "changeme-changeme-changeme-changeme" }', /could be guessed/],
  ['a scope with a space', 'access: { tools: { x: { scope: "a b" } } }', /:1:32: access\.tools\.x\.scope: expected a scope/],
  ['a scope with another blank to fill', 'access: { tools: { x: { scope: "a:{user}" } } }', /expected a scope/],
  ['offline_access', 'access: { tools: { x: { scope: [a, offline_access] } } }', /expected a scope/],
] as const) {
  test(`${why} is a mistake at its place, told without what was written`, () => {
    const found = mistakes(text)
    assert.equal(found.length, 1, found.join('\n'))
    assert.match(found[0] ?? '', expect)
    assert.doesNotMatch(found[0] ?? '', /changeme/)
  })
}

test('scopes of tools are one or many, with two blanks to fill', () => {
  const { tools } = parse('access: { tools: { a: { scope: "mcp:tool:{name}" }, b: { scope: ["{server}:read", x] } } }').access
  assert.deepEqual([tools['a']?.scopes, tools['b']?.scopes], [['mcp:tool:{name}'], ['{server}:read', 'x']])
})
