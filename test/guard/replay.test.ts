/** Another law is put to the calls of the journal, and what the journal does not keep is said and never guessed. */
import assert from 'node:assert/strict'
import { it, type TestContext } from 'node:test'
import type { Entry } from '../../src/core/event.ts'
import { parsePattern } from '../../src/core/pattern.ts'
import type { Principal } from '../../src/core/principal.ts'
import { type Bench, type Replay, replay } from '../../src/guard/replay.ts'
import { narrowed, suggest } from '../../src/guard/suggest.ts'
import { createEngine } from '../../src/policy/engine.ts'
import type { Store } from '../../src/store/store.ts'
import { makeDesk, START_AT } from '../audit/fixture.ts'

const ACCESS = {
  roles: {
    reader: { inherits: [], permissions: ['files:read', 'mail:*'] },
    writer: { inherits: ['reader'], permissions: ['*:write'] },
    idle: { inherits: [], permissions: ['*'] },
  },
  tools: {
    'files/read_*': { permission: 'files:read' },
    'files/write_*': { permission: 'files:write' },
    'files/scoped': { permission: 'files:read', scopes: ['files'] },
  },
  prompts: {},
  resources: [],
  policies: [],
}

const SPAN = { since: 0, until: START_AT + 1 }
const call = (name: string, more: Partial<Entry> = {}): Entry => ({
  type: 'call.ended',
  outcome: 'permitted',
  method: 'tools/call',
  action: 'call',
  resource: { kind: 'tool', server: 'files', name },
  principal: 'key#a',
  kind: 'service',
  roles: ['writer'],
  law: 'then',
  ...more,
})

const USER = { principal: 'https://idp.example#ann', kind: 'user', roles: ['reader'] } as const
const ENTRIES: readonly Entry[] = [
  call('read_file'),
  call('read_file'),
  call('write_file'),
  call('read_file', USER),
  call('scoped', USER),
  call('read_file', { principal: 'key#gone' }),
  call('write_file', { outcome: 'denied', denial: 'invalid_token', principal: undefined as never, law: undefined as never }),
]

const KEY: Principal = { kind: 'service', issuer: 'key', subject: 'a', actors: [], roles: ['writer'], claims: { name: 'a' } }

async function journalOf(context: TestContext): Promise<Store> {
  const { store, open } = makeDesk(context)
  const journal = open()
  for (const entry of ENTRIES) await journal.write(entry)
  await journal.close()
  return store
}

function bench(text = '', access = ACCESS): Bench {
  const files = text === '' ? [] : [{ path: 'new.cedar', text }]
  const key = (id: string): Principal | undefined => (id === 'a' ? KEY : undefined)
  return { law: createEngine({ access, files }, () => START_AT), key }
}

async function replayed(context: TestContext, text: string): Promise<Replay> {
  return replay(await journalOf(context), SPAN, bench(), bench(text))
}

it('tells which calls a policy would have refused, and of which scopes the journal cannot tell', async (context) => {
  const found = await replayed(
    context,
    '@id("no-writing") forbid (principal, action == Action::"call", resource == Tool::"files/write_file");',
  )

  assert.deepEqual([found.decided, found.changed], [4, 1])
  assert.deepEqual(found.changes, [
    {
      principal: 'key#a',
      action: 'call',
      thing: 'files/write_file',
      before: 'permit',
      after: 'forbid',
      policies: ['no-writing'],
      calls: 1,
    },
  ])
  assert.deepEqual(found.undecidable, { arguments: 0, claims: 0, scopes: 1, key: 1 })
})

it('guesses nothing where a policy reads arguments or claims', async (context) => {
  const found = await replayed(
    context,
    `@id("paths") forbid (principal, action == Action::"call", resource == Tool::"files/write_file")
     when { context.input.hasTag("/path") && context.input.getTag("/path") == "/etc" };
     @id("team") forbid (principal, action == Action::"call", resource == Tool::"files/read_file")
     when { principal.hasTag("team") && principal.getTag("team").contains("red") };`,
  )

  assert.deepEqual([found.decided, found.changed], [2, 0])
  assert.deepEqual(found.undecidable, { arguments: 1, claims: 1, scopes: 1, key: 1 })
})

it('suggests the rights that were used, and they would have refused nothing that was permitted', async (context) => {
  const store = await journalOf(context)
  const keys = [
    { id: 'a', allow: ['files/*', 'mail/*'] },
    { id: 'b', allow: ['*'] },
  ]

  const suggestion = await suggest(store, SPAN, ACCESS, keys)
  const less = await replay(store, SPAN, bench(), bench('', narrowed(ACCESS, suggestion) as typeof ACCESS))

  assert.deepEqual(suggestion.roles, [
    { role: 'reader', calls: 5, unused: ['mail:*'], enough: ['files:read'] },
    { role: 'writer', calls: 1, unused: [], enough: ['files:write'] },
    { role: 'idle', calls: 0, unused: ['*'], enough: [] },
  ])
  assert.deepEqual(suggestion.keys, [
    { key: 'a', calls: 3, unused: ['mail/*'], enough: ['files/read_file', 'files/write_file'] },
    { key: 'b', calls: 0, unused: ['*'], enough: [] },
  ])
  assert.deepEqual([less.decided, less.changed], [4, 0])
  assert.ok(parsePattern(suggestion.keys[0]?.enough?.[0] ?? '') !== undefined)
})
