/** What replicas say to each other is between them: two gateways on one file, and somebody who listens, repeats and invents. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { JsonObject } from '../../src/core/json.ts'
import { aGateway, META, post, type Reply } from '../fixtures/gateway.ts'
import { legacyHttp } from '../fixtures/speakers.ts'
import { child } from '../fixtures/stdio.ts'

const YAML = `servers: { talk: { command: ${JSON.stringify(child('sdk-v1'))} } }
access: { roles: { user: { permissions: ["*"] } }, tools: { "*": { permission: "talk:use" } } }
`

test('an errand is sealed, is taken once, and nobody else is answered', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'peers-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const store = join(folder, 'a.db')
  const heard: { readonly path: string; readonly body: string; readonly answer: string }[] = []
  let target = ''
  // Between the replicas sits somebody who hears all of it.
  const wire = createServer((req, res) => {
    void (async () => {
      const body = await textOf(req)
      const answer = await fetch(target + req.url, { method: 'POST', body })
      res.writeHead(answer.status)
      const parts: Buffer[] = []
      for await (const part of answer.body ?? []) {
        parts.push(Buffer.from(part))
        res.write(part)
      }
      heard.push({ path: req.url ?? '', body, answer: Buffer.concat(parts).toString() })
      res.end()
    })()
  })
  await new Promise<void>((resolve) => wire.listen(0, '127.0.0.1', resolve))
  t.after(() => wire.close())
  const { port } = wire.address() as AddressInfo

  await using home = await aGateway(`${YAML}peers: { listen: "127.0.0.1:0", url: "http://127.0.0.1:${port}" }`, { store })
  target = home.peers
  await using other = await aGateway(`${YAML}peers: { listen: "127.0.0.1:0" }`, { store })
  const key = await home.key({ roles: ['user'] })
  await using session = await legacyHttp(`${home.url}/mcp/talk`, key, '2025-11-25')
  const ask = (url: string, id: number): Promise<Response> =>
    fetch(`${url}/mcp/talk`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'x-api-key': key,
        'mcp-session-id': session.session,
        'mcp-protocol-version': '2025-11-25',
      },
      body: JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'echo', arguments: { text: 'a private word' } } }),
    })
  const answer = await ask(other.url, 7)
  assert.equal(answer.status, 200)
  assert.match(await answer.text(), /a private word/)

  const [errand] = heard
  assert.ok(errand !== undefined && errand.path === '/errand')
  assert.doesNotMatch(errand.body + errand.answer, /private|mcp_|tools/)
  for (const body of [errand.body, 'x', `${errand.body.slice(0, -4)}AAAA`, '']) {
    const repeated = await fetch(`${target}/errand`, { method: 'POST', body })
    assert.deepEqual([repeated.status, await repeated.text()], [403, ''])
  }
  assert.equal((await fetch(target)).status, 403)
  const refused = (await home.events()).filter(({ detail }) => detail?.startsWith('between replicas:'))
  assert.equal(refused.length, 5)
})

test('a stream of a session is opened at any replica, and what its server says comes there', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'peers-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const yaml = `${YAML}peers: { listen: "127.0.0.1:0" }`
  await using home = await aGateway(yaml, { store: join(folder, 'a.db') })
  await using other = await aGateway(yaml, { store: join(folder, 'a.db') })
  const key = await home.key({ roles: ['user'] })
  await using session = await legacyHttp(`${home.url}/mcp/talk`, key, '2025-11-25')
  const closing = new AbortController()
  const stream = await fetch(`${other.url}/mcp/talk`, {
    headers: { accept: 'text/event-stream', 'x-api-key': key, 'mcp-session-id': session.session, 'mcp-protocol-version': '2025-11-25' },
    signal: closing.signal,
  })
  assert.equal(stream.status, 200)
  await session.ask('tools/call', { name: 'touch', arguments: {} })
  let said = ''
  for await (const part of stream.body ?? []) {
    said += Buffer.from(part).toString()
    if (said.includes('notifications/tools/list_changed')) break
  }
  closing.abort()
  assert.match(said, /list_changed/)
})

test('a task of a command is reached from any replica, and is gone with the one that had it', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'peers-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const bare = [process.execPath, fileURLToPath(new URL('../fixtures/bare-stdio.ts', import.meta.url))]
  const yaml = `servers: { work: { command: ${JSON.stringify(bare)} } }
inspect: { input: off, definitions: { pin: false } }
access: { roles: { user: { permissions: ["*"] } }, tools: { "*": { permission: "work:use" } } }
peers: { listen: "127.0.0.1:0" }`
  const home = await aGateway(yaml, { store: join(folder, 'a.db') })
  await using other = await aGateway(yaml, { store: join(folder, 'a.db') })
  const [key, another] = [await home.key({ roles: ['user'] }), await home.key({ roles: ['user'] })]
  const _meta = { ...META, 'io.modelcontextprotocol/clientCapabilities': { extensions: { 'io.modelcontextprotocol/tasks': {} } } }
  const ask = (url: string, method: string, params: JsonObject, as = key): Promise<Reply> =>
    post(`${url}/mcp/work`, method, { ...params, _meta }, { 'x-api-key': as })
  const begun = await ask(home.url, 'tools/call', { name: 'echo', arguments: { task: 'job' } })
  assert.equal((begun.body['result'] as JsonObject | undefined)?.['taskId'], 'job', JSON.stringify(begun.body))
  for (const { url } of [home, other]) {
    const { body } = await ask(url, 'tasks/get', { taskId: 'job' })
    assert.equal((body['result'] as JsonObject | undefined)?.['status'], 'completed', JSON.stringify(body))
    assert.equal((await ask(url, 'tasks/get', { taskId: 'job' }, another)).status, 403)
  }
  await home[Symbol.asyncDispose]()
  const gone = (await ask(other.url, 'tasks/get', { taskId: 'job' })).body['error'] as JsonObject
  assert.equal((gone['data'] as JsonObject)['code'], 'not_found')
})

async function textOf(req: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of req) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}
