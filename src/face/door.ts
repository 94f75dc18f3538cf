/** What is looked at before anything is read: whose host, whose page, which path. */
import type { IncomingMessage } from 'node:http'
import { Denial } from '../core/denial.ts'

export interface DoorOptions {
  /** Where clients reach us: its host and origin are always served. */
  readonly publicUrl: string
  /** More `Host` values that are served, with port where there is one. */
  readonly allowedHosts: readonly string[]
  /** More web origins whose pages may call. */
  readonly allowedOrigins: readonly string[]
  /** Told the first host that is not served: who asks is told no more than that, and it may be a name of ours that nobody wrote down. */
  readonly onForeignHost?: (host: string) => void
}

/** RFC 9110 §7.2: host and port and nothing more; a path or a query in there is an attack. */
const HOST = /^([a-z0-9](?:[a-z0-9.-]{0,252}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])(?::(\d{1,5}))?$/
/** Names of this machine: safe whatever the port, because no foreign page can be served from them by DNS rebinding. */
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]'])
const MCP_HEADERS =
  'authorization, content-type, accept, x-api-key, mcp-protocol-version, mcp-method, mcp-name, mcp-session-id, last-event-id, dpop'
const EXPOSED = 'WWW-Authenticate, DPoP-Nonce, Retry-After, RateLimit, RateLimit-Policy, Mcp-Session-Id'
const PREFLIGHT_MAX_AGE_S = '600'
const PARAM_HEADER = /^mcp-param-[!#$%&'*+.^_`|~0-9a-z-]{1,64}$/

export interface Door {
  /** @throws Denial `foreign_host`, `foreign_origin`. Answers the CORS headers for the answer. */
  check(req: Pick<IncomingMessage, 'headers' | 'rawHeaders'>): readonly string[]
  /** The headers that answer a preflight of an allowed origin. */
  preflight(req: IncomingMessage): readonly string[]
}

export function createDoor(options: DoorOptions): Door {
  const publicUrl = new URL(options.publicUrl)
  const hosts = new Set([publicUrl.host, ...options.allowedHosts.map((host) => host.toLowerCase())])
  const origins = new Set([publicUrl.origin, ...options.allowedOrigins])
  let tell = options.onForeignHost
  const refuse = (host: string | undefined): never => {
    if (host !== undefined && HOST.test(host.toLowerCase())) {
      tell?.(host)
      tell = undefined
    }
    throw new Denial('foreign_host', { detail: `Host is ${JSON.stringify(host?.slice(0, 200))}` })
  }

  const check = (req: Pick<IncomingMessage, 'headers' | 'rawHeaders'>): readonly string[] => {
    const host = req.headers.host
    if (countHosts(req.rawHeaders) > 1) throw new Denial('foreign_host', { detail: 'there is more than one Host' })
    if (host === undefined || !isServed(host, hosts)) return refuse(host)
    const origin = req.headers.origin
    if (origin === undefined) return NO_HEADERS
    if (!origins.has(origin) && !isLoopbackOrigin(origin))
      throw new Denial('foreign_origin', { detail: `Origin is ${JSON.stringify(origin.slice(0, 200))}` })
    return ['Access-Control-Allow-Origin', origin, 'Vary', 'Origin', 'Access-Control-Expose-Headers', EXPOSED]
  }

  const preflight = (req: IncomingMessage): readonly string[] => {
    const asked = String(req.headers['access-control-request-headers'] ?? '')
      .toLowerCase()
      .split(/\s*,\s*/)
    const params = asked.filter((name) => PARAM_HEADER.test(name)).slice(0, 32)
    const headers = [
      'Access-Control-Allow-Methods',
      'POST, GET, DELETE',
      'Access-Control-Allow-Headers',
      [MCP_HEADERS, ...params].join(', '),
    ]
    return [...check(req), ...headers, 'Access-Control-Max-Age', PREFLIGHT_MAX_AGE_S]
  }

  return { check, preflight }
}

/** For the operator. @param setting that would have it served. */
export function unserved(host: string, setting: string): string {
  return `a client asked for the host ${host}, which is not served here: where that is this gateway, write it as ${setting}. Others like it are in the journal`
}

const NO_HEADERS: readonly string[] = []

/** RFC 9112 §3.2: more than one is refused, for whoever is behind may take the other. Node keeps the first and says nothing. */
function countHosts(raw: readonly string[]): number {
  let count = 0
  for (let at = 0; at < raw.length; at += 2) if (raw[at]?.length === HOST_CHARS && raw[at]?.toLowerCase() === 'host') count++
  return count
}

const HOST_CHARS = 4

function isServed(host: string, hosts: ReadonlySet<string>): boolean {
  if (hosts.has(host)) return true
  const match = HOST.exec(host.toLowerCase())
  const name = match?.[1]
  return match !== null && name !== undefined && (LOOPBACK.has(name) || hosts.has(match[0]))
}

function isLoopbackOrigin(origin: string): boolean {
  const match = /^https?:\/\/(.+)$/.exec(origin)
  const name = match?.[1] === undefined ? undefined : HOST.exec(match[1])?.[1]
  return name !== undefined && LOOPBACK.has(name)
}
