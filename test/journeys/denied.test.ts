/** A tool that is denied is denied in the same way whichever revision and transport it is asked over. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { JsonObject } from '../../src/core/json.ts'
import { aGateway, keyIn, type RunningGateway } from '../fixtures/gateway.ts'
import { LEGACY, legacyHttp, modernHttp, overStdio, type Speaker } from '../fixtures/speakers.ts'

const bare = fileURLToPath(new URL('../fixtures/bare-stdio.ts', import.meta.url))
const yaml = `
servers: { bare: { command: [${JSON.stringify(process.execPath)}, ${JSON.stringify(bare)}] } }
access:
  roles: { user: { permissions: [tools:use] } }
  tools: { echo: { permission: tools:use }, asked: { permission: tools:use } }
`

type Open = (house: RunningGateway, key: string) => Promise<Speaker>

const overHttp = ['2026-07-28', ...LEGACY].map((revision): readonly [string, Open] => [
  `${revision} over HTTP`,
  (house, key) => {
    const url = `${house.url}/mcp/bare`
    return revision === '2026-07-28' ? Promise.resolve(modernHttp(url, key)) : legacyHttp(url, key, revision)
  },
])
const overStdin = ['2026-07-28', ...LEGACY].map((revision): readonly [string, Open] => [
  `${revision} over stdio`,
  (house) => overStdio(house, 'bare', revision),
])

/** A gateway that has made a key, and has it in its environment as `portcullis run` would. */
async function aHouse(): Promise<{ readonly house: RunningGateway; readonly key: string; readonly folder: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-'))
  const store = join(folder, 'portcullis.db')
  const key = await keyIn(store, yaml, ['user'])
  return { house: await aGateway(yaml, { store, environment: { MCP_API_KEY: key } }), key, folder }
}

const errorOf = (answer: JsonObject): JsonObject => (answer['error'] ?? {}) as JsonObject
const textOf = (answer: JsonObject): unknown => ((answer['result'] as JsonObject)['content'] as readonly JsonObject[])[0]?.['text']

for (const [name, open] of [...overHttp, ...overStdin]) {
  test(`${name}: a permitted tool answers; a denied one is unknown, not listed, and never reaches the server`, async () => {
    const { house, key, folder } = await aHouse()
    {
      await using _house = house
      await using speaker = await open(house, key)
      assert.equal(textOf(await speaker.ask('tools/call', { name: 'echo', arguments: { message: 'hi' } })), 'hi')
      const denied = errorOf(await speaker.ask('tools/call', { name: 'admin_reset', arguments: {} }))
      const unknown = errorOf(await speaker.ask('tools/call', { name: 'no_such_tool', arguments: {} }))
      assert.deepEqual(denied, unknown)
      assert.deepEqual([denied['code'], (denied['data'] as JsonObject)['code']], [-32602, 'not_found'])
      const listed = (await speaker.ask('tools/list'))['result'] as { readonly tools: readonly { readonly name: string }[] }
      assert.deepEqual(
        listed.tools.map((tool) => tool.name),
        ['echo', 'asked'],
      )
      assert.equal(textOf(await speaker.ask('tools/call', { name: 'asked', arguments: {} })), 'echo')
      const refused = (await house.events()).filter((event) => event.denial === 'not_found')
      assert.deepEqual(
        refused.map((event) => event.resource?.name),
        ['admin_reset', 'no_such_tool'],
      )
    }
    rmSync(folder, { recursive: true })
  })
}
