/** Bytes in, Call out: the only parser of the house. It never throws; whatever is wrong with the form is the call's flaw. */
import type { Body, Call, Era, Message, Origin } from '../core/call.ts'
import { Denial } from '../core/denial.ts'
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import type { Signal } from '../core/signal.ts'
import { checkMetaKeys, checkParamsKeys } from './keys.ts'
import { checkBody, isId } from './message.ts'
import type { InternalMethod, MethodRow } from './methods.ts'
import { methodRow } from './methods.ts'
import { argumentsOf, checkFilter, resourceOf } from './resource.ts'
import * as revision from './revision.ts'
import { MEMBERS_MAX, type ScanRules, scan } from './scan.ts'

/** All that is known of a message but the message. */
export interface Envelope {
  /** Ours, a UUIDv7. */
  readonly id: string
  /** The name of the server in the configuration. */
  readonly server: string
  readonly transport: Origin['transport']
  readonly address?: string | undefined
  readonly agent?: string | undefined
  readonly session?: string | undefined
  readonly lastEventId?: string | undefined
  /** Absent on stdio: then there are no rules about headers. */
  readonly headers?: revision.Headers | undefined
  readonly receivedAt: number
  readonly signal: Signal
  readonly limits: { readonly maxDepth: number; readonly maxMembers?: number | undefined }
  /** What `initialize` settled on a connection without headers. */
  readonly forcedEra?: Era | undefined
  readonly forcedRevision?: string | undefined
}

type Writable<T> = { -readonly [Member in keyof T]: T[Member] }
/** A call while it is being read: written to by this file alone. */
type Draft = Writable<Omit<Call, 'origin'>> & { readonly origin: Writable<Origin> }

const NOTHING: JsonObject = Object.freeze({})
const UNREAD: Body = Object.freeze({ jsonrpc: '2.0' })

/** Longest method kept of a message whose method is not ours: for the log. */
const METHOD_MAX_CHARS = 128

/** A refused body is read a second time for its id only up to this size: refusing must stay cheap. */
const GUESS_MAX_BYTES = 65_536

const malformed = (detail: string): Denial => new Denial('malformed', { detail, isOfForm: true })

/**
 * One JSON-RPC message as a Call. Order of the checks: form, revision, envelope, method, parameters, headers;
 * the first that fails is `call.flaw`, with the id as far as it could be read.
 */
export function parseCall(bytes: Uint8Array, envelope: Envelope): Call {
  const call = draft(envelope, 'legacy', '')
  try {
    readCall(call, bytes, envelope)
  } catch (error) {
    call.flaw = Denial.from(error)
  }
  return call
}

/** A call without a body: the stream (GET), or the end (DELETE), of a session in the revisions that have them. Never throws. */
export function bodilessCall(method: Exclude<InternalMethod, '$response'>, envelope: Envelope): Call {
  const call = draft(envelope, 'legacy', '')
  call.method = method
  if (method === '$stream') call.action = 'listen'
  try {
    const header = envelope.headers === undefined ? undefined : revision.headerOf(envelope.headers, revision.HEADER.revision)
    if (header !== undefined && revision.isModern(header)) {
      place(call, { era: 'modern', revision: header })
      throw new Denial('http_method', { detail: `${method} under a revision without sessions` })
    }
    revision.legacyStanding(header ?? revision.ASSUMED_LEGACY, (standing) => place(call, standing))
    keepSession(call, envelope)
  } catch (error) {
    call.flaw = Denial.from(error)
  }
  return call
}

/** A call refused before its body was read, or whose body was never whole: so that the caller is identified and the refusal recorded. */
export function flawedCall(flaw: Denial, envelope: Envelope): Call {
  const { era, revision: spoken } = revision.claimedStanding(envelope.headers, settledOf(envelope))
  const call = draft(envelope, era, spoken)
  call.flaw = flaw
  return call
}

/**
 * One message of a server: same grammar, duplicate keys and depth refused; numbers are taken as they are.
 * @throws Denial `unparseable`, `malformed`.
 */
export function parseMessage(bytes: Uint8Array, limits: Envelope['limits']): Message {
  const value = readValue(bytes, limits, false)
  checkBody(value)
  return { body: value, bytes }
}

function draft(envelope: Envelope, era: Era, spoken: string): Draft {
  const origin: Writable<Origin> = { transport: envelope.transport, era, revision: spoken }
  if (envelope.address !== undefined) origin.address = envelope.address
  if (envelope.agent !== undefined) origin.agent = envelope.agent
  return {
    id: envelope.id,
    method: '',
    action: 'control',
    resource: { kind: 'server', server: envelope.server, name: envelope.server },
    arguments: NOTHING,
    message: { body: UNREAD },
    origin,
    receivedAt: envelope.receivedAt,
    signal: envelope.signal,
  }
}

function settledOf(envelope: Envelope): revision.Settled {
  return { era: envelope.forcedEra, revision: envelope.forcedRevision }
}

function place(call: Draft, standing: revision.Standing): void {
  call.origin.era = standing.era
  call.origin.revision = standing.revision
}

/** Sessions exist in the revisions with `initialize`; a modern request's headers of that kind are ignored. */
function keepSession(call: Draft, envelope: Envelope): void {
  if (envelope.session !== undefined) call.session = envelope.session
  if (envelope.lastEventId !== undefined) call.lastEventId = envelope.lastEventId
}

