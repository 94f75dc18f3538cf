/** What the tests of this room share: a running authorization server, and a browser that fills in its forms. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import type { Entry } from '../../src/core/event.ts'
import { createSeal } from '../../src/core/seal.ts'
import { Secret } from '../../src/core/secret.ts'
import { createGuardedFetch } from '../../src/net/fetch.ts'
import type { AuthorizationServerOptions } from '../../src/oauth/options.ts'
import { type AuthorizationServer, createAuthorizationServer } from '../../src/oauth/server.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import type { Store } from '../../src/store/store.ts'

export const PASSWORD = 'correct horse battery staple'
export const REDIRECT = 'http://127.0.0.1:7777/callback'

export interface World {
  readonly issuer: string
  readonly origin: string
  readonly resource: string
  readonly other: string
  readonly store: Store
  readonly server: AuthorizationServer
  readonly events: readonly Entry[]
  readonly options: AuthorizationServerOptions
  /** Milliseconds that the clock is ahead. */
  ahead: number
}

/** Where tokens are issued, and for what. */
export type Place = Pick<World, 'issuer' | 'resource'>

export interface WorldOptions extends Partial<AuthorizationServerOptions> {
  readonly path?: string
  readonly wrapStore?: (store: Store) => Store
}

/** Listens on a free port; the server is made once its address is known. */
export async function listenAs(
  t: TestContext,
  make: (origin: string) => Promise<{ handle: AuthorizationServer['handle'] }>,
): Promise<string> {
  const handlers: AuthorizationServer['handle'][] = []
  const http: Server = createServer((request, response) => handlers[0]?.(request, response))
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    http.closeAllConnections()
    http.close()
  })
  const origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  const made = await make(origin)
  handlers.push((request, response) => made.handle(request, response))
  return origin
}

export async function createWorld(t: TestContext, { path = '', wrapStore = (store) => store, ...rest }: WorldOptions = {}): Promise<World> {
  const turned = { ahead: 0 }
  const clock = (): number => Date.now() + turned.ahead
  const store = wrapStore(openSqlite(':memory:', { clock }))
  const events: Entry[] = []
  const made: { server?: AuthorizationServer; options?: AuthorizationServerOptions } = {}
  const issuerFetch = createGuardedFetch({ allowPrivate: true })
  t.after(() => issuerFetch.close())
  const resource = 'https://mcp.example.com/mcp/files'
  const other = 'https://mcp.example.com/mcp/mail'
  const origin = await listenAs(t, async (at) => {
    made.options = {
      issuer: `${at}${path}`,
      resources: new Map([
        [
          resource,
          {
            name: 'files',
            scopes: [
              { name: 'files:read', description: 'Read your files', isDefault: true },
              { name: 'files:write', description: 'Change your files' },
              { name: 'mcp:tool:*', description: 'Use a tool' },
              { name: 'files:admin', privileged: true },
            ],
          },
        ],
        [other, { name: 'mail', scopes: [{ name: 'mail:read', description: 'Read your mail' }] }],
      ]),
      accessTokenMs: 300_000,
      refreshTokenMs: 7 * 86_400_000,
      registration: { metadataDocuments: true, dynamic: true },
      localUsers: true,
      signIn: [],
      assertions: [],
      keys: { cookies: randomBytes(32), identifiers: randomBytes(32) },
      seal: createSeal(randomBytes(32)),
      store,
      clock,
      fetch: () => Promise.reject(new Error('nothing is fetched here')),
      issuerFetch,
      onEvent: async (entry) => {
        events.push(entry)
      },
      ...rest,
    }
    made.server = await createAuthorizationServer(made.options)
    return made.server
  })
  const { server, options } = made
  assert.ok(server !== undefined && options !== undefined)
  await server.accounts.add('alice', new Secret(PASSWORD), ['user'])
  await server.accounts.add('bob', new Secret(PASSWORD), ['guest'])
  return Object.assign(turned, { issuer: options.issuer, origin, resource, other, store, server, events, options })
}

