import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Call } from '../../src/core/call.ts'
import { Denial } from '../../src/core/denial.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { Catalog } from '../../src/guard/catalog.ts'
import { checkMirrors } from '../../src/guard/mirrors.ts'
import { aCall, aPrincipal, aResult } from '../fixtures/nouns.ts'

const tool = (name: string, properties: JsonObject): JsonObject => ({ name, inputSchema: { type: 'object', properties } })
const REGION = { region: { type: 'string', 'x-mcp-header': 'Region' }, count: { type: 'integer', 'x-mcp-header': 'Count' } }

const LIST = aCall({ method: 'tools/list', action: 'list', resource: { kind: 'server', server: 'files', name: 'files' } })

function known(): { check(call: Call): void } {
  const catalog = new Catalog()
  catalog.learn(aResult({ tools: [tool('query', REGION)] }), LIST, aPrincipal())
  return { check: (call) => checkMirrors(call, catalog, aPrincipal()) }
}

function isMismatch(error: unknown): boolean {
  return error instanceof Denial && error.code === 'header_mismatch'
}

test('a header that repeats the argument passes: as text, encoded, or as the same number', () => {
  const mirrors = known()
  mirrors.check(
    aCall({ tool: 'query', arguments: { region: 'us', count: 42 }, mirrored: { 'mcp-param-region': 'us', 'mcp-param-count': '42.0' } }),
  )
  mirrors.check(aCall({ tool: 'query', arguments: { region: '世界' }, mirrored: { 'mcp-param-region': '=?base64?5LiW55WM?=' } }))
  mirrors.check(aCall({ tool: 'query', arguments: { region: null } }))
})

test('a header that says something else, is missing, too many, or wrongly encoded is refused', () => {
  const mirrors = known()
  const wrong: readonly (readonly [JsonObject, Record<string, string>])[] = [
    [{ region: 'us' }, { 'mcp-param-region': 'eu' }],
    [{ region: 'us' }, {}],
    [{}, { 'mcp-param-region': 'us' }],
    [{ region: 'us' }, { 'mcp-param-region': '=?base64?!?=' }],
    [{ count: 42 }, { 'mcp-param-count': '43' }],
    [{ region: 'US' }, { 'mcp-param-region': 'us' }],
  ]
  for (const [args, mirrored] of wrong) assert.throws(() => mirrors.check(aCall({ tool: 'query', arguments: args, mirrored })), isMismatch)
})

test("another server's tool of the same name, an unknown tool and stdio know no such headers", () => {
  const mirrors = known()
  mirrors.check(aCall({ tool: 'query', resource: { kind: 'tool', server: 'other', name: 'query' }, arguments: { region: 'us' } }))
  mirrors.check(aCall({ tool: 'never_listed', arguments: { region: 'us' }, mirrored: { 'mcp-param-region': 'eu' } }))
  mirrors.check(
    aCall({ tool: 'query', arguments: { region: 'us' }, origin: { transport: 'stdio', era: 'modern', revision: '2026-07-28' } }),
  )
})

test('a caller of a revision without such headers owes none, whoever was told of the tool', () => {
  known().check(aCall({ tool: 'query', era: 'legacy', arguments: { region: 'us' } }))
})

test('a tool whose annotation is not valid, or wants a credential in a header, is left out, and the others stay', () => {
  const bad = [
    tool('bad', { a: { type: 'number', 'x-mcp-header': 'A' } }),
    tool('leaks', { api_key: { type: 'string', 'x-mcp-header': 'Region' } }),
    tool('leaks_too', { a: { type: 'object', properties: { b: { type: 'string', 'x-mcp-header': 'Session-Token' } } } }),
  ]
  const list = new Catalog().learn(aResult({ tools: [...bad, tool('good', REGION)] }), LIST, aPrincipal())
  assert.deepEqual(list.body.result?.['tools'], [tool('good', REGION)])
})
