/** Signing in and out. Who may neither approve nor administer has nothing to do here, and is not let in. */
import type { Entry } from '../core/event.ts'
import type { Account } from '../oauth/accounts.ts'
import { sendAway } from '../oauth/forms.ts'
import { type Html, html } from '../oauth/html.ts'
import { csrfField } from '../oauth/pages.ts'
import type { DashboardParts, Route, Visit } from './parts.ts'
import { type Person, personOf, type Sessions } from './sessions.ts'
import { show as showPage } from './shell.ts'

/** Paths of ours that one may be sent on to: nothing that a browser could take for another host. */
const NEXT = /^\/$|^(\/[\w-]{1,64}){1,3}$/
/** How long the word of another provider counts: then it is asked again, because what it takes back nobody tells us. */
const FOREIGN_MS = 60 * 60_000
/** In front of its name, so that nobody who signs in at the authorization server under the same name is the same. No name has a colon. */
const FOREIGN = 'admin:'
const WRONG = 'This name and password do not belong together, or may not approve.'

export function signInRoutes(parts: DashboardParts, sessions: Sessions): readonly Route[] {
  const show = (visit: Visit, next: string, problem?: string, name = '', status = 200): void => {
    const id = visit.id ?? sessions.newId()
    visit.response.setHeader('set-cookie', sessions.cookieOf(id))
    showPage(visit, {
      title: 'Sign in',
      status,
      isNarrow: true,
      body: signInPage(visit.formFor(id, '/sign-in'), { next, problem, name, providers: parts.signIns?.names() ?? [] }),
    })
  }
  const enter = async ({ request, response }: Visit, account: Account, detail: string, next: string, ended?: string): Promise<void> => {
    const id = sessions.newId()
    await sessions.open(id, account.subject)
    await parts.tell({ ...entryOf(parts.addressOf(request) ?? '', account), type: 'oauth.signed_in', outcome: 'permitted', detail })
    response.setHeader('set-cookie', [sessions.cookieOf(id), ...(ended === undefined ? [] : [ended])])
    sendAway(response, next)
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
    return enter(visit, account, 'at the admin pages', next)
  }
  const leave = async (visit: Visit): Promise<void> => {
    const next = nextOf(visit.query.get('next'))
    const waitMs = await parts.attempts.wait({ authorization: parts.addressOf(visit.request) ?? '' })
    const destination = waitMs > 0 ? undefined : await parts.signIns?.leave(Number(visit.parts[2]), next)
    if (destination === undefined) return show(visit, next, 'This way to sign in does not answer. Try again, or another one.', '', 502)
    visit.response.setHeader('set-cookie', destination.cookie)
    sendAway(visit.response, destination.url)
  }
  const arrive = async (visit: Visit): Promise<void> => {
    const address = parts.addressOf(visit.request) ?? ''
    const arrival = await parts.signIns?.arrive(visit.request)
    if (arrival?.user === undefined) {
      await parts.tell(refusedEntry(address, undefined, 'came back from another provider without its word'))
      return show(visit, '/', 'You were not signed in there. Try again.', '', 401)
    }
    const user = { ...arrival.user, provider: `${FOREIGN}${arrival.provider}` }
    const account = await parts.accounts.welcome(user, parts.clock() + FOREIGN_MS)
    if (personOf(account, parts) === undefined) {
      await parts.tell(refusedEntry(address, account, 'may not approve'))
      return show(visit, '/', `${arrival.provider} knows you, but gives you no role here.`, '', 403)
    }
    return enter(visit, account, `at the admin pages, by ${arrival.provider}`, nextOf(arrival.uid), arrival.cookie)
  }
  const elsewhere: readonly Route[] = [
    { path: /^\/sign-in\/with\/\d{1,2}$/, who: 'anybody', get: leave },
    { path: /^\/sign-in\/back$/, who: 'anybody', get: arrive },
  ]
  return [
    ...(parts.signIns === undefined ? [] : elsewhere),
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

/** What somebody who signed in elsewhere is called by the authorization server, and by a provider whose tokens are taken. */
export function aliasesOf(subject: string): readonly string[] {
  if (!subject.startsWith(FOREIGN)) return []
  const name = subject.slice(FOREIGN.length)
  return [name, name.slice(name.indexOf('|') + 1)]
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

interface Asked {
  readonly next: string
  readonly problem: string | undefined
  readonly name: string
  readonly providers: readonly string[]
}

function signInPage(form: ReturnType<Visit['formFor']>, { next, problem, name, providers }: Asked): Html {
  const ways = providers.map(
    (provider, index) =>
      html`<a class="button" href="/sign-in/with/${index}?next=${encodeURIComponent(next)}">Sign in with ${provider}</a>`,
  )
  return html`<h1>Sign in</h1>
<p>to see what agents do, and to say what they may</p>
${problem === undefined ? undefined : html`<p class="notice" role="alert">${problem}</p>`}
${ways.length === 0 ? undefined : html`<p>${ways}</p><p class="soft">or with an account of this gateway:</p>`}
<form method="post" action="${form.action}">${csrfField(form)}<input type="hidden" name="next" value="${next}">
<label for="name">Name</label>
<input id="name" name="name" value="${name}" autocomplete="username" autocapitalize="none" spellcheck="false" required maxlength="64">
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required maxlength="256">
<button class="first">Sign in</button>
</form>
<p class="soft">No account yet? The operator of this gateway makes one: <code>portcullis users add NAME --role admin</code></p>`
}
