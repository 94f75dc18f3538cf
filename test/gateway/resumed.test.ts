/** Answers that a resumed stream brings: held against everything that the answer itself would have been held against. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { JsonObject } from '../../src/core/json.ts'
import { Resumed } from '../../src/guard/resumed.ts'
import { aGateway } from '../fixtures/gateway.ts'
import { aCall, aPrincipal, aResult } from '../fixtures/nouns.ts'

const TOOLS = ['echo', 'admin_reset', 'query'].map((name) => ({ name, inputSchema: { type: 'object' } }))

/** A server of the older revisions that begins each answer with an event to come back to, and says it once more to whoever comes back. */
async function aResumable(describe: () => string = () => 'plain') {
  const said: string[] = []
  const server = createServer((req, res) => {
    let text = ''
    req.on('data', (chunk: Buffer) => (text += chunk.toString()))
    req.on('end', () => {
      if (req.method === 'GET') {
        const at = req.headers['last-event-id']
        res.writeHead(200, { 'content-type': 'text/event-stream' })
        if (at !== undefined) res.end(`id: again\ndata: ${said[Number(at)]}\n\n`)
        return
      }
      const { id, method } = JSON.parse(text || '{}') as { id?: number; method: string }
      if (req.method !== 'POST' || id === undefined) return void res.writeHead(202).end()
      const opened = { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 'x', version: '1' } }
      const result: JsonObject =
        method === 'initialize'
          ? opened
          : method === 'tools/list'
            ? { tools: TOOLS.map((tool) => ({ ...tool, description: describe() })) }
            : { content: [{ type: 'text', text: 'BLUEBIRD' }] }
      const answer = JSON.stringify({ jsonrpc: '2.0', id, result })
      if (method === 'initialize') {
        res.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': 'theirs' }).end(answer)
        return
      }
      res.writeHead(200, { 'content-type': 'text/event-stream' })
      res.end(`id: ${said.push(answer) - 1}\ndata: \n\nid: end\ndata: ${answer}\n\n`)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    [Symbol.asyncDispose]: async (): Promise<void> => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** A session of one caller. */
async function aClient(url: string, key: string) {
  const common = { 'x-api-key': key, accept: 'application/json, text/event-stream' }
  let session: Readonly<Record<string, string>> = {}
  const say = async (body: JsonObject): Promise<Response> =>
    await fetch(`${url}/mcp`, {
      method: 'POST',
      headers: { ...common, ...session, 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', ...body }),
    })
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } }
  const opened = await say({ id: 1, method: 'initialize', params })
  await opened.text()
  session = { 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '', 'mcp-protocol-version': '2025-11-25' }
  return {
    ask: async (body: JsonObject): Promise<string> => await (await say(body)).text(),
    /** Comes back to the first event of an answer. */
    resume: async (answer: string): Promise<string> => {
      const [, at = ''] = /^id: (.+)$/m.exec(answer) ?? []
      const headers = { ...common, ...session, accept: 'text/event-stream', 'last-event-id': at }
      return await (await fetch(`${url}/mcp`, { headers })).text()
    },
  }
}

test('a list or an answer that is fetched by a resumed stream is as narrow, and as forbidden, as it was', async () => {
  await using upstream = await aResumable()
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-resumed-'))
  writeFileSync(join(folder, 'p.cedar'), '@id("no-birds") forbid (principal, action == Action::"receive", resource == Tool::"s/query");')
  await using house = await aGateway(`
servers: { s: { url: "${upstream.url}" } }
access:
  roles: { user: { permissions: [t:use] } }
  tools: { echo: { permission: t:use }, query: { permission: t:use }, admin_reset: { permission: t:reset } }
  policies: ${JSON.stringify(join(folder, 'p.cedar'))}`)
  const client = await aClient(house.url, await house.key({ roles: ['user'] }))
  /** What is told at first, and what to whoever comes back to the first event of it. */
  const twice = async (body: JsonObject): Promise<readonly string[]> => {
    const first = await client.ask(body)
    return [first, await client.resume(first)]
  }
  for (const told of await twice({ id: 2, method: 'tools/list' }))
    assert.deepEqual([told.includes('"echo"'), told.includes('admin_reset')], [true, false], told)
  for (const told of await twice({ id: 3, method: 'tools/call', params: { name: 'echo', arguments: {} } })) assert.match(told, /BLUEBIRD/)
  for (const told of await twice({ id: 4, method: 'tools/call', params: { name: 'query', arguments: {} } }))
    assert.doesNotMatch(told, /BLUEBIRD/)
  rmSync(folder, { recursive: true })
})

test('a list that is fetched later does not pass for what the server says now', async () => {
  let said = 'plain'
  await using upstream = await aResumable(() => said)
  await using house = await aGateway(`
servers: { s: { url: "${upstream.url}" } }
access: { roles: { user: { permissions: ["*"] } }, tools: { "*": { permission: t:use } } }`)
  const client = await aClient(house.url, await house.key({ roles: ['user'] }))
  const call = { method: 'tools/call', params: { name: 'echo', arguments: {} } }
  const first = await client.ask({ id: 2, method: 'tools/list' })
  assert.match(await client.ask({ id: 3, ...call }), /BLUEBIRD/)
  said = 'something else'
  assert.doesNotMatch(await client.ask({ id: 4, method: 'tools/list' }), /echo/)
  assert.doesNotMatch(await client.ask({ id: 5, ...call }), /BLUEBIRD/)
  assert.match(await client.resume(first), /echo/)
  assert.doesNotMatch(await client.ask({ id: 6, ...call }), /BLUEBIRD/)
})

test('it answers what its own session asked under that id, once and for one thing; everything else is not let go', () => {
  const [ann, bob] = [aPrincipal({ subject: 'ann' }), aPrincipal({ subject: 'bob' })]
  const [tools, server] = [{ kind: 'tool', server: 's', name: 'echo' } as const, { kind: 'server', server: 's', name: 's' } as const]
  const session = { era: 'legacy', session: 'mine' } as const
  const stream = aCall({ ...session, method: '$stream', action: 'listen', resource: server })
  const begun = (): Resumed => {
    const resumed = new Resumed()
    resumed.note(aCall({ ...session, requestId: 0, method: 'initialize', action: 'control', resource: server }), ann)
    return resumed
  }
  const call = (requestId: number | string) => aCall({ ...session, requestId, method: 'tools/call', resource: tools })
  const list = (requestId: number | string) => aCall({ ...session, requestId, method: 'tools/list', action: 'list', resource: server })
  const of = (resumed: Resumed, id: number | string, result: JsonObject = {}, who = ann): string | undefined =>
    resumed.of(aResult(result, id), stream, who)?.call.method

  const resumed = begun()
  resumed.note(call(1), ann)
  resumed.note(list('1'), ann)
  assert.deepEqual([of(resumed, 1), of(resumed, '1'), of(resumed, 2)], ['tools/call', 'tools/list', undefined])
  assert.equal(of(resumed, 1, {}, bob), undefined)
  assert.equal(of(resumed, 1, { tools: [] }), undefined)
  assert.equal(of(resumed, '1', { tools: [] }), 'tools/list')
  // Somebody else who knows the name of the session changes nothing.
  resumed.note(list(1), bob)
  assert.equal(of(resumed, 1), 'tools/call')
  // Under one id it may be either, so it is neither; also when what came first is forgotten.
  resumed.note(list(1), ann)
  assert.equal(of(resumed, 1), undefined)
  for (const id of [1, '1'] as const) {
    const forgetful = begun()
    forgetful.note(list(id), ann)
    for (let next = 0; next < 300; next++) forgetful.note(call(typeof id === 'number' ? 10 + next : `a${next}`), ann)
    forgetful.note(call(id), ann)
    assert.equal(of(forgetful, id), undefined)
  }
  const [answered, waiting] = [call(400), list(401)]
  for (const one of [answered, waiting]) resumed.note(one, ann)
  resumed.answered(answered, ann)
  resumed.answered(waiting, bob)
  const isFirst = (id: number): boolean | undefined => resumed.of(aResult({}, id), stream, ann)?.isFirst
  assert.deepEqual([isFirst(400), isFirst(401), isFirst(401)], [false, true, false])
  // A session that was not seen to begin has asked nothing that is known.
  const late = new Resumed()
  late.note(call(1), ann)
  assert.equal(of(late, 1), undefined)
})
