import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { LineReader } from '../../src/upstream/lines.ts'

function read(chunks: readonly Buffer[], maxBytes: number) {
  const lines: string[] = []
  const tooLong: (readonly [head: string, tail: string])[] = []
  let endless = 0
  const reader = new LineReader(maxBytes, {
    onLine: (line) => void lines.push(line.toString()),
    onTooLong: (head, tail) => void tooLong.push([head, tail]),
    onEndless: () => void endless++,
  })
  for (const chunk of chunks) reader.read(chunk)
  return { lines, tooLong, endless }
}

test('lines come out whole however they were cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\n', ' '))),
      fc.array(fc.nat(20), { minLength: 1 }),
      (texts, cuts) => {
        const bytes = Buffer.from(texts.map((text) => `${text}\n`).join(''))
        const chunks: Buffer[] = []
        let at = 0
        for (let turn = 0; at < bytes.length; turn++) {
          const end = at + 1 + (cuts[turn % cuts.length] ?? 0)
          chunks.push(bytes.subarray(at, end))
          at = end
        }
        assert.deepEqual(
          read(chunks, 1_000_000).lines,
          texts.filter((text) => text !== '').map((text) => Buffer.from(text).toString()),
        )
      },
    ),
  )
})

test('a line of the cap is read and one byte more is not, in one chunk or in many', () => {
  for (const size of [1, 7, 1_000]) {
    const cut = (text: string): Buffer[] =>
      Array.from({ length: Math.ceil(text.length / size) }, (_, at) => Buffer.from(text.slice(at * size, (at + 1) * size)))
    const { lines, tooLong } = read(cut(`${'a'.repeat(10)}\n${'b'.repeat(11)}\nc\n`), 10)
    assert.deepEqual(lines, ['a'.repeat(10), 'c'])
    assert.deepEqual(tooLong, [['b'.repeat(11), 'b'.repeat(11)]])
  }
})

test('both ends of a line that is too long are kept, 128 bytes of each', () => {
  const long = `head${'x'.repeat(3_000)}tail`
  const chunks = Array.from({ length: 50 }, (_, at) => Buffer.from(`${long}\n`.slice(at * 61, (at + 1) * 61)))
  const { tooLong } = read(chunks, 1_000)
  assert.deepEqual(tooLong, [[long.slice(0, 128), long.slice(-128)]])
})

test('a line without end is told of once, after four times the cap', () => {
  assert.equal(read(Array(40).fill(Buffer.from('x')), 10).endless, 0)
  assert.equal(read(Array(100).fill(Buffer.from('x')), 10).endless, 1)
})
