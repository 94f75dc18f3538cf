import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text as readText } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { openPage } from '../../src/agent/browser.ts'
import { authenticatedFetch } from '../../src/agent/fetch.ts'
import { openLanding } from '../../src/agent/landing.ts'
import { TokenManager } from '../../src/agent/manager.ts'
import type { RegisteredClient } from '../../src/agent/options.ts'
import { memoryStorage, sealedStorage } from '../../src/agent/storage.ts'
import { Fault } from '../../src/core/denial.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import { comeBack } from '../fixtures/rotating-issuer.ts'

type Handler = (req: IncomingMessage, res: ServerResponse) => void | Promise<void>

interface Site {
  readonly url: string
  /** `METHOD /path` and the authorization of every request. */
  readonly seen: { readonly what: string; readonly authorization: string | undefined }[]
  /** By path; what is not here is 404. */
  readonly routes: Map<string, Handler>
}

async function aSite(t: TestContext): Promise<Site> {
  const seen: Site['seen'] = []
  const routes = new Map<string, Handler>()
  const server = createServer((req, res) => {
    seen.push({ what: `${req.method} ${req.url}`, authorization: req.headers.authorization })
    const handler = routes.get((req.url ?? '').split('?')[0] ?? '')
    if (handler === undefined) res.writeHead(404).end()
    else void handler(req, res)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  return { url: `http://127.0.0.1:${address.port}`, seen, routes }
}

const json = (value: unknown): ((req: IncomingMessage, res: ServerResponse) => void) => {
  return (_req, res) => void res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}

interface Issuing extends Site {
  readonly client: RegisteredClient
  /** How many tokens were given. */
  readonly given: () => number
}

/** A server that is its own authorization server and gives machines the tokens `t1`, `t2`, … */
async function anIssuingSite(t: TestContext, more: Readonly<Record<string, unknown>> = {}): Promise<Issuing> {
  const site = await aSite(t)
  let count = 0
  site.routes.set(
    '/.well-known/oauth-protected-resource/mcp',
    json({ resource: `${site.url}/mcp`, authorization_servers: [site.url], scopes_supported: ['a'], ...more }),
  )
  site.routes.set('/.well-known/oauth-authorization-server', json({ issuer: site.url, token_endpoint: `${site.url}/token` }))
  site.routes.set('/token', (req, res) => {
    count++
    json({ access_token: `t${count}`, token_type: 'Bearer', expires_in: 300 })(req, res)
  })
  return { ...site, client: { id: 'robot', secret: 'secret', issuer: site.url }, given: () => count }
}

/** The same where a person signs in, as soon as their browser comes back. */
async function aSignInSite(t: TestContext): Promise<Issuing> {
  const site = await anIssuingSite(t)
  site.routes.set('/mcp', guarded)
  const metadata = { issuer: site.url, token_endpoint: `${site.url}/token`, authorization_endpoint: `${site.url}/authorize` }
  site.routes.set('/.well-known/oauth-authorization-server', json({ ...metadata, code_challenge_methods_supported: ['S256'] }))
  return site
}

/** What nobody holds is gone then: an abort must come through all the same. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
}

const hasOpener = process.platform !== 'win32'

const aRobot = (client: RegisteredClient): TokenManager => new TokenManager({ grant: { kind: 'client_credentials' }, client })
const isFault =
  (code: string) =>
  (error: unknown): boolean =>
    error instanceof Fault && error.code === code

const challenge = (res: ServerResponse, status: number, said: string): void =>
  void res.writeHead(status, { 'www-authenticate': `Bearer ${said}` }).end()

/** Only requests with a token are let in. */
const guarded: Handler = (req, res) => (req.headers.authorization === undefined ? challenge(res, 401, 'scope="a"') : void res.end('in'))

test('a token is sent to the server that it is for, and never along with a redirect or to another path of its origin', async (t) => {
  const site = await anIssuingSite(t)
  const other = await aSite(t)
  other.routes.set('/mcp', (_req, res) => void res.end('other'))
  site.routes.set('/mcp', guarded)
  site.routes.set('/elsewhere', (_req, res) => void res.end('elsewhere'))
  const manager = aRobot(site.client)
  const fetch = authenticatedFetch(manager)
  assert.equal(await (await fetch(`${site.url}/mcp`)).text(), 'in')
  assert.equal(await (await fetch(`${site.url}/elsewhere`)).text(), 'elsewhere')
  assert.equal(await (await fetch(`${other.url}/mcp`)).text(), 'other')
  site.routes.set('/mcp', (_req, res) => void res.writeHead(307, { location: `${other.url}/mcp` }).end())
  assert.equal((await fetch(`${site.url}/mcp`)).status, 307)
  assert.equal(site.seen.find(({ what }) => what === 'GET /elsewhere')?.authorization, undefined)
  assert.deepEqual(other.seen, [{ what: 'GET /mcp', authorization: undefined }])
})

test('a server that refuses every token is asked twice and no more, and its answer is the answer', async (t) => {
  const site = await anIssuingSite(t)
  site.routes.set('/mcp', (_req, res) => challenge(res, 401, 'error="invalid_token"'))
  const response = await authenticatedFetch(aRobot(site.client))(`${site.url}/mcp`, { method: 'POST', body: 'x' })
  assert.deepEqual([response.status, site.given()], [401, 1])
  assert.equal(site.seen.filter(({ what }) => what === 'POST /mcp').length, 2)
})

test('a server that is never content is stepped up to a few times', async (t) => {
  const site = await anIssuingSite(t)
  site.routes.set('/mcp', (_req, res) => challenge(res, 403, 'error="insufficient_scope", scope="more"'))
  const response = await authenticatedFetch(aRobot(site.client))(`${site.url}/mcp`)
  assert.deepEqual([response.status, site.given()], [403, 2])
})

test('a 403 that asks for no scope is an answer', async (t) => {
  const site = await anIssuingSite(t)
  site.routes.set('/mcp', (_req, res) => void res.writeHead(403).end())
  assert.equal((await authenticatedFetch(aRobot(site.client))(`${site.url}/mcp`)).status, 403)
  assert.equal(site.given(), 0)
})

test('a busy server is left alone as long as it says, a few times, and not for ever', async (t) => {
  const site = await aSite(t)
  const waited: number[] = []
  const wait = async (ms: number): Promise<void> => {
    waited.push(ms)
  }
  const fetch = authenticatedFetch(new TokenManager(), { wait })
  const busy = (after: string, status = 429): Handler => {
    return (_req, res) => void res.writeHead(status, { 'retry-after': after }).end()
  }
  site.routes.set('/mcp', busy('2'))
  assert.equal((await fetch(`${site.url}/mcp`)).status, 429)
  assert.deepEqual(waited, [2_000, 2_000, 2_000])
  site.routes.set('/mcp', busy(new Date(Date.now() + 10_000).toUTCString(), 503))
  assert.equal((await fetch(`${site.url}/mcp`)).status, 503)
  // An instant, told to the second, comes nearer while it is told.
  assert.ok(
    waited.splice(3).every((ms) => ms > 5_000 && ms <= 10_000),
    String(waited),
  )
  site.routes.set('/mcp', busy('3600', 503))
  assert.equal((await fetch(`${site.url}/mcp`)).status, 503)
  site.routes.set('/mcp', busy('soon', 503))
  assert.equal((await fetch(`${site.url}/mcp`)).status, 503)
  assert.equal(waited.length, 3)
})

test('whoever gives up while waiting is let go', async (t) => {
  const site = await aSite(t)
  const stop = new AbortController()
  site.routes.set('/mcp', (_req, res) => {
    res.writeHead(503, { 'retry-after': '20' }).end()
    res.once('close', () => stop.abort())
  })
  await assert.rejects(authenticatedFetch(new TokenManager())(`${site.url}/mcp`, { signal: stop.signal }), { name: 'AbortError' })
})

test('whoever gives up while a person signs in is let go at once, and the sign-in goes on for the others', async (t) => {
  const site = await aSignInSite(t)
  const asked = Promise.withResolvers<void>()
  const answered = Promise.withResolvers<void>()
  const open = async (url: URL): Promise<void> => {
    asked.resolve()
    await answered.promise
    await comeBack(url)
  }
  await using manager = new TokenManager({ grant: { kind: 'sign_in', open }, client: site.client })
  const fetch = authenticatedFetch(manager)
  const stop = new AbortController()
  const [impatient, patient] = [fetch(new Request(`${site.url}/mcp`, { signal: stop.signal })), fetch(`${site.url}/mcp`)]
  await asked.promise
  collectGarbage()
  const reason = new Error('the call is not wanted any more')
  stop.abort(reason)
  await assert.rejects(impatient, (error) => error === reason)
  answered.resolve()
  assert.deepEqual([await (await patient).text(), site.given()], ['in', 1])
})

test('whoever has given up before does not make anybody sign in', async (t) => {
  const site = await aSignInSite(t)
  const stop = new AbortController()
  const isShown: URL[] = []
  const open = (url: URL): void => void isShown.push(url)
  await using manager = new TokenManager({ grant: { kind: 'sign_in', open }, client: site.client })
  const base = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const response = await fetch(input, init)
    stop.abort()
    return response
  }
  await assert.rejects(authenticatedFetch(manager, { fetch: base })(`${site.url}/mcp`, { signal: stop.signal }), { name: 'AbortError' })
  assert.deepEqual(isShown, [])
})

test('a manager that is disposed of waits for nobody: its listener is gone, and calls reject', async (t) => {
  const site = await aSignInSite(t)
  const asked = Promise.withResolvers<string>()
  const open = (url: URL): void => asked.resolve(url.searchParams.get('redirect_uri') ?? '')
  const manager = new TokenManager({ grant: { kind: 'sign_in', open }, client: site.client })
  const calls = Promise.allSettled([authenticatedFetch(manager)(`${site.url}/mcp`), manager.renew(`${site.url}/mcp`)])
  const landing = await asked.promise
  assert.equal((await fetch(landing)).status, 400)
  await manager[Symbol.asyncDispose]()
  for (const call of await calls) assert.ok(call.status === 'rejected' && isFault('FAULT_CLOSED')(call.reason))
  await assert.rejects(fetch(landing), TypeError)
  await assert.rejects(manager.renew(`${site.url}/mcp`), isFault('FAULT_CLOSED'))
})

test('where no browser can be opened, a sign-in ends at once, with the page that nobody was shown', { skip: !hasOpener }, async (t) => {
  const site = await aSignInSite(t)
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-opener-'))
  t.after(() => rmSync(folder, { recursive: true }))
  for (const name of ['xdg-open', 'open']) writeFileSync(join(folder, name), '#!/bin/sh\nexit 3\n', { mode: 0o700 })
  const script = `
    import { TokenManager } from ${JSON.stringify(new URL('../../src/agent/manager.ts', import.meta.url))}
    const manager = new TokenManager({ client: ${JSON.stringify(site.client)} })
    await manager.renew(${JSON.stringify(`${site.url}/mcp`)}).catch(({ code, message }) => console.log(code, message))`
  const child = promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], { env: { PATH: folder } })
  const { stdout } = await child
  assert.match(stdout, /^FAULT_BROWSER .* ended with 3: /)
  assert.ok(stdout.includes(`${site.url}/authorize?`), stdout)
})

