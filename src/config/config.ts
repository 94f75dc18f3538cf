/** The configuration as the house uses it: spans in milliseconds, sizes in bytes, paths absolute. */
import { resolve } from 'node:path'
import { Secret } from '../core/secret.ts'
import { type AdminServer, settleAdmin } from './admin.ts'
import { type AnomalyConfig, settleAnomalies } from './anomalies.ts'
import { type ApprovalConfig, settleApproval } from './approval.ts'
import { type ArgumentConfig, settleArguments } from './arguments.ts'
import { type AuditConfig, settleAudit, type TelemetryConfig } from './audit.ts'
import { type CredentialConfig, settleCredential } from './credentials.ts'
import { type FlowConfig, settleFlow } from './flow.ts'
import type { HandleConfig } from './handles.ts'
import { type InspectConfig, settleInspect } from './inspect.ts'
import { type IssuerConfig, settleIssuer } from './issuers.ts'
import { type LimitConfig, settleLimits } from './limits.ts'
import { type OAuthConfig, type SignInConfig, settleOAuth, settleSignIn } from './oauth.ts'
import { type SandboxConfig, settleSandbox } from './sandbox.ts'
import type { Sensitivity, Settings } from './schema.ts'
import type { Sealing } from './sealing.ts'
import type { Environment } from './source.ts'
import { type StoreConfig, settleStore } from './store.ts'
import { type CertificateConfig, settleCertificates, settleTls, settleUpstreamTls, type TlsConfig, type UpstreamTlsConfig } from './tls.ts'
import type { Address } from './values.ts'

/** All that a child inherits of our environment; nothing of the gateway's own is in there. */
const INHERITED = ['PATH', 'HOME', 'LANG', 'TMPDIR'] as const
/** In a sandbox: the home of whoever started us is not there. */
const INHERITED_IN_SANDBOX = ['PATH', 'LANG'] as const
/** A process costs tens of megabytes. */
const PROCESSES_MAX = 32
/** With what makes a chain of it, a mark has room for it. */
const NODE_MAX_CHARS = 63
const PROCESS_IDLE_MS = 10 * 60_000

/** A server that speaks over stdio, started by us. */
export interface CommandServer {
  readonly kind: 'command'
  readonly program: string
  readonly arguments: readonly string[]
  /** Whole: what is inherited and what was written. */
  readonly env: Readonly<Record<string, string>>
  /** Variables beside those, that show nowhere. */
  readonly secrets?: Readonly<Record<string, Secret>>
  readonly cwd: string
  readonly timeoutMs: number
  readonly shared: boolean
  readonly roots: boolean
  readonly sampling?: true
  readonly maxProcesses: number
  readonly idleMs: number
  /** What it may touch. `off`: the operator wrote that it has none; absent: nothing was written. */
  readonly sandbox?: SandboxConfig | 'off'
}

/** A server that speaks Streamable HTTP. */
export interface UrlServer {
  readonly kind: 'url'
  readonly url: string
  /** What the gateway presents; absent: nothing. */
  readonly credential?: CredentialConfig
  readonly timeoutMs: number
  readonly tls?: UpstreamTlsConfig
  readonly sampling?: true
}

export type ServerConfig = CommandServer | UrlServer | AdminServer

export interface PeerConfig {
  readonly listen: Address
  readonly url?: string
}

interface Need {
  readonly permission?: string
  readonly scopes?: readonly string[]
}

interface ToolConfig extends Need {
  readonly sensitivity?: Sensitivity
  readonly approval?: boolean
  readonly confirm?: boolean
  readonly destructive?: boolean
  readonly openWorld?: boolean
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

export interface Config extends StoreConfig {
  /** Absolute; absent when there is no file. */
  readonly file?: string
  /** What relative paths are relative to. */
  readonly directory: string
  readonly listen: Address
  /** The listener for people who settle and look; none unless written. */
  readonly admin?: Address
  /** Where people reach it, without a slash at its end; absent when not written, see `adminUrlOf`. */
  readonly adminUrl?: string
  /** Where people may sign in to it, beside local users. */
  readonly adminSignIn: readonly SignInConfig[]
  /** Without a slash at its end. Absent when not written: then it follows from where the gateway listens, see `publicUrlOf`. */
  readonly publicUrl?: string
  /** What this replica is called in the journal; absent where nobody has said, and it needs no name. */
  readonly node?: string
  readonly peers?: PeerConfig
  /** The keys that secrets are sealed with. */
  readonly sealing: Sealing
  readonly profile: Settings['profile']
  /** Absent: the listener speaks plain HTTP. */
  readonly tls?: TlsConfig
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
    readonly certificates?: CertificateConfig
    readonly issuers: readonly IssuerConfig[]
    readonly jwtSecret?: Secret
    readonly oauth?: OAuthConfig
  }
  readonly access: AccessConfig
  readonly limits: LimitConfig
  /** Absent: nothing is looked for. */
  readonly anomalies?: AnomalyConfig
  readonly inspect: InspectConfig
  /** Absent: nothing is kept track of. */
  readonly flow?: FlowConfig
  readonly handles: HandleConfig
  readonly approval: ApprovalConfig
  readonly audit: AuditConfig
  readonly telemetry: TelemetryConfig
}

interface Place {
  readonly file?: string
  readonly sealing: Sealing
  readonly directory: string
  readonly environment: Environment
  /** Of this machine. */
  readonly host: string
}

