/** The configuration as the house uses it: spans in milliseconds, sizes in bytes, paths absolute. */
import { Secret } from '../core/secret.ts'
import { type AccessConfig, settleAccess } from './access.ts'
import { settleAdmin } from './admin.ts'
import { type AnomalyConfig, settleAnomalies } from './anomalies.ts'
import { type ApprovalConfig, settleApproval } from './approval.ts'
import { type AuditConfig, settleAudit, type TelemetryConfig } from './audit.ts'
import { type FlowConfig, settleFlow } from './flow.ts'
import type { HandleConfig } from './handles.ts'
import { type InspectConfig, settleInspect } from './inspect.ts'
import { type IssuerConfig, settleIssuer } from './issuers.ts'
import { type LimitConfig, settleLimits } from './limits.ts'
import { type OAuthConfig, type SignInConfig, settleOAuth, settleSignIn } from './oauth.ts'
import type { Settings } from './schema.ts'
import type { Sealing } from './sealing.ts'
import { type Sections, sectionsOf } from './sections.ts'
import { type ServerConfig, settleServer } from './servers.ts'
import type { Environment } from './source.ts'
import { type StoreConfig, settleStore } from './store.ts'
import { type CertificateConfig, settleCertificates, settleTls, type TlsConfig } from './tls.ts'
import { type Address, mapValues } from './values.ts'

/** With what makes a chain of it, a mark has room for it. */
const NODE_MAX_CHARS = 63

export interface PeerConfig {
  readonly listen: Address
  readonly url?: string
}

/** A configuration that was read and found whole: what `loadConfig` and `parseConfig` answer, and `createGuard` and `createGateway` take. */
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
  /** To be held against the same file later, when all but `access:` still runs as it was read. */
  readonly sections: Sections
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
      environment: callerOf(authentication.environment, environment),
      ...(authentication.anonymous === undefined ? {} : { anonymous: authentication.anonymous }),
      ...(authentication.certificates === undefined ? {} : { certificates: settleCertificates(authentication.certificates) }),
      issuers: authentication.issuers.map(settleIssuer),
      ...(authentication.jwtSecret === undefined ? {} : { jwtSecret: authentication.jwtSecret }),
      ...(authentication.oauth === undefined ? {} : { oauth: settleOAuth(authentication.oauth) }),
    },
    access: settleAccess(access, directory),
    limits: settleLimits(limits),
    ...(anomalies === undefined ? {} : { anomalies }),
    inspect: settleInspect(inspect, settings.profile === 'strict'),
    ...(flow === undefined ? {} : { flow: settleFlow(flow) }),
    approval: settleApproval(settings.approval),
    audit: settleAudit(audit, directory),
    telemetry: telemetry.traces === undefined ? {} : { traces: telemetry.traces },
    sections: sectionsOf(settings),
  }
}

/** Where a caller on stdio has its credential, and the credential where there is one. */
function callerOf(name: string, { [name]: credential }: Environment): Config['authentication']['environment'] {
  return { name, ...(credential === undefined || credential === '' ? {} : { value: new Secret(credential) }) }
}

/** A host's name as the name of a node. */
function nodeOf(host: string): string {
  const name = host
    .toLowerCase()
    .replaceAll(/[^a-z0-9.-]/g, '-')
    .slice(0, NODE_MAX_CHARS)
  return /^[a-z0-9]/.test(name) ? name : 'gateway'
}
