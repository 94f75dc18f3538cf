import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { calculateJwkThumbprint } from 'jose'
import * as client from 'openid-client'
import { Denial, Fault } from '../../src/core/denial.ts'
import type { JsonObject, JsonValue } from '../../src/core/json.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import { createNonces } from '../../src/trust/nonces.ts'
import { createProofs, type Presentation, type ProofOptions, type Proofs } from '../../src/trust/proof.ts'
import { freshId, makePair, type Pair, START_AT, signJws } from './fixture.ts'

const time = { now: START_AT }
const clock = (): number => time.now
const store = openSqlite(':memory:', { clock })
after(() => store.close())
const URL_CALLED = 'https://mcp.example.com/mcp/files'
const TOKEN = 'an.access.token'

const pair = makePair('ES256')
const thumbprintOf = (of: Pair): Promise<string> => calculateJwkThumbprint({ ...of.jwk, kty: String(of.jwk['kty']) })
const JKT = await thumbprintOf(pair)

const proofsWith = (said: Partial<ProofOptions> = {}): Proofs => createProofs({ store, clock, ...said })

function claims(said: JsonObject = {}): JsonObject {
  const ath = hash('sha256', TOKEN, 'base64url')
  return { jti: freshId(), htm: 'POST', htu: URL_CALLED, iat: Math.floor(time.now / 1_000), ath, ...said }
}

const proofText = (said: JsonObject = {}, header: JsonObject = {}, by = pair): string =>
  signJws(by, { typ: 'dpop+jwt', jwk: by.jwk, ...header }, claims(said))

function presented(proof: string | readonly string[], said: Partial<Presentation> = {}): Presentation {
  return { scheme: 'dpop', token: TOKEN, proofs: typeof proof === 'string' ? [proof] : proof, method: 'POST', url: URL_CALLED, ...said }
}

async function refusal(proofs: Proofs, cnf: JsonValue | undefined, how: Presentation): Promise<Denial> {
  try {
    await proofs.check(cnf, how)
  } catch (error) {
    assert.ok(error instanceof Denial)
    assert.equal(error.code, 'invalid_token')
    return error
  }
  return assert.fail('it was accepted')
}

/** RFC 9449 §7.1, Figure 12. */
const RFC9449 = {
  token: 'Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU',
  jkt: '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I',
  url: 'https://resource.example.org/protectedresource',
  madeAt: 1_562_262_618_000,
  proof: [
    'eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdC',
    'RnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwi',
    'aHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8y',
    'cjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSY',
    'oMxhAJpLjA',
  ].join(''),
}

test('the example of RFC 9449 is good, once, at its time, for its method, URL, token and key', async () => {
  const past = openSqlite(':memory:', { clock: () => RFC9449.madeAt })
  const proofs = createProofs({ store: past, clock: () => RFC9449.madeAt })
  const how = presented(RFC9449.proof, { token: RFC9449.token, method: 'GET', url: RFC9449.url })
  for (const wrong of [{ method: 'POST' }, { url: `${RFC9449.url}/` }, { token: `${RFC9449.token}x` }])
    await refusal(proofs, { jkt: RFC9449.jkt }, { ...how, ...wrong })
  await refusal(proofs, { jkt: JKT }, how)
  await refusal(createProofs({ store: past, clock: () => RFC9449.madeAt + 300_001 }), { jkt: RFC9449.jkt }, how)
  await proofs.check({ jkt: RFC9449.jkt }, how)
  assert.match((await refusal(proofs, { jkt: RFC9449.jkt }, how)).detail, /used before/)
  await past.close()
})

test('a token that is bound to nothing is answered at once, and is no DPoP token', async () => {
  assert.equal(proofsWith().check(undefined, presented([], { scheme: 'bearer' })), undefined)
  const { challenge } = await refusal(proofsWith(), undefined, presented(proofText()))
  assert.equal(challenge?.error, 'invalid_token')
})

test('a bound token that is presented as Bearer is refused, with or without a proof', async () => {
  const proofs = proofsWith()
  await refusal(proofs, { jkt: JKT }, presented([], { scheme: 'bearer' }))
  await refusal(proofs, { jkt: JKT }, presented(proofText(), { scheme: 'bearer' }))
})

