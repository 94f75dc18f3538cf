/** Renewals, at an authorization server that takes each refresh token once: whatever happens, none is lost, none is spent twice, and nobody is asked for nothing. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { authenticatedFetch } from '../../src/agent/fetch.ts'
import type { TokenManager } from '../../src/agent/manager.ts'
import { authProvider } from '../../src/agent/provider.ts'
import { memoryStorage, type TokenStorage } from '../../src/agent/storage.ts'
import { Fault } from '../../src/core/denial.ts'
import { type Answer, anIssuer, type Issuer, json } from '../fixtures/rotating-issuer.ts'

/** One to whom a token was given that has ended since. */
async function anEnded(t: TestContext, storage = memoryStorage()): Promise<Issuer> {
  const issuer = await anIssuer(t)
  await issuer.manager({ storage }).renew(issuer.url)
  issuer.later(301_000)
  issuer.log.length = 0
  return issuer
}

const isFault =
  (code: string) =>
  (error: unknown): boolean =>
    error instanceof Fault && error.code === code
const call = async (manager: TokenManager, url: string): Promise<string> => (await authenticatedFetch(manager)(url)).text()

for (const [name, answer] of [
  ['503 with a page', (_form, res) => void res.writeHead(503, { 'content-type': 'text/html', 'retry-after': '60' }).end('<h1>')],
  ['500 server_error', (_form, res) => json(res.setHeader('retry-after', '60'), { error: 'server_error' }, 500)],
  ['429 in words', (_form, res) => void res.writeHead(429, { 'content-type': 'text/plain', 'retry-after': '60' }).end('slow down')],
] as const satisfies readonly (readonly [string, Answer])[])
  test(`whoever answers ${name} is busy: it is asked once a minute as it says, and keeps nobody from renewing later`, async (t) => {
    const storage = memoryStorage()
    const issuer = await anEnded(t, storage)
    issuer.answer = answer
    const manager = issuer.manager({ storage })
    for (let count = 0; count < 5; count++) await assert.rejects(call(manager, issuer.url), isFault('FAULT_FETCH'))
    assert.deepEqual(issuer.log, ['r1'])
    issuer.answer = undefined
    issuer.later(60_000)
    assert.equal(await call(manager, issuer.url), 'in')
    assert.deepEqual([issuer.log, issuer.shown.length], [['r1', 'r1'], 1])
  })

for (const error of ['invalid_client', 'unauthorized_client', 'invalid_request', 'access_denied'])
  test(`a refresh that is refused with ${error} has not ended the grant: mended there, it goes on`, async (t) => {
    const storage = memoryStorage()
    const issuer = await anEnded(t, storage)
    issuer.answer = (_form, res) => json(res, { error }, 400)
    const manager = issuer.manager({ storage, grant: { kind: 'stored' } })
    await assert.rejects(call(manager, issuer.url), (fault) => isFault('FAULT_SIGN_IN')(fault) && (fault as Fault).message.includes(error))
    issuer.answer = undefined
    assert.equal(await call(manager, issuer.url), 'in')
  })

for (const error of [new Error('the disk is away'), new Fault('FAULT_STORE', 'the store is away')])
  test(`a storage that fails once (${error.message}) loses nothing: what was given is at hand, and put away later`, async (t) => {
    const base = memoryStorage()
    let fails = false
    const put = async (key: string, text: string): Promise<void> => {
      if (fails) throw error
      await base.put(key, text)
    }
    const issuer = await anIssuer(t)
    const manager = issuer.manager({ storage: { ...base, put } })
    await manager.renew(issuer.url)
    issuer.later(271_000)
    fails = true
    assert.equal((await manager.token(issuer.url))?.accessToken, 't2')
    assert.equal((await manager.token(issuer.url))?.accessToken, 't2')
    fails = false
    issuer.later(280_000)
    assert.equal(await call(manager, issuer.url), 'in')
    assert.equal((await issuer.manager({ storage: base, grant: { kind: 'stored' } }).token(issuer.url))?.accessToken, 't3')
    assert.deepEqual([issuer.log, issuer.shown.length], [['authorization_code', 'r1', 'r2'], 1])
  })

test('what could not be put away to the end is told when the manager is disposed of', async (t) => {
  const issuer = await anIssuer(t)
  const put = (): Promise<never> => Promise.reject(new Error('the disk is full'))
  const manager = issuer.manager({ storage: { ...memoryStorage(), put } })
  assert.equal(await call(manager, issuer.url), 'in')
  await assert.rejects(manager[Symbol.asyncDispose](), isFault('FAULT_STORE'))
})

