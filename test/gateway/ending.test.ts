/** What becomes of calls that outlast the gateway: their callers are answered, and history blames nobody who is not to blame. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { JsonObject } from '../../src/core/json.ts'
import { aGateway, META, post, type RunningGateway } from '../fixtures/gateway.ts'
import { legacyHttp } from '../fixtures/speakers.ts'
import { aBareUpstream } from '../fixtures/upstream.ts'

const raw = fileURLToPath(new URL('../fixtures/children/raw.ts', import.meta.url))
const REST = `
limits: { drain: 0s }
inspect: { input: off }
authentication: { anonymous: { roles: [user] } }
access: { roles: { user: { permissions: ["*"] } }, tools: { "*": { permission: tools:use } } }
`
const RAW = `servers: { tools: { command: ${JSON.stringify([process.execPath, raw])}, sandbox: off } }\n${REST}`
/** It takes everything and never says a word. */
const MUTE = `servers: { tools: { command: ${JSON.stringify([process.execPath, '-e', 'process.stdin.resume()'])}, sandbox: off } }\n${REST}`
const HANG = { name: 'hang', arguments: {} }

function inFile(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-ending-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return join(folder, 'p.db')
}

/** Resolves when as many calls were let through. */
async function begun(house: RunningGateway, calls: number, of = 'tools/call'): Promise<void> {
  for (;;) {
    const events = await house.events()
    if (events.filter(({ type, method }) => type === 'call.begun' && method === of).length >= calls) return
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** How calls ended, in a store that its gateway has closed. */
async function ends(store: string, of = 'tools/call'): Promise<readonly string[]> {
  await using reader = await aGateway(REST, { store })
  const calls = (await reader.events()).filter(({ type, method }) => type === 'call.ended' && method === of)
  return calls.map(({ outcome, denial, detail }) => `${outcome} ${denial} ${detail}`)
}

const codeOf = (body: JsonObject): unknown => ((body['error'] as JsonObject | undefined)?.['data'] as JsonObject | undefined)?.['code']
const STOPPED = 'failed unavailable the gateway stopped'

test('a call that outlasts the drain is answered with 503, whatever its server speaks, and history blames the gateway', async (t) => {
  await using upstream = await aBareUpstream({ hang: () => undefined })
  for (const servers of [`servers: { tools: { url: "${upstream.url}" } }\n${REST}`, RAW]) {
    const store = inFile(t)
    const house = await aGateway(servers, { store })
    const key = await house.key({ roles: ['user'] })
    const legacy = await legacyHttp(`${house.url}/mcp`, key, '2025-11-25')
    const asked = [post(`${house.url}/mcp`, 'tools/call', HANG, { 'x-api-key': key }), legacy.ask('tools/call', HANG)] as const
    await begun(house, 2)
    await house[Symbol.asyncDispose]()
    const [modern, older] = await Promise.all(asked)
    assert.deepEqual([modern.status, codeOf(modern.body), codeOf(older)], [503, 'unavailable', 'unavailable'])
    assert.equal(modern.headers.get('connection'), 'close')
    assert.deepEqual(await ends(store), [STOPPED, STOPPED])
  }
})

test('so is one that waits for a server which has not even greeted', async (t) => {
  const store = inFile(t)
  const house = await aGateway(MUTE, { store })
  const asked = post(`${house.url}/mcp`, 'tools/list')
  await begun(house, 1, 'tools/list')
  await house[Symbol.asyncDispose]()
  assert.equal((await asked).status, 503)
  assert.match((await ends(store, 'tools/list')).join(), /^failed unavailable the gateway (stopped|is stopping)$/)
})

test('a client that closes its side of stdio leaves no call behind: after the drain it is answered and written down', async (t) => {
  const store = inFile(t)
  const house = await aGateway(RAW, { store })
  const [input, output] = [new PassThrough(), new PassThrough()]
  const served = house.gateway.serveStdio('tools', input, output)
  input.write(`${JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'tools/call', params: { ...HANG, _meta: META } })}\n`)
  await begun(house, 1)
  input.end()
  await served
  const answer = JSON.parse(String(output.read())) as JsonObject
  assert.deepEqual([answer['id'], codeOf(answer)], [7, 'unavailable'])
  await house[Symbol.asyncDispose]()
  assert.deepEqual(await ends(store), ['failed unavailable its client had gone, and limits.drain was over'])
})