test('a bound token without its proof is refused, and told what a proof may be', async () => {
  const denial = await refusal(proofsWith({ algorithms: ['ES256', 'EdDSA'] }), { jkt: JKT }, presented([]))
  assert.deepEqual(denial.challenge, { error: 'invalid_dpop_proof', algorithms: ['ES256', 'EdDSA'] })
})

test('more than one proof is refused, also twice the same', async () => {
  const text = proofText()
  await refusal(proofsWith(), { jkt: JKT }, presented([text, text]))
  await refusal(proofsWith(), { jkt: JKT }, presented([text, 'x']))
  await proofsWith().check({ jkt: JKT }, presented(text))
})

test('a proof of each algorithm is good', async () => {
  for (const alg of ['ES256', 'ES384', 'ES512', 'EdDSA', 'PS256', 'RS256'] as const) {
    const by = makePair(alg)
    await proofsWith().check({ jkt: await thumbprintOf(by) }, presented(proofText({}, {}, by)))
  }
})

const privateJwk = pair.privateKey.export({ format: 'jwk' })
const encode = (value: JsonValue): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const withHeader = (header: JsonObject): string => proofText().replace(/^[^.]*/, encode(header))

const BAD: Readonly<Record<string, () => string>> = {
  'of typ JWT': () => proofText({}, { typ: 'JWT' }),
  'without typ': () => proofText({}, { typ: undefined }),
  'of typ DPoP+JWT': () => proofText({}, { typ: 'DPoP+JWT' }),
  'with alg none': () => `${encode({ typ: 'dpop+jwt', alg: 'none', jwk: pair.jwk })}.${encode(claims())}.`,
  'with alg HS256': () => withHeader({ typ: 'dpop+jwt', alg: 'HS256', jwk: pair.jwk }),
  'with a symmetric key': () => withHeader({ typ: 'dpop+jwt', alg: 'HS256', jwk: { kty: 'oct', k: 'AA' } }),
  'with a private key': () => proofText({}, { jwk: { ...pair.jwk, d: String(privateJwk.d) } }),
  'without a key': () => proofText({}, { jwk: undefined }),
  'with a key that is a URL': () => proofText({}, { jwk: 'https://evil.example/jwk' }),
  'with a weak key': () => proofText({}, { jwk: { kty: 'RSA', n: 'AQAB', e: 'AQAB' }, alg: 'RS256' }),
  'with a critical extension': () => proofText({}, { crit: ['b64'], b64: true }),
  'by another key': () => proofText({}, {}, makePair('ES256')),
  'by another key that names this one': () => signJws(makePair('ES256'), { typ: 'dpop+jwt', jwk: pair.jwk }, claims()),
  'for another method': () => proofText({ htm: 'GET' }),
  'for the method in lower case': () => proofText({ htm: 'post' }),
  'without a method': () => proofText({ htm: undefined }),
  'for another host': () => proofText({ htu: 'https://evil.example/mcp/files' }),
  'for another path': () => proofText({ htu: 'https://mcp.example.com/mcp/other' }),
  'for the path with a slash': () => proofText({ htu: `${URL_CALLED}/` }),
  'for another port': () => proofText({ htu: 'https://mcp.example.com:8443/mcp/files' }),
  'for another scheme': () => proofText({ htu: 'http://mcp.example.com/mcp/files' }),
  'for a URL with credentials': () => proofText({ htu: 'https://a:b@mcp.example.com/mcp/files' }),
  'without a URL': () => proofText({ htu: undefined }),
  'for no URL': () => proofText({ htu: 'files' }),
  'for another token': () => proofText({ ath: hash('sha256', 'other', 'base64url') }),
  'for no token': () => proofText({ ath: undefined }),
  'without jti': () => proofText({ jti: undefined }),
  'with an empty jti': () => proofText({ jti: '' }),
  'with a numeric jti': () => proofText({ jti: 7 }),
  'with a long jti': () => proofText({ jti: 'x'.repeat(257) }),
  'without iat': () => proofText({ iat: undefined }),
  'with iat as a text': () => proofText({ iat: `${time.now / 1_000}` }),
  'with iat in milliseconds': () => proofText({ iat: time.now }),
  'that is old': () => proofText({ iat: time.now / 1_000 - 301 }),
  'of the future': () => proofText({ iat: time.now / 1_000 + 301 }),
  'that is longer than any': () => proofText({ padding: 'x'.repeat(4096) }),
  'with a flipped bit': () => proofText().replace(/.(?=\.[^.]*$)/, (last) => (last === 'A' ? 'B' : 'A')),
  'without a signature': () => proofText().replace(/[^.]*$/, ''),
  'with an empty signature of zeros': () => proofText().replace(/[^.]*$/, Buffer.alloc(64).toString('base64url')),
  'with padding': () => `${proofText()}=`,
  'with white space': () => `${proofText()} `,
  'in two, joined with a comma': () => `${proofText()}, ${proofText()}`,
  'of four parts': () => `${proofText()}.AA`,
  'that is no JWS': () => 'x',
  'that is empty': () => '',
  'with a name that occurs twice': () => {
    const [head, body = '', tail] = proofText().split('.')
    const twice = Buffer.from(body, 'base64url').toString().replace('{', '{"htm":"POST",')
    return `${head}.${Buffer.from(twice).toString('base64url')}.${tail}`
  },
}

