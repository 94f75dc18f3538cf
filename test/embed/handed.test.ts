/** What a handler of the Web's kind is handed, and what is taken from whoever asks: bodies without a trustworthy length, callers who leave, answers without end. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { createMcpHandler } from '@modelcontextprotocol/server'
import type { AuditEvent } from '../../src/core/event.ts'
import { isObject, type JsonObject, type JsonValue } from '../../src/core/json.ts'
import { guardFetch } from '../../src/embed/fetch.ts'
import type { FetchHandler, McpHandler } from '../../src/embed/handed.ts'
import { guardNode } from '../../src/embed/node.ts'
import { META, post } from '../fixtures/gateway.ts'
import { ACCESS, aGuard, aServer, listening, type RunningGuard } from './world.ts'

const OPTIONS = { server: 'notes' }
const MAX_BYTES = 16 * 1024
const LIMITS = 'limits: { request: { maxBytes: 16KiB }, response: { maxBytes: 64KiB } }'
const BODY = `{"jsonrpc":"2.0","id":7,  "method":"tools/call","params":{"arguments":{"text":"grüße"},"name":"echo","_meta":${JSON.stringify(META)}}}`
const ANSWER = { jsonrpc: '2.0', id: 7, result: { content: [], resultType: 'complete' } }

let house: RunningGuard
let key: string

beforeEach(async () => {
  house = aGuard(`inspect: { input: off, definitions: { pin: false } }\n${LIMITS}\n${ACCESS}`)
  key = await house.key({ roles: ['user'] })
})
afterEach(() => house[Symbol.asyncDispose]())

function asking(init: RequestInit = {}, headers: Readonly<Record<string, string>> = {}): Request {
  const said = {
    'content-type': 'application/json',
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'tools/call',
    'mcp-name': 'echo',
    'x-api-key': key,
    ...headers,
  }
  return new Request('http://localhost/mcp', { method: 'POST', headers: said, body: BODY, ...init })
}

/** The guard around a handler that looks at its request and answers well. */
function looking(look: (request: Request) => unknown): (request: Request) => Promise<Response> {
  const handler: FetchHandler = async (request) => {
    await look(request)
    return Response.json(ANSWER)
  }
  return guardFetch(house.guard, handler, OPTIONS)
}

async function codeOf(answer: Response): Promise<JsonValue | undefined> {
  const { error } = (await answer.json()) as JsonObject
  return isObject(error) && isObject(error['data']) ? error['data']['code'] : undefined
}

interface Source {
  readonly stream: ReadableStream<unknown>
  /** How many chunks have been asked for. */
  readonly pulled: () => number
  readonly cancelled: Promise<void>
}

function aSource(chunk: (index: number) => unknown): Source {
  const { promise: cancelled, resolve } = Promise.withResolvers<void>()
  let pulled = 0
  const stream = new ReadableStream<unknown>(
    { pull: (controller) => controller.enqueue(chunk(pulled++)), cancel: () => resolve() },
    { highWaterMark: 0 },
  )
  return { stream, pulled: () => pulled, cancelled }
}

const streamed = (stream: ReadableStream<unknown>): RequestInit => ({ body: stream as ReadableStream<Uint8Array>, duplex: 'half' })

test('a handler reads its request in whichever way it likes', async () => {
  const ways: Readonly<Record<string, (request: Request) => Promise<string>>> = {
    text: (request) => request.text(),
    json: async (request) => JSON.stringify(await request.json()),
    bytes: async (request) => Buffer.from(await request.bytes()).toString(),
    buffer: async (request) => Buffer.from(await request.arrayBuffer()).toString(),
    blob: async (request) => (await request.blob()).text(),
    stream: (request) => new Response(request.body).text(),
    clone: async (request) => {
      const copy = request.clone()
      assert.equal(await copy.text(), BODY)
      return request.text()
    },
    'made another': (request) => new Request(request, { headers: { 'x-more': '1' } }).text(),
  }
  for (const [name, way] of Object.entries(ways)) {
    let read: unknown
    const guarded = looking(async (request) => {
      assert.ok(request instanceof Request)
      read = JSON.parse(await way(request))
    })
    assert.deepEqual([name, (await guarded(asking())).status], [name, 200])
    assert.deepEqual(read, JSON.parse(BODY))
  }
})

