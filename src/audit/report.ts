/** What happened in a stretch of time, counted: what was tried, by whom, from where, against what. The first thing that an operator reads. */
import type { AuditEvent, Outcome } from '../core/event.ts'
import { redactions } from '../core/finding.ts'
import { visible } from '../core/visible.ts'
import type { Store } from '../store/store.ts'
import { type Answered, type Span, scanEvents } from './scan.ts'
import { Tally, type Top } from './tally.ts'

/** So many of each: what fits on a screen. */
const TOP = 10

export interface Report extends Span {
  /** Calls that ended, by how. */
  readonly calls: Readonly<Record<Outcome, number>>
  /** What servers answered, in bytes, and to whom most of it went. */
  readonly answered: Answers
  readonly sections: Readonly<Record<SectionName, Section>>
}

export interface Answers {
  readonly bytes: number
  /** Counts are bytes. */
  readonly by: Readonly<Record<'principal' | 'tool', readonly Top[]>>
  /** By how much any of these counts may be too low. */
  readonly missed: number
}

export interface Section {
  readonly count: number
  /** Milliseconds since the epoch; absent when there was none. */
  readonly firstAt?: number
  readonly lastAt?: number
  /** The most frequent of each kind, at most ten; empty where nothing is known of it. */
  readonly by: Readonly<Record<Dimension, readonly Top[]>>
  /** By how much any of these counts may be too low: above 0 only where a flood of names did not fit. */
  readonly missed: number
}

/** What an event is counted by. A key is a principal, and stands under both. */
const DIMENSIONS = {
  why: ({ denial, type, outcome }) => denial ?? (type === 'call.ended' ? outcome : type),
  principal: ({ principal }) => principal,
  key: ({ principal }) => (principal?.startsWith('key#') === true ? principal.slice(4) : undefined),
  address: ({ address }) => address,
  tool: ({ resource }: Pick<AuditEvent, 'resource'>) => (resource?.kind === 'tool' ? `${resource.server}/${resource.name}` : undefined),
  server: ({ resource }) => resource?.server,
} as const satisfies Readonly<Record<string, (event: AuditEvent) => string | undefined>>
export type Dimension = keyof typeof DIMENSIONS

const CREDENTIALS = ['unauthenticated', 'invalid_token', 'ambiguous_credentials', 'oauth.sign_in_refused', 'oauth.refused', 'token.reused']
const RIGHTS = ['forbidden', 'not_found', 'insufficient_scope', 'step_up_required']
const LIMITS = ['rate_limited', 'too_large', 'slow_request', 'limits.degraded', 'limits.restored']
/** Not that a tool was pinned: that is how every one begins. */
const DRIFT = ['drifted', 'withheld', 'approved', 'rejected'].map((what) => `definition.${what}`)
const FAILURES = ['upstream_failed', 'login_failed', 'timeout', 'unavailable']

/**
 * The sections, in the order in which they are asked: an event is counted in the first that takes it, so no refusal is counted twice and none
 * is left out. Words are denials, types of events, or the beginnings of these. What was taken out of an answer is no refusal: it counts as kept
 * from leaving whatever else became of its call.
 */
export const SECTIONS = {
  authentication: { title: 'Failed authentication', of: CREDENTIALS },
  approvals: { title: 'Approvals', of: ['approval_required', 'approval.*'] },
  permissions: { title: 'Denied permissions', of: [...RIGHTS, 'would_deny'] },
  limits: { title: 'Limits hit', of: LIMITS },
  blocks: { title: 'Blocked addresses', of: ['address.*'] },
  unusual: { title: 'Unusual access', of: ['anomaly.detected'] },
  drift: { title: 'Definitions that changed or are flawed', of: [...DRIFT, 'tool.flawed', 'unusable_tool'] },
  leaving: { title: 'Data kept from leaving', of: ['content_blocked'] },
  failures: { title: 'Failed calls', of: [...FAILURES, 'failed'] },
  requests: { title: 'Other refused requests', of: ['denied'] },
} as const satisfies Readonly<Record<string, { readonly title: string; readonly of: readonly string[] }>>
export type SectionName = keyof typeof SECTIONS

const SECTION_NAMES = Object.keys(SECTIONS) as readonly SectionName[] // its own literal
const DIMENSION_NAMES = Object.keys(DIMENSIONS) as readonly Dimension[] // its own literal

/** One pass over the span; memory does not grow with it. @throws Fault `FAULT_STORE` */
export async function reportOf(store: Store, span: Span): Promise<Report> {
  const counts = new Map(SECTION_NAMES.map((name) => [name, new Counts()]))
  const calls: Record<Outcome, number> = { permitted: 0, would_deny: 0, denied: 0, failed: 0, cancelled: 0 }
  const answers = new AnswerCounts()
  await scanEvents(store, span, {
    permitted: (answered) => {
      calls.permitted++
      answers.add(answered)
    },
    event: (event) => {
      answers.add(event)
      if (event.type === 'call.ended' && event.outcome !== undefined) calls[event.outcome]++
      const section = sectionOf(event)
      if (section !== undefined) counts.get(section)?.add(event)
      const redacted = section === 'leaving' ? undefined : redactions(event.findings)
      if (redacted !== undefined && redacted.size > 0) counts.get('leaving')?.add(event, redacted)
    },
  })
  const sections = Object.fromEntries([...counts].map(([name, count]) => [name, count.section()]))
  return { ...span, calls, answered: answers.answers(), sections: sections as Report['sections'] } // every name of the table is there
}

