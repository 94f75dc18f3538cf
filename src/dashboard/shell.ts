/** The frame of every page: where one is, who one is, what else there is; and how a page is sent. */
import type { ServerResponse } from 'node:http'
import { pageHeaders } from '../oauth/forms.ts'
import { type Html, html } from '../oauth/html.ts'
import { csrfField } from '../oauth/pages.ts'
import { assetUrl } from './assets.ts'
import type { Visit } from './parts.ts'

/** Scripts and styles are files of ours; a text never becomes markup, in a script either (Trusted Types). */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

/** The library first: what is deferred runs in order. */
const PLOTS = html`<link rel="stylesheet" href="${assetUrl('uplot.css')}"><script defer src="${assetUrl('uplot.js')}"></script>
<script type="module" src="${assetUrl('plots.js')}"></script>`

interface Place {
  readonly path: string
  readonly name: string
  readonly who: 'approver' | 'admin'
}

const PLACES: readonly Place[] = [
  { path: '/', name: 'Overview', who: 'admin' },
  { path: '/events', name: 'Events', who: 'admin' },
  { path: '/anomalies', name: 'Anomalies', who: 'admin' },
  { path: '/reports', name: 'Reports', who: 'admin' },
  { path: '/approvals', name: 'Approvals', who: 'approver' },
  { path: '/keys', name: 'Keys', who: 'admin' },
  { path: '/users', name: 'Users', who: 'admin' },
  { path: '/clients', name: 'Clients', who: 'admin' },
  { path: '/blocks', name: 'Blocks', who: 'admin' },
  { path: '/catalog', name: 'Catalog', who: 'admin' },
  { path: '/playground', name: 'Playground', who: 'admin' },
  { path: '/journal', name: 'Journal', who: 'admin' },
]

export interface Page {
  readonly title: string
  readonly body: Html
  readonly status?: number
  /** Where the page hears what is new. */
  readonly live?: string
  readonly isNarrow?: boolean
  /** Whether it has charts. */
  readonly hasPlots?: boolean
}

export function show(visit: Pick<Visit, 'response' | 'path' | 'person' | 'id' | 'formFor'>, page: Page): void {
  send(visit.response, page, visit.person.subject === '' ? undefined : headOf(visit))
}

/** What there is to say in two lines, and the way back. */
export function showMessage(visit: Visit, title: string, text: string, { status = 200, back = '/' } = {}): void {
  const way = visit.person.subject === '' ? undefined : html`<p><a href="${back}">Back</a></p>`
  show(visit, { title, status, isNarrow: true, body: html`<h1>${title}</h1><p>${text}</p>${way}` })
}

/** The same where nobody is known yet. */
export function sendMessage(response: ServerResponse, status: number, title: string, text: string): void {
  send(response, { title, status, isNarrow: true, body: html`<h1>${title}</h1><p>${text}</p>` }, undefined)
}

function send(response: ServerResponse, { title, body, status = 200, live, isNarrow, hasPlots }: Page, head: Html | undefined): void {
  const page = html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${title}</title>
<link rel="icon" href="${assetUrl('icon.svg')}"><link rel="stylesheet" href="${assetUrl('page.css')}">
${hasPlots === true ? PLOTS : undefined}${live === undefined ? undefined : html`<script type="module" src="${assetUrl('live.js')}"></script>`}</head>
<body>${head === undefined ? undefined : html`<a class="skip" href="#main">Skip to the page</a>${head}`}
<main id="main" tabindex="-1" class="${isNarrow === true ? 'narrow' : 'wide'}"${live === undefined ? undefined : html` data-live="${live}"`}>${body}</main></body>
</html>
`.toString()
  response.writeHead(status, { ...pageHeaders(), 'content-security-policy': POLICY, 'content-length': Buffer.byteLength(page) }).end(page)
}

/** For programs: an object as JSON, a text as Markdown. */
export function sendData(response: ServerResponse, status: number, said: object | string): void {
  const isText = typeof said === 'string'
  const body = isText ? said : `${JSON.stringify(said)}\n`
  const type = isText ? 'text/markdown' : 'application/json'
  const headers = { ...pageHeaders(), 'content-type': `${type}; charset=utf-8`, 'content-security-policy': "default-src 'none'; sandbox" }
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body)
}

function headOf({ path, person, id = '', formFor }: Pick<Visit, 'path' | 'person' | 'id' | 'formFor'>): Html {
  const out = formFor(id, '/sign-out')
  const places = PLACES.filter(({ who }) => (who === 'admin' ? person.isAdmin : person.isApprover))
  const links = places.map(
    (place) =>
      html`<li><a href="${place.path}"${isAt(place.path, path) ? html` aria-current="${place.path === path ? 'page' : 'true'}"` : undefined}>${place.name}</a></li>`,
  )
  return html`<header class="top"><a class="brand" href="/"><img src="${assetUrl('icon.svg')}" alt="" width="22" height="22">Portcullis</a>
<form method="post" action="${out.action}">${csrfField(out)}<span class="soft">${person.name}</span><button>Sign out</button></form>
<nav aria-label="Pages"><ul>${links}</ul></nav></header>`
}

/** A call's story belongs to the events. */
function isAt(place: string, path: string): boolean {
  if (place === '/events' && path.startsWith('/calls/')) return true
  return place === path || (place !== '/' && path.startsWith(`${place}/`))
}
