/** Names that lead nowhere: roles that nobody has, servers that are not there. They may be meant, so they are told and refuse nothing. */
import { isLike, parsePattern } from '../core/pattern.ts'
import { SERVICE_ROLE } from '../core/principal.ts'
import { ADMIN_ROLE, ADMIN_SERVER } from './admin.ts'
import type { Config } from './config.ts'
import type { Path } from './source.ts'
import { IN_MEMORY } from './store.ts'

/** Further apart than this, a name was not meant. */
const TYPO_DISTANCE_MAX = 3

/** What is no mistake, and may not be what was meant. */
export interface Doubt {
  readonly path: Path
  readonly told: string
  /** It is about the name at the path, not about its value. */
  readonly isKey?: true
}

/** A name in the file, and where it stands. */
interface Place extends Pick<Doubt, 'path' | 'isKey'> {
  readonly name: string
}

/** @param isNamed whether a policy names a role: then the law knows it, whatever `access.roles` says. */
export function doubtfulNames(config: Config, isNamed: (role: string) => boolean): readonly Doubt[] {
  return [...doubtfulRoles(config, isNamed), ...doubtfulServers(config), ...doubtfulPermissions(config), ...doubtfulApproval(config)]
}

/** The one of these that was meant, if one is near enough. */
function nearest(name: string, known: Iterable<string>): string | undefined {
  return [...known]
    .map((one) => ({ one, distance: distanceOf(name.toLowerCase(), one.toLowerCase()) }))
    .filter(({ one, distance }) => distance <= Math.min(TYPO_DISTANCE_MAX, Math.floor(one.length / 2)))
    .sort((left, right) => left.distance - right.distance)[0]?.one
}

/** `, did you mean reader?`; nothing where none is near. */
export function meant(name: string, known: Iterable<string>): string {
  const near = nearest(name, known)
  return near === undefined ? '' : `, did you mean ${near}?`
}

/** The same of a name that has to be one of these: where none is near, all of them. */
export function absent(name: string, known: readonly string[]): string {
  return meant(name, known) || `, expected one of ${known.join(', ')}`
}

/** The server of a pattern that is about none of these; undefined where it is about one, or about every one. */
export function strayServer(pattern: string, servers: readonly string[]): string | undefined {
  const server = parsePattern(pattern)?.server
  return server === undefined || servers.some((name) => isLike(server, name)) ? undefined : server
}

/** Servers whose names are written; none where the file names none, because then a program does (a guard, `portcullis run`). */
export function namedServers({ servers }: Pick<Config, 'servers'>): readonly string[] {
  const names = Object.keys(servers)
  return names.some((name) => name !== ADMIN_SERVER) ? names : []
}

/** Those with rights of their own. */
function rolesKnown({ access }: Config): ReadonlySet<string> {
  return new Set([...Object.keys(access.roles), ADMIN_ROLE, SERVICE_ROLE])
}

/** The same of a role that a policy names: one that stands nowhere else may have its rights there alone, so only a slip is told. */
export function strayRole(role: string, config: Config): string | undefined {
  const known = new Set([...rolesKnown(config), ...rolesGiven(config).map(({ name }) => name)])
  const near = known.has(role) ? '' : meant(role, known)
  return near === '' ? undefined : `no role of access.roles is called ${role}${near}`
}

function doubtfulRoles(config: Config, isNamed: (role: string) => boolean): readonly Doubt[] {
  const given = rolesGiven(config)
  const asked = rolesAsked(config)
  const known = rolesKnown(config)
  // Somebody gets the one, and somebody is asked for the other: what only one side knows leads nowhere.
  const doubt = (places: readonly Place[], others: readonly Place[]): readonly Doubt[] => {
    const elsewhere = new Set(others.map(({ name }) => name))
    return places.flatMap(({ name, ...place }) => {
      if (known.has(name) || elsewhere.has(name) || isNamed(name)) return []
      const near = meant(name, known) || meant(name, elsewhere)
      if (near === '' && Object.keys(config.access.roles).length === 0) return []
      return [{ ...place, told: `no role of access.roles is called ${name}${near || '; if it is meant, write it there'}` }]
    })
  }
  return [...doubt(given, asked), ...doubt(asked, given)]
}

/** Roles that the file says somebody has. */
function rolesGiven({ authentication, adminSignIn }: Config): readonly Place[] {
  const { anonymous, certificates, issuers, oauth } = authentication
  const listed = (path: Path, names: readonly string[] = []): readonly Place[] => names.map((name, at) => ({ path: [...path, at], name }))
  const mapped = (path: Path, map: Readonly<Record<string, string | readonly string[]>> = {}): readonly Place[] =>
    Object.entries(map).flatMap(([key, names]) => [names].flat().map((name, at) => ({ path: [...path, key, at], name })))
  const from = ['authentication', 'oauth'] as const
  return [
    ...listed(['authentication', 'anonymous', 'roles'], anonymous?.roles),
    ...mapped(['authentication', 'certificates', 'roles'], certificates?.roles),
    ...issuers.flatMap(({ roles }, at) => mapped(['authentication', 'issuers', at, 'roles', 'map'], roles?.map)),
    ...adminSignIn.flatMap(({ roles }, at) => mapped(['adminSignIn', at, 'roles', 'map'], roles?.map)),
    ...(oauth?.signIn ?? []).flatMap(({ roles }, at) => mapped([...from, 'signIn', at, 'roles', 'map'], roles?.map)),
    ...(oauth?.assertions ?? []).flatMap(({ roles, workloads = [] }, at) => [
      ...mapped([...from, 'assertions', at, 'roles', 'map'], roles?.map),
      ...workloads.flatMap((one, index) => listed([...from, 'assertions', at, 'workloads', index, 'roles'], one.roles)),
    ]),
  ]
}

