/** Which scopes a client may have on a server: what is offered, what of it is for whom, and what is meant when none is named. */
import type { Terms } from './clients.ts'
import type { ResourceOptions, ScopeOptions } from './options.ts'
import type { Asked } from './pages.ts'

/** Scopes of one request, as many as a person could read. */
const SCOPES_MAX = 64

/** `mcp:tool:*` covers `mcp:tool:echo` and itself. */
function covers(offered: string, scope: string): boolean {
  return offered === scope || (offered.endsWith('*') && scope.startsWith(offered.slice(0, -1)))
}

function offerOf(resource: ResourceOptions, scope: string): ScopeOptions | undefined {
  return resource.scopes.find(({ name }) => name === scope) ?? resource.scopes.find(({ name }) => covers(name, scope))
}

/** Those of `wanted` that the client may have on this server, plus all that are offered to it by name. */
export function scopesFor(resource: ResourceOptions, terms: Terms, wanted: Iterable<string>): readonly string[] {
  const may = (scope: string): boolean => {
    const offer = offerOf(resource, scope)
    if (offer === undefined) return false
    if (terms.origin !== 'configured') return offer.privileged !== true
    return terms.scopes === undefined ? offer.privileged !== true : terms.scopes.some((ceiling) => covers(ceiling, scope))
  }
  const names = [...resource.scopes.map(({ name }) => name), ...[...wanted].slice(0, SCOPES_MAX)]
  return [...new Set(names)].filter(may)
}

/** What is meant by a request that names no scope: what is marked so, else all that the client may have. */
export function defaultScopes(resource: ResourceOptions, terms: Terms): readonly string[] {
  const all = scopesFor(resource, terms, [])
  const marked = all.filter((scope) => offerOf(resource, scope)?.isDefault === true)
  return marked.length > 0 ? marked : all
}

/** In words, for people. */
export function inWords(identifier: string, resource: ResourceOptions | undefined, scopes: readonly string[]): Asked {
  return {
    resource: identifier,
    name: resource?.name ?? identifier,
    scopes: scopes.map((name) => {
      const offer = resource === undefined ? undefined : offerOf(resource, name)
      const description = offer?.description
      if (description === undefined) return { name, description: name }
      return { name, description: offer?.name === name ? description : `${description}: ${name}` }
    }),
  }
}

/** Every scope that is offered to anybody, for the metadata. */
export function offeredScopes(resources: ReadonlyMap<string, ResourceOptions>): readonly string[] {
  return [
    ...new Set(
      [...resources.values()].flatMap(({ scopes }) => scopes.filter(({ privileged }) => privileged !== true).map(({ name }) => name)),
    ),
  ]
}
