import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseConfig } from '../../src/config/load.ts'
import { Fault } from '../../src/core/denial.ts'

const parse = (text: string) => parseConfig(text, { file: 'p.yaml', environment: {} })

function mistakes(text: string): readonly string[] {
  try {
    parse(text)
  } catch (error) {
    assert.ok(error instanceof Fault && error.code === 'FAULT_CONFIG')
    return error.message.split('\n')
  }
  return []
}

test('unless written, nobody vouches for anybody', () => {
  assert.deepEqual(parse('authentication: { oauth: {} }').authentication.oauth?.assertions, [])
})

test('an identity provider is its URL and its kind, and everything else has a careful default', () => {
  const { oauth } = parse(
    'authentication: { oauth: { assertions: [{ issuer: "https://login.example.com/", kind: idjag }] } }',
  ).authentication
  assert.deepEqual(oauth?.assertions, [
    {
      issuer: 'https://login.example.com/',
      kind: 'idjag',
      algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'],
      maxLifetimeMs: 600_000,
      allowPrivate: false,
    },
  ])
})

test('everything of both kinds can be written', () => {
  const { oauth } = parse(`
authentication:
  oauth:
    assertions:
      - issuer: https://login.example.com
        kind: idjag
        clients: [agent]
        roles: { claim: groups, map: { staff: user } }
        jwksUri: https://login.example.com/keys
        algorithms: [ES256]
      - issuer: http://127.0.0.1:9000
        kind: workload
        allowPrivate: true
        audience: [sts.example.com]
        maxLifetime: 1h
        workloads:
          - { subject: "repo:acme/app", claims: { environment: production }, roles: [deployer], scopes: ["tools:read"] }
          - { subject: "repo:acme/site" }
`).authentication
  const [person, machine] = oauth?.assertions ?? []
  assert.deepEqual([person?.clients, person?.roles?.map, person?.algorithms], [['agent'], { staff: 'user' }, ['ES256']])
  assert.deepEqual([machine?.audience, machine?.maxLifetimeMs, machine?.allowPrivate], [['sts.example.com'], 3_600_000, true])
  assert.deepEqual(machine?.workloads, [
    { subject: 'repo:acme/app', claims: { environment: 'production' }, roles: ['deployer'], scopes: ['tools:read'] },
    { subject: 'repo:acme/site', roles: [], scopes: [] },
  ])
})

const at = (line: string): string => `authentication:\n  oauth:\n    assertions:\n      - ${line}`
const JOB = 'workloads: [{ subject: job }]'
for (const [why, text, expect] of [
  ['no kind', at('issuer: "https://a.example"'), /^p\.yaml:4:9: authentication\.oauth\.assertions\[0\]\.kind: expected idjag or workload/],
  ['a kind that is none', at('{ issuer: "https://a.example", kind: both }'), /:4:46: .*\.kind: expected idjag or workload/],
  ['no URL', at('{ issuer: login, kind: idjag }'), /:4:19: .*\.issuer: expected an http/],
  ['http', at('{ issuer: "http://a.example", kind: idjag }'), /:4:19: .*\.issuer: expected an https:\/\/ URL/],
  [
    'a symmetric algorithm',
    at('{ issuer: "https://a.example", kind: idjag, algorithms: [HS256] }'),
    /algorithms\[0\]: expected one of RS256/,
  ],
  ['a life of a day', at('{ issuer: "https://a.example", kind: idjag, maxLifetime: 1d }'), /maxLifetime: expected a span from 10s to 1h/],
  ['workloads that are nobody', at('{ issuer: "https://a.example", kind: workload }'), /:4:9: .*\[0\]: expected workloads/],
  ['workloads of people', at(`{ issuer: "https://a.example", kind: idjag, ${JOB} }`), /:4:53: .*\.workloads: .*beside kind: workload/],
  ['another audience for people', at('{ issuer: "https://a.example", kind: idjag, audience: [x] }'), /\.audience: .*beside kind: workload/],
  ['clients of workloads', at(`{ issuer: "https://a.example", kind: workload, ${JOB}, clients: [x] }`), /\.clients: .*beside kind: idjag/],
  [
    'a role that is no name',
    at(`{ issuer: "https://a.example", kind: workload, workloads: [{ subject: j, roles: ["a b"] }] }`),
    /expected a role/,
  ],
  [
    'a scope with a space',
    at(`{ issuer: "https://a.example", kind: workload, workloads: [{ subject: j, scopes: ["a b"] }] }`),
    /expected a scope/,
  ],
  ['an unknown setting', at('{ issuer: "https://a.example", kind: idjag, client: [x] }'), /unknown setting, did you mean clients\?/],
  [
    'the same issuer twice',
    `${at('{ issuer: "https://a.example", kind: idjag }')}\n      - { issuer: "https://a.example", kind: workload, ${JOB} }`,
    /:5:19: .*each issuer once/,
  ],
] as const) {
  test(`${why} is a mistake at its place`, () => {
    const found = mistakes(text)
    assert.equal(found.length, 1, found.join('\n'))
    assert.match(found[0] ?? '', expect)
  })
}
