/** Where the guard meets the server: what is handed on, what is withheld, what becomes of streams, failures and callers who leave. */
import assert from 'node:assert/strict'
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { afterEach, beforeEach, test } from 'node:test'
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import express from 'express'
import Fastify from 'fastify'
import { Hono } from 'hono'
import { z } from 'zod'
import type { JsonObject } from '../../src/core/json.ts'
import { guardFetch } from '../../src/embed/fetch.ts'
import { createGuard } from '../../src/embed/guard.ts'
import { guardNode } from '../../src/embed/node.ts'
import { guardServer, type SdkServer } from '../../src/embed/server.ts'
import { META, MODERN, post } from '../fixtures/gateway.ts'
import { ACCESS, aGuard, aServer, aServerV1, listening, type Place, type RunningGuard, WRAPPERS } from './world.ts'

const OPTIONS = { server: 'notes' }

let house: RunningGuard
let key: string
const places: Place[] = []

beforeEach(async () => {
  house = aGuard(`inspect: { input: off, definitions: { pin: false } }\nlimits: { request: { maxBytes: 16KiB } }\n${ACCESS}`)
  key = await house.key({ roles: ['user'] })
})
afterEach(async () => {
  for (const place of places.splice(0)) await place[Symbol.asyncDispose]()
  await house[Symbol.asyncDispose]()
})

async function at(listener: (req: IncomingMessage, res: ServerResponse) => unknown): Promise<string> {
  const place = await listening(listener)
  places.push(place)
  return place.url
}

const echo = (url: string, text: string, headers: Readonly<Record<string, string>> = {}): ReturnType<typeof post> =>
  post(url, 'tools/call', { name: 'echo', arguments: { text } }, { 'x-api-key': key, ...headers })
const codeOf = (body: JsonObject): unknown => ((body['error'] as JsonObject | undefined)?.['data'] as JsonObject | undefined)?.['code']
const answerTo = (body: string): string =>
  JSON.stringify({ jsonrpc: '2.0', id: (JSON.parse(body) as JsonObject)['id'], result: { content: [], resultType: 'complete' } })

async function bodyOf(req: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of req) text += String(chunk)
  return text
}

/** The raw lines of one modern call. */
function rawCall(url: string, body: string, onAnswer: (res: IncomingMessage) => void): ReturnType<typeof httpRequest> {
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'tools/call',
    'mcp-name': 'echo',
    'x-api-key': key,
  }
  const req = httpRequest(url, { method: 'POST', headers, agent: false }, onAnswer)
  req.end(body)
  return req
}
const BODY = `{"jsonrpc":"2.0","id":7,  "method":"tools/call","params":{"arguments":{"text":"1.50"},"name":"echo","_meta":${JSON.stringify(META)}}}`

test('a listener reads the very bytes that the client sent, and the headers that are not for us', async () => {
  const seen: { body: string; headers: IncomingMessage['headers']; address: string | undefined }[] = []
  const url = await at(
    guardNode(
      house.guard,
      async (req, res) => {
        const body = await bodyOf(req)
        seen.push({ body, headers: req.headers, address: req.socket.remoteAddress })
        res.writeHead(200, { 'Content-Type': 'application/json' }).end(answerTo(body))
      },
      OPTIONS,
    ),
  )
  const status = await new Promise((resolve) => rawCall(url, BODY, (res) => resolve(res.resume().statusCode)))
  assert.equal(status, 200)
  assert.equal(seen[0]?.body, BODY)
  assert.equal(seen[0]?.headers['x-api-key'], undefined)
  assert.deepEqual([seen[0]?.headers['mcp-name'], seen[0]?.headers.host, seen[0]?.address], ['echo', new URL(url).host, '127.0.0.1'])
})

test('a handler of requests reads the same, and is not shown the credential', async () => {
  const seen: { body: string; headers: Headers; url: string }[] = []
  const guarded = guardFetch(
    house.guard,
    async (request) => {
      const body = await request.text()
      seen.push({ body, headers: request.headers, url: request.url })
      return new Response(answerTo(body), { headers: { 'content-type': 'application/json' } })
    },
    OPTIONS,
  )
  const answer = await guarded(
    new Request('http://localhost/mcp?x=1', {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': 'tools/call',
        'mcp-name': 'echo',
        authorization: `Bearer ${key}`,
        traceparent: 'kept',
      },
      body: BODY,
    }),
  )
  assert.deepEqual([answer.status, ((await answer.json()) as JsonObject)['id']], [200, 7])
  assert.deepEqual(
    [seen[0]?.body, seen[0]?.url, seen[0]?.headers.get('authorization'), seen[0]?.headers.get('traceparent')],
    [BODY, 'http://localhost/mcp?x=1', null, 'kept'],
  )
})

