/** A server's time for a call, of which the list that had to be asked for before takes a part. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Call, Message } from '../../src/core/call.ts'
import { CallTimes } from '../../src/guard/call-time.ts'
import { aCall, aPrincipal, aResult } from '../fixtures/nouns.ts'

const TIMEOUT_MS = 5_000

/** Whose list takes so long, by a clock that is turned by hand. */
function aWorld(listMs: number) {
  const world = { now: 0, forwarded: [] as Call[] }
  const times = new CallTimes(
    (server) => (server === 'files' ? TIMEOUT_MS : undefined),
    () => world.now,
  )
  const ask = times.counted(async () => {
    world.now += listMs
  })
  /** Answers with `messages`, then with nothing until it is called off. */
  const forward = (call: Call, messages: readonly Message[] = []): AsyncIterable<Message> =>
    times.forward(call, aPrincipal(), async function* (asked) {
      world.forwarded.push(asked)
      yield* messages
      const { promise, resolve } = Promise.withResolvers<void>()
      asked.signal.addEventListener('abort', resolve)
      await promise
    })
  return Object.assign(world, { times, forward, ask: (call: Call) => ask(call, aPrincipal(), () => forward(call)) })
}

async function all(messages: AsyncIterable<Message>): Promise<number> {
  let count = 0
  for await (const _ of messages) count++
  return count
}

test('a call whose server was asked for its tools first has what is left of one time, and is called off then', async () => {
  const world = aWorld(TIMEOUT_MS - 5)
  const call = aCall()
  await world.ask(call)
  await assert.rejects(all(world.forward(call)), { code: 'timeout', detail: /^files: no answer in 5000 ms/ })
  assert.equal(world.forwarded[0]?.signal.aborted, true)
  assert.equal(call.signal.aborted, false)
})

test('once the server has said something, the connection keeps the time', async () => {
  const world = aWorld(TIMEOUT_MS)
  const caller = new AbortController()
  const call = aCall({ signal: caller.signal })
  await world.ask(call)
  const messages = world.forward(call, [aResult({})])[Symbol.asyncIterator]()
  assert.equal((await messages.next()).done, false)
  const rest = messages.next()
  // Nothing was left, and a timer that is set later fires later.
  await new Promise((resolve) => setTimeout(resolve))
  assert.equal(world.forwarded[0]?.signal.aborted, false)
  caller.abort()
  assert.deepEqual([(await rest).done, world.forwarded[0]?.signal.aborted], [true, true])
})

test('who was not asked for anything, or keeps its own time, is forwarded to as it is; and what has ended is forgotten', async () => {
  const world = aWorld(TIMEOUT_MS)
  const [plain, other] = [aCall({ id: 'plain' }), aCall({ id: 'other', resource: { kind: 'tool', server: 'others', name: 'echo' } })]
  await world.ask(other)
  const ended = aCall({ id: 'ended' })
  await world.ask(ended)
  world.times.end(ended)
  for (const call of [plain, other, ended]) {
    await world
      .forward(call, [aResult({})])
      [Symbol.asyncIterator]()
      .next()
    assert.equal(world.forwarded.at(-1), call)
  }
})
