/** `portcullis run`: one stdio server, guarded over stdin and stdout, for a client that starts us in its place. */
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import type { Config } from '../config/config.ts'
import { ownConfigFile, serverOf } from '../config/load.ts'
import { absent } from '../config/names.ts'
import { loose } from '../config/sandbox.ts'
import type { CommandServer, ServerConfig } from '../config/servers.ts'
import { Fault } from '../core/denial.ts'
import { lackOf } from './lacks.ts'
import { openConfig } from './open.ts'
import { lawOptions } from './serve.ts'
import { examples, misuse, type Shared, type Shell, shared } from './shell.ts'
import { Halting, stopSignal } from './stopping.ts'
import { note, type Terminal } from './terminal.ts'
import { tellDoubts, tellWarnings } from './warnings.ts'

/** What the server of a bare command line is called in policies. */
const DEFAULT_NAME = 'server'
const NAME = /^[a-z0-9][a-z0-9-]{0,63}$/

interface Options extends Shared {
  readonly name?: string
}

export function addRun(program: Command, shell: Shell): void {
  const command = program
    .command('run')
    .argument('[command...]', 'the server to start; without one, the server of the configuration that --name names')
    .option('-n, --name <name>', `name of the server in policies (default: ${DEFAULT_NAME})`)
    .passThroughOptions()
  examples(
    shared(command, 'your own, see below'),
    'MCP_API_KEY=mcp_… portcullis run -c ~/portcullis.yaml --name files -- mcp-server-filesystem ./data',
    'MCP_API_KEY=mcp_… portcullis run -c ~/portcullis.yaml --name files',
  )
  command.addHelpText(
    'after',
    `\nWithout -c the configuration is your own, ${ownConfigFile()}: never one of the folder that a client was started in.`,
  )
  command.action((words: readonly string[], options: Options) => run(words, options, shell))
}

async function run(words: readonly string[], options: Options, { terminal, version }: Shell): Promise<void> {
  const file = options.config ?? ownConfig()
  const written = openConfig(file)
  const [name, server] = choose(words, options.name, written)
  const known = Object.keys(written.servers)
  // What is written of files/* says nothing of a fils.
  if (options.name !== undefined && known.length > 0 && !known.includes(name))
    tellWarnings(terminal, [
      `what the configuration says of its servers is not for ${name}: it has none of that name${absent(name, known)}`,
    ])
  if (written.profile === 'strict' && server.kind === 'command') checkStrict([server.program, ...server.arguments], server.sandbox)
  const lack = server.kind === 'command' ? lackOf(server) : undefined
  if (lack !== undefined) throw new Fault('FAULT_START', words.length > 0 ? lack.told : `servers.${name}.${lack.setting}: ${lack.told}`)
  const config = quiet({ ...written, servers: { [name]: server } }, terminal)
  // Loaded only here: the other commands start in half the time without it.
  const [{ createGateway }, { doubtfulPolicies }] = await Promise.all([import('../gateway/gateway.ts'), import('../guard/law.ts')])
  tellDoubts(terminal, file, doubtfulPolicies(config))
  const gateway = createGateway(config, { version, ...lawOptions(terminal, file) })
  terminal.last?.()
  using halting = new Halting(gateway)
  const over = new AbortController()
  try {
    const stopped = stopSignal(over.signal)
    // Who has closed our input and then sends a signal has waited long enough: SIGKILL comes next, and would leave the server.
    terminal.input.once('end', () => halting.arm())
    // A client that does not read us any more has gone.
    await Promise.race([gateway.serveStdio(name, terminal.input, terminal.output), stopped, once(terminal.output, 'error')])
  } finally {
    halting.arm()
    await gateway.close()
    over.abort()
  }
}

/** A client starts us in whatever folder it stands, perhaps in one that a stranger has filled: the law does not come from there. */
function ownConfig(): string {
  const file = ownConfigFile()
  if (existsSync(file)) return file
  throw misuse(`name the configuration with -c, or write your own at ${file}; none is taken from the folder that a client was started in`)
}

function choose(words: readonly string[], name: string | undefined, config: Config): readonly [string, ServerConfig] {
  if (name !== undefined && !NAME.test(name)) throw misuse('--name takes lower-case letters, digits and "-", at most 64')
  const [program, ...rest] = words
  if (program !== undefined) return [name ?? DEFAULT_NAME, commandLine([program, ...rest], config.servers[name ?? DEFAULT_NAME])]
  const names = Object.keys(config.servers)
  const only = name ?? (names.length === 1 ? names[0] : undefined)
  if (only === undefined) throw misuse('write the server to start after --, or name one of the configuration with --name')
  const server = config.servers[only]
  if (server === undefined) throw new Fault('FAULT_CONFIG', `servers: there is no server ${only}, expected one of ${names.join(', ')}`)
  return [only, server]
}

/** What the configuration says of a server of this name also holds for the command line: its environment, its time-out. */
function commandLine(words: readonly [string, ...string[]], configured: ServerConfig | undefined): CommandServer {
  const server = serverOf(words, '.')
  if (configured?.kind !== 'command') return server
  return { ...configured, program: server.program, arguments: server.arguments, cwd: server.cwd }
}

/** A command line is held to what profile strict asks of a configured server. */
function checkStrict(command: readonly string[], sandbox: CommandServer['sandbox']): void {
  const [first] = loose(command, sandbox)
  if (first !== undefined) throw new Fault('FAULT_CONFIG', `${command.join(' ')}: ${first.expected}`)
}

/** Standard output carries MCP here, and nothing else may stand on it. */
function quiet(config: Config, terminal: Terminal): Config {
  if (config.audit.file !== 'stdout') return config
  note(terminal, 'audit.file is stdout, which carries MCP here: events go to the journal only')
  const { file: _stdout, ...audit } = config.audit
  return { ...config, audit }
}
