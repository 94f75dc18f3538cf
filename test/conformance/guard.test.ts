/** The official conformance suite against a server with the guard in its process: check by check, the guard makes nothing worse. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { McpServer, ServerNotifier } from '@modelcontextprotocol/server'
import { guardNode } from '../../src/embed/node.ts'
import { guardServer } from '../../src/embed/server.ts'
import { aGuard, listening, type Place, type RunningGuard } from '../embed/world.ts'
import type { Host } from '../fixtures/dual-era-host.ts'
import { createFactory, startEverythingServer } from '../fixtures/everything-server.ts'
import { type CredentialProxy, startCredentialProxy } from './credential-proxy.ts'
import { count, directReport, REVISIONS, regressions, runSuite } from './suite.ts'

const CONFIG = `
access:
  roles: { tester: { permissions: ["everything:use"] } }
  tools: { "*": { permission: "everything:use" } }
  prompts: { "*": { permission: "everything:use" } }
  resources: [{ uri: "test://**", read: [tester], subscribe: [tester] }]
# Two servers under one name, which list other tools to other clients: each would be a change.
inspect: { definitions: { pin: false } }
`
const OPTIONS = { server: 'everything' }

let house: RunningGuard
let headers: Readonly<Record<string, string>>
let around: Host
let hosted: Place
const proxies: CredentialProxy[] = []

before(async () => {
  house = aGuard(CONFIG)
  headers = { 'x-api-key': await house.key({ roles: ['tester'] }) }
  around = await startEverythingServer(0, (listener) => guardNode(house.guard, listener, OPTIONS))
  hosted = await listening(guardServer(house.guard, await keptServer(), OPTIONS).listener)
})
after(async () => {
  for (const proxy of proxies) await proxy.close()
  await hosted[Symbol.asyncDispose]()
  await around.close()
  await house[Symbol.asyncDispose]()
})

/** One server for everybody, which tells of changes itself. */
async function keptServer(): Promise<McpServer> {
  const told = new EventTarget()
  const tell = (what: string): void => void told.dispatchEvent(new Event(what))
  const notify: ServerNotifier = {
    toolsChanged: () => tell('tools'),
    promptsChanged: () => tell('prompts'),
    resourcesChanged: () => tell('resources'),
    resourceUpdated: () => undefined,
  }
  const server = await createFactory(() => notify)({ era: 'modern' })
  if (!('registerTool' in server)) throw new TypeError('the fixture makes an McpServer')
  told.addEventListener('tools', () => server.sendToolListChanged())
  told.addEventListener('prompts', () => server.sendPromptListChanged())
  told.addEventListener('resources', () => server.sendResourceListChanged())
  return server
}

/** The suite cannot present a credential itself. */
async function withKey(url: string): Promise<string> {
  const proxy = await startCredentialProxy(Number(new URL(url).port), headers)
  proxies.push(proxy)
  return `http://localhost:${proxy.port}/mcp`
}

for (const revision of REVISIONS) {
  test(`${revision}: with guardNode around the server no check is worse than direct`, async () => {
    const bare = await directReport(revision)
    const guarded = await runSuite(await withKey(around.url), revision)
    assert.deepEqual(regressions(bare, guarded), [])
    assert.deepEqual(guarded.scenarios, bare.scenarios)
    assert.equal(guarded.exitCode, 0)
    assert.ok(count(guarded, 'SUCCESS') >= count(bare, 'SUCCESS') && count(bare, 'SUCCESS') > 80)
  })
}

test('2026-07-28: guardServer in place of the stock handler makes no check worse', async () => {
  const bare = await directReport('2026-07-28')
  const guarded = await runSuite(await withKey(hosted.url), '2026-07-28')
  assert.deepEqual(regressions(bare, guarded), [])
  assert.ok(count(guarded, 'SUCCESS') >= count(bare, 'SUCCESS') && count(bare, 'SUCCESS') > 150)
})

test('2025-11-25: guardServer serves older clients from the same server, but for tools that ask in the middle of a call', async () => {
  const bare = await directReport('2025-11-25')
  const guarded = await runSuite(await withKey(hosted.url), '2025-11-25')
  // The fixture has these tools for older clients alone: on a kept server a tool returns its question (`inputRequired`). And where one JSON
  // object will do, no stream is opened; so there is none to be resumed, which is optional.
  const worse = regressions(bare, guarded).filter((line) => !/sampling|elicitation|^server-sse-/.test(line))
  assert.deepEqual(worse, [])
})
