/** SQLite keeps the contract, in a file and in memory; and what only a file can break is told with the next step. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { it, type TestContext } from 'node:test'
import { openSqlite } from '../../src/store/sqlite.ts'
import { type Backing, storeContract } from '../contract/store.ts'

const START_AT = 1_790_000_000_000

function makeFolder(): string {
  return mkdtempSync(join(tmpdir(), 'store-'))
}

function fileBacking(): Backing {
  const folder = makeFolder()
  return { open: (clock) => openSqlite(join(folder, 'a.db'), { clock }), remove: () => rmSync(folder, { recursive: true }) }
}

storeContract('SQLite in a file', fileBacking)
storeContract('SQLite in memory', () => ({ open: (clock) => openSqlite(':memory:', { clock }), remove: () => undefined }), {
  isPrivate: true,
})

function pathIn(context: TestContext): string {
  const folder = makeFolder()
  context.after(() => rmSync(folder, { recursive: true }))
  return join(folder, 'deep', 'a.db')
}

it('makes the file for its owner alone', async (context) => {
  const path = pathIn(context)
  const store = openSqlite(path, { clock: () => START_AT })
  await store.put('k', 1)
  for (const suffix of ['', '-wal', '-shm']) assert.equal(statSync(path + suffix).mode & 0o777, 0o600)
  await store.close()
})

it('takes from others what a copy has let them read, says so, and leaves what is not its own', async (context) => {
  const path = pathIn(context)
  const first = openSqlite(path, { clock: () => START_AT })
  await first.append('log', [1], { by: 'w', value: 1 })
  await first.close()
  const modeOf = (file: string): string => (statSync(file).mode & 0o777).toString(8)
  const others = [`${path}-copy`, `${path}.bak`]
  for (const file of [path, `${path}-log.log`, ...others]) {
    if (others.includes(file)) writeFileSync(file, '')
    chmodSync(file, 0o644)
  }
  chmodSync(`${path}-log.marks`, 0o755)
  const told: string[] = []
  const store = openSqlite(path, { clock: () => START_AT, onFault: ({ message }) => void told.push(message) })
  await store.put('k', 1)
  assert.deepEqual([path, `${path}-wal`, `${path}-shm`, `${path}-log.log`, `${path}-log.marks`].map(modeOf), [
    '600',
    '600',
    '600',
    '600',
    '700',
  ])
  assert.deepEqual(others.map(modeOf), ['644', '644'])
  assert.deepEqual(told, [`${path}, ${path}-log.log, ${path}-log.marks: others could read this until now; it is its owner's alone again`])
  await store.close()
  await openSqlite(path, { clock: () => START_AT, onFault: ({ message }) => assert.fail(message) }).close()
})

for (const what of ['database', 'log', 'mark', 'folder'] as const) {
  it(`refuses everything once its ${what} was removed while it was open, and goes on when it is back`, async (context) => {
    const path = pathIn(context)
    let now = START_AT
    const store = openSqlite(path, { clock: () => now })
    const write = (): Promise<void> => store.append('log', [1], { by: 'w', value: 1 })
    await store.put('k', 1)
    await write()
    const gone = { database: path, log: `${path}-log.log`, mark: `${path}-log.marks/w.mark`, folder: dirname(path) }[what]
    const aside = join(dirname(dirname(path)), 'aside')
    renameSync(gone, aside)
    now += 1_000
    const refused = { code: 'FAULT_STORE', message: /was removed or moved while it was open/ }
    await assert.rejects(write(), refused)
    await assert.rejects(store.get('k'), refused)
    await assert.rejects(store.put('k', 2), refused)
    await assert.rejects(store.take('k'), refused)
    await assert.rejects(store.list(''), refused)
    await assert.rejects(store.charge([], now), refused)
    await assert.rejects(store.read('log'), refused)
    renameSync(aside, gone)
    now += 1_000
    await write()
    assert.deepEqual([await store.get('k'), (await store.read('log')).length], [1, 2])
    await store.close()
  })
}

it('does not take another file of the same name for its own', async (context) => {
  const path = pathIn(context)
  let now = START_AT
  const store = openSqlite(path, { clock: () => now })
  await store.put('k', 1)
  renameSync(path, `${path}.old`)
  await openSqlite(path, { clock: () => now }).close()
  now += 1_000
  await assert.rejects(store.get('k'), { code: 'FAULT_STORE' })
  await store.close()
})

it('refuses a file that is no database, and says what to do', (context) => {
  const folder = makeFolder()
  context.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'notes.txt')
  writeFileSync(path, 'not a database, '.repeat(100))
  assert.throws(() => openSqlite(path, { clock: () => START_AT }), { name: 'Fault', code: 'FAULT_STORE', message: /name another file/ })
  assert.equal(readFileSync(path, 'utf8'), 'not a database, '.repeat(100))
})

it('refuses a database of something else, and leaves it as it was', (context) => {
  const folder = makeFolder()
  context.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'other.db')
  const other = new DatabaseSync(path)
  other.exec('create table song (title text)')
  other.close()
  const before = readFileSync(path)
  assert.throws(() => openSqlite(path, { clock: () => START_AT }), { code: 'FAULT_STORE', message: /something else/ })
  assert.deepEqual(readFileSync(path), before)
})

it('refuses a file that a newer version wrote', async (context) => {
  const path = pathIn(context)
  await openSqlite(path, { clock: () => START_AT }).close()
  const database = new DatabaseSync(path)
  database.exec('pragma user_version = 99')
  database.close()
  assert.throws(() => openSqlite(path, { clock: () => START_AT }), { code: 'FAULT_STORE', message: /newer version/ })
})

it('refuses a folder that cannot be made, and names the path', (context) => {
  const folder = makeFolder()
  context.after(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'file'), '')
  assert.throws(() => openSqlite(join(folder, 'file', 'a.db'), { clock: () => START_AT }), {
    code: 'FAULT_STORE',
    message: /file.*cannot be opened/s,
  })
})

it('tells that a file is damaged', async (context) => {
  const path = pathIn(context)
  const store = openSqlite(path, { clock: () => START_AT })
  for (let i = 0; i < 500; i++) await store.put(`k${i}`, 'x'.repeat(200))
  await store.close()
  const bytes = readFileSync(path)
  bytes.fill(0xa5, 8_192)
  writeFileSync(path, bytes)
  const damaged = openSqlite(path, { clock: () => START_AT })
  await assert.rejects(damaged.list(''), { code: 'FAULT_STORE', message: /damaged.*audit verify/ })
  await damaged.close()
})

it('refuses to grow beyond its size, writes nothing then, and recovers when space is freed', async (context) => {
  const path = pathIn(context)
  const store = openSqlite(path, { clock: () => START_AT, maxBytes: 256 * 1024 })
  let written = 0
  await assert.rejects(
    async () => {
      for (;;) {
        await store.put(`k${written}`, 'x'.repeat(1_000))
        written++
      }
    },
    { code: 'FAULT_STORE', message: /full: free space/ },
  )
  assert.ok(written > 50)
  await assert.rejects(store.append('log', ['a', 'b'.repeat(100_000)]), { code: 'FAULT_STORE' })
  assert.deepEqual(await store.read('log'), [])
  for (let i = 0; i < written; i++) await store.take(`k${i}`)
  await store.append('log', ['a', 'b'])
  assert.equal((await store.read('log')).length, 2)
  await store.close()
})

it('removes what has expired, a batch at a time', async (context) => {
  const path = pathIn(context)
  let now = START_AT
  const store = openSqlite(path, { clock: () => now })
  for (let i = 0; i < 400; i++) await store.put(`old${i}`, i, { expiresAt: START_AT + 1 })
  for (let i = 0; i < 400; i++) await store.charge([{ key: `cell${i}`, intervalMs: 10, burst: 1, cost: 1 }], now)
  now += 86_400_000
  for (let i = 0; i < 400; i++) await store.put('one', i)
  const database = new DatabaseSync(path, { readOnly: true })
  context.after(() => database.close())
  assert.equal(database.prepare('select count(*) as count from record').get()?.['count'], 1)
  assert.equal(database.prepare('select count(*) as count from cell').get()?.['count'], 0)
  await store.close()
})

it('refuses a key that UTF-8 cannot hold, and a position that is none', async () => {
  const store = openSqlite(':memory:', { clock: () => START_AT })
  await assert.rejects(store.get('\ud800'), { code: 'FAULT_STORE' })
  await assert.rejects(store.put('x'.repeat(5_000), 1), { code: 'FAULT_STORE' })
  await store.append('log', [1])
  await assert.rejects(store.read('log', { after: "1' or 1" }), { code: 'FAULT_STORE' })
  await store.close()
})

it('gives processes that start and write at once one file, each first write to one of them, and no line twice', async (context) => {
  const path = pathIn(context)
  const outputs = await Promise.all(Array.from({ length: 4 }, (_, i) => runWriter(path, String(i))))
  const winners = outputs.flatMap((output) => JSON.parse(output) as number[])
  assert.deepEqual(
    winners.sort((a, b) => a - b),
    Array.from({ length: 100 }, (_, i) => i),
  )
  const store = openSqlite(path, { clock: () => START_AT })
  const lines = (await store.read('log')).map((line) => String(line.value))
  assert.ok(existsSync(`${path}-log.000003.log`))
  assert.equal(statSync(`${path}-log.log`).mode & 0o777, 0o400)
  assert.equal(lines.length, 4 * 100)
  assert.equal(new Set(lines).size, lines.length)
  for (let writer = 0; writer < 4; writer++) {
    const own = lines.filter((line) => line.startsWith(`${writer}:`)).map((line) => Number(line.slice(2)))
    assert.deepEqual(
      own,
      Array.from({ length: 100 }, (_, i) => i),
    )
  }
  await store.close()
})

function runWriter(path: string, name: string): Promise<string> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'writer.ts'), path, name], { stdio: ['ignore', 'pipe', 'inherit'] })
  return new Promise((resolve, reject) => {
    let output = ''
    child.stdout.on('data', (chunk) => {
      output += String(chunk)
    })
    child.on('error', reject)
    child.on('close', (code) => (code === 0 ? resolve(output) : reject(new Error(`writer ended with ${code}`))))
  })
}

it('tells a mistake of whoever opens it by the name of the argument', () => {
  const open = openSqlite as unknown as (...given: readonly unknown[]) => unknown
  for (const given of [[], ['', { clock: Date.now }], [7, { clock: Date.now }]])
    assert.throws(() => open(...given), { name: 'TypeError', message: /^path: expected a file/ })
  for (const given of [[':memory:'], [':memory:', {}], [':memory:', { clock: 7 }]])
    assert.throws(() => open(...given), { name: 'TypeError', message: /^options\.clock: expected what tells the time/ })
})
