/** What `tls` and certificates must be in a configuration, and what is told where they do not fit together. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseConfig } from '../../src/config/load.ts'
import { publicUrlOf } from '../../src/config/public-url.ts'
import { Fault } from '../../src/core/denial.ts'

const parse = (yaml: string) => parseConfig(yaml, { file: '/etc/portcullis/p.yaml', environment: {} })

function mistakes(yaml: string): string {
  try {
    parse(yaml)
  } catch (error) {
    assert.ok(error instanceof Fault && error.code === 'FAULT_CONFIG')
    return error.message
  }
  return ''
}

test('with tls the gateway is reached over https, and clients are asked for a certificate only where authorities are named', () => {
  const plain = parse('tls: { certificate: tls/s.crt, key: tls/s.key }')
  assert.deepEqual(plain.tls, { certificate: '/etc/portcullis/tls/s.crt', key: '/etc/portcullis/tls/s.key', minVersion: 'TLSv1.2' })
  assert.equal(publicUrlOf(plain), 'https://127.0.0.1:8080')
  assert.equal(publicUrlOf(parse('listen: 0.0.0.0:443')), 'http://localhost:443')
})

test('whoever names authorities demands certificates, unless told', () => {
  const clientsOf = (more: string) => parse(`tls: { certificate: /c, key: /k, clientCa: /ca${more} }`).tls?.clients
  assert.deepEqual(clientsOf(''), { ca: '/ca', required: true })
  assert.deepEqual(clientsOf(', clientCertificates: optional, revocationList: l.pem'), {
    ca: '/ca',
    required: false,
    revocationList: '/etc/portcullis/l.pem',
  })
})

const TLS = 'tls: { certificate: /c, key: /k }'
const OAUTH = 'authentication: { oauth: {} }'
const NAMED = 'publicUrl: https://mcp.example.com\n'
for (const [why, yaml, expected] of [
  ['a version that is broken', 'tls: { certificate: /c, key: /k, minVersion: TLSv1.1 }', /minVersion: expected TLSv1\.2 or TLSv1\.3/],
  [
    'a list of revoked ones without authorities',
    'tls: { certificate: /c, key: /k, revocationList: /l }',
    /revocationList: expected only beside clientCa/,
  ],
  ['a certificate whose key is nowhere', 'tls: { certificate: /c }', /tls\.key: expected key, the path of a PEM file; or acme instead/],
  ['terms that nobody agreed to', `${NAMED}tls: { acme: {}, redirect: "0.0.0.0:80" }`, /acme\.agree: expected true: the terms/],
  ['an authority that has nowhere to ask', `${NAMED}tls: { acme: { agree: true } }`, /tls\.redirect: expected redirect beside acme/],
  [
    'an authority beside files',
    `${NAMED}tls: { acme: { agree: true }, certificate: /c, key: /k, redirect: "0.0.0.0:80" }`,
    /either certificate and key, or acme/,
  ],
  [
    'an authority in clear',
    `${NAMED}tls: { acme: { agree: true, directory: "http://a.example/" }, redirect: "0.0.0.0:80" }`,
    /directory: expected an https/,
  ],
  [
    'an authority for an address',
    'publicUrl: https://203.0.113.7\ntls: { acme: { agree: true }, redirect: "0.0.0.0:80" }',
    /publicUrl with the public name/,
  ],
  ['a publicUrl in clear', `${TLS}\npublicUrl: http://mcp.example.com`, /publicUrl: expected an https:\/\/ URL, because tls is written/],
  [
    'certificates that nobody can bring',
    'authentication: { certificates: { subject: san-uri } }',
    /certificates: expected tls\.clientCa, or header: true/,
  ],
  ['a header that nobody may send', 'authentication: { certificates: { header: true } }', /header: expected trustedProxies beside it/],
  [
    'roles of a name that nobody chose',
    'trustedProxies: [10.0.0.1]\nauthentication: { certificates: { header: true, roles: { "a": user } } }',
    /roles: expected subject beside it/,
  ],
  ['the common name', 'authentication: { certificates: { subject: cn } }', /subject: expected san-uri, san-dns or san-email/],
  [
    'people who sign in over http',
    `${OAUTH}\npublicUrl: http://mcp.example.com`,
    /publicUrl: expected an https:\/\/ publicUrl, because people sign in/,
  ],
  [
    'people who sign in at an address in clear',
    `${OAUTH}\nlisten: 10.0.0.5:80`,
    /listen: expected an https:\/\/ publicUrl, because people sign in/,
  ],
  ['https that nobody speaks', `${OAUTH}\npublicUrl: https://mcp.example.com`, /publicUrl: expected tls, or trustedProxies where TLS ends/],
  [
    'TLS towards http',
    'servers: { a: { url: "http://a/mcp", tls: { ca: /ca } } }',
    /servers\.a\.tls: expected only beside an https:\/\/ url/,
  ],
  [
    'a certificate without its key',
    'servers: { a: { url: "https://a/mcp", tls: { certificate: /c } } }',
    /expected certificate and key together/,
  ],
] as const)
  test(`a configuration with ${why} is refused`, () => assert.match(mistakes(yaml), expected))

test('people sign in over loopback, with tls, or behind a proxy that ends it', () => {
  for (const yaml of ['', `publicUrl: https://mcp.example.com\n${TLS}`, 'publicUrl: https://mcp.example.com\ntrustedProxies: [10.0.0.1]'])
    assert.equal(mistakes(`${OAUTH}\n${yaml}`), '')
})
