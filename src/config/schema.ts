/** Every setting, its default and its unit, as an operator writes it. */
import { z } from 'zod'
import { adminSetting, adminSignInSetting } from './admin.ts'
import { anomalySettings } from './anomalies.ts'
import { approvalSettings } from './approval.ts'
import { argumentSettings } from './arguments.ts'
import { auditSettings, telemetrySettings } from './audit.ts'
import { credentialSettings } from './credentials.ts'
import { flowSettings } from './flow.ts'
import { handleSettings } from './handles.ts'
import { inspectSettings } from './inspect.ts'
import { issuerSettings, jwtSecretSetting } from './issuers.ts'
import { limitSettings } from './limits.ts'
import { oauthSettings } from './oauth.ts'
import type { SchemaNode } from './places.ts'
import { sandboxSettings } from './sandbox.ts'
import { sealingSettings } from './sealing.ts'
import { storeSetting } from './store.ts'
import { certificateSettings, tlsSettings, upstreamTlsSettings } from './tls.ts'
import {
  address,
  cidr,
  flag,
  hostName,
  httpUrl,
  list,
  origin,
  pattern,
  roleName,
  some,
  span,
  text,
  VARIABLE,
  whole,
  word,
} from './values.ts'

/** An API key that never expires is a password that nobody changes: ten years is the most. */
const KEY_SPAN = ['1m', '3650d'] as const
const PERMISSION = /^(\*|[A-Za-z0-9_.*-]{1,64}:[A-Za-z0-9_.*-]{1,64})$/

export const DEFAULT_STORE = '.portcullis/portcullis.db'

/** From harmless to not to be seen. */
const SENSITIVITIES = ['public', 'internal', 'confidential', 'secret'] as const

/** Of the server's own settings these belong to a command alone. */
const COMMAND_ONLY = ['env', 'cwd', 'shared', 'roots', 'maxProcesses', 'idle', 'sandbox'] as const

const server = z
  .strictObject(
    {
      command: list(z.string({ error: 'expected a text' }), 'texts: the program and its arguments', 1)
        .refine(([program]) => program !== '', { error: 'expected a program first' })
        .optional()
        .describe('Program and arguments of a server that speaks over stdio.'),
      url: httpUrl.optional().describe('Address of a server that speaks Streamable HTTP.'),
      env: z
        .record(word(VARIABLE, 'a variable name'), z.string({ error: 'expected a text' }), { error: 'expected a map of variables' })
        .optional()
        .describe('Added to PATH, HOME, LANG and TMPDIR, the only variables that are inherited.'),
      tls: upstreamTlsSettings
        .optional()
        .describe('For an https:// url: which authorities are believed, and what the gateway shows of itself.'),
      cwd: text('a folder').optional().describe('Working folder; the folder of this file unless told.'),
      credential: credentialSettings.optional().describe('What the gateway presents to it, and on whose behalf.'),
      timeout: span('100ms', '1h').prefault('60s').describe('How long one call may take.'),
      sandbox: sandboxSettings.optional(),
      roots: flag()
        .optional()
        .describe('Whether callers may tell it folders of theirs (roots). Many servers open what they are told. Default false.'),
      sampling: flag()
        .optional()
        .describe("Whether it may have the client's model answer questions of its own (sampling), at the client's expense. Default false."),
      shared: flag()
        .optional()
        .describe('One process for everybody. Only for servers that keep nothing about their callers. Default false.'),
      maxProcesses: whole(1, 4096).optional().describe('How many processes may run at once. Default 32.'),
      idle: span('1s', '24h').optional().describe('A process that nobody used for so long is ended. Default 10m.'),
    },
    { error: 'expected a map of settings' },
  )
  .refine((written) => (written.command === undefined) !== (written.url === undefined), {
    error: 'expected exactly one of command and url',
    when: isMap,
  })
  .superRefine((written, context) => {
    const mistake = (message: string): void => context.addIssue({ code: 'custom', path: ['credential'], message })
    if (written.credential !== undefined && (written.credential.environment === undefined) === (written.command !== undefined))
      mistake('expected environment beside command, and one of the others beside url')
    if (written.tls !== undefined && written.url?.startsWith('https:') !== true)
      context.addIssue({ code: 'custom', path: ['tls'], message: 'expected only beside an https:// url' })
    if (written.command !== undefined || written.url === undefined) return
    for (const name of COMMAND_ONLY) {
      if (written[name] !== undefined)
        context.addIssue({ code: 'custom', path: [name], message: 'expected only beside command, not beside url' })
    }
  })

