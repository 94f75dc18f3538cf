/** What was far from usual in the last day, going on by itself, and one of them with its evidence. */
import { type Row as Found, queryEvents } from '../audit/query.ts'
import type { Anomaly, AnomalyKind } from '../core/anomaly.ts'
import type { AuditEvent } from '../core/event.ts'
import { howLarge, howLong, when } from '../core/time.ts'
import { type Html, html } from '../oauth/html.ts'
import type { Store } from '../store/store.ts'
import { EVENT_HEADER, eventRow } from './event-rows.ts'
import type { DashboardParts, Route } from './parts.ts'
import { show, showMessage } from './shell.ts'
import { factsOf, outside, type Row, type Tone, tableOf } from './tables.ts'
import type { Watch } from './watch.ts'

/** UUIDv7: its first 48 bits are when it was made, milliseconds since the epoch (RFC 9562 §5.7). */
const ONE = /^\/anomalies\/([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/
/** How far back one is found: as far as the day is counted (watch.ts). Lines before it are passed without being parsed. */
const FOUND_MAX = 2_000_000
/** What is looked through for its evidence; a second or two of reading. */
const LINES_MAX = 200_000
/** It is written down behind the event that made it one. */
const BEHIND_MS = 60_000

const HEADER = ['When', 'What', 'Severity', 'About', 'From', 'Seen', 'Done']
const NAMES: Readonly<Record<AnomalyKind, string>> = {
  credential_burst: 'burst of bad credentials',
  credential_spread: 'bad credentials, spread',
  first_use: 'first use of a tool',
  unusual_hour: 'unusual hour',
  unusual_volume: 'unusual volume',
  exfiltration: 'much data taken',
  denied_after_policy: 'denials after a policy change',
  many_networks: 'many networks',
}
const TONES: Readonly<Record<Anomaly['severity'], Tone>> = { low: 'soft', medium: 'warn', high: 'bad' }
const DONE: Readonly<Record<Anomaly['reaction'], string>> = {
  alert: 'told',
  step_up: 'stronger sign-in asked for',
  approval: 'approval asked for',
  block: 'blocked',
}

export function anomalyRoutes({ store, clock, reactions }: DashboardParts, watch: Watch): readonly Route[] {
  const list: Route['get'] = async (visit) => {
    const { unusual, since } = await watch.look()
    const counted = clock() - since
    const body = html`<h1>Anomalies</h1>
<p class="soft">What was far from usual in the last day. <a href="/events?type=anomaly.detected&amp;since=7d">The week before</a> is among the events; what is held against whom is at <a href="/blocks">Blocks</a>.</p>
${tableOf({ id: 'unusual', caption: 'Newest first', header: HEADER, rows: unusual.map(anomalyRow) })}
<p class="soft" id="none">${noneText(unusual, reactions)}</p>
${counted < 0 || since === 0 ? undefined : html`<p class="soft">Looked through so far: the last ${howLong(Math.max(counted, 1_000))}.</p>`}`
    show(visit, { title: 'Anomalies', body, live: '/live?view=anomalies' })
  }
  const one: Route['get'] = async (visit) => {
    const [, high = '', low = ''] = ONE.exec(visit.path) ?? []
    const found = await storyOf(store, visit.parts[1] ?? '', Number.parseInt(high + low, 16))
    if (found === undefined) return showMessage(visit, 'Not found', 'The journal has no such anomaly.', { status: 404, back: '/anomalies' })
    show(visit, { title: `Anomaly: ${NAMES[found.anomaly.kind]}`, body: pageOf(found) })
  }
  return [
    { path: /^\/anomalies$/, who: 'admin', get: list },
    { path: ONE, who: 'admin', get: one },
  ]
}

/** What has changed on the page. */
export async function anomalyNews({ reactions }: Pick<DashboardParts, 'reactions'>, watch: Watch): Promise<object> {
  const { unusual } = await watch.look()
  return { rows: { unusual: unusual.map(anomalyRow) }, texts: { none: noneText(unusual, reactions) } }
}

function noneText(unusual: readonly AuditEvent[], reactions: DashboardParts['reactions']): string {
  if (unusual.length > 0) return ''
  return reactions === undefined ? 'Nothing is looked for: anomalies.sensitivity is off.' : 'Nothing was far from usual.'
}

function anomalyRow(event: AuditEvent): Row {
  const { id, at, anomaly, address, detail } = event
  const kind = anomaly === undefined ? outside(event.type) : (NAMES[anomaly.kind] ?? outside(anomaly.kind))
  return [
    { text: when(at), tone: 'whole' },
    /^[\w-]{36}$/.test(id) ? { text: kind, href: `/anomalies/${id}` } : kind,
    { text: outside(anomaly?.severity), tone: TONES[anomaly?.severity ?? 'low'] ?? 'soft' },
    { text: outside(event.principal ?? anomaly?.subject), tone: 'name' },
    { text: outside(address), tone: 'whole' },
    outside(detail),
    { text: doneOf(anomaly), tone: anomaly?.reaction === 'alert' ? 'soft' : 'warn' },
  ]
}

function doneOf(anomaly: Anomaly | undefined): string {
  if (anomaly === undefined) return '–'
  return `${DONE[anomaly.reaction] ?? outside(anomaly.reaction)}${anomaly.until === undefined ? '' : ` until ${when(anomaly.until)}`}`
}

interface Story {
  readonly event: AuditEvent
  readonly anomaly: Anomaly
  readonly evidence: readonly AuditEvent[]
}

/** Its evidence was written before it. */
async function storyOf(store: Store, id: string, at: number): Promise<Story | undefined> {
  const until = at + BEHIND_MS
  let row: Found | undefined
  for await (const found of queryEvents(store, { since: at, until, type: 'anomaly.detected', maxLines: FOUND_MAX }))
    if (found.event.id === id) row = found
  if (row?.event.anomaly === undefined) return undefined
  const { anomaly } = row.event
  const wanted = new Set(anomaly.events)
  const evidence: AuditEvent[] = []
  // Backwards from it: what was counted last stands just before.
  const question = { since: at - anomaly.windowMs - BEHIND_MS, before: row.position, last: LINES_MAX, maxLines: LINES_MAX }
  for await (const { event } of queryEvents(store, question)) if (wanted.has(event.id)) evidence.push(event)
  return { event: row.event, anomaly, evidence: evidence.toReversed() }
}

function pageOf({ event: { at, principal, address, detail, resource }, anomaly, evidence }: Story): Html {
  const { kind, severity, subject, seen, limit, baseline, windowMs } = anomaly
  const count = (value: number): string => (kind === 'exfiltration' ? howLarge(Math.round(value)) : Math.round(value).toLocaleString('en'))
  return html`<h1>Anomaly: ${NAMES[kind] ?? outside(kind)}</h1>
<p class="${TONES[severity] ?? 'soft'}">${outside(detail)}</p>
${factsOf([
  ['When', when(at)],
  ['Severity', outside(severity)],
  ['About', outside(principal ?? subject)],
  ['From', outside(address)],
  ['Tool', resource === undefined ? undefined : outside(`${resource.server}/${resource.name}`)],
  ['Seen', `${count(seen)} in ${howLong(windowMs)}`],
  ['Told above', count(limit)],
  ['Usual', baseline === undefined ? undefined : count(baseline)],
  ['Done', doneOf(anomaly)],
])}
${principal === undefined ? undefined : html`<p><a href="/events?principal=${encodeURIComponent(principal)}">All that it did</a></p>`}
${tableOf({
  id: 'evidence',
  caption: 'Evidence: the newest of the events that were counted',
  header: EVENT_HEADER,
  rows: evidence.map(eventRow),
  empty: 'The events that were counted are not in the journal any more, or too far back to be looked for.',
})}`
}
