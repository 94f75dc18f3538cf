/** The pages where a user connects an account at a server: who opens the link must be signed in here as the one that it was made for. */
import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Denial, Fault } from '../core/denial.ts'
import type { Entry } from '../core/event.ts'
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { createKeyedHash, isEqual, type KeyedHash, sha256 } from '../core/secret.ts'
import type { House } from '../guard/create.ts'
import { connectPage } from '../oauth/connect-page.ts'
import { csrfToken, isForm, isOurForm, readBody, sendAway, sendPage } from '../oauth/forms.ts'
import { messagePage, redirectSource } from '../oauth/pages.ts'
import type { AuthorizationServer } from '../oauth/server.ts'
import { KEYS } from '../store/keys.ts'
import { type ConnectedServer, connectionManager } from './connected.ts'
import type { ConnectLinks } from './connections.ts'
import { type Departure, Departures } from './departures.ts'

const TOKEN_BYTES = 32
/** From the link to the page: a person signs in, perhaps with a second factor. */
const SIGN_IN_MS = 10 * 60_000
const FORM_MAX_BYTES = 4 * 1024
const COOKIE = 'portcullis_connect'
const LATE = 'This link is not good any more. Call the tool again: you will get a new one.'
const FOREIGN = 'This link was made for somebody else. If you are signed in here as the wrong person, sign out and open it again.'
const LOST = 'This page has expired, or belongs to another browser. Call the tool again, and open the new link.'

export interface ConnectParts {
  readonly house: Pick<House, 'store' | 'seal' | 'keyring' | 'clock' | 'journal'>
  readonly publicUrl: string
  readonly servers: ReadonlyMap<string, ConnectedServer>
  readonly links: ConnectLinks
  readonly authorization: Pick<AuthorizationServer, 'signInUrl' | 'whoSignedIn'>
}

/** Where the browser comes back from our own sign-in. */
export const signedInUri = (publicUrl: string): string => `${publicUrl}/connected/signed-in`

/** A browser that was sent to sign in with us. */
interface Away extends JsonObject {
  readonly server: string
  readonly principal: string
  readonly verifier: string
  readonly browser: string
}

/**
 * The link says for whom; whoever opens it signs in with us, and must be that one; then they say yes to us, before they leave for the server's
 * own sign-in. So nobody connects an account for somebody else, in either direction.
 */
export class ConnectPages {
  readonly #parts: ConnectParts
  /** Path of publicUrl, without a slash at its end. */
  readonly #base: string
  readonly #formKey: Buffer
  readonly #hash: KeyedHash
  readonly #departures: Departures

  constructor(parts: ConnectParts) {
    this.#parts = parts
    this.#base = new URL(parts.publicUrl).pathname.replace(/\/$/, '')
    this.#formKey = parts.house.keyring.key('connections')
    this.#hash = createKeyedHash(this.#formKey)
    this.#departures = new Departures(parts.house.clock)
  }

  owns(path: string): boolean {
    return path.startsWith(`${this.#base}/connect/`) || path.startsWith(`${this.#base}/connected/`)
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    this.#answer(request, response).catch((error: unknown) => this.#fail(request, response, error))
  }

  close(): void {
    this.#departures.close()
  }

  async #fail(request: IncomingMessage, response: ServerResponse, error: unknown): Promise<void> {
    request.resume()
    if (response.headersSent) response.destroy()
    else sendPage(response, 503, messagePage('Try again', 'This does not work at the moment. Try again later.'))
    const { detail } = Denial.from(error)
    // The journal may be what is broken: then nothing can be written of it.
    await this.#tell({ type: 'connection.refused', outcome: 'failed', denial: 'unavailable', detail }).catch(() => undefined)
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.#parts.publicUrl)
    const [where, name = '', ...more] = url.pathname.slice(this.#base.length + 1).split('/')
    const isGet = request.method === 'GET'
    if (more.length === 0 && where === 'connected' && isGet && name === 'signed-in') return await this.#signedIn(request, response, url)
    if (more.length === 0 && where === 'connected' && isGet && name === 'back') return await this.#back(request, response, url)
    const server = more.length === 0 && where === 'connect' ? this.#parts.servers.get(name) : undefined
    if (server !== undefined && isGet) return await this.#begin(server, response, url)
    if (server !== undefined && request.method === 'POST') return await this.#leave(server, request, response)
    request.resume()
    return sendPage(response, 404, messagePage('Not found', 'There is nothing here.'))
  }

