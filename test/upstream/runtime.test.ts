import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Fault } from '../../src/core/denial.ts'
import { confineByRuntime, settingsOf } from '../../src/upstream/runtime.ts'

const SPEC = { read: [], write: [], hidden: [], network: 'none', memoryBytes: 1, processes: 1, files: 1 } as const
const isFault = (why: RegExp) => (error: unknown) => error instanceof Fault && error.code === 'FAULT_SANDBOX' && why.test(error.message)

test('of macOS the sandbox is asked to hide the store, and to show what was named, as paths and never as patterns', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-[*]-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const spec = { ...SPEC, write: [folder], hidden: [join(import.meta.dirname, 'portcullis.db')], network: ['api.example.com'] }
  const path = (name: string) => ({ path: name, literal: true })
  assert.deepEqual(settingsOf([{ from: '/opt/node', to: '/usr/local/node' }], spec), {
    network: { allowedDomains: ['api.example.com'], deniedDomains: [] },
    filesystem: {
      denyRead: [path(import.meta.dirname)],
      allowRead: [path('/opt/node'), path('/usr/local/node'), path(folder)],
      allowWrite: [path(folder)],
      denyWrite: [],
    },
  })
})

test('what the sandbox of macOS cannot hold is not started', () => {
  assert.throws(() => settingsOf([], { ...SPEC, network: ['example.com:8443'] }), isFault(/name the host alone/))
  assert.throws(() => settingsOf([], { ...SPEC, read: ['/'], hidden: ['/srv/p.db'] }), isFault(/would show it \/srv\/p\.db/))
  assert.throws(() => confineByRuntime({ command: ['true'], env: {} }, SPEC), isFault(/install @anthropic-ai\/sandbox-runtime/))
})
