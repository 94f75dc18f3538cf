/** What every command shares: its options, its ending, and how a mistake is told with the next step. */
import { type Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { Denial, Fault } from '../core/denial.ts'
import { type Pattern, parsePattern } from '../core/pattern.ts'
import { parseSpan } from '../core/time.ts'
import { visible } from '../core/visible.ts'
import { EXIT, type ExitCode, note, styled, type Terminal } from './terminal.ts'

export interface Shell {
  readonly terminal: Terminal
  readonly version: string
  /** The code the program ends with. */
  finish(code: ExitCode): void
}

export interface Shared {
  readonly config?: string
  readonly json?: true
}

/** The options that every command knows. */
export function shared(command: Command, byDefault = 'portcullis.yaml'): Command {
  return command.option('-c, --config <file>', `configuration file (default: ${byDefault})`).option('--json', 'answer as JSON')
}

/** Lines of examples under the help of a command. */
export function examples(command: Command, ...lines: readonly string[]): Command {
  return command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}`)
}

/** An option that may be given many times, each value read by `read`. */
export function repeated<T>(flags: string, description: string, read: (text: string) => T): Option {
  return new Option(flags, description).argParser((text: string, before: readonly T[]) => [...before, read(text)]).default([], 'none')
}

export function readSpan(text: string): number {
  const ms = parseSpan(text)
  if (ms === undefined) throw new InvalidArgumentError('Write a span such as 30m, 24h or 90d.')
  return ms
}

export function readAllow(text: string): Pattern {
  const pattern = parsePattern(text)
  if (pattern === undefined) throw new InvalidArgumentError('Write a pattern such as get_*, files/read_* or *.')
  return pattern
}

export function readRole(text: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/.test(text)) throw new InvalidArgumentError('Write a role such as user, as in access.roles.')
  return text
}

export function readCount(text: string): number {
  const count = Number(text)
  if (!Number.isInteger(count) || count < 1) throw new InvalidArgumentError('Write a whole number from 1.')
  return count
}

/** A usage mistake that no single option is guilty of. */
export function misuse(message: string): CommanderError {
  return new CommanderError(EXIT.usage, 'portcullis.usage', message)
}

/** Tells what went wrong, and what to do next. */
export function tell(terminal: Terminal, error: unknown, json: boolean): ExitCode {
  const { code, message, exit } = failureOf(error)
  if (exit === EXIT.ok) return exit
  // Commander has already told its own mistakes, but to programs.
  if (error instanceof CommanderError && code !== 'portcullis.usage' && !json) return exit
  const lines = message.split('\n')
  const next = nextStep(code, message)
  if (json) note(terminal, JSON.stringify({ error: { code, message: lines, ...(next === undefined ? {} : { next }) } }))
  else {
    for (const line of lines) note(terminal, `${styled(terminal.errors, 'red', 'error')}: ${visible(line)}`)
    if (next !== undefined) note(terminal, `  ${next}`)
  }
  return exit
}

interface Failure {
  readonly code: string
  readonly message: string
  readonly exit: ExitCode
}

function failureOf(error: unknown): Failure {
  if (error instanceof CommanderError)
    return { code: error.code, message: error.message.replace(/^error: /, ''), exit: error.exitCode === 0 ? EXIT.ok : EXIT.usage }
  if (error instanceof Fault)
    return { code: error.code, message: error.message, exit: CONFIGURATION.has(error.code) ? EXIT.configuration : EXIT.refused }
  if (error instanceof Denial) return { code: error.code, message: error.detail === '' ? error.message : error.detail, exit: EXIT.refused }
  return { code: 'FAULT', message: error instanceof Error ? error.message : String(error), exit: EXIT.refused }
}

/** Faults that an operator mends in a file. */
const CONFIGURATION = new Set(['FAULT_CONFIG', 'FAULT_POLICY', 'FAULT_KEYFILE', 'FAULT_SINK', 'FAULT_OAUTH', 'FAULT_SEAL', 'FAULT_TLS'])

function nextStep(code: string, message: string): string | undefined {
  for (const [of, said, step] of BY_MESSAGE) {
    const found = of === code ? said.exec(message) : null
    if (found !== null) return step === '' ? undefined : step.replace('$1', found[1] ?? '')
  }
  return NEXT[code]
}

/** Where the code alone does not say what to do; `$1` is what the parentheses find: the setting. Empty: the message says it itself. */
const BY_MESSAGE: readonly (readonly [code: string, said: RegExp, step: string])[] = [
  ['FAULT_CONFIG', /there is no such file$/, 'Make one with "portcullis init", or name it with -c FILE.'],
  ['FAULT_LISTEN', /^([\w.]+): .*EADDRINUSE/, 'Another program listens there. Stop it, or set another "$1" in the configuration.'],
  [
    'FAULT_LISTEN',
    /^([\w.]+): .*EADDRNOTAVAIL/,
    'This machine has no such address. Set "$1" to one that it has: 127.0.0.1 is for this machine alone, 0.0.0.0 is all of them.',
  ],
  [
    'FAULT_LISTEN',
    /^([\w.]+): .*EACCES/,
    'Ports below 1024 take a right of their own. Set "$1" to a higher one, or give the right (systemd: AmbientCapabilities=CAP_NET_BIND_SERVICE).',
  ],
  [
    'FAULT_STORE',
    /there is no such database/,
    'It is there once "portcullis serve" or "portcullis keys create" has run. If one has, name its configuration.',
  ],
  ['FAULT_STORE', /target is not empty/, 'A copy takes a file that is not there yet, or a Redis in which nothing of ours is.'],
  ['FAULT_STORE', /The two differ|A line is damaged|in memory, beside which/, ''],
  ['FAULT_STORE', /redis/, 'See "store" in the configuration, and that Redis runs and may be reached.'],
]

const NEXT: Readonly<Record<string, string>> = {
  'commander.unknownCommand': 'Add --help for the commands.',
  'commander.unknownOption': 'Add --help for the options.',
  FAULT_CONFIG: 'Correct the file and run "portcullis check".',
  FAULT_POLICY: 'Correct the policy and run "portcullis policy check".',
  FAULT_KEY: 'See "portcullis keys list".',
  FAULT_FOLDER: 'Keep one for this alone (mkdir -m 700 FOLDER), with space in it, and name it with --into.',
  FAULT_USER: 'See "portcullis users list".',
  FAULT_APPROVAL: 'See "portcullis approvals list".',
  FAULT_PIN: 'See "portcullis catalog list".',
  FAULT_BLOCK: 'See "portcullis block list".',
  FAULT_CLIENT: 'See "portcullis clients list".',
  FAULT_LISTEN: 'See where each listener is to be in the configuration: "listen", "admin", "peers.listen", "tls.redirect".',
  FAULT_CONNECTION: 'See "portcullis connections list".',
  FAULT_OAUTH: 'Correct "authentication.oauth" in the configuration and run "portcullis check".',
  FAULT_SEAL: 'Put back the key that it was sealed with, as "sealing.key" or one of "sealing.previous".',
  FAULT_KEYFILE: 'See "sealing" in the configuration.',
  FAULT_TLS: 'Correct "tls" in the configuration or its files, and run "portcullis certs check".',
  FAULT_OPENSSL: 'Install it (Debian: apt-get install openssl), or take a certificate from your own authority.',
  FAULT_STORE: 'See that the folder of "store" exists, may be written, and has space.',
  FAULT_SIGN_IN: 'Sign in with "portcullis login URL".',
  FAULT_BROWSER: 'Use --no-browser, and open the page yourself.',
  FAULT_CLIENT_REGISTRATION: 'Register a client there, and name it with --client-id and --client-issuer.',
  FAULT_DISCOVERY:
    "If it takes API keys alone, name the variable that holds one with --key-env; else see that the URL is the server's, path and all.",
  FAULT_FETCH_REFUSED: 'If the address is one of yours, add --allow-private.',
  FAULT_ENDPOINT: 'See that the URL is that of the MCP server, path and all, such as http://127.0.0.1:8080/mcp/files.',
  FAULT_TOOL: 'See "portcullis list URL" for what there is.',
  FAULT_CREDENTIAL:
    'See that the variable of --key-env holds a whole key, and that the key has not ended; or sign in with "portcullis login URL".',
  FAULT_DEFINITION: 'Have it mended by whoever makes the server.',
  FAULT_LIMITED: 'Wait as long as it says. Bad keys, too, are answered so when there were many.',
  FAULT_UNREACHABLE: 'See that the server runs, and that the URL has its host and its port.',
  FAULT_START: 'See that the program is installed and its folder is there; "portcullis check" tells where they are written.',
  FAULT_SINK: 'See "audit" and "telemetry" in the configuration.',
}

export function readTool(text: string): string {
  const pattern = parsePattern(text)
  if (pattern?.server === undefined) throw new InvalidArgumentError('Write server/tool, such as files/read_file.')
  return text
}
