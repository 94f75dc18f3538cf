/** Reads a stretch of time out of the journal for somebody who counts: events that say nothing more than that they were permitted are not even parsed. */
import { setImmediate } from 'node:timers/promises'
import type { AuditEvent } from '../core/event.ts'
import { LOGS } from '../store/keys.ts'
import type { Line, Store } from '../store/store.ts'
import { isEvent } from './event.ts'
import { DISORDER_MS } from './query.ts'

/** A time between the two, milliseconds since the epoch: `since` inclusive, `until` exclusive. */
export interface Span {
  readonly since: number
  readonly until: number
}

/** What is told of each event in the span, the newest first. */
export interface Reader {
  /** A call that was permitted. Only where `permitted` is not given, they come as events. */
  permitted?(at: number): void
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
const PERMITTED = '"outcome":"permitted"'
const AT = '"at":'

/** @returns when it happened; 0 when that does not matter */
function tell(line: Line, { since, until }: Span, reader: Reader): number {
  const { text } = line
  if (text?.endsWith(BEGUN) === true) return 0
  if (reader.permitted !== undefined && text?.endsWith(ENDED) === true && text.includes(PERMITTED)) {
    const at = timeIn(text)
    if (at >= since && at < until) reader.permitted(at)
    return at
  }
  const { value } = line
  if (!isEvent(value) || value.type === 'call.begun') return 0
  const { at, type, outcome } = value
  if (at < since || at >= until) return at
  if (type === 'call.ended' && outcome === 'permitted' && reader.permitted !== undefined) reader.permitted(at)
  else reader.event(value)
  return at
}

function timeIn(text: string): number {
  for (let found = text.indexOf(AT); found !== -1; found = text.indexOf(AT, found + 1)) {
    const at = Number.parseInt(text.slice(found + AT.length, found + AT.length + TIME_DIGITS), 10)
    if (!Number.isNaN(at)) return at
  }
  return 0
}

/** Milliseconds since the epoch, until the year 2286. */
const TIME_DIGITS = 13
