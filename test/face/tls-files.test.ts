/** What is wrong with the files of TLS, in words that say which file and what to do. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { TlsConfig } from '../../src/config/tls.ts'
import { readTlsFiles } from '../../src/face/tls-files.ts'
import { type Authority, anAuthority, type Certified } from '../fixtures/authority.ts'

const folder = mkdtempSync(join(tmpdir(), 'portcullis-tls-files-'))
let ours: Authority
let good: Certified

function place(file: string, content: string): string {
  const path = join(folder, file)
  rmSync(path, { force: true })
  writeFileSync(path, content, { mode: 0o600 })
  return path
}

const tls = (certificate: string, key: string, more: Partial<TlsConfig> = {}): TlsConfig => ({
  certificate: place('server.crt', certificate),
  key: place('server.key', key),
  minVersion: 'TLSv1.2',
  ...more,
})

const flawsOf = (config: TlsConfig, host = 'localhost'): readonly string[] =>
  readTlsFiles(config, { host, now: Date.now() }).flaws.map((flaw) => flaw.replaceAll(`${folder}/`, ''))

before(() => {
  ours = anAuthority()
  good = ours.issue('DNS:localhost,DNS:*.example.com,IP:127.0.0.1')
})
after(() => {
  ours[Symbol.dispose]()
  rmSync(folder, { recursive: true })
})

test('files that fit can be used, for every name in them', () => {
  for (const host of ['localhost', '127.0.0.1', 'mcp.example.com'])
    assert.deepEqual(flawsOf(tls(good.cert + ours.cert, good.key), host), [])
})

test('a name that the certificate is not for is told, and the common name is none', () => {
  assert.deepEqual(flawsOf(tls(good.cert, good.key), 'a.b.example.com'), [
    'tls.certificate: server.crt: it is for DNS:localhost, DNS:*.example.com, IP Address:127.0.0.1; clients ask for a.b.example.com, the host of publicUrl',
  ])
  const nameless = ours.issue('', { commonName: 'localhost' })
  assert.match(flawsOf(tls(nameless.cert, nameless.key))[0] ?? '', /no subject alternative name/)
})

test('every flaw is told at once, each with its file', () => {
  const old = ours.issue('DNS:localhost', { from: -20, until: -10 })
  const config = tls(old.cert, good.key, {
    clients: { ca: place('ca.pem', 'nothing'), required: true, revocationList: join(folder, 'none.pem') },
  })
  chmodSync(place('server.key', good.key), 0o644)
  assert.deepEqual(
    flawsOf(config).map((flaw) => flaw.replace(/\d{4}-\d\d-\d\d \d\d:\d\d/, 'DAY')),
    [
      'tls.clientCa: ca.pem: it holds nothing in PEM that can be used here',
      'tls.revocationList: none.pem: there is no such file',
      'tls.certificate: server.crt: it expired on DAY; get a new one',
      'tls.key: server.key: everybody on this machine can read it; run: chmod 640 server.key',
      'tls.key: server.key: it does not belong to the certificate in server.crt',
    ],
  )
})

test('a chain in the wrong order, and one that is not there yet, are told', () => {
  using theirs = anAuthority('Somebody Else')
  assert.match(flawsOf(tls(good.cert + theirs.cert, good.key))[0] ?? '', /certificate 2 of the file did not sign the one before it/)
  const early = ours.issue('DNS:localhost', { from: 5 })
  assert.match(flawsOf(tls(early.cert, early.key))[0] ?? '', /it is not valid before/)
})

test('keys and hashes that are too weak are refused', () => {
  for (const [asked, expected] of [
    [['-newkey', 'rsa:1024', '-sha256'], /has a key of 1024 bits; 2048 are the least/],
    [['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:secp256k1', '-sha256'], /has a key on secp256k1; use prime256v1/],
  ] as const) {
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        ...asked,
        '-nodes',
        '-keyout',
        'weak.key',
        '-out',
        'weak.crt',
        '-subj',
        '/CN=x',
        '-addext',
        'subjectAltName=DNS:localhost',
      ],
      {
        cwd: folder,
        stdio: 'pipe',
      },
    )
    const config: TlsConfig = { certificate: join(folder, 'weak.crt'), key: join(folder, 'weak.key'), minVersion: 'TLSv1.2' }
    assert.match(flawsOf(config)[0] ?? '', expected)
  }
})

test('a key that is locked by a passphrase is told as that', () => {
  const locked = execFileSync('openssl', ['pkcs8', '-topk8', '-passout', 'pass:secret'], {
    input: good.key,
    encoding: 'utf8',
    stdio: 'pipe',
  })
  assert.match(flawsOf(tls(good.cert, locked))[0] ?? '', /it is locked by a passphrase/)
})

test('a revocation list whose successor was due is told, because nobody would be verified by it', () => {
  const list = ours.revocationList(['-crl_lastupdate', '20200101000000Z', '-crl_nextupdate', '20200201000000Z'])
  const clients = { ca: place('ca.pem', ours.cert), required: true, revocationList: place('list.pem', list) }
  assert.deepEqual(flawsOf(tls(good.cert, good.key, { clients })), [
    'tls.revocationList: list.pem: the next list was due on 2020-02-01 00:00; get it from the authority',
  ])
})
