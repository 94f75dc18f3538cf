/** The `access:` section: roles, and what tools, prompts and URIs ask for, as Cedar policies and as facts about a resource. */
import type { PolicyJson } from '@cedar-policy/cedar-wasm/nodejs'
import type { Action, Resource } from '../core/call.ts'
import { Fault } from '../core/denial.ts'
import { isCovered, isLike, type Pattern, parsePattern } from '../core/pattern.ts'
import { type Glob, isMatch, parseGlob } from './glob.ts'
import { type Policy, policyFromJson } from './load.ts'
import { expandRoles, type Rights, type RoleRule } from './roles.ts'

/** From harmless to not to be seen; where several rules match, the most sensitive counts. */
export const SENSITIVITIES = ['public', 'internal', 'confidential', 'secret'] as const
export type Sensitivity = (typeof SENSITIVITIES)[number]

export interface PromptRule {
  /** `resource:action`, without wildcards. A rule without a permission grants nothing. */
  readonly permission?: string
  /** A token must hold one of these, or a broader one; `{name}` and `{server}` stand for the thing's own. */
  readonly scopes?: readonly string[]
}

export interface ToolRule extends PromptRule {
  /** A person must approve each call. */
  readonly approval?: boolean
  /** The caller's side must confirm each call. */
  readonly confirm?: boolean
  readonly sensitivity?: Sensitivity
  /** Where several rules match, the one that says yes counts. */
  readonly destructive?: boolean
  readonly openWorld?: boolean
}

export interface ResourceRule {
  /** `*` within a segment, `**` across segments. */
  readonly uri: string
  /** Absent: on any server. */
  readonly server?: string
  /** Roles, or single principals as `issuer#subject`. */
  readonly read?: readonly string[]
  readonly subscribe?: readonly string[]
}

export interface AccessRules {
  readonly roles: Readonly<Record<string, RoleRule>>
  /** By pattern: `get_*`, `weather/get_*`, `*`. */
  readonly tools: Readonly<Record<string, ToolRule>>
  readonly resources: readonly ResourceRule[]
  readonly prompts?: Readonly<Record<string, PromptRule>>
}

/** What `access:` has to say about one resource. */
export interface Facts {
  /** The patterns of `access:` that match it, as written. */
  readonly rules: readonly string[]
  /** Every scope that opens it: those listed, and the broader ones that cover them. Empty: none is asked for. */
  readonly scopes: readonly string[]
  /** The scopes as listed: what a challenge names. */
  readonly listed: readonly string[]
  readonly sensitivity?: Sensitivity
  readonly destructive?: boolean
  readonly openWorld?: boolean
}

export interface Access {
  readonly policies: readonly Policy[]
  readonly roles: ReadonlyMap<string, Rights>
  facts(resource: Resource): Facts
}

interface NamedRule extends ToolRule {
  readonly pattern: Pattern
}

interface UriRule extends ResourceRule {
  readonly glob: Glob
  /** How the rule is called in `resource.rules`. */
  readonly label: string
}

const NOTHING: Facts = { rules: [], scopes: [], listed: [] }

/** @throws Fault `FAULT_POLICY` naming the entry that is wrong. */
export function compileAccess(rules: AccessRules): Access {
  const roles = expandRoles(rules.roles)
  const tools = namedRules('tools', rules.tools)
  const prompts = namedRules('prompts', rules.prompts ?? {})
  const uris = rules.resources.map(uriRule)
  return {
    policies: [
      ...tools.flatMap((rule) => permitByPermission('tools', rule, ['call'], 'Tool')),
      ...tools.flatMap(forbidUnless),
      ...prompts.flatMap((rule) => permitByPermission('prompts', rule, ['get', 'complete'], 'Prompt')),
      ...permitsByUri(uris, roles),
    ],
    roles,
    facts(resource) {
      if (resource.kind === 'tool') return namedFacts(tools, resource)
      if (resource.kind === 'prompt') return namedFacts(prompts, resource)
      return resource.kind === 'resource' ? uriFacts(uris, resource) : NOTHING
    },
  }
}

function namedRules(section: string, rules: Readonly<Record<string, ToolRule>>): NamedRule[] {
  return Object.entries(rules).map(([text, rule]) => {
    const pattern = parsePattern(text)
    if (pattern === undefined)
      throw new Fault('FAULT_POLICY', `access.${section}[${JSON.stringify(text)}]: not a pattern such as "get_*" or "server/get_*"`)
    if (rule.permission === '' || rule.permission?.includes('*') === true) {
      throw new Fault(
        'FAULT_POLICY',
        `access.${section}[${JSON.stringify(text)}].permission: what a thing needs is one permission, without wildcards`,
      )
    }
    return { ...rule, pattern }
  })
}

function uriRule(rule: ResourceRule, index: number): UriRule {
  const glob = parseGlob(rule.uri)
  if (glob === undefined) throw new Fault('FAULT_POLICY', `access.resources[${index}].uri: not a pattern such as "file:///data/**"`)
  return { ...rule, glob, label: rule.server === undefined ? rule.uri : `${rule.server} ${rule.uri}` }
}

