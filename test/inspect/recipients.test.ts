/** Mail goes where the operator said, by every field that has recipients. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createScreen } from '../../src/inspect/input.ts'
import { judgeRecipients } from '../../src/inspect/recipients.ts'

const domains = ['example.com', '*.example.org']

const STOPPED = [
  'bob@elsewhere.net',
  'ann@example.com, eve@elsewhere.net',
  'ann@example.com;eve@elsewhere.net',
  'eve@elsewhere.net,ann@example.com',
  '"ann@example.com" <eve@elsewhere.net>',
  'ann@example.com <eve@elsewhere.net>',
  '"a, b" <eve@elsewhere.net>',
  'eve%elsewhere.net@example.com',
  'elsewhere.net!eve@example.com',
  '<@elsewhere.net:ann@example.com>',
  'ann@example.com@elsewhere.net',
  'eve@elsewhere.net(ann@example.com)',
  'ann@example.com.elsewhere.net',
  'ann@notexample.com',
  'ann@example.org',
  'ann@[203.0.113.7]',
  'ann@exаmple.com',
  'ann@example．com',
  'everybody',
  'friends: eve@elsewhere.net;',
  '"unclosed, ann@example.com',
  '"quoted part"@example.com',
  'ann@example.com\r\nBcc: eve@elsewhere.net',
  'Ann <eve@elsewhere.net> <ann@example.com>',
  'eve@elsewhere.net <ann@example.com>',
  'Ann <>',
  'Ann < ann@example.com>',
  '"Ann <eve@elsewhere.net>" <ann@example.com>',
  'Ann (eve) <ann@example.com>',
  'ann@example.com%0d%0aBcc: eve@elsewhere.net',
]
const FINE = [
  'ann@example.com',
  'Ann@EXAMPLE.com',
  'ann+x@mail.example.org',
  'Ann Lee <ann@example.com>',
  '"Lee, Ann" <ann@example.com>',
  '"Lee \\"A\\" Ann"<ann@example.com>',
  '<ann@example.com>',
  'ann@example.com, bob@example.com;',
  '',
  ' ann@example.com ',
]

test('an address of another domain is refused however it is written, and an honest one is not', () => {
  for (const text of STOPPED) assert.notEqual(judgeRecipients(text, { domains }), undefined, text)
  for (const text of FINE) assert.equal(judgeRecipients(text, { domains }), undefined, text)
})

test('without domains mail goes anywhere, to what is an address', () => {
  assert.equal(judgeRecipients('bob@elsewhere.net', {}), undefined)
  assert.equal(judgeRecipients('everybody', {}), 'recipient')
})

test('once one field of a tool is held to domains, so is every field of recipients, also one that its schema does not name', () => {
  const screen = createScreen({ level: 'standard', tools: { 'mail/send': { arguments: { to: { kind: 'email', domains } } } } })
  const judge = screen({ server: 'mail', name: 'send', inputSchema: { properties: { to: { type: 'array' }, body: { type: 'string' } } } })
  assert.deepEqual(judge({ to: ['ann@example.com'], body: 'hello eve@elsewhere.net' }), [])
  for (const field of ['to', 'cc', 'bcc', 'Bcc', 'recipients'])
    assert.deepEqual(judge({ [field]: ['ann@example.com', 'eve@elsewhere.net'] }), [
      { label: 'recipient', detector: 'input/email', pointer: `/${field}/1` },
    ])
  assert.deepEqual(screen({ server: 'chat', name: 'send' })({ to: 'eve@elsewhere.net' }), [])
})

test('100 kB of addresses are read soon', () => {
  const startedAt = performance.now()
  for (const text of [
    'a@b,'.repeat(25_000),
    '"'.repeat(100_000),
    '"\\'.repeat(50_000),
    `${'a.'.repeat(50_000)}@example.com`,
    '<'.repeat(100_000),
    `'${' '.repeat(100_000)}'`,
    `a${'\t'.repeat(100_000)}<`,
    `${' '.repeat(50_000)}x <ann@example.com`.repeat(2),
    `"${'\\"'.repeat(50_000)} <ann@example.com>`,
  ])
    judgeRecipients(text, { domains })
  assert.ok(performance.now() - startedAt < 1_000)
})
