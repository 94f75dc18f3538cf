/** A log in a file: what was torn is never read, what was changed is told, and both ends tell the same. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it, type TestContext } from 'node:test'
import fc from 'fast-check'
import { BATCH_MAX_BYTES, BatchWriter, HEADER_BYTES } from '../../src/store/log-batch.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import type { Line, Store } from '../../src/store/store.ts'

const START_AT = 1_790_000_000_000

function makeFolder(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'log-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function makeLog(context: TestContext): { readonly store: Store; readonly path: string; readonly file: string } {
  const path = join(makeFolder(context), 'a.db')
  const store = openSqlite(path, { clock: () => START_AT })
  context.after(() => store.close())
  return { store, path, file: `${path}-log.log` }
}

function batchOf(values: readonly unknown[]): Buffer {
  return Buffer.from(new BatchWriter().batchOf(values.map((value) => JSON.stringify(value))))
}

function valuesOf(lines: readonly Line[]): readonly unknown[] {
  return lines.map(({ value }) => value)
}

async function readPages(store: Store, limit: number): Promise<readonly Line[]> {
  const lines: Line[] = []
  for (let page = await store.read('log', { limit }); page.length > 0; ) {
    lines.push(...page)
    page = await store.read('log', { limit, after: lines.at(-1)?.position ?? '' })
  }
  return lines
}

async function readPagesBackwards(store: Store, last: number): Promise<readonly Line[]> {
  const lines: Line[] = []
  for (let page = await store.read('log', { last }); page.length > 0; ) {
    lines.unshift(...page)
    page = await store.read('log', { last, before: lines[0]?.position ?? '' })
  }
  return lines
}

it('makes logs, marks and their folders for their owner alone', async (context) => {
  const { store, path } = makeLog(context)
  await store.append('log', [1], { by: 'w', value: 1 })
  assert.equal(statSync(`${path}-log.log`).mode & 0o777, 0o600)
  assert.equal(statSync(`${path}-log.marks`).mode & 0o777, 0o700)
  assert.equal(statSync(`${path}-log.marks/w.mark`).mode & 0o777, 0o600)
  assert.deepEqual(readdirSync(`${path}-log.marks`), ['w.mark'])
})

it('makes no file for a log that is only read', async (context) => {
  const { store, file } = makeLog(context)
  assert.deepEqual(await store.read('log'), [])
  assert.deepEqual(await store.marks('log'), [])
  assert.throws(() => statSync(file), { code: 'ENOENT' })
})

it('writes lines that anybody can read with a line at a time', async (context) => {
  const { store, file } = makeLog(context)
  await store.append('log', [{ a: 1 }, 'é😀'])
  await store.append('log', { texts: ['null'] })
  const lines = readFileSync(file, 'utf8').split('\n')
  assert.deepEqual(
    lines.filter((line) => line !== '' && !line.startsWith('#')),
    ['{"a":1}', '"é😀"', 'null'],
  )
  assert.deepEqual(valuesOf(await store.read('log')), [{ a: 1 }, 'é😀', null])
})

it('finds one log whatever link leads to the database', async (context) => {
  const { store, path } = makeLog(context)
  await store.append('log', ['here'])
  const link = join(makeFolder(context), 'link.db')
  symlinkSync(path, link)
  const other = openSqlite(link, { clock: () => START_AT })
  context.after(() => other.close())
  assert.deepEqual(valuesOf(await other.read('log')), ['here'])
})

it('refuses a text that is more than one line, and an append that no reader could hold', async (context) => {
  const { store } = makeLog(context)
  await assert.rejects(store.append('log', { texts: ['1', '{\n}'] }), { code: 'FAULT_STORE', message: /newline/ })
  const mebibyte = 'x'.repeat(1024 * 1024)
  const texts = Array.from({ length: BATCH_MAX_BYTES / mebibyte.length }, () => `"${mebibyte}"`)
  await assert.rejects(store.append('log', { texts }), { code: 'FAULT_STORE', message: /append fewer/ })
  assert.deepEqual(await store.read('log'), [])
})

it('reads nothing of a batch that was torn, wherever, alone or with others behind it', async (context) => {
  const { store, file } = makeLog(context)
  const torn = batchOf([{ text: '#12345678 000000001' }, 2, 'é'])
  const whole = batchOf(['next', 'line'])
  for (let length = 0; length < torn.length; length++) {
    const rest = torn.subarray(0, length)
    writeFileSync(file, rest)
    assert.deepEqual(await store.read('log'), [], `${length} bytes`)
    assert.deepEqual(await store.read('log', { last: 9 }), [], `${length} bytes`)
    writeFileSync(file, Buffer.concat([rest, whole, rest, rest, whole]))
    const lines = await store.read('log')
    assert.deepEqual(valuesOf(lines), ['next', 'line', 'next', 'line'], `${length} bytes`)
    assert.ok(lines.every(({ isDamaged }) => isDamaged === undefined))
    assert.deepEqual(await store.read('log', { last: 9 }), lines, `${length} bytes`)
  }
})

it('reads a batch once it is written to its end', async (context) => {
  const { store, file } = makeLog(context)
  await store.append('log', ['first'])
  const [first] = await store.read('log')
  const batch = batchOf(['second'])
  appendFileSync(file, batch.subarray(0, 24))
  assert.deepEqual(await store.read('log', { after: first?.position ?? '' }), [])
  appendFileSync(file, batch.subarray(24))
  assert.deepEqual(valuesOf(await store.read('log', { after: first?.position ?? '' })), ['second'])
})

it('reads the lines of a batch that was changed, and says that they are not as they were written', async (context) => {
  const { store, file } = makeLog(context)
  const batch = batchOf(['one', 'two'])
  const text = batch.toString()
  const rows: readonly (readonly [string, readonly unknown[]])[] = [
    [text.replace('one', 'eno'), ['eno', 'two']],
    [text.replace('one', 'longer than it was'), ['longer than it was', 'two']],
    [text.replace('"one"', '1'), [1, 'two']],
    [text.replace('"one"\n', ''), ['two']],
    [text.replace('"one"\n', '"one"\n\n'), ['one', null, 'two']],
    [text.replace('\n\n', '\nx'), ['one', 'two', null]],
    [text.replace('\n\n', 'x\n'), ['one', null]],
    [text.replace('#', '$'), [null, 'one', 'two']],
    [text.replace(/ \d{9}/, ' 000000900'), ['one', 'two']],
    [text.replace(/ \d{9}/, ' 000000001'), ['one', 'two']],
  ]
  for (const [changed, values] of rows) {
    writeFileSync(file, Buffer.concat([batchOf(['in front']), Buffer.from(changed), batchOf(['behind'])]))
    const lines = await store.read('log')
    assert.deepEqual(valuesOf(lines), ['in front', ...values, 'behind'], changed)
    assert.deepEqual(
      lines.map(({ isDamaged }) => isDamaged === true),
      [false, ...values.map(() => true), false],
    )
    assert.deepEqual(await readPagesBackwards(store, 1), lines)
  }
})

it('gives the same lines in pages of any size from either end, whatever is in the file', async (context) => {
  const { store, file } = makeLog(context)
  const text = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.constantFrom('#0a1b2c3d 000000007', '\n'))
  const batch = fc.array(text, { minLength: 1, maxLength: 12 }).map((values) => ({ bytes: batchOf(values), values, isChanged: false }))
  const torn = fc
    .tuple(batch, fc.nat(1_000))
    // Short of its end by more than a header: behind the last bytes of a batch a torn header could be taken for what is missing.
    .map(([{ bytes }, cut]) => ({ bytes: bytes.subarray(0, cut % (bytes.length - HEADER_BYTES)), values: [], isChanged: false }))
  const changed = fc.tuple(batch, fc.nat(100_000), fc.integer({ min: 1, max: 255 })).map(([{ bytes }, place, change]) => {
    const at = place % bytes.length
    return { bytes: bytes.with(at, (bytes[at] ?? 0) ^ change), values: [], isChanged: true }
  })
  const rubbish = fc.uint8Array({ minLength: 1, maxLength: 60 }).map((bytes) => ({ bytes, values: [], isChanged: true }))
  const piece = fc.oneof({ weight: 6, arbitrary: batch }, { weight: 4, arbitrary: torn }, { weight: 1, arbitrary: changed }, rubbish)
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 12 }), fc.integer({ min: 1, max: 20 }), async (pieces, size) => {
      writeFileSync(file, Buffer.concat(pieces.map(({ bytes }) => bytes)))
      const lines = await store.read('log', { limit: 10_000 })
      const positions = lines.map(({ position }) => position)
      assert.deepEqual(positions, [...new Set(positions)].sort())
      assert.deepEqual(await store.read('log', { last: 10_000 }), lines)
      assert.deepEqual(await readPages(store, size), lines)
      assert.deepEqual(await readPagesBackwards(store, size), lines)
      for (const [index, position] of positions.entries()) {
        if (index % 5 !== 0) continue
        assert.deepEqual(await store.read('log', { before: position, limit: 10_000 }), lines.slice(0, index))
        assert.deepEqual(await store.read('log', { after: position, last: 2 }), lines.slice(index + 1).slice(-2))
      }
      if (pieces.some(({ isChanged }) => isChanged)) return
      assert.ok(lines.every(({ isDamaged }) => isDamaged === undefined))
      assert.deepEqual(
        valuesOf(lines),
        pieces.flatMap(({ values }) => values),
      )
    }),
    { numRuns: 80 },
  )
})

it('gives the same lines from either end when batches are larger than what is read at a time', async (context) => {
  const { store, file } = makeLog(context)
  const pieces: Buffer[] = []
  const values: string[] = []
  for (let i = 0; i < 60; i++) {
    const batch = batchOf([`${i}a`, 'x'.repeat((i * 7_919) % 600_000), `${i}b`])
    // Torn ones too, so that the next header has to be searched for.
    if (i % 7 === 3) pieces.push(batch.subarray(0, batch.length - i))
    pieces.push(batch)
    values.push(`${i}a`, `${i}b`)
  }
  writeFileSync(file, Buffer.concat(pieces))
  const lines = await readPages(store, 7)
  assert.deepEqual(
    valuesOf(lines).filter((value) => !String(value).startsWith('x') && value !== ''),
    values,
  )
  assert.equal(lines.length, 180)
  assert.deepEqual(await readPagesBackwards(store, 11), lines)
})

it('reads over more damage than any batch could be', async (context) => {
  const { store, file } = makeLog(context)
  writeFileSync(file, batchOf(['first']))
  truncateSync(file, 2 * HEADER_BYTES + BATCH_MAX_BYTES)
  appendFileSync(file, batchOf(['last']))
  const lines = await store.read('log')
  assert.deepEqual(
    lines.map(({ value, isDamaged }) => [value, isDamaged === true]),
    [
      [null, true],
      ['last', false],
    ],
  )
  assert.deepEqual(await store.read('log', { last: 5 }), lines)
})

it('refuses positions that it never gave', async (context) => {
  const { store } = makeLog(context)
  await store.append('log', ['a', 'b'])
  const [first] = await store.read('log')
  assert.match(first?.position ?? '', /^0{16}-0{8}$/)
  for (const position of ['', '1', '0000000000000001', `${'0'.repeat(15)}7-${'0'.repeat(8)}`, `${first?.position} `, 'x'.repeat(25)]) {
    await assert.rejects(store.read('log', { after: position }), { code: 'FAULT_STORE' }, position)
    await assert.rejects(store.read('log', { before: position, last: 1 }), { code: 'FAULT_STORE' }, position)
  }
})

it('refuses a batch that a full disk takes only in part, reads nothing of it, and goes on when there is room', async (context) => {
  const folder = join(makeFolder(context), 'small')
  mkdirSync(folder)
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder])
  if (mounted.status !== 0) return context.skip('mounting a small file system needs root')
  const store = openSqlite(join(folder, 'a.db'), { clock: () => START_AT })
  try {
    const file = join(folder, 'a.db-log.log')
    await store.append('log', ['before'], { by: 'w', value: 1 })
    writeFileSync(join(folder, 'ballast'), Buffer.alloc(600_000))
    const size = statSync(file).size
    const large = Array.from({ length: 600 }, (_, i) => `${i}: ${'x'.repeat(1_000)}`)
    const full = { code: 'FAULT_STORE', message: /full: free space/ }
    await assert.rejects(store.append('log', large, { by: 'w', value: 2 }), full)
    assert.ok(statSync(file).size > size + HEADER_BYTES, 'a part of it was written')
    await assert.rejects(store.append('log', ['x'.repeat(5_000)], { by: 'w', value: 3 }), full)
    assert.deepEqual(valuesOf(await store.read('log')), ['before'])
    assert.deepEqual(await store.marks('log'), [{ by: 'w', value: 1 }])
    rmSync(join(folder, 'ballast'))
    await store.append('log', ['after'], { by: 'w', value: 4 })
    assert.deepEqual(valuesOf(await store.read('log')), ['before', 'after'])
    assert.deepEqual(valuesOf(await store.read('log', { last: 2 })), ['before', 'after'])
    assert.deepEqual(await store.marks('log'), [{ by: 'w', value: 4 }])
  } finally {
    await store.close()
    spawnSync('umount', ['-l', folder])
  }
})

it('says what to do when a log cannot be opened', async (context) => {
  const { store, file } = makeLog(context)
  mkdirSync(file)
  await assert.rejects(store.append('log', [1]), { code: 'FAULT_STORE', message: /a\.db: .*cannot be opened: see/ })
})
