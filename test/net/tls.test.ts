/** TLS of a listener as openssl and Node meet it: versions, ciphers, what is no TLS, and certificates that change under open streams. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { connect as connectPlain } from 'node:net'
import { after, before, test } from 'node:test'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { type Listener, listen } from '../../src/net/serve.ts'
import type { RefusedClient, TlsMaterial } from '../../src/net/tls.ts'
import { type Authority, anAuthority, type Certified } from '../fixtures/authority.ts'

let ours: Authority
let server: Certified
let listener: Listener
const streams: { write(text: string): void; end(): void }[] = []

const material = ({ cert, key }: Certified, more: Partial<TlsMaterial> = {}): TlsMaterial => ({
  certificate: cert,
  key,
  minVersion: 'TLSv1.2',
  ...more,
})

before(async () => {
  ours = anAuthority()
  server = ours.issue('DNS:localhost,DNS:mcp.example.com,IP:127.0.0.1')
  listener = await listen({ port: 0, tls: material(server) }, (req, res) => {
    if (req.url !== '/stream') return void res.end('hello')
    res.writeHead(200).write('open')
    streams.push({ write: (text) => void res.write(text), end: () => void res.end() })
  })
})
after(async () => {
  await listener.close(0)
  ours[Symbol.dispose]()
})

/** What openssl says of a handshake. */
function openssl(...args: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    const at = `127.0.0.1:${listener.port}`
    const child = execFile('openssl', ['s_client', '-connect', at, ...args], { timeout: 10_000 }, (_error, out, errors) =>
      resolve(out + errors),
    )
    child.stdin?.end()
  })
}

async function dial(to: Listener, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port: to.port, ca: ours.cert, ...options })
  await once(socket, 'secureConnect')
  return socket
}

/** Everything that comes until the other side closes, or why nothing does. */
async function rest(socket: TLSSocket | ReturnType<typeof connectPlain>): Promise<string> {
  let text = ''
  socket.on('data', (chunk) => {
    text += String(chunk)
  })
  socket.on('error', (error: NodeJS.ErrnoException) => {
    text += error.code
  })
  if (!socket.closed) await new Promise<void>((resolve) => socket.once('close', () => resolve()))
  return text
}

const GET = 'GET / HTTP/1.1\r\nHost: mcp.example.com\r\nConnection: close\r\n\r\n'

test('TLS 1.2 and 1.3 are spoken with ciphers that are sound alone, and nothing older', async () => {
  const [modern, older, old, weak, cbc] = await Promise.all([
    openssl('-tls1_3'),
    openssl('-tls1_2'),
    openssl('-tls1_1', '-cipher', 'ALL:@SECLEVEL=0'),
    openssl('-tls1_2', '-cipher', 'AES128-GCM-SHA256:AES256-SHA:@SECLEVEL=0'),
    openssl('-tls1_2', '-cipher', 'ECDHE-ECDSA-AES256-SHA:@SECLEVEL=0'),
  ])
  assert.match(modern, /New, TLSv1\.3, Cipher is TLS_AES_\d+_GCM_SHA\d+/)
  assert.match(older, /New, TLSv1\.2, Cipher is ECDHE-ECDSA-AES128-GCM-SHA256/)
  for (const refused of [old, weak, cbc]) assert.match(refused, /Cipher is \(NONE\)/)
  // Nobody takes up an older session: a ticket would outlive its keys and the revocation list.
  assert.doesNotMatch(modern + older, /Post-Handshake New Session Ticket|TLS session ticket:/)
  assert.match(older, /Secure Renegotiation IS supported/)
})

test('a client cannot renegotiate, and one that speaks only HTTP/2 is told so in the handshake', async () => {
  const socket = await dial(listener, { maxVersion: 'TLSv1.2' })
  const failed = once(socket, 'error')
  socket.renegotiate({}, () => undefined)
  const [error] = (await failed) as readonly NodeJS.ErrnoException[]
  assert.equal(error?.code, 'ERR_SSL_NO_RENEGOTIATION')
  socket.destroy()
  assert.match(await openssl('-alpn', 'h2'), /no application protocol/i)
  assert.match(await openssl('-alpn', 'h2,http/1.1'), /ALPN protocol: http\/1\.1/)
})

test('plain HTTP on the port is closed without an answer', async () => {
  const socket = connectPlain(listener.port, '127.0.0.1')
  socket.write(GET)
  assert.doesNotMatch(await rest(socket), /HTTP/)
})

test('browsers are told to stay with TLS at every host but localhost', async () => {
  for (const [host, expected] of [
    ['mcp.example.com', true],
    [`localhost:${listener.port}`, false],
  ] as const) {
    const socket = await dial(listener)
    socket.write(GET.replace('mcp.example.com', host))
    assert.equal(/strict-transport-security: max-age=31536000\r\n/i.test(await rest(socket)), expected, host)
  }
})

