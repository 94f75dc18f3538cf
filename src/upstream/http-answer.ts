/** What an upstream's HTTP answer is: its media type, its JSON, and whose response it carries. */
import { exactly, isBody } from '../bridge/wire.ts'
import type { Body, RequestId, StreamEvent } from '../core/call.ts'
import { Denial } from '../core/denial.ts'
import { isObject, type JsonValue } from '../core/json.ts'
import { parseRetryAfter } from '../core/time.ts'
import { DEPTH_MAX, type ScanRules, scan } from '../mcp/scan.ts'
import type { SseEvent } from '../mcp/sse.ts'
import type { Headers, Wire } from './http-plan.ts'

/** Whether a Content-Type names the media type, parameters aside (RFC 9110 §8.3.1). */
export function isMedia(type: unknown, media: string): boolean {
  if (type === media) return true
  if (typeof type !== 'string') return false
  const end = type.indexOf(';')
  return (end === -1 ? type : type.slice(0, end)).trim().toLowerCase() === media
}

/** However long a server asks to be left alone: nobody is sent away for longer on its word. */
const WAIT_MAX_MS = 3_600_000

/** What is wrong with an answer by its head. A server that asks for time has not failed: its caller is told to come again, and when. */
export function flawOfHead(
  status: number,
  headers: Headers,
  { server, clock }: Pick<Wire, 'server' | 'clock'>,
): string | Denial | undefined {
  const encoding = headers['content-encoding']
  if (encoding !== undefined && encoding !== 'identity') return 'it encoded its answer, which was not asked for'
  if (status !== 429 && status !== 503) return undefined
  const said = headers['retry-after']
  const asked = typeof said === 'string' ? parseRetryAfter(said, clock()) : undefined
  if (asked === undefined) return undefined
  const ms = Math.min(asked, WAIT_MAX_MS)
  const detail = `${server}: it answered ${status}, and asks to be left alone for ${Math.ceil(ms / 1_000)} s`
  return new Denial('unavailable', { detail, remedies: [{ kind: 'wait', ms }] })
}

/** A body of 10 MiB may hold more; by then it is an attack on whoever builds the objects. */
const MEMBERS_MAX = 1_000_000
const RULES: ScanRules = { maxDepth: DEPTH_MAX, maxMembers: MEMBERS_MAX, exactNumbers: false }

/**
 * Undefined: not JSON in UTF-8, or JSON that two readers may read differently.
 * The bytes are sent on as they came, so what is judged here must be what the caller will read.
 */
export function parseBytes(bytes: Buffer): JsonValue | undefined {
  try {
    return parseText(scan(bytes, RULES))
  } catch {
    return undefined
  }
}

/** Undefined: not JSON. */
export function parseText(text: string): JsonValue | undefined {
  try {
    // `JSON.parse` makes nothing else than JSON.
    return JSON.parse(text) as JsonValue
  } catch {
    return undefined
  }
}

/**
 * One message a server may send over HTTP, with its own members; undefined when a value is none. An array (a batch) is none.
 * An error may lack its id, or have `null`: then the request could not be read that far (JSON-RPC 2.0 §5).
 */
export function messageOf(value: JsonValue | undefined): Body | undefined {
  return isMessage(value) ? exactly(value) : undefined
}

function isMessage(value: JsonValue | undefined): value is Body {
  if (isBody(value)) return true
  if (!isObject(value) || value['method'] !== undefined || (value['id'] ?? null) !== null) return false
  return isBody({ ...value, id: 0 }) && value['error'] !== undefined
}

/** The response under our id; undefined when it answers another request. An error without an id is said of the request that was posted. */
export function ownResponse(body: Body, id: RequestId | undefined): Body | undefined {
  if (body.id === id) return body
  const said: JsonValue | undefined = body.id
  return (said ?? null) === null && body.error !== undefined && id !== undefined ? { ...body, id } : undefined
}

/** Where an event stands in a stream that can be resumed; undefined for one that says nothing of it. @param seal what becomes of its id */
export function positionOf({ id, retryMs }: SseEvent, seal: (id: string) => string = (same) => same): StreamEvent | undefined {
  if (id === undefined && retryMs === undefined) return undefined
  return { ...(id === undefined ? {} : { id: seal(id) }), ...(retryMs === undefined ? {} : { retryMs }) }
}

/** What undici says of a connection that the other side had closed while it was idle. */
const STALE: ReadonlySet<string> = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'])

export function isStale(error: Error): boolean {
  return STALE.has(codeOf(error))
}

export function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}
