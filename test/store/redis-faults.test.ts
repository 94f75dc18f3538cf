/** Redis goes away, is slow, comes back, loses what it had acknowledged, is replaced: what the store then does. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Fault } from '../../src/core/denial.ts'
import { Secret } from '../../src/core/secret.ts'
import { encodeName } from '../../src/store/file-name.ts'
import { openRedis } from '../../src/store/redis.ts'
import type { RedisSettings } from '../../src/store/redis-connect.ts'
import { newWriter, Spool } from '../../src/store/spool.ts'
import type { Store } from '../../src/store/store.ts'
import { REDIS_MISSING, type RedisServer, settingsOf, startRedis, startSentinel, until } from '../fixtures/redis.ts'
import { certify } from '../net/certificate.ts'

const AWAY = { name: 'Fault', code: 'FAULT_STORE' }
const LASTING = ['appendonly yes', 'appendfsync always']

describe('A store in Redis', { skip: REDIS_MISSING }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'spool-'))
  const faults: Fault[] = []
  let server: RedisServer
  before(async () => {
    server = await startRedis(LASTING)
  })
  after(async () => {
    await server[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true })
  })

  function open(settings: RedisSettings, spoolBytes?: number): Store & AsyncDisposable {
    const store = openRedis(settings, {
      clock: Date.now,
      onFault: (fault) => faults.push(fault),
      ...(spoolBytes === undefined ? {} : { spool: { folder, maxBytes: spoolBytes, logs: ['log', 'other'] } }),
    })
    return Object.assign(store, { [Symbol.asyncDispose]: () => store.close() })
  }
  const valuesOf = async (store: Store, log = 'log'): Promise<readonly unknown[]> => (await store.read(log)).map(({ value }) => value)

  it('denies at once while Redis is gone, and works again when it is back', async () => {
    await using store = open(settingsOf(server.port))
    await store.put('k', 1)
    await server.kill()
    const from = performance.now()
    await assert.rejects(store.get('k'), { ...AWAY, message: /127\.0\.0\.1/ })
    await assert.rejects(store.take('k'), AWAY)
    await assert.rejects(store.append('log', [1]), AWAY)
    assert.ok(performance.now() - from < 1_500)
    await server.restart()
    await until(async () => (await store.get('k')) === 1)
  })

  it('says where nobody is, without a password', async () => {
    await using store = open(settingsOf(1, { password: new Secret('not to be told') }))
    await assert.rejects(store.get('k'), (fault: Fault) => /127\.0\.0\.1:1: .*reached/.test(fault.message) && !/told/.test(fault.message))
  })

  it('ends a question that is not answered in time, lets only so many wait, and goes on when it is', async () => {
    await using store = open(settingsOf(server.port, { timeoutMs: 300 }))
    await store.put('k', 1)
    process.kill(server.pid, 'SIGSTOP')
    const asked = Array.from({ length: 9_000 }, (_, i) =>
      store.take(`none/${i}`).then(
        () => '',
        (fault: Fault) => fault.message,
      ),
    )
    const answers = await Promise.all(asked)
    assert.equal(answers.filter((answer) => /no answer within 300 ms/.test(answer)).length, 8_192)
    assert.equal(answers.filter((answer) => /too slow for this load/.test(answer)).length, 9_000 - 8_192)
    // It is not asked again: what is known to be away is said to be.
    await assert.rejects(store.get('k'), { ...AWAY, message: /no answer for more than|was dead/ })
    process.kill(server.pid, 'SIGCONT')
    await until(async () => (await store.get('k')) === 1)
  })

  it('lets the lines of its journal wait on this machine, and delivers them in order, each once', async () => {
    await using store = open(settingsOf(server.port), 1_000_000)
    await store.append('log', ['before'])
    await server.kill()
    for (let n = 0; n < 20; n++) await store.append('log', [n, `${n}`], { by: 'w', value: n })
    await store.append('other', ['else'])
    await assert.rejects(store.append('third', ['not one that may wait']), AWAY)
    await assert.rejects(store.read('log'), { ...AWAY, message: /wait to be delivered/ })
    assert.equal(readdirSync(folder).length, 1)
    await server.restart()
    await until(async () => (await valuesOf(store)).length > 0)
    assert.deepEqual(await valuesOf(store), ['before', ...Array.from({ length: 20 }, (_, n) => [n, `${n}`]).flat()])
    assert.deepEqual(await store.marks('log'), [{ by: 'w', value: 19 }])
    assert.deepEqual(await valuesOf(store, 'other'), ['else'])
    assert.deepEqual(readdirSync(folder), [])
    await store.append('log', ['after'])
    assert.equal((await valuesOf(store)).at(-1), 'after')
  })

  it('does not double a line whose answer was lost', async () => {
    const settings = settingsOf(server.port, { timeoutMs: 300 })
    await using store = open(settings, 1_000_000)
    await store.append('log', [0])
    process.kill(server.pid, 'SIGSTOP')
    await store.append('log', [1])
    await store.append('log', [2])
    process.kill(server.pid, 'SIGCONT')
    await until(async () => (await valuesOf(store)).length >= 3)
    assert.deepEqual(await valuesOf(store), [0, 1, 2])
  })

  it('refuses once no more may wait, and what was accepted is delivered all the same', async () => {
    await using store = open(settingsOf(server.port), 1_000)
    await store.append('log', ['first'])
    await server.kill()
    let accepted = 0
    const error = await (async () => {
      for (;;) {
        await store.append('log', ['x'.repeat(100)])
        accepted++
      }
    })().catch((fault: Fault) => fault)
    assert.match(String(error), /all that may/)
    assert.ok(accepted > 2 && accepted < 10)
    await server.restart()
    await until(async () => (await valuesOf(store)).length > 1)
    assert.equal((await valuesOf(store)).length, accepted + 1)
  })

  it('says why nothing can wait on this machine either, and goes on with Redis once that is back, with what it then is given', async () => {
    const nowhere = join(folder, 'not-a-folder')
    writeFileSync(nowhere, '')
    const told: string[] = []
    const settings = settingsOf(server.port, { timeoutMs: 300, prefix: 'nowhere:' })
    const spool = { folder: nowhere, maxBytes: 1_000_000, logs: ['log'] }
    const store = openRedis(settings, { clock: Date.now, onFault: ({ message }) => void told.push(message), spool })
    await store.append('log', ['first'])
    process.kill(server.pid, 'SIGSTOP')
    // Redis will find this one, and has not said so.
    await assert.rejects(store.append('log', ['refused']), {
      ...AWAY,
      message: /no answer within 300 ms; and on this machine: .*not-a-folder: cannot be made, so nothing can wait there$/,
    })
    await assert.rejects(store.append('log', ['refused too']), AWAY)
    process.kill(server.pid, 'SIGCONT')
    await until(() => store.append('log', ['second']).then(() => true))
    assert.deepEqual(await valuesOf(store), ['first', 'refused', 'second'])
    assert.deepEqual(told, [])
    await store.close()
  })

  it('delivers what a process that was killed had left behind', async () => {
    const settings = settingsOf(server.port)
    const path = join(folder, `${encodeName(hostname())}.4194305.${newWriter()}.spool`)
    const left = new Spool(path, path.split('.').at(-2) ?? '', 10_000)
    left.push({ log: 'log', number: 1, texts: ['"one"', '"two"'], mark: { by: 'gone', text: '2' } })
    left.push({ log: 'log', number: 2, texts: ['"three"'] })
    left.close()
    await using store = open(settings, 1_000_000)
    await until(() => !existsSync(path))
    assert.deepEqual(await valuesOf(store), ['one', 'two', 'three'])
    assert.deepEqual(await store.marks('log'), [{ by: 'gone', value: 2 }])
  })

  it('brings again what Redis had acknowledged and lost', async () => {
    await using forgetful = await startRedis()
    await using store = open(settingsOf(forgetful.port), 1_000_000)
    for (const line of [1, 2, 3]) await store.append('log', [line], { by: 'w', value: line })
    await forgetful.kill()
    await forgetful.restart()
    await store.append('log', [4], { by: 'w', value: 4 })
    await until(async () => (await valuesOf(store)).length > 0)
    assert.deepEqual(await valuesOf(store), [1, 2, 3, 4])
  })

  it('speaks TLS as the ACL user that it is told, under a prefix, and needs no rights beyond those that docs/storage.md names', async () => {
    const files = mkdtempSync(join(tmpdir(), 'tls-'))
    const { cert, key } = certify('localhost')
    const [certificate, keyFile] = [join(files, 'cert.pem'), join(files, 'key.pem')]
    writeFileSync(certificate, cert)
    writeFileSync(keyFile, key)
    const rights = '+@read +@write +@scripting +@connection'
    await using secure = await startRedis([
      'tls-port $PORT',
      'port 0',
      `tls-cert-file ${certificate}`,
      `tls-key-file ${keyFile}`,
      `tls-ca-cert-file ${certificate}`,
      'tls-auth-clients no',
      'user default off',
      `user house on >secret ~house:* ${rights}`,
    ])
    const settings = settingsOf(secure.port, {
      places: [{ host: 'localhost', port: secure.port }],
      prefix: 'house:',
      username: 'house',
      password: new Secret('secret'),
      tls: { ca: certificate },
    })
    await using store = open(settings)
    await store.put('a/b', 1, { onlyIfAbsent: true })
    await store.append('log', [1], { by: 'w', value: 1 })
    assert.equal((await store.charge([{ key: 'c', intervalMs: 1, burst: 2, cost: 1 }], 0)).allowed, true)
    assert.deepEqual([await store.list('a/'), await valuesOf(store), await store.take('a/b')], [[{ key: 'a/b', value: 1 }], [1], 1])
    await using stranger = open({ ...settings, password: new Secret('wrong') })
    await assert.rejects(stranger.get('k'), { ...AWAY, message: /does not take this user/ })
    await using elsewhere = open({ ...settings, prefix: 'other:' })
    await assert.rejects(elsewhere.get('k'), { ...AWAY, message: /may not do this/ })
    await using blind = open({ ...settings, tls: {} })
    await assert.rejects(blind.get('k'), { ...AWAY, message: /trusted connection/ })
    rmSync(files, { recursive: true })
  })

  it('is not opened where a full Redis would forget revocations', async () => {
    await using forgetful = await startRedis(['maxmemory 100mb', 'maxmemory-policy volatile-lru'])
    await using store = open(settingsOf(forgetful.port))
    await assert.rejects(store.get('k'), { ...AWAY, message: /set maxmemory-policy noeviction/ })
    await forgetful.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
    await until(async () => (await store.get('k')) === undefined)
  })

  it('goes to the server that takes the place of the primary, and loses no line', async () => {
    await using world = await startSentinel()
    await using store = open(world.settings, 1_000_000)
    await store.put('k', 'kept')
    await store.append('log', [0])
    await until(async () => (await world.replica.command('XLEN', `${world.settings.prefix}log:{.log}`)) === 1)
    await world.primary.kill()
    for (let n = 1; n < 30; n++) await store.append('log', [n])
    await until(async () => (await store.get('k')) === 'kept')
    await until(async () => (await valuesOf(store)).length >= 30)
    assert.deepEqual(
      await valuesOf(store),
      Array.from({ length: 30 }, (_, n) => n),
    )
    assert.equal(await store.put('k', 'again', { onlyIf: 'kept' }), true)
  })
})
