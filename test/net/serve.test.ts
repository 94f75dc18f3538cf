import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type Listener, type ListenLimits, listen, type RequestHandler } from '../../src/net/serve.ts'

const hello: RequestHandler = (req, res) => {
  req.resume()
  req.on('end', () => res.end('hello'))
}

interface Opened extends Listener, AsyncDisposable {}

async function open(handler: RequestHandler = hello, limits: Partial<ListenLimits> = {}): Promise<Opened> {
  const listener = await listen({ port: 0, limits }, handler)
  return { ...listener, [Symbol.asyncDispose]: () => listener.close(0) }
}

async function dial(listener: Listener): Promise<Socket> {
  const socket = connect(listener.port, listener.host)
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return socket
}

/** Everything that comes until the other side closes. */
async function rest(socket: Socket): Promise<string> {
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1')
  })
  if (!socket.closed) await once(socket, 'close')
  return text
}

async function say(listener: Listener, text: string): Promise<string> {
  const socket = await dial(listener)
  socket.write(text)
  return await rest(socket)
}

const GET = 'GET / HTTP/1.1\r\nHost: x\r\n'
const statusOf = (answer: string): string => answer.slice(0, 12)

test('without a host it listens on loopback only, and tells where', async () => {
  await using listener = await open()
  assert.equal(listener.host, '127.0.0.1')
  assert.equal(await (await fetch(listener.url)).text(), 'hello')
})

test('an IPv6 address is bracketed in the URL', async () => {
  const listener = await listen({ host: '::1', port: 0 }, hello)
  assert.equal(listener.url, `http://[::1]:${listener.port}`)
  await listener.close(0)
})

test('a port that is taken is an error', async () => {
  await using listener = await open()
  await assert.rejects(listen({ port: listener.port }, hello), { code: 'EADDRINUSE' })
})

test('what is not HTTP, or HTTP that two readers may read differently, is answered with a bare 400 and closed', async () => {
  await using listener = await open()
  const body = '\r\n\r\n0\r\n\r\n'
  for (const text of [
    'hello\r\n\r\n',
    'GET / HTTP/1.1\r\n\r\n',
    `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked${body}`,
    `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n`,
    `POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity${body}`,
    `POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked${body}`,
    `${GET}A: b\nC: d\r\n\r\n`,
    `${GET} folded: x\r\n\r\n`,
    `${GET}A: \x00\r\n\r\n`,
  ]) {
    const answer = await say(listener, text)
    assert.equal(statusOf(answer), 'HTTP/1.1 400', JSON.stringify(text))
    assert.match(answer, /connection: close/i)
    assert.ok(!answer.includes('hello'))
  }
})

test('headers that are too large or too many are refused with 431, and none is dropped unseen', async () => {
  let seen = 0
  await using listener = await open(
    (req, res) => {
      seen = req.rawHeaders.length / 2
      hello(req, res)
    },
    { maxHeaderBytes: 4_096, maxHeaders: 20 },
  )
  assert.equal(statusOf(await say(listener, `${GET}A: ${'x'.repeat(5_000)}\r\n\r\n`)), 'HTTP/1.1 431')
  assert.equal(statusOf(await say(listener, `${GET}${'A: b\r\n'.repeat(20)}\r\n`)), 'HTTP/1.1 431')
  assert.equal(seen, 0)
  assert.equal(statusOf(await say(listener, `${GET}Connection: close\r\n${'A: b\r\n'.repeat(18)}\r\n`)), 'HTTP/1.1 200')
  assert.equal(seen, 20)
})

test('upgrades and tunnels are refused, and the offer of HTTP/2 in clear text is passed over', async () => {
  await using listener = await open()
  assert.equal(statusOf(await say(listener, `${GET}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`)), 'HTTP/1.1 400')
  assert.equal(statusOf(await say(listener, 'CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n')), 'HTTP/1.1 405')
  const socket = await dial(listener)
  socket.write(`${GET}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n`)
  const [chunk] = await once(socket, 'data')
  assert.equal(statusOf(String(chunk)), 'HTTP/1.1 200')
  socket.destroy()
})

test('a caller that waits to be told goes on, and an expectation that nobody knows is refused', async () => {
  await using listener = await open()
  const socket = await dial(listener)
  socket.write('POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n')
  const [chunk] = await once(socket, 'data')
  assert.equal(statusOf(String(chunk)), 'HTTP/1.1 100')
  socket.write('hi')
  assert.equal(statusOf(await rest(socket)), 'HTTP/1.1 200')
  assert.equal(statusOf(await say(listener, `${GET}Connection: close\r\nExpect: miracles\r\n\r\n`)), 'HTTP/1.1 417')
})

