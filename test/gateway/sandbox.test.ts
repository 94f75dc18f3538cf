import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { aGateway, post } from '../fixtures/gateway.ts'
import { withoutSandbox } from '../fixtures/sandbox.ts'
import { child } from '../fixtures/stdio.ts'

const ACCESS = 'access: { roles: { user: { permissions: ["*"] } }, tools: { "*": { permission: "x:use" } } }'

test('the gateway keeps a server in its sandbox, its own files and its listener out of reach, and says who has none', {
  skip: withoutSandbox(),
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-gateway-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const store = join(folder, 'state/portcullis.db')
  mkdirSync(join(folder, 'state'))
  const command = JSON.stringify(child('hostile'))
  await using running = await aGateway(
    `servers:
  kept:   { command: ${command}, sandbox: { network: none, memory: 512MiB } }
  shown:  { command: ${command}, sandbox: { read: [${JSON.stringify(folder)}] } }
  trusted: { command: ${command}, sandbox: off }
  older:  { command: ${command} }
${ACCESS}`,
    { store },
  )
  const headers = { 'x-api-key': await running.key({ roles: ['user'] }) }
  const attempt = async (server: string, name: string, args: Readonly<Record<string, string>> = {}): Promise<string> =>
    JSON.stringify((await post(`${running.url}/mcp/${server}`, 'tools/call', { name, arguments: args }, headers)).body)

  assert.match(await attempt('kept', 'read the store', { store }), /held: .*ENOENT/)
  assert.match(await attempt('kept', 'connect to a server on loopback', { port: new URL(running.url).port }), /held: .*ECONNREFUSED/)
  assert.match(await attempt('trusted', 'read the store', { store }), /ESCAPED/)
  assert.match(await attempt('shown', 'read the store', { store }), /upstream_failed|"code"/)

  const told = (await running.events()).flatMap(({ type, resource, detail }) =>
    type.startsWith('upstream.') && type !== 'upstream.started'
      ? [`${type} ${resource?.server}: ${detail?.replace(folder, '…').replace(folder, '…')}`]
      : [],
  )
  assert.deepEqual(told, [
    'upstream.unconfined trusted: sandbox: off',
    'upstream.unconfined older: no sandbox is written',
    "upstream.refused shown: … would show it …/state/portcullis.db, which is the gateway's own",
  ])
})
