import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { createServer } from 'node:net'
import { describe, test } from 'node:test'
import { Denial } from '../../src/core/denial.ts'
import { ALICE, all, bare, CALLER_SECRET, idOf, json, legacy, modern, refusal, sse, upstreamAt } from './http-upstreams.ts'

const RESULT = { resultType: 'complete', content: [] }
const call = (id: string | number = 1) => modern({ method: 'tools/call', id, params: { name: 't', arguments: {} } })
const event = (body: unknown): string => `data: ${JSON.stringify(body)}\n\n`
const response = (id: unknown, result: unknown = RESULT): unknown => ({ jsonrpc: '2.0', id, result })
const NOTE = { jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'x' } }

/** How the call ends when an upstream answers like this. */
async function ends(answer: (res: ServerResponse, id: unknown) => void, spec = {}): Promise<string> {
  await using server = await bare((told, res) => answer(res, idOf(told)))
  await using upstream = upstreamAt(server.url, spec)
  return await refusal(() => upstream.forward(call(), ALICE))
}

describe('an answer that is not one response to our request fails the call', () => {
  const HOSTILE: Readonly<Record<string, (res: ServerResponse, id: unknown) => void>> = {
    'the id of another request': (res) => json(res, 200, response(2)),
    'our id as a string': (res, id) => json(res, 200, response(String(id))),
    'a result without an id': (res) => json(res, 200, { jsonrpc: '2.0', result: RESULT }),
    'a batch': (res, id) => json(res, 200, [response(id)]),
    'a request': (res, id) => json(res, 200, { jsonrpc: '2.0', id, method: 'ping' }),
    'a notification': (res) => json(res, 200, NOTE),
    'result and error at once': (res, id) => json(res, 200, { jsonrpc: '2.0', id, result: {}, error: { code: 1, message: 'x' } }),
    'another version of JSON-RPC': (res, id) => json(res, 200, { jsonrpc: '1.0', id, result: RESULT }),
    'a result that is no object': (res, id) => json(res, 200, response(id, 'text')),
    'an error without a code': (res, id) => json(res, 200, { jsonrpc: '2.0', id, error: { message: 'x' } }),
    'a key twice': (res) =>
      void res.writeHead(200, { 'content-type': 'application/json' }).end('{"jsonrpc":"2.0","id":1,"result":{"a":1,"\\u0061":2}}'),
    'invalid UTF-8': (res) =>
      void res
        .writeHead(200, { 'content-type': 'application/json' })
        .end(Buffer.from('{"jsonrpc":"2.0","id":1,"result":{"a":"\xff"}}', 'latin1')),
    'a byte order mark': (res, id) =>
      void res.writeHead(200, { 'content-type': 'application/json' }).end(`\ufeff${JSON.stringify(response(id))}`),
    'half of a JSON object': (res) => void res.writeHead(200, { 'content-type': 'application/json' }).end('{"jsonrpc":"2.0",'),
    nothing: (res) => void res.writeHead(200, { 'content-type': 'application/json' }).end(),
    text: (res) => void res.writeHead(200, { 'content-type': 'text/plain' }).end('hello'),
    'HTML with the name of JSON in it': (res, id) =>
      void res.writeHead(200, { 'content-type': 'text/html; x=application/json' }).end(JSON.stringify(response(id))),
    'no media type': (res, id) => void res.writeHead(200).end(JSON.stringify(response(id))),
    'an acknowledgement': (res) => void res.writeHead(202).end(),
    'no content': (res) => void res.writeHead(204).end(),
    'a redirect': (res) => void res.writeHead(302, { location: '/mcp' }).end(),
    'a permanent redirect with a body': (res, id) => json(res, 308, response(id), { location: '/mcp' }),
    'compressed bytes': (res, id) => json(res, 200, response(id), { 'content-encoding': 'gzip' }),
    'an error page': (res) => void res.writeHead(503, { 'content-type': 'text/html' }).end('<h1>'),
    'a stream without the response': (res) => void sse(res).end(event(NOTE)),
    'a stream with the response of another request': (res) => void sse(res).end(event(response(9))),
    'a stream of text': (res) => void sse(res).end('data: hello\n\n'),
    'a stream of invalid UTF-8': (res) => void sse(res).end(Buffer.from('data: {"a":"\xff"}\n\n', 'latin1')),
    'a body that breaks off': (res) => {
      res.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' })
      res.write('{"jsonrpc"', () => res.destroy())
    },
    'a stream that breaks off': (res) => void sse(res).write(event(NOTE), () => res.destroy()),
    'a connection that is closed': (res) => void res.socket?.destroy(),
    'bytes that are not HTTP': (res) => void res.socket?.end('hello\r\n\r\n'),
    'a stream that pretends to be resumable': (res) => void sse(res).end(`id: 1\n${event(NOTE)}`),
  }
  for (const [name, answer] of Object.entries(HOSTILE)) test(name, async () => assert.equal(await ends(answer), 'upstream_failed'))
})

