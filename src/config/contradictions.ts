/** What no single setting is guilty of: settings that cannot be meant beside each other. */
import type { Contradiction } from './assertions.ts'
import { adminUrlOf, publicUrlOf } from './config.ts'
import { contradictingIssuers } from './issuers.ts'
import { contradictingOAuth } from './oauth.ts'
import type { Settings } from './schema.ts'

/** 127.0.0.0/8, ::1 and their names. */
function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host)
}

/** What no single setting is guilty of. */
export function contradictions(settings: Settings): readonly Contradiction[] {
  const found: Contradiction[] = []
  const { roles } = settings.access
  for (const [name, role] of Object.entries(roles)) {
    for (const parent of role.inherits) {
      if (!Object.hasOwn(roles, parent))
        found.push({ path: ['access', 'roles', name, 'inherits'], expected: `expected a role of access.roles, there is no "${parent}"` })
    }
    if (inheritsItself(name, roles))
      found.push({ path: ['access', 'roles', name, 'inherits'], expected: 'expected no circle, this role inherits itself' })
  }
  for (const [index, rule] of settings.access.resources.entries()) {
    for (const verb of ['read', 'subscribe'] as const) {
      for (const [at, who] of rule[verb].entries()) {
        if (who.includes('#') || Object.hasOwn(roles, who)) continue
        found.push({
          path: ['access', 'resources', index, verb, at],
          expected: 'expected a role of access.roles, or a principal as issuer#subject',
        })
      }
    }
  }
  for (const { path, expected } of contradictingIssuers(settings.authentication.issuers))
    found.push({ path: ['authentication', 'issuers', ...path], expected })
  const { oauth } = settings.authentication
  for (const { path, expected } of oauth === undefined ? [] : contradictingOAuth(oauth))
    found.push({ path: ['authentication', 'oauth', ...path], expected })
  for (const [name, server] of Object.entries(settings.servers)) {
    const variable = settings.authentication.environment
    if (server.env !== undefined && Object.hasOwn(server.env, variable)) {
      found.push({
        path: ['servers', name, 'env', variable],
        expected: `expected another name: ${variable} holds the caller's credential, which no server may see`,
      })
    }
  }
  if (settings.profile === 'strict') found.push(...strictly(settings))
  return found
}

function strictly({ authentication, publicUrl, listen, admin, adminUrl }: Settings): readonly Contradiction[] {
  const url = new URL(publicUrlOf({ listen, ...(publicUrl === undefined ? {} : { publicUrl }) }))
  const found: Contradiction[] = []
  if (authentication.anonymous !== undefined)
    found.push({ path: ['authentication', 'anonymous'], expected: 'expected no anonymous callers in profile strict' })
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) {
    found.push({
      path: [publicUrl === undefined ? 'listen' : 'publicUrl'],
      expected: 'expected an https:// publicUrl in profile strict, because others than this machine are to reach it',
    })
  }
  const pages = admin === undefined ? undefined : new URL(adminUrlOf(adminUrl === undefined ? {} : { adminUrl }, admin))
  if (pages?.protocol === 'http:' && !isLoopback(pages.hostname)) {
    found.push({
      path: [adminUrl === undefined ? 'admin' : 'adminUrl'],
      expected: 'expected an https:// adminUrl in profile strict, because passwords are typed there',
    })
  }
  return found
}

function inheritsItself(name: string, roles: Settings['access']['roles']): boolean {
  const seen = new Set<string>()
  const open = [...(roles[name]?.inherits ?? [])]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (next === name) return true
    if (seen.has(next)) continue
    seen.add(next)
    open.push(...(roles[next]?.inherits ?? []))
  }
  return false
}
