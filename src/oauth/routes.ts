/** Which paths are the authorization server's own, and what is counted of the requests for them. */
import type { Attempt } from './attempts.ts'
import type { AuthorizationServerOptions } from './options.ts'
import { ROUTES } from './provider.ts'

/** Ids of ours in a path: 21 to 64 letters of base64url. */
const ID = '[\\w-]{21,64}'

/** Every place where the metadata is looked for, and what the library calls it. */
export function wellKnownPaths(base: string): ReadonlyMap<string, string> {
  const oauth = '/.well-known/oauth-authorization-server'
  const openid = '/.well-known/openid-configuration'
  return new Map([
    [`${oauth}${base}`, oauth],
    [`${openid}${base}`, openid],
    [`${base}${openid}`, openid],
  ])
}

export function exactRoutes({ registration: { dynamic } }: AuthorizationServerOptions): ReadonlySet<string> {
  const { registration, ...rest } = ROUTES
  return new Set([...Object.values(rest), ...(dynamic ? [registration] : []), '/signed-in'])
}

export const BELOW = new RegExp(`^/(?:authorize/${ID}|device/${ID}|interaction/${ID}(?:/with/\\d{1,2}|/back/${ID})?)$`)

/** What is counted of a request: the dear ones, and those with which one guesses. */
export function attemptsOf(method: string, route: string, address: string): Partial<Record<Attempt, string>> {
  if (route === ROUTES.authorization || route === ROUTES.pushed_authorization_request || route === ROUTES.device_authorization)
    return { authorization: address }
  if (method !== 'POST') return {}
  if (route === ROUTES.registration) return { registration: address }
  if (route === ROUTES.code_verification) return { userCode: address }
  return route === ROUTES.token || route === ROUTES.introspection || route === ROUTES.revocation ? { token: address } : {}
}

export function split(url: string): { readonly path: string; readonly query: string } {
  const at = url.indexOf('?')
  return at === -1 ? { path: url, query: '' } : { path: url.slice(0, at), query: url.slice(at) }
}
