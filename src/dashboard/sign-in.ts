/** Signing in and out. Who may neither approve nor administer has nothing to do here, and is not let in. */
import type { Entry } from '../core/event.ts'
import { sendAway } from '../oauth/forms.ts'
import { type Html, html } from '../oauth/html.ts'
import { csrfField } from '../oauth/pages.ts'
import type { DashboardParts, Route, Visit } from './parts.ts'
import { type Person, personOf, type Sessions } from './sessions.ts'
import { show as showPage } from './shell.ts'

/** Paths of ours that one may be sent on to: nothing that a browser could take for another host. */
const NEXT = /^\/$|^(\/[\w-]{1,64}){1,3}$/
const WRONG = 'This name and password do not belong together, or may not approve.'

export function signInRoutes(parts: DashboardParts, sessions: Sessions): readonly Route[] {
  const show = (visit: Visit, next: string, problem?: string, name = '', status = 200): void => {
    const id = visit.id ?? sessions.newId()
    visit.response.setHeader('set-cookie', sessions.cookieOf(id))
    showPage(visit, { title: 'Sign in', status, isNarrow: true, body: signInPage(visit.formFor(id), next, problem, name) })
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
    if (account === undefined || personOf(account, parts) === undefined) {
      await parts.tell(refusedEntry(address, account, account === undefined ? 'wrong name or password' : 'may not approve'))
      return show(visit, next, WRONG, typed, 401)
    }
    const id = sessions.newId()
    await sessions.open(id, account.subject)
    await parts.tell({ ...entryOf(address, account), type: 'oauth.signed_in', outcome: 'permitted', detail: 'at the admin pages' })
    visit.response.setHeader('set-cookie', sessions.cookieOf(id))
    sendAway(visit.response, next)
  }
  return [
    { path: /^\/sign-in$/, who: 'anybody', get: (visit) => show(visit, nextOf(visit.query.get('next'))), post },
    {
      path: /^\/sign-out$/,
      who: 'person',
      get: ({ response }) => sendAway(response, '/'),
      post: async ({ id, response }) => {
        if (id !== undefined) await sessions.end(id)
        sendAway(response, '/sign-in')
      },
    },
  ]
}

function nextOf(wanted: string | null): string {
  return wanted !== null && NEXT.test(wanted) ? wanted : '/'
}

function entryOf(
  address: string,
  account: Pick<Person, 'subject' | 'roles'> | undefined,
): Pick<Entry, 'transport' | 'address' | 'principal' | 'kind' | 'roles'> {
  return {
    transport: 'http',
    ...(address === '' ? {} : { address }),
    ...(account === undefined ? {} : { principal: `local#${account.subject}`, kind: 'user', roles: account.roles }),
  }
}

function refusedEntry(address: string, account: Pick<Person, 'subject' | 'roles'> | undefined, why: string): Entry {
  const denial = account === undefined ? 'invalid_token' : 'forbidden'
  return { ...entryOf(address, account), type: 'oauth.sign_in_refused', outcome: 'denied', denial, detail: `at the admin pages: ${why}` }
}

function signInPage(form: ReturnType<Visit['formFor']>, next: string, problem: string | undefined, name: string): Html {
  return html`<h1>Sign in</h1>
<p>to see what agents do, and to say what they may</p>
${problem === undefined ? undefined : html`<p class="notice" role="alert">${problem}</p>`}
<form method="post" action="${form.action}">${csrfField(form)}<input type="hidden" name="next" value="${next}">
<label for="name">Name</label>
<input id="name" name="name" value="${name}" autocomplete="username" autocapitalize="none" spellcheck="false" required maxlength="64">
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required maxlength="256">
<button class="first">Sign in</button>
</form>
<p class="soft">No account yet? The operator of this gateway makes one: <code>portcullis users add NAME --role admin</code></p>`
}
