/** The table: every message a client may send in any revision, what it asks for, and where the name of its resource stands. */
import type { Action, ResourceKind } from '../core/call.ts'

/** Revisions spoken here, oldest first. */
export const REVISIONS = ['2025-03-26', '2025-06-18', '2025-11-25', '2026-07-28'] as const

/** `ref`: `ref.name` of a prompt or `ref.uri` of a resource template (`completion/complete`). */
export type NameSource = 'name' | 'uri' | 'taskId' | 'ref'

export interface MethodRow {
  readonly method: string
  readonly action: Action
  /** For `completion/complete` the `ref` decides: prompt or resource. */
  readonly kind: ResourceKind
  /** The member of `params` that names the resource; absent: the resource is the server. */
  readonly name?: NameSource
  readonly revisions: ReadonlySet<string>
  readonly notification: boolean
  /** The member of the result that holds what is listed. */
  readonly list?: 'tools' | 'prompts' | 'resources' | 'resourceTemplates' | 'tasks'
  /** Whether its result carries `ttlMs` and `cacheScope` (2026-07-28, Caching). */
  readonly cacheable: boolean
  /** Whether the `Mcp-Name` header must repeat the name (2026-07-28, Streamable HTTP; Tasks). */
  readonly mirrored: boolean
}

type Span = 'all' | 'legacy' | 'modern' | 'since-2025-11-25' | 'only-2025-11-25'
const SPANS: Readonly<Record<Span, ReadonlySet<string>>> = {
  all: new Set<string>(REVISIONS),
  legacy: new Set(['2025-03-26', '2025-06-18', '2025-11-25']),
  modern: new Set(['2026-07-28']),
  'since-2025-11-25': new Set(['2025-11-25', '2026-07-28']),
  'only-2025-11-25': new Set(['2025-11-25']),
}

type Options = Partial<Pick<MethodRow, 'name' | 'list' | 'notification' | 'cacheable' | 'mirrored'>>

function row(method: string, action: Action, kind: ResourceKind, span: Span, options: Options = {}): MethodRow {
  return { method, action, kind, revisions: SPANS[span], notification: false, cacheable: false, mirrored: false, ...options }
}

const notice = (method: string, span: Span): MethodRow => row(method, 'control', 'server', span, { notification: true })

/** Closed: what is not here is refused as `unknown_method`. Messages that only servers send are not here either. */
export const METHODS: readonly MethodRow[] = [
  row('initialize', 'control', 'server', 'legacy'),
  row('ping', 'control', 'server', 'legacy'),
  row('server/discover', 'control', 'server', 'modern', { cacheable: true }),
  row('logging/setLevel', 'control', 'server', 'legacy'),

  row('tools/list', 'list', 'server', 'all', { list: 'tools', cacheable: true }),
  row('tools/call', 'call', 'tool', 'all', { name: 'name', mirrored: true }),

  row('prompts/list', 'list', 'server', 'all', { list: 'prompts', cacheable: true }),
  row('prompts/get', 'get', 'prompt', 'all', { name: 'name', mirrored: true }),

  row('resources/list', 'list', 'server', 'all', { list: 'resources', cacheable: true }),
  row('resources/templates/list', 'list', 'server', 'all', { list: 'resourceTemplates', cacheable: true }),
  row('resources/read', 'read', 'resource', 'all', { name: 'uri', cacheable: true, mirrored: true }),
  row('resources/subscribe', 'listen', 'resource', 'legacy', { name: 'uri' }),
  row('resources/unsubscribe', 'listen', 'resource', 'legacy', { name: 'uri' }),
  row('subscriptions/listen', 'listen', 'server', 'modern'),

  row('completion/complete', 'complete', 'prompt', 'all', { name: 'ref' }),

  // Tasks: core in 2025-11-25, the extension `io.modelcontextprotocol/tasks` since.
  row('tasks/get', 'get', 'task', 'since-2025-11-25', { name: 'taskId', mirrored: true }),
  row('tasks/cancel', 'control', 'task', 'since-2025-11-25', { name: 'taskId', mirrored: true }),
  row('tasks/update', 'control', 'task', 'modern', { name: 'taskId', mirrored: true }),
  row('tasks/result', 'get', 'task', 'only-2025-11-25', { name: 'taskId' }),
  row('tasks/list', 'list', 'server', 'only-2025-11-25', { list: 'tasks' }),

  notice('notifications/cancelled', 'all'),
  notice('notifications/initialized', 'legacy'),
  notice('notifications/progress', 'legacy'),
  notice('notifications/roots/list_changed', 'legacy'),
  notice('notifications/tasks/status', 'only-2025-11-25'),

  // Asked without a method. A name that starts with `$` never comes from the wire: `methodRow` does not find it.
  row('$stream', 'listen', 'server', 'legacy'),
  row('$response', 'control', 'server', 'legacy'),
  row('$end', 'control', 'server', 'legacy'),
]

export type InternalMethod = '$stream' | '$response' | '$end'

const WIRE = new Map(METHODS.filter(({ method }) => !method.startsWith('$')).map((entry) => [entry.method, entry]))

/** The row of a method that came over the wire; undefined: unknown in every revision. */
export function methodRow(method: string): MethodRow | undefined {
  return WIRE.get(method)
}

const LISTS = METHODS.filter(({ list }) => list !== undefined)

/** The members in which lists are answered by other methods than this one. */
export function foreignLists(other: string): readonly string[] {
  return LISTS.flatMap(({ method, list = '' }) => (method === other ? [] : [list]))
}
