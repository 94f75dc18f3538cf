/** Project, then remember: held against Cedar asked whole and without a memory. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { preparsePolicySet, statefulIsAuthorized } from '@cedar-policy/cedar-wasm/nodejs'
import fc from 'fast-check'
import type { Action, Resource } from '../../src/core/call.ts'
import type { Query } from '../../src/core/decision.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { nameOf, type Principal } from '../../src/core/principal.ts'
import { byId, texts } from '../../src/policy/check.ts'
import { type Compiled, compile } from '../../src/policy/compile.ts'
import { createDecider } from '../../src/policy/decide.ts'
import { ceilingsOf, createViews } from '../../src/policy/views.ts'
import { aPrincipal, aQuery, EXAMPLE, NOON, patterns } from './fixtures.ts'

/** Policies that read every kind of thing; each run takes some of them. */
const POOL = [
  'permit (principal, action == Action::"call", resource);',
  '@limit("9/m") permit (principal in Role::"user", action == Action::"call", resource in Server::"files");',
  'permit (principal, action, resource is Resource) when { resource.uri like "file:///data/*" };',
  'permit (principal is Principal in Role::"admin", action in [Action::"get", Action::"read"], resource);',
  'permit (principal == Principal::"key#ann", action, resource);',
  'permit (principal in Permission::"files:write", action, resource) when { principal.kind == "service" };',
  'forbid (principal == Principal::"https://login.example.com#bob", action == Action::"call", resource == Tool::"files/write_file");',
  'forbid (principal, action, resource) when { principal has tenant && principal.tenant == "t1" && resource.server == "weather" };',
  'forbid (principal, action, resource) unless { principal.issuer == "key" || principal has client };',
  'forbid (principal, action, resource) when { principal.actors.contains("robot") };',
  '@requires("acr:phr") forbid (principal in Role::"user", action, resource) unless { principal.hasTag("acr") && principal.getTag("acr").contains("phr") };',
  'forbid (principal, action, resource) when { principal.hasTag("/realm/roles") && principal.getTag("/realm/roles").containsAny(["x", "y"]) };',
  '@requires("scope:files:write") forbid (principal, action == Action::"call", resource == Tool::"files/write_file") unless { principal.scopes.contains("files:write") };',
  '@requires("scope") forbid (principal, action, resource) when { principal.scopes.contains("files:write") && !resource.rules.contains("files/write_file") };',
  '@requires("approval") forbid (principal, action == Action::"call", resource) when { resource.name like "write*" } unless { context.approved };',
  '@requires("redact:secret") forbid (principal, action, resource) when { context.findings.contains("secret") };',
  'forbid (principal, action, resource) when { context.findings.containsAll(["secret", "virus"]) };',
  'forbid (principal, action == Action::"call", resource in Server::"files") unless { context.input.hasTag("/path") && context.input.getTag("/path") like "/srv/*" };',
  'forbid (principal, action == Action::"call", resource == Tool::"weather/get_time") when { context.input.hasTag("/list/1") && context.input.getTag("/list/1") == "2" };',
  'forbid (principal, action, resource) when { if context.input.hasTag("") then context.input.getTag("") == "{}" else true };',
  'forbid (principal, action, resource) when { resource has sensitivity && resource.sensitivity == "internal" && context.weekday == 6 };',
  'forbid (principal, action, resource) when { [Server::"files", Server::"weather"].contains(Server::"files") && resource in [Server::"weather"] && context.hour < 12 };',
  'forbid (principal, action, resource) when { principal.subject == "ann" && (if principal.roles.contains("guest") then resource else resource).name == "get_time" };',
  'forbid (principal, action == Action::"call", resource) when { resource.destructive && !context.approved };',
  'forbid (principal, action, resource) when { !resource.openWorld };',
  'forbid (principal, action, resource) when { context.definition.contains("definition/new") };',
  'forbid (principal, action, resource) when { context.flow.contains("untrusted") && resource has sink && resource.sink == "external" };',
  'forbid (principal, action, resource) when { resource.scopes.contains("tools:*") && !principal.scopes.isEmpty() && !context.scoped };',
] as const

const some = <T>(...values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values)
const parts = <T>(...values: T[]): fc.Arbitrary<T[]> => fc.subarray(values)

