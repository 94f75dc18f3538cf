/** Sign-in and consent: what a person is asked, and what becomes of the answer. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Client, errors, type Provider } from 'oidc-provider'
import type { Entry } from '../core/event.ts'
import type { Account, Accounts } from './accounts.ts'
import type { Attempts } from './attempts.ts'
import { isNative, type Terms, termsOf } from './clients.ts'
import { csrfToken, isForm, isOurForm, readBody, sendAway, sendPage } from './forms.ts'
import type { AuthorizationServerOptions } from './options.ts'
import { type Asked, consentPage, loginPage, messagePage, redirectSource, type ShownClient } from './pages.ts'
import { inWords, scopesFor } from './scopes.ts'
import type { SignIns } from './sign-in.ts'

type Details = Awaited<ReturnType<Provider['interactionDetails']>>

/** A form of ours: two names, a token, a password of 256 characters. */
const FORM_MAX_BYTES = 8 * 1024
const EXPIRED = 'This page has expired, or belongs to another browser. Go back to the application and start again.'

export interface InteractionsOptions {
  readonly options: AuthorizationServerOptions
  /** Path of the issuer, without a slash at the end. */
  readonly base: string
  readonly accounts: Accounts
  readonly attempts: Attempts
  readonly signIns: SignIns
  readonly formKey: Uint8Array
}

/** One visit to the page of an interaction. */
interface Visit {
  readonly provider: Provider
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly details: Details
  readonly address: string
  readonly shown: ShownClient
  readonly terms: Terms
}

export class Interactions {
  readonly #parts: InteractionsOptions

  constructor(parts: InteractionsOptions) {
    this.#parts = parts
  }

  /** `/interaction/<uid>`, and below it the ways to other providers and back. */
  async visit(provider: Provider, request: IncomingMessage, response: ServerResponse, path: string, address: string): Promise<void> {
    const [uid = '', step, which] = path.split('/')
    const details = await this.#details(provider, request, response)
    const client = details === undefined ? undefined : await provider.Client.find(textOf(details.params['client_id']))
    if (details === undefined || client === undefined || details.uid !== uid) {
      sendPage(response, 400, messagePage('Start again', EXPIRED))
      return
    }
    const visit: Visit = { provider, request, response, details, address, shown: shownOf(client), terms: termsOf(client) }
    if (step === 'with' && request.method === 'GET') return this.#leave(visit, which ?? '')
    if (step === 'back' && request.method === 'GET') return this.#return(visit, which ?? '')
    if (step !== undefined) return sendPage(response, 404, messagePage('Not found', 'There is nothing here.'))
    if (request.method === 'GET') return this.#show(visit)
    if (request.method !== 'POST') return sendPage(response, 405, messagePage('Not allowed', 'This page is opened or its form is sent.'))
    return this.#answer(visit)
  }