test('options that cannot be are refused when the manager is made, by their names', () => {
  const client = { id: 'robot', issuer: 'https://as.example.com' }
  for (const [options, said] of [
    [{ grant: { kind: 'client-credentials' } }, /grant\.kind: must be one of sign_in, stored, client_credentials, /],
    [{ grant: { kind: 'client_credentials' } }, /client: this grant needs a client/],
    [{ grant: { kind: 'token_exchange' }, client }, /grant\.subject: must be a function/],
    [{ grant: { kind: 'enterprise', identity: () => undefined, provider: { id: 'x' } }, client }, /grant\.provider\.issuer: /],
    [{ grant: { kind: 'workload', issuer: '', assertion: () => '' } }, /grant\.issuer: must not be empty/],
    [{ grant: 'stored' }, /grant: .*object/],
    [{ storage: new Map() }, /storage\.put: must be a function/],
    [{ scope: 'a' }, /"scope"/],
    [null, /null/],
  ] as const)
    assert.throws(
      () => Reflect.construct(TokenManager, [options]),
      (error) => error instanceof TypeError && said.test(error.message),
      String(said),
    )
})

test('an authorization of the caller is not overwritten but refused', async () => {
  await assert.rejects(
    authenticatedFetch(new TokenManager())('http://127.0.0.1/mcp', { headers: { authorization: 'Basic eA==' } }),
    TypeError,
  )
})

