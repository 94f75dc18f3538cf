/** A gateway says that it is ready exactly while calls would be let through. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseConfig } from '../../src/config/load.ts'
import { createReadiness } from '../../src/guard/ready.ts'
import { openSqlite } from '../../src/store/sqlite.ts'

const FINE = { isFailing: false }
const ANONYMOUS = 'authentication: { anonymous: { roles: [user] } }\n'
const configOf = (yaml: string) => parseConfig(yaml, { file: 'portcullis.yaml' })

test('it is not ready while the store is away, and is again when it is back', async () => {
  let now = 0
  let asked = 0
  const stores = [openSqlite(':memory:', { clock: () => 0 }), openSqlite(':memory:', { clock: () => 0 })] as const
  await stores[0].close()
  let store = stores[1]
  const get = (key: string) => {
    asked++
    return store.get(key)
  }
  const isReady = createReadiness({ config: configOf(''), journal: FINE, store: { get }, steady: () => now })
  assert.equal(await isReady(), true)
  store = stores[0]
  // Whoever asks without end does not ask the store without end.
  assert.deepEqual([await isReady(), await isReady(), asked], [true, true, 1])
  now = 1_000
  assert.deepEqual([await isReady(), await isReady(), asked], [false, false, 2])
  store = stores[1]
  now = 2_000
  assert.equal(await isReady(), true)
  await stores[1].close()
})

test('a Redis that is away is no reason where callers may come whom nobody has to look up, and a journal that fails always is', async () => {
  const store = openSqlite(':memory:', { clock: () => 0 })
  await store.close()
  const rows = [
    ['', FINE, false],
    [ANONYMOUS, FINE, false],
    ['store: redis://127.0.0.1:1\n', FINE, false],
    [`store: redis://127.0.0.1:1\n${ANONYMOUS}`, FINE, true],
    [`store: redis://127.0.0.1:1\n${ANONYMOUS}`, { isFailing: true }, false],
  ] as const
  for (const [yaml, journal, isReady] of rows) {
    assert.equal(await createReadiness({ config: configOf(yaml), journal, store })(), isReady, yaml)
  }
})