test('a body is read once, as of any Request, and what is no form is none', async () => {
  const guarded = looking(async (request) => {
    await assert.rejects(request.clone().formData(), TypeError)
    assert.equal(request.bodyUsed, false)
    await request.text()
    assert.equal(request.bodyUsed, true)
    await assert.rejects(request.text(), TypeError)
    assert.throws(() => request.clone(), TypeError)
  })
  assert.equal((await guarded(asking())).status, 200)
})

test('a body in pieces, with empty ones between them, is the body', async () => {
  const bytes = Buffer.from(BODY)
  const pieces = [new Uint8Array(0), bytes.subarray(0, 80), new Uint8Array(0), bytes.subarray(80)]
  let read = ''
  const guarded = looking(async (request) => {
    read = await request.text()
  })
  assert.equal((await guarded(asking(streamed(ReadableStream.from(pieces))))).status, 200)
  assert.equal(read, BODY)
})

test('a body that is longer than it says is given up at the limit, and its source is stopped', async () => {
  const source = aSource(() => new Uint8Array(1024).fill(0x20))
  const guarded = looking(() => assert.fail('it was handed on'))
  const answer = await guarded(asking(streamed(source.stream), { 'content-length': '10' }))
  assert.deepEqual([answer.status, await codeOf(answer)], [413, 'too_large'])
  await source.cancelled
  assert.equal(source.pulled(), MAX_BYTES / 1024 + 1)
})

test('a body that says it is too long is not read at all', async () => {
  const source = aSource(() => new Uint8Array(1))
  const answer = await looking(() => assert.fail('it was handed on'))(
    asking(streamed(source.stream), { 'content-length': String(MAX_BYTES + 1) }),
  )
  assert.deepEqual([answer.status, await codeOf(answer), source.pulled()], [413, 'too_large', 0])
})

const BROKEN: Readonly<Record<string, () => RequestInit>> = {
  'that is not made of bytes': () => streamed(aSource(() => ({ byteLength: 0, length: 0 })).stream),
  'that ends in an error': () =>
    streamed(
      aSource((index) => {
        if (index > 0) throw new Error('the connection was lost')
        return Buffer.from(BODY)
      }).stream,
    ),
}
for (const [name, init] of Object.entries(BROKEN)) {
  test(`a body ${name} has not arrived`, async () => {
    const answer = await looking(() => assert.fail('it was handed on'))(asking(init()))
    assert.deepEqual([answer.status, await codeOf(answer)], [408, 'slow_request'])
  })
}

const TAKEN: Readonly<Record<string, (request: Request) => unknown>> = {
  'that somebody reads already': (request) => request.body?.getReader(),
  'that somebody has read': (request) => request.text(),
}
for (const [name, take] of Object.entries(TAKEN)) {
  test(`a body ${name} is a mistake of this server, which its author is told`, async () => {
    const request = asking()
    await take(request)
    const answer = await looking(() => assert.fail('it was handed on'))(request)
    assert.deepEqual([answer.status, await codeOf(answer)], [503, 'unavailable'])
    assert.match(house.faults.map(({ message }) => message).join(), /was read before the guard could: put the guard in front of/)
    assert.match((await house.events()).at(-1)?.detail ?? '', /was read before the guard could/)
  })
}

test('a request without a body is refused as one that is no JSON', async () => {
  const answer = await looking(() => assert.fail('it was handed on'))(asking({ body: null }))
  assert.deepEqual([answer.status, await codeOf(answer)], [400, 'unparseable'])
})

