/** Every setting, its default and its unit, as an operator writes it. */
import { z } from 'zod'
import { accessSettings } from './access.ts'
import { adminSetting, adminSignInSetting } from './admin.ts'
import { anomalySettings } from './anomalies.ts'
import { approvalSettings } from './approval.ts'
import { auditSettings, telemetrySettings } from './audit.ts'
import { flowSettings } from './flow.ts'
import { handleSettings } from './handles.ts'
import { inspectSettings } from './inspect.ts'
import { issuerSettings, jwtSecretSetting } from './issuers.ts'
import { limitSettings } from './limits.ts'
import { oauthSettings } from './oauth.ts'
import type { SchemaNode } from './places.ts'
import { sealingSettings } from './sealing.ts'
import { serverSettings } from './servers.ts'
import { storeSetting } from './store.ts'
import { certificateSettings, tlsSettings } from './tls.ts'
import { address, cidr, hostName, httpUrl, list, origin, roleName, span, text, VARIABLE, word } from './values.ts'

/** An API key that never expires is a password that nobody changes: ten years is the most. */
export const keyLife = span('1m', '3650d')

export const DEFAULT_STORE = '.portcullis/portcullis.db'

const authentication = z.strictObject({
  apiKeys: z
    .strictObject({
      prefix: word(/^[a-z][a-z0-9]{0,15}$/, 'lower-case letters and digits, at most 16')
        .prefault('mcp')
        .describe('What every key starts with. Keys made under another prefix stop working.'),
      expires: keyLife.prefault('90d').describe('How long a new key lives.'),
    })
    .prefault({}),
  environment: word(VARIABLE, 'the name of an environment variable')
    .prefault('MCP_API_KEY')
    .describe('Where `portcullis run` finds the credential of its caller.'),
  anonymous: z
    .strictObject({ roles: list(roleName, 'role names', 1) })
    .optional()
    .describe('Roles of a call without a credential. Unless written, such a call is refused.'),
  certificates: certificateSettings.optional().describe('Clients that are known by their certificate, and how it gets here.'),
  issuers: list(issuerSettings, 'issuers').prefault([]).describe('Whose access tokens are taken, beside our own.'),
  oauth: oauthSettings.optional().describe('The embedded authorization server: people sign in here. Off unless written.'),
  jwtSecret: jwtSecretSetting.optional(),
})

export const settings = z.strictObject(
  {
    listen: address.prefault('127.0.0.1:8080').describe('Where the gateway listens.'),
    admin: address
      .optional()
      .describe('Where people approve, each signed in: a listener of its own, never the public one. None unless written.'),
    adminUrl: httpUrl.optional().describe('Where people reach it. Made from `admin` unless told.'),
    adminSignIn: adminSignInSetting,
    publicUrl: httpUrl.optional().describe('What clients use. Made from `listen` unless told.'),
    store: storeSetting
      .prefault(DEFAULT_STORE)
      .describe('The database file, beside which the journal is kept; `:memory:`; or Redis, which many replicas may share.'),
    keyFile: text('a path')
      .optional()
      .describe(
        'The secret of this installation, the same for all its replicas. Default: portcullis.key beside the database, or in .portcullis.',
      ),
    node: word(/^[a-z0-9][a-z0-9.-]{0,62}$/, 'lower-case letters, digits, "." and "-", at most 63')
      .optional()
      .describe('What this replica is called in the journal. Default: gateway; with Redis, the name of the host.'),
    peers: z
      .strictObject(
        {
          listen: address.describe('Where other replicas reach this one. Not for clients.'),
          url: httpUrl.optional().describe('How they reach it there. Made from `listen` unless told.'),
        },
        { error: 'expected a map: listen, url' },
      )
      .optional()
      .describe('With many replicas: sessions of revisions before 2026-07-28 live on one of them, and the others send their calls there.'),
    sealing: sealingSettings.prefault({}).describe('The key that secrets are sealed with, in this file and in the store.'),
    profile: z
      .enum(['observe', 'standard', 'strict'], { error: 'expected observe, standard or strict' })
      .prefault('standard')
      .describe(
        'observe: nothing but authentication refuses, what would have been denied is recorded; addresses that are blocked (limits.block, limits.failures) stay so, and what bounds the process itself (sizes, connections, calls, sessions and streams at once) holds. strict: no anonymous callers, no plain http beyond this machine, no server without a sandbox or of a floating version.',
      ),
    tls: tlsSettings.optional().describe('Unless written, the listener speaks plain HTTP.'),
    allowedOrigins: list(origin, 'origins').prefault([]).describe('Web pages that may call: values of the Origin header.'),
    trustedProxies: list(cidr, 'addresses or ranges such as 10.0.0.0/8')
      .prefault([])
      .describe('Whose X-Forwarded-For is believed. Behind a proxy that is not named here, all its clients count as one address.'),
    allowedHosts: list(hostName, 'hosts')
      .prefault([])
      .describe('Values of the Host header beside loopback names and the host of publicUrl.'),
    servers: z
      .record(word(/^[a-z0-9][a-z0-9-]{0,63}$/, 'a server name of lower-case letters, digits and "-", at most 64'), serverSettings, {
        error: 'expected a map of servers',
      })
      .prefault({})
      .describe('What is guarded. `files` is served at /mcp/files.'),
    adminServer: adminSetting.optional(),
    authentication: authentication.prefault({}),
    access: accessSettings.prefault({}),
    limits: limitSettings.prefault({}),
    anomalies: anomalySettings.prefault({}).describe('What is far from usual, told and acted upon.'),
    inspect: inspectSettings.prefault({}),
    flow: flowSettings.optional().describe('What may leave after what has entered. Nothing is kept track of unless written.'),
    handles: handleSettings,
    approval: approvalSettings.prefault({}),
    audit: auditSettings.prefault({}),
    telemetry: telemetrySettings.prefault({}),
  },
  { error: 'expected a map of settings' },
)

/** What was written, with defaults filled in and spans and sizes read; paths are still as written. */
export type Settings = z.output<typeof settings>

/** The JSON Schema (2020-12) of the file, for editors. */
export function configSchema(): SchemaNode {
  return z.toJSONSchema(settings, { io: 'input' }) as SchemaNode // of which only those members are read
}