  async #details(provider: Provider, request: IncomingMessage, response: ServerResponse): Promise<Details | undefined> {
    try {
      return await provider.interactionDetails(request, response)
    } catch (error) {
      if (error instanceof errors.SessionNotFound) return undefined
      throw error
    }
  }

  async #show(visit: Visit, problem?: string, name?: string, status = 200): Promise<void> {
    const { details, response } = visit
    const target = redirectSource(textOf(details.params['redirect_uri']))
    if (details.prompt.name === 'consent') {
      sendPage(response, status, await this.#consent(visit), target)
      return
    }
    const { options, signIns } = this.#parts
    const page = loginPage({
      form: this.#form(details),
      client: visit.shown,
      localUsers: options.localUsers,
      ...(problem === undefined ? {} : { problem }),
      ...(name === undefined ? {} : { name }),
      providers: signIns.names().map((provider, index) => ({ name: provider, href: `${this.#path(details)}/with/${index}` })),
    })
    sendPage(response, status, page, target)
  }

  async #consent(visit: Visit): Promise<string> {
    const { details, shown } = visit
    const account = await this.#parts.accounts.find(details.session?.accountId ?? '')
    const redirectUri = textOf(details.params['redirect_uri'])
    const url = URL.parse(redirectUri)
    return consentPage({
      form: this.#form(details),
      client: shown,
      user: account?.name ?? details.session?.accountId ?? '',
      ...(url === null ? {} : { redirect: { host: url.host, isLoopback: isNative([redirectUri]) } }),
      asked: this.#asked(visit),
    })
  }

  #asked({ details, terms }: Visit): readonly Asked[] {
    const { resources } = this.#parts.options
    const missing = resourceScopes(details.prompt.details['missingResourceScopes'])
    const wanted = textOf(details.params['scope']).split(' ').filter(Boolean)
    // Asked again though all was granted before: then all of it is shown.
    const names = Object.keys(missing).length > 0 ? Object.keys(missing) : textsOf(details.params['resource'])
    return names.map((name) => {
      const resource = resources.get(name)
      const may = resource === undefined ? [] : scopesFor(resource, terms, wanted)
      return inWords(name, resource, missing[name] ?? wanted.filter((scope) => may.includes(scope)))
    })
  }

  async #answer(visit: Visit): Promise<void> {
    const { request, response, details } = visit
    if (!isForm(request)) return sendPage(response, 415, messagePage('Not understood', 'This is not a form.'))
    const form = new URLSearchParams((await readBody(request, FORM_MAX_BYTES)).toString('utf8'))
    if (!isOurForm(request, form, this.#parts.formKey, details.uid)) return sendPage(response, 403, messagePage('Start again', EXPIRED))
    const action = form.get('action')
    if (action === 'deny') return this.#finish(visit, { error: 'access_denied', error_description: 'the user said no' })
    if (action === 'switch') return this.#switchUser(visit)
    if (details.prompt.name === 'login' && action === 'login' && this.#parts.options.localUsers)
      return this.#login(visit, form.get('name') ?? '', form.get('password') ?? '')
    if (details.prompt.name === 'consent' && action === 'allow') return this.#allow(visit)
    return this.#show(visit, undefined, undefined, 400)
  }

  async #login(visit: Visit, typed: string, password: string): Promise<void> {
    const { accounts, attempts } = this.#parts
    const name = typed.trim().toLowerCase()
    const waitMs = await attempts.wait({ address: visit.address, name })
    if (waitMs > 0) {
      await this.#tellSignIn(visit, 'oauth.sign_in_refused', undefined, 'too many attempts')
      return this.#show(visit, `Too many attempts. Try again in ${Math.ceil(waitMs / 1_000)} seconds.`, typed, 429)
    }
    const account = await accounts.signIn(name, password)
    if (account !== undefined) return this.#signedIn(visit, account, 'pwd')
    // The name is told only if somebody has it: people type passwords into the wrong field.
    const known = await accounts.find(name)
    await this.#tellSignIn(visit, 'oauth.sign_in_refused', known, 'wrong name or password')
    return this.#show(visit, 'This name and password do not belong together.', typed, 401)
  }

  async #signedIn(visit: Visit, account: Account, method: string): Promise<void> {
    await this.#tellSignIn(visit, 'oauth.signed_in', account, `with ${visit.shown.name}, by ${method}`)
    const session = visit.details.session
    // Somebody else sat here before: their session ends first, so that nothing of theirs goes over.
    if (session !== undefined && session.accountId !== account.subject) await this.#endSession(visit)
    await visit.provider.interactionFinished(
      visit.request,
      visit.response,
      { login: { accountId: account.subject, amr: [method], remember: true } },
      { mergeWithLastSubmission: false },
    )
  }

  /** Another provider vouches for people: off to it. */
  async #leave(visit: Visit, which: string): Promise<void> {
    const { signIns } = this.#parts
    if (visit.details.prompt.name !== 'login') return this.#show(visit)
    const destination = await signIns.leave(Number(which), visit.details.uid)
    if (destination === undefined)
      return this.#show(visit, 'This way to sign in does not answer. Try again, or another one.', undefined, 502)
    visit.response.setHeader('set-cookie', destination.cookie)
    sendAway(visit.response, destination.url)
  }

  /** Back from it: what it said was checked and lies under a ticket for this very interaction. */
  async #return(visit: Visit, ticket: string): Promise<void> {
    const { signIns, accounts, options } = this.#parts
    const user = await signIns.redeem(ticket, visit.details.uid)
    if (user === undefined) {
      await this.#tellSignIn(visit, 'oauth.sign_in_refused', undefined, 'came back from another provider without its word')
      return this.#show(visit, 'You were not signed in there. Try again.', undefined, 401)
    }
    const account = await accounts.welcome(user, options.clock() + options.refreshTokenMs)
    return this.#signedIn(visit, account, 'federated')
  }

  async #allow(visit: Visit): Promise<void> {
    const { provider, details } = visit
    const accountId = details.session?.accountId ?? ''
    const known = details.grantId === undefined ? undefined : await provider.Grant.find(details.grantId)
    const grant = known ?? new provider.Grant({ accountId, clientId: textOf(details.params['client_id']) })
    const asked = this.#asked(visit)
    for (const { resource, scopes } of asked) grant.addResourceScope(resource, scopes.map(({ name }) => name).join(' '))
    // We give access to servers, not identities: no ID token, whatever was asked (RFC 8725 §3.11 has nothing to confuse then).
    const identity = textsOf(details.prompt.details['missingOIDCScope'])
    if (identity.length > 0) grant.rejectOIDCScope(identity.join(' '))
    const grantId = await grant.save()
    const granted = asked.flatMap(({ resource, scopes }) => scopes.map(({ name }) => `${name} on ${resource}`))
    await this.#tell(visit, {
      type: 'oauth.consented',
      outcome: 'permitted',
      principal: this.#nameOf(accountId),
      detail: granted.join(', '),
    })
    await provider.interactionFinished(visit.request, visit.response, { consent: { grantId } }, { mergeWithLastSubmission: true })
  }

  async #finish(visit: Visit, result: { readonly error: string; readonly error_description: string }): Promise<void> {
    const who = visit.details.session?.accountId
    await this.#tell(visit, {
      type: 'oauth.consented',
      outcome: 'denied',
      detail: 'the user said no',
      ...(who === undefined ? {} : { principal: this.#nameOf(who) }),
    })
    await visit.provider.interactionFinished(visit.request, visit.response, { ...result }, { mergeWithLastSubmission: false })
  }

  /** The same request again, for whom signs in then. */
  async #switchUser(visit: Visit): Promise<void> {
    const { details, response } = visit
    await this.#endSession(visit)
    if (details.deviceCode !== undefined) return sendAway(response, `${this.#parts.base}/device`)
    const again = new URL(`${this.#parts.options.issuer}/authorize`)
    for (const [name, value] of Object.entries(details.params)) for (const text of textsOf(value)) again.searchParams.append(name, text)
    sendAway(response, again.href)
  }

  async #endSession({ provider, details }: Visit): Promise<void> {
    const uid = details.session?.uid
    if (uid === undefined) return
    const session = await provider.Session.findByUid(uid)
    // The interaction lives on without the session that it began in.
    delete details.session
    await details.persist()
    await session?.destroy()
  }

  #form(details: Details): { readonly action: string; readonly csrf: string } {
    return { action: this.#path(details), csrf: csrfToken(this.#parts.formKey, details.uid) }
  }

  #path(details: Details): string {
    return `${this.#parts.base}/interaction/${details.uid}`
  }

  #nameOf(subject: string): string {
    return `${this.#parts.options.issuer}#${subject}`
  }

  #tellSignIn(visit: Visit, type: Entry['type'], account: Account | undefined, detail: string): Promise<void> {
    return this.#tell(visit, {
      type,
      ...(type === 'oauth.signed_in' ? { outcome: 'permitted' } : { outcome: 'denied', denial: 'invalid_token' }),
      ...(account === undefined ? {} : { principal: this.#nameOf(account.subject), kind: 'user', roles: account.roles }),
      detail,
    })
  }

  #tell({ details, address }: Visit, entry: Entry): Promise<void> {
    return this.#parts.options.onEvent({ ...entry, client: textOf(details.params['client_id']), address, transport: 'http' })
  }
}

export function shownOf(client: Client): ShownClient {
  const { origin } = termsOf(client)
  return {
    name: client.clientName?.trim() || client.clientId,
    isConfigured: origin === 'configured',
    ...(origin === 'document' ? { verifiedHost: new URL(client.clientId).host } : {}),
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function textsOf(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value]
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []
}

function resourceScopes(value: unknown): Readonly<Record<string, readonly string[]>> {
  if (typeof value !== 'object' || value === null) return {}
  return Object.fromEntries(Object.entries(value).map(([resource, scopes]) => [resource, textsOf(scopes)]))
}
