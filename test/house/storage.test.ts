/** docs/storage.md has every shape of key that there is, and SECURITY.md every file that a backup needs. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { LOGS } from '../../src/store/keys.ts'

const ROOT = join(import.meta.dirname, '../..')

test('every kind of record and bucket is in docs/storage.md', () => {
  const shapes = readFileSync(join(ROOT, 'src/store/keys.ts'), 'utf8').matchAll(/keyOf\('([a-z-]+)'/g)
  const kinds = new Set([...shapes].map((match) => match[1] ?? ''))
  const told = readFileSync(join(ROOT, 'docs/storage.md'), 'utf8')
  assert.ok(kinds.size > 20)
  assert.deepEqual(
    [...kinds].filter((kind) => !told.includes(`\`${kind}/`) && !told.includes(`}${kind}/`) && !told.includes(`\`${kind}\``)),
    [],
  )
})

test('every log is among the files of a backup in SECURITY.md', () => {
  const told = readFileSync(join(ROOT, 'SECURITY.md'), 'utf8')
  assert.deepEqual(
    Object.values(LOGS).filter((log) => !told.includes(`-${log}.log\``)),
    [],
  )
})
