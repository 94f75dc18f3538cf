/** Revisions and eras: which one a message belongs to, the `_meta` envelope of the modern ones, headers that must agree with the body. */
import type { Body, Era, Origin } from '../core/call.ts'
import { Denial } from '../core/denial.ts'
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { isId } from './message.ts'
import type { MethodRow } from './methods.ts'
import { REVISIONS } from './methods.ts'
import { decodeHeaderValue } from './sentinel.ts'

export { encodeHeaderValue } from './sentinel.ts'

/** The newest revision of each era. */
export const LATEST_MODERN = '2026-07-28'
export const LATEST_LEGACY = '2025-11-25'
/** What a request without the header speaks (2025-11-25, Transports). */
export const ASSUMED_LEGACY = '2025-03-26'

export const MODERN_REVISIONS: readonly string[] = [LATEST_MODERN]
export const LEGACY_REVISIONS: readonly string[] = REVISIONS.filter((revision) => revision < LATEST_MODERN)

export const META = {
  protocolVersion: 'io.modelcontextprotocol/protocolVersion',
  clientCapabilities: 'io.modelcontextprotocol/clientCapabilities',
  clientInfo: 'io.modelcontextprotocol/clientInfo',
  logLevel: 'io.modelcontextprotocol/logLevel',
  serverInfo: 'io.modelcontextprotocol/serverInfo',
  subscriptionId: 'io.modelcontextprotocol/subscriptionId',
  relatedTask: 'io.modelcontextprotocol/related-task',
  progressToken: 'progressToken',
} as const

/** Header names as Node gives them. */
export const HEADER = {
  revision: 'mcp-protocol-version',
  method: 'mcp-method',
  name: 'mcp-name',
  session: 'mcp-session-id',
  lastEventId: 'last-event-id',
  /** Prefix of the arguments mirrored into headers. */
  param: 'mcp-param-',
} as const

/** As Node parses them: lower-case names; a repeated header is one text joined by a comma. */
export type Headers = Readonly<Record<string, string | readonly string[] | undefined>>

/** What is wrong is seen in the message itself: its sender is told. */
const ofForm = (code: 'header_mismatch' | 'invalid_envelope', detail: string): Denial => new Denial(code, { detail, isOfForm: true })

/** What a connection has settled already: stdio, where there are no headers. */
export interface Settled {
  readonly era?: Era | undefined
  readonly revision?: string | undefined
}

export type Standing = Pick<Origin, 'era' | 'revision'>

export const isModern = (revision: string): boolean => MODERN_REVISIONS.includes(revision)
const isLegacy = (revision: string): boolean => LEGACY_REVISIONS.includes(revision)

/** The value of a header, without surrounding blanks; several values never equal one. */
export function headerOf(headers: Headers, name: string): string | undefined {
  const value = headers[name]
  if (value === undefined) return undefined
  return typeof value === 'string' ? value.trim() : value.join(', ')
}

/** Longest revision repeated to the caller or the log: the real ones have ten characters. */
const REVISION_MAX_CHARS = 32

/** A claimed revision as it may be shown: bounded, visible ASCII. */
export function shownRevision(claimed: string): string {
  const text = claimed.slice(0, REVISION_MAX_CHARS)
  return /^[\x21-\x7e]*$/.test(text) ? text : ''
}

/** What the message and its headers claim, before anything of it is checked: for refusals of messages that cannot be placed. */
export function claimedStanding(headers: Headers | undefined, settled: Settled): Standing {
  const claimed = headers === undefined ? settled.revision : headerOf(headers, HEADER.revision)
  const revision = shownRevision(claimed ?? '')
  const era = settled.era ?? (isModern(revision) ? 'modern' : 'legacy')
  return { era, revision }
}

/** The `_meta` of a message, if it has one. @throws Denial `invalid_envelope` when it is not an object. */
export function metaOf(params: JsonObject | undefined): JsonObject | undefined {
  const meta = params?.['_meta']
  if (meta === undefined) return undefined
  if (!isObject(meta)) throw ofForm('invalid_envelope', '_meta is not an object')
  return meta
}

/**
 * Which revision a request or notification speaks: `_meta` first, then `initialize`, then what the connection settled, then the header.
 * @param claim receives the standing before it is checked, so that a refusal can name it.
 * @throws Denial `header_mismatch`, `unsupported_revision`, `invalid_envelope`.
 */
export function standingOf(body: Body, headers: Headers | undefined, settled: Settled, claim: (standing: Standing) => void): Standing {
  const meta = metaOf(body.params)
  const claimed = meta?.[META.protocolVersion]
  const header = headers === undefined ? undefined : headerOf(headers, HEADER.revision)
  if (settled.era !== 'legacy' && claimed !== undefined) return modernStanding(body, claimed, header, headers !== undefined, claim)
  if (body.method === 'initialize') {
    if (header !== undefined && isModern(header)) throw ofForm('header_mismatch', 'initialize under a revision that has none')
    return initializeStanding(body, header, claim)
  }
  if (header !== undefined && isModern(header)) return unclaimed(body, header, claim)
  if (headers !== undefined) return legacyStanding(header ?? ASSUMED_LEGACY, claim)
  if (settled.era === 'modern') return unclaimed(body, settled.revision ?? LATEST_MODERN, claim)
  // stdio before anything is settled: a notification can only belong to a client that needs no handshake.
  if (settled.era === undefined && body.id === undefined) return { era: 'modern', revision: LATEST_MODERN }
  return { era: 'legacy', revision: settled.revision ?? '' }
}

