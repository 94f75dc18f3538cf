/** What a call says beside what it is about and its arguments: members that no revision defines reach its server too, and so do answers to what it has asked. */
import type { Call } from '../core/call.ts'
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { methodRow } from '../mcp/methods.ts'
import { META } from '../mcp/revision.ts'
import { ROUND_TRIP } from './state.ts'

/** What the protocol itself puts into the `_meta` of a request. */
const OWN_META: ReadonlySet<string> = new Set([
  META.protocolVersion,
  META.clientCapabilities,
  META.clientInfo,
  META.logLevel,
  META.progressToken,
  META.relatedTask,
])
/** Longer than any of them honestly is: what is longer carries something else. */
const OWN_MAX_CHARS = 1_024
/**
 * What differs with every try, so that nothing could be approved by it, each of the one form that it has: W3C Trace Context §3.2 and §3.3.1.5, and
 * the id under which Claude Code makes a call. `baggage` holds whatever its sender likes, and is none of them.
 */
const OF_ONE_TRY: ReadonlyMap<string, RegExp> = new Map([
  ['traceparent', /^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/],
  ['tracestate', /^[\x20-\x7e]{0,512}$/],
  ['claudecode/toolUseId', /^toolu_\w{1,40}$/],
])
/** What requests about a server or a task are asked with. */
const OWN_PARAMS: ReadonlySet<string> = new Set(['cursor', 'level', 'protocolVersion', 'capabilities', 'clientInfo', 'taskId'])
const FILTERS: ReadonlySet<string> = new Set(['toolsListChanged', 'promptsListChanged', 'resourcesListChanged'])
const NAMES: ReadonlySet<string> = new Set(['resourceSubscriptions', 'taskIds'])

/** @returns undefined where there is nothing; else as it stands in `params`. */
export function besidesOf(call: Call): JsonObject | undefined {
  const { params } = call.message.body
  if (params === undefined) return undefined
  const meta = isObject(params['_meta']) ? members(params['_meta'], (name, value) => !isOwn(name, value)) : {}
  const strangers = { ...strangersIn(params, call), ...(Object.keys(meta).length === 0 ? {} : { _meta: meta }) }
  return Object.keys(strangers).length === 0 ? undefined : strangers
}

/** What a client answers its server in the next leg of a call (2026-07-28, basic/patterns/mrtr). */
export function answersOf({ method, origin, message }: Call): JsonValue | undefined {
  return origin.era === 'modern' && ROUND_TRIP.has(method) ? message.body.params?.['inputResponses'] : undefined
}

/** All that is sent with a call beside its arguments, in which a credential could stand. */
export function alongOf(call: Call): JsonObject {
  const { params } = call.message.body
  const meta = isObject(params?.['_meta']) ? members(params['_meta'], (name, value) => !isOfNoText(name, value)) : {}
  const answers = answersOf(call)
  return {
    ...(params === undefined ? {} : strangersIn(params, call)),
    ...(Object.keys(meta).length === 0 ? {} : { _meta: meta }),
    ...(answers === undefined ? {} : { inputResponses: answers }),
  }
}

/** Its server gets another token in its place; and a trace of the right form, all hexadecimal, would be taken for a credential. */
function isOfNoText(name: string, value: JsonValue | undefined): boolean {
  return name === META.progressToken || (name === 'traceparent' && isOwn(name, value))
}

function isOwn(name: string, value: JsonValue | undefined): boolean {
  const form = OF_ONE_TRY.get(name)
  if (form !== undefined) return typeof value === 'string' && form.test(value)
  return OWN_META.has(name) && JSON.stringify(value ?? null).length <= OWN_MAX_CHARS
}

/** Parameters that are neither arguments nor known. Of methods that name a URI or a prompt by `ref`, all are arguments. */
function strangersIn(params: JsonObject, { method, message, origin: { era } }: Call): JsonObject {
  const row = methodRow(method)
  if (row === undefined || message.body.id === undefined) return {}
  const isLeg = era === 'modern' && ROUND_TRIP.has(method)
  const isKnown = (name: string, value: JsonValue | undefined): boolean => {
    if (name === '_meta') return true
    if (name === 'inputResponses' || name === 'requestState') return isLeg || method === 'tasks/update'
    if (row.name === 'name') return name === 'name' || name === 'arguments' || (name === 'task' && era === 'legacy' && isLife(value))
    if (row.kind !== 'server' && row.kind !== 'task') return true
    return OWN_PARAMS.has(name) || (name === 'notifications' && isFilter(value))
  }
  return members(params, (name, value) => !isKnown(name, value))
}

/** How long a task is to be kept (2025-11-25, basic/utilities/tasks). */
function isLife(value: JsonValue | undefined): boolean {
  return isObject(value) && Object.entries(value).every(([name, ttl]) => name === 'ttl' && (ttl === null || typeof ttl === 'number'))
}

function isFilter(value: JsonValue | undefined): boolean {
  return (
    isObject(value) &&
    Object.entries(value).every(([name, wanted]) => NAMES.has(name) || (FILTERS.has(name) && typeof wanted === 'boolean'))
  )
}

function members(object: JsonObject, keeps: (name: string, value: JsonValue | undefined) => boolean): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([name, value]) => keeps(name, value)))
}
