/** What the gateway itself asks a server: one request, one answer, nothing in between wanted. */
import type { Body } from '../core/call.ts'
import { Denial } from '../core/denial.ts'
import type { JsonObject } from '../core/json.ts'
import type { Signal } from '../core/signal.ts'
import { isRequest, isResponse, requestBody, resultResponse } from '../mcp/message.ts'
import type { Peer } from './peer.ts'
import { refusalOf } from './wire.ts'

/** @throws Denial of the peer's; `upstream_failed` when there was no answer. An error of the server's is an answer. */
export type Ask = (method: string, params?: JsonObject, signal?: Signal) => Promise<Body>

export function createAsk(peer: Peer): Ask {
  let count = 0
  return async (method, params, signal = new AbortController().signal) => {
    count++
    for await (const { body } of peer.request({ body: requestBody(`portcullis-${count}`, method, params) }, signal)) {
      if (isResponse(body)) return body
      if (isRequest(body)) await answerAlone(peer, body)
    }
    throw new Denial('upstream_failed', { detail: `${method} was not answered` })
  }
}

/** Answers a request of the server's that no caller is there for: `ping` is, everything else is refused. */
export function answerAlone(peer: Peer, body: Body): Promise<void> {
  if (body.id === undefined) return Promise.resolve()
  return peer.send(body.method === 'ping' ? { body: resultResponse(body.id, {}) } : refusalOf(body.id))
}
