import assert from 'node:assert/strict'
import { test } from 'node:test'
import { escapeText, Muffler, Quarantine } from '../../src/upstream/noise.ts'

test('no control character, escape or direction mark survives, and letters of every script do', () => {
  assert.equal(escapeText('a\u001b[31mb\u0007c\rd\u202ee\u2028f\u200bg'), 'a\\u{1b}[31mb\\u{7}c\\u{d}d\\u{202e}e\\u{2028}f\\u{200b}g')
  assert.equal(escapeText('naïve 世界\n\tok'), 'naïve 世界\n\tok')
})

test('more text than the budget of a minute is not kept, and that is said once', () => {
  let now = 0
  const said: string[] = []
  const muffler = new Muffler(
    (text) => void said.push(text),
    () => now,
  )
  for (let at = 0; at < 100; at++) muffler.say(Buffer.from('x'.repeat(10_000)))
  assert.equal(said.filter((text) => text.startsWith('(')).length, 1)
  assert.equal(said.filter((text) => text.startsWith('x')).join('').length, 65_536)
  now = 60_000
  muffler.say(Buffer.from('again\n'))
  assert.equal(said.at(-1), 'again')
})

test('a secret that comes in two pieces is redacted, because a line is looked at whole', () => {
  const said: string[] = []
  const muffler = new Muffler(
    (text) => void said.push(text),
    () => 0,
    (text) => text.replaceAll('hunter2', '***'),
  )
  muffler.say(Buffer.from('the password is hun'))
  muffler.say(Buffer.from('ter2\r\nand\u001b[0m'))
  assert.deepEqual(said, ['the password is ***'])
  muffler.end()
  assert.deepEqual(said, ['the password is ***', 'and\\u{1b}[0m'])
})

test('a flood of one kind is told of at the 1st, the 10th, the 100th', () => {
  const told: string[] = []
  const quarantine = new Quarantine((detail) => void told.push(detail))
  for (let at = 0; at < 500; at++) quarantine.drop('noise')
  quarantine.drop('other')
  assert.deepEqual(told, ['noise: 1 dropped', 'noise: 10 dropped', 'noise: 100 dropped', 'other: 1 dropped'])
})