test('an Express application behind the guard reads bodies and answers as ever', async () => {
  const app = express()
  app.use(express.json())
  app.post('/mcp', async (request, response) => {
    const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true })
    await aServerV1().connect(transport as Transport)
    response.set('x-powered-by', 'us')
    await transport.handleRequest(request, response, request.body)
  })
  const url = await at(guardNode(house.guard, app, OPTIONS))
  const answer = await echo(url, 'grüße')
  assert.deepEqual([answer.status, answer.headers.get('x-powered-by')], [200, null])
  assert.match(JSON.stringify(answer.body), /grüße/)
})

test('an Express application without that route has failed, however it says so', async () => {
  const url = await at(guardNode(house.guard, express(), OPTIONS))
  assert.equal(codeOf((await echo(url, 'x')).body), 'upstream_failed')
})

test('a Fastify application behind the guard reads bodies and answers as ever', async () => {
  const app = Fastify({ serverFactory: (handler) => createServer(guardNode(house.guard, handler, OPTIONS)) })
  app.post('/mcp', async (request, reply) => {
    const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true })
    await aServerV1().connect(transport as Transport)
    reply.hijack()
    await transport.handleRequest(request.raw, reply.raw, request.body)
  })
  const url = `${await app.listen({ port: 0, host: '127.0.0.1' })}/mcp`
  const [permitted, refused] = [await echo(url, 'grüße'), await post(url, 'tools/call', { name: 'echo', arguments: {} })]
  await app.close()
  assert.match(JSON.stringify(permitted.body), /grüße/)
  assert.deepEqual([permitted.status, refused.status], [200, 401])
})

test('a Hono application behind the guard is a handler like any other', async () => {
  const handler = createMcpHandler(aServer)
  const app = new Hono().all('/mcp', (context) => handler.fetch(context.req.raw))
  const guarded = guardFetch(house.guard, (request) => app.fetch(request), OPTIONS)
  const ask = (name: string): Promise<Response> =>
    guarded(
      new Request('http://localhost/mcp', {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'mcp-protocol-version': '2026-07-28',
          'mcp-method': 'tools/call',
          'mcp-name': name,
          'x-api-key': key,
        },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: { text: 'x' }, _meta: META } }),
      }),
    )
  assert.deepEqual([(await ask('echo')).status, (await ask('write')).status], [200, 400])
})

const FAILURES: Readonly<Record<string, (req: IncomingMessage, res: ServerResponse) => unknown>> = {
  throws: () => {
    throw new Error('the secret is hunter2')
  },
  rejects: () => Promise.reject(new Error('the secret is hunter2')),
  'answers with a page': (_req, res) => res.writeHead(200, { 'content-type': 'text/html' }).end('<h1>hunter2</h1>'),
  'answers 500': (_req, res) => res.writeHead(500).end('hunter2'),
  'answers 401 of its own': (_req, res) => res.writeHead(401, { 'www-authenticate': 'Bearer realm="hunter2"' }).end(),
  'answers somebody else': (_req, res) =>
    res.writeHead(200, { 'content-type': 'application/json' }).end('{"jsonrpc":"2.0","id":"other","result":{"content":"hunter2"}}'),
  'answers what is no JSON-RPC': (_req, res) => res.writeHead(200, { 'content-type': 'application/json' }).end('{"secret":"hunter2"}'),
}
for (const [name, listener] of Object.entries(FAILURES)) {
  test(`a listener that ${name} has failed, and nothing of it leaves`, async () => {
    const url = await at(guardNode(house.guard, listener, OPTIONS))
    const answer = await echo(url, 'x')
    assert.deepEqual([answer.status, codeOf(answer.body)], [502, 'upstream_failed'])
    assert.doesNotMatch(JSON.stringify(answer.body) + JSON.stringify([...answer.headers]), /hunter2/)
    assert.equal((await house.events()).at(-1)?.outcome, 'failed')
  })
}

for (const [name, wrap] of Object.entries(WRAPPERS)) {
  test(`${name}: a body over the limit is refused before the server sees it`, async () => {
    const url = await at(wrap(house.guard, OPTIONS))
    assert.deepEqual((await echo(url, 'x'.repeat(20_000))).status, 413)
    assert.equal((await echo(url, 'x')).status, 200)
  })

  test(`${name}: progress is told as it comes, under the caller's own token`, async () => {
    const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>()
    const make = (): McpServer => {
      const server = new McpServer({ name: 'notes', version: '1' }, { capabilities: { tools: {} } })
      server.registerTool('echo', { inputSchema: z.object({ text: z.string() }) }, async (_args, ctx) => {
        const progressToken = ctx.mcpReq._meta?.progressToken
        if (progressToken !== undefined)
          await ctx.mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress: 1 } })
        await mayEnd
        return { content: [{ type: 'text', text: 'done' }] }
      })
      return server
    }
    const url = await at(wrap(house.guard, OPTIONS, make))
    const body = JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name: 'echo', arguments: { text: 'x' }, _meta: { ...META, progressToken: 'mine' } },
    })
    const text = await new Promise<string>((resolve) => {
      rawCall(url, body, (res) => {
        let told = ''
        res.on('data', (chunk: Buffer) => {
          told += chunk.toString()
          // The first event is read before the tool may end.
          if (told.includes('"mine"')) end()
        })
        res.on('end', () => resolve(told))
      })
    })
    assert.match(text, /"progressToken":"mine"[\s\S]*"text":"done"/)
  })

  test(`${name}: a caller who leaves is a call that is cancelled`, async () => {
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
    const { promise: stopped, resolve: stop } = Promise.withResolvers<void>()
    const make = (): McpServer => {
      const server = new McpServer({ name: 'notes', version: '1' }, { capabilities: { tools: {} } })
      server.registerTool('echo', { inputSchema: z.object({ text: z.string() }) }, async (_args, ctx) => {
        ctx.mcpReq.signal.addEventListener('abort', () => stop())
        begin()
        await stopped
        return { content: [] }
      })
      return server
    }
    const url = await at(wrap(house.guard, OPTIONS, make))
    const req = rawCall(url, BODY, (res) => res.resume())
    req.on('error', () => undefined)
    await begun
    req.destroy()
    await stopped
    while ((await house.events()).at(-1)?.type !== 'call.ended') await new Promise((resolve) => setImmediate(resolve))
    assert.equal((await house.events()).at(-1)?.outcome, 'cancelled')
  })
}