test('headers or a body that do not come in time end in 408', async () => {
  await using listener = await open(hello, { headersTimeoutMs: 60, requestTimeoutMs: 120 })
  assert.equal(statusOf(await say(listener, GET)), 'HTTP/1.1 408')
  assert.equal(statusOf(await say(listener, 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab')), 'HTTP/1.1 408')
})

test('nothing is written into an answer that has begun', async () => {
  await using listener = await open((_req, res) => void res.writeHead(200, { 'content-length': '100' }).write('begun'), {
    requestTimeoutMs: 80,
    headersTimeoutMs: 80,
  })
  const answer = await say(listener, 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab')
  assert.ok(answer.endsWith('begun'), answer)
})

test('one address has its share of the connections, and all together theirs', async () => {
  await using listener = await open(hello, { maxConnectionsPerAddress: 2 })
  const sockets = [await dial(listener), await dial(listener)]
  assert.equal(await rest(await dial(listener)), '')
  const [first] = sockets
  first?.destroy()
  while (listener.connections() > 1) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(statusOf(await say(listener, `${GET}Connection: close\r\n\r\n`)), 'HTTP/1.1 200')
  for (const socket of sockets) socket.destroy()
  assert.deepEqual(listener.dropped(), { perAddress: 1, total: 0 })

  await using small = await open(hello, { maxConnections: 1 })
  const held = await dial(small)
  assert.equal(await rest(await dial(small)), '')
  assert.deepEqual(small.dropped(), { perAddress: 0, total: 1 })
  held.destroy()
})

test('closing lets finish what is under way, tells it to close, and accepts nobody new', async () => {
  const { promise: begun, resolve: begin } = Promise.withResolvers<() => void>()
  const listener = await listen({ port: 0 }, (req, res) => {
    req.resume()
    begin(() => void res.end('done'))
  })
  const idle = await dial(listener)
  const socket = await dial(listener)
  socket.write(`${GET}\r\n`)
  const finish = await begun
  const closed = listener.close(5_000)
  await once(idle, 'close')
  await assert.rejects(fetch(listener.url))
  finish()
  const answer = await rest(socket)
  assert.match(answer, /^HTTP\/1.1 200[\s\S]*connection: close[\s\S]*done/i)
  await closed
})

test('a stream that has begun is not cut before its time, and its connection closes after it', async () => {
  const { promise: begun, resolve: begin } = Promise.withResolvers<() => void>()
  const listener = await listen({ port: 0 }, (req, res) => {
    req.resume()
    res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n', () => begin(() => void res.end('data: 2\n\n')))
  })
  const socket = await dial(listener)
  socket.write(`${GET}\r\n`)
  const finish = await begun
  const closed = listener.close(5_000)
  finish()
  assert.match(await rest(socket), /data: 1[\s\S]*data: 2/)
  await closed
})

/** What a client is told by the end of its connection: nothing where it was orderly. */
function endOf(socket: Socket): readonly string[] {
  const errors: string[] = []
  socket.on('error', ({ message }) => errors.push(message))
  return errors
}

test('what was on its way when a listener closes is read and answered, also by who was not accepted yet, and nobody is reset', async () => {
  const listener = await open()
  const kept = await dial(listener)
  kept.write(`${GET}\r\n`)
  await once(kept, 'data')
  const fresh = Array.from({ length: 20 }, () => connect(listener.port, listener.host).on('error', () => undefined))
  const sockets = [kept, ...fresh]
  const errors = sockets.map(endOf)
  for (const socket of sockets) socket.write(`${GET}\r\n`)
  const [answers] = await Promise.all([Promise.all(sockets.map(rest)), listener.close(5_000)])
  for (const answer of answers) assert.match(answer, /^HTTP\/1.1 200[\s\S]*connection: close[\s\S]*hello/i)
  assert.deepEqual(errors.flat(), [])
  await assert.rejects(dial(listener), { code: 'ECONNREFUSED' })
})

test('a listener that retires goes on answering, old connections and new ones, and tells each that it is the last answer', async () => {
  const listener = await open()
  // Nobody is connected: there is nothing to wait for.
  await listener.retire(60_000)
  const [kept, idle] = [await dial(listener), await dial(listener)]
  const retired = listener.retire(60_000)
  kept.write(`${GET}\r\n`)
  const fresh = await dial(listener)
  fresh.write(`${GET}\r\n`)
  for (const socket of [kept, fresh]) assert.match(await rest(socket), /^HTTP\/1.1 200[\s\S]*connection: close[\s\S]*hello/i)
  const errors = endOf(idle)
  await Promise.all([once(idle, 'close'), listener.close(5_000), retired])
  assert.deepEqual(errors, [])
})

test('a listener that has retired accepts nobody, and still answers who is connected', async () => {
  await using listener = await open((req, res) => {
    req.resume()
    req.on('end', () => res.end(String(listener.connections())))
  })
  const [one, other] = [await dial(listener), await dial(listener)]
  await listener.retire(1)
  await assert.rejects(dial(listener), { code: 'ECONNREFUSED' })
  for (const socket of [one, other]) socket.write(`${GET}\r\n`)
  for (const answer of await Promise.all([one, other].map(rest))) assert.match(answer, /^HTTP\/1.1 200[\s\S]*connection: close/i)
})

test('what does not finish within the grace is cut', async () => {
  const listener = await listen({ port: 0 }, (_req, res) => void res.writeHead(200).write('x'))
  const socket = await dial(listener)
  socket.write(`${GET}\r\n`)
  await once(socket, 'data')
  await listener.close(20)
  assert.equal(listener.connections(), 0)
  await listener.close(0)
})

test('a connection that waits for its next request keeps nothing of the last one', async () => {
  const answers: WeakRef<object>[] = []
  await using listener = await open((req, res) => {
    answers.push(new WeakRef(res))
    hello(req, res)
  })
  const socket = await dial(listener)
  const ask = async (): Promise<void> => {
    socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
    await once(socket, 'data')
  }
  await ask()
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  // What a turn has looked at through a WeakRef lives until its end.
  for (let turn = 0; turn < 100 && answers[0]?.deref() !== undefined; turn++) {
    await nextTurn()
    collect()
  }
  assert.equal(answers[0]?.deref(), undefined)
  assert.equal(listener.connections(), 1)
  await ask()
  assert.equal(answers.length, 2)
})
