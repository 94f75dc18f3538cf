/** name.ts: canonical names and URIs, and everything that only looks like one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkName, checkUri, nameFlaw, uriFlaw } from '../../src/mcp/name.ts'

for (const name of [
  'get_weather',
  'admin.tools/list-all',
  'Get Weather',
  '%61dmin',
  'server-b__x',
  'wörld',
  'аdmin',
  '天気',
  'a'.repeat(256),
]) {
  test(`${name.slice(0, 20)} is a name, compared exactly`, () => assert.equal(nameFlaw(name), undefined))
}

const NAMES: readonly (readonly [string, string])[] = [
  ['nothing', ''],
  ['too much', 'a'.repeat(257)],
  ['a leading space', ' a'],
  ['a trailing space', 'a '],
  ['a NUL', 'a\u0000'],
  ['a newline', 'a\nb'],
  ['a DEL', 'a\u007f'],
  ['a C1 control', 'a\u0085'],
  ['a zero-width space', 'a\u200b'],
  ['a word joiner', 'a\u2060b'],
  ['a soft hyphen', 'a\u00adb'],
  ['a bidi override', 'a\u202eb'],
  ['a bidi isolate', 'a\u2066b'],
  ['a variation selector', 'a\ufe0f'],
  ['a Hangul filler', 'a\u3164'],
  ['a tag character', 'a\u{e0061}'],
  ['a no-break space', 'a\u00a0b'],
  ['an Ogham space', 'a\u1680b'],
  ['a line separator', 'a\u2028b'],
  ['a private character', 'a\ue000'],
  ['a full-width letter', '\uff41dmin'],
  ['a ligature', 'ﬁle'],
  ['a Kelvin sign', 'to\u212aen'],
  ['a decomposed letter', 'wo\u0308rld'],
]
for (const [what, name] of NAMES) {
  test(`a name with ${what} is refused`, () => {
    assert.notEqual(nameFlaw(name), undefined)
    assert.throws(() => checkName(name), { code: 'not_found' })
  })
}

const URIS = [
  'file:///project/src/main.rs',
  'file:///',
  'file:///C:/x',
  'https://example.com',
  'https://example.com/a?b=c%2Fd#e',
  'https://example.com:8443/',
  'https://[::1]/',
  'greeting://World',
  'note:today',
  'urn:isbn:0451450523',
  'db://Host/Table/1',
  'file:///caf%C3%A9',
  'file:///100%25',
  'a+b.c-d:x',
  'file:///a/..b/...',
  'https://example.com/a//b',
  'docs://https://example.com/',
]
for (const uri of URIS) test(`${uri} is canonical`, () => assert.equal(uriFlaw(uri), undefined))

const BAD_URIS = [
  '',
  'config',
  '/etc/passwd',
  '//host/x',
  'FILE:///etc/passwd',
  'File:///etc',
  '1a:b',
  ' file:///a',
  'file:///a ',
  'file:///a b',
  'file:///a\nb',
  'file:///a\\..\\b',
  'file:///a/../b',
  'file:///a/./b',
  'file:///..',
  'file:///a/..',
  'file:///a/%2e%2e/b',
  'file:///a/%2E%2E/b',
  'file:///a/.%2e/b',
  'file:///a/..;x/b',
  'note://../x',
  'file:///a%2fb',
  'file:///a%2Fb',
  'file:///a%5Cb',
  'file:///a%00',
  'file:///a%0A',
  'file:///a%7F',
  'file:///%61dmin',
  'file:///%7Euser',
  'file:///a%',
  'file:///a%4',
  'file:///a%zz',
  'file:///caf%c3%a9',
  'file:///café',
  'file:///a%252e%252e',
  'file:///a%252Fb',
  'file://localhost/etc',
  'file://host/x',
  'file:/etc/passwd',
  'file:etc',
  'file:////etc/passwd',
  'file:///a//b',
  'https:example.com',
  'https:///example.com',
  'HTTPS://example.com/',
  'https://EXAMPLE.com/',
  'https://example.com:443/',
  'https://user@example.com/',
  'https://0x7f.1/',
  'https://127.1/',
  'https://exa%6Dple.com/',
  'https://example.com/{x}',
  'file:///<x>',
  `file:///${'a'.repeat(4096)}`,
  'file:///\u202e',
]
for (const uri of BAD_URIS) {
  test(`${JSON.stringify(uri.slice(0, 40))} is not canonical`, () => {
    assert.notEqual(uriFlaw(uri), undefined)
    assert.throws(() => checkUri(uri), { code: 'not_found' })
  })
}

test('a template may hold expressions but no dot segment', () => {
  for (const uri of ['file:///{path}', 'https://{host}/x{?q,r*}', 'https://example.com/{+path}'])
    assert.equal(uriFlaw(uri, true), undefined)
  assert.notEqual(uriFlaw('file:///{path}/../x', true), undefined)
})
