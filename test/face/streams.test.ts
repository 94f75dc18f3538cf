import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Message } from '../../src/core/call.ts'
import { Denial } from '../../src/core/denial.ts'
import { Streams } from '../../src/face/streams.ts'

/** A stream on which nothing is said, until it is let go. */
async function* silence(over: Promise<void>): AsyncIterable<Message> {
  await over
  yield* []
}

test('a principal has as many streams open as it may, one more when one ends, and takes none of another', async () => {
  const streams = new Streams(2)
  const over = Promise.withResolvers<void>()
  const open = (principal: string): Promise<IteratorResult<Message>> =>
    streams.count(principal, silence(over.promise))[Symbol.asyncIterator]().next()
  const first = [open('ann'), open('ann')]
  assert.equal(streams.size, 2)
  assert.throws(
    () => open('ann'),
    (error: unknown) => error instanceof Denial && error.code === 'unavailable',
  )
  const other = open('bob')
  assert.equal(streams.size, 3)
  over.resolve()
  await Promise.all([...first, other])
  assert.equal(streams.size, 0)
  assert.deepEqual(await open('ann'), { done: true, value: undefined })
})
