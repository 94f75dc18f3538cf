/** A gateway that is stopped, and stopped once more: what stays behind is nothing. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { JsonObject } from '../../src/core/json.ts'
import { META, post } from '../fixtures/gateway.ts'
import { listening } from './asking.ts'
import { type Installation, install, type Started } from './portcullis.ts'

const RAW = join(import.meta.dirname, '../fixtures/children/raw.ts')
/** A server that heeds neither the end of its input nor SIGTERM. */
const DEAF = [process.execPath, RAW, '--deaf']
const CONFIG = `
listen: 127.0.0.1:0
servers: { tools: { command: ${JSON.stringify(DEAF)}, sandbox: off } }
inspect: { input: off }
authentication: { anonymous: { roles: [user] } }
access: { roles: { user: { permissions: ["*"] } }, tools: { "*": { permission: tools:use } } }
`

const textOf = (body: JsonObject): string => JSON.parse(JSON.stringify(body)).result.content[0].text

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Ends with the test, also where the gateway does not see to it. */
function endAfter(t: TestContext, ...pids: readonly number[]): void {
  t.after(() => {
    for (const pid of pids) if (isAlive(pid)) process.kill(pid, 'SIGKILL')
  })
}

/** Nobody is left of them; who was killed may stand in the table of processes for a moment. */
async function gone(...pids: readonly number[]): Promise<void> {
  const until = performance.now() + 15_000
  while (pids.some(isAlive) && performance.now() < until) await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(pids.filter(isAlive), [])
}

async function ends(there: Installation): Promise<readonly string[]> {
  const { out } = await there.run(['audit', 'query', '--tool', 'tools/hang', '--json'])
  const lines = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  return lines.filter(({ type }) => type === 'call.ended').map(({ outcome, denial, detail }) => `${outcome} ${denial} ${detail}`)
}

/** Calls a tool over stdio, and answers its text. */
async function call(face: Started, id: number, name: string): Promise<string> {
  const params = { name, arguments: {}, _meta: META }
  face.child.stdin?.write(`${JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params })}\n`)
  return textOf(JSON.parse(await face.line((line) => line.includes(`"id":${id}`))))
}

test('who stops serve a second time leaves no process behind, and no call without its end', async (t) => {
  const there = install(t, CONFIG)
  const gateway = there.start(['serve', '--json'])
  const url = `${listening.parse(JSON.parse(await gateway.line((line) => line.startsWith('{')))).url}/mcp`
  const pid = Number(textOf((await post(url, 'tools/call', { name: 'pid', arguments: {} })).body))
  const forked = Number(textOf((await post(url, 'tools/call', { name: 'fork', arguments: {} })).body))
  endAfter(t, pid, forked)
  const hanging = post(url, 'tools/call', { name: 'hang', arguments: {} })
  await post(url, 'tools/call', { name: 'pid', arguments: {} })
  gateway.child.kill('SIGTERM')
  await gateway.error((line) => line === 'stopping; once more to stop at once')
  gateway.child.kill('SIGTERM')
  assert.equal((await gateway.ended).code, 143)
  await gone(pid, forked)
  assert.equal((await hanging).status, 503)
  assert.deepEqual(await ends(there), ['failed unavailable the gateway stopped'])
  assert.equal((await there.run(['audit', 'verify'])).code, 0)
})

test('run whose client has closed its side and sends a signal ends at once, with its server and the calls under way', async (t) => {
  const there = install(t, CONFIG)
  const face = there.start(['run', '-c', 'portcullis.yaml', '--name', 'tools'])
  const pid = Number(await call(face, 1, 'pid'))
  const forked = Number(await call(face, 2, 'fork'))
  endAfter(t, pid, forked)
  void call(face, 3, 'hang').catch(() => undefined)
  await call(face, 4, 'pid')
  face.child.stdin?.end()
  // It waits for its calls now, ten seconds unless told; nothing that it says shows when it has seen the end of its input.
  const killing = setInterval(() => face.child.kill('SIGTERM'), 100)
  t.after(() => clearInterval(killing))
  await face.ended
  await gone(pid, forked)
  assert.deepEqual(await ends(there), ['failed unavailable the gateway stopped'])
})

test('run ends by itself when its client has closed its side, also where a call never does', async (t) => {
  const there = install(t, `${CONFIG}limits: { drain: 1s }\n`)
  const face = there.start(['run', '-c', 'portcullis.yaml', '--name', 'tools'])
  const pid = Number(await call(face, 1, 'pid'))
  endAfter(t, pid)
  void call(face, 2, 'hang').catch(() => undefined)
  await call(face, 3, 'pid')
  face.child.stdin?.end()
  const { code, out } = await face.ended
  assert.equal(code, 0)
  assert.match(out, /"id":2,"error":.*"unavailable"/)
  await gone(pid)
})
