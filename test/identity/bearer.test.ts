import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Fault } from '../../src/core/denial.ts'
import type { JsonObject } from '../../src/core/json.ts'
import type { KeySource } from '../../src/identity/bearer-issuer.ts'
import { tokenDigest } from '../../src/identity/revocation.ts'
import { aSource, aToken, claims, ISSUER, NOW, OTHER_ISSUER, OTHER_JWKS, RESOURCE, seconds } from './issuer.ts'
import { aBearer, verdict } from './tokens-world.ts'

const introspecting = (answer: () => JsonObject | undefined): KeySource & { asked: number; revision: number } => ({
  ...aSource(),
  introspect() {
    this.asked++
    const said = answer()
    if (said === undefined) throw new Fault('FAULT_INTROSPECTION', 'away')
    return { active: true, claims: said }
  },
})

test('a token says who somebody is: subject, client, scopes, actors, and all its claims', async () => {
  const { ask } = aBearer()
  const principal = await ask(aToken({ act: { sub: 'robot', act: { iss: OTHER_ISSUER, sub: 'cron' } }, acr: 'mfa' }))
  assert.equal(principal?.kind, 'user')
  assert.deepEqual([principal?.issuer, principal?.subject, principal?.client], [ISSUER, 'ann', 'desktop'])
  assert.deepEqual(principal?.scopes, ['tools:read'])
  assert.deepEqual(principal?.actors, ['robot', `${OTHER_ISSUER}#cron`])
  assert.equal(principal?.claims['acr'], 'mfa')
  assert.deepEqual(principal?.roles, [])
})

test('a credential of another kind is not its own', async () => {
  const { ask, bearer } = aBearer()
  assert.equal(await ask(''), undefined)
  const { Secret } = await import('../../src/core/secret.ts')
  const { CALL } = await import('./world.ts')
  assert.equal(bearer.authenticate({ scheme: 'api-key', secret: new Secret(aToken()) }, CALL), undefined)
})

test('a remembered token is the same principal, and asks for no key', async () => {
  const source = aSource()
  const { ask } = aBearer([{ source }])
  const text = aToken()
  const first = await ask(text)
  const asked = source.asked
  assert.equal(await ask(text), first)
  assert.equal(source.asked, asked)
})

test('what was remembered ends with the token, to the second', async () => {
  const world = aBearer()
  const text = aToken()
  await world.ask(text)
  world.now = NOW + 299_999
  assert.equal(await verdict(world.ask(text)), 'good')
  world.now = NOW + 300_000
  assert.match(await verdict(world.ask(text)), /expired/)
})

test('when the keys of the issuer change, a remembered token is looked at again', async () => {
  const source = aSource()
  const { ask } = aBearer([{ source }])
  const text = aToken()
  await ask(text)
  source.keyFor = () => undefined
  assert.equal(await verdict(ask(text)), 'good')
  source.revision++
  assert.match(await verdict(ask(text)), /signature/)
})

test('five minutes after it was verified a signature is looked at again', async () => {
  const source = aSource()
  const world = aBearer([{ source }])
  const text = aToken({ exp: seconds(NOW) + 3_600 })
  await world.ask(text)
  source.keyFor = () => undefined
  world.now = NOW + 299_999
  assert.equal(await verdict(world.ask(text)), 'good')
  world.now = NOW + 300_000
  assert.match(await verdict(world.ask(text)), /signature/)
})

test('a token is good for the server it was made for, also when it is remembered from there', async () => {
  const { ask } = aBearer()
  const text = aToken()
  assert.equal(await verdict(ask(text, { server: 'files' })), 'good')
  assert.match(await verdict(ask(text, { server: 'mail' })), /another audience/)
  assert.equal(await verdict(ask(text, { server: 'files' })), 'good')
})

test('the audience of an issuer stands instead of the server', async () => {
  const { ask } = aBearer([{ rules: { audience: ['urn:gateway'] } }])
  assert.equal(await verdict(ask(aToken({ aud: 'urn:gateway' }), { server: 'mail' })), 'good')
  assert.equal(await verdict(ask(aToken({ aud: RESOURCE }))), 'good')
  assert.match(await verdict(ask(aToken({ aud: 'urn:gateway2' }))), /another audience/)
})

test('tokens that differ in one letter are two tokens', async () => {
  const { ask } = aBearer()
  const [ann, bob] = await Promise.all([ask(aToken({ sub: 'ann' })), ask(aToken({ sub: 'bob' }))])
  assert.deepEqual([ann?.subject, bob?.subject], ['ann', 'bob'])
})

