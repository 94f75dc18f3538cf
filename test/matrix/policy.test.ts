/**
 * Who may do what, as one text that people review: `policy.txt` beside this file.
 * A change of the law shows there as a change of cells. Write it anew with `MATRIX=write`, then read the difference.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ACTIONS } from '../../src/core/call.ts'
import type { Decision } from '../../src/core/decision.ts'
import type { Principal } from '../../src/core/principal.ts'
import type { AccessRules } from '../../src/policy/access.ts'
import { compile } from '../../src/policy/compile.ts'
import { createEngine } from '../../src/policy/engine.ts'
import { readPolicies } from '../../src/policy/load.ts'
import { APPLIES, CONTEXT, PRINCIPAL, RESOURCE } from '../../src/policy/schema.ts'
import { checkReviewed } from '../fixtures/reviewed.ts'
import { aPrincipal, aQuery, aResource, aTool, patterns, type QueryParts } from '../policy/fixtures.ts'

const TEXT = new URL('./policy.txt', import.meta.url)

const access: AccessRules = {
  roles: {
    guest: { permissions: ['weather:read'] },
    user: { inherits: ['guest'], permissions: ['files:read', 'prompts:use'] },
    writer: { inherits: ['user'], permissions: ['files:*'] },
    analyst: { inherits: ['user'], permissions: [] },
    admin: { permissions: ['*'] },
  },
  tools: {
    'weather/get_*': { permission: 'weather:read', scopes: ['tools:read'] },
    'files/read_*': { permission: 'files:read', scopes: ['tools:read'] },
    'files/write_file': { permission: 'files:write', scopes: ['tools:write'] },
    'vault/*': { permission: 'vault:open', sensitivity: 'secret' },
    'crm/*': { permission: 'files:read' },
    'lab/*': { permission: 'weather:read' },
    'lab/measure': { destructive: false, openWorld: false },
    'lab/p*': { destructive: false, openWorld: false },
    '*': { scopes: ['mcp:tool:{name}'] },
  },
  resources: [
    { uri: 'file:///data/public/**', read: ['guest'], subscribe: ['user'] },
    { uri: 'file:///data/**', read: ['user'] },
  ],
  prompts: { 'summarise_*': { permission: 'prompts:use', scopes: ['prompts:use'] } },
  sinks: { 'lab/publish': 'external', 'lab/post': 'internal' },
}

const key = (roles: string[], ...allow: string[]): Principal =>
  aPrincipal({ kind: 'service', issuer: 'key', subject: 'k1', roles, grants: patterns(...allow) })
const token = (roles: string[], scopes: string[], more: Partial<Principal> = {}): Principal =>
  aPrincipal({ subject: 'eve', roles, scopes, client: 'desktop', ...more })

const PRINCIPALS: Readonly<Record<string, Principal>> = {
  'anonymous, guest': aPrincipal({ kind: 'anonymous', issuer: 'local', subject: 'anonymous', roles: ['guest'] }),
  'nobody in particular': aPrincipal({ subject: 'eve' }),
  guest: aPrincipal({ subject: 'eve', roles: ['guest'] }),
  user: aPrincipal({ subject: 'eve', roles: ['user'] }),
  'user ann of login': aPrincipal({ subject: 'ann', roles: ['user'] }),
  'user ann of elsewhere': aPrincipal({ issuer: 'https://elsewhere.example', subject: 'ann', roles: ['user'] }),
  'user of acme': aPrincipal({ subject: 'eve', roles: ['user'], tenant: 'acme' }),
  'user of other': aPrincipal({ subject: 'eve', roles: ['user'], tenant: 'other' }),
  writer: aPrincipal({ subject: 'eve', roles: ['writer'] }),
  'writer through robot': aPrincipal({ subject: 'eve', roles: ['writer'], actors: ['robot'] }),
  admin: aPrincipal({ subject: 'eve', roles: ['admin'] }),
  'key writer *': key(['writer'], '*'),
  'key service files/read_*': key(['service'], 'files/read_*'),
  'key service, no list': aPrincipal({ kind: 'service', issuer: 'key', subject: 'k1', roles: ['service'] }),
  'key writer files/read_*': key(['writer'], 'files/read_*'),
  'key writer get_*': key(['writer'], 'get_*'),
  'key writer, none': key(['writer']),
  'key without roles *': key([], '*'),
  'token analyst, no scopes': token(['analyst'], []),
  'token analyst tools:*': token(['analyst'], ['tools:*', 'prompts:use']),
  'token analyst mcp:tool:*': token(['analyst'], ['mcp:tool:*']),
  '… and warehouse:write': token(['analyst'], ['mcp:tool:*', 'warehouse:write']),
  'token admin *': token(['admin'], ['*']),
  '… with acr phr': token(['admin'], ['*'], { claims: { acr: 'phr' } }),
}

/** A column: what is asked, and when. Saturday noon unless it says so. */
type Column = Omit<QueryParts, 'principal'> & { readonly at?: number }

