/** The first page: what is called, what is refused, how long it takes, by whom, on what, from where. */
import { howLong } from '../core/time.ts'
import { type Html, html } from '../oauth/html.ts'
import { columnsOf, plotOf } from './chart.ts'
import { EVENT_HEADER, eventRow, milliseconds } from './event-rows.ts'
import type { DashboardParts, Route } from './parts.ts'
import { show } from './shell.ts'
import { number, outside, type Row, tableOf } from './tables.ts'
import { type Bar, DAY_MS, HOUR_MS, type Kind, type Named, type View } from './tally.ts'
import type { Watch } from './watch.ts'

const TOP = 8
const WINDOWS = {
  hour: { ms: HOUR_MS, barMinutes: 1, name: 'The last hour' },
  day: { ms: DAY_MS, barMinutes: 15, name: 'The last day' },
} as const
type WindowName = keyof typeof WINDOWS

/** By which filter a name leads on to its events. */
const TOPS: Readonly<Record<Kind, { readonly caption: string; readonly header: string; readonly filter?: string }>> = {
  principals: { caption: 'Who calls', header: 'Principal', filter: 'principal' },
  tools: { caption: 'What is called', header: 'Tool', filter: 'tool' },
  addresses: { caption: 'From where', header: 'Address' },
  reasons: { caption: 'Why calls are refused', header: 'Reason', filter: 'denial' },
}
const KINDS = ['principals', 'tools', 'addresses', 'reasons'] as const

export function overviewRoutes({ clock, approvals }: DashboardParts, watch: Watch): readonly Route[] {
  const get: Route['get'] = async (visit) => {
    const window = windowIn(visit.query)
    const { tally, refused, unusual, since } = await watch.look()
    const now = clock()
    const view = viewOf(tally, window, now)
    const waiting = (await approvals.list()).filter(({ status }) => status === 'pending').length
    const body = html`<h1>Overview</h1>
<p class="tabs">${(['hour', 'day'] as const).map(
      (name) => html`<a href="/?window=${name}"${name === window ? html` aria-current="true"` : undefined}>${WINDOWS[name].name}</a>`,
    )}</p>
${waiting === 0 || !visit.person.isApprover ? undefined : html`<p class="notice"><a href="/approvals">${waiting === 1 ? 'One call waits' : `${waiting} calls wait`} for a yes</a></p>`}
<p class="unusual"><a href="/anomalies" id="unusual">${unusualText(unusual.length)}</a><a href="/reports">Report</a></p>
${figures(view)}
<p class="soft" id="since">${sinceText(since, view.at, now)}</p>
${charts(view)}
${tableOf({ id: 'lately', caption: 'Refused lately', header: EVENT_HEADER, rows: refused.map(eventRow) })}
<div class="pair">${KINDS.map((kind) => topOf(kind, view.top[kind]))}</div>`
    show(visit, { title: 'Overview', body, hasPlots: true, live: `/live?view=overview&window=${window}` })
  }
  return [{ path: /^\/$/, who: 'admin', get }]
}

/** The same page, as what has changed in it. */
export async function overviewNews(query: URLSearchParams, watch: Watch, now: number): Promise<object> {
  const { tally, refused, unusual, since } = await watch.look()
  const view = viewOf(tally, windowIn(query), now)
  const rows = Object.fromEntries(KINDS.map((kind) => [kind, view.top[kind].map((named) => topRow(kind, named))]))
  const texts = { ...figureTexts(view), since: sinceText(since, view.at, now), unusual: unusualText(unusual.length) }
  return { texts, rows: { ...rows, lately: refused.map(eventRow), 'bars-calls': view.bars.map(barRow) }, columns: columnsOf(view.bars) }
}

function windowIn(query: URLSearchParams): WindowName {
  return query.get('window') === 'day' ? 'day' : 'hour'
}

function viewOf(tally: { over(ms: number, bar: number, now: number, top: number): View }, window: WindowName, now: number): View {
  const { ms, barMinutes } = WINDOWS[window]
  return tally.over(ms, barMinutes, now, TOP)
}

function figureTexts(view: View): Readonly<Record<string, string>> {
  const share =
    view.calls === 0 ? '' : `\u00a0(${((100 * view.refused) / view.calls).toFixed(view.refused * 10 > view.calls ? 0 : 1)}\u00a0%)`
  return {
    'figure-calls': view.calls.toLocaleString('en'),
    'figure-refused': `${view.refused.toLocaleString('en')}${view.refused === 0 ? '' : share}`,
    'figure-failed': view.failed.toLocaleString('en'),
    'figure-median': milliseconds(view.medianMs),
    'figure-p95': milliseconds(view.p95Ms),
  }
}

const FIGURES = [
  ['figure-calls', 'calls'],
  ['figure-refused', 'refused'],
  ['figure-failed', 'failed at their server'],
  ['figure-median', 'half of them took less'],
  ['figure-p95', '95 % of them took less'],
] as const

function unusualText(count: number): string {
  if (count === 0) return 'Nothing was far from usual in the last day'
  return `${count === 1 ? 'One thing was' : `${count.toLocaleString('en')} things were`} far from usual in the last day`
}

function figures(view: View): Html {
  const texts = figureTexts(view)
  return html`<dl class="figures">${FIGURES.map(([id, name]) => html`<div><dt>${name}</dt><dd id="${id}">${texts[id]}</dd></div>`)}</dl>`
}

function sinceText(since: number, from: number, now: number): string {
  return since <= from ? 'Times are UTC.' : `Times are UTC. Counted so far: the last ${howLong(Math.max(now - since, 1_000))}.`
}

function charts({ bars }: View): Html {
  const { calls, times } = columnsOf(bars)
  const table = tableOf({
    id: 'bars-calls',
    caption: 'Calls over time',
    header: ['From', 'Calls', 'Refused', 'Median', '95 %'],
    rows: bars.map(barRow),
  })
  return html`<div class="pair">
<figure><figcaption>Calls <span class="key calls">all</span> <span class="key refused">refused</span></figcaption>
${plotOf('calls', 'Calls over time, and those refused. Arrow keys move through it; the table below has the numbers.', calls)}</figure>
<figure><figcaption>Time of a call <span class="key p95">95 % took less</span> <span class="key median">half took less</span></figcaption>
${plotOf('times', 'Times of calls. Arrow keys move through it; the table below has the numbers.', times)}</figure></div>
<details><summary>Both as a table</summary>${table}</details>`
}

function barRow({ at, calls, refused, medianMs, p95Ms }: Bar): Row {
  return [
    clockTime(at),
    number(calls),
    number(refused),
    { text: milliseconds(medianMs), tone: 'number' },
    { text: milliseconds(p95Ms), tone: 'number' },
  ]
}

function clockTime(at: number): string {
  return new Date(at).toISOString().slice(11, 16)
}

function topOf(kind: Kind, named: readonly Named[]): Html {
  const { caption, header } = TOPS[kind]
  return tableOf({ id: kind, caption, header: [header, 'Calls', 'Refused'], rows: named.map((one) => topRow(kind, one)) })
}

function topRow(kind: Kind, { name, calls, refused }: Named): Row {
  const { filter } = TOPS[kind]
  const text = outside(name)
  const link = filter === undefined || text !== name ? text : { text, href: `/events?${filter}=${encodeURIComponent(name)}` }
  return [link, number(calls), refused === 0 ? number(0) : { text: refused.toLocaleString('en'), tone: 'number' }]
}
