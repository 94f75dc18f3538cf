import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readDocument } from '../../src/trust/document.ts'

const fetched = (text: string, mediaType = 'application/json', status = 200) => ({
  status,
  headers: {},
  mediaType,
  bytes: Buffer.from(text),
})

test('one JSON object of a JSON type is read', () => {
  for (const type of ['application/json', 'application/jwk-set+json'])
    assert.deepEqual(readDocument(fetched('{"a":[1,{}]}', type), 'x'), { a: [1, {}] })
})

test('anything else is a fault that tells nothing of the document', () => {
  const wrong = [
    fetched('{}', 'text/html'),
    fetched('{}', ''),
    fetched('{}', 'application/jsonx'),
    fetched('{}', 'application/json', 500),
    fetched('[]'),
    fetched('null'),
    fetched('"secret"'),
    fetched('{"secret":1'),
    fetched('{"secret":1,"secret":2}'),
    fetched('{"secret":1}{}'),
    fetched('{"secret":tru}'),
    fetched(`${'{"a":'.repeat(13)}1${'}'.repeat(13)}`),
    { ...fetched(''), bytes: Buffer.from([0x7b, 0xff, 0x7d]) },
  ]
  for (const document of wrong) {
    assert.throws(
      () => readDocument(document, 'it'),
      (error: Error & { readonly code?: string }) => error.code === 'FAULT_ISSUER' && !error.message.includes('secret'),
    )
  }
})
