/** What is asked of the events: fields of a form, parameters of an address. */
import type { Filter } from '../audit/query.ts'
import type { Outcome } from '../core/event.ts'
import { parseSpan } from '../core/time.ts'
import { type Html, html } from '../oauth/html.ts'

const OUTCOMES: readonly Outcome[] = ['permitted', 'would_deny', 'denied', 'failed', 'cancelled']
const SPANS = ['15m', '1h', '24h', '7d', '30d'] as const
const SPAN = '24h'
const TEXT_MAX_CHARS = 200

const TEXTS = [
  ['principal', 'Who', 'key#*'],
  ['tool', 'Tool', 'files/*'],
  ['type', 'Type', 'call.ended'],
  ['denial', 'Refused because', 'forbidden'],
] as const

export interface Asked {
  readonly filter: Filter
  /** What was asked, as parameters: for links, and for the page that goes on living. */
  readonly query: URLSearchParams
  readonly form: Html
}

export function askedIn(said: URLSearchParams, now: number): Asked {
  const outcome = OUTCOMES.find((one) => one === said.get('outcome'))
  const span = SPANS.find((one) => one === said.get('since')) ?? SPAN
  const query = new URLSearchParams({ since: span })
  if (outcome !== undefined) query.set('outcome', outcome)
  const texts: { -readonly [Name in (typeof TEXTS)[number][0]]?: string } = {}
  for (const [name] of TEXTS) {
    const text = (said.get(name) ?? '').trim().slice(0, TEXT_MAX_CHARS)
    if (text === '') continue
    texts[name] = text
    query.set(name, text)
  }
  const filter = { since: now - (parseSpan(span) ?? 0), ...texts, ...(outcome === undefined ? {} : { outcome }) }
  return { filter, query, form: formOf(query) }
}

function formOf(query: URLSearchParams): Html {
  const options = (names: readonly string[], chosen: string | null): readonly Html[] =>
    names.map((name) => html`<option${name === chosen ? html` selected` : undefined}>${name}</option>`)
  return html`<form method="get" action="/events" class="filters">
<div><label for="outcome">Outcome</label><select id="outcome" name="outcome"><option value="">any</option>${options(OUTCOMES, query.get('outcome'))}</select></div>
${TEXTS.map(
  ([name, label, hint]) =>
    html`<div><label for="${name}">${label}</label><input id="${name}" name="${name}" value="${query.get(name) ?? ''}" placeholder="${hint}" maxlength="${TEXT_MAX_CHARS}" autocomplete="off" spellcheck="false"></div>`,
)}
<div><label for="since">Since</label><select id="since" name="since">${options(SPANS, query.get('since'))}</select></div>
<div><button>Filter</button></div>
</form>`
}