const NOON = Date.UTC(2026, 10, 21, 12)
const NIGHT = Date.UTC(2026, 10, 21, 3)
const SUNDAY = Date.UTC(2026, 10, 22, 12)

const server = { kind: 'server', server: 'files', name: 'files' } as const
const task = { kind: 'task', server: 'files', name: 't1' } as const
const prompt = { kind: 'prompt', server: 'files', name: 'summarise_mail' } as const

const SECTIONS: Readonly<Record<string, Readonly<Record<string, Column>>>> = {
  call: {
    'weather/get_time': { resource: aTool('get_time', 'weather') },
    '… at night': { resource: aTool('get_time', 'weather'), at: NIGHT },
    '… on Sunday': { resource: aTool('get_time', 'weather'), at: SUNDAY },
    '… redefined': { resource: aTool('get_time', 'weather'), findings: ['definition/drift'] },
    '… wrong arguments': { resource: aTool('get_time', 'weather'), findings: ['schema'] },
    'files/read_text': { resource: aTool('read_text', 'files') },
    '… ../x': { resource: aTool('read_text', 'files'), findings: ['path-traversal'] },
    '… another’s handle': { resource: aTool('read_text', 'files'), findings: ['foreign-handle'] },
    'files/write_file /data/x': { resource: aTool('write_file', 'files'), input: { path: '/data/x' } },
    '… /etc/x': { resource: aTool('write_file', 'files'), input: { path: '/etc/x' } },
    'crm/find': { resource: aTool('find', 'crm') },
    'crm/send': { resource: aTool('send', 'crm') },
    '… confirmed': { resource: aTool('send', 'crm'), confirmed: true },
    'vault/open': { resource: aTool('open', 'vault') },
    'lab/burn': { resource: aTool('burn', 'lab') },
    'lab/measure': { resource: aTool('measure', 'lab') },
    'other/reboot': { resource: aTool('reboot', 'other') },
  },
  'call, warehouse': {
    query: { resource: aTool('query', 'warehouse') },
    drop_table: { resource: aTool('drop_table', 'warehouse') },
    '… approved': { resource: aTool('drop_table', 'warehouse'), approved: true },
  },
  'call, after something has entered': {
    'lab/publish': { resource: aTool('publish', 'lab') },
    '… internal': { resource: aTool('publish', 'lab'), findings: ['flow/internal'] },
    '… and untrusted': { resource: aTool('publish', 'lab'), findings: ['flow/internal', 'flow/untrusted'] },
    '… confidential': { resource: aTool('publish', 'lab'), findings: ['flow/confidential'] },
    '… approved': { resource: aTool('publish', 'lab'), findings: ['flow/confidential'], approved: true },
    '… a credential': { resource: aTool('publish', 'lab'), findings: ['secret'] },
    '… a credential, approved': { resource: aTool('publish', 'lab'), findings: ['secret'], approved: true },
    'lab/post': { resource: aTool('post', 'lab'), findings: ['flow/confidential'] },
    '… a picture': { resource: aTool('post', 'lab'), findings: ['flow/confidential', 'data-link'] },
  },
  receive: {
    tool: { action: 'receive', resource: aTool('get_time', 'weather') },
    '… personal': { action: 'receive', resource: aTool('get_time', 'weather'), findings: ['personal'] },
    '… secret': { action: 'receive', resource: aTool('get_time', 'weather'), findings: ['personal', 'secret'] },
    '… an error within': { action: 'receive', resource: aTool('get_time', 'weather'), findings: ['internal'] },
    '… a form': { action: 'receive', resource: aTool('get_time', 'weather'), findings: ['credential-form'] },
    '… a link': { action: 'receive', resource: aTool('get_time', 'weather'), findings: ['data-link'] },
    'files/read_text': { action: 'receive', resource: aTool('read_text', 'files') },
    resource: { action: 'receive', resource: aResource('file:///data/public/a') },
    prompt: { action: 'receive', resource: prompt },
    task: { action: 'receive', resource: task },
    server: { action: 'receive', resource: server },
  },
  'read, listen, complete: resources': {
    'read public': { action: 'read', resource: aResource('file:///data/public/a') },
    'read data': { action: 'read', resource: aResource('file:///data/a') },
    'read home of ann': { action: 'read', resource: aResource('file:///home/ann/a') },
    'listen public': { action: 'listen', resource: aResource('file:///data/public/a') },
    'listen data': { action: 'listen', resource: aResource('file:///data/a') },
    'complete public': { action: 'complete', resource: aResource('file:///data/public/a') },
  },
  'get, complete: prompts': {
    'get summarise_mail': { action: 'get', resource: prompt },
    'complete it': { action: 'complete', resource: prompt },
    'get other': { action: 'get', resource: { kind: 'prompt', server: 'files', name: 'other' } },
  },
  'servers and tasks': {
    'list files': { action: 'list', resource: server },
    'listen files': { action: 'listen', resource: server },
    'control files': { action: 'control', resource: server },
    'list crm': { action: 'list', resource: { kind: 'server', server: 'crm', name: 'crm' } },
    'task list': { action: 'list', resource: task },
    'task get': { action: 'get', resource: task },
    'task read': { action: 'read', resource: task },
    'task listen': { action: 'listen', resource: task },
    'task control': { action: 'control', resource: task },
  },
}