test('who leaves is told to the handler by its own signal, and to what it made of the request', async () => {
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
  const { promise: told, resolve: tell } = Promise.withResolvers<readonly boolean[]>()
  const guarded = looking(async (request) => {
    const others = [request.clone(), new Request(request)].map(({ signal }) => signal)
    const stopped = new Promise((resolve) => request.signal.addEventListener('abort', resolve))
    begin()
    await stopped
    tell([request.signal, ...others].map(({ aborted }) => aborted))
  })
  const caller = new AbortController()
  guarded(asking({ signal: caller.signal })).catch(() => undefined)
  await begun
  caller.abort()
  assert.deepEqual(await told, [true, true, true])
})

/** The only call that there was. */
async function ended(): Promise<AuditEvent | undefined> {
  const events = (): Promise<readonly AuditEvent[]> => house.events().then((all) => all.filter(({ type }) => type === 'call.ended'))
  while ((await events()).length === 0) await new Promise((resolve) => setImmediate(resolve))
  const [first, ...more] = await events()
  assert.deepEqual(more, [])
  return first
}

test('who leaves while the handler works is answered at once, and the call is written down as cancelled', async () => {
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
  const { promise: never } = Promise.withResolvers<void>()
  const guarded = looking(() => {
    begin()
    return never
  })
  const caller = new AbortController()
  const answer = guarded(asking({ signal: caller.signal }))
  await begun
  caller.abort()
  const { status, body } = await answer
  assert.deepEqual([status, body], [499, null])
  assert.equal((await ended())?.outcome, 'cancelled')
})

test('who leaves while a stream is read does not wait for its end', async () => {
  const event = `data: ${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 't', progress: 1 } })}\n\n`
  const endless: FetchHandler = () => {
    const body = new ReadableStream<Uint8Array>({ start: (controller) => controller.enqueue(Buffer.from(event)) })
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
  }
  const caller = new AbortController()
  const answer = await guardFetch(house.guard, endless, OPTIONS)(asking({ signal: caller.signal }))
  const reader = answer.body?.getReader()
  assert.equal((await reader?.read())?.done, false)
  const rest = reader?.read()
  caller.abort(new Error('the caller has gone'))
  await assert.rejects(Promise.resolve(rest), /the caller has gone/)
  assert.equal((await ended())?.outcome, 'cancelled')
})

test('what is asked by somebody who has gone already is not done', async () => {
  const guarded = looking(() => assert.fail('it was handed on'))
  assert.equal((await guarded(asking({ signal: AbortSignal.abort() }))).status, 499)
  assert.equal((await ended())?.outcome, 'cancelled')
})

test('nor in a session of an older revision, where going away cancels nothing that was asked before', async () => {
  const { handler, asked } = aHandler()
  const guarded = guardFetch(house.guard, handler, OPTIONS)
  const say = (message: JsonObject, session: string | null, signal?: AbortSignal): Promise<Response> =>
    guarded(
      new Request('http://localhost/mcp', {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          'x-api-key': key,
          ...(session === null ? {} : { 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' }),
        },
        body: JSON.stringify({ jsonrpc: '2.0', ...message }),
        ...(signal === undefined ? {} : { signal }),
      }),
    )
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } }
  const session = (await say({ id: 1, method: 'initialize', params }, null)).headers.get('mcp-session-id')
  assert.ok(session !== null)
  const call = { id: 2, method: 'tools/call', params: { name: 'echo', arguments: { text: 'x' } } }
  assert.equal((await say(call, session)).status, 200)
  const before = asked.length
  assert.equal((await say(call, session, AbortSignal.abort())).status, 499)
  const outcomes = async (): Promise<readonly unknown[]> =>
    (await house.events()).filter(({ type, method }) => type === 'call.ended' && method === 'tools/call').map(({ outcome }) => outcome)
  while ((await outcomes()).length < 2) await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual([asked.length, await outcomes()], [before, ['permitted', 'cancelled']])
})

