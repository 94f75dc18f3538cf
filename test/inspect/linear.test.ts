import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { z } from 'zod'
import { expandedSize } from '../../src/inspect/counts.ts'
import { Fuel } from '../../src/inspect/fuel.ts'
import { compilePattern, PROGRAM_MAX } from '../../src/inspect/linear.ts'
import { WORK_MAX } from '../../src/inspect/schema.ts'

function finds(pattern: string, text: string): boolean | string {
  const fuel = new Fuel()
  fuel.left = WORK_MAX
  const matcher = compilePattern(pattern, fuel)
  return typeof matcher === 'string' ? matcher : matcher.test(text)
}

test('a pattern finds what it finds in ECMAScript', () => {
  const patterns = [
    '^[a-z0-9_-]{1,64}$',
    '^\\d{4}-\\d{2}-\\d{2}$',
    'b',
    '^$',
    '^(?:a|b)*c?$',
    '^[^/]+$',
    '\\bword\\b',
    '^\\S+@\\S+\\.\\S+$',
    '^[\\w.-]+$',
    '^.{2,}$',
  ]
  const texts = ['', 'a', 'abc', '2026-11-26', 'x word y', 'a@b.c', 'a/b', 'ab\nc', 'ä', '😀😀', 'A-1._']
  for (const pattern of patterns)
    for (const text of texts) assert.equal(finds(pattern, text), new RegExp(pattern, 'u').test(text), `${pattern} ${text}`)
})

test('blanks, dots and classes are those of ECMAScript, not of the engine', () => {
  const patterns = ['^\\s$', '^\\S$', '^.$', '^[\\s]$', '^[^\\s]$', '^[\\S]$', '^[^\\S]$', '^[\\w\\s.-]$', '^[\\b]$', '^[]$', '^[^]$']
  const texts = [...'\t\n\v\f\r aA-.[\b\u00a0\u0085\u1680\u180e\u2000\u200a\u200b\u2028\u2029\u202f\u205f\u3000\ufeff\u{1f600}']
  for (const pattern of patterns)
    for (const text of texts) assert.equal(finds(pattern, text), new RegExp(pattern, 'u').test(text), `${pattern} ${JSON.stringify(text)}`)
  for (const [pattern, text] of [
    ['^[\\s-x]$', '-'],
    ['^[a-\\s]$', '-'],
    ['^[[:alpha:]]$', 'b]'],
    ['^[[:alpha:]]$', 'a'],
  ] as const)
    assert.equal(finds(pattern, text), new RegExp(pattern).test(text), pattern)
  assert.equal(finds('(?<n>a)\\k<n>', 'aa'), 'unsupported')
})

test('for any simple pattern and text the answer is that of ECMAScript', () => {
  const atom = fc.constantFrom('a', 'b', '[ab]', '[^a]', '.', '\\d', '\\w', '(?:ab)', 'a?', 'b*', '[a-c]+', 'a{2}', 'b{1,3}')
  const pattern = fc
    .tuple(fc.constantFrom('', '^'), fc.array(atom, { minLength: 1, maxLength: 6 }), fc.constantFrom('', '$'))
    .map(([start, atoms, end]) => start + atoms.join('') + end)
  const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '1', ' '), maxLength: 30 })
  fc.assert(
    fc.property(pattern, text, (written, read) => assert.equal(finds(written, read), new RegExp(written, 'u').test(read))),
    { numRuns: 300 },
  )
})

test('what the generators of schemas write is taken, or left out for look-around', () => {
  const schemas = [
    z.email(),
    z.uuid(),
    z.iso.datetime(),
    z.iso.date(),
    z.iso.time(),
    z.ipv4(),
    z.ipv6(),
    z.cidrv4(),
    z.cidrv6(),
    z.base64(),
    z.base64url(),
    z.e164(),
    z.cuid(),
    z.cuid2(),
    z.ulid(),
    z.nanoid(),
    z.ksuid(),
    z.guid(),
    z.iso.duration(),
    z.emoji(),
  ]
  for (const schema of schemas) {
    const { pattern } = z.toJSONSchema(schema)
    if (pattern === undefined) continue
    const matcher = compilePattern(pattern, new Fuel())
    const expected = /\(\?[=!]/.test(pattern) ? 'unsupported' : 'object'
    assert.equal(typeof matcher === 'string' ? matcher : 'object', expected, pattern)
  }
})

test('a megabyte of base64 is no more than a generator meant', () => {
  const { pattern = '' } = z.toJSONSchema(z.base64())
  assert.equal(finds(pattern, 'QUJD'.repeat(250_000)), true)
  assert.equal(finds(pattern, `${'QUJD'.repeat(250_000)}!`), false)
})

test('work is counted before it is done: a text too long for its pattern is not read', () => {
  const fuel = new Fuel()
  fuel.left = 1_000
  const matcher = compilePattern('^[ab]*a[ab]{20}c$', fuel)
  assert.ok(typeof matcher === 'object')
  assert.throws(() => matcher.test('a'.repeat(1_000)), fuel.spent)
})

test('the expanded size is never much less than the program, and is known before there is one', () => {
  for (const pattern of ['a{1000}', '(ab){400}', '((a{10}b){10}c){9}', '[a-z]{300}', '(?:a|bc){250}', 'a{2,900}']) {
    const matcher = compilePattern(pattern, new Fuel())
    assert.ok(typeof matcher === 'object', pattern)
    assert.ok(expandedSize(pattern) * 2 + 8 >= matcher.size, `${pattern}: ${expandedSize(pattern)} for ${matcher.size}`)
  }
  assert.ok(expandedSize('((a{1000}b){1000}){1000}') > PROGRAM_MAX)
  assert.ok(expandedSize('(a){1000}'.repeat(100)) > PROGRAM_MAX)
})
