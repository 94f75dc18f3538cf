/** The configuration as the house uses it: spans in milliseconds, sizes in bytes, paths absolute. */
import { dirname, join, resolve } from 'node:path'
import { Secret } from '../core/secret.ts'
import { type AdminServer, contradictingAdmin, settleAdmin } from './admin.ts'
import { type ArgumentConfig, settleArguments } from './arguments.ts'
import { type AuditConfig, settleAudit, type TelemetryConfig } from './audit.ts'
import { contradictingIssuers, type IssuerConfig, settleIssuer } from './issuers.ts'
import { type LimitConfig, settleLimits } from './limits.ts'
import { contradictingOAuth, type OAuthConfig, settleOAuth } from './oauth.ts'
import type { Sensitivity, Settings } from './schema.ts'
import type { Environment, Path } from './source.ts'
import type { Address } from './values.ts'

/** All that a child inherits of our environment; nothing of the gateway's own is in there. */
const INHERITED = ['PATH', 'HOME', 'LANG', 'TMPDIR'] as const
/** A process costs tens of megabytes. */
const PROCESSES_MAX = 32
const PROCESS_IDLE_MS = 10 * 60_000
/** Stands in the folder of the database. */
const KEY_FILE = 'portcullis.key'
export const IN_MEMORY = ':memory:'

/** A server that speaks over stdio, started by us. */
export interface CommandServer {
  readonly kind: 'command'
  readonly program: string
  readonly arguments: readonly string[]
  /** Whole: what is inherited and what was written. */
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  readonly timeoutMs: number
  readonly shared: boolean
  readonly roots: boolean
  readonly maxProcesses: number
  readonly idleMs: number
}

/** A server that speaks Streamable HTTP. */
export interface UrlServer {
  readonly kind: 'url'
  readonly url: string
  readonly timeoutMs: number
}

export type ServerConfig = CommandServer | UrlServer | AdminServer

interface Need {
  readonly permission?: string
  readonly scopes?: readonly string[]
}

interface ToolConfig extends Need {
  readonly sensitivity?: Sensitivity
  /** For the screening of what is sent; the law reads what it found. */
  readonly arguments?: Readonly<Record<string, ArgumentConfig>>
}

/** The simple law, as `policy/` takes it. */
export interface AccessConfig {
  readonly roles: Settings['access']['roles']
  readonly tools: Readonly<Record<string, ToolConfig>>
  readonly prompts: Readonly<Record<string, Need>>
  readonly resources: readonly {
    readonly uri: string
    readonly server?: string
    readonly read: readonly string[]
    readonly subscribe: readonly string[]
  }[]
  /** Absolute paths or globs of Cedar files. */
  readonly policies: readonly string[]
}

export interface Config {
  /** Absolute; absent when there is no file. */
  readonly file?: string
  /** What relative paths are relative to. */
  readonly directory: string
  readonly listen: Address
  /** The admin listener, if there is one. */
  readonly admin?: Address
  /** Without a slash at its end. Absent when not written: then it follows from where the gateway listens, see `publicUrlOf`. */
  readonly publicUrl?: string
  /** Absolute path, or `:memory:`. */
  readonly store: string
  /** Where the installation's secret is; absent when the store is in memory. */
  readonly keyFile?: string
  readonly profile: Settings['profile']
  readonly allowedOrigins: readonly string[]
  /** CIDR, each in its one spelling. */
  readonly trustedProxies: readonly string[]
  /** Lower case, as in `Host`: with the port where there is one. Loopback names and the host of publicUrl are served beside them. */
  readonly allowedHosts: readonly string[]
  readonly servers: Readonly<Record<string, ServerConfig>>
  readonly authentication: {
    readonly apiKeys: { readonly prefix: string; readonly expiresMs: number }
    readonly environment: { readonly name: string; readonly value?: Secret }
    readonly anonymous?: { readonly roles: readonly string[] }
    readonly issuers: readonly IssuerConfig[]
    readonly jwtSecret?: Secret
    readonly oauth?: OAuthConfig
  }
  readonly access: AccessConfig
  readonly limits: LimitConfig
  readonly inspect: { readonly input: 'off' | 'standard' | 'strict' }
  readonly audit: AuditConfig
  readonly telemetry: TelemetryConfig
}

interface Place {
  readonly file?: string
  readonly directory: string
  readonly environment: Environment
}

