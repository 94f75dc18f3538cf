/** What went wrong with an authorization server, as a Fault: its error code and a short text, never a token. */
import * as oidc from 'openid-client'
import { Fault } from '../core/denial.ts'
import { parseRetryAfter } from '../core/time.ts'

/** What another party wrote is shown so far and no further, without what is not printable ASCII. */
const SHOWN_MAX_CHARS = 200
/** What a 401 with a challenge means at a token endpoint (RFC 6749 §5.2). */
export const INVALID_CLIENT = 'invalid_client'

/** Codes of one who may say yes a little later (RFC 6749 §4.1.2.1, RFC 8628 §3.5). */
const LATER: ReadonlySet<string> = new Set(['temporarily_unavailable', 'server_error', 'slow_down'])
const TOO_MANY = 429
const SERVER_ERROR_MIN = 500
/** However long it asks to be left alone: nobody is kept out for longer on its word. */
const LATER_MAX_MS = 300_000
/** Further behind an error nobody puts an answer. */
const CAUSES_MAX = 5

/** What was sent for an answer, and stands in no message. */
const sent = new WeakMap<Response, readonly string[]>()

/** Some put into their description of an error what they were shown. */
export function keepSecret(answer: Response, secrets: readonly string[]): void {
  sent.set(answer, secrets)
}

/** The error code with which a token endpoint refused for good (RFC 6749 §5.2); undefined when it was something else, or may be granted later. */
export function refusedWith(error: unknown): string | undefined {
  const cause = error instanceof Fault ? error.cause : error
  if (cause instanceof oidc.WWWAuthenticateChallengeError) return INVALID_CLIENT
  const code = cause instanceof oidc.ResponseBodyError || cause instanceof oidc.AuthorizationResponseError ? cause.error : undefined
  return code === undefined || isLater(cause) ? undefined : code
}

/** How long whoever may say yes later wants to be left alone (RFC 9110 §10.2.3), in milliseconds; undefined when it does not say. */
export function laterOf(error: unknown, now: number): number | undefined {
  if (!isLater(error)) return undefined
  const ms = parseRetryAfter(answerOf(error)?.headers.get('retry-after') ?? '', now)
  return ms === undefined ? undefined : Math.min(ms, LATER_MAX_MS)
}

/** Nothing that a busy server says means that a grant has ended; nor what it says while it fails. */
function isLater(error: unknown): boolean {
  const status = answerOf(error)?.status ?? 0
  if (status === TOO_MANY || status >= SERVER_ERROR_MIN) return true
  const cause = error instanceof Fault ? error.cause : error
  return (cause instanceof oidc.ResponseBodyError || cause instanceof oidc.AuthorizationResponseError) && LATER.has(cause.error)
}

/** The answer that an error of the library's is about. */
function answerOf(error: unknown): Response | undefined {
  let at = error
  for (let depth = 0; depth < CAUSES_MAX && at instanceof Error; depth++) {
    if (at instanceof oidc.ResponseBodyError || at instanceof oidc.WWWAuthenticateChallengeError) return at.response
    if (at.cause instanceof Response) return at.cause
    at = at.cause
  }
  return undefined
}

/** @param what the sentence that the reason is put behind. */
export function refusalOf(what: string, error: unknown): Fault {
  if (error instanceof Fault) return error
  // A fetch that was refused stands behind the library's own error.
  const inner = error instanceof Error ? error.cause : undefined
  if (inner instanceof Fault) return new Fault(inner.code, `${what}: ${inner.message}`, { cause: error })
  return new Fault(isLater(error) ? 'FAULT_FETCH' : 'FAULT_SIGN_IN', `${what}: ${reasonOf(error)}`, { cause: error })
}

function reasonOf(error: unknown): string {
  if (error instanceof oidc.WWWAuthenticateChallengeError) return `${INVALID_CLIENT}: it does not know the client, or not by this proof`
  const answer = answerOf(error)
  const secrets = answer === undefined ? [] : (sent.get(answer) ?? [])
  if (error instanceof oidc.ResponseBodyError || error instanceof oidc.AuthorizationResponseError)
    return [error.error, error.error_description]
      .map((text) => shown(text, secrets))
      .filter((text) => text !== '')
      .join(', ')
  if (!(error instanceof Error)) return 'unknown'
  if (answer !== undefined) return `it answers ${answer.status}, and not as a token endpoint does`
  const inner = error.cause instanceof Error ? ` (${error.cause.message})` : ''
  return shown(`${error.message}${inner}`, secrets)
}

function shown(text: string | undefined, secrets: readonly string[]): string {
  const without = secrets.reduce((rest, secret) => rest.replaceAll(secret, '…'), text ?? '')
  return without.replace(/[^\x20-\x7e…]/g, '?').slice(0, SHOWN_MAX_CHARS)
}
