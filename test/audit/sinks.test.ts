/** Sinks write one line for each event, whatever stands in it, and lose none when files are moved. */
import assert from 'node:assert/strict'
import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough, Writable } from 'node:stream'
import { it } from 'node:test'
import type { Checkpoint } from '../../src/audit/checkpoint.ts'
import { escapeLine, fileSink, streamSink } from '../../src/audit/sinks.ts'
import { fileSource, verifyJournal } from '../../src/audit/verify.ts'
import { entryOf, KEYS, makeDesk, makeFolder, writeMany } from './fixture.ts'

const SIGNED: Checkpoint = { type: 'checkpoint', node: 'n', seq: 0, head: '', count: 1, at: 0, chains: [], closed: false, signature: '' }

it('writes JSON lines to a stream', async (context) => {
  const stream = new PassThrough()
  const journal = makeDesk(context).open({ sinks: [streamSink('stdout', stream)] })
  await writeMany(journal, 1, 3)
  await journal.close()
  const lines = String(stream.read(stream.readableLength)).trimEnd().split('\n')
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).type),
    ['checkpoint', 'call.ended', 'checkpoint', 'call.ended', 'call.ended', 'checkpoint'],
  )
  assert.equal(stream.writableEnded, false)
})

it('loses lines, and counts them, when nobody reads the stream', async (context) => {
  const stuck = new Writable({ highWaterMark: 1, write: () => undefined })
  const { faults, open } = makeDesk(context)
  const journal = open({ sinks: [streamSink('stdout', stuck)] })
  const big = { ...entryOf(1), detail: 'x'.repeat(1_000_000) }
  for (let i = 0; i < 20; i++) await journal.write(big)
  await journal.close()
  assert.ok((journal.lost().get('stdout') ?? 0) >= 3)
  assert.ok(faults.some((fault) => fault.code === 'FAULT_SINK'))
})

it('makes the file for its owner alone and writes at its end', async (context) => {
  const path = join(makeFolder(context), 'audit.jsonl')
  const { open } = makeDesk(context)
  for (const number of [1, 2]) {
    const journal = open({ sinks: [fileSink(path)] })
    await journal.write(entryOf(number))
    await journal.close()
  }
  assert.equal(statSync(path).mode & 0o777, 0o600)
  assert.equal((await verifyJournal(fileSource(path), KEYS.publicKey)).events, 2)
})

it('writes on in a new file after the old one was moved away and it was opened again', async (context) => {
  const path = join(makeFolder(context), 'audit.jsonl')
  const sink = fileSink(path)
  const journal = makeDesk(context).open({ sinks: [sink] })
  await writeMany(journal, 1, 2)
  renameSync(path, `${path}.1`)
  await journal.write(entryOf(3))
  sink.reopen?.()
  await journal.write(entryOf(4))
  await journal.close()
  const callsIn = (file: string): readonly string[] => readFileSync(file, 'utf8').match(/call-\d/g) ?? []
  assert.deepEqual(callsIn(`${path}.1`), ['call-1', 'call-2', 'call-3'])
  assert.deepEqual(callsIn(path), ['call-4'])
})

it('writes on in the file that has taken the place of its own, and in a new one where its own was removed', async (context) => {
  const path = join(makeFolder(context), 'audit.jsonl')
  const journal = makeDesk(context).open({ sinks: [fileSink(path)] })
  const callsIn = (file: string): readonly string[] => readFileSync(file, 'utf8').match(/call-\d/g) ?? []
  await journal.write(entryOf(1))
  renameSync(path, `${path}.1`)
  writeFileSync(path, '')
  await journal.write(entryOf(2))
  assert.deepEqual([callsIn(`${path}.1`), callsIn(path)], [['call-1'], ['call-2']])

  rmSync(path)
  await journal.write(entryOf(3))
  assert.deepEqual(callsIn(path), ['call-3'])
  assert.equal(statSync(path).mode & 0o777, 0o600)
  await journal.close()
})