test('guardServer: who subscribes is told, and ends when the guard closes', async () => {
  const server = aServer()
  server.server.registerCapabilities({ tools: { listChanged: true } })
  const served = guardServer(house.guard, server, OPTIONS)
  const url = await at(served.listener)
  const response = await fetch(url, {
    method: 'POST',
    headers: { ...MODERN, 'mcp-method': 'subscriptions/listen', 'x-api-key': key },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 'listen',
      method: 'subscriptions/listen',
      params: { _meta: META, notifications: { toolsListChanged: true } },
    }),
  })
  assert.equal(response.status, 200)
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  let told = (await reader?.read())?.value ?? ''
  assert.match(told, /notifications\/subscriptions\/acknowledged/)
  server.sendToolListChanged()
  while (!told.includes('list_changed')) told += (await reader?.read())?.value ?? ''
  assert.match(told, /"io.modelcontextprotocol\/subscriptionId":"listen"/)
  await served.close()
  while ((await reader?.read())?.done === false);
})

test('guardServer: a tool that does not answer in its time is given up', async () => {
  const quick = aGuard(`servers: { notes: { url: "http://127.0.0.1:1/mcp", timeout: 100ms } }\n${ACCESS}`)
  const server = new McpServer({ name: 'notes', version: '1' }, { capabilities: { tools: {} } })
  server.registerTool('echo', { inputSchema: z.object({ text: z.string() }) }, () => new Promise(() => undefined))
  const url = await at(guardServer(quick.guard, server, OPTIONS).listener)
  const answer = await post(
    url,
    'tools/call',
    { name: 'echo', arguments: { text: 'x' } },
    { 'x-api-key': await quick.key({ roles: ['user'] }) },
  )
  assert.deepEqual([answer.status, codeOf(answer.body)], [504, 'timeout'])
  await quick[Symbol.asyncDispose]()
})

test('guardServer listens where the configuration says, and the guard closes it', async () => {
  const own = aGuard(`listen: 127.0.0.1:0\n${ACCESS}`)
  const url = await guardServer(own.guard, aServer(), OPTIONS).listen()
  assert.equal((await post(url, 'tools/list', {}, { 'x-api-key': await own.key({ roles: ['user'] }) })).status, 200)
  await own[Symbol.asyncDispose]()
  await assert.rejects(fetch(url))
})

test('what the law says changes while the server runs', async () => {
  const url = await at(guardServer(house.guard, aServer(), OPTIONS).listener)
  assert.equal((await echo(url, 'x')).status, 200)
  const [record] = await house.guard.house.keys.list()
  await house.guard.house.keys.revoke(record?.id ?? '')
  assert.equal((await echo(url, 'x')).status, 401)
})

test('a server of SDK v1 is no server for guardServer, for the compiler and for whoever has none', () => {
  const isTaken: McpServerV1 extends SdkServer ? true : false = false
  assert.equal(isTaken, false)
  const old: object = new McpServerV1({ name: 'old', version: '1' })
  assert.throws(() => Reflect.apply(guardServer, undefined, [house.guard, old, OPTIONS]), /SDK v2.*guardNode/)
})

test('a guard ends with its block', async () => {
  const own = aGuard(`listen: 127.0.0.1:0\n${ACCESS}`)
  const open = async (): Promise<string> => {
    await using guard = own.guard
    return await guardServer(guard, aServer(), OPTIONS).listen()
  }
  await assert.rejects(fetch(await open()), TypeError)
})

test('a name that no server can have, and a guard that is none, are mistakes', () => {
  assert.throws(() => guardServer(house.guard, aServer(), { server: 'No/Server' }), RangeError)
  assert.throws(() => guardServer({ ...house.guard }, aServer(), OPTIONS), TypeError)
  assert.throws(() => createGuard('/no/such/file.yaml'), /there is no such file/)
})
