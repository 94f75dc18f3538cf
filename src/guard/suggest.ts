/** Least privilege: what each role and each key could do and never did, and the narrower rights that would have been enough. */
import { type Span, scanEvents } from '../audit/scan.ts'
import type { AccessConfig } from '../config/access.ts'
import type { AuditEvent } from '../core/event.ts'
import { isCovered, isLike, type Pattern, parsePattern } from '../core/pattern.ts'
import { expandRoles } from '../policy/roles.ts'
import type { Store } from '../store/store.ts'

/** Different tools kept of one key. More than any server has; beyond it nothing is suggested for the key. */
const TOOLS_MAX = 2_000

export interface RoleUse {
  readonly role: string
  /** How many permitted calls relied on a permission of its own. */
  readonly calls: number
  /** As written, and covering nothing that was used. */
  readonly unused: readonly string[]
  /** What would have been enough: permissions that were used, without wildcards. */
  readonly enough: readonly string[]
}

export interface KeyUseOf {
  readonly key: string
  readonly calls: number
  /** Patterns of its allow-list that covered nothing that was used. */
  readonly unused: readonly string[]
  /** An allow-list that would have been enough; empty for a key that was never used, absent when there were too many tools to list. */
  readonly enough?: readonly string[]
}

export interface Suggestion {
  readonly roles: readonly RoleUse[]
  readonly keys: readonly KeyUseOf[]
}

/** A key as it is now. */
export interface KeyHeld {
  readonly id: string
  readonly allow?: readonly string[]
}

/** @throws Fault `FAULT_STORE` */
export async function suggest(store: Store, span: Span, access: AccessConfig, keys: readonly KeyHeld[]): Promise<Suggestion> {
  const roles = expandRoles(access.roles)
  const uses = new Map(Object.keys(access.roles).map((role) => [role, { calls: 0, permissions: new Set<string>() }]))
  const held = new Map(keys.map(({ id }) => [id, { calls: 0, tools: new Set<string>() }]))
  const permissionsOf = needsOf(access)
  const event = ({ type, outcome, principal = '', roles: had = [], resource }: AuditEvent): void => {
    if (type !== 'call.ended' || outcome !== 'permitted' || resource === undefined) return
    const key = principal.startsWith('key#') ? held.get(principal.slice(4)) : undefined
    if (key !== undefined) {
      key.calls++
      if (resource.kind !== 'server' && resource.kind !== 'task' && key.tools.size <= TOOLS_MAX)
        key.tools.add(`${resource.server}/${resource.name}`)
    }
    const needed = permissionsOf(resource)
    for (const role of new Set(had.flatMap((name) => [...(roles.get(name)?.roles ?? [])]))) {
      const used = needed.filter((permission) => access.roles[role]?.permissions.some((pattern) => isLike(pattern, permission)))
      const use = uses.get(role)
      if (use === undefined || used.length === 0) continue
      use.calls++
      for (const permission of used) use.permissions.add(permission)
    }
  }
  await scanEvents(store, span, { event })
  return {
    roles: [...uses].map(([role, { calls, permissions }]) => ({
      role,
      calls,
      unused: (access.roles[role]?.permissions ?? []).filter(
        (pattern) => ![...permissions].some((permission) => isLike(pattern, permission)),
      ),
      enough: [...permissions].sort(),
    })),
    keys: keys.map((key) => keyUse(key, held.get(key.id) ?? { calls: 0, tools: new Set() })),
  }
}

function keyUse({ id, allow = [] }: KeyHeld, { calls, tools }: { readonly calls: number; readonly tools: ReadonlySet<string> }): KeyUseOf {
  const covers = (text: string): boolean => {
    const pattern = parsePattern(text)
    return pattern !== undefined && [...tools].some((tool) => isCovered(pattern, ...partsOf(tool)))
  }
  const enough = tools.size > TOOLS_MAX ? undefined : [...tools].sort()
  return { key: id, calls, unused: allow.filter((text) => !covers(text)), ...(enough !== undefined && { enough }) }
}

function partsOf(tool: string): readonly [server: string, name: string] {
  const slash = tool.indexOf('/')
  return [tool.slice(0, slash), tool.slice(slash + 1)]
}

/** The permissions any of which opens a thing. */
function needsOf(access: AccessConfig): (resource: NonNullable<AuditEvent['resource']>) => readonly string[] {
  const rules = (section: AccessConfig['tools']): readonly { readonly pattern: Pattern; readonly permission: string }[] =>
    Object.entries(section).flatMap(([text, { permission }]) => {
      const pattern = parsePattern(text)
      return pattern === undefined || permission === undefined ? [] : [{ pattern, permission }]
    })
  const [tools, prompts] = [rules(access.tools), rules(access.prompts)]
  return ({ kind, server, name }) =>
    (kind === 'tool' ? tools : kind === 'prompt' ? prompts : [])
      .filter(({ pattern }) => isCovered(pattern, server, name))
      .map(({ permission }) => permission)
}

/** The roles with no more than what was used, everything else as it is. */
export function narrowed(access: AccessConfig, { roles }: Suggestion): AccessConfig {
  const enough = new Map(roles.map((use) => [use.role, use.enough]))
  const rewritten = Object.entries(access.roles).map(([name, role]): [string, AccessConfig['roles'][string]] => [
    name,
    { ...role, permissions: [...(enough.get(name) ?? [])] },
  ])
  return { ...access, roles: Object.fromEntries(rewritten) }
}
