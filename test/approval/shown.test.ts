import assert from 'node:assert/strict'
import { test } from 'node:test'
import { visibleJson } from '../../src/approval/shown.ts'
import { visible } from '../../src/core/visible.ts'

test('whatever could hide or turn a text around is shown, and what people write is left alone', () => {
  const hidden = [
    '\u202e',
    '\u2066',
    '\u200b',
    '\ufeff',
    '\u0007',
    '\u00ad',
    '\u2028',
    '\u00a0',
    '\u3164',
    '\ufe0f',
    '\u{e0041}',
    '\ud800',
    '\ue000',
  ]
  for (const character of hidden) assert.match(visible(`a${character}b`), /^a(\\u[0-9a-f]{4}){1,2}b$/, character)
  assert.equal(visible('Grüße an Łódź, 東京, ñ, 🙂'), 'Grüße an Łódź, 東京, ñ, 🙂')
})

test('arguments are shown whole, in their canonical order, as JSON that says the same', () => {
  const args = { z: 'rm -rf /\n# harmless\u202e', a: { deep: ['x'.repeat(5_000), '\\u202e', 1e21, null, true] } }
  const shown = visibleJson(args)
  assert.deepEqual(JSON.parse(shown), args)
  assert.deepEqual(Object.keys(JSON.parse(shown)), ['a', 'z'])
  assert.ok(shown.includes('\\n# harmless\\u202e"') && shown.includes('"\\\\u202e"') && !shown.includes('\u202e'))
})
