/** What no single setting is guilty of: settings that contradict each other, or the profile. */

import { contradictingAdmin, contradictingSignIn } from './admin.ts'
import { contradictingAnomalies } from './anomalies.ts'
import { contradictingIssuers } from './issuers.ts'
import { contradictingLimits } from './limits.ts'
import { meant } from './names.ts'
import { contradictingOAuth } from './oauth.ts'
import { adminUrlOf, isEverywhere, isLoopback, publicUrlOf } from './public-url.ts'
import { loose } from './sandbox.ts'
import type { Settings } from './schema.ts'
import { type Path, showPath } from './source.ts'
import { contradictingTls } from './tls.ts'
import type { Address } from './values.ts'

interface Contradiction {
  readonly path: Path
  readonly expected: string
}

/** What no single setting is guilty of. */
export function contradictions(settings: Settings): readonly Contradiction[] {
  const found: Contradiction[] = []
  const { roles } = settings.access
  for (const [name, role] of Object.entries(roles)) {
    for (const parent of role.inherits) {
      if (!Object.hasOwn(roles, parent))
        found.push({
          path: ['access', 'roles', name, 'inherits'],
          expected: `expected a role of access.roles, there is no "${parent}"${meant(parent, Object.keys(roles))}`,
        })
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
          expected: `expected a role of access.roles, or a principal as issuer#subject${meant(who, Object.keys(roles))}`,
        })
      }
    }
  }
  for (const { path, expected } of contradictingAnomalies(settings.anomalies)) found.push({ path: ['anomalies', ...path], expected })
  found.push(...contradictingAddresses(settings), ...contradictingLimits(settings.limits))
  const { peers } = settings
  if (peers !== undefined && peers.url === undefined && isEverywhere(peers.listen.host))
    found.push({ path: ['peers', 'url'], expected: 'expected a URL, because `listen` does not tell where this replica is' })
  for (const { path, expected } of contradictingIssuers(settings.authentication.issuers))
    found.push({ path: ['authentication', 'issuers', ...path], expected })
  const { oauth } = settings.authentication
  for (const { path, expected } of oauth === undefined ? [] : contradictingOAuth(oauth))
    found.push({ path: ['authentication', 'oauth', ...path], expected })
  found.push(...contradictingAdmin(settings.adminServer, settings.servers), ...contradictingSignIn(settings.adminSignIn, settings.admin))
  found.push(
    ...contradictingTls({
      tls: settings.tls,
      certificates: settings.authentication.certificates,
      hasProxies: settings.trustedProxies.length > 0,
      hasOAuth: oauth !== undefined,
      url: new URL(publicUrlOf(settings)),
      urlSetting: settings.publicUrl === undefined ? 'listen' : 'publicUrl',
    }),
  )
  for (const [name, server] of Object.entries(settings.servers)) {
    const variable = settings.authentication.environment
    for (const path of [['env'], ['credential', 'environment']]) {
      const variables = path[0] === 'env' ? server.env : server.credential?.environment
      if (variables === undefined || !Object.hasOwn(variables, variable)) continue
      found.push({
        path: ['servers', name, ...path, variable],
        expected: `expected another name: ${variable} holds the caller's credential, which no server may see`,
      })
    }
    found.push(...contradictingCredential(name, server, settings))
  }
  if (settings.profile === 'strict') found.push(...strictly(settings))
  return found
}

/** Each listener has an address of its own. */
function contradictingAddresses({ listen, admin, peers, tls }: Settings): readonly Contradiction[] {
  const listeners: readonly (readonly [Path, Address | undefined])[] = [
    [['listen'], listen],
    [['admin'], admin],
    [['peers', 'listen'], peers?.listen],
    [['tls', 'redirect'], tls?.redirect],
  ]
  return listeners.flatMap(([path, address], index) => {
    const taken = listeners.slice(0, index).find(([, other]) => address && other && isSameAddress(address, other))
    if (taken === undefined) return []
    return [{ path, expected: `expected another port, because ${showPath(taken[0])} has ${address?.port}` }]
  })
}

