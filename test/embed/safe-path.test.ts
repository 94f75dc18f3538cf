import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Denial } from '../../src/core/denial.ts'
import { safePath } from '../../src/embed/safe-path.ts'

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'portcullis-safe-path-')))
const root = join(folder, 'data')
mkdirSync(join(root, 'sub'), { recursive: true })
mkdirSync(join(folder, 'data2'))
writeFileSync(join(root, 'a.txt'), 'a')
writeFileSync(join(folder, 'outside.txt'), 'x')
symlinkSync('a.txt', join(root, 'inside-link'))
symlinkSync(join(folder, 'outside.txt'), join(root, 'outside-link'))
symlinkSync(folder, join(root, 'folder-link'))
symlinkSync(join(folder, 'not-there-yet'), join(root, 'dangling'))
symlinkSync('loop', join(root, 'loop'))
symlinkSync(root, join(folder, 'root-link'))
after(() => rmSync(folder, { recursive: true }))

const GOOD: readonly (readonly [input: string, path: string])[] = [
  ['a.txt', 'a.txt'],
  ['./sub/../a.txt', 'a.txt'],
  ['inside-link', 'a.txt'],
  ['sub', 'sub'],
  ['.', ''],
  ['new.txt', 'new.txt'],
  ['sub/new/deep.txt', 'sub/new/deep.txt'],
  [join(root, 'a.txt'), 'a.txt'],
  ['.env', '.env'],
]

for (const [input, path] of GOOD) {
  test(`${input} is a path below the root`, async () => {
    assert.equal(await safePath(root, input), join(root, path))
  })
}

test('a root that is reached through a link is the folder it leads to', async () => {
  assert.equal(await safePath(join(folder, 'root-link'), 'a.txt'), join(root, 'a.txt'))
  assert.equal(await safePath(join(folder, 'root-link'), join(folder, 'root-link/sub')), join(root, 'sub'))
})

const BAD = [
  '..',
  '../outside.txt',
  '../data2/x',
  'sub/../../outside.txt',
  'outside-link',
  'folder-link/outside.txt',
  'folder-link/new.txt',
]
  .concat([
    'dangling',
    'dangling/x',
    'loop',
    'a.txt/x',
    join(folder, 'data2'),
    '/etc/passwd',
    'a\0.txt',
    '%2e%2e/outside.txt',
    '..\\outside.txt',
  ])
  .concat(['\uff0e\uff0e/outside.txt', '~/x', 'C:\\x', 'file:///etc/passwd', ''.padEnd(5000, 'a')])

for (const input of BAD) {
  test(`${JSON.stringify(input).slice(0, 60)} is refused`, async () => {
    await assert.rejects(
      safePath(root, input),
      (error) => error instanceof Denial && error.code === 'invalid_arguments' && !error.message.includes(folder),
    )
  })
}

test('a root that is not there is a fault, not a refusal', async () => {
  await assert.rejects(safePath(join(folder, 'nowhere'), 'a.txt'), { code: 'FAULT_ROOT' })
})
