/** Reports: what was tried in a stretch of time, as a page for people, and as JSON and Markdown for whoever keeps them. */
import { type Report, reportOf, reportText, SECTIONS } from '../audit/report.ts'
import type { Top } from '../audit/tally.ts'
import { howLarge, parseSpan, when } from '../core/time.ts'
import { visible } from '../core/visible.ts'
import { type Html, html } from '../oauth/html.ts'
import type { DashboardParts, Route } from './parts.ts'
import { sendData, show } from './shell.ts'
import { number, outside, type Row, tableOf } from './tables.ts'

const SPANS = ['1h', '24h', '7d'] as const
const NAMES = { '1h': 'The last hour', '24h': 'The last day', '7d': 'The last week' } as const
const SPAN = '24h'
const SPAN_MAX_MS = 31 * 24 * 3_600_000
/** A week of a busy gateway is some seconds' reading: who asks again so soon gets the same. */
const KEPT_MS = 10_000
/** Of a dimension on the page; the JSON has ten. */
const SHOWN = 5

export function reportRoutes({ store, clock }: DashboardParts): readonly Route[] {
  const kept = new Map<number, { readonly at: number; readonly report: Promise<Report> }>()
  const reportFor = (ms: number): Promise<Report> => {
    const now = clock()
    for (const [span, { at }] of kept) if (now - at >= KEPT_MS) kept.delete(span)
    const known = kept.get(ms)
    if (known !== undefined) return known.report
    const report = reportOf(store, { since: now - ms, until: now + 1 })
    kept.set(ms, { at: now, report })
    report.catch(() => kept.delete(ms))
    return report
  }
  const page: Route['get'] = async (visit) => {
    const span = SPANS.find((one) => one === visit.query.get('since')) ?? SPAN
    const report = await reportFor(parseSpan(span) ?? 0)
    show(visit, { title: 'Report', body: pageOf(report, span) })
  }
  const data: Route['get'] = async ({ query, request, response }) => {
    const ms = parseSpan(query.get('since') ?? SPAN)
    const format = query.get('format') ?? (request.headers.accept?.includes('text/markdown') === true ? 'markdown' : 'json')
    if (ms === undefined || ms === 0 || ms > SPAN_MAX_MS)
      return sendData(response, 400, { error: 'since: expected a span of at most 31d, such as 24h' })
    if (format !== 'json' && format !== 'markdown') return sendData(response, 400, { error: 'format: expected json or markdown' })
    const report = await reportFor(ms)
    if (format === 'json') return sendData(response, 200, report)
    sendData(response, 200, reportText(report).split('\n').map(visible).join('\n'))
  }
  return [
    { path: /^\/reports$/, who: 'admin', get: page },
    { path: /^\/api\/report$/, who: 'admin', isApi: true, get: data },
  ]
}

function pageOf(report: Report, span: (typeof SPANS)[number]): Html {
  const { since, until, calls, answered } = report
  const outcomes = Object.entries(calls).map(
    ([outcome, count]) => html`<div><dt>${outcome.replace('_', ' ')}</dt><dd>${count.toLocaleString('en')}</dd></div>`,
  )
  const names = Object.keys(SECTIONS) as readonly (keyof typeof SECTIONS)[] // its own literal
  const found = names.filter((name) => report.sections[name].count > 0)
  const quiet = names.filter((name) => report.sections[name].count === 0)
  return html`<h1>Report</h1>
<p class="tabs">${SPANS.map((one) => html`<a href="/reports?since=${one}"${one === span ? html` aria-current="true"` : undefined}>${NAMES[one]}</a>`)}</p>
<p class="soft">${when(since)} to ${when(until)}, UTC. To keep it: <a href="/api/report?since=${span}&amp;format=markdown">Markdown</a>, <a href="/api/report?since=${span}">JSON</a>.</p>
<dl class="figures">${outcomes}<div><dt>left in answers</dt><dd>${howLarge(answered.bytes)}</dd></div></dl>
${answered.bytes === 0 ? undefined : answersOf(report)}
<div class="pair">${found.map((name) => sectionOf(name, report))}</div>
${quiet.length === 0 ? undefined : html`<h2>Nothing of</h2><p class="soft">${quiet.map((name) => SECTIONS[name].title.toLowerCase()).join(', ')}</p>`}`
}

function answersOf({ answered: { by } }: Report): Html {
  const rows = (tops: readonly Top[]): readonly Row[] =>
    tops.map(({ name, count }) => [outside(name), { text: howLarge(count), tone: 'number' }])
  return html`<h2>Data that left</h2><div class="pair">
${tableOf({ id: 'left-principals', caption: 'To whom', header: ['Principal', 'In answers'], rows: rows(by.principal), empty: 'To nobody who is known.' })}
${tableOf({ id: 'left-tools', caption: 'By which tools', header: ['Tool', 'In answers'], rows: rows(by.tool), empty: 'By none of the tools.' })}</div>`
}

function sectionOf(name: keyof typeof SECTIONS, report: Report): Html {
  const { count, firstAt = 0, lastAt = 0, by, missed } = report.sections[name]
  const dimensions = Object.entries(by).filter(([, tops]) => tops.length > 0)
  const rows = dimensions.flatMap(([dimension, tops]) =>
    tops.slice(0, SHOWN).map((top, at): Row => [at === 0 ? dimension : '', outside(top.name), number(top.count)]),
  )
  return html`<section><h2>${SECTIONS[name].title}: ${count.toLocaleString('en')}</h2>
<p class="soft">First ${when(firstAt)}, last ${when(lastAt)}.${missed === 0 ? '' : ` There were more names than are counted: a count may be too low by ${missed}.`}</p>
${tableOf({ id: `by-${name}`, caption: 'Most frequent', header: ['By', 'Name', 'Count'], rows })}</section>`
}