/** A store that lets everybody else go first at every step: what is not atomic shows. */
export function slowStore(store: Store): Store {
  const later = async (): Promise<void> => {
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
  return {
    get: async (key) => later().then(() => store.get(key)),
    put: async (key, value, options) => later().then(() => store.put(key, value, options)),
    take: async (key) => later().then(() => store.take(key)),
    list: async (prefix, page) => later().then(() => store.list(prefix, page)),
    charge: (cells, now) => store.charge(cells, now),
    append: (log, lines, mark) => store.append(log, lines, mark),
    read: (log, stretch) => store.read(log, stretch),
    marks: (log) => store.marks(log),
    trim: (log, before) => store.trim(log, before),
    close: () => store.close(),
  }
}

export interface Pkce {
  readonly verifier: string
  readonly challenge: string
}

export function pkce(): Pkce {
  const verifier = randomBytes(32).toString('base64url')
  return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') }
}

/** A browser with cookies, that follows redirects one by one and knows the page it is on. */
export class Browser {
  readonly #jar = new Map<string, { readonly value: string; readonly path: string }>()
  readonly #password: string
  /** Pages that were shown, newest last. */
  readonly pages: { readonly url: string; readonly status: number; readonly html: string; readonly headers: Headers }[] = []

  /** @param password of whoever sits at it. */
  constructor(password = PASSWORD) {
    this.#password = password
  }

  /** Follows from here until a page is shown or the browser leaves for `away`. @returns where it left for. */
  async open(url: string, init: RequestInit = {}): Promise<URL | undefined> {
    let next = url
    let request = init
    for (let hop = 0; hop < 15; hop++) {
      const at = new URL(next)
      if (at.pathname.startsWith('/callback')) return at
      const response = await fetch(at, {
        ...request,
        redirect: 'manual',
        headers: { accept: 'text/html', ...headersOf(request), cookie: this.cookies(at) },
      })
      this.keep(response, at)
      const location = response.headers.get('location')
      if (location === null) {
        this.pages.push({ url: next, status: response.status, html: await response.text(), headers: response.headers })
        return undefined
      }
      assert.equal(response.status, 303, 'a form is not sent on (RFC 9700 §4.12)')
      next = new URL(location, at).href
      request = {}
    }
    throw new Error('too many redirects')
  }

  get page(): (typeof this.pages)[number] {
    const last = this.pages.at(-1)
    assert.ok(last, 'a page is shown')
    return last
  }

  /** Sends the form of the page that is shown, with these fields filled in. */
  send(fields: Readonly<Record<string, string>>, headers: Readonly<Record<string, string>> = {}): Promise<URL | undefined> {
    const { html, url } = this.page
    const action = /<form method="post" action="([^"]*)"/.exec(html)?.[1]?.replaceAll('&amp;', '&') ?? url
    const body = new URLSearchParams(fields)
    for (const [, name = '', value = ''] of html.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g))
      if (!body.has(name)) body.set(name, value)
    return this.open(new URL(action, url).href, { method: 'POST', body, headers })
  }

  /** Signs in, allows, lets a device in: whatever is asked. @returns where it left for; undefined when it stays on a page after that. */
  async comply(url: string, name = 'alice'): Promise<URL | undefined> {
    let away = await this.open(url)
    for (let step = 0; step < 5 && away === undefined; step++) {
      const fields = answerTo(this.page.html, name, this.#password)
      if (fields === undefined) break
      away = await this.send(fields)
    }
    return away
  }

  /** The same for a client that this test plays. */
  async agree(url: string, name?: string): Promise<URL> {
    const away = await this.comply(url, name)
    assert.ok(away, `the browser came back to the client; it shows ${this.pages.at(-1)?.html}`)
    return away
  }

  cookie(name: string): string | undefined {
    return this.#jar.get(name)?.value
  }

  cookies(url: URL): string {
    return [...this.#jar]
      .filter(([, { path }]) => url.pathname.startsWith(path))
      .map(([name, { value }]) => `${name}=${value}`)
      .join('; ')
  }

  keep(response: Response, url: URL): void {
    for (const line of response.headers.getSetCookie()) {
      const [pair = ''] = line.split(';')
      const at = pair.indexOf('=')
      const path = /;\s*path=([^;]*)/i.exec(line)?.[1] ?? url.pathname
      const value = pair.slice(at + 1)
      if (value === '' || /expires=Thu, 01 Jan 1970|max-age=0/i.test(line)) this.#jar.delete(pair.slice(0, at))
      else this.#jar.set(pair.slice(0, at), { value, path })
    }
  }
}

/** What a person fills into the form of a page; undefined when it has none. */
function answerTo(html: string, name: string, password: string): Readonly<Record<string, string>> | undefined {
  if (html.includes('name="password"')) return { action: 'login', name, password }
  if (html.includes('value="allow"')) return { action: 'allow' }
  if (html.includes('name="confirm"')) return { confirm: 'yes' }
  const [, code] = /name="user_code"[^>]* value="([^"]+)"/.exec(html) ?? []
  return code === undefined ? undefined : { user_code: code }
}

