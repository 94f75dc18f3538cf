import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Mailbox } from '../../src/bridge/mailbox.ts'
import type { Message } from '../../src/core/call.ts'
import { all } from '../fixtures/stdio.ts'

const note = (at: number): Message => ({ body: { jsonrpc: '2.0', method: `m/${at}` } })

test('messages are taken in the order in which they were put, before and after somebody reads', async () => {
  const box = new Mailbox()
  box.push(note(1))
  const taken = all(box)
  box.push(note(2))
  box.finish(note(3))
  assert.deepEqual(await taken, [note(1), note(2), note(3)])
})

test('a failure is told once, after what came before it', async () => {
  const box = new Mailbox()
  box.push(note(1))
  box.fail(new RangeError('gone'))
  assert.deepEqual(await box.next(), { done: false, value: note(1) })
  await assert.rejects(box.next(), RangeError)
  assert.equal((await box.next()).done, true)
})

test('a full box takes nothing but the last message', async () => {
  const box = new Mailbox()
  assert.equal(box.push(note(1), 4 * 1024 * 1024), true)
  assert.equal(box.push(note(2), 1), false)
  box.finish(note(3))
  assert.equal(box.push(note(4)), false)
  assert.deepEqual(await all(box), [note(1), note(3)])
})

test('who leaves early is noticed once, and who leaves at the end is not', async () => {
  let left = 0
  const early = new Mailbox(() => left++)
  early.push(note(1))
  for await (const _message of early) break
  await early.return()
  assert.equal(left, 1)
  const late = new Mailbox(() => left++)
  late.finish(note(1))
  await all(late)
  await late.return()
  assert.equal(left, 1)
})
