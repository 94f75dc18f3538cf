import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { JsonObject } from '../../src/core/json.ts'
import { createScreen, type ScreenSettings } from '../../src/inspect/input.ts'
import { type Kind, kindOfName } from '../../src/inspect/kinds.ts'
import { LABELS } from '../../src/inspect/labels.ts'

const KINDS = ['path', 'url', 'sql', 'sql-literal', 'sql-identifier', 'html', 'shell', 'shell-argument', 'code', 'expression'] as const
const ALL_KINDS: readonly Kind[] = [...KINDS, 'regex', 'line', 'text', 'opaque']
const TOOL = { server: 'files', name: 'write_file' }

const screenOf = (kind: Kind, level: ScreenSettings['level'] = 'standard') =>
  createScreen({ level, tools: { '*': { arguments: { value: { kind } } } } })(TOOL)
const labelsOf = (findings: readonly { readonly label: string }[]): readonly string[] => findings.map(({ label }) => label)

test('what is a danger in a path is ordinary in an essay', () => {
  const essay = 'Use ../../etc/passwd; DROP TABLE users; <script>alert(1)</script> $(id)'
  assert.deepEqual(screenOf('text')({ value: essay }), [])
  for (const kind of ['path', 'sql', 'html', 'shell-argument'] as const) assert.equal(screenOf(kind)({ value: essay }).length, 1, kind)
})

test('a finding says what, by whom and where, and never repeats what was sent', () => {
  const findings = screenOf('path')({ value: ['ok.txt', { 'a/b~c': '../secret-name' }] })
  assert.deepEqual(findings, [{ label: 'path-traversal', detector: 'input/path', pointer: '/value/1/a~1b~0c' }])
})

test('names are screened as texts are', () => {
  assert.deepEqual(labelsOf(screenOf('path')({ value: { '../x': 1 } })), ['path-traversal'])
  assert.deepEqual(labelsOf(screenOf('text')({ 'a\u202eb': 1 })), ['bidi-override'])
  assert.deepEqual(labelsOf(screenOf('text')(JSON.parse('{"a":{"__proto__":{"x":1}}}'))), ['prototype-pollution'])
})

test('at level off nothing is stated, at strict more than at standard', () => {
  assert.deepEqual(screenOf('path', 'off')({ value: '../x' }), [])
  assert.deepEqual(screenOf('path')({ value: '/opt/x' }), [])
  assert.deepEqual(labelsOf(screenOf('path', 'strict')({ value: '/opt/x' })), ['absolute-path'])
  assert.deepEqual(screenOf('html')({ value: '<blink2>x</blink2>' }), [])
  assert.deepEqual(labelsOf(screenOf('html', 'strict')({ value: '<blink2>x</blink2>' })), ['unlisted-markup'])
})

test('what is written in access.tools wins over the schema, the schema over the name', () => {
  const inputSchema = {
    type: 'object',
    properties: {
      path: { type: 'string' },
      target: { type: 'string', format: 'uri' },
      note: { type: 'string', description: 'Path to the file that is noted' },
      edits: { type: 'array', items: { $ref: '#/$defs/edit' } },
      free: { type: 'string' },
    },
    $defs: { edit: { type: 'object', properties: { filePath: { type: 'string' }, text: { type: 'string' } } } },
  }
  const tools = { 'files/*': { arguments: { path: { kind: 'text' }, 'edits.text': { kind: 'html' } } } } as const
  const screen = createScreen({ level: 'standard', tools })({ ...TOOL, inputSchema })
  const values = { path: '../x', target: 'http://127.0.0.1/', note: '../x', free: '../x', edits: [{ filePath: '../x', text: '<script>' }] }
  assert.deepEqual(
    screen(values).map(({ pointer, detector }) => `${pointer} ${detector}`),
    ['/target input/url', '/note input/path', '/edits/0/filePath input/path', '/edits/0/text input/html'],
  )
})