for (const [what, make] of Object.entries(BAD)) {
  test(`a proof ${what} is refused`, async () => {
    const { challenge } = await refusal(proofsWith(), { jkt: JKT }, presented(make()))
    assert.equal(challenge?.error, 'invalid_dpop_proof')
  })
}

test('query, fragment and other spellings of one URL do not matter', async () => {
  const spellings = [
    `${URL_CALLED}?a=b#c`,
    'HTTPS://MCP.EXAMPLE.COM:443/mcp/files',
    'https://mcp.example.com/mcp/%66iles',
    'https://mcp.example.com/x/../mcp/files',
  ]
  for (const htu of spellings) await proofsWith().check({ jkt: JKT }, presented(proofText({ htu })))
  const url = 'https://mcp.example.com/mcp/a%c3%a9'
  await proofsWith().check({ jkt: JKT }, presented(proofText({ htu: 'https://mcp.example.com/mcp/a%C3%A9' }), { url }))
})

test('of 50 uses of one proof at once one is good, on every process that shares the store', async () => {
  const text = proofText()
  const tries = Array.from({ length: 50 }, async () => await proofsWith().check({ jkt: JKT }, presented(text)))
  const outcomes = await Promise.allSettled(tries)
  assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
})

test('a proof is remembered as long as it could be used', async () => {
  const text = proofText({ iat: time.now / 1_000 + 300 })
  const how = presented(text)
  await proofsWith().check({ jkt: JKT }, how)
  time.now += 600_000
  assert.match((await refusal(proofsWith(), { jkt: JKT }, how)).detail, /used before/)
  time.now += 1
  assert.match((await refusal(proofsWith(), { jkt: JKT }, how)).detail, /not made now/)
})

test('a bad proof leaves nothing in the store', async () => {
  const before = (await store.list('proof/')).length
  for (const make of Object.values(BAD)) await refusal(proofsWith(), { jkt: JKT }, presented(make()))
  assert.equal((await store.list('proof/')).length, before)
})

test('when the store is away nobody is let in', async () => {
  const away = { put: () => Promise.reject(new Fault('FAULT_STORE', 'away')) }
  await assert.rejects(async () => await proofsWith({ store: away }).check({ jkt: JKT }, presented(proofText())), { code: 'FAULT_STORE' })
})

test('with nonces a proof needs one of ours that is still good, and is told which', async () => {
  const nonces = createNonces({ key: Buffer.alloc(32, 7), clock })
  const proofs = proofsWith({ nonces })
  const first = (await refusal(proofs, { jkt: JKT }, presented(proofText()))).challenge
  assert.deepEqual([first?.error, first?.nonce], ['use_dpop_nonce', nonces.current()])
  const nonce = first?.nonce ?? ''
  await proofs.check({ jkt: JKT }, presented(proofText({ nonce })))
  time.now += 300_000
  await proofs.check({ jkt: JKT }, presented(proofText({ nonce })))
  time.now += 300_000
  const late = (await refusal(proofs, { jkt: JKT }, presented(proofText({ nonce })))).challenge
  assert.equal(late?.error, 'use_dpop_nonce')
  assert.notEqual(late?.nonce, nonce)
  for (const wrong of ['', 'x', 7, null, [nonces.current()]])
    assert.equal((await refusal(proofs, { jkt: JKT }, presented(proofText({ nonce: wrong })))).challenge?.error, 'use_dpop_nonce')
})

