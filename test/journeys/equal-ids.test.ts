/** A hundred clients with the same JSON-RPC ids, at once, over every way to a server: each gets its own answers and nobody else's. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { JsonObject } from '../../src/core/json.ts'
import { aGateway, post } from '../fixtures/gateway.ts'
import { legacyHttp, type Speaker } from '../fixtures/speakers.ts'
import { aBareUpstream, text } from '../fixtures/upstream.ts'

const CLIENTS = 100
const CALLS = 10
const bare = fileURLToPath(new URL('../fixtures/bare-stdio.ts', import.meta.url))
const access = `access: { roles: { user: { permissions: ["*"] } }, tools: { "*": { permission: tools:use } } }
limits: { address: 100000/s, methods: { apiKey: 100000/s } }`

const saidBy = (answer: JsonObject): unknown => ((answer['result'] as JsonObject)['content'] as readonly JsonObject[])[0]?.['text']

/** Every client asks at once, and each checks that what comes back is what it said. */
async function everybody(ask: (client: number, message: string) => Promise<JsonObject>): Promise<void> {
  const said = Array.from({ length: CLIENTS }, async (_, client) => {
    for (let call = 0; call < CALLS; call++) {
      const message = `${client}/${call}`
      assert.equal(saidBy(await ask(client, message)), message)
    }
  })
  await Promise.all(said)
}

test('over HTTP to a server over HTTP', async () => {
  await using upstream = await aBareUpstream({ echo: (args) => text(String(args['message'])) })
  await using house = await aGateway(`servers: { tools: { url: "${upstream.url}" } }\n${access}`)
  const keys = await Promise.all(Array.from({ length: CLIENTS }, () => house.key({ roles: ['user'] })))
  await everybody(
    async (client, message) =>
      (await post(`${house.url}/mcp`, 'tools/call', { name: 'echo', arguments: { message } }, { 'x-api-key': keys[client] ?? '' })).body,
  )
})

test('over HTTP to one process that all share', async () => {
  await using house = await aGateway(`servers: { bare: { command: ${JSON.stringify([process.execPath, bare])}, shared: true } }\n${access}`)
  const keys = await Promise.all(Array.from({ length: CLIENTS }, () => house.key({ roles: ['user'] })))
  await everybody(
    async (client, message) =>
      (await post(`${house.url}/mcp`, 'tools/call', { name: 'echo', arguments: { message } }, { 'x-api-key': keys[client] ?? '' })).body,
  )
})

test('in a hundred sessions of one principal, on one process that all share', async () => {
  await using house = await aGateway(`servers: { bare: { command: ${JSON.stringify([process.execPath, bare])}, shared: true } }\n${access}`)
  const key = await house.key({ roles: ['user'] })
  const speakers: Speaker[] = []
  for (let client = 0; client < CLIENTS; client++) speakers.push(await legacyHttp(`${house.url}/mcp`, key, '2025-11-25'))
  await everybody(
    (client, message) => speakers[client]?.ask('tools/call', { name: 'echo', arguments: { message } }) ?? Promise.reject(new RangeError()),
  )
})
