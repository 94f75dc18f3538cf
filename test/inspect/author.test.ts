/** What authors of tools are given: held against the same vectors as the screening. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { Vector } from '../../bench/rows.ts'
import { Denial } from '../../src/core/denial.ts'
import { safeUrl } from '../../src/inspect/safe-url.ts'
import { sanitizeHtml } from '../../src/inspect/sanitize.ts'

const vectors = readFileSync(new URL('../vectors/arguments/vectors.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Vector)
const of = (kind: string, expect: string): readonly string[] =>
  vectors.filter((vector) => vector.kind === kind && vector.expect === expect).map(({ payload }) => payload)

test('what sanitizeHtml gives back has nothing in it that runs or loads, whatever went in', () => {
  const left = of('html', 'stop')
    // Text that only runs where it is pasted into an attribute or decoded once more is text here.
    .filter((payload) => /<[a-z!/]/i.test(payload) && !payload.includes('{{'))
    .map((payload) => sanitizeHtml(payload))
    .filter((html) => {
      const tags = html.replace(/"[^"]*"/g, '""')
      const isActive =
        /<(?:script|iframe|svg|math|style|link|meta|base|object|embed|form|template|noscript)\b|<[^>]*\s(?:on\w+|style|srcdoc)=/i.test(tags)
      return isActive || /(?:href|src|cite)="\s*(?!https?:|mailto:|tel:)[\w+.-]+:/i.test(html)
    })
  assert.deepEqual(left, [])
})

test('sanitizeHtml keeps prose, links and pictures, and sends no link anything back', () => {
  assert.equal(sanitizeHtml('<p class="x">Hi <b>there</b> &amp; bye</p>'), '<p class="x">Hi <b>there</b> &amp; bye</p>')
  assert.equal(
    sanitizeHtml('<a href="https://example.com/">x</a>'),
    '<a href="https://example.com/" rel="noopener noreferrer nofollow">x</a>',
  )
  assert.equal(sanitizeHtml('<img src="https://example.com/x.png" alt="x">'), '<img src="https://example.com/x.png" alt="x" />')
  assert.equal(sanitizeHtml('<img src="https://example.com/x.png">', { images: false }), '')
  assert.equal(sanitizeHtml('a < b'), 'a &lt; b')
})

test('sanitizeHtml flattens what is nested deep, cuts what is nested deeper than browsers nest, and is safe and soon done either way', () => {
  const bold = (count: number): string => '<b>'.repeat(count)
  const plain = (html: string): string => html.replaceAll('<b>', '').replaceAll('</b>', '')
  assert.equal(plain(sanitizeHtml(`${bold(512)}in</b>side<script>x()</script>`)), 'inside')
  assert.equal(plain(sanitizeHtml(`before${bold(512)}in<i>out</i>side<script>x()</script>`)), 'beforein')
  assert.equal(sanitizeHtml(`<p>${'<br>x'.repeat(600)}</p>`), `<p>${'<br />x'.repeat(600)}</p>`)
  assert.equal(sanitizeHtml('<li>x'.repeat(600)), '<li>x</li>'.repeat(600))
  const before = performance.now()
  for (const piece of ['<b>', '<i><b>', '<div><p>', '<svg>', '<a href="x"><b>'])
    assert.equal(plain(sanitizeHtml(piece.repeat(Math.ceil(1_000_000 / piece.length)))).includes('<script'), false)
  assert.ok(performance.now() - before < 4_000)
})

test('no option makes sanitizeHtml let through what runs', () => {
  const tags = ['script', 'svg', 'iframe', 'style', 'p', 'a']
  assert.equal(sanitizeHtml('<script>x()</script><svg><script>x()</script></svg><p>y</p>', { tags }), '<p>y</p>')
  assert.equal(
    sanitizeHtml('<a href="javascript:x()">y</a>', { schemes: ['javascript', 'https'] }),
    '<a rel="noopener noreferrer nofollow">y</a>',
  )
})

test('safeUrl gives the URL of what is public, and refuses the rest without saying why to the caller', () => {
  for (const payload of of('url', 'pass').filter((text) => /^https?:/i.test(text)))
    assert.equal(safeUrl(payload).href, new URL(payload).href)
  for (const payload of of('url', 'stop'))
    assert.throws(
      () => safeUrl(payload),
      (error) => error instanceof Denial && error.code === 'invalid_arguments',
    )
  assert.throws(() => safeUrl('example.com/x'), { code: 'invalid_arguments' })
})

test('safeUrl holds to the hosts and schemes that it is told', () => {
  assert.equal(safeUrl('https://api.example.com/x', { hosts: ['*.example.com'] }).host, 'api.example.com')
  assert.throws(() => safeUrl('https://example.org/', { hosts: ['*.example.com'] }), { code: 'invalid_arguments' })
  assert.throws(() => safeUrl('http://example.com/', { schemes: ['https'] }), { code: 'invalid_arguments' })
  assert.equal(safeUrl('http://127.0.0.1:3000/', { private: true }).port, '3000')
})
