/** A person signs in with the browser: authorization code with PKCE, state and issuer checked (OAuth 2.1 §4.1, RFC 9207). */
import * as oidc from 'openid-client'
import { Fault } from '../core/denial.ts'
import { untilAborted } from '../core/signal.ts'
import { checkPage, openPage } from './browser.ts'
import { registeredRedirect, signInClient } from './client.ts'
import type { Obtained, Wish } from './grants.ts'
import { openLanding } from './landing.ts'
import type { SignInGrant } from './options.ts'
import { refusalOf } from './refusal.ts'

/** A person signs in, perhaps with a second factor. */
const WAIT_MS = 5 * 60_000
const OFFLINE = 'offline_access'

/** How the browser goes and comes back. */
interface Way extends AsyncDisposable {
  readonly uri: string
  go(url: URL, state: string): Promise<URL>
}

/** @throws Fault `FAULT_SIGN_IN`, `FAULT_CLIENT_REGISTRATION`, `FAULT_BROWSER` */
export async function signIn(grant: SignInGrant, wish: Wish): Promise<Obtained> {
  const { metadata, world, options } = wish
  if (metadata.code_challenge_methods_supported?.includes('S256') !== true)
    throw new Fault('FAULT_SIGN_IN', `${metadata.issuer} does not announce PKCE with S256, so nobody signs in there (OAuth 2.1 §4.1.1)`)
  if (metadata.authorization_endpoint === undefined) throw new Fault('FAULT_SIGN_IN', `${metadata.issuer} has no page to sign in at`)
  const known = options.client?.redirectUri ?? (await registeredRedirect(metadata.issuer, world))
  await using way = await openWay(grant, known, world.closing)
  const configuration = await signInClient(options, metadata, way.uri, world)
  try {
    const [verifier, state] = [oidc.randomPKCECodeVerifier(), oidc.randomState()]
    const url = oidc.buildAuthorizationUrl(configuration, {
      redirect_uri: way.uri,
      state,
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      ...scopesFor(wish),
      ...resourceOf(wish),
    })
    checkPage(url)
    const back = await way.go(url, state)
    const answer = new URL(way.uri)
    answer.search = back.search
    const checks = { expectedState: state, pkceCodeVerifier: verifier }
    const handle = wish.dpop === undefined ? {} : { DPoP: wish.dpop }
    return { configuration, response: await oidc.authorizationCodeGrant(configuration, answer, checks, resourceOf(wish), handle) }
  } catch (error) {
    throw refusalOf(`The sign-in at ${metadata.issuer} failed`, error)
  }
}

const resourceOf = ({ resource }: Wish): Record<string, string> => (resource === undefined ? {} : { resource })

/** A refresh token is asked for where the server has such a scope (SEP-2207); OpenID then wants consent (Core §11). */
function scopesFor({ scopes, metadata }: Wish): Record<string, string> {
  const isOffline = metadata.scopes_supported?.includes(OFFLINE) === true
  const names = isOffline && !scopes.includes(OFFLINE) ? [...scopes, OFFLINE] : scopes
  return { ...(names.length === 0 ? {} : { scope: names.join(' ') }), ...(isOffline ? { prompt: 'consent' } : {}) }
}

async function openWay(
  { open = openPage, redirect, waitMs = WAIT_MS }: SignInGrant,
  known: string | undefined,
  closing: AbortSignal | undefined,
): Promise<Way> {
  if (redirect !== undefined)
    return {
      uri: redirect.uri,
      go: (url) => (closing === undefined ? redirect.authorize(url) : untilAborted(closing, () => redirect.authorize(url))),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }
  const landing = await openLanding(known, closing)
  return {
    uri: landing.uri,
    async go(url, state) {
      closing?.throwIfAborted()
      const arrival = landing.arrival(state, waitMs)
      arrival.catch(() => undefined)
      // Whoever comes back before `open` is done has come back all the same.
      await Promise.race([Promise.resolve(open(url)), arrival])
      return arrival
    },
    [Symbol.asyncDispose]: () => landing[Symbol.asyncDispose](),
  }
}
