/** What charts are drawn from: the numbers of the bars, in columns. Drawn in the browser (plots.js); where nothing is drawn there is the table. */
import { type Html, html } from '../oauth/html.ts'
import type { Bar } from './tally.ts'

export type Plot = 'calls' | 'times'

/** Seconds since the epoch, then a column for each series, in the order in which plots.js draws them. Null where there is no value. */
export type Columns = readonly (readonly (number | null)[])[]

/** Of a time: what can be read off a chart. */
const DIGITS = 3

export function columnsOf(bars: readonly Bar[]): Readonly<Record<Plot, Columns>> {
  const at = bars.map((bar) => bar.at / 1_000)
  return {
    calls: [at, bars.map(({ calls }) => calls), bars.map(({ refused }) => refused)],
    times: [at, bars.map(({ p95Ms }) => rounded(p95Ms)), bars.map(({ medianMs }) => rounded(medianMs))],
  }
}

/** Moved through by its arrows; what is pointed at is said below it. */
export function plotOf(plot: Plot, label: string, columns: Columns): Html {
  return html`<div class="plot" data-plot="${plot}" data-columns="${JSON.stringify(columns)}" role="img" tabindex="0" aria-label="${label}"></div>
<p class="readout soft" role="status"></p>`
}

function rounded(value: number | undefined): number | null {
  return value === undefined ? null : Number(value.toPrecision(DIGITS))
}
