/** A server that listens for itself speaks TLS as the gateway does, and its tools know who the certificate names. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { McpServer } from '@modelcontextprotocol/server'
import { guardServer } from '../../src/embed/server.ts'
import { anAuthority } from '../fixtures/authority.ts'
import { aSecureCaller } from '../fixtures/secure-caller.ts'
import { ACCESS, addTools, aGuard } from './world.ts'

test('tls of the configuration holds for guardServer().listen(), and nobody is connected without a certificate where one is demanded', async () => {
  using ours = anAuthority()
  const place = (file: string, content: string): string => {
    writeFileSync(join(ours.folder, file), content, { mode: 0o600 })
    return join(ours.folder, file)
  }
  const own = ours.issue('IP:127.0.0.1')
  await using running = aGuard(`
listen: 127.0.0.1:0
tls: { certificate: ${place('own.crt', own.cert)}, key: ${place('own.key', own.key)}, clientCa: ${join(ours.folder, 'ca.pem')} }
authentication: { certificates: { subject: san-dns, roles: { "*.example": user } } }
${ACCESS}`)
  const url = await guardServer(running.guard, addTools(new McpServer({ name: 'notes', version: '1.0.0' })), { server: 'notes' }).listen()
  assert.match(url, /^https:\/\/127\.0\.0\.1:\d+\/mcp$/)
  await using known = aSecureCaller(ours.cert, ours.issue('DNS:agent.example', { use: 'clientAuth' }))
  const told = await known.call(url, {}, { name: 'whoami', arguments: {} })
  assert.equal(told.status, 200)
  assert.match(JSON.stringify(told.body), /agent\.example/)
  await using unknown = aSecureCaller(ours.cert)
  await assert.rejects(unknown.call(url, {}, { name: 'whoami', arguments: {} }))
  while (!(await running.events()).some(({ type, detail }) => type === 'certificate.refused' && detail?.endsWith('it has none') === true))
    await new Promise((resolve) => setImmediate(resolve))
})
