/** Whose task it is: an id names a task and proves nothing, so it is bound to who began it (SEP-2663; 2025-11-25, basic/utilities/tasks). */
import type { Call, Message, Resource } from '../core/call.ts'
import { Denial } from '../core/denial.ts'
import type { Entry } from '../core/event.ts'
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { nameOf, type Principal } from '../core/principal.ts'
import type { Clock } from '../core/time.ts'
import { KEYS } from '../store/keys.ts'
import type { Store } from '../store/store.ts'
import { rewrite } from './lists.ts'

/** A task without a life of its own is remembered so long. */
const TASK_TTL_MS = 24 * 60 * 60_000
/** Of the revisions since 2026-07-28, and of 2025-11-25. */
const TOLD_OF_TASKS: ReadonlySet<string> = new Set(['notifications/tasks', 'notifications/tasks/status'])

/** A task that a result brings, and how long it is remembered. */
export interface BegunTask {
  readonly id: string
  readonly lifeMs: number
  readonly isOver: boolean
}

export function taskOf(result: JsonObject): BegunTask | undefined {
  const task = isObject(result['task']) ? result['task'] : result
  const id = task['taskId']
  const ttl = task['ttlMs'] ?? task['ttl']
  if (typeof id !== 'string') return undefined
  return { id, lifeMs: typeof ttl === 'number' && ttl > 0 ? ttl : TASK_TTL_MS, isOver: overIn(task).length > 0 }
}

/** Ids of the tasks that are over, as far as a server says so in a message: a result of a call, or news on a stream. */
export function endedIn({ body: { method, params, result } }: Message, call: Call): readonly string[] {
  if (method !== undefined) return TOLD_OF_TASKS.has(method) ? overIn(params) : NONE
  if (result === undefined) return NONE
  if (call.method === 'tasks/list') return Array.isArray(result['tasks']) ? result['tasks'].flatMap(overIn) : NONE
  if (call.resource.kind !== 'task') return NONE
  // There is a result once it is over, and not before (2025-11-25, basic/utilities/tasks).
  return call.method === 'tasks/result' ? [call.resource.name] : overIn({ ...result, taskId: call.resource.name })
}

function overIn(task: JsonValue | undefined): readonly string[] {
  const { taskId, status } = isObject(task) ? task : {}
  return typeof taskId === 'string' && typeof status === 'string' && OVER.has(status) ? [taskId] : NONE
}

const OVER: ReadonlySet<string> = new Set(['completed', 'failed', 'cancelled'])
const NONE: readonly string[] = []

/** As it lies in the store; of a version before this one the owner alone. */
interface Begun {
  /** `issuer#subject` */
  readonly owner: string
  /** What began it. */
  readonly tool?: string
  /** On what it was begun, until it is known what came of that. */
  readonly approval?: string
  /** How long the record lies there, milliseconds since the epoch: for who writes it anew. */
  readonly until?: number
}

export class TaskOwners {
  readonly #store: Store
  readonly #clock: Clock
  readonly #tell: (entry: Entry) => Promise<void>

  /** @param tell is told what came of an approval on which a task was begun. */
  constructor(store: Store, clock: Clock, tell: (entry: Entry) => Promise<void> = () => Promise.resolve()) {
    this.#store = store
    this.#clock = clock
    this.#tell = tell
  }

