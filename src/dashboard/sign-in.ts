/** Signing in and out. Who may not approve has nothing to do here, and is not let in. */
import type { Entry } from '../core/event.ts'
import { sendAway, sendPage } from '../oauth/forms.ts'
import { html } from '../oauth/html.ts'
import { csrfField, pageOf } from '../oauth/pages.ts'
import type { DashboardParts, Route, Visit } from './parts.ts'
import type { Person, Sessions } from './sessions.ts'

/** Pages of ours that one may be sent on to. */
const NEXT = /^\/approvals(\/[\w-]{1,64})?$/
const WRONG = 'This name and password do not belong together, or may not approve.'

export function signInRoutes(parts: DashboardParts, sessions: Sessions): readonly Route[] {
  const show = (visit: Visit, next: string, problem?: string, name = '', status = 200): void => {
    const id = visit.id ?? sessions.newId()
    visit.response.setHeader('set-cookie', sessions.cookieOf(id))
    sendPage(visit.response, status, signInPage(visit.formFor(id), next, problem, name))
  }
  const post = async (visit: Visit, form: URLSearchParams): Promise<void> => {
    const next = nextOf(form.get('next'))
    const typed = form.get('name') ?? ''
    const address = parts.addressOf(visit.request) ?? ''
    const waitMs = await parts.attempts.wait({ address, name: typed.trim().toLowerCase() })
    if (waitMs > 0) {
      await parts.tell(refusedEntry(address, undefined, 'too many attempts'))
      return show(visit, next, `Too many attempts. Try again in ${Math.ceil(waitMs / 1_000)} seconds.`, typed, 429)
    }
    const account = await parts.accounts.signIn(typed.trim().toLowerCase(), form.get('password') ?? '')
    if (account === undefined || !parts.isApprover(account.roles)) {
      await parts.tell(refusedEntry(address, account, account === undefined ? 'wrong name or password' : 'may not approve'))
      return show(visit, next, WRONG, typed, 401)
    }
    const id = sessions.newId()
    await sessions.open(id, account)
    await parts.tell({ ...entryOf(address, account), type: 'oauth.signed_in', outcome: 'permitted', detail: 'at the admin pages' })
    visit.response.setHeader('set-cookie', sessions.cookieOf(id))
    sendAway(visit.response, next)
  }
  return [
    { path: /^\/sign-in$/, isOpen: true, get: (visit) => show(visit, nextOf(visit.query.get('next'))), post },
    {
      path: /^\/sign-out$/,
      get: ({ response }) => sendAway(response, '/approvals'),
      post: async ({ id, response }) => {
        if (id !== undefined) await sessions.end(id)
        sendAway(response, '/sign-in')
      },
    },
  ]
}

function nextOf(wanted: string | null): string {
  return wanted !== null && NEXT.test(wanted) ? wanted : '/approvals'
}

function entryOf(address: string, account: Person | undefined): Pick<Entry, 'transport' | 'address' | 'principal' | 'kind' | 'roles'> {
  return {
    transport: 'http',
    ...(address === '' ? {} : { address }),
    ...(account === undefined ? {} : { principal: `local#${account.subject}`, kind: 'user', roles: account.roles }),
  }
}

function refusedEntry(address: string, account: Person | undefined, why: string): Entry {
  const denial = account === undefined ? 'invalid_token' : 'forbidden'
  return { ...entryOf(address, account), type: 'oauth.sign_in_refused', outcome: 'denied', denial, detail: `at the admin pages: ${why}` }
}

function signInPage(form: ReturnType<Visit['formFor']>, next: string, problem: string | undefined, name: string): string {
  return pageOf(
    'Sign in',
    html`<h1>Sign in</h1>
<p>to approve what agents want to do</p>
${problem === undefined ? undefined : html`<p class="notice" role="alert">${problem}</p>`}
<form method="post" action="${form.action}">${csrfField(form)}<input type="hidden" name="next" value="${next}">
<label for="name">Name</label>
<input id="name" name="name" value="${name}" autocomplete="username" autocapitalize="none" spellcheck="false" required maxlength="64">
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required maxlength="256">
<button class="first">Sign in</button>
</form>
<p class="soft">No account yet? The operator of this gateway makes one: <code>portcullis users add NAME --role admin</code></p>`,
  )
}