/** Which things a rule is about is in `resource.rules`: the law and the allow-lists of keys share one matcher. */
function permitByPermission(section: string, rule: NamedRule, actions: readonly Action[], type: string): Policy[] {
  if (rule.permission === undefined) return []
  const principal = { op: 'in', entity: { type: 'Permission', id: rule.permission } } as const
  return [permit(`access.${section}[${JSON.stringify(rule.pattern.text)}]`, principal, actions, type, rule.pattern.text)]
}

function permitsByUri(rules: readonly UriRule[], roles: ReadonlyMap<string, Rights>): Policy[] {
  const permits = new Map<string, Policy>()
  const add = (rule: UriRule, verb: 'read' | 'subscribe', actions: readonly Action[]): void => {
    for (const who of rule[verb] ?? []) {
      const id = `access.resources[${JSON.stringify(rule.label)}].${verb}[${JSON.stringify(who)}]`
      permits.set(id, permit(id, principalNamed(who, id, roles), actions, 'Resource', rule.label))
    }
  }
  for (const rule of rules) {
    add(rule, 'read', ['read', 'complete'])
    add(rule, 'subscribe', ['listen'])
  }
  return [...permits.values()]
}

function principalNamed(who: string, id: string, roles: ReadonlyMap<string, Rights>): PolicyJson['principal'] {
  if (who.includes('#')) return { op: '==', entity: { type: 'Principal', id: who } }
  if (!roles.has(who)) throw new Fault('FAULT_POLICY', `${id}: no role of this name in access.roles, and not of the form issuer#subject`)
  return { op: 'in', entity: { type: 'Role', id: who } }
}

/** What a call of a tool needs beside a permission, each with the attribute of the context that says it is there. */
const WORDS = [
  ['approval', 'approved'],
  ['confirm', 'confirmed'],
] as const

function forbidUnless(rule: NamedRule): Policy[] {
  return WORDS.filter(([word]) => rule[word] === true).map(([word, attr]) => {
    const id = `access.tools[${JSON.stringify(rule.pattern.text)}].${word}`
    const json: PolicyJson = {
      effect: 'forbid',
      annotations: { id, requires: word },
      principal: { op: 'All' },
      action: { op: '==', entity: { type: 'Action', id: 'call' } },
      resource: { op: 'is', entity_type: 'Tool' },
      conditions: [isRuled(rule.pattern.text), { kind: 'unless', body: { '.': { left: { Var: 'context' }, attr } } }],
    }
    return policyFromJson(id, json)
  })
}

/** When the resource is one that the rule is about. */
function isRuled(label: string): PolicyJson['conditions'][number] {
  const rules = { '.': { left: { Var: 'resource' }, attr: 'rules' } } as const
  return { kind: 'when', body: { contains: { left: rules, right: { Value: label } } } }
}

/** Built as JSON, never as text: no name can end a string and begin a policy. */
function permit(id: string, principal: PolicyJson['principal'], actions: readonly Action[], type: string, label: string): Policy {
  const entities = actions.map((action) => ({ type: 'Action', id: action }))
  const [only] = entities
  const json: PolicyJson = {
    effect: 'permit',
    annotations: { id },
    principal,
    action: entities.length === 1 && only !== undefined ? { op: '==', entity: only } : { op: 'in', entities },
    resource: { op: 'is', entity_type: type },
    conditions: [isRuled(label)],
  }
  return policyFromJson(id, json)
}

function namedFacts(rules: readonly NamedRule[], { server, name }: Resource): Facts {
  const matching = rules.filter((rule) => isCovered(rule.pattern, server, name))
  if (matching.length === 0) return NOTHING
  const listed = [...new Set(matching.flatMap((rule) => rule.scopes ?? []).map((template) => fill(template, server, name)))]
  const sensitivity = SENSITIVITIES.findLast((level) => matching.some((rule) => rule.sensitivity === level))
  return {
    rules: matching.map((rule) => rule.pattern.text),
    scopes: [...new Set(listed.flatMap(broader))],
    listed,
    ...(sensitivity === undefined ? {} : { sensitivity }),
    ...strictest('destructive', matching),
    ...strictest('openWorld', matching),
  }
}

/** Nothing where no rule says anything. */
function strictest(hint: 'destructive' | 'openWorld', rules: readonly ToolRule[]): Partial<Record<typeof hint, boolean>> {
  const said = rules.flatMap((rule) => rule[hint] ?? [])
  return said.length === 0 ? {} : { [hint]: said.includes(true) }
}

function uriFacts(rules: readonly UriRule[], { server, name }: Resource): Facts {
  const matching = rules.filter((rule) => (rule.server === undefined || isLike(rule.server, server)) && isMatch(rule.glob, name))
  return matching.length === 0 ? NOTHING : { ...NOTHING, rules: [...new Set(matching.map((rule) => rule.label))] }
}

/** One pass: a name that reads `{server}` is not filled in again. */
function fill(template: string, server: string, name: string): string {
  return template.replaceAll(/\{(name|server)\}/g, (_, part) => (part === 'name' ? name : server))
}

/** A scope and those that cover it: `mcp:tool:echo`, `mcp:tool:*`, `mcp:*`, `*`. */
function broader(scope: string): string[] {
  const segments = scope.split(':')
  return [scope, ...segments.map((_, index) => [...segments.slice(0, index), '*'].join(':')).reverse()]
}