/** Settings in their place: relative paths are relative to the file, the environment is looked at for the last time. */
export function settle(settings: Settings, { file, directory, environment }: Place): Config {
  const {
    authentication,
    access,
    limits,
    inspect,
    audit,
    telemetry,
    servers,
    adminServer,
    publicUrl,
    admin,
    store: _store,
    ...rest
  } = settings
  const store = settings.store === IN_MEMORY ? IN_MEMORY : resolve(directory, settings.store)
  const credential = environment[authentication.environment]
  return {
    ...rest,
    ...(file === undefined ? {} : { file }),
    ...(admin === undefined ? {} : { admin }),
    ...(publicUrl === undefined ? {} : { publicUrl: publicUrl.replace(/\/+$/, '') }),
    ...(store === IN_MEMORY ? {} : { keyFile: join(dirname(store), KEY_FILE) }),
    directory,
    store,
    servers: {
      ...mapValues(servers, (written) => settleServer(written, directory, environment)),
      ...settleAdmin(adminServer),
    },
    authentication: {
      apiKeys: { prefix: authentication.apiKeys.prefix, expiresMs: authentication.apiKeys.expires },
      environment: {
        name: authentication.environment,
        ...(credential === undefined || credential === '' ? {} : { value: new Secret(credential) }),
      },
      ...(authentication.anonymous === undefined ? {} : { anonymous: authentication.anonymous }),
      issuers: authentication.issuers.map(settleIssuer),
      ...(authentication.jwtSecret === undefined ? {} : { jwtSecret: authentication.jwtSecret }),
      ...(authentication.oauth === undefined ? {} : { oauth: settleOAuth(authentication.oauth) }),
    },
    access: settleAccess(access, directory),
    limits: settleLimits(limits, access.roles),
    inspect: { input: inspect.input ?? (settings.profile === 'strict' ? 'strict' : 'standard') },
    audit: settleAudit(audit, directory),
    telemetry: telemetry.traces === undefined ? {} : { traces: telemetry.traces },
  }
}

function settleServer(written: Settings['servers'][string], directory: string, environment: Environment): ServerConfig {
  const timeoutMs = written.timeout
  if (written.url !== undefined) return { kind: 'url', url: written.url, timeoutMs }
  const [program = '', ...rest] = written.command ?? []
  return commandServer([program, ...rest], directory, environment, written)
}

/** A server from a command line. A program written as a relative path stands relative to `directory`, wherever it is run. */
export function commandServer(
  [program, ...rest]: readonly [string, ...string[]],
  directory: string,
  environment: Environment,
  written: Pick<Settings['servers'][string], 'timeout' | 'env' | 'cwd' | 'shared' | 'roots' | 'maxProcesses' | 'idle'>,
): CommandServer {
  const inherited = INHERITED.flatMap((name) => (environment[name] === undefined ? [] : [[name, environment[name]] as const]))
  return {
    kind: 'command',
    program: /^\.{1,2}[/\\]/.test(program) ? resolve(directory, program) : program,
    arguments: rest,
    env: { ...Object.fromEntries(inherited), ...written.env },
    cwd: resolve(directory, written.cwd ?? '.'),
    timeoutMs: written.timeout,
    shared: written.shared ?? false,
    roots: written.roots ?? false,
    maxProcesses: written.maxProcesses ?? PROCESSES_MAX,
    idleMs: written.idle ?? PROCESS_IDLE_MS,
  }
}

function settleAccess(access: Settings['access'], directory: string): AccessConfig {
  return {
    roles: access.roles,
    tools: mapValues(access.tools, ({ sensitivity, arguments: written, ...rest }) => ({
      ...need(rest),
      ...(sensitivity === undefined ? {} : { sensitivity }),
      ...(written === undefined ? {} : { arguments: settleArguments(written, directory) }),
    })),
    prompts: mapValues(access.prompts, need),
    resources: access.resources.map(({ server, ...rule }) => ({ ...rule, ...(server === undefined ? {} : { server }) })),
    policies: access.policies.map((glob) => resolve(directory, glob)),
  }
}

function need({ permission, scope }: Settings['access']['prompts'][string]): Need {
  return { ...(permission === undefined ? {} : { permission }), ...(scope === undefined ? {} : { scopes: scope }) }
}

function mapValues<From, To>(values: Readonly<Record<string, From>>, change: (value: From) => To): Readonly<Record<string, To>> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]))
}

/** What clients use: as written, or made from where the gateway listens. @param port the one in use, when `listen` asks for any (0). */
export function publicUrlOf(config: Pick<Config, 'publicUrl' | 'listen'>, port = config.listen.port): string {
  if (config.publicUrl !== undefined) return config.publicUrl
  const { host } = config.listen
  if (host === '0.0.0.0' || host === '::') return `http://localhost:${port}`
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** 127.0.0.0/8, ::1 and their names. */
function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host)
}

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
  found.push(...contradictingAdmin(settings.adminServer, settings.servers))
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

function strictly({ authentication, publicUrl, listen }: Settings): readonly Contradiction[] {
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
