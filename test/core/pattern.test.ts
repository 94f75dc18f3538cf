import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isCovered, isLike, isServerCovered, PATTERN_MAX_CHARS, parsePattern } from '../../src/core/pattern.ts'

const covers = (text: string, server: string, name: string): boolean => {
  const pattern = parsePattern(text)
  return pattern !== undefined && isCovered(pattern, server, name)
}

test('a pattern without a server is for every server, one with a server for that one', () => {
  assert.equal(covers('get_*', 'files', 'get_x'), true)
  assert.equal(covers('files/get_*', 'files', 'get_x'), true)
  assert.equal(covers('files/get_*', 'mail', 'get_x'), false)
  assert.equal(covers('*/get_x', 'mail', 'get_x'), true)
  assert.equal(covers('*', 'anything', 'at all'), true)
})

test('without a star a name matches itself alone, in its very case', () => {
  for (const other of ['get', 'get_xy', 'Get_x', 'get_x ', ' get_x', 'get_x\u200b', ''])
    assert.equal(covers('get_x', 'files', other), false)
})

test('a star is no prefix match: what stands behind it must be there', () => {
  assert.equal(covers('get_*_public', 'files', 'get_secret_admin'), false)
  assert.equal(covers('get_*_public', 'files', 'get_a_public'), true)
  assert.equal(covers('a*a', 'files', 'a'), false)
})

test('an empty, half or endless text is no pattern', () => {
  for (const text of ['', '/', '/x', 'x/', 'x'.repeat(PATTERN_MAX_CHARS + 1)]) assert.equal(parsePattern(text), undefined)
})

test('a pattern touches the servers that it could cover something on', () => {
  const touches = (text: string, server: string): boolean => {
    const pattern = parsePattern(text)
    return pattern !== undefined && isServerCovered(pattern, server)
  }
  assert.deepEqual([touches('get_*', 'mail'), touches('files/x', 'files'), touches('files/x', 'mail')], [true, true, false])
})

test('globs agree with the regular expression that says the same', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*'), maxLength: 8 })
  const texts = fc.string({ unit: fc.constantFrom('a', 'b', '.'), maxLength: 12 })
  fc.assert(
    fc.property(letters, texts, (glob, text) => {
      const expression = new RegExp(
        `^${glob
          .split('*')
          .map((part) => part.replaceAll('.', '\\.'))
          .join('.*')}$`,
        's',
      )
      assert.equal(isLike(glob, text), expression.test(text))
    }),
  )
})
