/** sse.ts: streams read and written. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { encodeControl, encodeEvent, SSE_KEEP_ALIVE, SseDecoder } from '../../src/mcp/sse.ts'

const read = (text: string) => new SseDecoder().push(Buffer.from(text))

describe('reading', () => {
  test('an event has a type, data and an id', () => {
    assert.deepEqual(read('event: x\nid: 7\nretry: 50\ndata: a\ndata:b\n\n'), [{ event: 'x', data: 'a\nb', id: '7', retryMs: 50 }])
  })
  test('the type is message unless told', () => assert.deepEqual(read('data: a\n\n'), [{ event: 'message', data: 'a' }]))
  test('lines end in CR, LF or both', () => {
    assert.deepEqual(
      read('data: a\r\ndata: b\rdata: c\n\r\ndata: d\r\rdata: e\n\n').map(({ data }) => data),
      ['a\nb\nc', 'd', 'e'],
    )
  })
  test('comments, unknown fields and a byte order mark are ignored', () => {
    assert.deepEqual(read('\ufeff: hi\nfoo: 1\n:\ndata: a\n\n:\n\n'), [{ event: 'message', data: 'a' }])
  })
  test('an id without data is an event: streams of 2025-11-25 begin with one', () => {
    assert.deepEqual(read('id: 1\ndata:\n\nid: 2\n\n'), [
      { event: 'message', data: '', id: '1' },
      { event: 'message', data: '', id: '2' },
    ])
  })
  test('an id with NUL and a retry that is no number are ignored', () =>
    assert.deepEqual(read('id: a\0\nretry: 1e3\ndata: x\n\n'), [{ event: 'message', data: 'x' }]))
  test('what is begun at the end is not an event', () => assert.deepEqual(read('data: a\n'), []))
  test('other line separators of Unicode do not end lines', () =>
    assert.equal(read('data: a\u2028b\u0085c\n\n')[0]?.data, 'a\u2028b\u0085c'))
  test('bytes that arrive one by one make the same events', () => {
    const decoder = new SseDecoder()
    const bytes = Buffer.from('id: 1\r\ndata: ä😀\r\n\r\ndata: b\r\rdata: c\n\n')
    const events = Array.from(bytes).flatMap((_, at) => decoder.push(bytes.subarray(at, at + 1)))
    assert.deepEqual(events, read(bytes.toString()))
    assert.equal(events.length, 3)
  })
  test('a chunk may be used again by its owner', () => {
    const decoder = new SseDecoder()
    const chunk = Buffer.from('data: abc')
    decoder.push(chunk)
    chunk.fill(0x78)
    assert.equal(decoder.push(Buffer.from('\n\n'))[0]?.data, 'abc')
  })
  test('an event that is too large is refused, in one line or in many', () => {
    assert.throws(() => new SseDecoder(100).push(Buffer.from(`data: ${'a'.repeat(100)}`)), { code: 'upstream_failed' })
    const decoder = new SseDecoder(100)
    assert.throws(() => decoder.push(Buffer.from('data: aaaaaaaa\n'.repeat(10))), { code: 'upstream_failed' })
  })
  test('many small events and endless comments are not large', () => {
    assert.equal(new SseDecoder(100).push(Buffer.from('data: aaaaaaaa\n\n'.repeat(50))).length, 50)
    assert.equal(new SseDecoder(100).push(Buffer.from(':\r\n'.repeat(500))).length, 0)
  })
  test('a stream that is not UTF-8 is refused', () => {
    assert.throws(() => new SseDecoder().push(Buffer.from([0x64, 0x61, 0x74, 0x61, 0x3a, 0xff, 0x0a])), { code: 'upstream_failed' })
  })
})

describe('writing', () => {
  const body = { jsonrpc: '2.0', id: 1, result: { text: 'a\n\nevent: x\ndata: {}\r\n\n' } } as const
  test('a payload cannot begin an event of its own', () => {
    const written = encodeEvent({ body }, '7')
    const events = new SseDecoder().push(written)
    assert.equal(events.length, 1)
    assert.deepEqual(JSON.parse(events[0]?.data ?? ''), body)
    assert.equal(events[0]?.id, '7')
    assert.ok(Buffer.from(written).toString().startsWith('id: 7\nevent: message\ndata: {'))
  })
  test('bytes of one line are sent as they are, of several written anew', () => {
    const bytes = Buffer.from('{ "jsonrpc":"2.0", "id":1 }')
    assert.equal(Buffer.from(encodeEvent({ body, bytes })).toString(), `event: message\ndata: ${bytes}\n\n`)
    const pretty = Buffer.from(JSON.stringify(body, undefined, 2))
    assert.deepEqual(JSON.parse(new SseDecoder().push(encodeEvent({ body, bytes: pretty }))[0]?.data ?? ''), body)
  })
  test('an id that breaks the framing is refused', () => {
    for (const id of ['a\nb', 'a\rb', 'a\0b']) assert.throws(() => encodeEvent({ body }, id), { code: 'upstream_failed' })
  })
  test('a control event and a keep-alive are read as such', () => {
    assert.deepEqual(new SseDecoder().push(encodeControl({ id: '3', retryMs: 20 })), [{ event: 'message', data: '', id: '3', retryMs: 20 }])
    assert.deepEqual(new SseDecoder().push(SSE_KEEP_ALIVE), [])
  })
})
