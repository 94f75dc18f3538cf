/** The headers of a request to an upstream. All of them are made here: none of the caller's is passed on but `mcp-param-*`. */
import type { Body } from '../core/call.ts'
import { Fault } from '../core/denial.ts'
import type { Secret } from '../core/secret.ts'
import { methodRow } from '../mcp/methods.ts'
import { encodeHeaderValue, HEADER } from '../mcp/revision.ts'

/** Headers that are ours or HTTP's own: a credential cannot be named like one. */
const RESERVED: ReadonlySet<string> = new Set([
  'host',
  'connection',
  'content-length',
  'content-type',
  'content-encoding',
  'accept',
  'accept-encoding',
  'expect',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  HEADER.session,
  HEADER.lastEventId,
  HEADER.revision,
  HEADER.method,
  HEADER.name,
])

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/** What opens every request: the gateway's own credential and the refusal of compression, which would cost time and hide sizes. */
export type Preamble = readonly string[]

/** @throws Fault `FAULT_CONFIG` for a header that cannot be sent or is not the operator's to set. */
export function createPreamble(server: string, credential: Readonly<Record<string, Secret>>): Preamble {
  const preamble = ['accept-encoding', 'identity']
  for (const [name, secret] of Object.entries(credential)) {
    const lower = name.toLowerCase()
    if (!TOKEN.test(name) || RESERVED.has(lower) || lower.startsWith(HEADER.param)) {
      throw new Fault('FAULT_CONFIG', `servers.${server}.headers: ${JSON.stringify(name)} cannot be set`)
    }
    const value = secret.reveal()
    if (!/^[\t\x20-\x7e]*$/.test(value))
      throw new Fault('FAULT_CONFIG', `servers.${server}.headers.${name}: has characters that a header cannot carry`)
    preamble.push(lower, value)
  }
  return preamble
}

/** Of a modern request or notification. Method and name are read from the body, so that they agree with it whatever the caller sent. */
export function modernHeaders(preamble: Preamble, revision: string, body: Body, params?: Readonly<Record<string, string>>): string[] {
  const method = body.method ?? ''
  const headers = [
    ...preamble,
    'content-type',
    'application/json',
    'accept',
    'application/json, text/event-stream',
    HEADER.revision,
    revision,
    HEADER.method,
    method,
  ]
  const row = methodRow(method)
  // What `Mcp-Name` repeats (2026-07-28, Streamable HTTP "Standard Headers").
  const name = row?.mirrored === true && row.name !== undefined ? body.params?.[row.name] : undefined
  if (typeof name === 'string') headers.push(HEADER.name, encodeHeaderValue(name))
  if (params !== undefined) {
    for (const key of Object.keys(params)) {
      const value = params[key]
      if (key.startsWith(HEADER.param) && value !== undefined) headers.push(key, value)
    }
  }
  return headers
}

export interface LegacyStanding {
  /** The negotiated revision; empty before it is. */
  readonly revision: string
  /** The upstream's own session. */
  readonly upstreamId: string | undefined
}

/** Of a message in a session of the upstream's. */
export function legacyHeaders(preamble: Preamble, method: 'POST' | 'GET' | 'DELETE', standing: LegacyStanding): string[] {
  const headers = [...preamble]
  if (method === 'POST') headers.push('content-type', 'application/json', 'accept', 'application/json, text/event-stream')
  if (method === 'GET') headers.push('accept', 'text/event-stream')
  if (standing.revision !== '') headers.push(HEADER.revision, standing.revision)
  if (standing.upstreamId !== undefined) headers.push(HEADER.session, standing.upstreamId)
  return headers
}