test('what a server says of itself is believed only of itself', async (t) => {
  for (const said of [
    { resource: 'https://mcp.example.com/mcp' },
    { resource: 'http://127.0.0.1:1/mcp' },
    { authorization_servers: [] },
    { authorization_servers: ['http://as.example.com'] },
  ]) {
    const site = await anIssuingSite(t, said)
    site.routes.set('/mcp', guarded)
    await assert.rejects(authenticatedFetch(aRobot(site.client))(`${site.url}/mcp`), isFault('FAULT_DISCOVERY'), JSON.stringify(said))
    assert.equal(site.given(), 0)
  }
})

test('a tenant of a host does not speak for the host, and the host does', async (t) => {
  const site = await anIssuingSite(t)
  site.routes.set('/mcp', guarded)
  const whole = json({ resource: site.url, authorization_servers: [site.url] })
  site.routes.set('/.well-known/oauth-protected-resource/mcp', whole)
  await assert.rejects(authenticatedFetch(aRobot(site.client))(`${site.url}/mcp`), isFault('FAULT_DISCOVERY'))
  site.routes.delete('/.well-known/oauth-protected-resource/mcp')
  site.routes.set('/.well-known/oauth-protected-resource', whole)
  const manager = aRobot(site.client)
  assert.equal((await authenticatedFetch(manager)(`${site.url}/mcp`)).status, 200)
  assert.equal((await manager.token(`${site.url}/mcp`))?.resource, site.url)
})