const aPrincipalOf: fc.Arbitrary<Principal> = fc
  .record({
    kind: some<Principal['kind']>('user', 'service', 'anonymous'),
    issuer: some('key', 'https://login.example.com'),
    subject: some('ann', 'bob', 'a"\n\0'),
    roles: parts('guest', 'user', 'premium', 'admin', 'stranger'),
    actors: parts('robot'),
    claims: some<JsonObject>({}, { acr: 'phr' }, { acr: ['low'], realm: { roles: ['y'] } }),
    client: some(undefined, 'c1'),
    tenant: some(undefined, 't1', 't2'),
    scopes: some(undefined, [], ['tools:read'], ['files:write', 'mcp:tool:*']),
    grants: some(undefined, [], patterns('files/*'), patterns('get_*', 'file:*')),
  })
  .map(({ client, tenant, scopes, grants, ...rest }) =>
    aPrincipal({
      ...rest,
      ...(client === undefined ? {} : { client }),
      ...(tenant === undefined ? {} : { tenant }),
      ...(scopes === undefined ? {} : { scopes }),
      ...(grants === undefined ? {} : { grants }),
    }),
  )

const QUESTIONS: readonly [Action, Resource][] = [
  ['call', { kind: 'tool', server: 'files', name: 'write_file' }],
  ['call', { kind: 'tool', server: 'files', name: 'read_text' }],
  ['call', { kind: 'tool', server: 'weather', name: 'get_time' }],
  ['receive', { kind: 'tool', server: 'weather', name: 'get_time' }],
  ['read', { kind: 'resource', server: 'files', name: 'file:///data/public/a' }],
  ['complete', { kind: 'resource', server: 'files', name: 'file:///data/b' }],
  ['get', { kind: 'prompt', server: 'files', name: 'summarise_x' }],
  ['list', { kind: 'server', server: 'weather', name: 'weather' }],
  ['control', { kind: 'task', server: 'files', name: '7' }],
]

const aQueryOf: fc.Arbitrary<Query> = fc
  .record({
    principal: aPrincipalOf,
    question: some(...QUESTIONS),
    approved: fc.boolean(),
    findings: parts('secret', 'virus', 'other', 'flow/untrusted'),
    input: some({}, { path: '/srv/a' }, { path: '/etc' }, { path: ['/srv/a'], list: [1, 2] }, { list: ['1', '2'] }),
  })
  .map(({ question: [action, resource], ...rest }) => aQuery({ ...rest, action, resource }))

/** The same question with one thing changed, so that whatever is wrongly left out of a key is found out. */
function neighbours(query: Query): Query[] {
  const { principal, context } = query
  const { scopes: _, grants: __, ...unnarrowed } = principal
  const as = (changed: Partial<Principal>): Query => ({ ...query, principal: { ...principal, ...changed } })
  const under = (changed: Partial<Query['context']>): Query => ({ ...query, context: { ...context, ...changed } })
  return [
    query,
    { ...query, principal: unnarrowed },
    as({ scopes: [] }),
    as({ grants: [] }),
    as({ claims: { acr: 'phr', realm: { roles: ['x'] } } }),
    as({ claims: {} }),
    as({ issuer: 'key', subject: 'ann' }),
    as({ tenant: 't1' }),
    under({ approved: !context.approved }),
    under({ findings: [] }),
    under({ input: {} }),
    under({ input: { path: '/srv/b' } }),
  ]
}

const someQueriesOf = fc.array(aQueryOf, { minLength: 6, maxLength: 6 }).map((queries) => queries.flatMap(neighbours))
const aLawOf = fc.subarray(POOL.slice(1), { minLength: 1, maxLength: 6 }).map((more) => [POOL[0], ...more].join('\n'))
const RULES = { ...EXAMPLE, sinks: { 'weather/*': 'external' } } as const
const RUNS = { numRuns: 20, endOnFailure: true } as const

/** What Cedar knows the policies by when it is asked whole: no schema narrows them. */
const WHOLE = 'whole'

