/** The window: pages for the people who run an installation, on a listener of their own. Each signs in; nothing here takes a credential of an agent's. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Denial, Fault } from '../core/denial.ts'
import { csrfToken, isForm, isOurForm, readBody, sendAway, sendPage, TooLarge } from '../oauth/forms.ts'
import { type Form, messagePage } from '../oauth/pages.ts'
import { approvalRoutes } from './approvals.ts'
import type { DashboardParts, Route, Visit } from './parts.ts'
import { type Person, Sessions } from './sessions.ts'
import { signInRoutes } from './sign-in.ts'
import { createHook } from './webhook.ts'

/** A form of ours: a name, a password, a yes or no. */
const FORM_MAX_BYTES = 8 * 1024
const EXPIRED = 'This page has expired, or belongs to another browser. Open it again.'

export interface Dashboard {
  /** Answers a request whose host is known to be ours. */
  handle(request: IncomingMessage, response: ServerResponse): void
}

export function createDashboard(parts: DashboardParts): Dashboard {
  const sessions = new Sessions(parts)
  const hook = createHook(parts)
  const routes: readonly Route[] = [
    { path: /^\/$/, isOpen: true, get: ({ response }) => sendAway(response, '/approvals') },
    ...signInRoutes(parts, sessions),
    ...approvalRoutes(parts),
  ]
  return {
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
  if (url === null || route === undefined) return sendPage(response, 404, messagePage('Not found', 'There is nothing here.'))
  if (request.method === 'POST' && route.isHooked === true && !isForm(request)) return hook(request, response, path)
  const id = sessions.idOf(request)
  const person = id === undefined ? undefined : await sessions.find(id)
  if (person === undefined && route.isOpen !== true) return sendAway(response, `/sign-in?next=${encodeURIComponent(path)}`)
  const visit = { request, response, path, query: url.searchParams, parts: path.split('/').slice(1), person: person ?? NOBODY, id }
  const formFor = (of: string, action = path): Form => ({ action, csrf: csrfToken(parts.pagesKey, `${of} ${action}`) })
  if (request.method === 'GET' && route.get !== undefined) return route.get({ ...visit, formFor })
  if (request.method !== 'POST' || route.post === undefined)
    return sendPage(response, 405, messagePage('Not allowed', 'This page is opened, or its form is sent.'))
  if (!isForm(request)) return sendPage(response, 415, messagePage('Not understood', 'This is not a form.'))
  const form = new URLSearchParams((await readBody(request, FORM_MAX_BYTES)).toString('utf8'))
  if (id === undefined || isForeign(request) || !isOurForm(request, form, parts.pagesKey, `${id} ${path}`))
    return sendPage(response, 403, messagePage('Start again', EXPIRED))
  return route.post({ ...visit, formFor } satisfies Visit, form)
}

/** A page of another origin says so; one of ours is told to say nothing. */
function isForeign({ headers: { origin, host } }: IncomingMessage): boolean {
  return origin !== undefined && origin !== 'null' && URL.parse(origin)?.host !== host
}

const NOBODY: Person = { subject: '', name: '', roles: [] }

/** What went wrong is for the operator; a person is told whether to come back. */
function fail(response: ServerResponse, error: unknown, onFault: DashboardParts['onFault']): void {
  const denial = Denial.from(error)
  const isBusy = denial.code === 'rate_limited'
  if (!isBusy && !(error instanceof TooLarge))
    onFault(error instanceof Fault ? error : new Fault('FAULT_ADMIN', denial.detail, { cause: error }))
  if (response.headersSent) response.destroy()
  else if (error instanceof TooLarge) sendPage(response, 413, messagePage('Too large', 'That was too much.'))
  else sendPage(response, isBusy ? 429 : 503, messagePage('Not now', 'Try again in a moment.'))
}