test('the credentials of a client are shown to the issuer where it is registered, and to no other', async (t) => {
  const site = await anIssuingSite(t)
  site.routes.set('/mcp', guarded)
  const manager = aRobot({ ...site.client, issuer: 'https://as.example.com' })
  await assert.rejects(authenticatedFetch(manager)(`${site.url}/mcp`), isFault('FAULT_CLIENT_REGISTRATION'))
  assert.equal(site.given(), 0)
})

test('an authorization server that answers for another issuer, or sends tokens elsewhere in the clear, is not believed', async (t) => {
  for (const said of [{ issuer: 'https://as.example.com' }, { token_endpoint: 'http://as.example.com/token' }]) {
    const site = await anIssuingSite(t)
    site.routes.set('/mcp', guarded)
    site.routes.set('/.well-known/oauth-authorization-server', json({ issuer: site.url, token_endpoint: `${site.url}/token`, ...said }))
    await assert.rejects(authenticatedFetch(aRobot(site.client))(`${site.url}/mcp`), isFault('FAULT_DISCOVERY'))
  }
})

test('nobody signs in where PKCE is not announced', async (t) => {
  const site = await anIssuingSite(t)
  site.routes.set('/mcp', guarded)
  const metadata = { issuer: site.url, token_endpoint: `${site.url}/token`, authorization_endpoint: `${site.url}/authorize` }
  site.routes.set('/.well-known/oauth-authorization-server', json(metadata))
  await assert.rejects(authenticatedFetch(new TokenManager())(`${site.url}/mcp`), isFault('FAULT_SIGN_IN'))
})

