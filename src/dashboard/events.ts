/** The page of events: the newest that fit, going on by themselves, and older ones behind a link. */
import { type Row as Found, queryEvents } from '../audit/query.ts'
import { html } from '../oauth/html.ts'
import { LOGS } from '../store/keys.ts'
import { EVENT_HEADER, eventRow } from './event-rows.ts'
import { askedIn } from './filters.ts'
import type { DashboardParts, Route } from './parts.ts'
import { show } from './shell.ts'
import { tableOf } from './tables.ts'

const ROWS = 100
/** What one page is looked for in: a second's reading. Older ones are behind the link. */
const LINES_MAX = 100_000
export const POSITION = /^\d{1,20}-\d{1,20}$/

export function eventRoutes({ store, clock }: DashboardParts): readonly Route[] {
  const get: Route['get'] = async (visit) => {
    const { filter, query, form } = askedIn(visit.query, clock())
    const said = visit.query.get('before') ?? ''
    const before = POSITION.test(said) ? said : undefined
    // First where the log ends: what comes in between is then told twice, not never.
    const end = (await store.read(LOGS.audit, { last: 1 }))[0]?.position ?? ''
    const found: Found[] = []
    const question = { ...filter, last: ROWS, maxLines: LINES_MAX, ...(before === undefined ? {} : { before }) }
    for await (const row of queryEvents(store, question)) found.push(row)
    const rows = found.toReversed().map(({ event }) => eventRow(event))
    const oldest = found.length < ROWS ? undefined : found[0]?.position
    const body = html`<h1>Events</h1>
${form}
${tableOf({ id: 'events', caption: before === undefined ? 'Newest first' : 'Older events, newest first', header: EVENT_HEADER, rows })}
${rows.length > 0 ? undefined : html`<p class="soft">Nothing fits among the newest ${LINES_MAX.toLocaleString('en')} events of that time.</p>`}
<p>${oldest === undefined ? undefined : html`<a href="/events?${String(query)}&before=${oldest}">Older</a>`} ${before === undefined ? undefined : html`<a href="/events?${String(query)}">Newest</a>`}</p>`
    const live = before === undefined ? { live: `/live?view=events&after=${end}&${String(query)}` } : {}
    show(visit, { title: 'Events', body, ...live })
  }
  return [{ path: /^\/events$/, who: 'admin', get }]
}
