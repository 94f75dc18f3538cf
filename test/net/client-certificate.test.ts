import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseNames } from '../../src/net/client-certificate.ts'

test('names are read one by one, and only those that may say who somebody is', () => {
  assert.deepEqual(parseNames('DNS:A.Example, URI:spiffe://example/a, IP Address:10.0.0.1, email:Ann@example.com, DirName:"CN=x"'), [
    { kind: 'san-dns', name: 'a.example' },
    { kind: 'san-uri', name: 'spiffe://example/a' },
    { kind: 'san-email', name: 'Ann@example.com' },
  ])
  assert.deepEqual(parseNames(''), [])
})

test('a name that holds another is neither of them (CVE-2021-44532)', () => {
  assert.deepEqual(parseNames('DNS:"evil.example, URI:spiffe://example/admin"'), [])
  assert.deepEqual(parseNames('URI:"spiffe://example/a\\", URI:spiffe://example/admin", DNS:b'), [{ kind: 'san-dns', name: 'b' }])
})

test('what is not wholly understood is not read in part', () => {
  for (const text of ['nothing', 'URI:spiffe://example/a,URI:b', 'URI:"open', 'URI:a; DNS:b" DNS:c'])
    assert.equal(parseNames(text), undefined, text)
})

test('blanks and what is not ASCII are in no name', () => {
  assert.deepEqual(parseNames('URI:spiffe://example/a b, URI:spiffe://exámple/a, DNS:'), [])
})
