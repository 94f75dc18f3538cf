/** Strings made to be slow: every judge reads 100 kB of anything in time that grows with its length alone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createScreen } from '../../src/inspect/input.ts'
import type { Kind } from '../../src/inspect/kinds.ts'

const KINDS: readonly Kind[] = [
  'path',
  'url',
  'sql',
  'sql-literal',
  'sql-identifier',
  'html',
  'shell',
  'shell-argument',
  'code',
  'expression',
  'regex',
  'line',
  'text',
]
const BYTES = 100_000
/** The promise. What else the machine does may only add, so the best of several tries counts. */
const BUDGET_MS = 50
const TRIES = 6

const UNITS = [
  ...['a', ' ', '\t', "'", '"', '`', '(', '((', ')', ')(', '<', '<a ', '<a href=', '<!--', '</', '<script', '<!DOCTYPE', '<!ENTITY '],
  ...[
    '%',
    '%25',
    '%2e',
    '\\',
    '\\u002e',
    '&#',
    '&#x41;',
    '$',
    '${',
    '${a:-',
    '$(',
    '`$(',
    '{',
    '{{',
    '{{1*',
    '|',
    '| sh ',
    '; ',
    '-',
    '-- ',
    '#',
    '/*',
    '/* ',
  ],
  ...[
    '..',
    '../',
    '....//',
    '/',
    '/.',
    '.',
    '=',
    'or ',
    'or 1=1 ',
    "' or ",
    'union select ',
    'select ',
    'onab=',
    '"onab=',
    '1.',
    '0x',
    '_0x1234 ',
    '\\x41',
  ],
  ...[
    'curl ',
    'socket',
    'rm -rf ',
    'eval(',
    'atob(',
    'nc -',
    '(a=',
    '@a.',
    '=cmd|',
    'O:1:"a":1:{',
    '\u200b',
    '\u202e',
    '\u0301',
    '\ufdfa',
    '\u{1d400}',
    '\uff1c',
  ],
  ...[
    '[a',
    '(a|',
    '(a*)',
    'a?',
    '{2,',
    '\n',
    '\r\n',
    'http://',
    '@/',
    '~/',
    '$HOME ',
    'a=b ',
    "''",
    "a'b'",
    '<<',
    '>>',
    '2>&1 ',
    '&&',
    'url(',
    'expression',
  ],
  ...[
    'position:',
    '/**',
    '${jndi',
    'data:',
    'javascript:',
    'java\tscript:',
    'from ',
    'exec ',
    'xargs ',
    "E'",
    '$$',
    '$a$',
    '::',
    'con.',
    '\0',
    'for (;',
    '**',
    '1e9',
  ],
]

for (const kind of KINDS) {
  test(`${kind}: 100 kB of anything cost less than ${BUDGET_MS} ms`, () => {
    const screen = createScreen({ level: 'strict', tools: { '*': { arguments: { value: { kind } } } } })({ server: 's', name: 't' })
    const slow: string[] = []
    for (const unit of UNITS) {
      for (const [before, after] of [
        ['', ''],
        ["x'", "'!"],
        ['<a b="', ''],
      ] as const) {
        const value = before + unit.repeat(Math.ceil(BYTES / unit.length)).slice(0, BYTES) + after
        let best = Number.POSITIVE_INFINITY
        for (let attempt = 0; attempt < TRIES && best >= BUDGET_MS; attempt++) {
          const spent = process.threadCpuUsage()
          screen({ value })
          const { user, system } = process.threadCpuUsage(spent)
          best = Math.min(best, (user + system) / 1_000)
        }
        if (best >= BUDGET_MS) slow.push(`${JSON.stringify(before + unit)}: ${best.toFixed(0)} ms`)
      }
    }
    assert.deepEqual(slow, [])
  })
}
