/** A gateway that has its certificate made by an authority (pebble, which really asks at its port for HTTP-01), and renewed while it serves. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { createServer } from 'node:https'
import { registerHooks } from 'node:module'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { connect, type TLSSocket } from 'node:tls'
import { main } from '../../src/cli/main.ts'
import { Fault } from '../../src/core/denial.ts'
import type { AuditEvent, EventType } from '../../src/core/event.ts'
import { createGuardedFetch } from '../../src/net/fetch.ts'
import { KEYS } from '../../src/store/keys.ts'
import { needAcmeClient, newKey, orderCertificate } from '../../src/trust/acme.ts'
import { anAuthority } from '../fixtures/authority.ts'
import { aGateway, type RunningGateway } from '../fixtures/gateway.ts'
import { PEBBLE_MISSING, type Pebble, startPebble } from '../fixtures/pebble.ts'
import { freePort } from '../fixtures/port.ts'

const HOST = 'mcp.example.com'
const DAY_MS = 86_400_000
const skip = PEBBLE_MISSING
const folder = mkdtempSync(join(tmpdir(), 'portcullis-acme-'))
let pebble: Pebble
let ahead = 0

function start(redirect: number, directory = pebble.directory, store = 'store.db'): Promise<RunningGateway> {
  return aGateway(settings(redirect, directory), { store: join(folder, store), clock: () => Date.now() + ahead })
}

function settings(redirect: number, directory: string): string {
  return `
publicUrl: https://${HOST}
tls:
  acme: { agree: true, directory: "${directory}", ca: ${pebble.ca}, contact: [mailto:ops@example.com], allowPrivate: true }
  redirect: 127.0.0.1:${redirect}
`
}

/** A connection that believes the authority's root and nobody else. */
async function dial({ url }: RunningGateway): Promise<TLSSocket> {
  const socket = connect({
    port: Number(new URL(url).port),
    host: '127.0.0.1',
    servername: HOST,
    ca: pebble.root,
    ALPNProtocols: ['http/1.1'],
  })
  await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject))
  return socket
}

async function fingerprint(house: RunningGateway): Promise<string> {
  const socket = await dial(house)
  socket.end()
  return socket.getPeerX509Certificate()?.fingerprint256 ?? ''
}

async function ask(socket: TLSSocket): Promise<string> {
  socket.write(`GET /health HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`)
  return new Promise((resolve) => socket.once('data', (chunk) => resolve(String(chunk).slice(0, 12))))
}

async function told(house: RunningGateway, type: EventType): Promise<readonly AuditEvent[]> {
  return (await house.events()).filter((event) => event.type === type)
}

test('who writes tls.acme without acme-client is told what to install', async () => {
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      return next(specifier === 'acme-client' ? 'no-such-package' : specifier, context)
    },
  })
  try {
    await assert.rejects(needAcmeClient(), { code: 'FAULT_TLS', message: 'tls.acme needs an ACME client: npm install acme-client' })
  } finally {
    hooks.deregister()
  }
  await needAcmeClient()
})

