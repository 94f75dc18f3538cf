/** The pages of approvals: what waits, and one of them whole, with a yes and a no. */
import type { Approval, Word } from '../approval/record.ts'
import { visible, visibleJson } from '../approval/shown.ts'
import { Fault } from '../core/denial.ts'
import { sendPage } from '../oauth/forms.ts'
import { type Html, html } from '../oauth/html.ts'
import { csrfField, type Form, messagePage, pageOf } from '../oauth/pages.ts'
import type { DashboardParts, Route, Visit } from './parts.ts'

const GONE = 'There is no such approval: it was used, or its time is over.'

export function approvalRoutes({ approvals, lawOf, clock }: DashboardParts): readonly Route[] {
  const list = async (visit: Visit): Promise<void> => {
    sendPage(visit.response, 200, listPage(await approvals.list(), visit, clock()))
  }
  const show = async ({ response, parts: [, id = ''], formFor, id: browser = '' }: Visit): Promise<void> => {
    const approval = await approvals.get(id)
    if (approval === undefined) return sendPage(response, 404, messagePage('Not found', GONE))
    sendPage(response, 200, approvalPage(approval, formFor(browser), approval.law === lawOf()))
  }
  const settle = async ({ response, parts: [, id = ''], person }: Visit, form: URLSearchParams): Promise<void> => {
    const says = saidIn(form.get('action'))
    if (says === undefined) return sendPage(response, 400, messagePage('Not understood', 'Say yes or no.'))
    try {
      const { status } = await approvals.settle(id, says, { name: `local#${person.subject}`, subject: person.subject })
      sendPage(response, 200, messagePage(SETTLED[status].title, SETTLED[status].text))
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== 'FAULT_APPROVAL') throw error
      sendPage(response, 409, messagePage('Not settled', error.message))
    }
  }
  return [
    { path: /^\/approvals$/, get: list },
    { path: /^\/approvals\/[\w-]{1,64}$/, isHooked: true, get: show, post: settle },
  ]
}

export function saidIn(text: unknown): Word['says'] | undefined {
  return text === 'approve' || text === 'deny' ? text : undefined
}

const SETTLED: Readonly<Record<Approval['status'], { readonly title: string; readonly text: string }>> = {
  approved: { title: 'Approved', text: 'The call can be made once, as you have seen it. You can close this page.' },
  denied: { title: 'Denied', text: 'The call is not made. You can close this page.' },
  pending: { title: 'One yes', text: 'Somebody else must approve it too.' },
}

function listPage(all: readonly Approval[], { person, id: browser = '', formFor }: Visit, now: number): string {
  const rows = all.map(
    ({
      id,
      principal,
      resource,
      status,
      expiresAt,
    }) => html`<li><a href="/approvals/${id}">${nameOf(resource)}</a> for ${visible(principal)}
<span class="soft">${status}, ${Math.max(1, Math.ceil((expiresAt - now) / 60_000))} min left</span></li>`,
  )
  const signOut = formFor(browser, '/sign-out')
  return pageOf(
    'Approvals',
    html`<h1>Approvals</h1>
${rows.length === 0 ? html`<p>Nothing waits for anybody.</p>` : html`<ul>${rows}</ul>`}
<p class="soft">You are ${person.name}.</p>
<form method="post" action="${signOut.action}">${csrfField(signOut)}<button>Sign out</button></form>`,
    'wide',
  )
}

function approvalPage(approval: Approval, form: Form, isCurrent: boolean): string {
  const { principal, people, client, address, actors, method, resource, policies, definition, needs, words, status, createdAt, expiresAt } =
    approval
  const name = nameOf(resource)
  return pageOf(
    `Approve ${name}`,
    html`<h1>Let <strong>${visible(principal)}</strong> call <strong>${name}</strong>?</h1>
${isCurrent ? undefined : html`<p class="notice" role="alert">The policies have changed since this was asked: it can be used no more.</p>`}
<dl>
<dt>Who asks</dt><dd>${visible([principal, ...people.slice(1)].join(', of '))}</dd>
${address === undefined ? undefined : html`<dt>From</dt><dd>${address}</dd>`}
${client === undefined ? undefined : html`<dt>Application</dt><dd>${visible(client)}</dd>`}
${actors.length === 0 ? undefined : html`<dt>Acting</dt><dd>${visible(actors.join(', '))}</dd>`}
<dt>Server</dt><dd>${visible(resource.server)}</dd>
<dt>What</dt><dd>${method} <strong>${visible(resource.name)}</strong></dd>
${definition === '' ? undefined : html`<dt>Defined as</dt><dd><code>${definition}</code></dd>`}
<dt>Because of</dt><dd>${visible(policies.join(', '))}</dd>
<dt>Asked</dt><dd>${instant(createdAt)}</dd>
<dt>Until</dt><dd>${instant(expiresAt)}</dd>
<dt>State</dt><dd>${status}${needs > 1 ? ` (${words.length} of ${needs})` : ''}</dd>
${words.map(({ by, says, at }) => html`<dt>${says === 'approve' ? 'Yes' : 'No'}</dt><dd>${visible(by)}, ${instant(at)}</dd>`)}
</dl>
<h2>Arguments, whole</h2>
<p class="json">${linesOf(visibleJson(approval.arguments))}</p>
${status === 'pending' && isCurrent ? buttons(form) : undefined}
<p><a href="/approvals">All approvals</a></p>`,
    'wide',
  )
}

function buttons(form: Form): Html {
  return html`<form method="post" action="${form.action}">${csrfField(form)}
<button class="first" name="action" value="approve">Approve this call, once</button>
<button name="action" value="deny">Deny</button>
</form>`
}

/** A line break of ours is markup: whatever stands for one in a text has been made visible before. */
function linesOf(text: string): readonly Html[] {
  return text.split('\n').map((line) => html`${line}<br>`)
}

function nameOf({ server, name }: Approval['resource']): string {
  return `${server}/${visible(name)}`
}

function instant(at: number): string {
  return new Date(at)
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, ' UTC')
}