/** A refresh that waits for `go`. */
function holdBack(issuer: Issuer): Promise<(more?: Readonly<Record<string, unknown>>) => void> {
  const { promise, resolve } = Promise.withResolvers<(more?: Readonly<Record<string, unknown>>) => void>()
  issuer.answer = (form, res) => {
    if (form.has('refresh_token')) resolve((more) => issuer.give(res, more))
    else issuer.give(res, { access_token: 'of-somebody-else' })
  }
  return promise
}

test('what is forgotten while it is renewed stays forgotten, and what comes is ended', async (t) => {
  const storage = memoryStorage()
  const issuer = await anEnded(t, storage)
  const manager = issuer.manager({ storage })
  const go = holdBack(issuer)
  const renewal = manager.token(issuer.url)
  const finish = await go
  assert.equal(await manager.forget(issuer.url), true)
  finish()
  assert.equal(await renewal, undefined)
  assert.equal(await manager.token(issuer.url), undefined)
  assert.equal(await issuer.manager({ storage }).token(issuer.url), undefined)
  assert.deepEqual(issuer.log, ['r1', 'revoked r1', 'revoked r2'])
})

test('whoever signs in stays signed in, though a refresh of the one before is answered later', async (t) => {
  const storage = memoryStorage()
  const issuer = await anEnded(t, storage)
  const go = holdBack(issuer)
  const before = issuer.manager({ storage })
  const renewal = before.token(issuer.url)
  const finish = await go
  assert.equal((await issuer.manager({ storage }).signIn(issuer.url)).accessToken, 'of-somebody-else')
  finish()
  assert.equal((await renewal)?.accessToken, 'of-somebody-else')
  assert.equal((await before.token(issuer.url))?.accessToken, 'of-somebody-else')
})

for (const kind of ['sign_in', 'stored'] as const)
  test(`of two managers (${kind}) with a slow storage the second takes what the first was given, as soon as it is put away`, async (t) => {
    const base = memoryStorage()
    const written = Promise.withResolvers<void>()
    let isSlow = false
    const storage: TokenStorage = {
      ...base,
      async put(key, text) {
        if (isSlow && key.startsWith('["tokens"')) await written.promise
        await base.put(key, text)
      },
    }
    const issuer = await anEnded(t, storage)
    isSlow = true
    const grant = kind === 'stored' ? { grant: { kind } } : {}
    const [first, second] = [issuer.manager({ storage, ...grant }), issuer.manager({ storage, ...grant })]
    const one = call(first, issuer.url)
    issuer.answer = (form, res) => {
      if (issuer.accessToken === 't1') return issuer.give(res)
      // The second has come to spend the same one.
      assert.equal(form.get('refresh_token'), 'r1')
      json(res, { error: 'invalid_grant' }, 400)
      written.resolve()
    }
    assert.deepEqual(await Promise.all([one, call(second, issuer.url)]), ['in', 'in'])
    assert.deepEqual([issuer.log, issuer.shown.length], [['r1', 'r1'], 1])
  })

test('a manager that is disposed of spends nothing any more', async (t) => {
  const base = memoryStorage()
  const issuer = await anEnded(t, base)
  const [asked, answered] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  let reads = 0
  const get = async (key: string): Promise<string | undefined> => {
    if (key.startsWith('["tokens"') && ++reads === 2) {
      asked.resolve()
      await answered.promise
    }
    return await base.get(key)
  }
  const manager = issuer.manager({ storage: { ...base, get } })
  const waiting = assert.rejects(manager.token(issuer.url), isFault('FAULT_CLOSED'))
  await asked.promise
  const end = manager[Symbol.asyncDispose]()
  await waiting
  answered.resolve()
  await end
  assert.deepEqual(issuer.log, [])
})

test('an authorization server that hangs is waited for once, whoever calls', async (t) => {
  const storage = memoryStorage()
  const issuer = await anEnded(t, storage)
  // It hangs up at last, where a real one would run into the time limit of the fetch.
  issuer.answer = (_form, res) => void res.destroy()
  const manager = issuer.manager({ storage })
  const calls = await Promise.allSettled(Array.from({ length: 5 }, () => call(manager, issuer.url)))
  assert.ok(calls.every((one) => one.status === 'rejected' && isFault('FAULT_FETCH')(one.reason)))
  assert.deepEqual(issuer.log, ['r1'])
})

