/** Questions find exactly the events that fit, in order, also those that are written later. */
import assert from 'node:assert/strict'
import { it, type TestContext } from 'node:test'
import { type Filter, type Question, queryEvents } from '../../src/audit/query.ts'
import type { Entry } from '../../src/core/event.ts'
import type { Store } from '../../src/store/store.ts'
import { entryOf, makeDesk, START_AT, writeMany } from './fixture.ts'

async function callsOf(store: Store, question?: Question): Promise<readonly string[]> {
  const calls: string[] = []
  for await (const { event } of queryEvents(store, question)) calls.push(event.call ?? '')
  return calls
}

const ENTRIES: readonly Entry[] = [
  {
    type: 'call.begun',
    call: 'a',
    principal: 'key#1',
    method: 'tools/call',
    resource: { kind: 'tool', server: 'files', name: 'read_file' },
  },
  {
    type: 'call.ended',
    call: 'b',
    principal: 'key#1',
    outcome: 'permitted',
    method: 'tools/call',
    resource: { kind: 'tool', server: 'files', name: 'read_file' },
  },
  {
    type: 'call.ended',
    call: 'c',
    principal: 'key#2',
    outcome: 'denied',
    denial: 'forbidden',
    method: 'tools/call',
    resource: { kind: 'tool', server: 'files', name: 'write_file' },
  },
  {
    type: 'call.ended',
    call: 'd',
    outcome: 'denied',
    denial: 'unauthenticated',
    method: 'tools/list',
    resource: { kind: 'server', server: 'files', name: 'files' },
  },
  {
    type: 'call.ended',
    call: 'e',
    principal: 'https://issuer.example#ann',
    outcome: 'failed',
    method: 'prompts/get',
    resource: { kind: 'prompt', server: 'mail', name: 'read_file' },
  },
  { type: 'key.created', call: 'f', by: 'cli' },
]

async function makeHistory(context: TestContext): Promise<Store> {
  const desk = makeDesk(context)
  const journal = desk.open()
  for (const entry of ENTRIES) {
    await journal.write(entry)
    desk.clock.now += 1_000
  }
  return desk.store
}

it('answers with everything in order when nothing is asked', async (context) => {
  assert.deepEqual(await callsOf(await makeHistory(context)), ['a', 'b', 'c', 'd', 'e', 'f'])
})

it('finds exactly the events that fit each filter', async (context) => {
  const store = await makeHistory(context)
  const rows: readonly (readonly [Filter, readonly string[]])[] = [
    [{ outcome: 'denied' }, ['c', 'd']],
    [{ principal: 'key#1' }, ['a', 'b']],
    [{ principal: 'key#*' }, ['a', 'b', 'c']],
    [{ principal: 'key#' }, []],
    [{ tool: 'read_file' }, ['a', 'b']],
    [{ tool: 'files/*' }, ['a', 'b', 'c']],
    [{ tool: 'mail/*' }, []],
    [{ tool: '/' }, []],
    [{ method: 'tools/list' }, ['d']],
    [{ denial: 'forbidden' }, ['c']],
    [{ type: 'key.created' }, ['f']],
    [{ call: 'e' }, ['e']],
    [{ since: START_AT + 2_000 }, ['c', 'd', 'e', 'f']],
    [{ until: START_AT + 2_000 }, ['a', 'b']],
    [{ since: START_AT + 1_000, until: START_AT + 3_000, outcome: 'permitted' }, ['b']],
  ]
  for (const [filter, calls] of rows) assert.deepEqual(await callsOf(store, filter), calls, JSON.stringify(filter))
})

it('answers with the newest so many that fit', async (context) => {
  const store = await makeHistory(context)
  assert.deepEqual(await callsOf(store, { last: 2 }), ['e', 'f'])
  assert.deepEqual(await callsOf(store, { last: 2, tool: 'files/*' }), ['b', 'c'])
  assert.deepEqual(await callsOf(store, { last: 0 }), [])
  assert.deepEqual(await callsOf(store, { last: 99 }), ['a', 'b', 'c', 'd', 'e', 'f'])
})

it('reads over many pages, forward, from an instant, and from the end', async (context) => {
  const desk = makeDesk(context)
  const journal = desk.open()
  const count = 3_500
  for (let from = 0; from < count; from += 500) {
    desk.clock.now += 60_000
    await Promise.all(Array.from({ length: 500 }, (_, i) => journal.write(entryOf(from + i))))
  }
  const all = Array.from({ length: count }, (_, i) => `call-${i}`)
  assert.deepEqual(await callsOf(desk.store), all)
  assert.deepEqual(await callsOf(desk.store, { since: START_AT + 6 * 60_000 }), all.slice(2_500))
  assert.deepEqual(await callsOf(desk.store, { last: 2_600 }), all.slice(900))
  assert.deepEqual(await callsOf(desk.store, { call: 'call-3', last: 1 }), ['call-3'])
})

it('goes on with what is written later, until it is told to stop', async (context) => {
  const desk = makeDesk(context)
  const journal = desk.open()
  await writeMany(journal, 1, 3)
  const stop = new AbortController()
  const seen: (string | undefined)[] = []
  for await (const { event } of queryEvents(desk.store, { last: 1, follow: { everyMs: 1, signal: stop.signal } })) {
    seen.push(event.call)
    if (event.call === 'call-3') void writeMany(journal, 4, 6)
    if (event.call === 'call-6') stop.abort()
  }
  assert.deepEqual(seen, ['call-3', 'call-4', 'call-5', 'call-6'])
})

it('follows a journal that is still empty', async (context) => {
  const desk = makeDesk(context)
  const journal = desk.open()
  const stop = new AbortController()
  const rows = queryEvents(desk.store, { last: 10, follow: { everyMs: 1, signal: stop.signal } })
  const first = rows.next()
  await journal.write(entryOf(1))
  assert.equal((await first).value?.event.call, 'call-1')
  stop.abort()
  assert.equal((await rows.next()).done, true)
})

it('ends at once when it is told to stop while it waits', async (context) => {
  const desk = makeDesk(context)
  const stop = new AbortController()
  const rows = queryEvents(desk.store, { follow: { everyMs: 3_600_000, signal: stop.signal } })
  const first = rows.next()
  setImmediate(() => stop.abort())
  assert.equal((await first).done, true)
})
