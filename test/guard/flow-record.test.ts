/** What has entered conversations, as replicas see it through one store. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FlowRecord, personOf } from '../../src/guard/flow-record.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import { aPrincipal } from '../fixtures/nouns.ts'

const HOUR_MS = 60 * 60_000
const ANN = { kind: 'person', name: 'key#ann' } as const

function twoReplicas() {
  const time = { now: 1_000_000 }
  const store = openSqlite(':memory:', { clock: () => time.now })
  return { time, store, here: new FlowRecord(store, () => time.now), there: new FlowRecord(store, () => time.now) }
}

test('labels that enter on two replicas at once are all there, on both', async () => {
  const { store, here, there } = twoReplicas()
  await Promise.all([here.add(ANN, ['confidential'], HOUR_MS), there.add(ANN, ['untrusted', 'internal'], HOUR_MS)])
  assert.deepEqual(await here.labelsOf(ANN), ['confidential', 'internal', 'untrusted'])
  assert.deepEqual(await there.labelsOf(ANN), await here.labelsOf(ANN))
  await store.close()
})

test('each label is gone when it has not entered for so long, and not before', async () => {
  const { time, store, here, there } = twoReplicas()
  await here.add(ANN, ['confidential', 'untrusted'], HOUR_MS)
  time.now += 30_000
  // So soon it is not written again; it lasts all the same.
  await here.add(ANN, ['untrusted'], HOUR_MS)
  time.now += HOUR_MS - 1
  assert.ok((await there.labelsOf(ANN)).includes('untrusted'))
  await here.add(ANN, ['untrusted'], HOUR_MS)
  time.now += HOUR_MS - 1
  assert.deepEqual(await there.labelsOf(ANN), ['untrusted'])
  time.now += 2 * HOUR_MS
  assert.deepEqual(await there.labelsOf(ANN), [])
  await store.close()
})

test('a person is no other person, and no store', async () => {
  const { store, here } = twoReplicas()
  await here.add(ANN, ['confidential'], HOUR_MS)
  for (const other of [{ kind: 'person', name: 'key#ann2' } as const, { kind: 'store', name: 'key#ann' } as const])
    assert.deepEqual(await here.labelsOf(other), [])
  await store.close()
})

test('a person is a principal whatever its client and session, and the owner of its key', () => {
  const [ann, elsewhere] = [
    aPrincipal({ issuer: 'https://i', subject: 'ann', client: 'a' }),
    aPrincipal({ issuer: 'https://i', subject: 'ann' }),
  ]
  assert.deepEqual(personOf(ann), personOf(elsewhere))
  const owned = (subject: string) => personOf(aPrincipal({ issuer: 'key', subject, claims: { owner: 'ann' } }))
  assert.deepEqual(owned('k1'), owned('k2'))
  // Whoever writes a token's claims does not choose whose record it is.
  assert.notDeepEqual(personOf(aPrincipal({ issuer: 'https://i', subject: 'x', claims: { owner: 'ann' } })), owned('k1'))
})