/** Where only machines come, and `granted` are the scopes that there are. */
async function scoped(t: TestContext, granted: string): Promise<{ readonly issuer: Issuer; readonly manager: TokenManager }> {
  const issuer = await anIssuer(t)
  const client = { id: 'robot', secret: 'a-secret-of-the-robot', issuer: new URL(issuer.url).origin }
  issuer.answer = (form, res) => {
    const scopes = (form.get('scope') ?? '').split(' ')
    if (scopes.includes('bad')) json(res, { error: 'invalid_scope' }, 400)
    else issuer.give(res, { scope: scopes.filter((scope) => granted.includes(scope)).join(' ') })
  }
  const manager = issuer.manager({ grant: { kind: 'client_credentials' }, client })
  await manager.renew(issuer.url)
  return { issuer, manager }
}
const stepUp = (...scopes: readonly string[]) => ({ scheme: 'bearer', error: 'insufficient_scope', scopes }) as const

test('of those who wait together, who wants what there is not fails alone', async (t) => {
  const { issuer, manager } = await scoped(t, 'abc')
  const wishes = ['b', 'bad', 'c'].map((scope) =>
    manager.renew(issuer.url, stepUp(scope), 't1').then(({ scopes }) => scopes.includes(scope)),
  )
  const settled = await Promise.allSettled(wishes)
  assert.deepEqual(
    settled.map((one) => (one.status === 'fulfilled' ? one.value : (one.reason as Fault).code)),
    [true, 'FAULT_SIGN_IN', true],
  )
})

test('what is not granted is asked for once by all who want it', async (t) => {
  const { issuer, manager } = await scoped(t, 'a')
  issuer.log.length = 0
  const tokens = await Promise.all(Array.from({ length: 10 }, () => manager.renew(issuer.url, stepUp('b'), 't1')))
  assert.deepEqual([new Set(tokens.map(({ accessToken }) => accessToken)).size, issuer.log], [1, ['a b']])
})

test('who waits for more scopes behind a renewal before its time gets them', async (t) => {
  const issuer = await anIssuer(t)
  const manager = issuer.manager()
  await manager.renew(issuer.url)
  issuer.later(271_000)
  const go = holdBack(issuer)
  const early = manager.token(issuer.url)
  const finish = await go
  issuer.answer = (_form, res) => issuer.give(res, { scope: 'a b' })
  const more = manager.renew(issuer.url, stepUp('b'), 't1')
  finish()
  assert.deepEqual((await early)?.scopes, ['a'])
  assert.deepEqual((await more).scopes, ['a', 'b'])
})

test('under an AuthProvider, calls that are refused one after the other for one token renew it once', async (t) => {
  const issuer = await anIssuer(t)
  const manager = issuer.manager()
  await manager.renew(issuer.url)
  const provider = authProvider(manager, issuer.url)
  for (let count = 0; count < 10; count++) {
    const response = new Response(null, { status: 401, headers: { 'www-authenticate': 'Bearer error="invalid_token"' } })
    await provider.onUnauthorized({ response })
    assert.equal(await provider.token(), 't2')
  }
  assert.deepEqual(issuer.log, ['authorization_code', 'r1'])
})

test('a server that has become part of a resource whose token is held has that token from then on', async (t) => {
  const issuer = await anIssuer(t)
  const manager = issuer.manager()
  const other = issuer.url.replace('/mcp', '/other')
  issuer.describe('/other', other)
  await manager.renew(other)
  issuer.describe('/other')
  issuer.describe('', issuer.url.replace('/mcp', ''))
  const whole = await manager.renew(issuer.url.replace('/mcp', ''))
  assert.equal((await manager.renew(other, undefined, (await manager.token(other))?.accessToken)).accessToken, whole.accessToken)
  assert.equal((await manager.token(other))?.accessToken, whole.accessToken)
})

test('what an authorization server says of a secret that it was shown is told without the secret', async (t) => {
  const issuer = await anIssuer(t)
  const secret = 'hush-hush/+ of ours'
  for (const authentication of ['client_secret_basic', 'client_secret_post'] as const) {
    const client = { id: 'robot', secret, issuer: new URL(issuer.url).origin, authentication }
    issuer.answer = (_form, res) => json(res, { error: 'invalid_client', error_description: `no client has the secret ${secret}` }, 400)
    await assert.rejects(issuer.manager({ grant: { kind: 'client_credentials' }, client }).renew(issuer.url), (error) => {
      assert.ok(error instanceof Fault && error.message.includes('no client has the secret'), String(error))
      return !error.message.includes('hush')
    })
  }
})
