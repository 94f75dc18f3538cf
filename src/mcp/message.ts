/** JSON-RPC 2.0 messages: telling them apart and building the few that we say ourselves. */
import type { Body, Message, RequestId } from '../core/call.ts'
import { Denial } from '../core/denial.ts'
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'

export interface RequestBody extends Body {
  readonly id: RequestId
  readonly method: string
}
export interface NotificationBody extends Body {
  readonly method: string
}
export interface ResponseBody extends Body {
  readonly id: RequestId
}

/** Asks for an answer (JSON-RPC 2.0 §4). */
export function isRequest(body: Body): body is RequestBody {
  return body.method !== undefined && body.id !== undefined
}

/** Asks for nothing (JSON-RPC 2.0 §4.1). */
export function isNotification(body: Body): body is NotificationBody {
  return body.method !== undefined && body.id === undefined
}

/** Answers a request, well or badly (JSON-RPC 2.0 §5). */
export function isResponse(body: Body): body is ResponseBody {
  return body.method === undefined && body.id !== undefined && (body.result !== undefined || body.error !== undefined)
}

/** An error; without `id` when the request could not be read that far, which MCP allows. */
export function errorResponse(id: RequestId | undefined, code: number, message: string, data?: JsonValue): Body {
  const error = data === undefined ? { code, message } : { code, message, data }
  return id === undefined ? { jsonrpc: '2.0', error } : { jsonrpc: '2.0', id, error }
}

export function resultResponse(id: RequestId, result: JsonObject): Body {
  return { jsonrpc: '2.0', id, result }
}

export function requestBody(id: RequestId, method: string, params?: JsonObject): Body {
  return params === undefined ? { jsonrpc: '2.0', id, method } : { jsonrpc: '2.0', id, method, params }
}

export function notificationBody(method: string, params?: JsonObject): Body {
  return params === undefined ? { jsonrpc: '2.0', method } : { jsonrpc: '2.0', method, params }
}

/** The bytes that carried the message, or new ones when it was rewritten or is ours. */
export function bytesOf(message: Message): Uint8Array {
  return message.bytes ?? Buffer.from(JSON.stringify(message.body))
}

/** Longest id or progress token: a client's own counter or UUID fits many times. */
const ID_MAX_CHARS = 256

/** A string of bounded length or an integer that every reader reads alike. */
export function isId(value: JsonValue | undefined): value is RequestId {
  if (typeof value === 'string') return value.length <= ID_MAX_CHARS
  return typeof value === 'number' && Number.isSafeInteger(value) && !Object.is(value, -0)
}

const malformed = (detail: string): Denial => new Denial('malformed', { detail, isOfForm: true })

/** A request, notification or response with exactly its members (JSON-RPC 2.0 §4, §5). @throws Denial `malformed`. */
export function checkBody(value: JsonObject): asserts value is Body {
  for (const member in value) {
    switch (member) {
      case 'jsonrpc':
      case 'id':
      case 'method':
      case 'params':
      case 'result':
      case 'error':
        break
      default:
        throw malformed('the message has an unknown member')
    }
  }
  if (value['jsonrpc'] !== '2.0') throw malformed('jsonrpc is not "2.0"')
  const { method, params, result, error, id } = value
  if (id !== undefined && !isId(id)) throw malformed('the id is not a string or integer of bounded size')
  if (method !== undefined) {
    if (typeof method !== 'string') throw malformed('the method is not a string')
    if (result !== undefined || error !== undefined) throw malformed('the message is request and response at once')
    if (params !== undefined && !isObject(params)) throw malformed('params is not an object')
    return
  }
  if (id === undefined || params !== undefined || (result === undefined) === (error === undefined)) {
    throw malformed('the message is neither request nor response')
  }
  if (result !== undefined && !isObject(result)) throw malformed('the result is not an object')
  if (error !== undefined && !isError(error)) throw malformed('the error is not an error object')
}

function isError(error: JsonValue): boolean {
  return isObject(error) && Number.isSafeInteger(error['code']) && typeof error['message'] === 'string'
}