test('a token bound to a certificate needs the connection to have it', async () => {
  const certificate = hash('sha256', 'der', 'base64url')
  const cnf = { 'x5t#S256': certificate }
  const bearer = presented([], { scheme: 'bearer' })
  assert.equal(proofsWith().check(cnf, { ...bearer, certificate }), undefined)
  await refusal(proofsWith(), cnf, bearer)
  await refusal(proofsWith(), cnf, { ...bearer, certificate: hash('sha256', 'other', 'base64url') })
  await refusal(proofsWith(), cnf, { ...bearer, certificate: '' })
  await refusal(proofsWith(), cnf, presented(proofText(), { certificate }))
})

test('a token bound to a key and a certificate needs both', async () => {
  const certificate = hash('sha256', 'der', 'base64url')
  const cnf = { jkt: JKT, 'x5t#S256': certificate }
  await refusal(proofsWith(), cnf, presented(proofText()))
  await refusal(proofsWith(), cnf, presented([], { scheme: 'bearer', certificate }))
  await proofsWith().check(cnf, presented(proofText(), { certificate }))
})

test('a token bound in a way that cannot be checked is refused, whatever is presented', async () => {
  const ways: readonly JsonValue[] = [{}, null, 'x', [], { kid: 'a' }, { jwk: pair.jwk }, { jkt: 7 }, { jkt: '' }, { jkt: null }]
  for (const cnf of [...ways, { jkt: JKT, 'x5t#S256': 7 }, { 'x5t#S256': '' }]) {
    for (const scheme of ['bearer', 'dpop'] as const) await refusal(proofsWith(), cnf, presented(proofText(), { scheme, certificate: '' }))
  }
})

test('no text whatever is taken for a proof, or is more than a refusal', async () => {
  const part = fc.oneof(
    fc.string(),
    fc.json().map((text) => Buffer.from(text).toString('base64url')),
  )
  const text = fc.oneof(
    fc.string(),
    fc.tuple(part, part, part).map((parts) => parts.join('.')),
  )
  await fc.assert(
    fc.asyncProperty(text, async (proof) => void (await refusal(proofsWith(), { jkt: JKT }, presented(proof)))),
    { numRuns: 300 },
  )
})

test('no character of a good proof can be changed', async () => {
  const proofs = proofsWith()
  const text = proofText()
  const change = fc.tuple(fc.nat(text.length - 1), fc.constantFrom(...'ABab01-_.=+/ '))
  await fc.assert(
    fc.asyncProperty(change, async ([at, character]) => {
      if (text[at] !== character) await refusal(proofs, { jkt: JKT }, presented(`${text.slice(0, at)}${character}${text.slice(at + 1)}`))
    }),
    { numRuns: 300 },
  )
  await proofs.check({ jkt: JKT }, presented(text))
})

test('a client that nobody here wrote is let in after one challenge', async () => {
  const real = createProofs({ store, clock: Date.now, nonces: createNonces({ key: Buffer.alloc(32, 9), clock: Date.now }) })
  const keys = await client.randomDPoPKeyPair('ES256')
  const cnf = { jkt: await calculateJwkThumbprint(keys.publicKey) }
  const seen: string[] = []
  const server = createServer(async (request, response) => {
    const [scheme = '', token = ''] = (request.headers.authorization ?? '').split(' ')
    const sent = request.headersDistinct['dpop'] ?? []
    const how = { scheme: scheme === 'DPoP' ? 'dpop' : 'bearer', token, proofs: sent, method: request.method ?? '', url } as const
    try {
      await real.check(cnf, how)
      seen.push('good')
      response.end('good')
    } catch (error) {
      const challenge = error instanceof Denial ? error.challenge : undefined
      seen.push(challenge?.error ?? 'broken')
      response.setHeader('dpop-nonce', challenge?.nonce ?? '').setHeader('www-authenticate', `DPoP error="${challenge?.error}"`)
      response.writeHead(401).end()
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  const url = `http://127.0.0.1:${address.port}/mcp`
  const config = new client.Configuration({ issuer: 'https://id.example' }, 'client')
  client.allowInsecureRequests(config)
  const options = { DPoP: client.getDPoPHandle(config, keys) }
  for (let round = 0; round < 2; round++) {
    const response = await client.fetchProtectedResource(config, 'token', new URL(url), 'POST', '{}', undefined, options)
    assert.equal(await response.text(), 'good')
  }
  assert.deepEqual(seen, ['use_dpop_nonce', 'good', 'good'])
  server.closeAllConnections()
  server.close()
})