  /** Remembers the owner of a task that an answer brings. @param approval on which it was begun. */
  async remember(message: Message, call: Call, principal: Principal, approval?: string): Promise<BegunTask> {
    const result = message.body.result
    const begun = result === undefined ? undefined : taskOf(result)
    if (begun === undefined) throw new Denial('upstream_failed', { detail: 'a task without an id' })
    const { id, lifeMs } = begun
    const key = KEYS.taskOwner(call.resource.server, id)
    const { kind, name } = call.resource
    const until = this.#clock() + lifeMs
    const record = {
      owner: nameOf(principal),
      ...(kind === 'tool' ? { tool: name } : {}),
      ...(approval === undefined ? {} : { approval, until }),
    }
    const isNew = await this.#store.put(key, record, { expiresAt: until, onlyIfAbsent: true })
    // A server that hands out one id twice would hand one caller's task to another.
    if (!isNew && (await this.#ownerOf(call.resource.server, id)) !== nameOf(principal))
      throw new Denial('upstream_failed', { detail: 'a task id that belongs to somebody else' })
    return begun
  }

  /** A list with only the caller's own tasks: a server that cannot tell its callers apart lists everybody's. */
  async narrow(message: Message, call: Call, principal: Principal): Promise<Message> {
    const result = message.body.result
    const listed = result?.['tasks']
    if (result === undefined || !Array.isArray(listed)) return message
    const owners = await Promise.all(listed.map((task) => this.#ownerOf(call.resource.server, isObject(task) ? task['taskId'] : undefined)))
    const tasks = listed.filter((_, at) => owners[at] === nameOf(principal))
    return tasks.length === listed.length ? message : rewrite(message, { ...result, tasks })
  }

  /** Somebody else's task answers like one that never was. @throws Denial `forbidden`. */
  async check(call: Call, principal: Principal): Promise<void> {
    const owner = await this.#ownerOf(call.resource.server, call.resource.name)
    if (owner !== nameOf(principal))
      throw new Denial('forbidden', { detail: owner === undefined ? 'unknown task' : 'a task of another principal' })
  }

  /** `subscriptions/listen` with only the caller's own tasks: what is told of a task is told to whoever listens. */
  listened(call: Call, principal: Principal): Call | Promise<Call> {
    const params = call.method === 'subscriptions/listen' ? call.message.body.params : undefined
    const wanted = params?.['notifications']
    const ids = isObject(wanted) ? wanted['taskIds'] : undefined
    if (params === undefined || !isObject(wanted) || !Array.isArray(ids) || ids.length === 0) return call
    return Promise.all(ids.map((id) => this.#ownerOf(call.resource.server, id))).then((owners) => {
      const taskIds = ids.filter((_, at) => owners[at] === nameOf(principal))
      if (taskIds.length === ids.length) return call
      const body = { ...call.message.body, params: { ...params, notifications: { ...wanted, taskIds } } }
      return { ...call, message: { body } }
    })
  }

  /** Whether what a server tells is of no task, or of one of the caller's: not every server tells only what was asked for. */
  isTold({ body: { method, params } }: Message, call: Call, principal: Principal): boolean | Promise<boolean> {
    if (method === undefined || !TOLD_OF_TASKS.has(method)) return true
    return this.#ownerOf(call.resource.server, params?.['taskId']).then((owner) => owner === nameOf(principal))
  }

  /** What began the task that a message is of, whose answer it therefore brings; undefined at once where it is of none. */
  begunBy(message: Message, call: Call): Promise<Resource | undefined> | undefined {
    const { method, params } = message.body
    const { kind, server, name } = call.resource
    const isOfTask = method === undefined ? kind === 'task' : TOLD_OF_TASKS.has(method)
    if (!isOfTask) return undefined
    const id = method === undefined ? name : params?.['taskId']
    return this.#recordOf(server, id).then(async (begun) => {
      if (begun?.tool === undefined) return undefined
      const tool = { kind: 'tool', server, name: begun.tool } as const
      if (begun.approval !== undefined) await this.#end(KEYS.taskOwner(server, String(id)), begun, message, call, tool)
      return tool
    })
  }

  /** What came of the approval is told once, by whichever message says it first. */
  async #end(key: string, { approval, until, ...rest }: Begun, message: Message, call: Call, resource: Resource): Promise<void> {
    const outcome = outcomeOf(message, call)
    if (approval === undefined || until === undefined || outcome === undefined) return
    if (!(await this.#store.put(key, { ...rest }, { expiresAt: until, onlyIf: { ...rest, approval, until } }))) return
    await this.#tell({ type: outcome, call: call.id, approval, resource, detail: 'the task that it had begun has ended' })
  }

  async #ownerOf(server: string, id: unknown): Promise<string | undefined> {
    return (await this.#recordOf(server, id))?.owner
  }

  async #recordOf(server: string, id: unknown): Promise<Begun | undefined> {
    const found = typeof id === 'string' ? await this.#store.get(KEYS.taskOwner(server, id)) : undefined
    if (typeof found === 'string') return { owner: found }
    const { owner, tool, approval, until } = isObject(found) ? found : {}
    if (typeof owner !== 'string') return undefined
    const under = typeof approval === 'string' && typeof until === 'number' ? { approval, until } : {}
    return { owner, ...(typeof tool === 'string' ? { tool } : {}), ...under }
  }
}

/** Of a task that was cancelled nobody knows what was done of it; that is on record already. */
function outcomeOf({ body: { method, params, result } }: Message, call: Call): 'approval.executed' | 'approval.failed' | undefined {
  const said = method === undefined ? result : params
  // 2025-11-25: the result of the call itself. Since 2026-07-28 it stands in the task.
  const own = call.method === 'tasks/result' && method === undefined ? said : said?.['result']
  if (said?.['status'] === 'failed' || (isObject(own) && own['isError'] === true)) return 'approval.failed'
  return said?.['status'] === 'completed' || (call.method === 'tasks/result' && own !== undefined) ? 'approval.executed' : undefined
}
