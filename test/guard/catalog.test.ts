import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '../../src/core/json.ts'
import { Catalog } from '../../src/guard/catalog.ts'
import { aCall, aPrincipal, aResult } from '../fixtures/nouns.ts'

const ann = aPrincipal({ subject: 'ann' })
const bob = aPrincipal({ subject: 'bob' })
const list = (receivedAt = 0, era: 'modern' | 'legacy' = 'modern') =>
  aCall({ method: 'tools/list', action: 'list', resource: { kind: 'server', server: 'files', name: 'files' }, receivedAt, era })
const tool = (name: string, type = 'string'): JsonObject => ({ name, inputSchema: { type: 'object', properties: { x: { type } } } })
const typeOf = (catalog: Catalog, name: string, principal = ann): unknown => {
  const schema = catalog.find('files', name, principal)?.definition.inputSchema as JsonObject | undefined
  return ((schema?.['properties'] as JsonObject | undefined)?.['x'] as JsonObject | undefined)?.['type']
}

test('what one caller was told counts for all, until another is told something else; then each has its own', () => {
  const catalog = new Catalog()
  catalog.learn(aResult({ tools: [tool('read')] }), list(), ann)
  assert.deepEqual([typeOf(catalog, 'read'), typeOf(catalog, 'read', bob)], ['string', 'string'])
  catalog.learn(aResult({ tools: [tool('read', 'number')] }), list(), bob)
  assert.deepEqual([typeOf(catalog, 'read'), typeOf(catalog, 'read', bob)], ['string', 'number'])
  assert.equal(catalog.find('files', 'read', aPrincipal({ subject: 'cid' })), undefined)
})

test('what the same caller is told anew replaces what it was told, and an equal definition is the same object', () => {
  const catalog = new Catalog()
  catalog.learn(aResult({ tools: [tool('read')] }), list(1), ann)
  const before = catalog.find('files', 'read', ann)
  catalog.learn(aResult({ tools: [JSON.parse(JSON.stringify(tool('read')))] }), list(2), bob)
  const after = catalog.find('files', 'read', ann)
  assert.equal(before?.definition, after?.definition)
  assert.deepEqual([before?.at, after?.at], [1, 2])
  catalog.learn(aResult({ tools: [tool('read', 'number')] }), list(3), bob)
  assert.deepEqual([typeOf(catalog, 'read', bob), typeOf(catalog, 'read', ann)], ['number', 'number'])
})

test('the digest is of the canonical form of the whole definition', () => {
  const catalog = new Catalog()
  catalog.learn(aResult({ tools: [{ name: 'a', inputSchema: { type: 'object' }, description: 'x' }] }), list(), ann)
  catalog.learn(aResult({ tools: [{ description: 'x', inputSchema: { type: 'object' }, name: 'b' }] }), list(), ann)
  const mark = (name: string): string | undefined => catalog.find('files', name, ann)?.definition.digest
  assert.notEqual(mark('a'), mark('b'))
  const first = mark('a')
  catalog.learn(aResult({ tools: [{ description: 'x', inputSchema: { type: 'object' }, name: 'a' }] }), list(), ann)
  assert.equal(mark('a'), first)
  catalog.learn(aResult({ tools: [{ description: 'y', inputSchema: { type: 'object' }, name: 'a' }] }), list(), ann)
  assert.notEqual(mark('a'), first)
})

test('a change forgets everything of that server and of no other, and what was asked for before it is not current', () => {
  const catalog = new Catalog()
  catalog.learn(aResult({ tools: [tool('read')] }), list(), ann)
  catalog.learn(aResult({ tools: [tool('read')] }), { ...list(), resource: { kind: 'server', server: 'other', name: 'other' } }, ann)
  catalog.drop('files', 100)
  assert.equal(catalog.find('files', 'read', ann), undefined)
  assert.notEqual(catalog.find('other', 'read', ann), undefined)
  assert.deepEqual([catalog.isCurrent('files', 99), catalog.isCurrent('files', 100), catalog.isCurrent('other', 0)], [false, true, true])
})

test('a tool that a caller is told no more is forgotten for that caller', () => {
  const catalog = new Catalog()
  catalog.learn(aResult({ tools: [tool('read'), tool('write')] }), list(), ann)
  catalog.retain('files', new Set(['write']), bob)
  assert.equal(typeOf(catalog, 'read'), 'string')
  catalog.retain('files', new Set(['write']), ann)
  assert.deepEqual([typeOf(catalog, 'read'), typeOf(catalog, 'write')], [undefined, 'string'])
  catalog.learn(aResult({ tools: [tool('write', 'number')] }), list(), bob)
  catalog.retain('files', new Set(), bob)
  assert.deepEqual([typeOf(catalog, 'write'), typeOf(catalog, 'write', bob)], ['string', undefined])
})

test('the catalogue of a server is bounded: by tools, by characters, and by the size of one definition', () => {
  const catalog = new Catalog()
  const many = Array.from({ length: 10_001 }, (_, at) => tool(`t${at}`))
  catalog.learn(aResult({ tools: many }), list(), ann)
  assert.deepEqual([typeOf(catalog, 't9999'), catalog.find('files', 't10000', ann)], ['string', undefined])
  const other = new Catalog()
  const huge = (name: string): JsonObject => ({ ...tool(name), description: 'x'.repeat(600_000) })
  other.learn(aResult({ tools: Array.from({ length: 80 }, (_, at) => huge(`h${at}`)) }), list(), ann)
  assert.equal(other.find('files', 'h0', ann)?.definition.inputSchema, null)
  assert.equal(other.find('files', 'h79', ann), undefined)
})

test('in the older revisions a tool with an annotation that is not valid stays: there it means nothing', () => {
  const bad: JsonObject = { name: 'bad', inputSchema: { type: 'object', properties: { a: { type: 'number', 'x-mcp-header': 'A' } } } }
  const message = aResult({ tools: [bad] })
  assert.equal(new Catalog().learn(message, list(0, 'legacy'), ann), message)
  assert.deepEqual(new Catalog().learn(message, list(), ann).body.result?.['tools'], [])
})

test('what is no tool is passed on and not learned', () => {
  const catalog = new Catalog()
  for (const tools of [undefined, 'x', [null, 5, {}, { name: 5 }]]) {
    const message = aResult({ tools })
    assert.equal(catalog.learn(message, list(), ann), message)
  }
})