test('a page is opened only over https or on this machine', async () => {
  for (const url of ['file:///etc/passwd', 'javascript:alert(1)', 'http://example.com/', 'ms-settings:', 'https://u:p@example.com/'])
    await assert.rejects(openPage(new URL(url)), isFault('FAULT_SIGN_IN'), url)
})

test('the listener takes the answer with its state, at its own name and path, once; the rest is turned away', async () => {
  await using landing = await openLanding()
  const arrival = landing.arrival('right', 10_000)
  const statusOf = async (url: string, init: RequestInit = {}): Promise<number> => (await fetch(url, init)).status
  assert.equal(await statusOf(`${landing.uri}?code=c&state=wrong`), 400)
  assert.equal(await statusOf(`${landing.uri}?code=c`), 400)
  assert.equal(await statusOf(landing.uri.replace('/callback', '/')), 404)
  assert.equal(await statusOf(landing.uri.replace('127.0.0.1', 'localhost')), 404)
  assert.equal(await statusOf(`${landing.uri}?state=right`, { method: 'POST' }), 404)
  assert.equal(await statusOf(`${landing.uri}?code=c&state=right`), 200)
  assert.equal((await arrival).searchParams.get('code'), 'c')
  assert.equal(await statusOf(`${landing.uri}?code=d&state=right`), 400)
})

test('a registered port is listened on again, and another one when it is taken', async () => {
  const first = await openLanding()
  const { uri } = first
  await using taken = await openLanding(uri)
  assert.notEqual(taken.uri, uri)
  await first[Symbol.asyncDispose]()
  await using again = await openLanding(uri)
  assert.equal(again.uri, uri)
})

test('nobody who comes back in time is a fault, and nothing keeps the process alive', async () => {
  await using landing = await openLanding()
  await assert.rejects(landing.arrival('s', 1), isFault('FAULT_SIGN_IN'))
})

test('what is kept on a store is sealed to its key', async () => {
  const store = openSqlite(':memory:', { clock: Date.now })
  const storage = sealedStorage(store, Buffer.alloc(32, 1))
  await storage.put('tokens', 'a refresh token')
  assert.equal(await storage.get('tokens'), 'a refresh token')
  const records = await store.list('agent/')
  assert.equal(records.length, 1)
  assert.ok(!JSON.stringify(records).includes('refresh'))
  await assert.rejects(sealedStorage(store, Buffer.alloc(32, 2)).get('tokens'), isFault('FAULT_SEAL'))
  await storage.delete('tokens')
  assert.equal(await storage.get('tokens'), undefined)
  await store.close()
})

test('tokens that are kept serve another process, too', async (t) => {
  const site = await anIssuingSite(t)
  site.routes.set('/mcp', guarded)
  const storage = memoryStorage()
  const options = { grant: { kind: 'client_credentials' }, client: site.client, storage } as const
  await authenticatedFetch(new TokenManager(options))(`${site.url}/mcp`)
  assert.equal((await authenticatedFetch(new TokenManager({ grant: { kind: 'stored' }, storage }))(`${site.url}/mcp`)).status, 200)
  assert.equal(site.given(), 1)
})

