/** Something else in a server's place is told when the gateway starts. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { aGateway } from '../fixtures/gateway.ts'

test('a server that was swapped, given other arguments or added since the last start is told by name, and no argument of it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-'))
  const place = { store: join(folder, 'portcullis.db') }
  const start = async (servers: string): Promise<readonly (string | undefined)[]> => {
    await using house = await aGateway(`servers: { ${servers} }`, place)
    const told = (await house.events()).filter(({ type }) => type === 'upstream.changed')
    assert.equal(JSON.stringify(told).includes('s3cret'), false)
    return [...told.map(({ resource, detail }) => `${resource?.server}: ${detail}`), ...house.faults.map(({ message }) => message)]
  }
  const mail = 'mail: { command: [mail-server, --token, s3cret] }'
  const [first, ...more] = await start(`${mail}, crm: { url: "http://127.0.0.1:9/mcp" }`)
  assert.match(first ?? '', /portcullis\.db: an installation begins/)
  assert.deepEqual(more, [])
  assert.deepEqual(await start(`${mail}, crm: { url: "http://127.0.0.1:9/mcp", timeout: 5s }`), [])
  const swapped = await start(
    'mail: { command: [mail-server, --token, s3cret2], env: { DEBUG: s3cret } }, crm: { url: "http://127.0.0.1:10/mcp" }, more: { url: "http://127.0.0.1:11/" }',
  )
  assert.deepEqual(swapped.slice(0, 3), ['mail: arguments, env', 'crm: url', 'more: new'])
  assert.equal(swapped[3], 'Server mail is not what it was when a gateway last started (arguments, env)')
  rmSync(folder, { recursive: true })
})