test('a refusal of the gateway’s credential stays between the gateway and the upstream', async () => {
  for (const status of [401, 403]) {
    await using server = await bare((told, res) =>
      json(
        res,
        status,
        { jsonrpc: '2.0', id: idOf(told), error: { code: -32001, message: CALLER_SECRET } },
        { 'www-authenticate': `Bearer realm="${CALLER_SECRET}"` },
      ),
    )
    await using upstream = upstreamAt(server.url)
    await assert.rejects(all(upstream.forward(call(), ALICE)), (error) => {
      assert.ok(error instanceof Denial)
      assert.equal(error.code, 'upstream_failed')
      assert.deepEqual(error.remedies, [])
      return !JSON.stringify([error.message, error.detail]).includes(CALLER_SECRET)
    })
  }
})

describe('a server that asks for time has not failed', () => {
  const IN_TWO_MINUTES = new Date(Math.floor(Date.now() / 1_000) * 1_000 + 120_000)
  for (const [name, status, said, seconds] of [
    ['too many requests', 429, '77', 77],
    ['away for a while', 503, '120', 120],
    ['until an instant', 503, IN_TWO_MINUTES.toUTCString(), 120],
    ['for a year, which is not believed', 503, '31536000', 3_600],
  ] as const)
    test(name, async () => {
      await using server = await bare((told, res) =>
        json(res, status, { jsonrpc: '2.0', id: idOf(told), error: { code: 1, message: CALLER_SECRET } }, { 'retry-after': said }),
      )
      await using upstream = upstreamAt(server.url)
      await assert.rejects(all(upstream.forward(call(), ALICE)), (error) => {
        assert.ok(error instanceof Denial)
        const [remedy] = error.remedies
        const asked = remedy?.kind === 'wait' ? Math.ceil(remedy.ms / 1_000) : 0
        // An instant comes nearer while it is told.
        assert.ok(asked <= seconds && asked > seconds - 30, String(asked))
        assert.equal(error.code, 'unavailable')
        return error.detail.includes(`it answered ${status}, and asks to be left alone for ${asked} s`)
      })
    })

  test('but not where it does not say how long', async () => {
    for (const headers of [{}, { 'retry-after': 'soon' }])
      assert.equal(await ends((res) => void res.writeHead(503, { ...headers, 'content-type': 'text/html' }).end('<h1>')), 'upstream_failed')
  })
})

test('of two responses on a stream only the first is told', async () => {
  await using server = await bare(
    (told, res) =>
      void sse(res).end(event(response(idOf(told), { first: true })) + event(response(idOf(told), { first: false })) + event(NOTE)),
  )
  await using upstream = upstreamAt(server.url)
  const told = await all(upstream.forward(call(), ALICE))
  assert.deepEqual(
    told.map(({ body }) => body.result),
    [{ first: true }],
  )
  assert.equal(upstream.events[0]?.type, 'upstream.noise')
})

test('requests of a modern upstream are dropped and noted', async () => {
  await using server = await bare(
    (told, res) => void sse(res).end(event({ jsonrpc: '2.0', id: 1, method: 'sampling/createMessage' }) + event(response(idOf(told)))),
  )
  await using upstream = upstreamAt(server.url)
  assert.equal((await all(upstream.forward(call(), ALICE))).length, 1)
  assert.equal(upstream.events.length, 1)
})

test('a stream that stays open after its response does not hold the call', async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  await using server = await bare((told, res, req) => {
    req.socket.on('close', () => resolve())
    sse(res).write(event(response(idOf(told))))
  })
  await using upstream = upstreamAt(server.url)
  assert.equal((await all(upstream.forward(call(), ALICE))).length, 1)
  await promise
})

test('a stream split at every byte says the same', async () => {
  const text = `: comment\r\n\r\nevent: message\r\ndata: ${JSON.stringify({ ...NOTE, params: { data: 'é€𝄞' } })}\r\n\r\n`
  await using server = await bare((told, res) => {
    const bytes = Buffer.from(text + event(response(idOf(told))))
    sse(res)
    const send = (at: number): void => {
      if (at === bytes.length) res.end()
      else res.write(bytes.subarray(at, at + 1), () => setImmediate(send, at + 1))
    }
    send(0)
  })
  await using upstream = upstreamAt(server.url)
  const told = await all(upstream.forward(call(), ALICE))
  assert.deepEqual(
    told.map(({ body }) => body.params?.['data'] ?? 'response'),
    ['é€𝄞', 'response'],
  )
})

test('a body or an event over the cap fails the call before it has been read', async () => {
  // Good but for its size, so that nothing else fails it.
  const flood = (res: ServerResponse, last: string): void => {
    const chunk = Buffer.alloc(1024 * 1024, 0x20)
    let sent = 0
    const more = (): void => {
      while (!res.destroyed && sent < 50) {
        sent++
        if (!res.write(chunk)) return void res.once('drain', more)
      }
      res.end(last)
    }
    more()
  }
  const before = process.memoryUsage().rss
  assert.equal(
    await ends((res, id) => flood(res.writeHead(200, { 'content-type': 'application/json' }), JSON.stringify(response(id)))),
    'upstream_failed',
  )
  assert.equal(await ends((res, id) => flood(sse(res), `\n\n${event(response(id))}`)), 'upstream_failed')
  assert.ok(process.memoryUsage().rss - before < 200 * 1024 * 1024)
})