function headersOf(init: RequestInit): Record<string, string> {
  return Object.fromEntries(new Headers(init.headers))
}

export interface Answer {
  readonly status: number

  readonly body: Readonly<Record<string, unknown>>
  readonly headers: Headers
}

export async function post(
  url: string,
  fields: Readonly<Record<string, string>> | URLSearchParams,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const response = await fetch(url, { method: 'POST', body: new URLSearchParams(fields), headers })
  return answerOf(response)
}

export async function postJson(url: string, body: unknown): Promise<Answer> {
  return answerOf(await fetch(url, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }))
}

export async function get(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  return answerOf(await fetch(url, { headers }))
}

async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text()
  return { status: response.status, body: text.startsWith('{') ? JSON.parse(text) : { text }, headers: response.headers }
}

export async function register(world: Place, more: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const { status, body } = await postJson(`${world.issuer}/register`, { client_name: 'A client', redirect_uris: [REDIRECT], ...more })
  assert.equal(status, 201, JSON.stringify(body))
  return String(body['client_id'])
}

export interface Wish {
  readonly client: string
  readonly scope?: string
  readonly resource?: string | readonly string[]
  readonly redirect?: string
  readonly more?: Readonly<Record<string, string>>
}

export function authorizeUrl(world: Place, wish: Wish, { challenge }: Pkce): string {
  const url = new URL(`${world.issuer}/authorize`)
  url.searchParams.set('response_type', 'code')
  url.searchParams.set('client_id', wish.client)
  url.searchParams.set('redirect_uri', wish.redirect ?? REDIRECT)
  url.searchParams.set('state', 'the-state')
  url.searchParams.set('code_challenge', challenge)
  url.searchParams.set('code_challenge_method', 'S256')
  for (const resource of [wish.resource ?? world.resource].flat()) url.searchParams.append('resource', resource)
  if (wish.scope !== undefined) url.searchParams.set('scope', wish.scope)
  for (const [name, value] of Object.entries(wish.more ?? {})) url.searchParams.set(name, value)
  return url.href
}

/** The whole way to a code. */
export async function obtainCode(
  world: Place,
  wish: Wish,
  browser = new Browser(),
  name?: string,
): Promise<{ readonly code: string; readonly verifier: string; readonly back: URL }> {
  const proof = pkce()
  const back = await browser.agree(authorizeUrl(world, wish, proof), name)
  const code = back.searchParams.get('code')
  assert.ok(code, back.href)
  return { code, verifier: proof.verifier, back }
}

export function redeem(
  world: Place,
  client: string,
  code: string,
  verifier: string,
  more: Readonly<Record<string, string>> = {},
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const fields = { grant_type: 'authorization_code', client_id: client, code, code_verifier: verifier, redirect_uri: REDIRECT, ...more }
  return post(`${world.issuer}/token`, fields, headers)
}

export async function obtainTokens(
  world: Place,
  wish: Wish,
  browser = new Browser(),
  name?: string,
): Promise<{ readonly access: string; readonly refresh: string; readonly answer: Answer }> {
  const { code, verifier } = await obtainCode(world, wish, browser, name)
  const answer = await redeem(world, wish.client, code, verifier)
  assert.equal(answer.status, 200, JSON.stringify(answer.body))
  return { access: String(answer.body['access_token']), refresh: String(answer.body['refresh_token']), answer }
}

export function refreshOnce(world: Place, client: string, refresh: string, more: Readonly<Record<string, string>> = {}): Promise<Answer> {
  return post(`${world.issuer}/token`, { grant_type: 'refresh_token', client_id: client, refresh_token: refresh, ...more })
}
