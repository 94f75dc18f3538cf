/** The servers that are guarded: a command that is started here, or a URL. */
import { resolve } from 'node:path'
import { z } from 'zod'
import type { Secret } from '../core/secret.ts'
import type { AdminServer } from './admin.ts'
import { type CredentialConfig, credentialSettings, settleCredential } from './credentials.ts'
import { type SandboxConfig, sandboxSettings, settleSandbox } from './sandbox.ts'
import type { Environment } from './source.ts'
import { settleUpstreamTls, type UpstreamTlsConfig, upstreamTlsSettings } from './tls.ts'
import { flag, httpUrl, list, span, text, VARIABLE, whole, word } from './values.ts'

/** All that a child inherits of our environment; nothing of the gateway's own is in there. */
const INHERITED = ['PATH', 'HOME', 'LANG', 'TMPDIR'] as const
/** In a sandbox: the home of whoever started us is not there. */
const INHERITED_IN_SANDBOX = ['PATH', 'LANG'] as const
/** A process costs tens of megabytes. */
const PROCESSES_MAX = 32
const PROCESS_IDLE_MS = 10 * 60_000

/** Of the server's own settings these belong to a command alone. */
const COMMAND_ONLY = ['env', 'cwd', 'shared', 'roots', 'maxProcesses', 'idle', 'sandbox'] as const

export const serverSettings = z
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

export type ServerSettings = z.output<typeof serverSettings>

function isMap(payload: { readonly value: unknown }): boolean {
  return typeof payload.value === 'object' && payload.value !== null
}

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

export function settleServer(written: ServerSettings, directory: string, environment: Environment): ServerConfig {
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
    ServerSettings,
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