/** Two replicas; the authority asks at the port of the first, or of nobody. */
let [first, second]: RunningGateway[] = []
before(async () => {
  if (skip !== false) return
  pebble = await startPebble()
  const started = await Promise.all([start(pebble.httpPort), start(await freePort())])
  first = started[0]
  second = started[1]
})
after(async () => {
  await first?.[Symbol.asyncDispose]()
  await second?.[Symbol.asyncDispose]()
  await pebble?.[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

function both(): readonly [RunningGateway, RunningGateway] {
  assert.ok(first !== undefined && second !== undefined)
  return [first, second]
}

test('of two replicas that start without a certificate one orders it, and both serve it, to clients that know the authority', {
  skip,
}, async () => {
  const [one, other] = both()
  const served = await fingerprint(one)
  assert.equal(await fingerprint(other), served)
  const issued = await told(one, 'certificate.issued')
  assert.deepEqual(
    issued.map(({ detail }) => detail?.replace(/ until .*, by /, ' by ')),
    [`${HOST} by ${new URL(pebble.directory).host}`],
  )
  assert.deepEqual(await told(one, 'certificate.failed'), [])
})

test('its key and that of the account are nowhere to be read, and what was shown to the authority is gone', { skip }, async () => {
  const [one] = both()
  const { store } = one.gateway.house
  assert.deepEqual(
    (await store.list('acme-')).map(({ key }) => key.split('/', 1)[0]),
    ['acme-account', 'acme-certificate'],
  )
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  assert.ok(files.some(({ name }) => name === 'store.db'))
  for (const { parentPath, name } of files)
    assert.doesNotMatch(readFileSync(join(parentPath, name), 'latin1'), /PRIVATE KEY|BEGIN CERT/, name)
  const asked = await fetch(`http://127.0.0.1:${pebble.httpPort}/.well-known/acme-challenge/${'x'.repeat(43)}`)
  assert.deepEqual([asked.status, await asked.text()], [404, ''])
})

test('certs check tells of it as of a file', { skip }, async () => {
  const file = join(folder, 'portcullis.yaml')
  writeFileSync(file, `store: store.db${settings(80, pebble.directory)}`)
  const [output, errors] = [new PassThrough(), new PassThrough()]
  const code = await main(['certs', 'check', '--json', '-c', file], { input: Readable.from([]), output, errors, clock: Date.now })
  output.end()
  const { ok, flaws, certificates } = JSON.parse(await text(output))
  assert.deepEqual([code, ok, flaws], [0, true, []])
  assert.equal(certificates[0].names, `DNS:${HOST}`)
})

test('it is renewed when a third of its life is left, by one of them; who is connected notices nothing', { skip }, async () => {
  const [one, other] = both()
  const before = await fingerprint(one)
  const standing = await dial(one)
  assert.equal(await ask(standing), 'HTTP/1.1 200')
  ahead = 50 * DAY_MS
  await Promise.all([one.gateway.reload(), other.gateway.reload()])
  assert.equal(await fingerprint(one), before)

  ahead = 61 * DAY_MS
  await Promise.all([one.gateway.reload(), other.gateway.reload()])
  // The authority's clock has stood still: by ours the new one would soon have to be renewed, too.
  ahead = 0
  await Promise.all([one.gateway.reload(), other.gateway.reload()])
  const after = await fingerprint(one)
  assert.notEqual(after, before)
  assert.equal(await fingerprint(other), after)
  assert.equal((await told(one, 'certificate.issued')).length, 2)
  assert.equal(await ask(standing), 'HTTP/1.1 200')
  assert.equal(standing.getPeerX509Certificate()?.fingerprint256, before)
  standing.destroy()
})

test('an authority that says no changes nothing, is an event, and is left alone for a while', { skip }, async () => {
  const [one] = both()
  const before = await fingerprint(one)
  // Told never to trust what it saw for an account before, pebble does so all the same, one time in a hundred: so this is another account.
  assert.ok((await one.gateway.house.store.take(KEYS.acmeAccount(pebble.directory))) !== undefined)
  pebble.leads = false
  ahead = 62 * DAY_MS
  await one.gateway.reload()
  const [failed, ...others] = await told(one, 'certificate.failed')
  assert.ok(failed !== undefined, JSON.stringify([one.faults.map(String), (await one.events()).slice(-3)]))
  assert.match(failed.detail ?? '', /^mcp\.example\.com: the certificate authority says .*(dns|NXDOMAIN|no such host|connection|lookup)/i)
  assert.deepEqual(others, [])
  assert.ok(one.faults.some(({ code, message }) => code === 'FAULT_TLS' && message.includes(HOST)))
  assert.equal(await fingerprint(one), before)

  const asked = pebble.asked()
  await one.gateway.reload()
  assert.equal(pebble.asked(), asked, 'two minutes have not passed')
  pebble.leads = true
  ahead += 3 * 60_000
  await one.gateway.reload()
  assert.notEqual(await fingerprint(one), before)
})

test('without a certificate and without an authority that gives one nothing listens', { skip }, async () => {
  ahead = 0
  const redirect = await freePort()
  const dead = `https://127.0.0.1:${await freePort()}/dir`
  const isFault = (error: unknown): boolean =>
    error instanceof Fault && error.code === 'FAULT_TLS' && /no answer \(ECONNREFUSED\)/.test(error.message)
  await assert.rejects(start(redirect, dead, 'other.db'), isFault)
  await assert.rejects(fetch(`http://127.0.0.1:${redirect}/`))
  await assert.rejects(start(redirect, dead, 'other.db'), /not tried again before/)
})

test('where an authority sends the client it goes as to any other place: nothing private, no redirect, no proxy', async () => {
  using root = anAuthority()
  let answer: RequestListener = (_, res) => res.end()
  const authority = createServer(root.issue('DNS:localhost,IP:127.0.0.1'), (req, res) => answer(req, res)).listen(0, '127.0.0.1')
  let visits = 0
  const trap = createHttpServer((_, res) => res.end('seen'))
    .on('connection', () => visits++)
    .listen(0, '127.0.0.1')
  await Promise.all([once(authority, 'listening'), once(trap, 'listening')])
  const portOf = (server: typeof authority | typeof trap): number => (server.address() as AddressInfo).port
  const [origin, elsewhere] = [`https://127.0.0.1:${portOf(authority)}`, `127.0.0.1:${portOf(trap)}`]
  const fetch = createGuardedFetch({ ca: root.cert, allowPrivate: [origin] })
  const attempt = (listener: RequestListener): Promise<unknown> => {
    answer = listener
    const never = (): Promise<never> => Promise.reject(new Error('it has nothing to show or to wait for'))
    return orderCertificate({ directory: `${origin}/dir`, contact: [], accountKey: newKey(), name: HOST, fetch, show: never, wait: never })
  }
  const directory = { newNonce: `${origin}/nonce`, newAccount: `${origin}/account`, newOrder: `${origin}/order` }
  const naming = (named: Partial<typeof directory>): RequestListener => {
    return (req, res) => res.setHeader('replay-nonce', 'n').end(req.url === '/dir' ? JSON.stringify({ ...directory, ...named }) : '{}')
  }
  const { axios } = await import('acme-client')
  axios.defaults.proxy = { protocol: 'http', host: '127.0.0.1', port: portOf(trap) }
  try {
    for (const named of ['newNonce', 'newAccount'] as const) {
      await assert.rejects(attempt(naming({ [named]: `https://${elsewhere}/` })), { code: 'FAULT_FETCH_REFUSED' }, named)
      await assert.rejects(attempt(naming({ [named]: `http://${elsewhere}/` })), { code: 'FAULT_FETCH_REFUSED' }, named)
    }
    const moved: RequestListener = (_, res) => res.writeHead(307, { location: `http://${elsewhere}/` }).end()
    await assert.rejects(attempt(moved), { code: 'FAULT_TLS' })
    await assert.rejects(
      attempt((_, res) => res.end('x'.repeat(600_000))),
      { code: 'FAULT_FETCH' },
    )
    const busy: RequestListener = (_, res) => res.writeHead(503, { 'retry-after': '3600' }).end()
    await assert.rejects(attempt(busy), { code: 'FAULT_TLS', message: /error 503/ })
    const refusing: RequestListener = (req, res) =>
      req.url === '/account' ? res.writeHead(403).end('{"detail":"not\u202eyou"}') : naming({})(req, res)
    await assert.rejects(attempt(refusing), { code: 'FAULT_TLS', message: 'ordering it came to: not\\u202eyou' })
  } finally {
    delete axios.defaults.proxy
  }
  assert.equal(visits, 0)

  // Whoever else uses the library in this process is not held to our rules.
  assert.equal((await axios.get(`http://${elsewhere}/`, { validateStatus: null })).data, 'seen')
  await fetch.close()
  for (const server of [authority, trap]) {
    server.closeAllConnections()
    server.close()
  }
})
