/** What a server says of itself: who issues tokens for it, and as what (RFC 9728). */
import { z } from 'zod'
import { Fault } from '../core/denial.ts'
import type { JsonObject } from '../core/json.ts'
import type { Fetched, GuardedFetch } from '../net/fetch.ts'
import { readDocument } from '../trust/document.ts'

const METADATA = z.looseObject({
  resource: z.string(),
  authorization_servers: z.array(z.string()).min(1),
  scopes_supported: z.array(z.string()).optional(),
  dpop_bound_access_tokens_required: z.boolean().optional(),
})

export interface ResourceMetadata {
  /** To be asked for, character by character (RFC 8707). */
  readonly resource: string
  /** Whose tokens it takes, in its order. */
  readonly issuers: readonly [string, ...string[]]
  readonly scopes: readonly string[] | undefined
  readonly isBound: boolean
}

/** The server, as tokens are kept for it: without query and fragment. @throws TypeError when it is no URL. */
export function serverOf(url: string | URL): URL {
  const server = new URL(url)
  server.search = ''
  server.hash = ''
  return server
}

/** Tokens travel over TLS, or never leave the machine. */
export function isSafe(url: URL): boolean {
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url))
}

export function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname)
}

/** RFC 9728 §3.1: first the place for this path, then the root. */
function wellKnown(server: URL): readonly string[] {
  const root = `${server.origin}/.well-known/oauth-protected-resource`
  const path = server.pathname.replace(/\/+$/, '')
  return path === '' ? [root] : [`${root}${path}`, root]
}

/** A server in trouble has said nothing of itself. @throws Fault `FAULT_FETCH` then; `FAULT_ISSUER` when it is no JSON document. */
export function readMetadata(fetched: Fetched, place: string): JsonObject {
  if (fetched.status >= 500 || fetched.status === 429) throw new Fault('FAULT_FETCH', `${place}: status ${fetched.status}`)
  return readDocument(fetched, place)
}

/**
 * @param announced where the server said that it is described; it is looked at nowhere else then.
 * @returns undefined when the server describes itself nowhere.
 * @throws Fault `FAULT_DISCOVERY` when a description is not believed; `FAULT_FETCH` when there is no answer.
 */
export async function discoverResource(
  server: URL,
  announced: string | undefined,
  fetch: Pick<GuardedFetch, 'request'>,
): Promise<ResourceMetadata | undefined> {
  for (const place of announced === undefined ? wellKnown(server) : [announced]) {
    const fetched = await fetch.request(place, { headers: { accept: 'application/json' } })
    if (announced === undefined && fetched.status >= 400 && fetched.status < 500) continue
    return believe(server, place, METADATA.safeParse(readMetadata(fetched, place)))
  }
  return undefined
}

function believe(server: URL, place: string, { success, data }: z.ZodSafeParseResult<z.infer<typeof METADATA>>): ResourceMetadata {
  if (!success) throw new Fault('FAULT_DISCOVERY', `${place}: it is no protected resource metadata (RFC 9728)`)
  const [first, ...more] = data.authorization_servers
  if (first === undefined || !covers(data.resource, server, place))
    throw new Fault('FAULT_DISCOVERY', `${place}: it describes another resource than ${server.href}`)
  return {
    resource: data.resource,
    issuers: [first, ...more],
    scopes: data.scopes_supported,
    isBound: data.dpop_bound_access_tokens_required === true,
  }
}

/**
 * Whether a resource identifier is of this server: its URL; or one that it lies under, as MCP lets several endpoints be one resource, and then
 * only where that resource describes itself (RFC 9728 §3.3): a tenant of a host does not speak for the host. Never one of another origin.
 */
function covers(resource: string, server: URL, place: string): boolean {
  const url = URL.parse(resource)
  if (url === null || url.origin !== server.origin || url.search !== '' || url.hash !== '' || url.username !== '') return false
  const path = url.pathname.replace(/\/+$/, '')
  if (server.pathname.replace(/\/+$/, '') === path) return true
  return server.pathname.startsWith(`${path}/`) && new URL(place).href === wellKnown(url)[0]
}
