/** Access tokens of Glewlwyd, which shares nothing with this project: another language, another library, another author. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeJwt } from 'jose'
import { aGateway, post } from '../fixtures/gateway.ts'
import { aBareUpstream } from '../fixtures/upstream.ts'
import { GLEWLWYD_MISSING, startGlewlwyd } from './glewlwyd.ts'
import { promises } from './promises.ts'

promises('Glewlwyd', startGlewlwyd, GLEWLWYD_MISSING)

test('a token that names its scopes as its audience is for nobody', { skip: GLEWLWYD_MISSING }, async () => {
  await using glewlwyd = await startGlewlwyd()
  await using upstream = await aBareUpstream({})
  await using house = await aGateway(`
servers: { tools: { url: "${upstream.url}" } }
authentication: { issuers: [{ issuer: "${glewlwyd.issuer}", allowPrivate: true }] }
`)
  await glewlwyd.serve([`${house.url}/mcp/tools`])
  const token = await glewlwyd.machineToken()
  assert.equal(decodeJwt(token).aud, 'tools:read')
  const reply = await post(`${house.url}/mcp/tools`, 'tools/list', {}, { authorization: `Bearer ${token}` })
  assert.equal(reply.status, 401)
  assert.match(String((await house.events()).findLast((event) => event.type === 'call.ended')?.detail), /audience/)
})