/** Port 0 is any that is free. Who listens everywhere has the port at every address. */
function isSameAddress(one: Address, other: Address): boolean {
  if (one.port === 0 || one.port !== other.port) return false
  const [left, right] = [one, other].map(({ host }) => (host === 'localhost' ? '127.0.0.1' : host))
  const isEverywhere = (host = '', there = ''): boolean => host === '::' || (host === '0.0.0.0' && !there.includes(':'))
  return left === right || isEverywhere(left, right) || isEverywhere(right, left)
}

function contradictingCredential(
  name: string,
  { url, credential }: Settings['servers'][string],
  settings: Settings,
): readonly Contradiction[] {
  if (url === undefined || credential === undefined) return []
  const { oauth, issuers, jwtSecret } = settings.authentication
  const told = (kind: string, expected: string): Contradiction => ({ path: ['servers', name, 'credential', kind], expected })
  const found: Contradiction[] = []
  if (credential.connection !== undefined && oauth === undefined)
    found.push(
      told(
        'connection',
        'expected authentication.oauth: who connects an account has to sign in here, so that nobody connects it for another',
      ),
    )
  if (credential.tokenExchange !== undefined && oauth === undefined && issuers.length === 0 && jwtSecret === undefined)
    found.push(told('tokenExchange', 'expected authentication.issuers or oauth: without tokens there is nothing to exchange'))
  const isPersonal = credential.connection !== undefined || credential.tokenExchange !== undefined
  if (isPlainAbroad(url) && (isPersonal || settings.profile === 'strict'))
    found.push({ path: ['servers', name, 'url'], expected: 'expected an https:// URL, because a credential goes over it' })
  return found
}

function strictly(settings: Settings): readonly Contradiction[] {
  const { authentication, servers } = settings
  const found: Contradiction[] = []
  if (authentication.anonymous !== undefined)
    found.push({ path: ['authentication', 'anonymous'], expected: 'expected no anonymous callers in profile strict' })
  for (const { path, isAdmin } of plainListeners(settings)) {
    found.push({
      path,
      expected: isAdmin
        ? 'expected an https:// adminUrl in profile strict, because passwords are typed there'
        : 'expected an https:// publicUrl in profile strict, because others than this machine are to reach it',
    })
  }
  for (const [name, { command, sandbox, url: at, credential }] of Object.entries(servers)) {
    // With a credential it is told already.
    if (at !== undefined && credential === undefined && isPlainAbroad(at))
      found.push({ path: ['servers', name, 'url'], expected: 'expected an https:// URL in profile strict, because others are on the way' })
    if (command !== undefined) found.push(...loose(command, sandbox).map((rest) => ({ ...rest, path: ['servers', name, ...rest.path] })))
  }
  return found
}

interface Listeners extends Pick<Settings, 'listen' | 'admin'> {
  readonly publicUrl?: string | undefined
  readonly adminUrl?: string | undefined
  readonly tls?: object | undefined
}

/**
 * Listeners that others than this machine reach by plain http. Where one listens everywhere and nobody has written by which URL it is reached,
 * it is reached from everywhere.
 */
export function plainListeners(settings: Listeners): readonly { readonly path: Path; readonly isAdmin: boolean }[] {
  const { listen, publicUrl, admin, adminUrl } = settings
  const isPlain = (written: string | undefined, made: string, host: string): boolean =>
    isPlainAbroad(made) || (written === undefined && isEverywhere(host) && made.startsWith('http:'))
  const isAdminPlain = admin !== undefined && isPlain(adminUrl, adminUrlOf(settings, admin), admin.host)
  return [
    ...(isPlain(publicUrl, publicUrlOf(settings), listen.host)
      ? [{ path: [publicUrl === undefined ? 'listen' : 'publicUrl'], isAdmin: false }]
      : []),
    ...(isAdminPlain ? [{ path: [adminUrl === undefined ? 'admin' : 'adminUrl'], isAdmin: true }] : []),
  ]
}

/** Plain http to another machine. */
export function isPlainAbroad(url: string): boolean {
  const { protocol, hostname } = new URL(url)
  return protocol === 'http:' && !isLoopback(hostname)
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
