/** One command line, from its words to its exit code. */
import { readFileSync } from 'node:fs'
import { Command, Help, type Option } from 'commander'
import { addCommands } from './commands.ts'
import { readSpan, type Shell, tell } from './shell.ts'
import { EXIT, type ExitCode, howLong, type Terminal } from './terminal.ts'

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
  const end = argv.indexOf('--')
  const json = argv.slice(0, end === -1 ? undefined : end).includes('--json')
  try {
    const program = await createProgram({ terminal, version: readVersion(), finish }, argv, json)
    await program.parseAsync(argv, { from: 'user' })
    return code
  } catch (error) {
    return tell(terminal, error, json)
  }
}

/** How commander writes a command in a list: with its arguments, which are not known of those that were not read. */
const terms = new Help()

/** Spans are milliseconds here, and nowhere that people read. */
function describeOption(option: Option): string {
  const { parseArg, defaultValue, defaultValueDescription } = option
  if (parseArg === readSpan && typeof defaultValue === 'number' && defaultValueDescription === undefined)
    option.default(defaultValue, howLong(defaultValue))
  return terms.optionDescription(option)
}

/** @param json what is wrong with the command line is told by `tell`, as everything is then. */
async function createProgram(shell: Shell, argv: readonly string[], json: boolean): Promise<Command> {
  const { output, errors } = shell.terminal
  const program = new Command('portcullis')
    .description('The security layer for MCP servers.')
    .version(shell.version)
    .exitOverride()
    .configureOutput({ writeOut: (text) => void output.write(text), writeErr: (text) => void (json || errors.write(text)) })
    .showHelpAfterError('(add --help for the options)')
    .enablePositionalOptions()
    .addHelpText('after', EXIT_CODES)
  program.configureHelp({
    subcommandTerm: (command) => (command.parent === program ? command.name() : terms.subcommandTerm(command)),
    optionDescription: describeOption,
  })
  await addCommands(program, shell, argv)
  return program
}

function readVersion(): string {
  const manifest: { readonly version?: string } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return manifest.version ?? '0.0.0'
}

function systemTerminal(): Terminal {
  let isLasting = false
  // Whoever reads our output may stop before the end (`… | head`). What lasts does not end by that: it has more to do than to be read.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (!isLasting) process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.refused)
  })
  process.stderr.on('error', () => undefined)
  const last = (): void => {
    isLasting = true
  }
  return { input: process.stdin, output: process.stdout, errors: process.stderr, clock: Date.now, last }
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2))