it('makes the file anew once its name has been free for a second', (context) => {
  const path = join(makeFolder(context), 'audit.jsonl')
  let now = 0
  const sink = fileSink(path, () => now)
  const tell = (text: string): void => void sink.write([{ kind: 'checkpoint', checkpoint: SIGNED, text }], () => assert.fail())
  tell('{"n":1}')
  renameSync(path, `${path}.1`)
  for (const at of [10, 20, 1_009]) {
    now = at
    tell(`{"n":${at}}`)
  }
  now = 1_010
  tell('{"n":1010}')
  void sink.close?.()
  assert.equal(readFileSync(`${path}.1`, 'utf8'), '{"n":1}\n{"n":10}\n{"n":20}\n{"n":1009}\n')
  assert.equal(readFileSync(path, 'utf8'), '{"n":1010}\n')
})

it('is told with every other file to open it again, and says which could not be', async (context) => {
  const folder = join(makeFolder(context), 'logs')
  mkdirSync(folder)
  const { faults, open } = makeDesk(context)
  const [kept, lost] = [join(makeFolder(context), 'kept.jsonl'), join(folder, 'lost.jsonl')]
  const journal = open({ sinks: [fileSink(lost), fileSink(kept)] })
  renameSync(kept, `${kept}.1`)
  assert.equal(journal.reopen(), true)
  assert.equal(existsSync(kept), true)
  rmSync(folder, { recursive: true })
  assert.equal(journal.reopen(), false)
  assert.deepEqual(
    faults.map(({ code, message }) => [code, message.startsWith(`${lost}: the audit file cannot be opened`)]),
    [['FAULT_SINK', true]],
  )
  await journal.close()
})

it('counts what a stream that has gone does not take, tells it once, and ends nothing', async (context) => {
  const gone = new Writable({ write: (_chunk, _encoding, done) => done(new Error('EPIPE: broken pipe')) })
  const { faults, open } = makeDesk(context)
  const journal = open({ sinks: [streamSink('stdout', gone)] })
  await writeMany(journal, 1, 5)
  await journal.close()
  assert.ok((journal.lost().get('stdout') ?? 0) >= 5)
  assert.deepEqual(
    faults.map(({ message }) => message.replace(/\d+/, 'N')),
    [
      'Audit sink stdout loses lines from now on, which the journal has: EPIPE: broken pipe',
      'Audit sink stdout was not told N lines until the end, which the journal has: EPIPE: broken pipe',
    ],
  )
})

it('begins a new line behind one that was torn by a crash', async (context) => {
  const path = join(makeFolder(context), 'audit.jsonl')
  appendFileSync(path, '{"torn":')
  const journal = makeDesk(context).open({ sinks: [fileSink(path)] })
  await journal.write(entryOf(1))
  await journal.close()
  const [torn, ...lines] = readFileSync(path, 'utf8').trimEnd().split('\n')
  assert.equal(torn, '{"torn":')
  assert.ok(lines.every((line) => JSON.parse(line) !== null))
})

it('is a fault to name a file that cannot be opened', (context) => {
  assert.throws(() => fileSink(join(makeFolder(context), 'none', 'audit.jsonl')), { name: 'Fault', code: 'FAULT_SINK' })
})

it('lets nothing that an event holds break its line or reach a terminal as a command', async (context) => {
  const path = join(makeFolder(context), 'audit.jsonl')
  const hostile = 'a\r\nb\u001b[31m\u0085\u009b2J\u2028\u2029\u202e\u007f\ufeff"}\n{"type":"call.ended"'
  const journal = makeDesk(context).open({ sinks: [fileSink(path)] })
  await journal.write({ ...entryOf(1), agent: hostile, arguments: { [hostile]: hostile } })
  await journal.close()
  const text = readFileSync(path, 'utf8')
  assert.match(text, /^[\n -~]*$/)
  const lines = text.trimEnd().split('\n')
  // A birth certificate, the event, the checkpoint behind it, and the last one.
  assert.equal(lines.length, 4)
  const event = lines.map((line) => JSON.parse(line)).find((line) => line.type === 'call.ended')
  assert.equal(event.agent, hostile)
  // The escapes mean the same, so the file still proves itself.
  assert.equal((await verifyJournal(fileSource(path), KEYS.publicKey)).isSound, true)
})

it('leaves a line without such characters as it is', () => {
  const line = '{"a":"é 😀 \\n"}'
  assert.equal(escapeLine(line), line)
})
