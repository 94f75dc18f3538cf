/** Around every answer of oidc-provider: headers, the replay of a lost refresh, and what history is told before the answer leaves. */
import type { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { KoaContextWithOIDC, Provider } from 'oidc-provider'
import { Denial, Fault } from '../core/denial.ts'
import type { Entry } from '../core/event.ts'
import { isObject, type JsonObject } from '../core/json.ts'
import { WORKLOAD_CLIENT } from './clients.ts'
import { pageHeaders } from './forms.ts'
import type { AuthorizationServerOptions } from './options.ts'
import { continuePage, redirectSource } from './pages.ts'
import { correctDiscovery } from './provider.ts'
import type { Refresh, Replays } from './replay.ts'

/** What became of one request, beside what the library answers. */
interface Course {
  /** The first to come with this refresh token: its answer is kept. */
  refresh?: Refresh
  /** The answer that got lost. */
  replayed?: JsonObject
  error?: Error
  revoked?: string
  /** Of the caller, as the handler knows it; remembered with the request. */
  address?: string
}

type Context = KoaContextWithOIDC

/** Shared between the hooks of one provider. */
export class Courses {
  readonly #courses = new WeakMap<object, Course>()
  of(ctx: object): Course {
    const course = this.#courses.get(ctx) ?? {}
    this.#courses.set(ctx, course)
    return course
  }
}

export interface MiddlewareParts {
  readonly options: AuthorizationServerOptions
  readonly replays: Replays
  readonly courses: Courses
}

/** Registers what listens and what stands around. */
export function addMiddleware(provider: Provider, parts: MiddlewareParts): void {
  const { courses } = parts
  const remember = (ctx: Context, error: Error): void => {
    courses.of(ctx).error = error
  }
  // What koa itself catches would otherwise be printed.
  const koa: EventEmitter = provider
  koa.on('error', (error: Error) => {
    parts.options
      .onEvent({ type: 'oauth.refused', outcome: 'failed', denial: 'unavailable', detail: `${error.name}: ${error.message}` })
      .catch(() => undefined)
  })
  provider.on('server_error', remember)
  provider.on('grant.error', remember)
  provider.on('authorization.error', remember)
  provider.on('registration_create.error', remember)
  provider.on('introspection.error', remember)
  provider.on('revocation.error', remember)
  provider.on('pushed_authorization_request.error', remember)
  provider.on('device_authorization.error', remember)
  provider.on('grant.revoked', (ctx, grantId) => {
    courses.of(ctx).revoked = grantId
  })
  provider.use(async (ctx, next) => {
    // The router makes it a context of oidc-provider; where no route fits it stays a bare one.
    const own = ctx as unknown as Context
    own.state['userCode'] = userCodeIn(own.req)
    await next()
    if (own.oidc === undefined) return
    const course = courses.of(own)
    await finishRefresh(own, course, parts.replays)
    correct(own, course, parts.options)
    const address = courses.of(own.req).address ?? ''
    if (isGuess(own, course)) parts.options.onGuess?.(address)
    const entry = entryOf(own, course)
    if (entry !== undefined) await tell(own, { ...entry, address }, parts.options)
  })
}

/** Who says nothing that he must know has guessed at nothing: a client that is forgotten here, and has no secret, keeps nobody out. */
function isGuess({ oidc: { params }, req: { headers } }: Context, { error }: Course): boolean {
  if (error?.message !== 'invalid_client') return false
  return headers.authorization !== undefined || params?.['client_secret'] !== undefined || params?.['client_assertion'] !== undefined
}

/** Nothing leaves that could not be written down. */
async function tell(ctx: Context, entry: Entry, { onEvent }: AuthorizationServerOptions): Promise<void> {
  try {
    await onEvent({ ...entry, transport: 'http' })
  } catch {
    ctx.remove('location')
    ctx.status = 503
    ctx.type = 'json'
    ctx.body = UNAVAILABLE
  }
}

const UNAVAILABLE = { error: 'temporarily_unavailable', error_description: 'try again later' }

/** A refresh token that passed every check is used up by exactly one; the others get that one's answer, or none. */
export async function mayRotate(
  ctx: Context,
  { replays, courses }: Pick<MiddlewareParts, 'replays' | 'courses'>,
  refuse: () => Error,
): Promise<boolean> {
  const { params, client, entities } = ctx.oidc
  const refresh: Refresh = {
    token: text(params?.['refresh_token']),
    client: client?.clientId ?? '',
    proof: entities.RefreshToken?.jkt ?? entities.RefreshToken?.['x5t#S256'] ?? '',
    scope: text(params?.['scope']),
    resource: text(params?.['resource']),
  }
  const claim = await replays.claim(refresh)
  const course = courses.of(ctx)
  if (claim.isFirst) {
    course.refresh = refresh
    return true
  }
  if (claim.answer !== undefined) course.replayed = claim.answer
  throw refuse()
}

async function finishRefresh(ctx: Context, course: Course, replays: Replays): Promise<void> {
  if (course.replayed !== undefined) {
    ctx.status = 200
    ctx.body = course.replayed
    delete course.error
  }
  if (course.refresh !== undefined && ctx.status === 200 && isObject(ctx.body)) {
    const successor = ctx.body['refresh_token']
    await replays.keep(course.refresh, ctx.body, typeof successor === 'string' ? successor : undefined)
  }
}

function correct(ctx: Context, { error }: Course, options: AuthorizationServerOptions): void {
  ctx.set('x-content-type-options', 'nosniff')
  ctx.set('referrer-policy', 'no-referrer')
  if (ctx.oidc.route === 'discovery' && isObject(ctx.body)) {
    const body: Record<string, unknown> = { ...ctx.body }
    correctDiscovery(body, options)
    ctx.body = body
  }
  if (ctx.oidc.route === 'registration' && isObject(ctx.body)) ctx.body = { ...ctx.body, portcullis: undefined }
  // The library leaves out a scope of nothing, and whoever is not told takes it that all was given that was asked for (RFC 6749 §5.1).
  if (ctx.oidc.route === 'token' && ctx.status === 200 && isObject(ctx.body)) ctx.body = { ...ctx.body, scope: ctx.body['scope'] ?? '' }
  // The house is broken, not the request: the client may come again.
  if ((error instanceof Fault || error instanceof Denial) && ctx.status === 500) {
    ctx.status = 503
    if (isObject(ctx.body)) ctx.body = UNAVAILABLE
  }
  if (typeof ctx.body === 'string' && ctx.type === 'text/html') {
    const redirect = text(ctx.oidc.params?.['redirect_uri'])
    if (ctx.body.includes('<script>')) ctx.body = continuePage(ctx.body)
    ctx.set({ ...pageHeaders(redirectSource(redirect)) })
  }
}

/** What history is told: everything that issued, ended or refused something. */
function entryOf(ctx: Context, { error, replayed, revoked }: Course): Entry | undefined {
  const { route, client, params } = ctx.oidc
  const name = client?.clientId ?? shortened(params?.['client_id'])
  const who = { ...(name === '' ? {} : { client: name }), ...principalOf(ctx) }
  if (error !== undefined) {
    const detail = detailOf(error) + (revoked === undefined ? '' : '; everything issued under the grant was revoked')
    const outcome = error instanceof Fault ? 'failed' : 'denied'
    return { type: revoked === undefined ? 'oauth.refused' : 'oauth.revoked', outcome, ...who, method: route, detail }
  }
  if (revoked !== undefined)
    return { type: 'oauth.revoked', outcome: 'permitted', ...who, method: route, detail: 'everything issued under the grant' }
  if (route === 'token' && ctx.status === 200)
    return { type: 'oauth.issued', outcome: 'permitted', ...who, method: text(params?.['grant_type']), detail: issuedDetail(ctx, replayed) }
  if (route === 'registration' && ctx.status === 201)
    return { type: 'oauth.registered', outcome: 'permitted', ...who, detail: client?.clientName ?? '' }
  return undefined
}

function issuedDetail(ctx: Context, replayed: JsonObject | undefined): string {
  if (replayed !== undefined) return 'the same answer once more'
  const token = ctx.oidc.entities.AccessToken ?? ctx.oidc.entities.ClientCredentials
  return `${token?.scope ?? ''} on ${String(token?.aud ?? '')}`
}

function principalOf(ctx: Context): { readonly principal?: string; readonly kind?: 'user' | 'service' } {
  const { AccessToken, ClientCredentials, RefreshToken } = ctx.oidc.entities
  const subject = AccessToken?.accountId ?? RefreshToken?.accountId
  const isMachine = AccessToken?.clientId === WORKLOAD_CLIENT
  if (subject !== undefined) return { principal: `${ctx.oidc.issuer}#${subject}`, kind: isMachine ? 'service' : 'user' }
  return ClientCredentials?.clientId === undefined ? {} : { principal: `${ctx.oidc.issuer}#${ClientCredentials.clientId}`, kind: 'service' }
}

function detailOf(error: Error): string {
  const detail = 'error_detail' in error && typeof error.error_detail === 'string' ? error.error_detail : ''
  const description = 'error_description' in error && typeof error.error_description === 'string' ? error.error_description : ''
  return `${error.message}: ${detail || description || error.name}`
}

/** From the link that a device showed, which the handler took off the URL. */
function userCodeIn(request: IncomingMessage & { readonly originalUrl?: string }): string {
  const code = URL.parse(request.originalUrl ?? '', 'http://localhost')?.searchParams.get('user_code') ?? ''
  return /^[A-Za-z0-9 -]{1,32}$/.test(code) ? code : ''
}

function shortened(value: unknown): string {
  return text(value).slice(0, 256)
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : Array.isArray(value) ? value.join(' ') : ''
}
