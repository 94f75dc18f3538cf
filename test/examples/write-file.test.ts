/** The path and size rules of the example server's write_file tool. */
import assert from 'node:assert/strict'
import { linkSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { FILE_MAX_BYTES, WriteRefused, writeBelow } from '../../examples/secure-server/write-file.ts'

const base = realpathSync(mkdtempSync(join(tmpdir(), 'portcullis-write-')))
const root = realpathSync(mkdtempSync(join(base, 'root-')))
after(() => rmSync(base, { recursive: true }))

test('a text is written below the root, folders are made on the way, and an older text is replaced', async () => {
  assert.equal(await writeBelow(root, 'a/b/note.txt', 'longer than the next'), 20)
  assert.equal(await writeBelow(root, 'a/b/note.txt', 'héllo'), 6)
  assert.equal(readFileSync(join(root, 'a/b/note.txt'), 'utf8'), 'héllo')
})

for (const path of [
  '',
  '/etc/passwd',
  '../out.txt',
  'a/../../out.txt',
  './a',
  'a//b',
  'a/',
  '.ssh/keys',
  'a\\b',
  'a\0b',
  'C:note',
  'a/b/c/d/e/f/g/h/i',
  'ａ．．',
]) {
  test(`the path ${JSON.stringify(path)} is refused`, async () => {
    await assert.rejects(writeBelow(root, path, 'x'), WriteRefused)
  })
}

test('a symbolic link is followed neither as a folder nor as a file', async () => {
  const outside = join(base, 'outside.txt')
  writeFileSync(outside, 'untouched')
  symlinkSync(base, join(root, 'way-out'))
  symlinkSync(outside, join(root, 'file-out'))
  await assert.rejects(writeBelow(root, 'way-out/outside.txt', 'x'), WriteRefused)
  await assert.rejects(writeBelow(root, 'file-out', 'x'), WriteRefused)
  assert.equal(readFileSync(outside, 'utf8'), 'untouched')
})

test('a file with a second name elsewhere is not written through', async () => {
  const outside = join(base, 'linked.txt')
  writeFileSync(outside, 'untouched')
  linkSync(outside, join(root, 'linked.txt'))
  await assert.rejects(writeBelow(root, 'linked.txt', 'x'), WriteRefused)
  assert.equal(readFileSync(outside, 'utf8'), 'untouched')
})

test('a folder is not written as a file', async () => {
  await writeBelow(root, 'folder/inside.txt', 'x')
  await assert.rejects(writeBelow(root, 'folder', 'x'), WriteRefused)
})

test('the limit counts bytes, not characters, and the last allowed one is allowed', async () => {
  assert.equal(await writeBelow(root, 'full.txt', 'x'.repeat(FILE_MAX_BYTES)), FILE_MAX_BYTES)
  await assert.rejects(writeBelow(root, 'over.txt', 'é'.repeat(FILE_MAX_BYTES / 2 + 1)), WriteRefused)
})
