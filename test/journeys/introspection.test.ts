/** Opaque tokens of an issuer that somebody else runs, through a whole gateway: it is asked about each, and who cannot be asked has not said yes (RFC 7662). */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { JsonObject } from '../../src/core/json.ts'
import { type ForeignIssuer, GATEWAY, startForeignIssuer } from '../fixtures/foreign-issuer.ts'
import { aGateway, post, type Reply, type RunningGateway } from '../fixtures/gateway.ts'
import { aBareUpstream, type BareUpstream, text } from '../fixtures/upstream.ts'

let issuer: ForeignIssuer
let upstream: BareUpstream
/** Asks about every call. */
let house: RunningGateway
/** Believes an answer for a while. */
let patient: RunningGateway

const settings = (cache: string, secret: string = GATEWAY.secret): string => `
servers: { tools: { url: "${upstream.url}" } }
authentication:
  issuers:
    - issuer: "${issuer.url}"
      allowPrivate: true
      roles: { claim: groups, map: { staff: user } }
      introspection: { clientId: ${GATEWAY.id}, clientSecret: "${secret}", cache: ${cache} }
access:
  roles: { user: { permissions: ["*"] } }
  tools:
    echo: { permission: tools:use, scope: "tools:read" }
    write: { permission: tools:use, scope: "tools:write" }
`

before(async () => {
  issuer = await startForeignIssuer()
  upstream = await aBareUpstream({ echo: () => text('echoed'), write: () => text('written') })
  house = await aGateway(settings('0s'))
  patient = await aGateway(settings('5m'))
})
after(async () => {
  await house[Symbol.asyncDispose]()
  await patient[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
  await issuer[Symbol.asyncDispose]()
})

const resource = ({ url }: RunningGateway): string => `${url}/mcp/tools`
const call = (token: string, name = 'echo', at = house): Promise<Reply> =>
  post(resource(at), 'tools/call', { name, arguments: {} }, { authorization: `Bearer ${token}` })
const codeOf = ({ body, status }: Reply): unknown =>
  ((body['error'] as JsonObject | undefined)?.['data'] as JsonObject | undefined)?.['code'] ?? status
const lastOf = async (at: RunningGateway) => (await at.events()).findLast((event) => event.type === 'call.ended')

test('a token that its issuer calls good opens what its scopes and roles open, and history knows whose it was', async () => {
  const token = await issuer.issue(resource(house))
  assert.equal((await call(token)).status, 200)
  const ended = await lastOf(house)
  assert.deepEqual([ended?.principal, ended?.client, ended?.roles], [`${issuer.url}#ann`, 'app', ['user']])
  const refused = await call(token, 'write')
  assert.equal(refused.status, 403)
  assert.match(refused.headers.get('www-authenticate') ?? '', /error="insufficient_scope".*scope="tools:write"/)
})

test('a token that is revoked, was never issued, or is for another audience is refused, the same whichever it is', async () => {
  const revoked = await issuer.issue(resource(house))
  assert.equal((await call(revoked)).status, 200)
  await issuer.revoke(revoked)
  const answers = new Set<string>()
  for (const [why, token, detail] of [
    ['revoked', revoked, /not active/],
    ['never issued', 'x'.repeat(43), /not active/],
    ['another server', await issuer.issue('https://other.example/mcp'), /another audience/],
    ['an address that looks alike', await issuer.issue(`${resource(house)}/`), /another audience/],
  ] as const) {
    const reply = await call(token)
    assert.equal(codeOf(reply), 'invalid_token', why)
    assert.match((await lastOf(house))?.detail ?? '', detail, why)
    answers.add(JSON.stringify([reply.status, reply.body, reply.headers.get('www-authenticate')]))
  }
  assert.equal(answers.size, 1)
})

test('an issuer that cannot be asked has not said yes: 503, come again; and when it is back, the token opens', async () => {
  const token = await issuer.issue(resource(house))
  assert.equal((await call(token)).status, 200)
  await issuer.stop()
  const refused = await call(token)
  assert.deepEqual([refused.status, codeOf(refused), refused.headers.get('www-authenticate')], [503, 'unavailable', null])
  assert.notEqual(refused.headers.get('retry-after'), null)
  assert.equal((await lastOf(house))?.denial, 'unavailable')
  await issuer.start()
  assert.equal((await call(token)).status, 200)
})

test('an issuer that does not let us ask has not said yes', async () => {
  await using stranger = await aGateway(settings('0s', 'not-the-secret'))
  assert.equal((await call(await issuer.issue(resource(stranger)), 'echo', stranger)).status, 503)
})

test('an answer is believed for as long as the operator said, and many at once are one question', async () => {
  const token = await issuer.issue(resource(patient))
  const before = issuer.questions
  const replies = await Promise.all(Array.from({ length: 20 }, () => call(token, 'echo', patient)))
  await issuer.stop()
  replies.push(await call(token, 'echo', patient))
  await issuer.start()
  assert.ok(replies.every(({ status }) => status === 200))
  assert.equal(issuer.questions - before, 1)
})

test('neither history nor the server behind sees a token', async () => {
  const token = await issuer.issue(resource(house))
  await call(token)
  assert.ok(!JSON.stringify([await house.events(), upstream.seen]).includes(token))
})
