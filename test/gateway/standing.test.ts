/** Open streams do not outlive the credential that opened them, nor that their address is let in. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { aGateway } from '../fixtures/gateway.ts'
import { aPrincipal } from '../fixtures/nouns.ts'
import { legacyHttp } from '../fixtures/speakers.ts'

const bare = fileURLToPath(new URL('../fixtures/bare-stdio.ts', import.meta.url))
const yaml = `
servers: { bare: { command: ${JSON.stringify([process.execPath, bare])} } }
access: { roles: { user: { permissions: ["*"] } }, tools: { "*": { permission: tools:use } } }
`

test('a principal stands as long as its key does, and falls when the store cannot be asked', async () => {
  const running = await aGateway(yaml)
  const { house } = running.gateway
  const { key } = await house.keys.create({ name: 't', roles: ['user'], createdBy: 'test' })
  const principal = aPrincipal({ issuer: 'key', subject: key.id })
  assert.equal(await house.isStanding(principal), true)
  assert.equal(await house.isStanding(aPrincipal({ issuer: 'key', subject: 'nobody' })), false)
  await house.keys.revoke(key.id)
  assert.equal(await house.isStanding(principal), false)
  await house.store.close()
  assert.equal(await house.isStanding(principal), false)
  await running.gateway.close().catch(() => undefined)
})

test('the stream of a session ends by itself after its key was revoked', async () => {
  await using running = await aGateway(yaml)
  const { keys } = running.gateway.house
  const issued = await keys.create({ name: 't', roles: ['user'], createdBy: 'test' })
  const text = issued.text.reveal()
  const url = `${running.url}/mcp`
  const { session } = await legacyHttp(url, text, '2025-11-25')
  const headers = { accept: 'text/event-stream', 'x-api-key': text, 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' }
  const stream = await fetch(url, { headers })
  assert.equal(stream.status, 200)
  await keys.revoke(issued.key.id)
  await stream.text()
  const refused = await fetch(url, { headers })
  assert.equal(refused.status, 401)
})

test('the streams of an address end by themselves after it was blocked, and those of another go on', async () => {
  await using running = await aGateway(yaml)
  const url = `${running.url}/mcp`
  const key = await running.key({ roles: ['user'] })
  const { session } = await legacyHttp(url, key, '2025-11-25')
  const headers = { accept: 'text/event-stream', 'x-api-key': key, 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' }
  const open = async (localAddress: string): Promise<IncomingMessage> => {
    const [answer] = (await once(request(url, { headers, localAddress, agent: false }).end(), 'response')) as [IncomingMessage]
    assert.equal(answer.statusCode, 200)
    return answer.resume()
  }
  const [blocked, other] = [await open('127.0.0.5'), await open('127.0.0.6')]
  await running.gateway.house.limits.blocks.add('127.0.0.5/32', { by: 'test' })
  await once(blocked, 'end')
  assert.equal(other.closed, false)
  other.destroy()
})
