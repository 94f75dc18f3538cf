/** Roots: folders that a client tells a server. Many a server takes them for what it may show, and so a caller would widen what the operator allowed. */
import type { Body, Call } from '../core/call.ts'
import { isObject, type JsonObject } from '../core/json.ts'
import { META, metaOf } from '../mcp/revision.ts'

/** The call without the capability: in `initialize`, or in the `_meta` of a modern request. A server that honours it never asks. */
export function withoutRoots(call: Call): Call {
  const { body } = call.message
  const { params } = body
  if (params === undefined) return call
  const meta = metaOf(params)
  const isOpening = call.method === 'initialize'
  const capabilities = isOpening ? params['capabilities'] : meta?.[META.clientCapabilities]
  if (!isObject(capabilities) || capabilities['roots'] === undefined) return call
  const { roots: _roots, ...rest } = capabilities
  const less: JsonObject = isOpening
    ? { ...params, capabilities: rest }
    : { ...params, _meta: { ...meta, [META.clientCapabilities]: rest } }
  const rewritten: Body = { ...body, params: less }
  return { ...call, message: { body: rewritten } }
}