test('the same subject of two issuers is two principals', async () => {
  const { ask } = aBearer([{}, { rules: { issuer: OTHER_ISSUER }, source: aSource(OTHER_JWKS) }])
  const here = await ask(aToken())
  const there = await ask(aToken({ iss: OTHER_ISSUER }, 'other', { kid: 'ec' }))
  assert.deepEqual([here?.issuer, there?.issuer], [ISSUER, OTHER_ISSUER])
})

test('an algorithm is taken from the configuration alone', async () => {
  const { ask } = aBearer([{ algorithms: ['RS256'] }])
  assert.equal(await verdict(ask(aToken({}, 'rsa'))), 'good')
  assert.match(await verdict(ask(aToken({}, 'ec'))), /signature/)
  assert.match(await verdict(ask(aToken({}, 'rsa', { alg: 'PS256' }))), /signature/)
})

test('revoked is revoked at the next call, on every process', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const here = aBearer([{}], join(folder, 'p.db'))
  const there = aBearer([{}], join(folder, 'p.db'))
  const text = aToken()
  assert.equal(await verdict(here.ask(text)), 'good')
  assert.equal(await verdict(there.ask(text)), 'good')
  await here.revocations.revoke(tokenDigest(text), NOW + 300_000)
  assert.match(await verdict(here.ask(text)), /revoked/)
  assert.match(await verdict(there.ask(text)), /revoked/)
})

test('a family is revoked as a whole', async () => {
  const { ask, revocations } = aBearer([{ rules: { family: 'grant_id' } }])
  const [one, two, other] = [aToken({ grant_id: 'g1' }), aToken({ grant_id: 'g1', jti: '2' }), aToken({ grant_id: 'g2' })]
  await ask(one)
  await revocations.revokeFamily({ issuer: ISSUER, id: 'g1' }, NOW + 300_000)
  assert.match(await verdict(ask(one)), /revoked/)
  assert.match(await verdict(ask(two)), /revoked/)
  assert.equal(await verdict(ask(other)), 'good')
  assert.match(await verdict(ask(aToken({ grant_id: 7 }))), /family/)
})

test('when the store is away nobody gets in, also with a remembered token', async () => {
  const { ask, store } = aBearer()
  const text = aToken()
  await ask(text)
  await store.close()
  assert.match(await verdict(ask(text)), /^unavailable/)
})

test('when the issuer cannot be asked for a key that is not a no but a not now', async () => {
  const source: KeySource = {
    ...aSource(),
    keyFor: () => Promise.reject(new Fault('FAULT_ISSUER', 'away')),
  }
  assert.match(await verdict(aBearer([{ source }]).ask(aToken())), /^unavailable/)
})

test('the same token many times at once is verified once', async () => {
  const source = aSource()
  const find = source.keyFor.bind(source)
  const slow: KeySource & { asked: number } = Object.assign(aSource(), {
    keyFor: async (header: { alg: string; kid?: string }) => find(header),
  })
  const { ask } = aBearer([{ source: slow }])
  const text = aToken()
  const all = await Promise.all(Array.from({ length: 20 }, () => ask(text)))
  assert.equal(new Set(all).size, 1)
  assert.equal(source.asked, 1)
})

test('many tokens at once are verified on the thread pool, with the same answers', async () => {
  const { ask } = aBearer()
  const texts = Array.from({ length: 32 }, (_, at) =>
    at % 2 === 0 ? aToken({ jti: `t${at}` }) : aToken({ jti: `t${at}` }, 'stranger', { kid: 'ec' }),
  )
  const verdicts = await Promise.all(texts.map((text) => verdict(ask(text))))
  for (const [at, said] of verdicts.entries()) assert.match(said, at % 2 === 0 ? /^good$/ : /signature/)
})

test('an opaque token is what its issuer says, and is never shown to a second one', async () => {
  const source = introspecting(() => ({ active: true, token_type: 'Bearer', ...claims() }))
  const silent = introspecting(() => assert.fail('the second issuer was asked'))
  const { ask } = aBearer([{ source }, { rules: { issuer: OTHER_ISSUER }, source: silent }])
  const principal = await ask('2YotnFZFEjr1zCsicMWpAA')
  assert.deepEqual([principal?.issuer, principal?.subject], [ISSUER, 'ann'])
})

test('an opaque token whose answer stays the same is the same principal', async () => {
  const said = { active: true, ...claims() }
  const { ask } = aBearer([{ source: introspecting(() => said) }])
  assert.equal(await ask('abc'), await ask('abc'))
})

test('an opaque token without an issuer to ask is of no kind', async () => {
  assert.match(await verdict(aBearer().ask('abc')), /no kind/)
})

test('a JWT is never shown to an introspection endpoint', async () => {
  const source = introspecting(() => assert.fail('it was asked'))
  const { ask } = aBearer([{ source }])
  assert.match(await verdict(ask(aToken({ iss: 'https://evil.example' }))), /not trusted/)
})

