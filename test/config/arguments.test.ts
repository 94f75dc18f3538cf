import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseConfig } from '../../src/config/load.ts'
import { Fault } from '../../src/core/denial.ts'
import { createScreen } from '../../src/inspect/input.ts'

const parse = (argument: string) =>
  parseConfig(`access:\n  tools:\n    files/write_file:\n      arguments:\n        ${argument}\n`, {
    file: '/srv/portcullis/portcullis.yaml',
    environment: {},
  })

function mistakes(argument: string): readonly string[] {
  try {
    parse(argument)
  } catch (error) {
    assert.ok(error instanceof Fault)
    assert.equal(error.code, 'FAULT_CONFIG')
    return error.message.split('\n').map((line) => line.replace('/srv/portcullis/', ''))
  }
  return []
}

test('what is said of an argument is settled: folders are absolute, sizes are bytes, what was not said is not there', () => {
  const { tools } = parse(
    [
      '"a b": { kind: text }',
      'path: { kind: path, within: [./data, /srv/x] }',
      'content: { maxBytes: 1MiB }',
      '"edits.url": { kind: url, hosts: "*.example.com" }',
    ].join('\n        '),
  ).access
  assert.deepEqual(tools['files/write_file']?.arguments, {
    'a b': { kind: 'text' },
    path: { kind: 'path', within: ['/srv/portcullis/data', '/srv/x'] },
    content: { maxBytes: 1024 * 1024 },
    'edits.url': { kind: 'url', hosts: ['*.example.com'] },
  })
})

test('the settings are handed to the screening as they are', () => {
  const { access } = parse('path: { kind: path, within: [data] }')
  const screen = createScreen({ level: 'standard', tools: access.tools })({ server: 'files', name: 'write_file' })
  assert.deepEqual(screen({ path: '/srv/portcullis/data/a.txt' }), [])
  assert.deepEqual(screen({ path: '/srv/portcullis/database' }), [{ label: 'path-traversal', detector: 'input/path', pointer: '/path' }])
})

const WRONG: readonly (readonly [what: string, argument: string, told: string])[] = [
  [
    'a kind that there is not',
    'path: { kind: file }',
    '5:23: access.tools.files/write_file.arguments.path.kind: expected one of path, url, email, sql,',
  ],
  [
    'a bound of another kind',
    'path: { kind: url, within: [x] }',
    '5:28: access.tools.files/write_file.arguments.path.within: expected only beside kind: path',
  ],
  [
    'a bound without a kind',
    'q: { readOnly: false }',
    '5:24: access.tools.files/write_file.arguments.q.readOnly: expected only beside kind: sql',
  ],
  [
    'a mistyped setting',
    'path: { kind: path, witin: [x] }',
    '5:29: access.tools.files/write_file.arguments.path.witin: unknown setting, did you mean within?',
  ],
  [
    'a size that is none',
    'content: { maxBytes: many }',
    '5:30: access.tools.files/write_file.arguments.content.maxBytes: expected a size from 1B to 64MiB',
  ],
  ['a host with a path', 'u: { kind: url, hosts: [example.com/x] }', '5:'],
  ['no name', '"": { kind: path }', '5:9: access.tools.files/write_file.arguments.: expected the name of an argument'],
]

for (const [what, argument, told] of WRONG) {
  test(`${what} is told with its place and what was expected`, () => {
    const [first = ''] = mistakes(argument)
    assert.ok(first.startsWith(`portcullis.yaml:${told}`), first)
  })
}
