/** Tables: the same cells as markup when a page is made, and as JSON when it goes on living. */
import { visible } from '../core/visible.ts'
import { type Html, html } from '../oauth/html.ts'

/** `whole` is never broken, `name` where it has to be. */
export type Tone = 'good' | 'bad' | 'warn' | 'soft' | 'number' | 'whole' | 'name'

/** What stands in one place. Everything from outside has been made visible before. */
export type Cell = string | { readonly text: string; readonly href?: string; readonly tone?: Tone }
export type Row = readonly Cell[]

export interface Table {
  /** Of its body, by which live rows find it. */
  readonly id: string
  readonly caption: string
  readonly header: readonly string[]
  readonly rows: readonly Row[]
  /** What is said where there is no row. */
  readonly empty?: string
}

/** Scrolls sideways where it is too wide, by keyboard too. */
export function tableOf({ id, caption, header, rows, empty }: Table): Html {
  if (rows.length === 0 && empty !== undefined) return html`<p class="soft">${empty}</p>`
  const first = rows[0] ?? []
  const heads = header.map((text, at) => html`<th scope="col"${isPlaced(first[at]) ? toneOf(first[at] ?? '') : undefined}>${text}</th>`)
  return html`<div class="scroll" role="region" aria-label="${caption}" tabindex="0"><table><caption>${caption}</caption>
<thead><tr>${heads}</tr></thead>
<tbody id="${id}">${rows.map((row) => html`<tr>${row.map(cellOf)}</tr>`)}</tbody></table></div>`
}

/** Where a column stands is also where its head stands; how it looks is not. */
function isPlaced(cell: Cell | undefined): boolean {
  return typeof cell === 'object' && (cell.tone === 'number' || cell.tone === 'whole')
}

function cellOf(cell: Cell): Html {
  if (typeof cell === 'string') return html`<td>${cell}</td>`
  const { text, href } = cell
  return html`<td${toneOf(cell)}>${href === undefined ? text : html`<a href="${href}">${text}</a>`}</td>`
}

function toneOf(cell: Cell): Html | undefined {
  return typeof cell === 'string' || cell.tone === undefined ? undefined : html` class="${cell.tone}"`
}

export function number(value: number): Cell {
  return { text: value.toLocaleString('en'), tone: 'number' }
}

/** A text from outside, or a dash. */
export function outside(text: string | undefined): string {
  return text === undefined || text === '' ? '–' : visible(text)
}

/** Names and values in two columns; what is undefined is left out. */
export function factsOf(facts: readonly (readonly [name: string, value: Html | string | undefined])[]): Html {
  return html`<dl class="facts">${facts.map(([name, value]) =>
    value === undefined ? html`` : html`<dt>${name}</dt><dd>${value}</dd>`,
  )}</dl>`
}

/** A text of several lines. A line break is markup: what stands for one within a JSON text was escaped there. */
export function linesOf(text: string): readonly Html[] {
  return text.split('\n').map((line) => html`${visible(line)}<br>`)
}