test('who cannot be asked about a token has not said yes', async () => {
  assert.match(await verdict(aBearer([{ source: introspecting(() => undefined) }]).ask('abc')), /^unavailable/)
})

const answers: readonly (readonly [why: string, answer: JsonObject, expect: RegExp])[] = [
  ['it is for another server', { aud: 'https://mcp.example.com/mcp/mail' }, /audience/],
  ['it is for nobody', { aud: [] }, /audience/],
  ['it is of another issuer', { iss: 'https://evil.example' }, /issuer/],
  ['it has expired', { exp: seconds(NOW) }, /expired/],
  ['it is not yet valid', { nbf: seconds(NOW) + 60 }, /not yet/],
  ['its end is no number', { exp: 'tomorrow' }, /exp/],
  ['it is a refresh token', { token_type: 'refresh_token' }, /another kind/],
  ['it is a refresh token in the words of Cognito', { token_use: 'refresh' }, /another kind/],
  ['its subject has a line feed', { sub: 'a\nb' }, /sub/],
  ['yes is only a text', { active: 'true' }, /not active/],
  ['yes is only a number', { active: 1 }, /not active/],
]
for (const [why, more, expect] of answers) {
  test(`an active answer is not enough when ${why}`, async () => {
    const { ask } = aBearer([{ source: introspecting(() => ({ active: true, ...claims(), ...more })) }])
    assert.match(await verdict(ask('abc')), expect)
  })
}

test('an answer without an issuer is the asked one’s; one without an end or an audience is none', async () => {
  const without = (name: string) => () => ({ active: true, ...claims({ [name]: null }) })
  assert.equal(await verdict(aBearer([{ source: introspecting(without('iss')) }]).ask('abc')), 'good')
  assert.match(await verdict(aBearer([{ source: introspecting(without('exp')) }]).ask('abc')), /exp/)
  assert.match(await verdict(aBearer([{ source: introspecting(without('aud')) }]).ask('abc')), /aud/)
})

test('a stream learns until when its token lives, and that it was revoked', async () => {
  const world = aBearer()
  const text = aToken()
  const principal = await world.ask(text)
  assert.ok(principal !== undefined)
  assert.equal(await world.bearer.standing(principal), NOW + 300_000)
  await world.revocations.revoke(tokenDigest(text), NOW + 300_000)
  assert.match(await verdict(world.bearer.standing(principal)), /revoked/)
  world.now = NOW + 300_000
  assert.match(await verdict(world.bearer.standing(principal)), /expired/)
  const { anonymousPrincipal } = await import('../../src/identity/authenticate.ts')
  assert.equal(await world.bearer.standing(anonymousPrincipal([])), undefined)
})

test('a proof of possession is held to the method and the public address of what was called', async () => {
  const { makePair, signJws } = await import('../trust/fixture.ts')
  const { readKey } = await import('../../src/trust/jwk.ts')
  const { sha256 } = await import('../../src/core/secret.ts')
  const pair = makePair('ES256')
  const read = readKey(pair.jwk, ['ES256'])
  assert.ok(typeof read !== 'string')
  const text = aToken({ cnf: { jkt: read.thumbprint } })
  let made = 0
  const proof = (more: JsonObject = {}): string => {
    const said = { jti: `p${++made}`, htm: 'POST', htu: RESOURCE, iat: seconds(NOW), ath: sha256(text), ...more }
    return signJws(pair, { typ: 'dpop+jwt', jwk: pair.jwk }, said)
  }
  const { ask } = aBearer()
  const one = proof()
  assert.equal(await verdict(ask(text, { scheme: 'dpop', proofs: [one] })), 'good')
  assert.match(await verdict(ask(text, { scheme: 'dpop', proofs: [one] })), /used before/)
  assert.match(await verdict(ask(text, { scheme: 'dpop', proofs: [] })), /without a proof/)
  assert.match(await verdict(ask(text, { scheme: 'dpop', proofs: [proof(), proof()] })), /more than one/)
  assert.match(await verdict(ask(text, { scheme: 'bearer', proofs: [proof()] })), /bearer/)
  assert.match(await verdict(ask(text, { scheme: 'dpop', proofs: [proof({ htu: 'https://mcp.example.com/mcp/mail' })] })), /another URL/)
  assert.match(await verdict(ask(text, { scheme: 'dpop', proofs: [proof({ ath: 'x' })] })), /another token/)
  assert.match(await verdict(ask(text, { scheme: 'dpop', method: '$stream', proofs: [proof()] })), /another method/)
  assert.equal(await verdict(ask(text, { scheme: 'dpop', method: '$stream', proofs: [proof({ htm: 'GET' })] })), 'good')
  assert.equal(await verdict(ask(text, { scheme: 'dpop', method: '$end', proofs: [proof({ htm: 'DELETE' })] })), 'good')
})
