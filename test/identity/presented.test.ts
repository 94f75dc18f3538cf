import assert from 'node:assert/strict'
import { createServer, request } from 'node:http'
import { test } from 'node:test'
import { Secret } from '../../src/core/secret.ts'
import { environmentCredentials } from '../../src/identity/environment.ts'
import { readCredentials } from '../../src/identity/presented.ts'

const read = (...rawHeaders: string[]): readonly string[] =>
  readCredentials(rawHeaders).map(({ scheme, secret }) => `${scheme} ${secret.reveal()}`)

test('X-API-Key and Authorization: Bearer are read in any case', () => {
  assert.deepEqual(read('Host', 'x', 'X-API-Key', 'k'), ['api-key k'])
  assert.deepEqual(read('x-api-key', 'k'), ['api-key k'])
  assert.deepEqual(read('AUTHORIZATION', 'bEaReR  t'), ['bearer t'])
})

test('nothing else is a credential', () => {
  assert.deepEqual(
    read('Cookie', 'key=k', 'X-Api-Keys', 'k', 'Proxy-Authorization', 'Bearer t', 'X-Access-Token', 't', ':path', '/?api_key=k'),
    [],
  )
})

test('every credential is told, also a repeated one', () => {
  assert.deepEqual(read('X-API-Key', 'a', 'Authorization', 'Bearer b', 'x-api-key', 'a'), ['api-key a', 'bearer b', 'api-key a'])
})

test('another scheme, or none, is a credential that nobody knows', () => {
  assert.deepEqual(read('Authorization', 'Basic bWNwXw=='), ['bearer '])
  assert.deepEqual(read('Authorization', 'mcp_x'), ['bearer '])
  assert.deepEqual(read('Authorization', ''), ['bearer '])
  assert.deepEqual(read('Authorization', 'Bearer'), ['bearer '])
  assert.deepEqual(read('X-API-Key', ''), ['api-key '])
})

test('a DPoP token is a credential, and its proofs come with it; a proof alone is none', () => {
  const [credential, ...more] = readCredentials(['dpop', 'p1', 'Authorization', 'DPoP  t', 'DPoP', 'p2'])
  assert.deepEqual([credential?.scheme, credential?.secret.reveal(), credential?.proofs], ['dpop', 't', ['p1', 'p2']])
  assert.deepEqual(more, [])
  assert.deepEqual(read('DPoP', 'p'), [])
  assert.deepEqual(read('Authorization', 'DPoP t', 'Authorization', 'Bearer t'), ['dpop t', 'bearer t'])
  assert.deepEqual(read('Authorization', 'dpop'), ['bearer '])
})

test('what the connection proved comes with the credential', () => {
  const certificate = { thumbprint: 'digest', names: [], expiresAt: 1, pem: '' }
  const [credential, ...more] = readCredentials(['Authorization', 'Bearer t'], certificate)
  assert.deepEqual([credential?.scheme, credential?.certificate, more], ['bearer', certificate, []])
})

test('a certificate is a credential where there is no other, and one that proves nothing is the only one', () => {
  const certificate = { thumbprint: 'digest', names: [], expiresAt: 1, pem: '' }
  assert.deepEqual(
    readCredentials([], certificate).map((one) => [one.scheme, one.certificate]),
    [['certificate', certificate]],
  )
  for (const headers of [[], ['Authorization', 'Bearer t']])
    assert.deepEqual(
      readCredentials(headers, { flaw: 'not verified' }).map(({ scheme, flaw }) => [scheme, flaw]),
      [['certificate', 'not verified']],
    )
})

test('node:http hands over repeated headers one by one', async (t) => {
  const seen: string[][] = []
  const server = createServer((incoming, answer) => {
    seen.push(readCredentials(incoming.rawHeaders).map(({ secret }) => secret.reveal()))
    answer.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  await new Promise((resolve, reject) => {
    const headers = ['Host', 'x', 'Authorization', 'Bearer a', 'Authorization', 'Bearer b', 'X-API-Key', 'c', 'X-API-Key', 'd']
    request({ port: address.port, host: '127.0.0.1', headers }, resolve).on('error', reject).end()
  })
  assert.deepEqual(seen, [['a', 'b', 'c', 'd']])
})

test('a credential does not print', () => {
  assert.doesNotMatch(JSON.stringify(readCredentials(['X-API-Key', 'hush'])), /hush/)
})

test('on stdio the credential is the value of the environment variable, if there is one', () => {
  assert.deepEqual(environmentCredentials(undefined), [])
  assert.deepEqual(
    environmentCredentials(new Secret('k')).map(({ scheme, secret }) => `${scheme} ${secret.reveal()}`),
    ['bearer k'],
  )
})
