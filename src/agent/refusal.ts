/** What went wrong with an authorization server, as a Fault: its error code and a short text, never a token. */
import * as oidc from 'openid-client'
import { Fault } from '../core/denial.ts'

/** What another party wrote is shown so far and no further, without what is not printable ASCII. */
const SHOWN_MAX_CHARS = 200
/** What a 401 with a challenge means at a token endpoint (RFC 6749 §5.2). */
const INVALID_CLIENT = 'invalid_client'

/** The error code with which a token endpoint refused (RFC 6749 §5.2); undefined when it was something else. */
export function refusedWith(error: unknown): string | undefined {
  const cause = error instanceof Fault ? error.cause : error
  if (cause instanceof oidc.WWWAuthenticateChallengeError) return INVALID_CLIENT
  return cause instanceof oidc.ResponseBodyError ? cause.error : undefined
}

/** @param what the sentence that the reason is put behind. */
export function refusalOf(what: string, error: unknown): Fault {
  if (error instanceof Fault) return error
  // A fetch that was refused stands behind the library's own error.
  const inner = error instanceof Error ? error.cause : undefined
  if (inner instanceof Fault) return new Fault(inner.code, `${what}: ${inner.message}`, { cause: error })
  return new Fault('FAULT_SIGN_IN', `${what}: ${reasonOf(error)}`, { cause: error })
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
