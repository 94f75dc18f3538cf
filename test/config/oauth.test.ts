import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseConfig } from '../../src/config/load.ts'
import { Fault } from '../../src/core/denial.ts'

const parse = (registration: string) =>
  parseConfig(`authentication:\n  oauth:\n    registration: { ${registration} }`, { file: 'p.yaml', environment: {} }).authentication.oauth
    ?.registration

function mistakes(registration: string): string {
  try {
    parse(registration)
  } catch (error) {
    assert.ok(error instanceof Fault && error.code === 'FAULT_CONFIG')
    return error.message
  }
  return ''
}

test('clients come by themselves unless told, and their documents only from public addresses', () => {
  assert.deepEqual(parse(''), { metadataDocuments: true, dynamic: true, allowPrivate: false })
})

test('documents may be of named origins only, and those may stand on the own network', () => {
  assert.deepEqual(parse('metadataDocuments: ["https://agents:8443", "https://a.example"], dynamic: false, allowPrivate: true'), {
    metadataDocuments: ['https://agents:8443', 'https://a.example'],
    dynamic: false,
    allowPrivate: true,
  })
})

for (const [why, registration, expect] of [
  ['a host without https://', 'metadataDocuments: [agents.example]', /^p\.yaml:3:41: .*metadataDocuments\[0\]: expected an origin such as/],
  ['plain http', 'metadataDocuments: ["http://a.example"]', /^p\.yaml:3:41: .*metadataDocuments\[0\]: expected an https:\/\/ origin/],
  [
    'a path',
    'metadataDocuments: ["https://a.example/x"]',
    /^p\.yaml:3:41: .*metadataDocuments\[0\]: expected an origin such as .*, without a path/,
  ],
  ['private addresses of anybody', 'allowPrivate: true', /^p\.yaml:3:35: .*allowPrivate: expected a list of origins at metadataDocuments/],
] as const) {
  test(`${why} is a mistake at its place`, () => {
    assert.match(mistakes(registration), expect)
  })
}
