/** What a server tells about itself as a protected resource (RFC 9728), and how a refusal says where to get what is missing. */
import type { Resource } from '../core/call.ts'
import { DENIALS, type Denial } from '../core/denial.ts'
import { isCovered, isServerCovered, type Pattern, parsePattern } from '../core/pattern.ts'
import type { Challenge } from '../mcp/refuse.ts'

/** RFC 9728 §3: put in between host and path. */
const WELL_KNOWN = '/.well-known/oauth-protected-resource'
/** RFC 9110 §8.8: an hour is short for what changes with the configuration, and long for who asks. */
export const METADATA_MAX_AGE_S = 3_600

export interface ResourceOptions {
  /** Without a slash at its end. */
  readonly publicUrl: string
  /** Their names. With one only, it is served at `/mcp` too. */
  readonly servers: readonly string[]
  /** Issuers whose tokens are taken, the preferred first; with none there is nothing to tell. */
  readonly issuers: readonly string[]
  /** `access.tools` and `access.prompts`: which scopes there are. */
  readonly tools: Readonly<Record<string, { readonly scopes?: readonly string[] }>>
  readonly prompts?: Readonly<Record<string, { readonly scopes?: readonly string[] }>>
  /** Algorithms of DPoP proofs, when they are taken (RFC 9728 §2). */
  readonly proofAlgorithms?: readonly string[]
  /** Whether clients may have certificates, so that tokens can be bound to them (RFC 9728 §2, RFC 8705 §3). */
  readonly bindsCertificates?: boolean
}

export interface Resources {
  /** Metadata as JSON text, by the exact path of a request: for GET and HEAD, `application/json`, to anybody and any origin. */
  readonly documents: ReadonlyMap<string, string>
  /** The resource identifiers of a server: what `aud` must name. */
  identifiersOf(server: string): readonly string[]
  /**
   * What a refusal on a path of ours needs beside the denial; nothing when no issuer is trusted.
   * @param path as requested, `/mcp/files`: the document must name the very URL that the client used (RFC 9728 §3.3).
   * @param asked what the call was about: then a 401 says which scopes it takes (MCP 2026-07-28, basic/authorization, Scope Selection).
   */
  challengeFor(path: string, denial: Denial, asked?: Resource): ResourceChallenge
}

export interface ResourceChallenge extends Challenge {
  /** For a 401: the scopes to ask for at sign-in. Those of a 403 stand in the denial's remedies. */
  readonly scopes?: readonly string[]
}

interface Rule {
  readonly pattern: Pattern
  readonly kind: 'tool' | 'prompt'
  readonly scopes: readonly string[]
}

export function createResources(options: ResourceOptions): Resources {
  const { publicUrl, servers, issuers } = options
  const rules = [...rulesOf(options.tools, 'tool'), ...rulesOf(options.prompts ?? {}, 'prompt')]
  const [only] = servers
  const alias = servers.length === 1 && only !== undefined ? [{ path: '/mcp', server: only }] : []
  const places = [...servers.map((server) => ({ path: `/mcp/${server}`, server })), ...alias]
  const base = new URL(publicUrl)
  const prefix = base.pathname === '/' ? '' : base.pathname
  const documents = new Map<string, string>()
  if (issuers.length > 0) {
    for (const { path, server } of places) {
      const text = JSON.stringify(documentOf(publicUrl + path, server, options, rules))
      // Where it belongs; and without the path of publicUrl, for a proxy that takes that away.
      documents.set(`${WELL_KNOWN}${prefix}${path}`, text)
      documents.set(`${WELL_KNOWN}${path}`, text)
      // RFC 9728 knows one resource at the root; of many servers none is.
      if (path === '/mcp') documents.set(WELL_KNOWN, text)
    }
  }
  const urls = new Map(places.map(({ path }) => [path, `${base.origin}${WELL_KNOWN}${prefix}${path}`]))
  const identifiers = new Map(
    servers.map((server) => [server, places.filter((place) => place.server === server).map(({ path }) => publicUrl + path)]),
  )
  return {
    documents,
    identifiersOf: (server) => identifiers.get(server) ?? [],
    challengeFor: (path, denial, asked) => {
      const url = urls.get(path)
      if (url === undefined || issuers.length === 0) return {}
      const scopes = DENIALS[denial.code].status === 401 && asked !== undefined ? scopesOf(asked, rules) : []
      return { resourceMetadata: url, ...(scopes.length === 0 ? {} : { scopes }) }
    },
  }
}

/** The same, of what is in force whenever somebody asks. */
export function latestResources(latest: () => Resources): Resources {
  return {
    get documents() {
      return latest().documents
    },
    identifiersOf: (server) => latest().identifiersOf(server),
    challengeFor: (path, denial, asked) => latest().challengeFor(path, denial, asked),
  }
}

/** RFC 9728 §2. A token in a header alone: never in a body or a query (OAuth 2.1 §5.2). */
function documentOf(
  resource: string,
  server: string,
  { issuers, proofAlgorithms, bindsCertificates }: ResourceOptions,
  rules: readonly Rule[],
): object {
  const scopes = supported(server, rules)
  return {
    resource,
    authorization_servers: issuers,
    ...(scopes.length === 0 ? {} : { scopes_supported: scopes }),
    bearer_methods_supported: ['header'],
    resource_name: server,
    ...(proofAlgorithms === undefined ? {} : { dpop_signing_alg_values_supported: proofAlgorithms }),
    ...(bindsCertificates === true ? { tls_client_certificate_bound_access_tokens: true } : {}),
  }
}

function rulesOf(section: ResourceOptions['tools'], kind: Rule['kind']): readonly Rule[] {
  return Object.entries(section).flatMap(([text, { scopes = [] }]) => {
    const pattern = parsePattern(text)
    return pattern === undefined || scopes.length === 0
      ? []
      : [{ pattern, kind, scopes: scopes.filter((scope) => scope !== 'offline_access') }]
  })
}

/**
 * The scopes that a client can ask for by name. One that differs from tool to tool is told when a tool needs it: the broad form of it
 * is not offered, or every client would ask for everything (Security Best Practices, Scope Minimization).
 */
function supported(server: string, rules: readonly Rule[]): readonly string[] {
  const found = rules
    .filter(({ pattern }) => isServerCovered(pattern, server))
    .flatMap(({ pattern, scopes }) => {
      const name = pattern.name.includes('*') ? undefined : pattern.name
      return scopes.map((scope) => fill(scope, server, name)).filter((scope) => scope !== undefined)
    })
  return [...new Set(found)].sort()
}

/** What a thing asks for: of each rule one scope is enough, and the first is the one that is meant. */
function scopesOf({ kind, server, name }: Resource, rules: readonly Rule[]): readonly string[] {
  const found = rules
    .filter((rule) => rule.kind === kind && isCovered(rule.pattern, server, name))
    .map(({ scopes: [first] }) => (first === undefined ? undefined : fill(first, server, name)))
    .filter((scope) => scope !== undefined)
  return [...new Set(found)].sort()
}

/** One pass, as `policy/access.ts` does. Undefined when it takes a name and there is none. */
function fill(template: string, server: string, name: string | undefined): string | undefined {
  if (name === undefined && template.includes('{name}')) return undefined
  return template.replaceAll(/\{(name|server)\}/g, (_, part) => (part === 'name' ? (name ?? '') : server))
}
