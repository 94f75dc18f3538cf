/** What a transport of the SDKs tells beside a message: how its sender can be known. */
import type { Credential } from '../core/principal.ts'
import { Secret } from '../core/secret.ts'
import { environmentCredentials } from '../identity/environment.ts'
import { readCredentials } from '../identity/presented.ts'

/**
 * The headers of the request that carried it; else the token that somebody in front has found; else, where neither can be, the environment.
 * A request over HTTP without a credential has none: the environment speaks for whoever started this process, not for callers from outside.
 */
export function credentialsOf(extra: unknown, environment: Secret | undefined): readonly Credential[] {
  const raw = rawHeadersOf(extra)
  if (raw !== undefined) return readCredentials(raw)
  const token = memberOf(memberOf(extra, 'authInfo'), 'token')
  if (typeof token === 'string') return [{ scheme: 'bearer', secret: new Secret(token) }]
  return environmentCredentials(environment)
}

/** SDK v1 has `requestInfo.headers`, a record; SDK v2 has `request`, a Request. */
function rawHeadersOf(extra: unknown): readonly string[] | undefined {
  const request = memberOf(extra, 'request')
  if (request instanceof Request) return [...request.headers].flat()
  const headers = memberOf(memberOf(extra, 'requestInfo'), 'headers')
  if (headers instanceof Headers) return [...headers].flat()
  if (typeof headers !== 'object' || headers === null) return undefined
  return Object.entries(headers).flatMap(([name, value]) => (Array.isArray(value) ? value : [value]).flatMap((one) => [name, String(one)]))
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Object.getOwnPropertyDescriptor(value, name)?.value : undefined
}
