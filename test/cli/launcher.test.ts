import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { BIN } from './portcullis.ts'

test('installed on a Node.js that is too old, the launcher says so in one line and ends with 1', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-bin-'))
  t.after(() => rmSync(folder, { recursive: true }))
  cpSync(dirname(BIN), join(folder, 'bin'), { recursive: true })
  writeFileSync(join(folder, 'old.cjs'), "Object.defineProperty(process.versions, 'node', { value: '20.20.2' })")
  const { status, stderr, stdout } = spawnSync(process.execPath, ['-r', join(folder, 'old.cjs'), join(folder, 'bin/portcullis')], {
    encoding: 'utf8',
  })
  assert.equal(status, 1)
  assert.equal(stdout, '')
  assert.match(stderr, /^portcullis needs Node\.js 24 or newer, this is v\S+\n$/)
})

test('the launcher is written so that an old Node.js can read it', () => {
  const text = readFileSync(BIN, 'utf8')
  assert.match(text, /^#!\/usr\/bin\/env node\n/)
  assert.doesNotMatch(text, /\bconst\b|\blet\b|=>|`|\bawait\b|\?\?/)
  assert.equal(JSON.parse(readFileSync(join(dirname(BIN), 'package.json'), 'utf8')).type, 'commonjs')
})