test('of several patterns each adds what it says', () => {
  const tools = {
    '*': { arguments: { to: { kind: 'path' } } },
    'files/write_*': { arguments: { to: { within: ['/srv/data'] } } },
    'mail/*': { arguments: { to: { kind: 'url' } } },
  } as const
  const screen = createScreen({ level: 'standard', tools })(TOOL)
  assert.deepEqual(screen({ to: '/srv/data/x' }), [])
  assert.deepEqual(labelsOf(screen({ to: '/srv/other' })), ['path-traversal'])
})

test('a text longer than it may be is told, in bytes', () => {
  const screen = createScreen({ level: 'standard', tools: { '*': { arguments: { content: { maxBytes: 4 } } } } })(TOOL)
  assert.deepEqual(screen({ content: 'abcd' }), [])
  assert.deepEqual(labelsOf(screen({ content: 'ab\u20ac' })), ['too-long'])
})

const NAMES: readonly (readonly [name: string, kind: Kind | undefined])[] = [
  ['path', 'path'],
  ['filePath', 'path'],
  ['source_directory', 'path'],
  ['xpath', undefined],
  ['url', 'url'],
  ['callbackUrl', 'url'],
  ['sql', 'sql'],
  ['query', undefined],
  ['html_body', 'html'],
  ['command', 'shell'],
  ['args', 'shell-argument'],
  ['branch', 'shell-argument'],
  ['table_name', 'sql-identifier'],
  ['table', undefined],
  ['regex', 'regex'],
  ['expression', 'expression'],
  ['code', 'code'],
  ['subject', 'line'],
  ['message', undefined],
  ['content', undefined],
]

for (const [name, kind] of NAMES) {
  test(`an argument that is called ${name} is ${kind ?? 'text'}`, () => {
    assert.equal(kindOfName(name), kind)
  })
}

test('a hostile schema costs no more than its first parts', () => {
  const loop = { type: 'object', properties: { a: { $ref: '#' }, b: { $ref: '#' }, c: { anyOf: [{ $ref: '#' }, { $ref: '#' }] } } }
  const wide = {
    type: 'object',
    properties: Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`p${index}`, { type: 'string' }])),
  }
  for (const inputSchema of [loop, wide, { $ref: '#/constructor/prototype' }, { properties: 'x' }, null, [], 7]) {
    const startedAt = performance.now()
    createScreen({ level: 'standard', tools: {} })({ ...TOOL, inputSchema })({ path: '../x' })
    assert.ok(performance.now() - startedAt < 2_000)
  }
})

test('findings are bounded, whatever is sent', () => {
  const value = Array.from({ length: 10_000 }, () => '../x')
  assert.equal(screenOf('path')({ value }).length, 32)
  const long = `${'n'.repeat(100_000)}\0`
  for (const { pointer } of screenOf('text')({ [long]: 'x\0' })) assert.ok(pointer.length < 200)
})

/** Texts made of the pieces that attacks are made of. */
const PIECES = fc.constantFrom(
  ...[
    "'",
    '"',
    '`',
    '\\',
    '..',
    '/',
    '%2e',
    '%',
    '<',
    '>',
    '<a ',
    'script',
    ' on',
    'x=',
    '(',
    ')',
    '$(',
    '${',
    '{{',
    '}}',
    ';',
    '--',
    '/*',
    '*/',
    '#',
    'or ',
    'union select ',
    '1=1',
  ],
  ...[
    '\u0000',
    '\u202e',
    '\u200b',
    '\ud800',
    '\uff0e',
    '&#x',
    '\\u00',
    'http://',
    '127.0.0.1',
    '[::1]',
    '@',
    'C:',
    '|',
    '&',
    '\n',
    '~',
    'a',
    ' ',
    '=cmd|',
    'jndi:',
    '[',
    ']',
    '*',
    '+',
    '{2,}',
  ],
)
const TEXT = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.array(PIECES, { maxLength: 24 }).map((pieces) => pieces.join('')),
)