function modernStanding(
  body: Body,
  claimed: JsonValue,
  header: string | undefined,
  withHeaders: boolean,
  claim: (standing: Standing) => void,
): Standing {
  if (typeof claimed !== 'string') {
    claim({ era: 'modern', revision: '' })
    throw ofForm('invalid_envelope', `_meta ${META.protocolVersion} is not a string`)
  }
  const standing: Standing = { era: 'modern', revision: isModern(claimed) ? claimed : shownRevision(claimed) }
  claim(standing)
  // Header rules for notifications are undefined in this revision: absent is accepted, different is not.
  const missing = withHeaders && header === undefined && body.id !== undefined
  if (missing) throw ofForm('header_mismatch', 'MCP-Protocol-Version is missing')
  if (header !== undefined && header !== claimed) throw ofForm('header_mismatch', 'MCP-Protocol-Version differs from _meta')
  if (!isModern(claimed)) throw new Denial('unsupported_revision', { detail: `_meta names ${standing.revision}` })
  return standing
}

/** Modern by its header or connection, but without the envelope that says so. */
function unclaimed(body: Body, revision: string, claim: (standing: Standing) => void): Standing {
  const standing: Standing = { era: 'modern', revision }
  claim(standing)
  if (body.id !== undefined) throw ofForm('invalid_envelope', `_meta ${META.protocolVersion} is missing`)
  return standing
}

function initializeStanding(body: Body, header: string | undefined, claim: (standing: Standing) => void): Standing {
  if (header !== undefined) legacyStanding(header, claim)
  const wanted = body.params?.['protocolVersion']
  // Any other wish is not an error: the answer names a revision that is spoken here (2025-11-25, Lifecycle).
  return { era: 'legacy', revision: typeof wanted === 'string' && isLegacy(wanted) ? wanted : '' }
}

/** @throws Denial `unsupported_revision`. */
export function legacyStanding(revision: string, claim: (standing: Standing) => void): Standing {
  const standing: Standing = { era: 'legacy', revision: isLegacy(revision) ? revision : shownRevision(revision) }
  claim(standing)
  if (!isLegacy(revision)) throw new Denial('unsupported_revision', { detail: `MCP-Protocol-Version names ${standing.revision}` })
  return standing
}

const LOG_LEVELS: ReadonlySet<JsonValue> = new Set(['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'])

/**
 * The envelope of a message (2026-07-28, `_meta`). What no revision knows is tolerated.
 * @throws Denial `invalid_envelope`.
 */
export function checkEnvelope(meta: JsonObject | undefined, era: Era, notification: boolean): void {
  if (meta === undefined) return
  const token = meta[META.progressToken]
  if (token !== undefined && !isId(token)) throw ofForm('invalid_envelope', '_meta progressToken is not a string or integer')
  if (era === 'legacy') return
  const capabilities = meta[META.clientCapabilities]
  const needed = capabilities === undefined && !notification
  if (needed) throw ofForm('invalid_envelope', `_meta ${META.clientCapabilities} is missing`)
  if (capabilities !== undefined && !isObject(capabilities)) {
    throw ofForm('invalid_envelope', `_meta ${META.clientCapabilities} is not an object`)
  }
  const client = meta[META.clientInfo]
  if (client !== undefined && !isObject(client)) throw ofForm('invalid_envelope', `_meta ${META.clientInfo} is not an object`)
  const level = meta[META.logLevel]
  if (level !== undefined && !LOG_LEVELS.has(level)) throw ofForm('invalid_envelope', `_meta ${META.logLevel} is unknown`)
}

/**
 * `Mcp-Method` and `Mcp-Name` repeat the body (2026-07-28, Streamable HTTP). The body decides; the headers are only held against it.
 * @param name the resource's name in the body, undefined when the method has none to mirror.
 * @throws Denial `header_mismatch`.
 */
export function checkHeaders(headers: Headers, row: MethodRow, name: string | undefined): void {
  const method = headers[HEADER.method]
  if (method === undefined && !row.notification) throw ofForm('header_mismatch', 'Mcp-Method is missing')
  if (method !== undefined && method !== row.method && headerOf(headers, HEADER.method) !== row.method) {
    throw ofForm('header_mismatch', 'Mcp-Method differs from the body')
  }
  if (!row.mirrored || name === undefined) return
  const written = headerOf(headers, HEADER.name)
  if (written === undefined) throw ofForm('header_mismatch', 'Mcp-Name is missing')
  const decoded = decodeHeaderValue(written)
  if (decoded === undefined) throw ofForm('header_mismatch', 'Mcp-Name cannot be decoded')
  if (decoded !== name) throw ofForm('header_mismatch', 'Mcp-Name differs from the body')
}