  /** The link was opened, by whomever: they sign in with us first. */
  async #begin(server: ConnectedServer, response: ServerResponse, url: URL): Promise<void> {
    const { house, links, authorization } = this.#parts
    const principal = links.readLink(server.name, url.searchParams.get('for') ?? '')
    if (principal === undefined) return this.#refuse(response, server, undefined, 400, 'a link that is not good', LATE)
    const [state, verifier, browser] = [token(), token(), token()]
    const away: Away = { server: server.name, principal, verifier, browser: this.#hash(browser) }
    const place = this.#place(state)
    const sealed = house.seal.seal(JSON.stringify(away), place)
    await house.store.put(place, sealed, { expiresAt: house.clock() + SIGN_IN_MS, onlyIfAbsent: true })
    response.setHeader('set-cookie', this.#cookie(browser))
    sendAway(response, authorization.signInUrl(state, sha256(verifier)))
  }

  /** Back from our own sign-in: it must be the one for whom the link was made. */
  async #signedIn(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const { house, servers, publicUrl, authorization } = this.#parts
    const place = this.#place(url.searchParams.get('state') ?? '')
    // Taken, not read: an answer is good once.
    const away = this.#open(await house.store.take(place), place)
    const server = away === undefined ? undefined : servers.get(away.server)
    if (away === undefined || server === undefined || !this.#isBrowser(request, away.browser))
      return this.#refuse(response, server, undefined, 400, 'a sign-in that nobody waits for', LOST)
    const subject = await authorization.whoSignedIn(url.searchParams.get('code') ?? '', away.verifier)
    if (subject === undefined) return this.#refuse(response, server, undefined, 401, 'nobody signed in', 'You did not sign in.')
    const who = `${publicUrl}#${subject}`
    if (who !== away.principal) return this.#refuse(response, server, who, 403, `the link was made for ${away.principal}`, FOREIGN)
    return this.#ask(server, who, subject, away.browser, response)
  }

  /** What the server wants is found out before the person is asked, so that they see where they go. */
  async #ask(server: ConnectedServer, principal: string, subject: string, browser: string, response: ServerResponse): Promise<void> {
    const { house, publicUrl } = this.#parts
    const uri = `${publicUrl}/connected/back`
    const departure = this.#departures.open({ server: server.name, principal, browser }, async (authorize) => {
      await using manager = connectionManager(server, principal, house, { kind: 'sign_in', redirect: { uri, authorize } })
      await manager.signIn(server.url)
    })
    const page = await departure.page.catch((error: unknown) => reasonOf(error))
    if (typeof page === 'string') {
      return this.#refuse(
        response,
        server,
        principal,
        502,
        page,
        `${server.name} cannot be connected: its sign-in does not answer as it should.`,
      )
    }
    const form = { action: `${this.#base}/connect/${server.name}`, csrf: `${departure.id}.${csrfToken(this.#formKey, departure.id)}` }
    sendPage(response, 200, connectPage({ form, server: server.name, user: subject, host: page.host }), redirectSource(page.href))
  }

  /** The person said yes to us. Only now is the browser marked for the way back (a mark before consent would stand for it). */
  async #leave(server: ConnectedServer, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const form = isForm(request) ? new URLSearchParams((await readBody(request, FORM_MAX_BYTES)).toString('utf8')) : new URLSearchParams()
    const [id = '', csrf = ''] = (form.get('csrf') ?? '').split('.')
    form.set('csrf', csrf)
    const departure = this.#departures.find(id)
    const isOurs = departure !== undefined && isOurForm(request, form, this.#formKey, id) && this.#isBrowser(request, departure.browser)
    if (!isOurs || departure.server !== server.name)
      return this.#refuse(response, server, undefined, 403, 'a form that is not of ours', LOST)
    if (form.get('action') !== 'connect') {
      this.#departures.drop(departure, 'the user said no')
      return this.#refuse(response, server, departure.principal, 200, 'the user said no', 'Nothing was connected.')
    }
    const browser = token()
    departure.leave(this.#hash(browser))
    response.setHeader('set-cookie', this.#cookie(browser))
    sendAway(response, (await departure.page).href)
  }

  /** Back from the server's own sign-in. */
  async #back(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const departure: Departure | undefined = this.#departures.take(url.searchParams.get('state') ?? '')
    const server = departure === undefined ? undefined : this.#parts.servers.get(departure.server)
    if (departure === undefined || server === undefined || !departure.hasLeft || !this.#isBrowser(request, departure.browser))
      return this.#refuse(response, server, undefined, 400, 'an answer that nobody waits for', LOST)
    response.setHeader('set-cookie', this.#cookie(''))
    const failure = await departure.arrive(url).then(() => undefined, reasonOf)
    if (failure !== undefined)
      return this.#refuse(response, server, departure.principal, 502, failure, 'Nothing was connected: the sign-in there did not succeed.')
    await this.#tell({ type: 'connection.opened', outcome: 'permitted', principal: departure.principal, ...resourceOf(server) })
    sendPage(response, 200, messagePage('Connected', `Your account is connected to ${server.name}. You can close this page and try again.`))
  }

  async #refuse(
    response: ServerResponse,
    server: ConnectedServer | undefined,
    principal: string | undefined,
    status: number,
    detail: string,
    message: string,
  ): Promise<void> {
    const who = principal === undefined ? {} : { principal }
    const resource = server === undefined ? {} : resourceOf(server)
    await this.#tell({ type: 'connection.refused', outcome: 'denied', denial: 'connection_required', detail, ...who, ...resource })
    sendPage(response, status, messagePage('Not connected', message))
  }

  #open(sealed: JsonValue | undefined, place: string): Away | undefined {
    if (typeof sealed !== 'string') return undefined
    const kept: unknown = JSON.parse(this.#parts.house.seal.open(sealed, place))
    // Written by #begin, and sealed since.
    return isObject(kept) ? (kept as Away) : undefined
  }

  #place(state: string): string {
    return KEYS.connecting(this.#hash(`state ${state}`))
  }

  #isBrowser({ headers }: IncomingMessage, browser: string): boolean {
    const [, value] = new RegExp(`(?:^|;\\s*)${this.#cookieName}=([\\w-]*)`).exec(headers.cookie ?? '') ?? []
    return value !== undefined && value !== '' && isEqual(this.#hash(value), browser)
  }

  /** The prefix lets no plain http put a cookie in our place (RFC 6265bis §4.1.3). */
  get #cookieName(): string {
    return this.#parts.publicUrl.startsWith('https:') ? `__Secure-${COOKIE}` : COOKIE
  }

  #cookie(value: string): string {
    const secure = this.#parts.publicUrl.startsWith('https:') ? '; Secure' : ''
    const age = value === '' ? 0 : SIGN_IN_MS / 1_000
    return `${this.#cookieName}=${value}; Path=${this.#base}/; Max-Age=${age}; HttpOnly; SameSite=Lax${secure}`
  }

  #tell(entry: Entry): Promise<void> {
    return this.#parts.house.journal.write({ ...entry, transport: 'http', by: 'gateway' })
  }
}

const token = (): string => randomBytes(TOKEN_BYTES).toString('base64url')

function resourceOf({ name }: ConnectedServer): Pick<Entry, 'resource'> {
  return { resource: { kind: 'server', server: name, name } }
}

function reasonOf(error: unknown): string {
  return error instanceof Fault ? error.message : Denial.from(error).detail
}
