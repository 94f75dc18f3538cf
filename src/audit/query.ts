/** Questions asked of the journal: which events, in the order in which they were written. */
import { setTimeout } from 'node:timers/promises'
import type { AuditEvent, Outcome } from '../core/event.ts'
import { isCovered, isLike, parsePattern } from '../core/pattern.ts'
import { LOGS } from '../store/keys.ts'
import type { Line, Store } from '../store/store.ts'
import { isEvent } from './event.ts'

/** All that are given must hold. */
export interface Filter {
  /** Milliseconds since the epoch, inclusive. */
  readonly since?: number
  /** Milliseconds since the epoch, exclusive. */
  readonly until?: number
  readonly outcome?: Outcome
  /** `issuer#subject`; `*` stands for any characters. */
  readonly principal?: string
  /** `server/name` or `name`; `*` stands for any characters. */
  readonly tool?: string
  readonly method?: string
  /** A code of the table of denials. */
  readonly denial?: string
  /** A type of event. */
  readonly type?: string
  /** Call.id */
  readonly call?: string
}

export interface Question extends Filter {
  /** Only the newest so many. */
  readonly last?: number
  /** With `last`: only what stands in front of this position. */
  readonly before?: string
  /** Looks at no more lines than so many, in either direction: what people wait for must come to an end. */
  readonly maxLines?: number
  /** Goes on with what is written from now on, until it is aborted. */
  readonly follow?: { readonly everyMs: number; readonly signal: AbortSignal }
}

/** An event and where it stands in the log. */
export interface Row {
  readonly position: string
  readonly event: AuditEvent
}

const PAGE_LINES = 1_000
/** Writers append in turns and clocks differ: an event may stand this much before one that is older. */
export const DISORDER_MS = 60_000

/**
 * Memory holds a page, and as many rows as `last` asks for.
 * @throws Fault `FAULT_STORE`
 */
export async function* queryEvents(store: Store, question: Question = {}): AsyncGenerator<Row> {
  const matches = matcherOf(question)
  const { last, since, follow, maxLines = Number.POSITIVE_INFINITY } = question
  let after: string | undefined
  if (last !== undefined) {
    const { rows, end } = await readLast(store, matches, last, question)
    yield* rows
    after = end
  } else {
    after = since === undefined ? undefined : await findStart(store, since, maxLines)
    for (let looked = 0; looked < maxLines; ) {
      const lines = await readPage(store, after)
      for (const line of lines) {
        const row = rowOf(line)
        if (row !== undefined && matches(row.event)) yield row
      }
      after = lines.at(-1)?.position ?? after
      looked += lines.length
      if (lines.length === 0 || isBehind(lines.at(-1), question.until)) break
    }
  }
  if (follow !== undefined) yield* followFrom(store, matches, after, follow)
}

/** The newest matching rows, read from the end in pages, and the position of the log's last line. */
async function readLast(
  store: Store,
  matches: Matcher,
  count: number,
  { since, before, maxLines = Number.POSITIVE_INFINITY }: Question,
): Promise<{ rows: readonly Row[]; end: string | undefined }> {
  const pages: (readonly Row[])[] = []
  let found = 0
  let looked = 0
  let end: string | undefined
  for await (const lines of readBackwards(store, before)) {
    end ??= lines.at(-1)?.position
    const rows = lines.flatMap((line) => rowOf(line) ?? []).filter((row) => matches(row.event))
    pages.unshift(rows)
    found += rows.length
    looked += lines.length
    if (found >= count || looked >= maxLines || isBefore(lines[0], since)) break
  }
  const rows = pages.flat()
  return { rows: rows.slice(Math.max(0, rows.length - count)), end }
}

/** A position behind which everything since then stands; undefined for the beginning. */
async function findStart(store: Store, since: number, maxLines: number): Promise<string | undefined> {
  let looked = 0
  for await (const lines of readBackwards(store)) {
    looked += lines.length
    if (isBefore(lines[0], since) || looked >= maxLines) return lines[0]?.position
  }
  return undefined
}

async function* followFrom(
  store: Store,
  matches: Matcher,
  from: string | undefined,
  follow: NonNullable<Question['follow']>,
): AsyncGenerator<Row> {
  let after = from
  while (!follow.signal.aborted) {
    const lines = await readPage(store, after)
    for (const line of lines) {
      const row = rowOf(line)
      if (row !== undefined && matches(row.event)) yield row
    }
    after = lines.at(-1)?.position ?? after
    if (lines.length === 0) await pause(follow.everyMs, follow.signal)
  }
}

function readPage(store: Store, after: string | undefined): Promise<readonly Line[]> {
  return store.read(LOGS.audit, { limit: PAGE_LINES, ...(after !== undefined && { after }) })
}

async function* readBackwards(store: Store, from?: string): AsyncGenerator<readonly Line[]> {
  let before = from
  for (;;) {
    const lines = await store.read(LOGS.audit, { last: PAGE_LINES, ...(before !== undefined && { before }) })
    if (lines.length === 0) return
    yield lines
    before = lines[0]?.position
  }
}

function isBefore(line: Line | undefined, since: number | undefined): boolean {
  return line !== undefined && since !== undefined && isEvent(line.value) && line.value.at < since - DISORDER_MS
}

function isBehind(line: Line | undefined, until: number | undefined): boolean {
  return line !== undefined && until !== undefined && isEvent(line.value) && line.value.at > until + DISORDER_MS
}

export function rowOf({ position, value }: Line): Row | undefined {
  return isEvent(value) ? { position, event: value } : undefined
}

/** Ends early, and without an error, when it is aborted. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await setTimeout(ms, undefined, { signal })
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

export type Matcher = (event: AuditEvent) => boolean

export function matcherOf(filter: Filter): Matcher {
  const tool = filter.tool === undefined ? undefined : parsePattern(filter.tool)
  const tests: Matcher[] = []
  const { since, until, outcome, principal, method, denial, type, call } = filter
  if (since !== undefined) tests.push((event) => event.at >= since)
  if (until !== undefined) tests.push((event) => event.at < until)
  if (outcome !== undefined) tests.push((event) => event.outcome === outcome)
  if (principal !== undefined) tests.push((event) => event.principal !== undefined && isLike(principal, event.principal))
  if (method !== undefined) tests.push((event) => event.method === method)
  if (denial !== undefined) tests.push((event) => event.denial === denial)
  if (type !== undefined) tests.push((event) => event.type === type)
  if (call !== undefined) tests.push((event) => event.call === call)
  if (filter.tool !== undefined) {
    // A pattern that is none covers nothing.
    tests.push(({ resource }) => tool !== undefined && resource?.kind === 'tool' && isCovered(tool, resource.server, resource.name))
  }
  return (event) => tests.every((test) => test(event))
}
