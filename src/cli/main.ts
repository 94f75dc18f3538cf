/** The commands of `portcullis`, as a table; one file a group. */
import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { addAnomaly } from './anomaly.ts'
import { addApprovals } from './approvals.ts'
import { addAudit } from './audit.ts'
import { addBlock } from './block.ts'
import { addCall } from './call.ts'
import { addCatalog } from './catalog.ts'
import { addCerts } from './certs.ts'
import { addCheck } from './check.ts'
import { addClients } from './clients.ts'
import { addConnections } from './connections.ts'
import { addInit } from './init.ts'
import { addKeys } from './keys.ts'
import { addLogin } from './login.ts'
import { addLogs } from './logs.ts'
import { addPolicy } from './policy.ts'
import { addRun } from './run.ts'
import { addSeal } from './seal.ts'
import { addServe } from './serve.ts'
import { type Shell, tell } from './shell.ts'
import { addStore } from './store.ts'
import { EXIT, type ExitCode, type Terminal } from './terminal.ts'
import { addTokens } from './tokens.ts'
import { addUsers } from './users.ts'

const COMMANDS: readonly ((program: Command, shell: Shell) => void)[] = [
  addServe,
  addRun,
  addInit,
  addCheck,
  addKeys,
  addTokens,
  addUsers,
  addClients,
  addConnections,
  addPolicy,
  addApprovals,
  addSeal,
  addBlock,
  addCatalog,
  addCerts,
  addAudit,
  addAnomaly,
  addStore,
  addLogs,
  addLogin,
  addCall,
]

const EXIT_CODES = `
Exit codes:
  0  done; for a question, the answer is yes
  1  refused or failed; for a question, the answer is no
  2  the command line was not understood
  3  the configuration or a policy has mistakes, told as file:line:column`

/**
 * Runs one command line.
 * @param argv without the program's own name.
 * @returns the exit code; never throws.
 */
export async function main(argv: readonly string[], terminal: Terminal = systemTerminal()): Promise<ExitCode> {
  let code: ExitCode = EXIT.ok
  const finish = (value: ExitCode): void => {
    code = value
  }
  try {
    await createProgram({ terminal, version: readVersion(), finish }).parseAsync(argv, { from: 'user' })
    return code
  } catch (error) {
    const end = argv.indexOf('--')
    return tell(terminal, error, argv.slice(0, end === -1 ? undefined : end).includes('--json'))
  }
}

function createProgram(shell: Shell): Command {
  const { output, errors } = shell.terminal
  const program = new Command('portcullis')
    .description('The security layer for MCP servers.')
    .version(shell.version)
    .exitOverride()
    .configureOutput({ writeOut: (text) => void output.write(text), writeErr: (text) => void errors.write(text) })
    .showHelpAfterError('(add --help for the options)')
    .enablePositionalOptions()
    .addHelpText('after', EXIT_CODES)
  for (const add of COMMANDS) add(program, shell)
  return program
}

function readVersion(): string {
  const manifest: { readonly version?: string } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return manifest.version ?? '0.0.0'
}

function systemTerminal(): Terminal {
  // Whoever reads our output may stop before the end (`… | head`).
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.refused))
  return { input: process.stdin, output: process.stdout, errors: process.stderr, clock: Date.now }
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2))
