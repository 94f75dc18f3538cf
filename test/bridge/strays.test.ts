import assert from 'node:assert/strict'
import { test } from 'node:test'
import { STANDING, Strays } from '../../src/bridge/strays.ts'
import type { Message } from '../../src/core/call.ts'
import { all } from '../fixtures/stdio.ts'

const said = (text: string): Message => ({ body: { jsonrpc: '2.0', method: 'notifications/message', params: { data: text } } })

test('a stream stands before anything is said on it, and then tells what was kept and what comes', async () => {
  const strays = new Strays()
  assert.equal(strays.give(said('nobody listens')), false)
  strays.keep(said('kept'))
  const stop = new AbortController()
  const stream = strays.stream(stop.signal)
  assert.equal((await stream.next()).value, STANDING)
  assert.ok(strays.isOpen)
  assert.equal(strays.give(said('comes')), true)
  stop.abort()
  assert.deepEqual(
    (await all(stream)).map(({ body }) => body.params?.['data']),
    ['kept', 'comes'],
  )
  assert.equal(strays.isOpen, false)
})

test('what is said goes to the newest stream and to no other', async () => {
  const strays = new Strays()
  const stop = new AbortController()
  const [older, newer] = [strays.stream(stop.signal), strays.stream(stop.signal)]
  for (const stream of [older, newer]) assert.equal((await stream.next()).value, STANDING)
  strays.give(said('once'))
  stop.abort()
  assert.deepEqual([(await all(older)).length, (await all(newer)).length], [0, 1])
})

test('a stream of a caller that has gone does not stand', async () => {
  assert.deepEqual(await all(new Strays().stream(AbortSignal.abort())), [])
})

test('beyond what is kept, the oldest gives way, and what is too long is not kept', () => {
  const strays = new Strays()
  const first = said('0')
  assert.equal(strays.keep(first), undefined)
  for (let at = 1; at < 64; at++) assert.equal(strays.keep(said(String(at))), undefined)
  assert.equal(strays.keep(said('64')), first)
  const long = said('long')
  assert.equal(strays.keep(long, 64 * 1024 + 1), long)
})