/** Signed in once; the token that was given is taken no longer, and its refresh token waits. */
async function aSignedIn(t: TestContext) {
  const site = await aSignInSite(t)
  const storage = memoryStorage()
  const asked: URL[] = []
  const open = async (page: URL): Promise<void> => {
    asked.push(page)
    await comeBack(page)
  }
  let taken = 't1'
  site.routes.set('/mcp', (req, res) => {
    if (req.headers.authorization === `Bearer ${taken}`) res.end('in')
    else challenge(res, 401, 'scope="a"')
  })
  const give = (token: string): ReturnType<typeof json> =>
    json({ access_token: token, refresh_token: `r-${token}`, token_type: 'Bearer', expires_in: 300 })
  site.routes.set('/token', give('t1'))
  const manager = (clock = Date.now): TokenManager =>
    new TokenManager({ grant: { kind: 'sign_in', open }, client: site.client, storage, clock })
  {
    await using first = manager()
    assert.equal(await (await authenticatedFetch(first)(`${site.url}/mcp`)).text(), 'in')
  }
  taken = 't2'
  return { url: `${site.url}/mcp`, routes: site.routes, asked, manager, give }
}

for (const [status, error] of [
  [429, 'temporarily_unavailable'],
  [429, 'invalid_request'],
  [400, 'slow_down'],
] as const) {
  test(`an authorization server that is busy (${status} ${error}) ends no sign-in: a call a moment later renews`, async (t) => {
    const { url, routes, asked, manager, give } = await aSignedIn(t)
    const refuse: Handler = (_req, res) => void res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ error }))
    routes.set('/token', refuse)
    let now = Date.now()
    await using late = manager(() => now)
    await assert.rejects(authenticatedFetch(late)(url), isFault('FAULT_FETCH'))
    routes.set('/token', give('t2'))
    now += 1_000
    assert.equal(await (await authenticatedFetch(late)(url)).text(), 'in')
    assert.equal(asked.length, 1)
  })
}

test('of two processes that spend one refresh token the slower takes what the quicker was given', async (t) => {
  const { url, routes, asked, manager, give } = await aSignedIn(t)
  const held = Promise.withResolvers<ServerResponse>()
  routes.set('/token', (_req, res) => held.resolve(res))
  await using slow = manager()
  await using quick = manager()
  const slower = authenticatedFetch(slow)(url)
  const res = await held.promise
  routes.set('/token', give('t2'))
  assert.equal(await (await authenticatedFetch(quick)(url)).text(), 'in')
  res.writeHead(400, { 'content-type': 'application/json' }).end('{"error":"invalid_grant"}')
  assert.equal(await (await slower).text(), 'in')
  assert.equal(asked.length, 1)
})

test('two URLs of one resource have its token in common: nobody signs in twice, and its refresh token is spent once', async (t) => {
  const site = await aSite(t)
  const authorization = { issuer: site.url, token_endpoint: `${site.url}/token`, authorization_endpoint: `${site.url}/authorize` }
  site.routes.set('/.well-known/oauth-authorization-server', json({ ...authorization, code_challenge_methods_supported: ['S256'] }))
  site.routes.set('/.well-known/oauth-protected-resource', json({ resource: site.url, authorization_servers: [site.url] }))
  for (const path of ['/one', '/two']) site.routes.set(path, guarded)
  let given = 0
  const spent: string[] = []
  site.routes.set('/token', async (req, res) => {
    spent.push(new URLSearchParams(await readText(req)).get('refresh_token') ?? 'code')
    given++
    json({ access_token: `t${given}`, refresh_token: `r${given}`, token_type: 'Bearer', expires_in: 300 })(req, res)
  })
  let now = 0
  await using manager = new TokenManager({
    grant: { kind: 'sign_in', open: comeBack },
    client: { id: 'app', issuer: site.url },
    clock: () => now,
  })
  const fetch = authenticatedFetch(manager)
  const callBoth = async (): Promise<void> => {
    const answers = await Promise.all(['/one', '/two'].map(async (path) => (await fetch(site.url + path)).text()))
    assert.deepEqual(answers, ['in', 'in'])
  }
  await callBoth()
  now = 271_000
  await callBoth()
  now = 545_000
  await callBoth()
  assert.deepEqual(spent, ['code', 'r1', 'r2'])
})