for (const type of ['application/json', 'text/event-stream']) {
  test(`an answer without end of ${type} is cut off at the limit, and its source is stopped`, async () => {
    const source = aSource(() => new Uint8Array(1024).fill(0x20))
    const guarded = guardFetch(
      house.guard,
      () => new Response(source.stream as ReadableStream<Uint8Array>, { headers: { 'content-type': type } }),
      OPTIONS,
    )
    const answer = await guarded(asking())
    assert.deepEqual([answer.status, await codeOf(answer)], [502, 'upstream_failed'])
    await source.cancelled
    assert.ok(source.pulled() <= 66, `${source.pulled()} chunks were read`)
  })
}

/** What the SDK makes, and what it was asked. */
function aHandler(): { readonly handler: McpHandler; readonly asked: { request: Request; parsedBody: unknown }[] } {
  const made = createMcpHandler(aServer)
  const asked: { request: Request; parsedBody: unknown }[] = []
  const fetch: McpHandler['fetch'] = (request, options = {}) => {
    asked.push({ request, parsedBody: options.parsedBody })
    return made.fetch(request, options)
  }
  return { handler: { ...made, fetch }, asked }
}

test('what the SDK makes is handed the message as the law has read it, and no credential', async () => {
  const { handler, asked } = aHandler()
  const answer = await guardFetch(house.guard, handler, OPTIONS)(asking({}, { traceparent: 'kept' }))
  const { result } = (await answer.json()) as JsonObject
  assert.deepEqual(isObject(result) && result['content'], [{ type: 'text', text: 'grüße' }])
  const [first] = asked
  assert.deepEqual(first?.parsedBody, JSON.parse(BODY))
  const { headers, url, method, body } = first?.request ?? new Request('http://nobody')
  assert.deepEqual([url, method, body], ['http://localhost/mcp', 'POST', null])
  assert.deepEqual([headers.get('x-api-key'), headers.get('traceparent'), headers.get('mcp-name')], [null, 'kept', 'echo'])
})

test('what the SDK makes and changes in the message is its own', async () => {
  const { handler } = aHandler()
  const { fetch } = handler
  const changing: McpHandler = {
    ...handler,
    fetch: async (request, options) => {
      const answer = await fetch(request, options)
      const message = options?.parsedBody
      if (typeof message === 'object' && message !== null) Object.assign(message, { id: 8, method: 'ping', params: {} })
      return answer
    },
  }
  const answer = await guardFetch(house.guard, changing, OPTIONS)(asking())
  assert.deepEqual([answer.status, ((await answer.json()) as JsonObject)['id']], [200, 7])
  const ended = (await house.events()).findLast(({ type }) => type === 'call.ended')
  assert.deepEqual([ended?.method, ended?.outcome], ['tools/call', 'permitted'])
})

test('guardNode asks what the SDK makes without an adapter, with the headers that are not for us', async () => {
  const { handler, asked } = aHandler()
  await using place = await listening(guardNode(house.guard, handler, OPTIONS))
  const sent = { 'x-api-key': key, cookie: 'a=1; b=2', 'x-many': 'one, two' }
  const answer = await post(place.url, 'tools/call', { name: 'echo', arguments: { text: 'x' } }, sent)
  assert.equal(answer.status, 200)
  const headers = asked[0]?.request.headers
  assert.deepEqual(
    ['x-api-key', 'cookie', 'x-many', 'host'].map((name) => headers?.get(name)),
    [null, 'a=1; b=2', 'one, two', new URL(place.url).host],
  )
})

test('an object that is not known to take what is parsed is a mistake: it would be asked without a body', () => {
  const app = { fetch: () => Promise.resolve(Response.json(ANSWER)) }
  const guess = app as unknown as McpHandler
  assert.throws(() => guardFetch(house.guard, guess, OPTIONS), TypeError)
  assert.throws(() => guardNode(house.guard, guess, OPTIONS), TypeError)
})
