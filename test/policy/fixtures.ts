/** One builder per noun of the law. */
import type { Action, Resource } from '../../src/core/call.ts'
import type { Query } from '../../src/core/decision.ts'
import type { Finding } from '../../src/core/finding.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { type Pattern, parsePattern } from '../../src/core/pattern.ts'
import type { Principal } from '../../src/core/principal.ts'
import type { AccessRules } from '../../src/policy/access.ts'
import { createEngine, type Engine } from '../../src/policy/engine.ts'

export function aPrincipal(over: Partial<Principal> = {}): Principal {
  return { kind: 'user', issuer: 'https://login.example.com', subject: 'ann', actors: [], roles: [], claims: {}, ...over }
}

export function aTool(name: string, server = 'weather'): Resource {
  return { kind: 'tool', server, name }
}

export function aResource(uri: string, server = 'files'): Resource {
  return { kind: 'resource', server, name: uri }
}

export interface QueryParts {
  readonly principal?: Principal
  readonly action?: Action
  readonly resource?: Resource
  readonly approved?: boolean
  readonly confirmed?: boolean
  readonly findings?: readonly string[]
  readonly input?: JsonObject
}

export function aQuery(parts: QueryParts = {}): Query {
  return {
    principal: parts.principal ?? aPrincipal(),
    action: parts.action ?? 'call',
    resource: parts.resource ?? aTool('get_weather'),
    context: {
      approved: parts.approved ?? false,
      confirmed: parts.confirmed ?? false,
      findings: (parts.findings ?? []).map(aFinding),
      input: parts.input ?? {},
    },
  }
}

function aFinding(label: string): Finding {
  return { label, detector: 'test', pointer: '' }
}

export function patterns(...texts: string[]): Pattern[] {
  return texts.flatMap((text) => parsePattern(text) ?? [])
}

/** Saturday, 2026-11-21, 12:00 UTC. */
export const NOON = Date.UTC(2026, 10, 21, 12)

export const NO_RULES: AccessRules = { roles: {}, tools: {}, resources: [] }

/** The `access:` section of the example configuration. */
export const EXAMPLE: AccessRules = {
  roles: {
    guest: { permissions: ['weather:read'] },
    user: { inherits: ['guest'], permissions: ['files:read'] },
    premium: { inherits: ['user'], permissions: ['weather:write', 'files:write'] },
    admin: { permissions: ['*'] },
    service: { permissions: [] },
  },
  tools: {
    'weather/get_*': { permission: 'weather:read', scopes: ['tools:read'] },
    'files/read_*': { permission: 'files:read', scopes: ['tools:read'] },
    'files/write_file': { permission: 'files:write', scopes: ['tools:write'], sensitivity: 'internal' },
    '*': { scopes: ['mcp:tool:{name}'] },
  },
  resources: [
    { uri: 'file:///data/public/**', read: ['guest'] },
    { uri: 'file:///data/**', read: ['user'], subscribe: ['admin', 'https://login.example.com#bob'] },
  ],
  prompts: { 'summarise_*': { permission: 'prompts:use' } },
}

export function anEngine(policy = '', access: AccessRules = EXAMPLE, clock: () => number = () => NOON): Engine {
  return createEngine({ access, files: policy === '' ? [] : [{ path: 'policy/test.cedar', text: policy }] }, clock)
}
