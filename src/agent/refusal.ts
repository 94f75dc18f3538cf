/** What went wrong with an authorization server, as a Fault: its error code and a short text, never a token. */
import * as oidc from 'openid-client'
import { Fault } from '../core/denial.ts'
import { parseRetryAfter } from '../core/time.ts'

/** What another party wrote is shown so far and no further, without what is not printable ASCII. */
const SHOWN_MAX_CHARS = 200
/** What a 401 with a challenge means at a token endpoint (RFC 6749 §5.2). */
const INVALID_CLIENT = 'invalid_client'

/** Codes of one who may say yes a little later (RFC 6749 §4.1.2.1, RFC 8628 §3.5). */
const LATER: ReadonlySet<string> = new Set(['temporarily_unavailable', 'server_error', 'slow_down'])
const TOO_MANY = 429
/** However long it asks to be left alone: nobody is kept out for longer on its word. */
const LATER_MAX_MS = 300_000

/** The error code with which a token endpoint refused for good (RFC 6749 §5.2); undefined when it was something else, or may be granted later. */
export function refusedWith(error: unknown): string | undefined {
  const cause = error instanceof Fault ? error.cause : error
  if (cause instanceof oidc.WWWAuthenticateChallengeError) return INVALID_CLIENT
  return cause instanceof oidc.ResponseBodyError && !isLater(cause) ? cause.error : undefined
}

/** Nothing that a busy server says means that a grant has ended. */
function isLater({ error, status }: oidc.ResponseBodyError): boolean {
  return LATER.has(error) || status === TOO_MANY
}

/** How long whoever may say yes later wants to be left alone (RFC 9110 §10.2.3), in milliseconds; undefined when it does not say. */
export function laterOf(error: unknown, now: number): number | undefined {
  const cause = error instanceof Fault ? error.cause : error
  if (!(cause instanceof oidc.ResponseBodyError && isLater(cause))) return undefined
  const ms = parseRetryAfter(cause.response.headers.get('retry-after') ?? '', now)
  return ms === undefined ? undefined : Math.min(ms, LATER_MAX_MS)
}

/** @param what the sentence that the reason is put behind. */
export function refusalOf(what: string, error: unknown): Fault {
  if (error instanceof Fault) return error
  // A fetch that was refused stands behind the library's own error.
  const inner = error instanceof Error ? error.cause : undefined
  if (inner instanceof Fault) return new Fault(inner.code, `${what}: ${inner.message}`, { cause: error })
  const code = error instanceof oidc.ResponseBodyError && isLater(error) ? 'FAULT_FETCH' : 'FAULT_SIGN_IN'
  return new Fault(code, `${what}: ${reasonOf(error)}`, { cause: error })
}

function reasonOf(error: unknown): string {
  if (error instanceof oidc.WWWAuthenticateChallengeError) return `${INVALID_CLIENT}: it does not know the client, or not by this proof`
  if (error instanceof oidc.ResponseBodyError || error instanceof oidc.AuthorizationResponseError)
    return [shown(error.error), shown(error.error_description)].filter((text) => text !== '').join(', ')
  if (!(error instanceof Error)) return 'unknown'
  const inner = error.cause instanceof Error ? ` (${error.cause.message})` : ''
  return shown(`${error.message}${inner}`)
}

function shown(text = ''): string {
  return text.slice(0, SHOWN_MAX_CHARS).replace(/[^\x20-\x7e]/g, '?')
}