test('calls that lack different scopes at once are served together: all that waited for the first is asked for in the second', async (t) => {
  const site = await anIssuingSite(t)
  const asked: string[] = []
  site.routes.set('/token', async (req, res) => {
    const scope = new URLSearchParams(await readText(req)).get('scope') ?? ''
    asked.push(scope)
    json({ access_token: scope.replaceAll(' ', '.'), token_type: 'Bearer', expires_in: 300, scope })(req, res)
  })
  site.routes.set('/mcp', (req, res) => {
    const scopes = (req.headers.authorization ?? '').replace('Bearer ', '').split('.')
    const wanted = new URL(req.url ?? '', site.url).searchParams.get('scope') ?? ''
    if (scopes.includes(wanted)) res.end('in')
    else if (req.headers.authorization === undefined) challenge(res, 401, 'scope="a"')
    else challenge(res, 403, `error="insufficient_scope", scope="${wanted}"`)
  })
  await using manager = aRobot(site.client)
  const fetch = authenticatedFetch(manager)
  const call = async (scope: string): Promise<number> => (await fetch(`${site.url}/mcp?scope=${scope}`)).status
  assert.equal(await call('a'), 200)
  assert.deepEqual(await Promise.all(['b', 'c', 'd', 'e'].map(call)), [200, 200, 200, 200])
  assert.deepEqual(asked, ['a', 'a b', 'a b c d e'])
})

/** A machine whose token is about to end, at an authorization server that answers with `handler` from then on. */
async function aLateRobot(t: TestContext, handler: Handler) {
  const site = await anIssuingSite(t)
  site.routes.set('/mcp', guarded)
  let now = 0
  const manager = new TokenManager({ grant: { kind: 'client_credentials' }, client: site.client, clock: () => now })
  t.after(() => manager[Symbol.asyncDispose]())
  const call = async (): Promise<string> => (await authenticatedFetch(manager)(`${site.url}/mcp`)).text()
  assert.equal(await call(), 'in')
  site.routes.set('/token', handler)
  const asked = (): number => site.seen.filter(({ what }) => what === 'POST /token').length - 1
  const at = (ms: number): void => {
    now = ms
  }
  return { call, asked, manager, url: `${site.url}/mcp`, at }
}

test('while a token is good, an authorization server that does not answer holds up one call a moment, and the others not at all', async (t) => {
  const unanswered: ServerResponse[] = []
  const { call, asked, at } = await aLateRobot(t, (_req, res) => void unanswered.push(res))
  at(271_000)
  for (let count = 0; count < 20; count++) assert.equal(await call(), 'in')
  assert.deepEqual([asked(), unanswered.filter(({ writableEnded }) => writableEnded)], [1, []])
})

test('an authorization server that wants to be left alone is, as long as it says', async (t) => {
  const refuse: Handler = (_req, res) => {
    res.writeHead(429, { 'content-type': 'application/json', 'retry-after': '60' }).end('{"error":"temporarily_unavailable"}')
  }
  const { asked, manager, url, at } = await aLateRobot(t, refuse)
  at(301_000)
  for (let count = 0; count < 5; count++) await assert.rejects(manager.renew(url), isFault('FAULT_FETCH'))
  assert.equal(asked(), 1)
  at(361_000)
  await assert.rejects(manager.renew(url), isFault('FAULT_FETCH'))
  assert.equal(asked(), 2)
})

test('a manager that is disposed of keeps what a refresh brings: the refresh token is spent, and the next process has the new one', async (t) => {
  const { url, routes, asked, manager, give } = await aSignedIn(t)
  const held = Promise.withResolvers<[IncomingMessage, ServerResponse]>()
  routes.set('/token', (req, res) => held.resolve([req, res]))
  const first = manager()
  const call = assert.rejects(authenticatedFetch(first)(url), isFault('FAULT_CLOSED'))
  const [req, res] = await held.promise
  const end = first[Symbol.asyncDispose]()
  await call
  give('t2')(req, res)
  await end
  await using next = manager()
  assert.equal(await (await authenticatedFetch(next)(url)).text(), 'in')
  assert.equal(asked.length, 1)
})
