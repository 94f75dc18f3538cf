/** Reads a stretch of time out of the journal for somebody who counts: events that say nothing more than that they were permitted are not even parsed. */
import { setImmediate } from 'node:timers/promises'
import type { AuditEvent } from '../core/event.ts'
import { redactions } from '../core/finding.ts'
import { LOGS } from '../store/keys.ts'
import type { Line, Store } from '../store/store.ts'
import { isEvent } from './event.ts'
import { DISORDER_MS } from './query.ts'

/** A time between the two, milliseconds since the epoch: `since` inclusive, `until` exclusive. */
export interface Span {
  readonly since: number
  readonly until: number
}

/** What a call answered: members of its event, read out of the text. */
export type Answered = Pick<AuditEvent, 'at' | 'bytes' | 'principal' | 'resource'>

/** What is told of each event in the span, the newest first. */
export interface Reader {
  /** A call that was permitted, and its answer left as it was. Only where `permitted` is not given, they come as events. */
  permitted?(answered: Answered): void
  /** Any other, but `call.begun`, whose end says all that it says. */
  event(event: AuditEvent): void
}

/** Larger than for those who look at each line: a page is some 1 MB, and keeps the event loop for a few milliseconds. */
const PAGE_LINES = 2_000

/** @throws Fault `FAULT_STORE` */
export async function scanEvents(store: Store, span: Span, reader: Reader): Promise<void> {
  let before: string | undefined
  for (;;) {
    const lines = await store.read(LOGS.audit, { last: PAGE_LINES, ...(before !== undefined && { before }) })
    let newest = 0
    for (const line of lines.toReversed()) newest = Math.max(newest, tell(line, span, reader))
    before = lines[0]?.position
    // A gateway that is asked for a report goes on serving.
    await setImmediate()
    if (before === undefined || (newest > 0 && newest < span.since - DISORDER_MS)) return
  }
}

/*
 * The journal writes members in sorted order, so `type` is the last of them, and the first `at` that a number follows is the time: shapes of
 * arguments, which stand in front of it, are texts. Within a text every quote is escaped, so no name or value that a caller chose looks like a member.
 */
const BEGUN = '"type":"call.begun"}'
const ENDED = '"type":"call.ended"}'
const AT = '"at":'

/** @returns when it happened; 0 when that does not matter */
function tell(line: Line, { since, until }: Span, reader: Reader): number {
  const { text } = line
  if (text?.endsWith(BEGUN) === true) return 0
  if (reader.permitted !== undefined && text?.endsWith(ENDED) === true) {
    const place = timePlaceIn(text)
    const at = numberAt(text, place)
    const isWithin = at >= since && at < until
    const answered = isWithin ? permittedIn(text, place, at) : undefined
    if (answered !== undefined) reader.permitted(answered)
    if (answered !== undefined || (at > 0 && !isWithin)) return at
  }
  const { value } = line
  if (!isEvent(value) || value.type === 'call.begun') return 0
  const { at, type, outcome } = value
  if (at < since || at >= until) return at
  const isPlain = type === 'call.ended' && outcome === 'permitted' && redactions(value.findings).size === 0
  if (isPlain && reader.permitted !== undefined) reader.permitted(value)
  else reader.event(value)
  return at
}

/** Where the digits of the time begin; behind the end where there is none. */
function timePlaceIn(text: string): number {
  for (let found = text.indexOf(AT); found !== -1; found = text.indexOf(AT, found + 1)) {
    const first = text.charCodeAt(found + AT.length)
    if (first >= ZERO && first <= NINE) return found + AT.length
  }
  return text.length
}

/** A whole number, from its first digit on; 0 where there is none. */
function numberAt(text: string, from: number): number {
  let number = 0
  for (let at = from; at < from + DIGITS_MAX; at++) {
    const code = text.charCodeAt(at)
    if (!(code >= ZERO && code <= NINE)) break
    number = number * 10 + code - ZERO
  }
  return number
}

const [ZERO, NINE] = [0x30, 0x39]
/** Of a number that JSON holds exactly. */
const DIGITS_MAX = 16

const BYTES = ',"bytes":'
const PERMITTED = '"outcome":"permitted"'
const REDACTED = '"isRedacted":true'
const PRINCIPAL = '"principal":"'
const TOOL_NAME = '","resource":{"kind":"tool","name":"'
const SERVER = '","server":"'

/*
 * Behind the arguments, whose names a caller chooses, no member is a caller's: what is looked for is what it seems to be. It stands in
 * sorted order, so each is looked for behind the one before. Undefined where it was not permitted, or says more than this reads, or a
 * name is not written as it is: then the event is read whole.
 */
function permittedIn(text: string, place: number, at: number): Answered | undefined {
  const behindAt = place + digitsOf(at)
  const outcome = text.indexOf(PERMITTED, behindAt)
  if (outcome === -1 || text.slice(behindAt, outcome).includes(REDACTED)) return undefined
  if (!text.startsWith(BYTES, behindAt)) return { at }
  const bytes = numberAt(text, behindAt + BYTES.length)
  const who = text.indexOf(PRINCIPAL, outcome)
  const principal = who === -1 ? undefined : plainIn(text, who + PRINCIPAL.length)
  if (principal === undefined) return undefined
  const what = who + PRINCIPAL.length + principal.length
  if (!text.startsWith(TOOL_NAME, what)) return { at, bytes, principal }
  const name = plainIn(text, what + TOOL_NAME.length)
  if (name === undefined) return undefined
  const behind = what + TOOL_NAME.length + name.length
  const server = text.startsWith(SERVER, behind) ? plainIn(text, behind + SERVER.length) : undefined
  return server === undefined ? undefined : { at, bytes, principal, resource: { kind: 'tool', name, server } }
}

/** Milliseconds since the epoch have thirteen from 2001 to 2286. */
function digitsOf(at: number): number {
  return at >= 1e12 && at < 1e13 ? 13 : String(at).length
}

/** From a place to the next quote; undefined where anything in between is escaped. */
function plainIn(text: string, from: number): string | undefined {
  const end = text.indexOf('"', from)
  const found = text.slice(from, end)
  return end === -1 || found.includes('\\') ? undefined : found
}