test('for any arguments the screening answers: it never throws, and states only labels that it knows', () => {
  const screens = ALL_KINDS.map((kind) => screenOf(kind, 'strict'))
  fc.assert(
    fc.property(fc.oneof(TEXT, fc.jsonValue({ depthSize: 'small' }), fc.dictionary(TEXT, TEXT, { maxKeys: 4 })), (value) => {
      for (const screen of screens) {
        for (const { label, pointer } of screen({ value } as JsonObject)) {
          assert.ok(Object.hasOwn(LABELS, label))
          assert.ok(pointer === '' || pointer.startsWith('/'))
        }
      }
    }),
    { numRuns: 1_500 },
  )
})

test('a path is judged alike in every encoding of it', () => {
  const attack = fc.constantFrom('../x', 'a/../../x', '/etc/passwd', '../../etc/shadow')
  const encode = fc.constantFrom(
    (text: string) => encodeURIComponent(text).replaceAll('.', '%2e'),
    (text: string) => encodeURIComponent(encodeURIComponent(text)).replaceAll('.', '%252e'),
    (text: string) => text.replaceAll('.', '\uff0e').replaceAll('/', '\uff0f'),
    (text: string) => text.replaceAll('/', '\\'),
    (text: string) => [...text].map((letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`).join(''),
    (text: string) => text.replaceAll('/', '//').replaceAll('//etc', '/./etc'),
    (text: string) => text.replaceAll('.', '%c0%ae').replaceAll('/', '%c0%af'),
  )
  const screen = createScreen({ level: 'standard', tools: { '*': { arguments: { value: { kind: 'path', within: ['/srv/data'] } } } } })(
    TOOL,
  )
  fc.assert(fc.property(attack, encode, (text, change) => assert.equal(screen({ value: change(text) }).length, 1)))
})

test('markup that is nested deeper than browsers nest, or in more quotes than anybody reads, is a danger by itself', () => {
  const judge = (value: string): readonly string[] => labelsOf(screenOf('html')({ value }))
  assert.deepEqual(judge(`${'<b>'.repeat(512)}x${'</b>'.repeat(512)}`), [])
  assert.deepEqual(judge(`${'<b>'.repeat(513)}x${'</b>'.repeat(513)}`), ['active-markup'])
  assert.deepEqual(judge('<p>x<br>'.repeat(600)), [])
  assert.deepEqual(judge(`<a title='${'<a title="<a title=&quot;'.repeat(20_000)}`), ['active-markup'])
  const before = performance.now()
  for (const piece of ['<b>', '<i><b>', '<svg>', '<div><form>'])
    assert.notDeepEqual(judge(piece.repeat(Math.ceil(1_000_000 / piece.length))), [])
  assert.ok(performance.now() - before < 2_000)
})

test('all patterns of a call together cost no more than some hard ones, and a list of ordinary ones is read to its end', () => {
  const screen = screenOf('regex')
  const filled = (pattern: string): string[] => Array.from({ length: Math.floor(1_000_000 / pattern.length) }, () => pattern)
  for (const pattern of [
    'a?'.repeat(20),
    '(a|b|c|d|e|f|g|h|i|j|k|l|m|n|o)*',
    '((((((({3}){3}){3}){3}){3}){3}){3}',
    '((((x{3}){3}){3}){3}){3}',
  ]) {
    const before = performance.now()
    assert.deepEqual(labelsOf(screen({ value: filled(pattern) })), Array(32).fill('catastrophic-pattern'), pattern)
    assert.ok(performance.now() - before < 4_000, pattern)
  }
  const words = Array.from({ length: 20_000 }, (_, index) => `word-${index}`)
  assert.deepEqual(screen({ value: [...words, '^/api/v[0-9]+/users/(\\d+)$'] }), [])
  assert.deepEqual(labelsOf(screen({ value: [...words, '(a+)+$'] })), ['catastrophic-pattern'])
})

test('what only strict states hides no danger behind it, however the danger is written', () => {
  for (const path of ['/%65tc/shadow', '/etc/%2573hadow', '/srv/%2e%2e/etc/passwd', '/home/a/%2essh/id_rsa', '/\uff45tc/shadow'])
    for (const level of ['standard', 'strict'] as const)
      assert.deepEqual(labelsOf(screenOf('path', level)({ value: path })), ['sensitive-file'], path)
  for (const html of [
    '<foo>%3Cscript%3Ealert(1)%3C/script%3E',
    '<foo>\uff1cscript\uff1ealert(1)\uff1c/script\uff1e',
    '<form action=x>\uff1cscript\uff1ealert(1)\uff1c/script\uff1e',
    '<form action=x>\\u003cscript>alert(1)',
  ])
    for (const level of ['standard', 'strict'] as const)
      assert.deepEqual(labelsOf(screenOf('html', level)({ value: html })), ['script'], html)
  assert.deepEqual(labelsOf(screenOf('path', 'strict')({ value: '/opt/%41' })), ['absolute-path'])
  assert.deepEqual(screenOf('path')({ value: '/opt/%41' }), [])
})

test('an address is judged alike in every spelling of it', () => {
  const spell = fc.constantFrom(
    ([a, b, c, d]: readonly number[]) => `${a}.${b}.${c}.${d}`,
    ([a = 0, b = 0, c = 0, d = 0]: readonly number[]) => String(((a * 256 + b) * 256 + c) * 256 + d),
    (parts: readonly number[]) => parts.map((part) => `0x${part.toString(16)}`).join('.'),
    (parts: readonly number[]) => parts.map((part) => `0${part.toString(8)}`).join('.'),
    ([a = 0, b = 0, c = 0, d = 0]: readonly number[]) => `${a}.${b}.${c * 256 + d}`,
    ([a = 0, b = 0, c = 0, d = 0]: readonly number[]) => `[::ffff:${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}]`,
    ([a, b, c, d]: readonly number[]) => `${a}.${b}.${c}.${d}.nip.io`,
    ([a, b, c, d]: readonly number[]) => `${a}\u3002${b}\u3002${c}\u3002${d}`,
  )
  const byte = fc.integer({ min: 0, max: 255 })
  const address = fc.oneof(
    fc.tuple(fc.constant(127), byte, byte, byte),
    fc.tuple(fc.constant(10), byte, byte, byte),
    fc.tuple(fc.constant(192), fc.constant(168), byte, byte),
    fc.tuple(fc.constant(169), fc.constant(254), byte, byte),
    fc.tuple(fc.constant(172), fc.integer({ min: 16, max: 31 }), byte, byte),
  )
  const screen = screenOf('url')
  fc.assert(fc.property(address, spell, (parts, write) => assert.equal(screen({ value: `http://${write(parts)}/` }).length, 1)))
})

test('a member in another spelling than the tool says would miss its bounds, so it is no member', () => {
  const properties = {
    file_path: { type: 'string' },
    opts: { type: 'object', properties: { to: { type: 'string' } } },
    meta: { type: 'object' },
  }
  const tools = { '*': { arguments: { file_path: { kind: 'path', within: ['/srv'] }, mode: { kind: 'line' } } } } as const
  const screen = createScreen({ level: 'standard', tools })({ ...TOOL, inputSchema: { type: 'object', properties } })
  for (const name of ['File_Path', 'FILE_PATH', 'filePath', 'file-path', 'file_path ', 'f\u0131le_path', 'ﬁle_path', 'Mode'])
    assert.deepEqual(labelsOf(screen({ [name]: 'x' })), ['ambiguous-name'], name)
  assert.deepEqual(screen({ opts: { To: 'x' } }), [{ label: 'ambiguous-name', detector: 'input/names', pointer: '/opts/To' }])
  assert.deepEqual(screen({ file_path: '/srv/x', mode: 'x', opts: { to: 'x', cc: 'y' }, meta: { Mode: 'x', To: 'y' }, other: 'x' }), [])
})
