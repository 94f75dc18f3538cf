/** Whatever is done to the bytes of the journal's files is found. */
import assert from 'node:assert/strict'
import { closeSync, ftruncateSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { it, type TestContext } from 'node:test'
import fc from 'fast-check'
import { storeSource, type Verdict, verifyJournal } from '../../src/audit/verify.ts'
import { type Desk, entryOf, HEAD_HASH, KEYS, logFile, makeDesk, writeMany } from './fixture.ts'

function verify(desk: Desk): Promise<Verdict> {
  return verifyJournal(storeSource(desk.store), KEYS.publicKey, { headHash: HEAD_HASH })
}

/** Puts other bytes into a file, in place: a file that is emptied, written and closed waits for the disk each time. */
function writerOver(path: string, context: TestContext): (bytes: Uint8Array) => void {
  const fd = openSync(path, 'r+')
  context.after(() => closeSync(fd))
  return (bytes) => {
    writeSync(fd, bytes, 0, bytes.length, 0)
    ftruncateSync(fd, bytes.length)
  }
}

/** Two events alone, three in one append, one alone. */
async function makeJournal(context: TestContext, isClosed: boolean): Promise<Desk> {
  const desk = makeDesk(context)
  const journal = desk.open()
  await writeMany(journal, 1, 2)
  await Promise.all([3, 4, 5].map((number) => journal.write(entryOf(number))))
  await journal.write(entryOf(6))
  if (isClosed) await journal.close()
  assert.equal((await verify(desk)).flaw, undefined)
  return desk
}

/** Every byte that is not part of a record, and some of those that are. */
function placesOf(bytes: Buffer): readonly number[] {
  const text = bytes.toString('latin1')
  const headers = [...text.matchAll(/^#[^\n]*\n/gm)].flatMap(({ index, 0: header }) => Array.from(header, (_, i) => index + i))
  const newlines = [...text.matchAll(/\n/g)].map(({ index }) => index)
  const sample = Array.from({ length: Math.floor(bytes.length / 37) }, (_, i) => i * 37)
  return [...new Set([...headers, ...newlines, ...sample])]
}

for (const isClosed of [true, false]) {
  for (const log of ['audit', 'checkpoints']) {
    it(`finds every single change of a byte in the file of the ${log} of ${isClosed ? 'a closed' : 'an open'} journal`, async (context) => {
      const desk = await makeJournal(context, isClosed)
      const path = logFile(desk.path, log)
      const bytes = readFileSync(path)
      const write = writerOver(path, context)
      const isFound = async (at: number, byte: number): Promise<void> => {
        write(bytes.with(at, byte))
        const { isSound, flaw } = await verify(desk)
        assert.ok(!isSound && flaw !== undefined, `byte ${at} became ${byte}`)
      }
      for (const at of placesOf(bytes)) {
        const byte = bytes[at] ?? 0
        for (const other of [byte ^ 1, 0x0a, 0x23, 0x39, 0]) if (other !== byte) await isFound(at, other)
      }
      await fc.assert(
        fc.asyncProperty(fc.nat(bytes.length - 1), fc.nat(255), async (at, byte) => {
          fc.pre(bytes[at] !== byte)
          await isFound(at, byte)
        }),
        { numRuns: 150 },
      )
      write(bytes)
      assert.equal((await verify(desk)).flaw, undefined)
    })
  }
}

for (const [log, isClosed] of [
  ['audit', true],
  ['audit', false],
  // Of an open journal the last checkpoints may be missing: the mark vouches for more.
  ['checkpoints', true],
] as const) {
  it(`finds bytes that were put in or taken out of the file of the ${log} of ${isClosed ? 'a closed' : 'an open'} journal`, async (context) => {
    const desk = await makeJournal(context, isClosed)
    const path = logFile(desk.path, log)
    const bytes = readFileSync(path)
    const write = writerOver(path, context)
    const added = fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.constantFrom(Buffer.from('\n'), Buffer.from('{}\n')))
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 600 }), fc.option(added), async (at, length, insertion) => {
        const end = insertion === null ? at + length : at
        const changed = Buffer.concat([bytes.subarray(0, at), insertion ?? Buffer.alloc(0), bytes.subarray(end)])
        write(changed)
        assert.equal((await verify(desk)).isSound, false)
      }),
      { numRuns: 200 },
    )
  })
}

it('names an event whose words were changed for others of another length', async (context) => {
  for (const [from, to] of [
    ['key#abc', 'key#somebody-else'],
    ['permitted', 'denied'],
    ['tools/call', 'x'],
  ] as const) {
    for (const seq of [1, 3, 4, 5, 6]) {
      const desk = await makeJournal(context, true)
      const path = logFile(desk.path, 'audit')
      const lines = readFileSync(path, 'utf8').split('\n')
      const index = lines.findIndex((line) => line.includes(`"call":"call-${seq}"`))
      writeFileSync(path, lines.with(index, (lines[index] ?? '').replace(from, to)).join('\n'))
      const { flaw } = await verify(desk)
      assert.deepEqual([flaw?.reason, flaw?.seq], ['edited', seq])
    }
  }
})

it('names a line that was removed with an editor as deleted', async (context) => {
  const desk = await makeJournal(context, true)
  const path = logFile(desk.path, 'audit')
  const lines = readFileSync(path, 'utf8').split('\n')
  writeFileSync(path, lines.filter((line) => !line.includes('"call":"call-4"')).join('\n'))
  const { flaw } = await verify(desk)
  assert.deepEqual([flaw?.reason, flaw?.seq], ['deleted', 4])
})

it('tells of bytes that are not as they were written although every record is', async (context) => {
  const desk = await makeJournal(context, true)
  const path = logFile(desk.path, 'audit')
  const bytes = readFileSync(path)
  // The second digit of the first checksum.
  writeFileSync(path, bytes.with(2, bytes[2] === 0x30 ? 0x31 : 0x30))
  const { flaw } = await verify(desk)
  assert.deepEqual([flaw?.reason, flaw?.seq], ['damaged', 1])
})
