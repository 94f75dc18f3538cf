import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createKeyring, openKeyring } from '../../src/config/keyfile.ts'

function place(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-key-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return join(folder, 'state', 'portcullis.key')
}

test('the key file is made on first use for its owner alone, and read ever after', (t) => {
  const path = place(t)
  const first = openKeyring(path)
  assert.equal(statSync(path).mode & 0o777, 0o600)
  assert.equal(statSync(path).size, 32)
  assert.deepEqual(openKeyring(path).key('api-key'), first.key('api-key'))
})

test('no two purposes and no two installations share a key', (t) => {
  const keyring = openKeyring(place(t))
  assert.notDeepEqual(keyring.key('api-key'), keyring.key('journal'))
  assert.notDeepEqual(keyring.key('api-key'), createKeyring().key('api-key'))
  assert.equal(keyring.signingKey().asymmetricKeyType, 'ed25519')
})

test('a key file that others may read, or of another size, is refused', { skip: process.platform === 'win32' }, (t) => {
  const path = place(t)
  openKeyring(path)
  chmodSync(path, 0o640)
  assert.throws(() => openKeyring(path), { code: 'FAULT_KEYFILE' })
  chmodSync(path, 0o600)
  writeFileSync(path, 'short')
  assert.throws(() => openKeyring(path), { code: 'FAULT_KEYFILE' })
})
