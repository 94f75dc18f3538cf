/** Roles and what they come to: inheritance followed to its end once, at load. */
import { Fault } from '../core/denial.ts'
import { isLike } from '../core/pattern.ts'

export interface RoleRule {
  readonly inherits?: readonly string[]
  /** `resource:action`; `*` stands for any characters: `files:*`, `*`. */
  readonly permissions: readonly string[]
}

/** What a role comes to. */
export interface Rights {
  /** Itself and all that it inherits. */
  readonly roles: ReadonlySet<string>
  /** Permission patterns of all of these. */
  readonly permissions: ReadonlySet<string>
}

/** @throws Fault `FAULT_POLICY` for an unknown parent, a circle, or a name that cannot be told from a principal's. */
export function expandRoles(rules: Readonly<Record<string, RoleRule>>): Map<string, Rights> {
  const expanded = new Map<string, Rights>()
  for (const name of Object.keys(rules)) expand(name, rules, expanded, [])
  return expanded
}

function expand(name: string, rules: Readonly<Record<string, RoleRule>>, expanded: Map<string, Rights>, path: readonly string[]): Rights {
  const known = expanded.get(name)
  if (known !== undefined) return known
  const rule = Object.hasOwn(rules, name) ? rules[name] : undefined
  const above = path.at(-1)
  if (rule === undefined)
    throw new Fault('FAULT_POLICY', `access.roles[${JSON.stringify(above)}].inherits: no role is called ${JSON.stringify(name)}`)
  if (path.includes(name)) {
    const circle = [...path.slice(path.indexOf(name)), name].join(' → ')
    throw new Fault('FAULT_POLICY', `access.roles[${JSON.stringify(above)}].inherits: a role inherits itself: ${circle}`)
  }
  if (name === '' || name.includes('#'))
    throw new Fault('FAULT_POLICY', `access.roles[${JSON.stringify(name)}]: a role's name is not empty and has no "#"`)
  const parents = (rule.inherits ?? []).map((parent) => expand(parent, rules, expanded, [...path, name]))
  const rights: Rights = {
    roles: new Set([name, ...parents.flatMap((parent) => [...parent.roles])]),
    permissions: new Set([...rule.permissions, ...parents.flatMap((parent) => [...parent.permissions])]),
  }
  expanded.set(name, rights)
  return rights
}

/** The rights of a principal that has all these roles. A role that `access:` does not know is a role without permissions. */
export function rightsOf(held: readonly string[], known: ReadonlyMap<string, Rights>): Rights {
  const roles = new Set<string>()
  const permissions = new Set<string>()
  for (const name of held) {
    roles.add(name)
    for (const role of known.get(name)?.roles ?? []) roles.add(role)
    for (const permission of known.get(name)?.permissions ?? []) permissions.add(permission)
  }
  return { roles, permissions }
}

/** Whether one of the patterns covers the permission. */
export function isPermitted(permission: string, patterns: Iterable<string>): boolean {
  for (const pattern of patterns) if (isLike(pattern, permission)) return true
  return false
}
