/** Whose places open streams and sessions take: strangers are told apart by where they come from, and all keys of one owner are one person. */
import assert from 'node:assert/strict'
import { type IncomingHttpHeaders, request } from 'node:http'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { JsonObject } from '../../src/core/json.ts'
import { personOf } from '../../src/limit/person.ts'
import { aGateway, META, MODERN } from '../fixtures/gateway.ts'
import { aPrincipal } from '../fixtures/nouns.ts'

const [VICTIM, STRANGER] = ['127.0.0.5', '127.0.0.6'] as const
const yaml = (server: 'bare' | 'task'): string => `
servers: { s: { command: ${JSON.stringify([process.execPath, fileURLToPath(new URL(`../fixtures/${server}-stdio.ts`, import.meta.url))])}, shared: true } }
access: { roles: { user: { permissions: ["*"] } }, tools: { "*": { permission: t:use } } }
authentication: { anonymous: { roles: [user] } }
limits: { streams: { perPrincipal: 2 }, sessions: { perPrincipal: 2 } }`

interface Opened {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly close: () => void
}

/** Sends, and reads nothing of the answer but its head: a stream stays open. */
function send(url: string, localAddress: string, headers: Readonly<Record<string, string>>, body: JsonObject): Promise<Opened> {
  return new Promise((resolve, reject) => {
    const req = request(url, { method: 'POST', headers: { ...MODERN, ...headers }, localAddress, agent: false }, (res) => {
      res.resume()
      resolve({ status: res.statusCode ?? 0, headers: res.headers, close: () => req.destroy() })
    })
    req.on('error', reject)
    req.end(JSON.stringify({ jsonrpc: '2.0', ...body }))
  })
}

const listen = (url: string, from: string, headers: Readonly<Record<string, string>> = {}): Promise<Opened> =>
  send(
    url,
    from,
    { 'mcp-method': 'subscriptions/listen', ...headers },
    { id: 1, method: 'subscriptions/listen', params: { _meta: META, notifications: { toolsListChanged: true } } },
  )

const OLD = { 'mcp-protocol-version': '2025-11-25' }

async function open(url: string, from: string): Promise<string> {
  const clientInfo = { name: 't', version: '1' }
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo }
  const { status, headers } = await send(url, from, OLD, { id: 0, method: 'initialize', params })
  assert.equal(status, 200)
  return String(headers['mcp-session-id'])
}

const list = async (url: string, from: string, session: string): Promise<number> =>
  (await send(url, from, { ...OLD, 'mcp-session-id': session }, { id: 1, method: 'tools/list' })).status

test('strangers hold up no stream of another stranger, and none has more than one may have', async () => {
  await using house = await aGateway(yaml('task'))
  const url = `${house.url}/mcp`
  const theirs = [await listen(url, STRANGER), await listen(url, STRANGER), await listen(url, STRANGER)]
  const mine = await listen(url, VICTIM)
  assert.deepEqual(
    [...theirs, mine].map(({ status }) => status),
    [200, 200, 503, 200],
  )
  for (const { close } of [...theirs, mine]) close()
})

test('three keys of one owner have together as many streams as one', async () => {
  await using house = await aGateway(yaml('task'))
  const { keys } = house.gateway.house
  const opened: Opened[] = []
  for (let at = 0; at < 3; at++) {
    const { text } = await keys.create({ name: `k${at}`, roles: ['user'], owner: 'ann', createdBy: 'test' })
    opened.push(await listen(`${house.url}/mcp`, VICTIM, { 'x-api-key': text.reveal() }))
  }
  assert.deepEqual(
    opened.map(({ status }) => status),
    [200, 200, 503],
  )
  for (const { close } of opened) close()
})

test('sessions of one stranger end none of another, and the one unused longest of his own', async () => {
  await using house = await aGateway(yaml('bare'))
  const url = `${house.url}/mcp`
  const mine = await open(url, VICTIM)
  const theirs = [await open(url, STRANGER), await open(url, STRANGER), await open(url, STRANGER)]
  assert.equal(await list(url, VICTIM, mine), 200)
  const left: number[] = []
  for (const session of theirs) left.push(await list(url, STRANGER, session))
  assert.deepEqual(left, [404, 200, 200])
})

test('a person is the owner of a key, else who was recognised, else an address', () => {
  const owned = aPrincipal({ issuer: 'key', subject: 'k', claims: { owner: 'ann' } })
  assert.equal(personOf(owned, '192.0.2.1/32'), personOf({ ...owned, subject: 'other' }, '192.0.2.2/32'))
  assert.equal(personOf(aPrincipal({ issuer: 'i', subject: 's' }), '192.0.2.1/32'), 'i#s')
  // Whoever issues tokens may claim any owner: only our own record of a key says whose it is.
  assert.equal(personOf(aPrincipal({ issuer: 'i', subject: 's', claims: { owner: 'ann' } }), undefined), 'i#s')
  const stranger = aPrincipal({ kind: 'anonymous', issuer: 'local', subject: 'anonymous' })
  assert.notEqual(personOf(stranger, '192.0.2.1/32'), personOf(stranger, '192.0.2.2/32'))
})
