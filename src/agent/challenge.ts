/** What a server demands in `WWW-Authenticate` (RFC 9110 §11.6.1, RFC 6750 §3, RFC 9728 §5.1). */
import { customFetch, protectedResourceRequest, WWWAuthenticateChallengeError } from 'oauth4webapi'

/** What a server asks of a token, as its `WWW-Authenticate` says. */
export interface Challenge {
  readonly scheme: 'bearer' | 'dpop'
  readonly error?: string
  readonly scopes: readonly string[]
  /** Where the server describes itself. */
  readonly resourceMetadata?: string
}

/** More than a gateway's; a header is at most 16 KiB anyway. */
const SCOPES_MAX = 256
/** RFC 6749 §3.3. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+$/

/** The names in a `scope`; what is no scope is left out. */
export function scopesOf(text: string | undefined): readonly string[] {
  const names = (text ?? '').split(' ').filter((name) => SCOPE.test(name))
  return [...new Set(names)].slice(0, SCOPES_MAX)
}

/** The challenge of an answer that a token can meet; a Bearer one before a DPoP one. Undefined when there is none. */
export async function challengeOf(response: Response): Promise<Challenge | undefined> {
  const challenges = await parse(response)
  const found = challenges.find(({ scheme }) => scheme === 'bearer') ?? challenges.find(({ scheme }) => scheme === 'dpop')
  if (found === undefined) return undefined
  const { error, scope, resource_metadata: resourceMetadata } = found.parameters
  return {
    scheme: found.scheme === 'dpop' ? 'dpop' : 'bearer',
    scopes: scopesOf(scope),
    ...(error === undefined ? {} : { error }),
    ...(resourceMetadata === undefined ? {} : { resourceMetadata }),
  }
}

/** The library reads the header of an answer to a request of its own: it is handed this answer, and nothing is sent. */
async function parse(response: Response): Promise<WWWAuthenticateChallengeError['cause']> {
  const headers = response.headers.get('www-authenticate')
  if (headers === null) return []
  const seen = new Response(null, { status: response.status, headers: { 'www-authenticate': headers } })
  try {
    await protectedResourceRequest('none', 'GET', new URL('https://localhost/'), undefined, null, { [customFetch]: async () => seen })
  } catch (error) {
    if (error instanceof WWWAuthenticateChallengeError) return error.cause
    throw error
  }
  return []
}
