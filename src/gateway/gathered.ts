/** One subscription made of several: tasks live on many replicas, and whoever listens to them is told as if they lived on one. */
import { Mailbox } from '../bridge/mailbox.ts'
import type { Body, Call, Message, RequestId } from '../core/call.ts'
import { Denial } from '../core/denial.ts'
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { type Signal, Stop } from '../core/signal.ts'
import { isResponse, notificationBody, resultResponse } from '../mcp/message.ts'
import { META } from '../mcp/revision.ts'

const ACKNOWLEDGED = 'notifications/subscriptions/acknowledged'

/** Where tasks live. */
export interface Homes {
  /** The replica that a task lives on; undefined for this one, also where nobody knows. @throws Fault `FAULT_STORE` */
  homeOf(task: string): Promise<string | undefined>
  /** @returns undefined when the replica is gone */
  at(home: string, call: Call): Promise<AsyncIterable<Message> | undefined>
  here(call: Call, stop: Stop): AsyncIterable<Message>
}

/** What one replica is asked to tell of. */
interface Part {
  readonly taskIds: readonly string[]
  readonly messages: AsyncIterable<Message>
}

/** The tasks that a call would listen to; none for every other call. */
export function listenedTasks(call: Call): readonly string[] {
  const taskIds = call.method === 'subscriptions/listen' ? filterOf(call)['taskIds'] : undefined
  return Array.isArray(taskIds) ? [...new Set(taskIds.filter((id: JsonValue): id is string => typeof id === 'string'))] : []
}

/**
 * A subscription at each replica that has some of the tasks, told as one; what else is listened to is told here. Tasks whose replica is gone are
 * gone, and left out of the acknowledgement.
 * @throws Denial what a part of it throws; `unavailable` where a replica goes away meanwhile
 */
export async function* listenAtHomes(call: Call, homes: Homes): AsyncGenerator<Message> {
  const ids = listenedTasks(call)
  const known = await Promise.all(ids.map((id) => homes.homeOf(id)))
  const own = ids.filter((_, at) => known[at] === undefined)
  const byHome = Map.groupBy(ids, (_, at) => known[at] ?? '')
  byHome.delete('')
  const stop = new Stop()
  const leave = (): void => stop.abort()
  if (call.signal.aborted) leave()
  call.signal.addEventListener('abort', leave, { once: true })
  try {
    if (byHome.size === 0) return yield* homes.here({ ...call, signal: stop }, stop)
    const parts: Part[] = []
    const asked = [...byHome].map(async ([home, taskIds]) => ({
      taskIds,
      messages: await homes.at(home, listenTo(call, stop, { taskIds })),
    }))
    for (const { taskIds, messages } of await Promise.all(asked)) if (messages !== undefined) parts.push({ taskIds, messages })
    const { taskIds: _all, ...more } = filterOf(call)
    if (own.length > 0 || parts.length === 0 || Object.values(more).some((wanted) => wanted !== false))
      parts.push({ taskIds: own, messages: homes.here(listenTo(call, stop, { ...more, ...(own.length > 0 && { taskIds: own }) }), stop) })
    yield* gather(call.message.body.id ?? '', parts)
  } finally {
    leave()
    call.signal.removeEventListener('abort', leave)
  }
}

function listenTo(call: Call, signal: Signal, notifications: JsonObject): Call {
  return { ...call, signal, message: { body: { ...call.message.body, params: { ...call.message.body.params, notifications } } } }
}

/**
 * The acknowledgement of all parts first, then what each tells, and the end of the first that ends: whoever listens comes again (2026-07-28,
 * basic/utilities/subscriptions). A part that does not begin is left out of the acknowledgement, unless none does: then its answer is the answer.
 */
async function* gather(id: RequestId, parts: readonly Part[]): AsyncGenerator<Message> {
  const box = new Mailbox()
  const reading = parts.map(({ taskIds, messages }) => ({ taskIds, messages: messages[Symbol.asyncIterator]() }))
  try {
    const begun = await Promise.all(reading.map(begin))
    const open = begun.filter(({ first }) => first?.body.method === ACKNOWLEDGED)
    if (open.length === 0) {
      const answer = begun.find(({ first }) => first !== undefined)?.first
      if (answer !== undefined) yield answer
      return
    }
    yield { body: acknowledgement(id, open) }
    for (const { messages } of open) void pump(messages, id, box)
    yield* box
  } finally {
    box.end()
    // One that is being waited for ends with the signal.
    for (const { messages } of reading) void messages.return?.().catch(() => undefined)
  }
}

interface Reading {
  readonly taskIds: readonly string[]
  readonly messages: AsyncIterator<Message>
}

interface Begun extends Reading {
  /** The acknowledgement, or an answer in its place. */
  readonly first: Message | undefined
}

async function begin({ taskIds, messages }: Reading): Promise<Begun> {
  for (;;) {
    const { value, done } = await messages.next()
    if (done === true) return { taskIds, messages, first: undefined }
    // Before the acknowledgement there is nothing to be told.
    if (value.body.method === ACKNOWLEDGED || isResponse(value.body)) return { taskIds, messages, first: value }
  }
}

/** What is honoured by any; of tasks what each was asked for, because another's process may know others by the same names. */
function acknowledgement(id: RequestId, parts: readonly Begun[]): Body {
  const honoured = parts.map(({ first, taskIds }) => {
    const said = first?.body.params?.['notifications']
    const { taskIds: tasks, ...rest } = isObject(said) ? said : {}
    return { rest, tasks: Array.isArray(tasks) ? taskIds.filter((one) => tasks.includes(one)) : undefined }
  })
  const tasks = honoured.flatMap((one) => one.tasks ?? [])
  const hasTasks = honoured.some((one) => one.tasks !== undefined)
  const notifications: JsonObject = Object.assign({}, ...honoured.map(({ rest }) => rest), hasTasks ? { taskIds: tasks } : {})
  return notificationBody(ACKNOWLEDGED, { _meta: { [META.subscriptionId]: id }, notifications })
}

/** Never rejects. */
async function pump(messages: AsyncIterator<Message>, id: RequestId, box: Mailbox): Promise<void> {
  try {
    for (;;) {
      const { value, done } = await messages.next()
      if (done === true) return box.finish({ body: resultResponse(id, { resultType: 'complete', _meta: { [META.subscriptionId]: id } }) })
      if (isResponse(value.body)) return box.finish(value)
      box.push(value, value.bytes?.byteLength ?? 0)
    }
  } catch (error) {
    box.fail(Denial.from(error))
  }
}

function filterOf({ message }: Call): JsonObject {
  const wanted = message.body.params?.['notifications']
  return isObject(wanted) ? wanted : {}
}
