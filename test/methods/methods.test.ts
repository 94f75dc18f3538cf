/** The table of methods held against the SDKs' own schemas and wire registries, read when the test runs. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import * as core from '@modelcontextprotocol/core'
import * as sdk from '@modelcontextprotocol/sdk/types.js'
import { ACTIONS } from '../../src/core/call.ts'
import { METHODS, methodRow, REVISIONS } from '../../src/mcp/methods.ts'

const require = createRequire(import.meta.url)
const WIRE = METHODS.filter(({ method }) => !method.startsWith('$'))

/** Sent by servers only. */
const FROM_SERVERS = [
  'elicitation/create',
  'notifications/elicitation/complete',
  'notifications/message',
  'notifications/prompts/list_changed',
  'notifications/resources/list_changed',
  'notifications/resources/updated',
  'notifications/subscriptions/acknowledged',
  'notifications/tools/list_changed',
  'roots/list',
  'sampling/createMessage',
]
/** Of extensions that are not let through: refused until somebody decides what they mean. */
const NOT_SPOKEN = ['resources/directory/read', 'skills/get', 'skills/list']

/** Where an error of the SDK's Skills extension stands, not a method. */
const NO_METHOD = ['resources/list_changed']

type Schema = { readonly shape?: { readonly method?: { readonly value?: unknown } }; readonly options?: readonly Schema[] }

function literal(schema: Schema): string {
  const value = schema.shape?.method?.value
  assert.equal(typeof value, 'string')
  return String(value)
}

function literals(schema: Schema): string[] {
  assert.ok(schema.options !== undefined && schema.options.length > 2)
  return schema.options.map(literal)
}

/** All module sources of an installed package, without their block comments. */
function sourceOf(name: string): string {
  const folder = dirname(require.resolve(name))
  return readdirSync(folder)
    .filter((file) => file.endsWith('.mjs'))
    .flatMap((file) => readFileSync(join(folder, file), 'utf8').split('\n'))
    .filter((line) => !/^\s*\*/.test(line))
    .join('\n')
}

/** The keys of a registry of one revision in the SDK's wire layer. */
function registry(source: string, revision: string, kind: 'request' | 'notification'): string[] {
  const region = source.split(`/wire/rev${revision}/registry.ts`)[1]?.split('//#endregion')[0] ?? ''
  const block = new RegExp(`const ${kind}MethodKeys(?:\\$1)? = \\{([^}]*)\\}`).exec(region)?.[1] ?? ''
  return [...block.matchAll(/"([^"]+)": null|^\s*(\w+): null/gm)].map((match) => match[1] ?? match[2] ?? '')
}

const server = sourceOf('@modelcontextprotocol/server')
const client = sourceOf('@modelcontextprotocol/client')

for (const [name, types] of [
  ['sdk 1.32.2', sdk],
  ['core 2.4.0', core],
] as const) {
  describe(`in ${name}`, () => {
    test('every request of a client has a row', () => {
      for (const method of literals(types.ClientRequestSchema as unknown as Schema))
        assert.equal(methodRow(method)?.notification, false, method) // two zods, one shape
    })
    test('every notification of a client has a row', () => {
      for (const method of literals(types.ClientNotificationSchema as unknown as Schema))
        assert.equal(methodRow(method)?.notification, true, method) // two zods, one shape
    })
    test('what only servers send has none', () => {
      const clients = new Set([
        ...literals(types.ClientRequestSchema as unknown as Schema),
        ...literals(types.ClientNotificationSchema as unknown as Schema),
      ]) // two zods, one shape
      const servers = [
        ...literals(types.ServerRequestSchema as unknown as Schema),
        ...literals(types.ServerNotificationSchema as unknown as Schema),
      ] // two zods, one shape
      for (const method of servers.filter((entry) => !clients.has(entry) && !entry.startsWith('tasks/')))
        assert.equal(methodRow(method), undefined, method)
    })
  })
}

test('every method that the modern wire registry of the SDK knows is a row of that revision, or sent by servers', () => {
  const requests = registry(server, '2026-07-28', 'request')
  assert.ok(requests.length >= 10)
  for (const method of requests) assert.ok(methodRow(method)?.revisions.has('2026-07-28'), method)
  const notifications = registry(server, '2026-07-28', 'notification')
  assert.ok(notifications.includes('notifications/cancelled'))
  // Progress is registered for both directions; of a client there is nothing left to report on.
  const spoken = notifications.filter((method) => !FROM_SERVERS.includes(method) && method !== 'notifications/progress')
  for (const method of spoken) assert.ok(methodRow(method)?.revisions.has('2026-07-28'), method)
})

