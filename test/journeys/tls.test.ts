/** A gateway that speaks TLS: who is let in by a certificate, what is bound to one, and what happens when files change. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Authority, anAuthority, type Certified } from '../fixtures/authority.ts'
import { aGateway, type RunningGateway } from '../fixtures/gateway.ts'
import { aSecureCaller } from '../fixtures/secure-caller.ts'
import { aBareUpstream, type BareUpstream, text } from '../fixtures/upstream.ts'

let ours: Authority
let upstream: BareUpstream
let house: RunningGateway
let agent: Certified
const folder = mkdtempSync(join(tmpdir(), 'portcullis-tls-'))
const place = (file: string): string => join(folder, file)
const write = (file: string, content: string): void => writeFileSync(place(file), content, { mode: 0o600 })

before(async () => {
  ours = anAuthority()
  const server = ours.issue('DNS:localhost,IP:127.0.0.1')
  write('server.crt', server.cert)
  write('server.key', server.key)
  write('ca.pem', ours.cert)
  write('crl.pem', ours.revocationList())
  agent = ours.issue('URI:spiffe://example/agent/one', { use: 'clientAuth' })
  upstream = await aBareUpstream({ echo: (args) => text(String(args['message'])) })
  house = await aGateway(`
tls: { certificate: ${place('server.crt')}, key: ${place('server.key')}, clientCa: ${place('ca.pem')}, clientCertificates: optional, revocationList: ${place('crl.pem')} }
servers: { tools: { url: "${upstream.url}" } }
authentication: { certificates: { subject: san-uri, roles: { "spiffe://example/agent/*": service } } }
access:
  roles: { service: { permissions: ["tools:use"] } }
  tools: { echo: { permission: tools:use } }
`)
})
after(async () => {
  await house[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
  ours[Symbol.dispose]()
  rmSync(folder, { recursive: true })
})

test('a client is known by the verified name of its certificate', async () => {
  await using caller = aSecureCaller(ours.cert, agent)
  const told = await caller.call(`${house.url}/mcp`)
  assert.equal(told.status, 200)
})
