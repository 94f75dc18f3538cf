/** Subscriptions: each URI and task is a question of its own, asked when it is subscribed to and again whenever something is told about it. */
import type { Action, Call, Message, Resource } from '../core/call.ts'
import { isObject, type JsonObject } from '../core/json.ts'

export type Permitted = (action: Action, resource: Resource) => boolean

/** What a call would be told of: the URIs of a subscription, each once. None for every other call. */
export function listenedBy({ method, resource: { kind, server }, message }: Call): readonly Resource[] {
  const wanted = method === 'subscriptions/listen' && kind === 'server' ? message.body.params?.['notifications'] : undefined
  const uris = isObject(wanted) ? wanted['resourceSubscriptions'] : undefined
  if (!Array.isArray(uris)) return NOTHING
  return [...new Set(uris)].flatMap((name) => (typeof name === 'string' ? [{ kind: 'resource', server, name }] : []))
}

const NOTHING: readonly Resource[] = []

/** `subscriptions/listen` with only the URIs and tasks that may be listened to: what nothing helps against is left out, so that the rest is told. */
export function narrowListen(call: Call, permitted: Permitted): Call {
  if (call.method !== 'subscriptions/listen') return call
  const params = call.message.body.params
  const wanted = params?.['notifications']
  if (params === undefined || !isObject(wanted)) return call
  const notifications: JsonObject = {
    ...wanted,
    ...narrowed(wanted, 'resourceSubscriptions', (uri) =>
      permitted('listen', { kind: 'resource', server: call.resource.server, name: uri }),
    ),
    ...narrowed(wanted, 'taskIds', (id) => permitted('get', { kind: 'task', server: call.resource.server, name: id })),
  }
  if (Object.keys(wanted).every((name) => count(wanted[name]) === count(notifications[name]))) return call
  return { ...call, message: { body: { ...call.message.body, params: { ...params, notifications } } } }
}

function count(value: unknown): number {
  return Array.isArray(value) ? value.length : -1
}

function narrowed(wanted: JsonObject, member: string, keep: (name: string) => boolean): JsonObject {
  const names = wanted[member]
  if (!Array.isArray(names)) return {}
  return { [member]: names.filter((name): name is string => typeof name === 'string' && keep(name)) }
}

/** Whether a notification on a stream may still be told: rights change while a stream lives. */
export function mayTell(message: Message, server: string, permitted: Permitted): boolean {
  const params = message.body.params
  switch (message.body.method) {
    case 'notifications/resources/updated': {
      const uri = params?.['uri']
      return typeof uri === 'string' && permitted('listen', { kind: 'resource', server, name: uri })
    }
    case 'notifications/tasks': {
      const id = params?.['taskId']
      return typeof id === 'string' && permitted('get', { kind: 'task', server, name: id })
    }
    default:
      return true
  }
}