test('every modern row is in the registry of the SDK, or of the Tasks extension', () => {
  const known = new Set([...registry(server, '2026-07-28', 'request'), ...registry(server, '2026-07-28', 'notification')])
  const rows = WIRE.filter(({ method, revisions }) => revisions.has('2026-07-28') && !known.has(method)).map(({ method }) => method)
  assert.deepEqual(rows.sort(), ['tasks/cancel', 'tasks/get', 'tasks/update'])
})

test('the rows of 2025-11-25 are exactly what the SDK has for that era and a client may send', () => {
  const known = [...registry(server, '2025-11-25', 'request'), ...registry(server, '2025-11-25', 'notification')]
  assert.ok(known.includes('initialize'))
  const rows = WIRE.filter(({ revisions }) => revisions.has('2025-11-25')).map(({ method }) => method)
  assert.deepEqual(rows.sort(), known.filter((method) => !FROM_SERVERS.includes(method)).sort())
})

test('every method named anywhere in the SDKs is a row, a message of servers, or known not to be spoken', () => {
  const pattern =
    /"((?:notifications|tools|resources|prompts|tasks|completion|logging|sampling|elicitation|roots|server|subscriptions|skills)\/[a-z][A-Za-z/_]*)"/g
  const named = new Set([...`${server}\n${client}`.matchAll(pattern)].map((match) => match[1] ?? ''))
  assert.ok(named.size > 25)
  const strangers = [...named].filter((method) => methodRow(method) === undefined)
  for (const method of strangers) assert.ok([...FROM_SERVERS, ...NOT_SPOKEN, ...NO_METHOD].includes(method), method)
})

test('the Mcp-Name header has the source that the SDK gives it', () => {
  const block = /const MCP_NAME_HEADER_SOURCE = \{([^}]*)\}/.exec(server)?.[1] ?? ''
  const theirs = Object.fromEntries([...block.matchAll(/"([^"]+)": "([^"]+)"/g)].map((match) => [match[1], match[2]]))
  const ours = Object.fromEntries(WIRE.filter(({ mirrored }) => mirrored).map(({ method, name }) => [method, name]))
  assert.deepEqual(ours, theirs)
})

test('the cacheable results are those of the SDK', () => {
  const block = /const CACHEABLE_RESULT_METHODS = \[([^\]]*)\]/.exec(server)?.[1] ?? ''
  const theirs = [...block.matchAll(/"([^"]+)"/g)].map((match) => match[1])
  const ours = WIRE.filter(({ cacheable }) => cacheable).map(({ method }) => method)
  assert.deepEqual(ours.sort(), theirs.sort())
})

describe('the table', () => {
  test('has each method once, with a known action and revisions', () => {
    assert.equal(new Set(METHODS.map(({ method }) => method)).size, METHODS.length)
    for (const { method, action, revisions } of METHODS) {
      assert.ok(ACTIONS.includes(action) && action !== 'receive', method)
      assert.ok(revisions.size > 0)
      for (const revision of revisions) assert.ok(REVISIONS.some((known) => known === revision))
    }
  })
  test('controls the server with what is not about a thing', () => {
    const controls = WIRE.filter(({ action, kind }) => action === 'control' && kind === 'server').map(({ method }) => method)
    for (const method of controls) assert.match(method, /^(initialize|ping|server\/discover|logging\/setLevel|notifications\/.+)$/)
    for (const { method, action } of WIRE.filter(({ notification }) => notification)) assert.equal(action, 'control', method)
  })
  test('lists the server', () => {
    for (const { method, action, kind, list } of WIRE) {
      assert.equal(action === 'list', method.endsWith('/list'), method)
      if (action === 'list') assert.deepEqual([kind, typeof list], ['server', 'string'])
    }
  })
  test('hides its internal rows from the wire', () => {
    for (const method of ['$stream', '$response', '$end', 'toString', '']) assert.equal(methodRow(method), undefined)
  })
})
