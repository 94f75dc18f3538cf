/** A client may tell a server its roots, and the filesystem server would take them for the folders it may show: that must not widen anything. */
import assert from 'node:assert/strict'
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import { ListRootsRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { type Quickstart, startQuickstart } from './quickstart.ts'

let quickstart: Quickstart
let outside: string

before(async () => {
  quickstart = await startQuickstart()
  outside = await realpath(await mkdtemp(join(tmpdir(), 'portcullis-outside-')))
  await writeFile(join(outside, 'secret.txt'), 'not for callers')
})
after(async () => {
  await quickstart?.stop()
  await rm(outside, { recursive: true, force: true })
})

test('a caller that declares a folder of the machine as its root reads nothing there', async () => {
  const { key } = await quickstart.gateway.createKey({ roles: ['user'] })
  const client = new Client({ name: 'roots', version: '1.0.0' }, { capabilities: { roots: { listChanged: true } } })
  client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: `file://${outside}` }] }))
  const transport = new StreamableHTTPClientTransport(new URL(`${quickstart.gateway.url}/mcp/files`), {
    requestInit: { headers: { 'x-api-key': key } },
  })
  // The SDK's own types do not hold under exactOptionalPropertyTypes (sessionId).
  await client.connect(transport as Transport)
  try {
    await client.sendRootsListChanged()
    for (let attempt = 0; attempt < 5; attempt++) {
      const read = await client.callTool({ name: 'read_text_file', arguments: { path: join(outside, 'secret.txt') } })
      assert.equal(read.isError, true)
      assert.doesNotMatch(JSON.stringify(read.content), /not for callers/)
    }
    const still = await client.callTool({ name: 'read_text_file', arguments: { path: join(quickstart.data, 'welcome.md') } })
    assert.notEqual(still.isError, true)
  } finally {
    await client.close()
  }
})
