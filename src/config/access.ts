/** The `access:` section: roles, and what tools, prompts and resources need. */
import { resolve } from 'node:path'
import { z } from 'zod'
import { type ArgumentConfig, argumentSettings, settleArguments } from './arguments.ts'
import { flag, list, mapValues, pattern, roleName, some, text, word } from './values.ts'

const PERMISSION = /^(\*|[A-Za-z0-9_.*-]{1,64}:[A-Za-z0-9_.*-]{1,64})$/
/** From harmless to not to be seen. */
const SENSITIVITIES = ['public', 'internal', 'confidential', 'secret'] as const

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

export const accessSettings = z.strictObject({
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

type AccessSettings = z.output<typeof accessSettings>

export type Sensitivity = (typeof SENSITIVITIES)[number]

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
  readonly roles: AccessSettings['roles']
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

export function settleAccess(access: AccessSettings, directory: string): AccessConfig {
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

function need({ permission, scope }: AccessSettings['prompts'][string]): Need {
  return { ...(permission === undefined ? {} : { permission }), ...(scope === undefined ? {} : { scopes: scope }) }
}
