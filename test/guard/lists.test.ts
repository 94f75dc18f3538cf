import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CACHE_TTL_MAX_MS, filterList, limitCaching } from '../../src/guard/lists.ts'
import { aResult } from '../fixtures/nouns.ts'

const only = (name: string) => (_: unknown, resource: { readonly name: string }) => resource.name === name

test('a list keeps what is visible, in its order, and everything else of the result', () => {
  const list = aResult({ tools: [{ name: 'a' }, { name: 'b' }, { name: 'a', title: 'again' }], nextCursor: 'c' })
  const left = filterList(list, 'tools/list', 'files', only('a')).body.result
  assert.deepEqual(left, { tools: [{ name: 'a' }, { name: 'a', title: 'again' }], nextCursor: 'c' })
})

test('each list asks about its own kind, action and name', () => {
  const rows = [
    ['tools/list', 'tools', 'name', 'call', 'tool'],
    ['prompts/list', 'prompts', 'name', 'get', 'prompt'],
    ['resources/list', 'resources', 'uri', 'read', 'resource'],
    ['resources/templates/list', 'resourceTemplates', 'uriTemplate', 'read', 'resource'],
  ] as const
  for (const [method, member, name, action, kind] of rows) {
    const asked: unknown[] = []
    filterList(aResult({ [member]: [{ [name]: 'x' }] }), method, 'files', (...question) => asked.push(question) > 0)
    assert.deepEqual(asked, [[action, { kind, server: 'files', name: 'x' }, { [name]: 'x' }]])
  }
})

test('an item without a name is never shown', () => {
  const list = aResult({ tools: [{ title: 'nameless' }, 'text', null, { name: 7 }] })
  assert.deepEqual(filterList(list, 'tools/list', 'files', () => true).body.result, { tools: [] })
})

test('a list from which nothing had to go is the very same message', () => {
  const list = aResult({ tools: [{ name: 'a' }] })
  assert.equal(
    filterList(list, 'tools/list', 'files', () => true),
    list,
  )
})

test('what a client may keep is private, and for no longer than the limit', () => {
  const kept = (result: object) => limitCaching(aResult({ resultType: 'complete', tools: [], ...result }), 'tools/list').body.result
  for (const result of [
    { ttlMs: 3_600_000, cacheScope: 'public' },
    { ttlMs: 90_000, cacheScope: 'private' },
  ]) {
    assert.deepEqual([kept(result)?.['ttlMs'], kept(result)?.['cacheScope']], [CACHE_TTL_MAX_MS, 'private'])
  }
  for (const result of [{}, { ttlMs: -5, cacheScope: 'public' }, { ttlMs: 'x' }]) {
    assert.deepEqual([kept(result)?.['ttlMs'], kept(result)?.['cacheScope']], [0, 'private'])
  }
})

test('an answer that asks back is not marked as cacheable', () => {
  const message = aResult({ resultType: 'input_required', inputRequests: {} })
  assert.equal(limitCaching(message, 'resources/read'), message)
})

test('a tool result is not a thing to keep', () => {
  const message = aResult({ resultType: 'complete', content: [] })
  assert.equal(limitCaching(message, 'tools/call'), message)
})
