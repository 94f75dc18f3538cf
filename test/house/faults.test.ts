/** docs/faults.md says of every code of a fault what it means and what to do, and of no other. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { FAULTS } from '../../src/core/denial.ts'

const ROOT = join(import.meta.dirname, '../..')

test('every code of a fault stands in docs/faults.md, with what it means and what to do', () => {
  const rows = readFileSync(join(ROOT, 'docs/faults.md'), 'utf8').matchAll(/^\| `(FAULT_[A-Z_]+)` \| (\S.*) \| (\S.*) \|$/gm)
  assert.deepEqual(
    [...rows].map(([, code]) => code),
    [...FAULTS],
  )
  assert.deepEqual([...FAULTS].sort(), [...new Set(FAULTS)])
})

test('no code is kept that nobody throws', () => {
  const sources = globSync('src/**/*.ts', { cwd: ROOT }).map((path) => readFileSync(join(ROOT, path), 'utf8'))
  const text = sources.join('\n').replace(/const FAULTS = \[[^\]]*\]/, '')
  assert.deepEqual(
    FAULTS.filter((code) => !new RegExp(`new Fault\\(\\s*'${code}'`).test(text)),
    [],
  )
})