/** Roles that the file asks for, or counts by. */
function rolesAsked({ limits, approval, servers }: Config): readonly Place[] {
  const own = servers[ADMIN_SERVER]
  return [
    ...Object.keys(limits.rates.roles).map((name) => ({ path: ['limits', 'roles', name], name, isKey: true as const })),
    ...approval.approvers.map((name, at) => ({ path: ['approval', 'approvers', at], name })),
    ...(own?.kind === 'admin' ? own.roles : []).map((name, at) => ({ path: ['adminServer', at], name })),
  ]
}

function doubtfulServers(config: Config): readonly Doubt[] {
  const servers = namedServers(config)
  if (servers.length === 0) return []
  const { access, limits, flow, handles } = config
  const keys = (path: Path, rows: object = {}): readonly Place[] =>
    Object.keys(rows).map((name) => ({ path: [...path, name], name, isKey: true as const }))
  const listed = (path: Path, names: readonly string[]): readonly Place[] => names.map((name, at) => ({ path: [...path, at], name }))
  const rows = [
    ...keys(['access', 'tools'], access.tools),
    ...keys(['access', 'prompts'], access.prompts),
    ...keys(['limits', 'tools'], limits.rates.tools),
    ...access.resources.flatMap(({ server }, at) =>
      server === undefined ? [] : [{ path: ['access', 'resources', at, 'server'], name: `${server}/*` }],
    ),
  ]
  // Labels are often written for more servers than there are, so here only what looks like a slip is told.
  const ahead = [
    ...keys(['flow', 'labels'], flow?.labels),
    ...keys(['flow', 'sinks'], flow?.sinks),
    ...Object.entries(flow?.stores ?? {}).flatMap(([name, { write, read }]) => [
      ...listed(['flow', 'stores', name, 'write'], write),
      ...listed(['flow', 'stores', name, 'read'], read),
    ]),
    ...Object.entries(handles).flatMap(([name, { made, used }]) => [
      ...keys(['handles', name, 'made'], made),
      ...keys(['handles', name, 'used'], used),
    ]),
  ]
  const doubt = ({ name, ...place }: Place): readonly Doubt[] => {
    const server = strayServer(name, servers)
    if (server === undefined) return []
    return [{ ...place, told: `no server is called ${server}${meant(server, servers) || ', so this is about nothing'}` }]
  }
  const isSlip = ({ name }: Place): boolean => nearest(strayServer(name, servers) ?? '', servers) !== undefined
  return [...rows, ...ahead.filter(isSlip)].flatMap(doubt)
}

/** What a tool or prompt needs and no role has. */
function doubtfulPermissions({ access: { roles, tools, prompts } }: Config): readonly Doubt[] {
  const held = Object.values(roles).flatMap(({ permissions }) => permissions)
  if (Object.keys(roles).length === 0) return []
  const rows = [
    ...Object.entries(tools).map(([name, need]) => ({ path: ['access', 'tools', name, 'permission'], ...need })),
    ...Object.entries(prompts).map(([name, need]) => ({ path: ['access', 'prompts', name, 'permission'], ...need })),
  ]
  const isHeld = (permission: string): boolean => held.some((pattern) => isLike(pattern, permission))
  const others = rows.flatMap(({ permission = '' }) => (isHeld(permission) ? [permission] : []))
  const known = new Set([...held.filter((pattern) => !pattern.includes('*')), ...others])
  return rows.flatMap(({ path, permission }) => {
    if (permission === undefined || isHeld(permission)) return []
    return [{ path, told: `no role has ${permission}${meant(permission, known) || ', so it opens this to nobody'}` }]
  })
}

/** Calls that wait for a yes that nobody, or hardly anybody, can give. */
function doubtfulApproval({ access, admin, store }: Config): readonly Doubt[] {
  const [row] = Object.entries(access.tools).filter(([, { approval }]) => approval === true)
  if (row === undefined || admin !== undefined) return []
  const told =
    store === IN_MEMORY
      ? 'nobody can ever say yes: with the store in memory that takes "admin", the listener where people approve'
      : 'without "admin" there is no page where people approve; only "portcullis approvals approve" can say yes, on a machine with this file'
  return [{ path: ['access', 'tools', row[0], 'approval'], told }]
}

/** Levenshtein's distance. */
function distanceOf(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (const [i, letter] of [...left].entries()) {
    const next = [i + 1]
    for (let j = 0; j < right.length; j++) {
      next.push(Math.min((row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1, (row[j] ?? 0) + (letter === right[j] ? 0 : 1)))
    }
    row = next
  }
  return row[right.length] ?? 0
}