test('a new certificate drops none of 50 open streams, and new connections get it', async () => {
  const sockets = await Promise.all(Array.from({ length: 50 }, () => dial(listener)))
  const told = sockets.map(rest)
  for (const socket of sockets) socket.write(GET.replace('/ ', '/stream ').replace('Connection: close\r\n', ''))
  await Promise.all(sockets.map((socket) => once(socket, 'data')))
  const next = ours.issue('DNS:localhost,IP:127.0.0.1', { commonName: 'next' })
  listener.secure(material(next))
  const fresh = await dial(listener)
  assert.equal(fresh.getPeerCertificate().subject.CN, 'next')
  fresh.destroy()
  for (const stream of streams) stream.write('still')
  await Promise.all(sockets.map((socket) => once(socket, 'data')))
  for (const socket of sockets) socket.end()
  for (const stream of streams) stream.end()
  for (const text of await Promise.all(told)) assert.match(text, /open[\s\S]*still/)
})

test('where a certificate is demanded nobody is connected without one of our authority, for clients, in its time and not revoked', async (t) => {
  using theirs = anAuthority('Somebody Else')
  const good = ours.issue('URI:spiffe://example/a', { use: 'clientAuth' })
  const revoked = ours.issue('URI:spiffe://example/b', { use: 'clientAuth' })
  ours.revoke(revoked)
  const refused: RefusedClient[] = []
  const clients = { ca: ours.cert, required: true, revocationList: ours.revocationList() }
  let requests = 0
  const demanding = await listen(
    { port: 0, tls: material(server, { clients }), onRefusedClient: (one) => void refused.push(one) },
    (_req, res) => {
      requests++
      res.end('hello')
    },
  )
  t.after(() => demanding.close(0))
  const ask = async (own: Partial<Certified>): Promise<string> => {
    const socket = connect({ host: '127.0.0.1', port: demanding.port, ca: ours.cert, ...own })
    socket.write(GET)
    return await rest(socket)
  }
  const selfMade = theirs.issue('URI:spiffe://example/a', { use: 'clientAuth' })
  const expired = ours.issue('URI:spiffe://example/a', { use: 'clientAuth', from: -20, until: -10 })
  const early = ours.issue('URI:spiffe://example/a', { use: 'clientAuth', from: 10 })
  const forServers = ours.issue('URI:spiffe://example/a', { use: 'serverAuth' })
  for (const own of [{}, selfMade, expired, early, forServers, revoked]) assert.doesNotMatch(await ask(own), /200 OK/)
  assert.equal(requests, 0)
  assert.deepEqual(
    refused.map(({ why, address }) => `${why} ${address}`),
    [
      'it has none 127.0.0.1',
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE 127.0.0.1',
      'CERT_HAS_EXPIRED 127.0.0.1',
      'CERT_NOT_YET_VALID 127.0.0.1',
      'INVALID_PURPOSE 127.0.0.1',
      'CERT_REVOKED 127.0.0.1',
    ],
  )
  assert.match(await ask(good), /200 OK/)
})

test('clients that must be verified anew lose idle connections at once, and busy ones with their answer', async (t) => {
  const own = ours.issue('URI:spiffe://example/a', { use: 'clientAuth' })
  const held: (() => void)[] = []
  const demanding = await listen(
    { port: 0, tls: material(server, { clients: { ca: ours.cert, required: false } }) },
    (req, res) => void (req.url === '/held' ? held.push(() => res.end('done')) : res.end('hello')),
  )
  t.after(() => demanding.close(0))
  const [idle, busy, other] = [await dial(demanding, own), await dial(demanding, own), await dial(demanding)]
  for (const socket of [idle, other]) {
    socket.write(GET.replace('Connection: close\r\n', ''))
    await once(socket, 'data')
  }
  busy.write(GET.replace('/ ', '/held ').replace('Connection: close\r\n', ''))
  while (held.length === 0) await new Promise((resolve) => setImmediate(resolve))
  const answer = rest(busy)
  demanding.renewClients(60_000)
  await rest(idle)
  for (const finish of held) finish()
  assert.match(await answer, /connection: close[\s\S]*done/i)
  // Who has no certificate is not concerned.
  other.write(GET)
  assert.match(await rest(other), /hello/)
})

test('closing waits for nobody who has not said anything, in a handshake or after it', async (t) => {
  const closing = await listen({ port: 0, tls: material(server) }, (_req, res) => void res.end())
  t.after(() => closing.close(0))
  const silent = connectPlain(closing.port, '127.0.0.1')
  await once(silent, 'connect')
  const begun = await dial(closing)
  const ended = Promise.all([rest(silent), rest(begun)])
  await closing.close(60_000)
  await ended
})
