import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClientCertificate, Credential } from '../../src/core/principal.ts'
import { Secret } from '../../src/core/secret.ts'
import { createAuthenticator } from '../../src/identity/authenticate.ts'
import { type CertificateOptions, Certificates } from '../../src/identity/certificate.ts'
import { CALL } from './world.ts'

const NOW = 1_000

function known(names: ClientCertificate['names'], options: Partial<CertificateOptions> = {}) {
  const certificates = new Certificates({ subject: 'san-uri', roles: {}, clock: () => NOW, ...options })
  const credential: Credential = {
    scheme: 'certificate',
    secret: new Secret(''),
    certificate: { thumbprint: 'digest', names, expiresAt: NOW + 1, pem: '' },
  }
  return { certificates, credential, principal: () => certificates.authenticate(credential) }
}

test('a name has the roles of every pattern that fits it, part by part', () => {
  const roles = {
    'spiffe://example/agent/*': ['service'],
    'spiffe://example/*/one': ['one', 'service'],
    'spiffe://example/agent': ['folder'],
    'spiffe://*': ['anybody'],
  }
  const rolesOf = (name: string) => known([{ kind: 'san-uri', name }], { roles }).principal()?.roles
  assert.deepEqual(rolesOf('spiffe://example/agent/one'), ['service', 'one'])
  assert.deepEqual(rolesOf('spiffe://example/agent/two'), ['service'])
  assert.deepEqual(rolesOf('spiffe://example/agent'), ['folder'])
  for (const name of ['spiffe://example/agent/two/x', 'spiffe://evil/agent/one/', 'SPIFFE://example/agent/one'])
    assert.deepEqual(rolesOf(name), [])
  const host = known([{ kind: 'san-dns', name: 'a.b.agents.example' }], { subject: 'san-dns', roles: { '*.agents.example': ['service'] } })
  assert.deepEqual(host.principal()?.roles, [])
})

test('the principal is the name, of issuer certificate; an address of mail is a person', () => {
  assert.deepEqual(known([{ kind: 'san-uri', name: 'urn:a' }]).principal(), {
    kind: 'service',
    issuer: 'certificate',
    subject: 'urn:a',
    actors: [],
    roles: [],
    claims: { 'x5t#S256': 'digest' },
  })
  assert.equal(known([{ kind: 'san-email', name: 'ann@example.com' }], { subject: 'san-email' }).principal()?.kind, 'user')
})

test('none, several or starry names are nobody', () => {
  const name = { kind: 'san-dns', name: 'a.example' } as const
  for (const names of [[], [{ kind: 'san-uri', name: 'urn:a' } as const], [name, name], [{ ...name, name: '*.example' }]])
    assert.throws(known(names, { subject: 'san-dns' }).principal, { code: 'invalid_token' })
})

test('a certificate that has expired since the connection was made is refused, and so is what it opened', () => {
  const time = { now: NOW }
  const { certificates, principal } = known([{ kind: 'san-uri', name: 'urn:a' }], { clock: () => time.now })
  const found = principal()
  assert.ok(found)
  assert.equal(certificates.isStanding(found), true)
  time.now = NOW + 1
  assert.equal(certificates.isStanding(found), false)
  assert.throws(principal, { code: 'invalid_token', isStale: true })
})

test('a certificate by which nobody is to be known is as none, and one that proves nothing is refused', () => {
  const { credential } = known([{ kind: 'san-uri', name: 'urn:a' }])
  assert.throws(() => createAuthenticator([])([credential], CALL), { code: 'unauthenticated' })
  const anonymous = { anonymous: { roles: ['guest'] } }
  assert.equal((createAuthenticator([], anonymous)([credential], CALL) as { readonly kind: string }).kind, 'anonymous')
  assert.throws(() => createAuthenticator([], anonymous)([{ ...credential, flaw: 'not verified' }], CALL), {
    code: 'invalid_token',
    detail: 'not verified',
  })
})
