/** authenticatedFetch: a fetch that knows how to be let in, and gives what it knows to nobody else. */
import { setTimeout as sleep } from 'node:timers/promises'
import { allowInsecureRequests, customFetch, isDPoPNonceError, protectedResourceRequest, WWWAuthenticateChallengeError } from 'oauth4webapi'
import { untilAborted } from '../core/signal.ts'
import { parseRetryAfter } from '../core/time.ts'
import { challengeOf } from './challenge.ts'
import type { Token } from './kept.ts'
import type { TokenManager } from './manager.ts'
import { isSafe } from './resource.ts'

/** A server that is never content is asked for more scopes so often (SEP-2350: a few). */
const STEP_UPS_MAX = 2
/** A server that is busy is asked again so often. */
const WAITS_MAX = 3
/** Who says a longer `Retry-After` is told to the caller instead. */
const WAIT_MAX_MS = 30_000
/** Every body is kept until its answer: a call is made again. */
const BODY_MAX_BYTES = 16 * 1024 * 1024

/** Any function that is called like the global `fetch`. */
export type FetchLike = (input: string | URL | Request, init?: RequestInit) => Promise<Response>

/** With what `authenticatedFetch` makes its calls, and how it waits. */
export interface AuthenticatedFetchOptions {
  /** What the calls are made with; default: the global `fetch`. */
  readonly fetch?: FetchLike
  /** Passes so many milliseconds, or throws what the signal says; default: a timer. */
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>
}

/** One call, as it can be made again. */
interface Call {
  readonly url: URL
  readonly method: string
  readonly headers: Headers
  readonly body: Uint8Array<ArrayBuffer> | null
  readonly signal: AbortSignal
  /** Kept, because the signal of a Request follows the caller's only until the Request is collected. */
  readonly held: readonly (string | URL | Request)[]
}

/**
 * A `fetch` for calls to MCP servers. It attaches the token of the server called; on 401 it renews the token and tries once more; on 403
 * `insufficient_scope` it asks for more scopes, a few times; on 429 and 503 it waits as `Retry-After` says. It follows no redirect.
 * What remains refused is answered as it came. Whoever gives up (`signal`) is let go at once; a sign-in that is under way goes on.
 * @throws Fault (rejects) when no token can be had: `FAULT_SIGN_IN`, `FAULT_DISCOVERY`, `FAULT_CLIENT_REGISTRATION`, `FAULT_BROWSER`, `FAULT_FETCH`, `FAULT_FETCH_REFUSED`, `FAULT_CLOSED`.
 * @throws TypeError (rejects) when the call carries an `authorization` of its own, or has too large a body.
 */
export function authenticatedFetch(manager: TokenManager, options: AuthenticatedFetchOptions = {}): FetchLike {
  const base = options.fetch ?? globalThis.fetch
  const wait = options.wait ?? ((ms, signal) => sleep(ms, undefined, { signal }))
  return async (input, init) => {
    const call = await callOf(input, init)
    for (let waits = 0; ; waits++) {
      const response = await attempt(manager, call, base)
      const ms = waits < WAITS_MAX ? delayOf(response) : undefined
      if (ms === undefined) return response
      await response.body?.cancel()
      await wait(ms, call.signal)
    }
  }
}

async function callOf(input: string | URL | Request, init: RequestInit | undefined): Promise<Call> {
  const request = new Request(input, init)
  if (request.headers.has('authorization'))
    throw new TypeError('The call has an authorization of its own: leave it out, or use another fetch')
  const body = request.body === null ? null : new Uint8Array(await request.arrayBuffer())
  if (body !== null && body.length > BODY_MAX_BYTES) throw new TypeError(`A body has at most ${BODY_MAX_BYTES} bytes`)
  const url = new URL(request.url)
  url.hash = ''
  return { url, method: request.method, headers: request.headers, body, signal: request.signal, held: [input, request] }
}

/** The call with a token, renewed once when it is refused, widened a few times when it is not enough. */
async function attempt(manager: TokenManager, call: Call, base: FetchLike): Promise<Response> {
  const { url, signal } = call
  let token = isSafe(url) ? await untilAborted(signal, () => manager.token(url)) : undefined
  let response = await send(call, token, base)
  let isRenewed = false
  for (let stepUps = 0; ; ) {
    const challenge = response.status === 401 || response.status === 403 ? await challengeOf(response) : undefined
    const isStepUp = response.status === 403 && challenge?.error === 'insufficient_scope' && stepUps < STEP_UPS_MAX
    const isRefused = response.status === 401 && !isRenewed
    if (!isStepUp && !isRefused) return response
    if (isStepUp) stepUps++
    else isRenewed = true
    // First: an answer that nobody reads holds its connection, and the process with it.
    await response.body?.cancel()
    const refused = token?.accessToken
    token = await untilAborted(signal, () => manager.renew(url, challenge, refused))
    response = await send(call, token, base)
  }
}

/** One exchange. The library writes the header and the proof, and takes the server's nonce. */
async function send(call: Call, token: Token | undefined, base: FetchLike): Promise<Response> {
  const { url, method, headers, body, signal } = call
  if (token === undefined) return await base(url, { method, headers, body, signal, redirect: 'manual' })
  const request = (): Promise<Response> =>
    protectedResourceRequest(token.accessToken, method, url, new Headers(headers), body, {
      [allowInsecureRequests]: true,
      [customFetch]: (to, init) => base(to, { method, headers: init.headers, body, signal, redirect: 'manual' }),
      ...(token.dpop === undefined ? {} : { DPoP: token.dpop }),
    })
  try {
    return await request().catch((error: unknown) => (isDPoPNonceError(error) ? request() : Promise.reject(error)))
  } catch (error) {
    // The answer is what we are after, challenge and all.
    if (error instanceof WWWAuthenticateChallengeError) return error.response
    throw error
  }
}

/** How long a busy server wants to be left alone; undefined when it does not say, or says too long. */
function delayOf(response: Response): number | undefined {
  if (response.status !== 429 && response.status !== 503) return undefined
  const ms = parseRetryAfter(response.headers.get('retry-after') ?? '', Date.now())
  return ms === undefined || ms > WAIT_MAX_MS ? undefined : ms
}
