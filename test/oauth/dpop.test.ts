/** Proof of possession (RFC 9449) and pushed requests (RFC 9126). */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { calculateJwkThumbprint, decodeJwt, exportJWK, generateKeyPair, SignJWT } from 'jose'
import { Browser, createWorld, obtainCode, pkce, post, REDIRECT, redeem, register } from './world.ts'

async function prover() {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
  const jwk = await exportJWK(publicKey)
  const prove = (htu: string): Promise<string> =>
    new SignJWT({ htm: 'POST', htu, jti: randomUUID() })
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk })
      .setIssuedAt()
      .sign(privateKey)
  return { prove, thumbprint: await calculateJwkThumbprint(jwk) }
}

test('a token that was asked for with a proof is bound to its key, and so is the refresh token of a public client', async (t) => {
  const world = await createWorld(t)
  const client = await register(world)
  const { prove, thumbprint } = await prover()
  const { code, verifier } = await obtainCode(world, { client })
  const token = `${world.issuer}/token`
  const proof = await prove(token)
  const fields = { grant_type: 'authorization_code', client_id: client, code, code_verifier: verifier, redirect_uri: REDIRECT }
  const { status, body } = await post(token, fields, { dpop: proof })
  assert.equal(status, 200, JSON.stringify(body))
  assert.equal(body['token_type'], 'DPoP')
  assert.deepEqual(decodeJwt(String(body['access_token']))['cnf'], { jkt: thumbprint })
  const refresh = { grant_type: 'refresh_token', client_id: client, refresh_token: String(body['refresh_token']) }
  assert.equal((await post(token, refresh)).body['error'], 'invalid_grant')
  assert.equal((await post(token, refresh, { dpop: await (await prover()).prove(token) })).body['error'], 'invalid_grant')
  assert.equal((await post(token, refresh, { dpop: proof })).body['error'], 'invalid_grant', 'a proof is good once')
  assert.equal((await post(token, refresh, { dpop: await prove(`${world.issuer}/other`) })).body['error'], 'invalid_dpop_proof')
  assert.equal((await post(token, refresh, { dpop: await prove(token) })).status, 200)
})

test('a request can be pushed first, and is good once', async (t) => {
  const world = await createWorld(t)
  const client = await register(world)
  const { challenge, verifier } = pkce()
  const pushed = await post(`${world.issuer}/par`, {
    client_id: client,
    response_type: 'code',
    redirect_uri: REDIRECT,
    code_challenge: challenge,
    code_challenge_method: 'S256',
    resource: world.resource,
    state: 's',
  })
  assert.equal(pushed.status, 201, JSON.stringify(pushed.body))
  const url = `${world.issuer}/authorize?${new URLSearchParams({ client_id: client, request_uri: String(pushed.body['request_uri']) })}`
  const back = await new Browser().agree(url)
  const answer = await redeem(world, client, back.searchParams.get('code') ?? '', verifier)
  assert.equal(answer.body['scope'], 'files:read', 'the default scope is pushed along')
  const again = await new Browser().open(url)
  assert.equal(again?.searchParams.get('error'), 'invalid_request_uri')
})
