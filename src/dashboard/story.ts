/** A call's whole story: who, what, which policies, what was found, and every event of it in the order in which it was written. */

import { queryEvents } from '../audit/query.ts'
import type { AuditEvent } from '../core/event.ts'
import { howLarge, when } from '../core/time.ts'
import { visible } from '../core/visible.ts'
import { type Html, html } from '../oauth/html.ts'
import type { Engine } from '../policy/engine.ts'
import type { Store } from '../store/store.ts'
import { milliseconds, onWhat } from './event-rows.ts'
import type { DashboardParts, Route } from './parts.ts'
import { show, showMessage } from './shell.ts'
import { factsOf, linesOf, outside, tableOf } from './tables.ts'

/** UUIDv7: its first 48 bits are when it was made, milliseconds since the epoch (RFC 9562 §5.7). */
const CALL = /^\/calls\/([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/
/** A call, and the people who may still be asked about it. */
const TOLD_MS = 24 * 60 * 60_000
/** What is looked through, in each direction; a second or two of reading. */
const LINES_MAX = 200_000
/** Events of other calls' approvals that are kept until it is known which is this call's. */
const ASIDE_MAX = 10_000
/** With these an approval is over. */
const OVER: ReadonlySet<string> = new Set([
  'approval.denied',
  'approval.expired',
  'approval.executed',
  'approval.failed',
  'approval.unknown',
])

export function storyRoutes({ store, law }: DashboardParts): readonly Route[] {
  const get: Route['get'] = async (visit) => {
    const [, high = '', low = ''] = CALL.exec(visit.path) ?? []
    const id = visit.parts[1] ?? ''
    const events = await storyOf(store, id, Number.parseInt(high + low, 16))
    const main = events.findLast(({ type, call }) => type === 'call.ended' && call === id) ?? events.find(({ call }) => call === id)
    if (main === undefined) return showMessage(visit, 'Not found', 'The journal has no such call.', { status: 404, back: '/events' })
    show(visit, { title: `Call of ${outside(onWhat(main))}`, body: storyPage(main, events, law) })
  }
  return [{ path: CALL, who: 'admin', get }]
}

async function storyOf(store: Store, id: string, at: number): Promise<readonly AuditEvent[]> {
  const own: AuditEvent[] = []
  const aside: AuditEvent[] = []
  let approval: string | undefined
  let isEnded = false
  for await (const { event } of queryEvents(store, { since: at, until: at + TOLD_MS, maxLines: LINES_MAX })) {
    if (event.call === id) {
      own.push(event)
      approval ??= event.approval
      isEnded ||= event.type === 'call.ended'
    } else if (event.type.startsWith('approval.') && aside.length < ASIDE_MAX) aside.push(event)
    const isOver = approval === undefined || (event.approval === approval && OVER.has(event.type))
    if (isEnded && isOver) break
  }
  const related = aside.filter((event) => approval !== undefined && event.approval === approval)
  // An id sorts by when it was made.
  return [...own, ...related].sort((left, right) => left.at - right.at || (left.id < right.id ? -1 : 1))
}

function storyPage(main: AuditEvent, events: readonly AuditEvent[], law: Engine): Html {
  const { policies = [], findings = [] } = main
  const isCurrent = main.law === undefined || main.law === law.revision
  return html`<h1>${outside(main.principal)} · ${outside(onWhat(main))}</h1>
<p class="${main.outcome === 'denied' ? 'bad' : 'soft'}">${outside(main.outcome ?? 'under way')}${main.denial === undefined ? '' : `: ${outside(main.denial)}`}${main.detail === undefined ? '' : `, ${outside(main.detail)}`}</p>
<div class="pair"><section><h2>Who</h2>${whoOf(main)}</section><section><h2>What</h2>${whatOf(main)}</section></div>
<h2>Policies</h2>
${policies.length === 0 ? html`<p class="soft">None decided it: nothing permits it, or it never came before the law.</p>` : undefined}
${isCurrent ? undefined : html`<p class="notice">Another law was in force then; the texts of its policies are not kept.</p>`}
${policies.map((id) => policyOf(id, isCurrent ? law : undefined))}
${askAgain(main)}
${
  findings.length === 0
    ? undefined
    : html`<h2>Findings</h2>${tableOf({
        id: 'findings',
        caption: 'What was seen in it',
        header: ['Label', 'Detector', 'Where', 'Expected'],
        rows: findings.map(({ label, detector, pointer, rule, isRedacted }) => [
          outside(isRedacted === true ? `${label}, redacted` : label),
          outside(detector),
          outside(pointer || 'the whole'),
          outside(rule),
        ]),
      })}`
}
<h2>What happened</h2>
<ol class="steps">${events.map(stepOf)}</ol>
<p><a href="/events">All events</a></p>`
}

function whoOf({ principal, kind, roles, client, tenant, address, agent, transport, revision, era }: AuditEvent): Html {
  return factsOf([
    ['Principal', outside(principal)],
    ['Kind', kind],
    ['Roles', roles === undefined ? undefined : outside(roles.join(' '))],
    ['Application', client === undefined ? undefined : outside(client)],
    ['Tenant', tenant === undefined ? undefined : outside(tenant)],
    ['From', outside(address)],
    ['Agent', agent === undefined ? undefined : outside(agent)],
    ['Over', outside([transport, era, revision].filter((word) => word !== undefined).join(', '))],
  ])
}

function whatOf({ method, action, resource, arguments: shapes, argumentsHash, tookMs, bytes, trace, approval, call }: AuditEvent): Html {
  const named = Object.entries(shapes ?? {}).map(([name, shape]) => `${visible(name)}: ${visible(shape)}`)
  return factsOf([
    ['Method', outside(method)],
    ['Action', action],
    ['Server', outside(resource?.server)],
    ['Name', outside(resource?.name)],
    ['Arguments', named.length === 0 ? 'none' : html`${named.map((text) => html`<code>${text}</code> `)}`],
    ['Their digest', argumentsHash === undefined ? undefined : html`<code>${outside(argumentsHash)}</code>`],
    ['Took', milliseconds(tookMs)],
    ['Answered', bytes === undefined ? undefined : howLarge(bytes)],
    ['Approval', approval === undefined ? undefined : html`<code>${outside(approval)}</code>`],
    ['Trace', trace === undefined ? undefined : html`<code>${outside(trace)}</code>`],
    ['Call', html`<code>${outside(call)}</code>`],
  ])
}

function policyOf(id: string, law: Engine | undefined): Html {
  const policy = law?.policy(id)
  if (policy === undefined) return html`<p><code>${outside(id)}</code></p>`
  return html`<details><summary><code>${outside(id)}</code> ${policy.place === id ? undefined : outside(policy.place)}</summary><p class="text">${linesOf(policy.text)}</p></details>`
}

/** The same question for the playground; who it was can be asked as only when it was a key. */
function askAgain({ principal, resource }: AuditEvent): Html | undefined {
  if (resource === undefined || resource.kind === 'server' || resource.kind === 'task') return undefined
  const query = new URLSearchParams({ kind: resource.kind, server: resource.server, name: resource.name })
  if (principal?.startsWith('key#') === true) query.set('as', `key:${principal.slice(4)}`)
  return html`<p><a href="/playground?${String(query)}">Ask the law again</a></p>`
}

function stepOf(event: AuditEvent): Html {
  const { type, at, by, detail, denial, outcome, node, seq } = event
  return html`<li><h3>${outside(type)}${outcome === undefined ? '' : `: ${outside(outcome)}`}</h3>
<p class="soft">${when(at)}, event ${seq} of ${outside(node)}${by === undefined ? '' : `, by ${outside(by)}`}</p>
${denial === undefined && detail === undefined ? undefined : html`<p>${outside([denial, detail].filter((word) => word !== undefined).join(': '))}</p>`}
<details><summary>As it stands in the journal</summary><p class="text">${linesOf(JSON.stringify(event, null, 2))}</p></details></li>`
}