function readCall(call: Draft, bytes: Uint8Array, envelope: Envelope): void {
  const value = readFirst(call, bytes, envelope)
  const id = value['id']
  if (id !== undefined && !isId(id)) throw malformed('the id is not a string or integer of bounded size')
  if (id !== undefined) call.message = { body: { jsonrpc: '2.0', id } }
  const method = value['method']
  if (typeof method === 'string') call.method = shownMethod(method)
  checkBody(value)
  call.message = { body: value, bytes }
  if (value.method === undefined) {
    readResponse(call, envelope)
    return
  }
  readRequest(call, value, value.method, envelope)
}

/** The value of the body; when it is refused, what of it can be told is kept for the refusal. */
function readFirst(call: Draft, bytes: Uint8Array, envelope: Envelope): JsonObject {
  try {
    return readValue(bytes, envelope.limits, true)
  } catch (error) {
    place(call, revision.claimedStanding(envelope.headers, settledOf(envelope)))
    const id = error instanceof Denial && error.code === 'malformed' ? guessedId(bytes) : undefined
    if (id !== undefined) call.message = { body: { jsonrpc: '2.0', id } }
    throw error
  }
}

function readValue(bytes: Uint8Array, limits: Envelope['limits'], exactNumbers: boolean): JsonObject {
  if (bytes[0] === 0x5b) throw malformed('a batch')
  const text = scanned(bytes, { maxDepth: limits.maxDepth, maxMembers: limits.maxMembers ?? MEMBERS_MAX, exactNumbers })
  let value: JsonValue
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new Denial('unparseable', { detail: 'JSON.parse refuses the body', isOfForm: true, cause: error })
  }
  if (!isObject(value)) throw malformed(Array.isArray(value) ? 'a batch' : 'the body is not an object')
  return value
}

/** What the scan says are constant words on what the sender has in hand: they are told. */
function scanned(bytes: Uint8Array, rules: ScanRules): string {
  try {
    return scan(bytes, rules)
  } catch (error) {
    if (!(error instanceof Denial)) throw error
    throw new Denial(error.code, { detail: error.detail, isOfForm: true, cause: error })
  }
}

/** The id of a body that is JSON but was refused. Off the path of a call that is well formed. */
function guessedId(bytes: Uint8Array): string | number | undefined {
  if (bytes[0] !== 0x7b || bytes.length > GUESS_MAX_BYTES) return undefined
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString())
    const id = isObject(value) ? value['id'] : undefined
    return isId(id) ? id : undefined
  } catch {
    return undefined
  }
}

function shownMethod(method: string): string {
  return method.length <= METHOD_MAX_CHARS && /^[\x21-\x7e]*$/.test(method) && !method.startsWith('$') ? method : ''
}

/** The client's answer to a request of the server's: only where servers ask, so in a session, or on a stdio that began with `initialize`. */
function readResponse(call: Draft, envelope: Envelope): void {
  const header = envelope.headers === undefined ? undefined : revision.headerOf(envelope.headers, revision.HEADER.revision)
  if (envelope.headers === undefined) {
    place(call, { era: envelope.forcedEra ?? 'modern', revision: envelope.forcedRevision ?? '' })
    if (envelope.forcedEra !== 'legacy') throw malformed('a response where no server asks')
  } else {
    if (header !== undefined && revision.isModern(header)) {
      place(call, { era: 'modern', revision: header })
      throw malformed('a response under a revision where no server asks')
    }
    revision.legacyStanding(header ?? revision.ASSUMED_LEGACY, (standing) => place(call, standing))
    if (envelope.session === undefined) throw malformed('a response outside a session')
  }
  call.method = '$response'
  keepSession(call, envelope)
}

function readRequest(call: Draft, body: Body, method: string, envelope: Envelope): void {
  const params = body.params
  if (params !== undefined) checkParamsKeys(params)
  const { headers } = envelope
  place(call, revision.claimedStanding(headers, settledOf(envelope)))
  const standing = revision.standingOf(body, headers, settledOf(envelope), (claimed) => place(call, claimed))
  place(call, standing)
  if (standing.era === 'legacy') keepSession(call, envelope)
  const meta = revision.metaOf(params)
  if (meta !== undefined) checkMetaKeys(meta)
  const notification = body.id === undefined
  revision.checkEnvelope(meta, standing.era, notification)

  const row = methodRow(method)
  if (row === undefined || !isSpoken(row, standing)) throw new Denial('unknown_method', { detail: `not a method of ${standing.revision}` })
  if (row.notification !== notification) throw malformed(notification ? 'a request without an id' : 'a notification with an id')
  call.action = row.action
  const resource = resourceOf(row, params ?? NOTHING, envelope.server)
  if (resource !== undefined) call.resource = resource
  call.arguments = argumentsOf(row, params ?? NOTHING)
  if (method === 'subscriptions/listen') checkFilter(params ?? NOTHING)
  if (headers === undefined) return
  if (standing.era === 'modern') revision.checkHeaders(headers, row, resource?.name)
  const mirrored = mirroredOf(headers)
  if (mirrored !== undefined) call.mirrored = mirrored
}

/** A legacy client on stdio that has not said its revision may use what any legacy revision has. */
function isSpoken(row: MethodRow, standing: revision.Standing): boolean {
  if (standing.revision !== '') return row.revisions.has(standing.revision)
  return revision.LEGACY_REVISIONS.some((spoken) => row.revisions.has(spoken))
}

function mirroredOf(headers: revision.Headers): Readonly<Record<string, string>> | undefined {
  let mirrored: Record<string, string> | undefined
  for (const name in headers) {
    if (!name.startsWith(revision.HEADER.param)) continue
    mirrored ??= {}
    mirrored[name] = revision.headerOf(headers, name) ?? ''
  }
  return mirrored
}
