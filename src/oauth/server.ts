/** The authorization server: which paths are its own, and what each request must be before oidc-provider sees it. */

import type { JsonWebKey } from 'node:crypto'
import { IncomingMessage, type ServerResponse } from 'node:http'
import { errors, type Provider } from 'oidc-provider'
import { Denial } from '../core/denial.ts'
import { Accounts } from './accounts.ts'
import { createMemory, type Memory } from './adapter.ts'
import { type Attempts, createAttempts } from './attempts.ts'
import { Clients, JWT_BEARER, WORKLOAD_CLIENT } from './clients.ts'
import { deriveKey } from './derive.ts'
import { isForm, readBody, sendAway, sendError, sendPage, TooLarge } from './forms.ts'
import { registerGrants } from './grants.ts'
import { Interactions } from './interactions.ts'
import { publicJwk, type SigningKey, SigningKeys } from './keys.ts'
import { addMiddleware, Courses, mayRotate } from './middleware.ts'
import { type AuthorizationServerOptions, checkOptions } from './options.ts'
import { signInUrl, whoSignedIn } from './own-client.ts'
import { messagePage } from './pages.ts'
import { createProvider, ROUTES } from './provider.ts'
import { Replays } from './replay.ts'
import { attemptsOf, BELOW, exactRoutes, split, wellKnownPaths } from './routes.ts'
import { SignIns } from './sign-in.ts'

/** How long a process goes on with the signing keys that it has read: shorter than a new key waits before it signs. */
const KEYS_AGE_MS = 10_000

export interface AuthorizationServer {
  readonly issuer: string
  readonly accounts: Accounts
  readonly clients: Clients
  /** Whether a request for this path (without query) is for us. Ask before any other route. */
  owns(path: string): boolean
  /** Answers; never throws. */
  handle(request: IncomingMessage, response: ServerResponse): void
  /** The public keys, for who verifies our tokens in this very process. */
  jwks(): Promise<{ readonly keys: readonly JsonWebKey[] }>
  /** Where a browser is sent to have its person signed in, and comes back to `signedInUri` with a code and this state. */
  signInUrl(state: string, challenge: string): string
  /**
   * Who signed in, by the code that their browser came back with; once.
   * @param verifier of the challenge that it was sent with (RFC 7636 §4.1): only the browser that asked has the answer.
   */
  whoSignedIn(code: string, verifier: string): Promise<string | undefined>
  /** Ends a grant and all that was issued under it. */
  endGrant(grantId: string): Promise<void>
}

/**
 * Makes the signing keys on first start, and is ready then.
 * @throws Fault `FAULT_OAUTH` when something is missing: there are no development defaults.
 */
export async function createAuthorizationServer(options: AuthorizationServerOptions): Promise<AuthorizationServer> {
  checkOptions(options)
  const server = new Server(options)
  await server.jwks()
  return server
}

interface Loaded {
  readonly provider: Provider
  readonly keys: readonly SigningKey[]
  readonly at: number
}

class Server implements AuthorizationServer {
  readonly issuer: string
  readonly accounts: Accounts
  readonly clients: Clients
  readonly #options: AuthorizationServerOptions
  readonly #host: string
  readonly #base: string
  readonly #memory: Memory
  readonly #replays: Replays
  readonly #signIns: SignIns
  readonly #attempts: Attempts
  readonly #interactions: Interactions
  readonly #signingKeys: SigningKeys
  readonly #courses = new Courses()
  readonly #wellKnown: ReadonlyMap<string, string>
  readonly #routes: ReadonlySet<string>
  #loaded: Promise<Loaded> | undefined

