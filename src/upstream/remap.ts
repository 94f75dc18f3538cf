/** Ids and progress tokens between an asker's own words and those on the wire. */
import { metaOf, ROUND_TRIP } from '../bridge/wire.ts'
import type { Body, RequestId } from '../core/call.ts'
import type { JsonObject, JsonValue } from '../core/json.ts'
import { META } from '../mcp/revision.ts'

export function isRoundTrip(asked: Body): boolean {
  return ROUND_TRIP.has(asked.method ?? '')
}

export function isCallOfClient(asked: Body): boolean {
  return asked.method !== 'subscriptions/listen' && asked.method !== 'initialize'
}

export function wantsLog(asked: Body): boolean {
  return metaOf(asked)?.[META.logLevel] !== undefined
}

/** Our id of the subscription that a notification belongs to. */
export function subscriptionOf(body: Body): JsonValue | undefined {
  return metaOf(body)?.[META.subscriptionId]
}

/** A notification of a subscription, under its asker's own id. */
export function toldTo(body: Body, id: RequestId | undefined): Body {
  return { ...body, params: { ...body.params, _meta: { ...metaOf(body), [META.subscriptionId]: id } } }
}

/** How a subscription ends. */
export function lastOf(id: RequestId | undefined): JsonObject {
  return { resultType: 'complete', _meta: { [META.subscriptionId]: id } }
}

/** A request as it goes out: under our id, which also serves as progress token. */
export function outward(body: Body, id: number, token: RequestId | undefined): string {
  const method = JSON.stringify(body.method)
  if (body.params === undefined) return `{"jsonrpc":"2.0","id":${id},"method":${method}}`
  const params = token === undefined ? body.params : { ...body.params, _meta: { ...metaOf(body), progressToken: id } }
  return `{"jsonrpc":"2.0","id":${id},"method":${method},"params":${JSON.stringify(params)}}`
}

/** An answer as its asker expects it. Members that are none of JSON-RPC's are left behind. */
export function inward(body: Body, asked: Body): Body {
  const id = asked.id ?? 0
  if (body.error !== undefined) return { jsonrpc: '2.0', id, error: body.error }
  const result: JsonObject = body.result ?? {}
  if (asked.method !== 'subscriptions/listen') return { jsonrpc: '2.0', id, result }
  const meta = result['_meta']
  return { jsonrpc: '2.0', id, result: { ...result, _meta: { ...(typeof meta === 'object' ? meta : {}), [META.subscriptionId]: id } } }
}
