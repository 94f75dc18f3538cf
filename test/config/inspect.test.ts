/** What must not leave, as an operator writes it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseConfig } from '../../src/config/load.ts'
import { Fault } from '../../src/core/denial.ts'

const read = (inspect: unknown) => parseConfig(JSON.stringify({ inspect }), { file: 'portcullis.yaml', environment: {} }).inspect

test('credentials, what errors say of the machine and links that carry data are redacted unless told otherwise, personal data when it is named', () => {
  assert.deepEqual(read({}), {
    input: 'standard',
    output: {
      secrets: 'redact',
      personal: { kinds: [], action: 'redact' },
      internals: 'redact',
      links: 'redact',
      forms: 'block',
      maxBytes: 16 * 1024 * 1024,
      larger: 'block',
    },
    definitions: { pin: true, quarantine: false },
  })
  assert.deepEqual(read({ output: { secrets: 'block', personal: { kinds: ['email', 'card'], action: 'report' } } }).output.personal, {
    kinds: ['email', 'card'],
    action: 'report',
  })
})

test('a kind or a treatment that there is none of is told with those that there are', () => {
  for (const [output, expected] of [
    [{ secrets: 'mask' }, /expected off, report, redact or block/],
    [{ personal: { kinds: ['mail'] } }, /expected one of email, phone/],
    [{ personal: {} }, /expected a list of kinds of personal data/],
    [{ maxBytes: '1KiB' }, /expected a size from 64KiB/],
  ] as const)
    assert.throws(
      () => read({ output }),
      (error: unknown) => error instanceof Fault && expected.test(error.message),
    )
})