/** Cedar with the whole of the query: every name, attribute, claim and argument. */
function whole(query: Query, law: Compiled): { readonly effect: string; readonly policies: readonly string[] } {
  const everything = new Proxy(new Set<string>(), { get: (set, member) => (member === 'has' ? () => true : Reflect.get(set, member)) })
  const reads = { ...law.strict.reads, attributes: everything, claims: new Set(['acr', '/realm/roles']) }
  const views = createViews({ ...law.strict, reads })
  const known = views.principal(query.principal)
  const thing = views.resource(query.resource)
  const uid = (type: string, id: string) => ({ type, id })
  const { server, kind, name } = query.resource
  const principal = uid('Principal', nameOf(query.principal))
  const resource = uid(type(kind), kind === 'server' ? server : `${server}/${name}`)
  const answer = statefulIsAuthorized({
    principal,
    action: uid('Action', query.action),
    resource,
    context: {
      approved: query.context.approved,
      ...ceilingsOf(query.principal, known, thing),
      findings: query.context.findings.map((finding) => finding.label).filter((label) => !label.startsWith('flow/')),
      flow: query.context.findings.flatMap(({ label }) => (label.startsWith('flow/') ? [label.slice('flow/'.length)] : [])),
      definition: query.context.findings.map((finding) => finding.label).filter((label) => label.startsWith('definition/')),
      input: { __entity: uid('Input', 'i') },
      hour: new Date(NOON).getUTCHours(),
      weekday: 6,
    },
    preparsedPolicySetId: WHOLE,
    entities: [
      { ...known.view.entity, uid: principal },
      { ...thing.view.entity, uid: resource, parents: kind === 'server' ? [] : [uid('Server', server)] },
      { uid: uid('Input', 'i'), attrs: {}, parents: [], tags: allTexts(query.context.input, '') },
    ],
  })
  assert.equal(answer.type, 'success')
  assert.ok(answer.type === 'success')
  assert.deepEqual(answer.response.diagnostics.errors, [])
  return { effect: answer.response.decision === 'allow' ? 'permit' : 'forbid', policies: answer.response.diagnostics.reason.sort() }
}

function type(kind: Resource['kind']): string {
  return kind.slice(0, 1).toUpperCase() + kind.slice(1)
}

function allTexts(value: unknown, pointer: string): Record<string, string> {
  const below =
    typeof value === 'object' && value !== null ? Object.entries(value).map(([key, one]) => allTexts(one, `${pointer}/${key}`)) : []
  return Object.assign({ [pointer]: typeof value === 'string' ? value : JSON.stringify(value) }, ...below)
}

test('a remembered answer equals that of an engine without memory, and that of Cedar asked whole', () => {
  let round = 0
  fc.assert(
    fc.property(aLawOf, someQueriesOf, (text, queries) => {
      const law = compile({ access: RULES, files: [{ path: 'p', text }] }, `projection ${round++ % 2}`)
      assert.equal(preparsePolicySet(WHOLE, { staticPolicies: texts(law.policies) }).type, 'success')
      const remembering = createDecider(law.strict, () => NOON)

      const first = queries.map((query) => remembering.decide(query))
      for (const [at, query] of queries.entries()) {
        const decision = first[at]
        const { effect, policies } = whole(query, law)
        assert.deepEqual(decision, createDecider(law.strict, () => NOON).decide(query))
        assert.deepEqual({ effect: decision?.effect, policies: decision?.policies }, { effect, policies })
        // Asked again, when the memory knows all of them.
        assert.deepEqual(remembering.decide(query), decision)
      }
    }),
    RUNS,
  )
})

test('what is permitted is visible, and the remedies that are offered lead to a yes', () => {
  let round = 0
  fc.assert(
    fc.property(aLawOf, someQueriesOf, (text, queries) => {
      const law = compile({ access: RULES, files: [{ path: 'p', text }] }, `visible ${round++ % 2}`)
      const [strict, lenient] = [createDecider(law.strict, () => NOON), createDecider(law.lenient, () => NOON)]

      for (const query of queries) {
        const decision = strict.decide(query)
        const seen = lenient.decide(query)
        const isVisible = seen.effect === 'permit' || seen.remedies.length > 0
        if (decision.effect === 'permit' || decision.remedies.length > 0) assert.ok(isVisible)
        if (decision.remedies.length > 0) assert.equal(strict.decide(brought(query, decision.remedies)).effect, 'permit')
      }
    }),
    RUNS,
  )
})

/** The query of a caller who did as it was told. */
function brought(
  query: Query,
  remedies: readonly { kind: string; scopes?: readonly string[]; acr?: string; labels?: readonly string[] }[],
): Query {
  const { principal, context } = query
  const of = (kind: string) => remedies.find((remedy) => remedy.kind === kind)
  const acr = of('step_up')?.acr
  return {
    ...query,
    principal: {
      ...principal,
      ...(of('scope') === undefined ? {} : { scopes: [...(principal.scopes ?? []), ...(of('scope')?.scopes ?? [])] }),
      claims: { ...principal.claims, ...(acr === undefined ? {} : { acr }) },
    },
    context: {
      ...context,
      approved: context.approved || of('approval') !== undefined,
      findings: context.findings.filter((finding) => !of('redact')?.labels?.includes(finding.label)),
    },
  }
}

test('every policy of the pool is law on its own', () => {
  for (const text of POOL) assert.doesNotThrow(() => compile({ access: EXAMPLE, files: [{ path: 'p', text }] }, 'alone'), text)
  assert.equal(byId([]).size, 0)
})
