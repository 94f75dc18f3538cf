/** docs/storage.md has every shape of key that there is. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

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
