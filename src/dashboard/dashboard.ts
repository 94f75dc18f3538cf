/** The window: pages for the people who run an installation, on a listener of their own. Each signs in; nothing here takes a credential of an agent's. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Denial, Fault } from '../core/denial.ts'
import { csrfToken, isForm, isOurForm, readBody, sendAway, TooLarge } from '../oauth/forms.ts'
import type { Form } from '../oauth/pages.ts'
import { anomalyRoutes } from './anomalies.ts'
import { approvalRoutes } from './approvals.ts'
import { assetRoutes } from './assets.ts'
import { blockRoutes } from './blocks.ts'
import { catalogRoutes } from './catalog.ts'
import { clientRoutes } from './clients.ts'
import { eventRoutes } from './events.ts'
import { journalRoutes } from './journal.ts'
import { keyRoutes } from './keys.ts'
import { liveRoutes } from './live.ts'
import { overviewRoutes } from './overview.ts'
import type { DashboardParts, Route, Visit } from './parts.ts'
import { playgroundRoutes } from './playground.ts'
import { reportRoutes } from './reports.ts'
import { type Person, Sessions } from './sessions.ts'
import { sendData, sendMessage, showMessage } from './shell.ts'
import { signInRoutes } from './sign-in.ts'
import { storyRoutes } from './story.ts'
import { userRoutes } from './users.ts'
import { Watch } from './watch.ts'
import { createHook } from './webhook.ts'

/** A form of ours: a name, a password, a yes or no. */
const FORM_MAX_BYTES = 8 * 1024
const EXPIRED = 'This page has expired, or belongs to another browser. Open it again.'

export interface Dashboard {
  /** Answers a request whose host is known to be ours. */
  handle(request: IncomingMessage, response: ServerResponse): void
  /** Ends what goes on by itself: live pages, counting, a verification. */
  close(): void
}

export function createDashboard(parts: DashboardParts): Dashboard {
  const sessions = new Sessions(parts)
  const hook = createHook(parts)
  const stop = new AbortController()
  const watch = new Watch(parts, stop.signal)
  const routes: readonly Route[] = [
    ...assetRoutes(),
    ...signInRoutes(parts, sessions),
    ...overviewRoutes(parts, watch),
    ...eventRoutes(parts),
    ...anomalyRoutes(parts, watch),
    ...reportRoutes(parts),
    ...storyRoutes(parts),
    ...liveRoutes(parts, sessions, watch, stop.signal),
    ...approvalRoutes(parts),
    ...keyRoutes(parts),
    ...userRoutes(parts),
    ...clientRoutes(parts),
    ...blockRoutes(parts),
    ...catalogRoutes(parts),
    ...playgroundRoutes(parts),
    ...journalRoutes(parts, stop.signal),
  ]
  return {
    close: () => stop.abort(),
    handle: (request, response) => {
      answer(request, response, { parts, sessions, routes, hook }).catch((error: unknown) => fail(response, error, parts.onFault))
    },
  }
}

interface Rooms {
  readonly parts: DashboardParts
  readonly sessions: Sessions
  readonly routes: readonly Route[]
  readonly hook: ReturnType<typeof createHook>
}

async function answer(request: IncomingMessage, response: ServerResponse, { parts, sessions, routes, hook }: Rooms): Promise<void> {
  const url = URL.parse(request.url ?? '', 'http://admin.invalid')
  const path = url?.pathname ?? ''
  const route = routes.find((one) => one.path.test(path))
  if (url === null || route === undefined) return sendMessage(response, 404, 'Not found', 'There is nothing here.')
  if (request.method === 'POST' && route.isHooked === true && !isForm(request)) return hook(request, response, path)
  const id = sessions.idOf(request)
  const person = id === undefined ? undefined : await sessions.find(id)
  if (person === undefined && route.isApi === true) return sendData(response, 401, { error: 'sign in first' })
  if (person === undefined && route.who !== 'anybody') return sendAway(response, `/sign-in?next=${encodeURIComponent(path)}`)
  const formFor = (of: string, action = path): Form => ({ action, csrf: csrfToken(parts.pagesKey, `${of} ${action}`) })
  const visit: Visit = {
    request,
    response,
    path,
    query: url.searchParams,
    parts: path.split('/').slice(1),
    person: person ?? NOBODY,
    id,
    formFor,
  }
  if (!isFor(route.who, visit.person)) return turnAway(visit, route)
  if (request.method === 'GET' && route.get !== undefined) return route.get(visit)
  if (request.method !== 'POST' || route.post === undefined)
    return showMessage(visit, 'Not allowed', 'This page is opened, or its form is sent.', { status: 405 })
  if (!isForm(request)) return showMessage(visit, 'Not understood', 'This is not a form.', { status: 415 })
  const form = new URLSearchParams((await readBody(request, FORM_MAX_BYTES)).toString('utf8'))
  if (id === undefined || isForeign(request) || !isOurForm(request, form, parts.pagesKey, `${id} ${path}`))
    return showMessage(visit, 'Start again', EXPIRED, { status: 403 })
  return route.post(visit, form)
}

function isFor(who: Route['who'], { isAdmin, isApprover }: Person): boolean {
  if (who === 'admin') return isAdmin
  return who !== 'approver' || isApprover
}

/** Who may only approve comes in where approvals are. */
function turnAway(visit: Visit, { isApi }: Route): void {
  if (isApi === true) sendData(visit.response, 403, { error: 'your roles do not open this' })
  else if (visit.path === '/' && visit.request.method === 'GET') sendAway(visit.response, '/approvals')
  else showMessage(visit, 'Not for you', 'Your roles do not open this page.', { status: 403 })
}

/** A page of another origin says so; one of ours is told to say nothing. */
function isForeign({ headers: { origin, host } }: IncomingMessage): boolean {
  return origin !== undefined && origin !== 'null' && URL.parse(origin)?.host !== host
}

const NOBODY: Person = { subject: '', name: '', roles: [], isApprover: false, isAdmin: false }

/** What went wrong is for the operator; a person is told whether to come back. */
function fail(response: ServerResponse, error: unknown, onFault: DashboardParts['onFault']): void {
  const denial = Denial.from(error)
  const isBusy = denial.code === 'rate_limited'
  if (!isBusy && !(error instanceof TooLarge))
    onFault(error instanceof Fault ? error : new Fault('FAULT_ADMIN', denial.detail, { cause: error }))
  if (response.headersSent) response.destroy()
  else if (error instanceof TooLarge) sendMessage(response, 413, 'Too large', 'That was too much.')
  else sendMessage(response, isBusy ? 429 : 503, 'Not now', 'Try again in a moment.')
}