const rules = { access, files: readPolicies([new URL('./policy.cedar', import.meta.url)], () => 'policy.cedar') }
const clock = { now: NOON }
const engine = createEngine(rules, () => clock.now)
const columns = Object.values(SECTIONS).flatMap((section) => Object.values(section))

function ask(principal: Principal, { at, ...question }: Column): { readonly decision: Decision; readonly isVisible: boolean } {
  clock.now = at ?? NOON
  const query = aQuery({ principal, ...question })
  return { decision: engine.decide(query), isVisible: engine.isVisible(query) }
}

const WORDS = {
  scope: 'scope',
  step_up: 'step-up',
  approval: 'approval',
  confirm: 'confirm',
  redact: 'redact',
  authenticate: 'sign in',
  connect: 'connect',
  wait: 'wait',
} as const

function cell(principal: Principal, column: Column): string {
  const { decision, isVisible } = ask(principal, column)
  if (decision.effect === 'permit') return ['✔', ...decision.obligations.map(({ value }) => value)].join(' ')
  if (decision.remedies.length > 0) return `✘ ${decision.remedies.map(({ kind }) => WORDS[kind]).join('+')}`
  return isVisible ? '✘' : '·'
}

function table(section: Readonly<Record<string, Column>>): string {
  const rows = [
    ['', ...Object.keys(section)],
    ...Object.entries(PRINCIPALS).map(([name, principal]) => [name, ...Object.values(section).map((column) => cell(principal, column))]),
  ]
  const widths = (rows[0] ?? []).map((_, index) => Math.max(...rows.map((row) => row[index]?.length ?? 0)))
  return rows
    .map((row) =>
      row
        .map((text, index) => text.padEnd(widths[index] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function matrix(): string {
  const head = '✔ permitted (and how often)   ✘ refused (and what would help)   · refused, and not to be seen at all\n'
  return [head, ...Object.entries(SECTIONS).map(([name, section]) => `## ${name}\n\n${table(section)}\n`)].join('\n')
}

test('the law says what the reviewed matrix says', () => {
  checkReviewed(TEXT, matrix())
})

test('every action is asked of every kind of resource that it applies to', () => {
  const asked = new Set(columns.map(({ action, resource }) => `${action ?? 'call'} ${resource?.kind}`))

  assert.deepEqual(
    ACTIONS.flatMap((action) => APPLIES[action].map((kind) => `${action} ${kind}`)).filter((pair) => !asked.has(pair)),
    [],
  )
})

test('every attribute is read by some policy of the matrix', () => {
  const { attributes, claims, inputs } = compile(rules, 'matrix').strict.reads
  const all = Object.entries({ principal: PRINCIPAL, resource: { ...RESOURCE, uri: 1 }, context: CONTEXT }).flatMap(([owner, names]) =>
    Object.keys(names).map((name) => `${owner}.${name}`),
  )

  assert.deepEqual(
    all.filter((name) => !attributes.has(name)),
    [],
  )
  assert.ok(claims.size > 0 && inputs.size > 0)
})

test('every policy decides some cell', () => {
  const decided = new Set(
    columns.flatMap((column) => Object.values(PRINCIPALS).flatMap((principal) => ask(principal, column).decision.policies)),
  )

  assert.deepEqual(
    [...compile(rules, 'matrix').policies.keys()].filter((id) => !decided.has(id)),
    [],
  )
})

test('every remedy that a policy can name stands in some cell', () => {
  const text = matrix()

  for (const kind of ['scope', 'step_up', 'approval', 'redact'] as const) assert.ok(text.includes(WORDS[kind]), kind)
})