const SECTION_OF: ReadonlyMap<string, SectionName> = new Map(SECTION_NAMES.flatMap((name) => SECTIONS[name].of.map((word) => [word, name])))

function sectionOf({ type, denial, outcome }: AuditEvent): SectionName | undefined {
  // A session that the server has lost is its failure; one that is not the caller's is not.
  if (denial !== undefined) return SECTION_OF.get(denial) ?? (outcome === 'failed' ? 'failures' : 'requests')
  if (type === 'call.ended') return outcome === undefined ? undefined : SECTION_OF.get(outcome)
  return SECTION_OF.get(type) ?? SECTION_OF.get(`${type.slice(0, type.indexOf('.'))}.*`)
}

class AnswerCounts {
  readonly #principals = new Tally()
  readonly #tools = new Tally()
  #bytes = 0

  add(answered: Answered): void {
    const { bytes = 0, principal } = answered
    if (bytes <= 0) return
    this.#bytes += bytes
    if (principal !== undefined) this.#principals.add(principal, bytes)
    const tool = DIMENSIONS.tool(answered)
    if (tool !== undefined) this.#tools.add(tool, bytes)
  }

  answers(): Answers {
    const by = { principal: this.#principals.top(TOP), tool: this.#tools.top(TOP) }
    return { bytes: this.#bytes, by, missed: Math.max(this.#principals.missed, this.#tools.missed) }
  }
}

class Counts {
  readonly #by = new Map(DIMENSION_NAMES.map((name) => [name, new Tally()]))
  #count = 0
  #firstAt = Number.POSITIVE_INFINITY
  #lastAt = 0

  /** @param redacted what was taken out by label, where that is why */
  add(event: AuditEvent, redacted?: ReadonlyMap<string, number>): void {
    this.#count++
    this.#firstAt = Math.min(this.#firstAt, event.at)
    this.#lastAt = Math.max(this.#lastAt, event.at)
    for (const [label, count] of redacted ?? []) this.#by.get('why')?.add(`redacted: ${label}`, count)
    for (const [name, tally] of this.#by) {
      const found = name === 'why' && redacted !== undefined ? undefined : DIMENSIONS[name](event)
      if (found !== undefined) tally.add(found)
    }
  }

  section(): Section {
    const by = Object.fromEntries([...this.#by].map(([name, tally]) => [name, tally.top(TOP)])) as Section['by'] // every dimension is there
    const missed = Math.max(...[...this.#by.values()].map((tally) => tally.missed))
    const times = this.#count === 0 ? {} : { firstAt: this.#firstAt, lastAt: this.#lastAt }
    return { count: this.#count, ...times, by, missed }
  }
}

/** For people, and for whoever keeps reports beside text: Markdown, in which names from outside are code and nothing else. */
export function reportText({ since, until, calls, answered, sections }: Report): string {
  const lines = ['# Security report', '', `${instant(since)} to ${instant(until)}`, '']
  lines.push('| calls | permitted | would be denied | denied | failed | cancelled |', '|---:|---:|---:|---:|---:|---:|')
  const all = Object.values(calls).reduce((sum, count) => sum + count, 0)
  lines.push(`| ${[all, calls.permitted, calls.would_deny, calls.denied, calls.failed, calls.cancelled].join(' | ')} |`)
  lines.push('', `## Data that left: ${answered.bytes} bytes`, '')
  for (const dimension of ['principal', 'tool'] as const) {
    const tops = answered.by[dimension].map(({ name, count }) => `${code(name)} ${count}`)
    if (tops.length > 0) lines.push(`- by ${dimension}: ${tops.join(', ')}`)
  }
  for (const name of SECTION_NAMES) {
    const { count, firstAt, lastAt, by, missed } = sections[name]
    lines.push('', `## ${SECTIONS[name].title}: ${count}`)
    if (firstAt === undefined || lastAt === undefined) continue
    lines.push('', `First ${instant(firstAt)}, last ${instant(lastAt)}.`)
    if (missed > 0) lines.push(`There were more names than are counted: a count may be too low by ${missed}.`)
    lines.push('')
    for (const dimension of DIMENSION_NAMES) {
      if (by[dimension].length > 0)
        lines.push(`- by ${dimension}: ${by[dimension].map((top) => `${code(top.name)} ${top.count}`).join(', ')}`)
    }
  }
  return `${lines.join('\n')}\n`
}

function instant(at: number): string {
  return new Date(at).toISOString()
}

/** A code span that its text cannot end (CommonMark §6.1); longer names are cut, control characters shown. */
function code(name: string): string {
  const shown = name.length <= NAME_CHARS ? name : `${name.slice(0, NAME_CHARS)}…`
  const plain = visible(shown)
  const longest = Math.max(0, ...[...plain.matchAll(/`+/g)].map(([run]) => run.length))
  const fence = '`'.repeat(longest + 1)
  const space = longest > 0 ? ' ' : ''
  return `${fence}${space}${plain}${space}${fence}`
}

/** Of a name in a report; the journal has all of it. */
const NAME_CHARS = 120
