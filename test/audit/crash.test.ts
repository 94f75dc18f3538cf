/** Killing a writer at any moment loses nothing that it acknowledged, and leaves a journal that verifies. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { it } from 'node:test'
import { queryEvents } from '../../src/audit/query.ts'
import { storeSource, verifyJournal } from '../../src/audit/verify.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import { HEAD_HASH, KEYS, makeFolder } from './fixture.ts'

const ROUNDS = 6
const KEY = KEYS.privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64url')

/** Runs a writer; kills it after so many acknowledged lines, in the middle of whatever it does then. */
async function runWriter(
  path: string,
  name: string,
  limits: { readonly killAfter?: number; readonly count?: number; readonly fastFrom?: number },
): Promise<readonly string[]> {
  const count = limits.count === undefined ? '' : String(limits.count)
  const child = spawn(process.execPath, [join(import.meta.dirname, 'writer.ts'), path, name, KEY, count, String(limits.fastFrom ?? '')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise((resolve) => child.on('close', resolve))
  const acknowledged: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    acknowledged.push(line)
    if (acknowledged.length === limits.killAfter) child.kill('SIGKILL')
  }
  await ended
  assert.ok(acknowledged.length >= (limits.killAfter ?? 0))
  return acknowledged
}

it('keeps every acknowledged event of writers that are killed at random moments, and verifies after each', async (context) => {
  const path = join(makeFolder(context), 'a.db')
  const acknowledged: string[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const killAfter = randomInt(1, 1_500)
    acknowledged.push(...(await runWriter(path, `w${round}`, { killAfter })))
    const store = openSqlite(path, { clock: Date.now })
    const written = new Set<string>()
    for await (const { event } of queryEvents(store)) written.add(event.call ?? '')
    const lost = acknowledged.filter((call) => !written.has(call))
    assert.deepEqual(lost, [], `killed after ${killAfter}`)
    const verdict = await verifyJournal(storeSource(store), KEYS.publicKey, { headHash: HEAD_HASH })
    assert.equal(verdict.flaw, undefined, `killed after ${killAfter}`)
    assert.equal(verdict.events, written.size)
    await store.close()
  }
})

it('loses nothing but what is too old, and doubles nothing, when a writer is killed in the middle of its retention', async (context) => {
  const path = join(makeFolder(context), 'a.db')
  const fastFrom = Date.now()
  let removed = 0
  for (let round = 0; round < 3; round++) {
    const acknowledged = await runWriter(path, `w${round}`, { killAfter: randomInt(4_000, 8_000), fastFrom })
    const store = openSqlite(path, { clock: Date.now })
    const written: string[] = []
    for await (const { event } of queryEvents(store)) written.push(event.call ?? '')
    const { flaw, cut } = await verifyJournal(storeSource(store), KEYS.publicKey, { headHash: HEAD_HASH })
    assert.equal(flaw, undefined)
    const calls = written.filter((call) => call !== '')
    assert.equal(new Set(calls).size, calls.length)
    // What is gone stood in front of everything that is left.
    const gone = acknowledged.filter((call) => !calls.includes(call))
    assert.deepEqual(gone, acknowledged.slice(0, gone.length))
    assert.ok(gone.length < acknowledged.length && (cut?.removed ?? 0) >= removed)
    removed = cut?.removed ?? 0
    await store.close()
  }
  assert.ok(removed > 0)
})

it('verifies when two processes write at once and one of them is killed', async (context) => {
  const path = join(makeFolder(context), 'a.db')
  const writers = [runWriter(path, 'left', { count: 1_600 }), runWriter(path, 'right', { killAfter: randomInt(1, 800) })]
  const acknowledged = (await Promise.all(writers)).flat()
  const store = openSqlite(path, { clock: Date.now })
  const verdict = await verifyJournal(storeSource(store), KEYS.publicKey, { headHash: HEAD_HASH })
  assert.equal(verdict.flaw, undefined)
  assert.deepEqual(verdict.chains.map(({ isClosed }) => isClosed).sort(), [false, true])
  const nodes = new Set<string>()
  const written = new Set<string>()
  for await (const { event } of queryEvents(store)) {
    nodes.add(event.node)
    written.add(event.call ?? '')
  }
  assert.equal(nodes.size, 2)
  assert.deepEqual(
    acknowledged.filter((call) => !written.has(call)),
    [],
  )
  await store.close()
})

it('keeps what both of two writers acknowledged that are killed while they write at once', async (context) => {
  const path = join(makeFolder(context), 'a.db')
  const acknowledged: string[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const writers = ['left', 'right'].map((name) => runWriter(path, `${name}${round}`, { killAfter: randomInt(1, 800) }))
    acknowledged.push(...(await Promise.all(writers)).flat())
    const store = openSqlite(path, { clock: Date.now })
    const written = new Set<string>()
    for await (const { event } of queryEvents(store)) written.add(event.call ?? '')
    assert.deepEqual(
      acknowledged.filter((call) => !written.has(call)),
      [],
    )
    const verdict = await verifyJournal(storeSource(store), KEYS.publicKey, { headHash: HEAD_HASH })
    assert.equal(verdict.flaw, undefined)
    assert.equal(verdict.events, written.size)
    await store.close()
  }
})