test('many small events together are also bound by the cap', async () => {
  const answer = (res: ServerResponse, id: unknown): void => void sse(res).end(event(NOTE).repeat(200) + event(response(id)))
  assert.equal(await ends(answer, { maxResponseBytes: 4_096 }), 'upstream_failed')
})

test('an upstream that never answers, or not with a body, runs out of time', async () => {
  assert.equal(await ends(() => undefined, { timeoutMs: 40 }), 'timeout')
  assert.equal(
    await ends((res) => void res.writeHead(200, { 'content-type': 'application/json' }).write('{'), { timeoutMs: 40 }),
    'timeout',
  )
})

test('time runs also while a call waits for a connection', async () => {
  await using server = await bare(() => undefined)
  await using upstream = upstreamAt(server.url, { timeoutMs: 60, connections: 1 })
  const codes = await Promise.all([1, 2, 3].map(() => refusal(() => upstream.forward(call(), ALICE))))
  assert.deepEqual(codes, ['timeout', 'timeout', 'timeout'])
})

test('progress prolongs a call, but not beyond the hard maximum', async () => {
  await using server = await bare((_told, res) => {
    sse(res)
    const timer = setInterval(() => res.write(event(NOTE)), 30)
    res.on('close', () => clearInterval(timer))
  })
  // Time goes on with what is told alone: 60 ms each.
  let now = Date.now()
  await using upstream = upstreamAt(server.url, { timeoutMs: 100, maxTimeoutMs: 300 }, () => now)
  let told = 0
  await assert.rejects(
    async () => {
      for await (const _message of upstream.forward(call(), ALICE)) {
        now += 60
        if (++told > 50) return
      }
    },
    { code: 'timeout' },
  )
  assert.ok(told >= 5, String(told))
})

test('a refused connection fails the call and says why to the operator only', async () => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  await using upstream = upstreamAt(`http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/`)
  await assert.rejects(
    all(upstream.forward(call(), ALICE)),
    (error) =>
      error instanceof Denial &&
      error.code === 'upstream_failed' &&
      error.detail.includes('ECONNREFUSED') &&
      !error.message.includes('ECONNREFUSED'),
  )
})

test('a slow reader holds back the upstream and loses nothing', async () => {
  const count = 2_000
  await using server = await bare((told, res) => {
    sse(res)
    for (let at = 0; at < count; at++) res.write(event({ ...NOTE, params: { at, pad: 'x'.repeat(1_000) } }))
    res.end(event(response(idOf(told))))
  })
  await using upstream = upstreamAt(server.url)
  const seen: unknown[] = []
  for await (const { body } of upstream.forward(call(), ALICE)) {
    seen.push(body.params?.['at'] ?? 'response')
    if (seen.length % 100 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  assert.deepEqual(seen, [...Array.from({ length: count }, (_, at) => at), 'response'])
})

test('an interim response is passed over', async () => {
  await using server = await bare((told, res) => {
    res.writeProcessing()
    res.writeEarlyHints({ link: '</x>; rel=preload' })
    json(res, 200, response(idOf(told)))
  })
  await using upstream = upstreamAt(server.url)
  assert.equal((await all(upstream.forward(call(), ALICE))).length, 1)
})

test('a subscription that the upstream refuses in-band is answered, and bounded', async () => {
  await using server = await bare((told, res) =>
    json(res, 200, { jsonrpc: '2.0', id: idOf(told), error: { code: -32603, message: 'Subscription limit reached' } }),
  )
  await using upstream = upstreamAt(server.url)
  const [answer] = await all(upstream.forward(modern({ method: 'subscriptions/listen' }), ALICE))
  assert.equal(answer?.body.error?.code, -32603)
  assert.equal(await ends((res) => json(res, 200, 'x'.repeat(10_000)), { maxResponseBytes: 4_096 }), 'upstream_failed')
})

test('closing the upstream ends what is under way', async () => {
  await using server = await bare(() => void upstream.close())
  const upstream = upstreamAt(server.url)
  assert.equal(await refusal(() => upstream.forward(call(), ALICE)), 'upstream_failed')
  assert.equal(await refusal(() => upstream.forward(call(), ALICE)), 'upstream_failed')
})

test('while an older upstream waits for its own question to be answered, only the hard maximum counts', async () => {
  const ask = { jsonrpc: '2.0', id: 's1', method: 'elicitation/create', params: {} }
  await using server = await bare((told, res) => {
    sse(res).write(event(ask))
    setTimeout(() => res.end(event(response(idOf(told)))), 150)
  })
  await using upstream = upstreamAt(server.url, { timeoutMs: 50 })
  const told = await all(upstream.forward(legacy({ method: 'tools/call', params: { name: 't' } }), ALICE))
  assert.deepEqual(
    told.map(({ body }) => body.id),
    ['s1', 1],
  )
})
