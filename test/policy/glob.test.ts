import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { GLOB_MAX_CHARS, isMatch, parseGlob, URI_MAX_CHARS } from '../../src/policy/glob.ts'

function matches(pattern: string, uri: string): boolean {
  const glob = parseGlob(pattern)
  assert.ok(glob !== undefined, pattern)
  return isMatch(glob, uri)
}

const TABLE: readonly [pattern: string, uri: string, matches: boolean][] = [
  ['file:///data/a', 'file:///data/a', true],
  ['file:///data/a', 'file:///data/a/', false],
  ['file:///data/*', 'file:///data/a', true],
  ['file:///data/*', 'file:///data/', true],
  ['file:///data/*', 'file:///data/a/b', false],
  ['file:///data/*', 'file:///database', false],
  ['file:///data/**', 'file:///data/a/b', true],
  ['file:///data/**', 'file:///data/', true],
  ['file:///data/**', 'file:///data', false],
  ['file:///data/**', 'file:///database/a', false],
  ['file:///*/public/**', 'file:///x/public/a/b', true],
  ['file:///*/public/**', 'file:///x/y/public/a', false],
  ['file:///**/*.md', 'file:///a/b/c.md', true],
  ['file:///**/*.md', 'file:///a/b/c.txt', false],
  ['**', '', true],
  ['*', '*', true],
  ['a*a', 'aa', true],
  ['a*a', 'a', false],
  ['https://x/a?b', 'https://x/a?b', true],
  ['https://x/a?b', 'https://x/acb', false],
]

test('one star stays within a segment, two stars cross segments, all else is itself', () => {
  for (const [pattern, uri, expected] of TABLE) assert.equal(matches(pattern, uri), expected, `${pattern} on ${uri}`)
})

test('a pattern that is empty, too long or runs three stars together is none', () => {
  for (const text of ['', '***', `file:///${'a'.repeat(GLOB_MAX_CHARS)}`]) assert.equal(parseGlob(text), undefined)
})

test('a URI beyond the bound matches nothing', () => {
  assert.equal(matches('**', 'a'.repeat(URI_MAX_CHARS)), true)
  assert.equal(matches('**', 'a'.repeat(URI_MAX_CHARS + 1)), false)
})

/** The definition, one reading after another; exponential, so for short texts. */
function slowly(pattern: string, uri: string): boolean {
  if (pattern === '') return uri === ''
  if (pattern.startsWith('**')) return slowly(pattern.slice(2), uri) || (uri !== '' && slowly(pattern, uri.slice(1)))
  if (pattern.startsWith('*')) return slowly(pattern.slice(1), uri) || (uri !== '' && uri[0] !== '/' && slowly(pattern, uri.slice(1)))
  return uri !== '' && uri[0] === pattern[0] && slowly(pattern.slice(1), uri.slice(1))
}

test('the matcher agrees with its definition', () => {
  const short = (alphabet: string) => fc.string({ unit: fc.constantFrom(...alphabet), minLength: 1, maxLength: 8 })
  const pattern = short('ab/**').filter((text) => !text.includes('***'))

  fc.assert(
    fc.property(pattern, short('ab/*'), (text, uri) => assert.equal(matches(text, uri), slowly(text, uri))),
    { numRuns: 2_000 },
  )
})
