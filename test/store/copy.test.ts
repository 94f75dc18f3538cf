/** A store copied into another says the same: between files and Redis, in both directions. */
import assert from 'node:assert/strict'
import { createPublicKey } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { createJournal } from '../../src/audit/journal.ts'
import { storeSource, verifyJournal } from '../../src/audit/verify.ts'
import { createKeyring } from '../../src/config/keyfile.ts'
import { createIds } from '../../src/core/id.ts'
import { createKeyedHash } from '../../src/core/secret.ts'
import { Turn } from '../../src/core/turn.ts'
import { copyStore } from '../../src/store/copy.ts'
import { openRedis } from '../../src/store/redis.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import type { Store } from '../../src/store/store.ts'
import { REDIS_MISSING, type RedisServer, settingsOf, startRedis } from '../fixtures/redis.ts'

const NOW = 1_790_000_000_000
const clock = (): number => NOW

describe('A store that is copied', { skip: REDIS_MISSING }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'copy-'))
  let server: RedisServer
  let files = 0
  const opened: Store[] = []
  const kept = <S extends Store>(store: S): S => {
    opened.push(store)
    return store
  }
  const file = (): Store => kept(openSqlite(join(folder, `${++files}.db`), { clock }))
  const redis = (): Store => kept(openRedis(settingsOf(server.port), { clock }))
  before(async () => {
    server = await startRedis()
  })
  after(async () => {
    for (const store of opened) await store.close()
    await server[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true })
  })

  it('keeps records with their expiry, lines in order, marks, and a journal that verifies, there and back', async () => {
    const source = file()
    const keyring = createKeyring()
    for (let n = 0; n < 1_100; n++) await source.put(`proof/${n}`, { n, text: 'é😀' }, { expiresAt: NOW + 60_000 + n })
    await source.put('instance', 'x')
    await source.append('blocks', [{ cidr: '203.0.113.0/24' }])
    const journal = createJournal({
      store: source,
      clock,
      ids: createIds(clock),
      node: 'gateway',
      sinks: [],
      turn: new Turn(),
      checkpointMs: 60_000,
      signingKey: keyring.signingKey(),
      headHash: createKeyedHash(keyring.key('journal-head')),
      onFault: (fault) => assert.fail(fault),
    })
    for (let n = 0; n < 700; n++) await journal.write({ type: 'gateway.started', detail: `${n}` })
    const there = redis()
    const copied = await copyStore(source, there, clock)
    assert.deepEqual(copied, { records: 1_101, lines: 700 + 2 + 1, marks: 1 })
    const back = file()
    assert.deepEqual(await copyStore(there, back, clock), copied)
    assert.deepEqual(await back.list('proof/', { limit: 2_000 }), await source.list('proof/', { limit: 2_000 }))
    for (const store of [there, back]) {
      const verdict = await verifyJournal(storeSource(store), createPublicKey(keyring.signingKey()), {
        headHash: createKeyedHash(keyring.key('journal-head')),
      })
      assert.deepEqual([verdict.isSound, verdict.events], [true, 700])
    }
    await journal.close()
  })

  it('is refused where something is already', async () => {
    const [source, target] = [file(), redis()]
    await target.append('audit', [], { by: 'w', value: 1 })
    await assert.rejects(copyStore(source, target, clock), { code: 'FAULT_STORE', message: /not empty/ })
  })

  it('is told to differ when the source was written to meanwhile', async () => {
    const [source, target] = [file(), redis()]
    await source.put('a', 1)
    await source.append('audit', [1])
    const busy: Store = Object.assign(Object.create(target) as Store, {
      put: async (...args: Parameters<Store['put']>) => {
        await source.put('b', 2)
        return target.put(...args)
      },
    })
    for (const verb of ['list', 'read', 'marks', 'append', 'get'] as const) Object.assign(busy, { [verb]: target[verb].bind(target) })
    await assert.rejects(copyStore(source, busy, clock), { code: 'FAULT_STORE', message: /differ in b/ })
  })
})