/** Settings in their place: relative paths are relative to the file, the environment is looked at for the last time. */
export function settle(settings: Settings, { file, sealing, directory, environment, host }: Place): Config {
  const {
    authentication,
    access,
    limits,
    inspect,
    audit,
    anomalies: strange,
    telemetry,
    servers,
    adminServer,
    publicUrl,
    admin,
    adminUrl,
    adminSignIn,
    tls,
    store,
    keyFile,
    node,
    peers,
    sealing: _sealing,
    flow,
    ...rest
  } = settings
  const kept = settleStore(store, keyFile, directory)
  const name = node ?? (kept.redis === undefined ? undefined : nodeOf(host))
  const credential = environment[authentication.environment]
  const anomalies = settleAnomalies(strange)
  return {
    ...rest,
    ...(file === undefined ? {} : { file }),
    ...(admin === undefined ? {} : { admin }),
    ...(publicUrl === undefined ? {} : { publicUrl: publicUrl.replace(/\/+$/, '') }),
    ...kept,
    ...(name === undefined ? {} : { node: name }),
    ...(peers === undefined ? {} : { peers: { listen: peers.listen, ...(peers.url === undefined ? {} : { url: peers.url }) } }),
    ...(adminUrl === undefined ? {} : { adminUrl: adminUrl.replace(/\/+$/, '') }),
    adminSignIn: adminSignIn.map(settleSignIn),
    ...(tls === undefined ? {} : { tls: settleTls(tls, directory) }),
    sealing,
    directory,
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
      ...(authentication.certificates === undefined ? {} : { certificates: settleCertificates(authentication.certificates) }),
      issuers: authentication.issuers.map(settleIssuer),
      ...(authentication.jwtSecret === undefined ? {} : { jwtSecret: authentication.jwtSecret }),
      ...(authentication.oauth === undefined ? {} : { oauth: settleOAuth(authentication.oauth) }),
    },
    access: settleAccess(access, directory),
    limits: settleLimits(limits, access.roles),
    ...(anomalies === undefined ? {} : { anomalies }),
    inspect: settleInspect(inspect, settings.profile === 'strict'),
    ...(flow === undefined ? {} : { flow: settleFlow(flow) }),
    approval: settleApproval(settings.approval),
    audit: settleAudit(audit, directory),
    telemetry: telemetry.traces === undefined ? {} : { traces: telemetry.traces },
  }
}

/** A host's name as the name of a node. */
function nodeOf(host: string): string {
  const name = host
    .toLowerCase()
    .replaceAll(/[^a-z0-9.-]/g, '-')
    .slice(0, NODE_MAX_CHARS)
  return /^[a-z0-9]/.test(name) ? name : 'gateway'
}

function settleServer(written: Settings['servers'][string], directory: string, environment: Environment): ServerConfig {
  const credential = written.credential === undefined ? undefined : settleCredential(written.credential)
  const { url, tls, sampling = false } = written
  if (url !== undefined) {
    const shown = { ...(credential && { credential }), ...(tls && { tls: settleUpstreamTls(tls, directory) }) }
    return { kind: 'url', url, timeoutMs: written.timeout, ...shown, ...(sampling && { sampling }) }
  }
  const [program = '', ...rest] = written.command ?? []
  return commandServer([program, ...rest], directory, environment, written)
}

/** A server from a command line. A program written as a relative path stands relative to `directory`, wherever it is run. */
export function commandServer(
  [program, ...rest]: readonly [string, ...string[]],
  directory: string,
  environment: Environment,
  written: Pick<
    Settings['servers'][string],
    'timeout' | 'env' | 'credential' | 'cwd' | 'shared' | 'roots' | 'sampling' | 'maxProcesses' | 'idle' | 'sandbox'
  >,
): CommandServer {
  const sandbox = written.sandbox === undefined ? undefined : settleSandbox(written.sandbox, directory)
  const names = sandbox === undefined || sandbox === 'off' ? INHERITED : INHERITED_IN_SANDBOX
  const inherited = names.flatMap((name) => (environment[name] === undefined ? [] : [[name, environment[name]] as const]))
  return {
    kind: 'command',
    program: /^\.{1,2}[/\\]/.test(program) ? resolve(directory, program) : program,
    arguments: rest,
    env: { ...Object.fromEntries(inherited), ...written.env },
    ...(written.credential?.environment === undefined ? {} : { secrets: written.credential.environment }),
    cwd: resolve(directory, written.cwd ?? '.'),
    timeoutMs: written.timeout,
    shared: written.shared ?? false,
    roots: written.roots ?? false,
    ...(written.sampling === true && { sampling: true }),
    maxProcesses: written.maxProcesses ?? PROCESSES_MAX,
    idleMs: written.idle ?? PROCESS_IDLE_MS,
    ...(sandbox === undefined ? {} : { sandbox }),
  }
}

function settleAccess(access: Settings['access'], directory: string): AccessConfig {
  return {
    roles: access.roles,
    tools: mapValues(access.tools, ({ sensitivity, destructive, openWorld, approval, confirm, arguments: written, ...rest }) => ({
      ...need(rest),
      ...(approval === undefined ? {} : { approval }),
      ...(confirm === undefined ? {} : { confirm }),
      ...(sensitivity === undefined ? {} : { sensitivity }),
      ...(destructive === undefined ? {} : { destructive }),
      ...(openWorld === undefined ? {} : { openWorld }),
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
