import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { nextUpdateOf, splitLists } from '../../src/net/revocation-list.ts'
import { anAuthority } from '../fixtures/authority.ts'

test('when the next list is due is read as openssl reads it, from lists of either version', () => {
  using ours = anAuthority()
  ours.revoke(ours.issue('DNS:a', { use: 'clientAuth' }))
  for (const list of [ours.revocationList(), ours.revocationList(['-crlexts', 'extended']), ours.revocationList(['-crldays', '12000'])]) {
    const told = execFileSync('openssl', ['crl', '-noout', '-nextupdate'], { input: list, encoding: 'utf8' })
    assert.equal(nextUpdateOf(list), Date.parse(told.replace('nextUpdate=', '')))
  }
})

test('several lists in one text are taken apart, and what is none has no day', () => {
  using ours = anAuthority()
  const list = ours.revocationList()
  assert.equal(splitLists(`${list}\n# the other\n${list}`).length, 2)
  for (const text of ['', 'x', list.slice(0, 90), '-----BEGIN X509 CRL-----\nMIIB\n-----END X509 CRL-----'])
    assert.equal(nextUpdateOf(text), undefined)
})
