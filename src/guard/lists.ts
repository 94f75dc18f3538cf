/** What leaves in lists and cacheable results: only what the caller could use, marked as theirs alone. */
import type { Action, Body, Message, Resource, ResourceKind } from '../core/call.ts'
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { type MethodRow, methodRow, REVISIONS } from '../mcp/methods.ts'

/** The question that each item of a list stands for, by the member that holds the items, and where its name is. */
interface ItemRow {
  readonly kind: ResourceKind
  readonly action: Action
  readonly name: string
}

const ITEMS: Readonly<Record<NonNullable<MethodRow['list']>, ItemRow>> = {
  tools: { kind: 'tool', action: 'call', name: 'name' },
  prompts: { kind: 'prompt', action: 'get', name: 'name' },
  resources: { kind: 'resource', action: 'read', name: 'uri' },
  resourceTemplates: { kind: 'resource', action: 'read', name: 'uriTemplate' },
  tasks: { kind: 'task', action: 'get', name: 'taskId' },
}

/** Revocation latency of what a client keeps: a list is asked for again after this at the latest. */
export const CACHE_TTL_MAX_MS = 60_000

/** Whether the caller may know of the thing: it could be used, perhaps with a remedy. @param item as its server lists it, where it does. */
export type Visible = (action: Action, resource: Resource, item?: JsonObject) => boolean

/** A list's result with only what is visible. The message itself when nothing had to go. */
export function filterList(message: Message, method: string, server: string, visible: Visible): Message {
  const member = methodRow(method)?.list
  const result = message.body.result
  if (member === undefined || result === undefined) return message
  const row = ITEMS[member]
  const items = result[member]
  if (!Array.isArray(items)) return message
  const kept = items.filter((item: JsonValue) => {
    const name = isObject(item) ? item[row.name] : undefined
    return isObject(item) && typeof name === 'string' && visible(row.action, { kind: row.kind, server, name }, item)
  })
  return kept.length === items.length ? message : rewrite(message, { ...result, [member]: kept })
}

/** `private`, always, whether or not something was filtered, and kept no longer than the limit. Results that go on (`input_required`) are not cacheable. */
export function limitCaching(message: Message, method: string): Message {
  const result = message.body.result
  if (result === undefined || methodRow(method)?.cacheable !== true) return message
  if (result['resultType'] !== undefined && result['resultType'] !== 'complete') return message
  const ttl = result['ttlMs']
  const ttlMs = typeof ttl === 'number' && ttl > 0 ? Math.min(Math.trunc(ttl), CACHE_TTL_MAX_MS) : 0
  if (result['cacheScope'] === 'private' && ttl === ttlMs) return message
  return rewrite(message, { ...result, ttlMs, cacheScope: 'private' })
}

/** A discovery names only revisions that are spoken on both sides of us. */
export function limitRevisions(message: Message, method: string): Message {
  const result = message.body.result
  const offered = result?.['supportedVersions']
  if (method !== 'server/discover' || result === undefined || !Array.isArray(offered)) return message
  const spoken = offered.filter((revision: JsonValue) => REVISIONS.some((known) => known === revision))
  return spoken.length === offered.length ? message : rewrite(message, { ...result, supportedVersions: spoken })
}

/** The message with another result, where it stood. */
export function rewrite(message: Message, result: JsonObject): Message {
  const body: Body = { ...message.body, result }
  return message.event === undefined ? { body } : { body, event: message.event }
}
