/** The few words of the protocol that connections to servers need: methods, codes and guards. */
import type { Body, Message, RequestId } from '../core/call.ts'
import { isObject, type JsonObject } from '../core/json.ts'
import { hasResultVariant } from '../mcp/keys.ts'
import { errorResponse } from '../mcp/message.ts'

/** The methods that may be asked in several legs (basic/patterns/mrtr); in the legacy revisions, those during which a server asks the client something. */
export const ROUND_TRIP: ReadonlySet<string> = new Set(['tools/call', 'prompts/get', 'resources/read'])

export const METHOD_NOT_FOUND = -32601
export const INVALID_PARAMS = -32602
/** HeaderMismatch, MissingRequiredClientCapability, UnsupportedProtocolVersion: only a modern server knows these. */
export const MODERN_ERRORS: ReadonlySet<number> = new Set([-32020, -32021, -32022])

/** Who we say we are: `clientInfo`. */
export interface Implementation {
  readonly name: string
  readonly version: string
}

/** Whether it is one JSON-RPC 2.0 message: exactly one of request, notification, result, error. */
export function isBody(value: unknown): value is Body {
  if (!isObject(value) || value['jsonrpc'] !== '2.0') return false
  const { id, method, params, result, error } = value
  if (id !== undefined && typeof id !== 'number' && typeof id !== 'string') return false
  if (method !== undefined)
    return typeof method === 'string' && (params === undefined || isObject(params)) && result === undefined && error === undefined
  if (id === undefined) return false
  if (error === undefined) return isObject(result) && !hasResultVariant(result)
  return result === undefined && isObject(error) && typeof error['code'] === 'number' && typeof error['message'] === 'string'
}

/** The members of a message (JSON-RPC 2.0 §4, §5). */
const MEMBERS = new Set(['jsonrpc', 'id', 'method', 'params', 'result', 'error'])

/**
 * The message with its members and no others: what stands beside them nobody looks through, and some reader may take for one of them.
 * @returns the very same when there are no others; then the bytes that it came in say the same too
 */
export function exactly(body: Body): Body {
  for (const member in body) {
    if (MEMBERS.has(member)) continue
    const own = Object.entries(body).filter(([name]) => MEMBERS.has(name))
    return { ...(Object.fromEntries(own) as Omit<Body, 'jsonrpc'>), jsonrpc: '2.0' } // some of its own members
  }
  return body
}

export function isRequestId(value: unknown): value is RequestId {
  return typeof value === 'number' || typeof value === 'string'
}

export function metaOf(body: Body): JsonObject | undefined {
  const meta = body.params?.['_meta']
  return isObject(meta) ? meta : undefined
}

/** The answer to a request of the server's that nobody can answer. */
export function refusalOf(id: RequestId): Message {
  return { body: errorResponse(id, METHOD_NOT_FOUND, 'Method not found.') }
}

/** From talkative to silent (RFC 5424 §6.2.1). */
export const LOG_LEVELS: readonly string[] = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency']