  constructor(options: AuthorizationServerOptions) {
    const { store, clock, keys } = options
    const url = new URL(options.issuer)
    this.issuer = options.issuer
    this.#options = options
    this.#host = url.host
    this.#base = url.pathname.replace(/\/$/, '')
    this.accounts = new Accounts(store, clock)
    this.clients = new Clients(store, clock, options.certificateOf !== undefined)
    this.#replays = new Replays(store, clock, keys.identifiers)
    this.#memory = createMemory({
      store,
      clock,
      issuer: options.issuer,
      seal: options.seal,
      identifierKey: keys.identifiers,
      clients: this.clients,
      longestMs: options.refreshTokenMs + options.accessTokenMs,
      isReplayable: (token) => this.#replays.isOpen(token),
    })
    this.#signIns = new SignIns({ ...options, callback: new URL(`${options.issuer}/signed-in`) }, deriveKey(keys.cookies, 'sign-in'))
    this.#attempts = createAttempts(store, clock, keys.cookies)
    this.#interactions = new Interactions({
      options,
      base: this.#base,
      accounts: this.accounts,
      attempts: this.#attempts,
      signIns: this.#signIns,
      formKey: deriveKey(keys.cookies, 'forms'),
    })
    this.#signingKeys = new SigningKeys({ store, clock, seal: options.seal, algorithm: options.algorithm ?? 'ES256' })
    this.#wellKnown = wellKnownPaths(this.#base)
    this.#routes = exactRoutes(options)
  }

  owns(path: string): boolean {
    if (this.#wellKnown.has(path)) return true
    if (!path.startsWith(`${this.#base}/`)) return false
    const route = path.slice(this.#base.length)
    return this.#routes.has(route) || BELOW.test(route)
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    this.#answer(request, response).catch((error: unknown) => this.#fail(request, response, error))
  }

  async jwks(): Promise<{ readonly keys: readonly JsonWebKey[] }> {
    const { keys } = await this.#current()
    return { keys: keys.map(publicJwk) }
  }

  signInUrl(state: string, challenge: string): string {
    return signInUrl(this.#options, state, challenge)
  }

  async whoSignedIn(code: string, verifier: string): Promise<string | undefined> {
    return await whoSignedIn((await this.#current()).provider, code, verifier)
  }

  endGrant(grantId: string): Promise<void> {
    return this.#memory.endGrant(grantId)
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { path, query } = split(request.url ?? '/')
    if (!this.owns(path)) return sendError(response, 404, 'not_found', 'there is nothing here')
    const address = this.#options.addressOf?.(request) ?? request.socket.remoteAddress ?? ''
    const route = path.slice(this.#base.length)
    const waitMs = await this.#attempts.wait(attemptsOf(request.method ?? 'GET', route, address))
    if (waitMs > 0) {
      const headers = { 'retry-after': String(Math.ceil(waitMs / 1_000)) }
      return sendError(response, 429, 'temporarily_unavailable', 'too many requests', headers)
    }
    this.#pin(request)
    const { provider } = await this.#current()
    if (route.startsWith('/interaction/'))
      return this.#interactions.visit(provider, request, response, route.slice('/interaction/'.length), address)
    if (route === '/signed-in') return this.#arrive(request, response)
    if (route === ROUTES.registration && allowOrigin(request, response)) return
    if (request.method === 'HEAD') request.method = 'GET'
    const asked = route === ROUTES.token && request.method === 'POST' && isForm(request) ? await withClient(request) : request
    this.#courses.of(asked).address = address
    this.#point(asked, path, query)
    await provider.callback()(asked, response)
  }

  /** The library takes its own address from the request: what a caller says of it must not count. */
  #pin({ headers }: IncomingMessage): void {
    headers.host = this.#host
    headers['x-forwarded-proto'] = this.issuer.startsWith('https:') ? 'https' : 'http'
    for (const name of ['x-forwarded-host', 'x-forwarded-for', 'x-forwarded-port', 'forwarded']) delete headers[name]
  }

  /** The library knows its root only; well-known documents of an issuer with a path stand in front of it (RFC 8414 §3.1). */
  #point(request: IncomingMessage & { originalUrl?: string }, path: string, query: string): void {
    const document = this.#wellKnown.get(path)
    const inner = document ?? path.slice(this.#base.length)
    request.originalUrl = `${this.#base}${inner}${query}`
    // The form of a device is filled in from the link, but sent by a person: the library must not see the code (it would send it by script).
    request.url = inner === ROUTES.code_verification && request.method === 'GET' ? inner : `${inner}${query}`
  }

  async #arrive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const arrival = request.method === 'GET' ? await this.#signIns.arrive(request) : undefined
    if (arrival === undefined) {
      await this.#options.onEvent({
        type: 'oauth.sign_in_refused',
        outcome: 'denied',
        denial: 'invalid_token',
        detail: 'an answer of another provider that nobody waits for',
      })
      return sendPage(
        response,
        400,
        messagePage('Start again', 'Nobody waits for this sign-in. Go back to the application and start again.'),
      )
    }
    response.setHeader('set-cookie', arrival.cookie)
    sendAway(response, `${this.#options.issuer}/interaction/${arrival.uid}/back/${await this.#signIns.ticketFor(arrival)}`)
  }

  async #fail(request: IncomingMessage, response: ServerResponse, error: unknown): Promise<void> {
    if (response.headersSent) {
      response.destroy()
      return
    }
    request.resume()
    if (error instanceof TooLarge) return sendError(response, 413, 'invalid_request', 'the request is too large')
    if (error instanceof Denial && error.code === 'rate_limited')
      return sendError(response, 429, 'temporarily_unavailable', 'too many requests')
    const detail = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
    sendError(response, 503, 'temporarily_unavailable', 'try again later', { 'retry-after': '5' })
    // The journal may be what is broken: then nothing can be written of it.
    await this.#options.onEvent({ type: 'oauth.refused', outcome: 'failed', denial: 'unavailable', detail }).catch(() => undefined)
  }

  /** With the keys as they are: another process may have rotated them. */
  async #current(): Promise<Loaded> {
    const loaded = await this.#loaded?.catch(() => undefined)
    if (loaded !== undefined && this.#options.clock() - loaded.at < KEYS_AGE_MS) return loaded
    const next = this.#load(loaded)
    this.#loaded = next
    return next
  }

  async #load(before: Loaded | undefined): Promise<Loaded> {
    const keys = await this.#signingKeys.load()
    const at = this.#options.clock()
    if (before !== undefined && namesOf(before.keys) === namesOf(keys)) return { ...before, at }
    return { keys, at, provider: this.#create(keys) }
  }

  #create(signingKeys: readonly SigningKey[]): Provider {
    const options = this.#options
    const shared = { replays: this.#replays, courses: this.#courses }
    const provider = createProvider({
      options,
      accounts: this.accounts,
      memory: this.#memory,
      signingKeys,
      nonceKey: deriveKey(options.keys.cookies, 'nonces'),
      base: this.#base,
      mayRotate: (ctx) =>
        mayRotate(ctx, shared, () => new errors.InvalidGrant('the refresh token was used, and its answer is not for this request')),
    })
    registerGrants(provider, { options, signingKeys })
    addMiddleware(provider, { options, ...shared })
    return provider
  }
}

