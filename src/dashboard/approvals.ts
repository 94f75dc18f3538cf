/** The pages of approvals: what waits, and one of them whole, with a yes and a no. */
import type { Approval, Word } from '../approval/record.ts'
import { visibleJson } from '../approval/shown.ts'
import { Fault } from '../core/denial.ts'
import { when } from '../core/time.ts'
import { visible } from '../core/visible.ts'
import { type Html, html } from '../oauth/html.ts'
import { csrfField, type Form } from '../oauth/pages.ts'
import type { DashboardParts, Route, Visit } from './parts.ts'
import { showMessage, show as showPage } from './shell.ts'
import { aliasesOf } from './sign-in.ts'
import { factsOf, linesOf, tableOf } from './tables.ts'

const GONE = 'There is no such approval: it was used, or its time is over.'

const BACK = { back: '/approvals' }

export function approvalRoutes({ approvals, law, clock }: DashboardParts): readonly Route[] {
  const list = async (visit: Visit): Promise<void> => {
    showPage(visit, { title: 'Approvals', body: listPage(await approvals.list(), clock()) })
  }
  const show = async (visit: Visit): Promise<void> => {
    const {
      parts: [, id = ''],
      formFor,
      id: browser = '',
    } = visit
    const approval = await approvals.get(id)
    if (approval === undefined) return showMessage(visit, 'Not found', GONE, { status: 404, ...BACK })
    const body = approvalPage(approval, formFor(browser), approval.law === law.revision)
    showPage(visit, { title: `Approve ${nameOf(approval.resource)}`, body })
  }
  const settle = async (visit: Visit, form: URLSearchParams): Promise<void> => {
    const {
      parts: [, id = ''],
      person,
    } = visit
    const says = saidIn(form.get('action'))
    if (says === undefined) return showMessage(visit, 'Not understood', 'Say yes or no.', { status: 400, ...BACK })
    try {
      const { status } = await approvals.settle(id, says, {
        name: `local#${person.subject}`,
        subject: person.subject,
        aliases: aliasesOf(person.subject),
      })
      showMessage(visit, SETTLED[status].title, SETTLED[status].text, BACK)
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== 'FAULT_APPROVAL') throw error
      showMessage(visit, 'Not settled', error.message, { status: 409, ...BACK })
    }
  }
  return [
    { path: /^\/approvals$/, who: 'approver', get: list },
    { path: /^\/approvals\/[\w-]{1,64}$/, who: 'approver', isHooked: true, get: show, post: settle },
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

function listPage(all: readonly Approval[], now: number): Html {
  const rows = all.map(({ id, principal, resource, status, createdAt, expiresAt }) => [
    { text: nameOf(resource), href: `/approvals/${id}` },
    visible(principal),
    { text: status, tone: status === 'pending' ? ('warn' as const) : ('soft' as const) },
    { text: when(createdAt), tone: 'whole' as const },
    `${Math.max(1, Math.ceil((expiresAt - now) / 60_000))} min`,
  ])
  const header = ['Call', 'Who asks', 'State', 'Asked', 'Left']
  const table = tableOf({ id: 'approvals', caption: 'Calls that need a yes', header, rows, empty: 'Nothing waits for anybody.' })
  return html`<h1>Approvals</h1><p class="soft">Each is good for one call, exactly as it is shown.</p>${table}`
}

function approvalPage(approval: Approval, form: Form, isCurrent: boolean): Html {
  const { principal, people, client, address, actors, method, resource, policies, definition, needs, words, status } = approval
  return html`<h1>Let <strong>${visible(principal)}</strong> call <strong>${nameOf(resource)}</strong>?</h1>
${isCurrent ? undefined : html`<p class="notice" role="alert">The policies have changed since this was asked: it can be used no more.</p>`}
${factsOf([
  ['Who asks', visible([principal, ...people.slice(1)].join(', of '))],
  ['From', address],
  ['Application', client === undefined ? undefined : visible(client)],
  ['Acting', actors.length === 0 ? undefined : visible(actors.join(', '))],
  ['Server', visible(resource.server)],
  ['What', html`${method} <strong>${visible(resource.name)}</strong>`],
  ['Defined as', definition === '' ? undefined : html`<code>${definition}</code>`],
  ['Because of', visible(policies.join(', '))],
  ['Asked', when(approval.createdAt)],
  ['Until', when(approval.expiresAt)],
  ['State', `${status}${needs > 1 ? ` (${words.length} of ${needs})` : ''}`],
  ...words.map(({ by, says, at }) => [says === 'approve' ? 'Yes' : 'No', `${visible(by)}, ${when(at)}`] as const),
])}
<h2>Arguments, whole</h2>
<p class="text json">${linesOf(visibleJson(approval.arguments))}</p>
${approval.besides === undefined ? undefined : html`<h2>Beside the arguments, whole</h2><p class="text json">${linesOf(visibleJson(approval.besides))}</p>`}
${status === 'pending' && isCurrent ? buttons(form) : undefined}
<p><a href="/approvals">All approvals</a></p>`
}

function buttons(form: Form): Html {
  return html`<form method="post" action="${form.action}">${csrfField(form)}
<button class="first" name="action" value="approve">Approve this call, once</button>
<button name="action" value="deny">Deny</button>
</form>`
}

function nameOf({ server, name }: Approval['resource']): string {
  return `${server}/${visible(name)}`
}
