/** Access tokens of Glewlwyd, which shares nothing with this project: another language, another library, another author. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeJwt, decodeProtectedHeader } from 'jose'
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

test('a key that Glewlwyd changed to is found, and what the one before it signed opens nothing from then on', {
  skip: GLEWLWYD_MISSING,
}, async () => {
  const turned = { ahead: 0 }
  await using glewlwyd = await startGlewlwyd()
  await using upstream = await aBareUpstream({})
  await using house = await aGateway(
    `
servers: { tools: { url: "${upstream.url}" } }
authentication: { issuers: [{ issuer: "${glewlwyd.issuer}", allowPrivate: true }] }
`,
    { clock: () => Date.now() + turned.ahead },
  )
  const resource = `${house.url}/mcp/tools`
  const list = async (token: string): Promise<number> =>
    (await post(resource, 'tools/list', {}, { authorization: `Bearer ${token}` })).status
  await glewlwyd.serve([resource])
  const before = await glewlwyd.machineToken(resource)
  assert.equal(await list(before), 200)
  await glewlwyd.rotate()
  // Strangers choose the names of keys: the issuer is asked for one again only after the cool-down.
  turned.ahead = 31_000
  const after = await glewlwyd.machineToken(resource)
  assert.notEqual(decodeProtectedHeader(after).kid, decodeProtectedHeader(before).kid)
  assert.equal(await list(after), 200)
  assert.equal(await list(before), 401)
  assert.ok((await house.events()).some(({ type }) => type === 'issuer.refreshed'))
})