/** The library lets pages of other origins ask for tokens, but not register (Fetch §3.2). @returns whether the request is answered. */
function allowOrigin(request: IncomingMessage, response: ServerResponse): boolean {
  response.setHeader('access-control-allow-origin', '*')
  if (request.method !== 'OPTIONS') return false
  const headers = {
    'access-control-allow-methods': 'POST',
    'access-control-allow-headers': 'content-type, mcp-protocol-version',
    'access-control-max-age': '3600',
  }
  response.writeHead(204, headers).end()
  return true
}

function namesOf(keys: readonly SigningKey[]): string {
  return keys.map(({ kid, retiresAt }) => `${kid} ${retiresAt ?? ''}`).join()
}

/** A workload comes with its assertion alone; the library wants a client, and is given the one for workloads. */
async function withClient(request: IncomingMessage): Promise<IncomingMessage> {
  const body = await readBody(request)
  const form = new URLSearchParams(body.toString('utf8'))
  const isWorkload =
    form.get('grant_type') === JWT_BEARER &&
    !form.has('client_id') &&
    !form.has('client_assertion') &&
    request.headers.authorization === undefined
  const bytes = isWorkload ? Buffer.concat([body, Buffer.from(`&client_id=${WORKLOAD_CLIENT}`)]) : body
  const copy = new IncomingMessage(request.socket)
  copy.method = request.method ?? 'POST'
  copy.url = request.url ?? '/'
  copy.httpVersion = request.httpVersion
  copy.headers = { ...request.headers, 'content-length': String(bytes.length) }
  delete copy.headers['transfer-encoding']
  copy.push(bytes)
  copy.push(null)
  copy.complete = true
  return copy
}