const authentication = z.strictObject({
  apiKeys: z
    .strictObject({
      prefix: word(/^[a-z][a-z0-9]{0,15}$/, 'lower-case letters and digits, at most 16')
        .prefault('mcp')
        .describe('What every key starts with. Keys made under another prefix stop working.'),
      expires: span(...KEY_SPAN)
        .prefault('90d')
        .describe('How long a new key lives.'),
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

/** RFC 6749 §3.3, with the two things that are filled in. `offline_access` is no permission but a wish for refresh tokens (SEP-2207). */
const SCOPE = /^(?!offline_access$)(\{name\}|\{server\}|[\x21\x23-\x5b\x5d-\x7a\x7c\x7e])+$/

const needs = {
  permission: word(/^[A-Za-z0-9_.-]{1,64}:[A-Za-z0-9_.-]{1,64}$/, 'one permission such as files:read, without wildcards')
    .optional()
    .describe('The permission that opens it. Without one, only a policy does.'),
  scope: some(word(SCOPE, 'a scope such as tools:read or mcp:tool:{name}, without spaces'), 'a scope')
    .optional()
    .describe('A token that knows scopes must hold one of these; `{name}` and `{server}` are filled in.'),
}

const who = list(text('a role, or issuer#subject', 512), 'roles, or issuer#subject').prefault([])

const access = z.strictObject({
  roles: z
    .record(
      roleName,
      z.strictObject({
        inherits: some(roleName, 'a role name').prefault([]),
        permissions: list(word(PERMISSION, 'a permission such as files:read, files:* or *'), 'permissions').prefault([]),
      }),
      { error: 'expected a map of roles' },
    )
    .prefault({})
    .describe('What who may do.'),
  tools: z
    .record(
      pattern,
      z.strictObject({
        ...needs,
        sensitivity: z.enum(SENSITIVITIES, { error: `expected one of ${SENSITIVITIES.join(', ')}` }).optional(),
        approval: flag().optional().describe('Whether a person must approve each call. Default false.'),
        confirm: flag()
          .optional()
          .describe('Whether the client must have each call confirmed on its side: its word, and no more. Default false.'),
        destructive: flag()
          .optional()
          .describe('Whether it may destroy or change something. Policies take every tool to, unless this says false.'),
        openWorld: flag()
          .optional()
          .describe('Whether it may reach beyond its server. Policies take every tool to, unless this says false.'),
        arguments: argumentSettings.optional().describe('What its arguments are for.'),
      }),
      {
        error: 'expected a map of tool patterns',
      },
    )
    .prefault({})
    .describe('What a tool needs, how sensitive it is, and what its arguments are for.'),
  prompts: z
    .record(pattern, z.strictObject(needs), { error: 'expected a map of prompt patterns' })
    .prefault({})
    .describe('What a prompt needs.'),
  resources: list(
    z.strictObject({
      uri: text('a URI pattern such as file:///data/**', 512),
      server: text('a server name or pattern', 64).optional().describe('Any server unless told.'),
      read: who,
      subscribe: who,
    }),
    'rules',
  )
    .prefault([])
    .describe('Who may read which URIs.'),
  policies: some(text('a path or glob such as policy/*.cedar'), 'a path or glob').prefault([]).describe('Cedar policies: the whole law.'),
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
        'observe: nothing but authentication refuses, what would have been denied is recorded. strict: no anonymous callers, no plain http beyond this machine, no server without a sandbox or of a floating version.',
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
      .record(word(/^[a-z0-9][a-z0-9-]{0,63}$/, 'a server name of lower-case letters, digits and "-", at most 64'), server, {
        error: 'expected a map of servers',
      })
      .prefault({})
      .describe('What is guarded. `files` is served at /mcp/files.'),
    adminServer: adminSetting.optional(),
    authentication: authentication.prefault({}),
    access: access.prefault({}),
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

export type Sensitivity = (typeof SENSITIVITIES)[number]

/** The JSON Schema (2020-12) of the file, for editors. */
export function configSchema(): SchemaNode {
  return z.toJSONSchema(settings, { io: 'input' }) as SchemaNode // of which only those members are read
}

function isMap(payload: { readonly value: unknown }): boolean {
  return typeof payload.value === 'object' && payload.value !== null
}
