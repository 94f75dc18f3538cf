import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { createServer as createTcpServer } from 'node:net'
import { test } from 'node:test'
import { createGuardedFetch, type FetchOptions, type Resolve } from '../../src/net/fetch.ts'
import { certify } from './certificate.ts'

interface Canary extends AsyncDisposable {
  readonly port: number
  readonly url: string
  /** Connections, whatever was said on them. */
  readonly hits: () => number
}

async function canary(answer: RequestListener = (_req, res) => res.end('{"secret":"internal"}'), host = '127.0.0.1'): Promise<Canary> {
  let hits = 0
  const server = createServer(answer)
  server.on('connection', () => hits++)
  server.listen(0, host)
  await once(server, 'listening')
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  return {
    port: address.port,
    url: `http://${host}:${address.port}`,
    hits: () => hits,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

/** One that is closed with the block. */
function guarded(options: FetchOptions = {}) {
  const fetch = createGuardedFetch(options)
  return { ...fetch, [Symbol.asyncDispose]: () => fetch.close() }
}

const REFUSED = { name: 'Fault', code: 'FAULT_FETCH_REFUSED' }
const FAILED = { name: 'Fault', code: 'FAULT_FETCH' }

/** All of them are this machine to somebody. */
const SPELLINGS = [
  ...['127.0.0.1', '127.1', '127.0.1', '2130706433', '0x7f000001', '0x7f.1', '0x7f.0.0.1', '017700000001', '0177.0.0.1', '127.0.0.1.'],
  ...['localhost', 'LOCALHOST', 'localhost.', 'x.localhost', '0', '0.0.0.0', '127.127.127.127', '[::1]', '[::]', '[0:0:0:0:0:0:0:1]'],
  ...['[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[::127.0.0.1]', '[64:ff9b::127.0.0.1]', '[64:ff9b::7f00:1]', '[2002:7f00:1::]'],
  ...['１２７.０.０.１', '127。0。0。1', '①②⑦.0.0.1', 'ⓛocalhost', '%31%32%37.0.0.1'],
]
const ELSEWHERE = [
  '169.254.169.254',
  '0xa9fea9fe',
  '[fe80::1]',
  '[fd00:ec2::254]',
  '10.0.0.1',
  '192.168.0.1',
  '100.64.0.1',
  '224.0.0.1',
  '[ff02::1]',
]

test('no spelling of a loopback address is dialled, over https or http', async () => {
  await using four = await canary()
  await using six = await canary(undefined, '::1').catch(() => canary())
  await using net = guarded({ resolve: (name, done) => done(null, [{ address: name.includes('6') ? '::1' : '127.0.0.1', family: 4 }]) })
  for (const host of SPELLINGS) {
    for (const port of [four.port, six.port]) {
      for (const scheme of ['https', 'http'])
        await assert.rejects(net.request(`${scheme}://${host}:${port}/`), REFUSED, `${scheme}://${host}`)
    }
  }
  assert.deepEqual([four.hits(), six.hits()], [0, 0])
})

test('a name that the system does not know is no answer, and ends nothing but the request', async () => {
  await using fetch = guarded()
  await assert.rejects(fetch.request('https://no-such-host.invalid/'), { code: 'FAULT_FETCH' })
})

test('the system resolver is checked like any other', async () => {
  await using server = await canary()
  await using net = guarded()
  await assert.rejects(net.request(`https://localhost:${server.port}/`), REFUSED)
  assert.equal(server.hits(), 0)
})

test('no address of a private network, a neighbour or a metadata service is dialled', async () => {
  await using net = guarded()
  for (const host of ELSEWHERE) await assert.rejects(net.request(`https://${host}/`), REFUSED, host)
})

test('metadata and link-local addresses stay closed when private ones are allowed', async () => {
  await using net = guarded({ allowPrivate: true })
  for (const host of ['169.254.169.254', '[fe80::1]', '[fd00:ec2::254]', '0.0.0.0', '[::ffff:127.0.0.1]', '[64:ff9b::a00:1]'])
    await assert.rejects(net.request(`https://${host}/`), REFUSED, host)
})

test('plain http is spoken over loopback only, and only when that was allowed', async () => {
  await using server = await canary()
  await using net = guarded({ allowPrivate: true })
  assert.equal((await net.request(server.url)).status, 200)
  for (const host of ['10.0.0.1', '192.168.0.1', '8.8.8.8', '[fc00::1]'])
    await assert.rejects(net.request(`http://${host}/`), REFUSED, host)
})

test('an allowed origin opens itself and no other', async () => {
  await using one = await canary()
  await using other = await canary()
  await using net = guarded({ allowPrivate: [one.url] })
  assert.equal((await net.request(`${one.url}/path?query`)).status, 200)
  await assert.rejects(net.request(other.url), REFUSED)
  await assert.rejects(net.request(one.url.replace('http:', 'https:')), REFUSED)
  assert.equal(other.hits(), 0)
})

test('what is no origin is not taken for one', () => {
  for (const text of ['', '127.0.0.1:80', 'file:///etc', 'localhost'])
    assert.throws(() => createGuardedFetch({ allowPrivate: [text] }), { code: 'FAULT_CONFIG' }, text)
})

test('URLs with credentials and URLs of other schemes are refused', async () => {
  await using server = await canary()
  await using net = guarded({ allowPrivate: true })
  const port = server.port
  const urls = [`http://user:password@127.0.0.1:${port}/`, `http://user@127.0.0.1:${port}/`, `http://:p@127.0.0.1:${port}/`]
  for (const url of [...urls, 'file:///etc/passwd', 'ftp://127.0.0.1/', 'data:text/plain,x', 'javascript:1', 'gopher://127.0.0.1', 'x', ''])
    await assert.rejects(net.request(url), REFUSED, url)
  assert.equal(server.hits(), 0)
})

test('a name is resolved once a connection, and the address that was checked is the one dialled', async () => {
  const say =
    (text: string): RequestListener =>
    (_req, res) =>
      res.setHeader('connection', 'close').end(text)
  await using first = await canary(say('first'))
  const seen: string[] = []
  const answers = ['127.0.0.1', '169.254.169.254', '10.0.0.1']
  const rebinding: Resolve = (name, done) => {
    const address = answers[seen.length] ?? '127.0.0.1'
    seen.push(name)
    done(null, [{ address, family: 4 }])
  }
  await using net = guarded({ allowPrivate: [`http://rebind.example:${first.port}`], resolve: rebinding })
  const url = `http://rebind.example:${first.port}/`
  assert.equal((await net.request(url)).bytes.toString(), 'first')
  await assert.rejects(net.request(url), REFUSED)
  await assert.rejects(net.request(url), REFUSED)
  assert.deepEqual([seen, first.hits()], [['rebind.example', 'rebind.example', 'rebind.example'], 1])
})

test('a name with one bad address among good ones is refused whole', async () => {
  await using server = await canary()
  const resolve: Resolve = (_name, done) =>
    done(null, [
      { address: '8.8.8.8', family: 4 },
      { address: '127.0.0.1', family: 4 },
    ])
  await using net = guarded({ resolve })
  await assert.rejects(net.request(`https://mixed.example:${server.port}/`), REFUSED)
  assert.equal(server.hits(), 0)
})

test('a name without an address is a failure, not a refusal', async () => {
  await using net = guarded({ resolve: (_name, done) => done(Object.assign(new Error('not found'), { code: 'ENOTFOUND' }), []) })
  await assert.rejects(net.request('https://nowhere.example/'), FAILED)
  await using empty = guarded({ resolve: (_name, done) => done(null, []) })
  await assert.rejects(empty.request('https://nowhere.example/'), FAILED)
})

test('a redirect is never followed', async () => {
  await using inside = await canary()
  await using outside = await canary((_req, res) => res.writeHead(302, { location: inside.url }).end())
  await using net = guarded({ allowPrivate: [outside.url] })
  const answer = await net.request(outside.url)
  assert.deepEqual([answer.status, answer.headers['location']], [302, inside.url])
  await assert.rejects(net.fetch(outside.url), REFUSED)
  await assert.rejects(net.fetch(outside.url, { redirect: 'error' }), REFUSED)
  assert.equal((await net.fetch(outside.url, { redirect: 'manual' })).status, 302)
  assert.equal(inside.hits(), 0)
})

test('an answer over the size is cut off, whether it says its size or not', async () => {
  const big = 'x'.repeat(4096)
  await using said = await canary((_req, res) => res.end(big))
  await using unsaid = await canary((_req, res) => {
    res.write(big.slice(1))
    res.end('x')
  })
  await using net = guarded({ allowPrivate: true, maxBytes: 4095 })
  await assert.rejects(net.request(said.url), FAILED)
  await assert.rejects(net.request(unsaid.url), FAILED)
  for (const { url } of [said, unsaid]) assert.equal((await net.request(url, { maxBytes: 4096 })).bytes.length, 4096)
})

test('a compressed answer is refused, for its size says nothing', async () => {
  let accepted: string | undefined
  await using server = await canary((req, res) => {
    accepted = req.headers['accept-encoding']
    res.setHeader('content-encoding', 'gzip').end('x')
  })
  await using net = guarded({ allowPrivate: true })
  await assert.rejects(net.request(server.url, { headers: { 'Accept-Encoding': 'gzip' } }), FAILED)
  assert.equal(accepted, 'identity')
})

test('a server that never answers, or never ends, costs no more than the time allowed', async () => {
  await using silent = await canary(() => undefined)
  await using endless = await canary((_req, res) => res.write('x'))
  await using net = guarded({ allowPrivate: true, timeoutMs: 60 })
  await assert.rejects(net.request(silent.url), FAILED)
  await assert.rejects(net.request(endless.url), FAILED)
  const controller = new AbortController()
  const gone = net.request(endless.url, { signal: controller.signal, timeoutMs: 60_000 })
  controller.abort()
  await assert.rejects(gone, FAILED)
})

test('what fails tells nothing of what came back, nor of the address behind the name', async () => {
  const garbage = createTcpServer((socket) => socket.end('SSH-2.0-internal-banner\r\n'))
  garbage.listen(0, '127.0.0.1')
  await once(garbage, 'listening')
  const address = garbage.address()
  assert.ok(typeof address === 'object' && address !== null)
  await using net = guarded({ allowPrivate: true, resolve: (_name, done) => done(null, [{ address: '127.0.0.1', family: 4 }]) })
  await assert.rejects(net.request(`http://named.example:${address.port}/`), ({ message }: Error) => {
    assert.doesNotMatch(message, /SSH|banner|127\.0\.0\.1/)
    return true
  })
  garbage.close()
})

test('no proxy is taken from the environment', async () => {
  await using proxy = await canary()
  await using server = await canary((_req, res) => res.end('direct'))
  const before = { ...process.env }
  Object.assign(process.env, { HTTP_PROXY: proxy.url, HTTPS_PROXY: proxy.url, http_proxy: proxy.url, NODE_USE_ENV_PROXY: '1' })
  try {
    await using net = guarded({ allowPrivate: true })
    assert.equal((await net.request(server.url)).bytes.toString(), 'direct')
  } finally {
    process.env = before
  }
  assert.equal(proxy.hits(), 0)
})

test('over https the name is checked as well as the address, and a certificate that nobody vouches for ends it', async () => {
  const { cert, key } = certify('id.example')
  let requests = 0
  const server = createTlsServer({ cert, key }, (_req, res) => {
    requests++
    res.end('secure')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  const resolve: Resolve = (_name, done) => done(null, [{ address: '127.0.0.1', family: 4 }])
  await using stranger = guarded({ allowPrivate: true, resolve })
  await assert.rejects(stranger.request(`https://id.example:${address.port}/`), FAILED)
  await using known = guarded({ allowPrivate: true, resolve, ca: cert })
  await assert.rejects(known.request(`https://other.example:${address.port}/`), FAILED)
  await using unallowed = guarded({ resolve, ca: cert })
  await assert.rejects(unallowed.request(`https://id.example:${address.port}/`), REFUSED)
  assert.equal(requests, 0)
  for (const host of ['id.example', '127.0.0.1'])
    assert.equal((await known.request(`https://${host}:${address.port}/`)).bytes.toString(), 'secure', host)
  assert.equal(requests, 2)
  server.closeAllConnections()
  server.close()
})

test('a request carries its method, headers and body, but no Host of the caller', async () => {
  let seen: readonly unknown[] = []
  await using server = await canary(async (req, res) => {
    const chunks: Buffer[] = []
    for await (const chunk of req) chunks.push(chunk)
    seen = [req.method, req.headers['x-a'], req.headers.host, Buffer.concat(chunks).toString()]
    res.setHeader('content-type', 'Application/JSON; charset=utf-8').end('{}')
  })
  await using net = guarded({ allowPrivate: true })
  const host = `127.0.0.1:${server.port}`
  const answer = await net.request(server.url, { method: 'post', headers: { 'x-a': '1', Host: 'evil' }, body: 'text' })
  assert.deepEqual(seen, ['POST', '1', host, 'text'])
  assert.deepEqual([answer.status, answer.mediaType], [200, 'application/json'])
  const response = await net.fetch(new URL(server.url), { method: 'POST', headers: { 'x-a': '2' }, body: new URLSearchParams({ a: 'b' }) })
  assert.deepEqual(seen, ['POST', '2', host, 'a=b'])
  assert.ok(response instanceof Response)
  assert.deepEqual(await response.json(), {})
})

test('an answer without a body is a Response too', async () => {
  await using server = await canary((_req, res) => res.writeHead(204).end())
  await using net = guarded({ allowPrivate: true })
  assert.equal((await net.fetch(server.url)).status, 204)
})
