/** `portcullis check`: configuration and policies, told as file:line:column. */
import { rmSync } from 'node:fs'
import type { Command } from 'commander'
import type { Config } from '../config/config.ts'
import { isPlainAbroad } from '../config/contradictions.ts'
import { floatingOf } from '../config/floating.ts'
import { DEFAULT_FILE, findPlainSecrets, placeDoubts } from '../config/load.ts'
import { type Doubt, doubtfulNames } from '../config/names.ts'
import { ownFiles } from '../config/own-files.ts'
import { configSchema } from '../config/schema.ts'
import type { CommandServer } from '../config/servers.ts'
import { Fault } from '../core/denial.ts'
import { doubtfulPolicies } from '../guard/law.ts'
import { confine } from '../upstream/sandbox.ts'
import { doubtfulFiles } from './files.ts'
import { lackOf } from './lacks.ts'
import { openLaw } from './law.ts'
import { openConfig } from './open.ts'
import { examples, type Shared, type Shell, shared } from './shell.ts'
import { say, sayJson, styled } from './terminal.ts'
import { doubtfulLaw, doubtfulListeners, tellWarnings } from './warnings.ts'

interface Options extends Shared {
  readonly schema?: true
}

export function addCheck(program: Command, shell: Shell): void {
  const command = program.command('check').option('--schema', 'print the JSON Schema of the configuration, for editors')
  examples(
    shared(command),
    'portcullis check',
    'portcullis check -c staging.yaml --json',
    'portcullis check --schema > portcullis.schema.json',
  )
  command.action((options: Options) => check(options, shell))
}

function check(options: Options, { terminal }: Shell): void {
  if (options.schema === true) {
    say(terminal, JSON.stringify(configSchema(), undefined, 2))
    return
  }
  const config = openConfig(options.config)
  const law = openLaw(config, terminal)
  const servers = Object.keys(config.servers)
  const roles = Object.keys(config.access.roles)
  const file = options.config ?? DEFAULT_FILE
  const written = law.describe()
  const doubts = [
    ...doubtfulNames(config, (role) => written.includes(JSON.stringify(role))),
    ...doubtfulServers(config),
    ...doubtfulListeners(config),
    ...doubtfulPolicies(config),
    ...doubtfulFiles(config, terminal.clock()),
  ]
  // Plain secrets are mistakes in profile strict, and so are some of the others.
  const warnings = [...findPlainSecrets(file), ...placeDoubts(file, doubts), ...doubtfulLaw(config, law.named())]
  if (options.json === true) {
    sayJson(terminal, { ok: true, file: config.file, profile: config.profile, servers, roles, law: law.revision, warnings })
    return
  }
  tellWarnings(terminal, warnings)
  say(terminal, `${styled(terminal.output, 'green', 'ok')} ${config.file}`)
  say(terminal, `  servers  ${servers.length === 0 ? 'none yet: portcullis serve has nothing to guard' : servers.join(', ')}`)
  say(terminal, `  roles    ${roles.length === 0 ? 'none' : roles.join(', ')}`)
  say(terminal, `  law      revision ${law.revision}`)
}

/** Servers that are no mistake, and may not be what was meant. */
function doubtfulServers(config: Config): readonly Doubt[] {
  return Object.entries(config.servers).flatMap(([name, server]): readonly Doubt[] => {
    const path = ['servers', name]
    if (server.kind === 'url' && isPlainAbroad(server.url))
      return [
        {
          path: [...path, 'url'],
          told: 'plain http to another machine: whoever is on the way reads and changes what is said; write https',
        },
      ]
    if (server.kind !== 'command') return []
    const command = [server.program, ...server.arguments]
    const floating = floatingOf(command)
    const lack = lackOf(server)
    const unfit = lack === undefined ? sandboxFault(config, server, command) : undefined
    return [
      ...(server.sandbox === undefined ? [{ path, told: 'no sandbox is written, it may do whatever the gateway may' }] : []),
      ...(floating === undefined
        ? []
        : [{ path: [...path, 'command'], told: `${floating} is whichever version is the newest; write one` }]),
      ...(typeof server.sandbox === 'object' && process.platform === 'darwin'
        ? [{ path: [...path, 'sandbox'], told: 'memory, processes, cpu and files are not held on macOS' }]
        : []),
      ...(lack === undefined ? [] : [{ path: [...path, lack.setting], told: lack.told }]),
      ...(unfit === undefined ? [] : [{ path: [...path, 'sandbox'], told: `it will not be started: ${unfit}` }]),
    ]
  })
}

function sandboxFault(config: Config, { sandbox, cwd, env }: CommandServer, command: readonly string[]): string | undefined {
  if (sandbox === undefined || sandbox === 'off') return undefined
  try {
    const { scratch } = confine({ command, cwd, env }, { ...sandbox, hidden: ownFiles(config) })
    if (scratch !== undefined) rmSync(scratch, { recursive: true, force: true })
    return undefined
  } catch (error) {
    return error instanceof Fault ? error.message : String(error)
  }
}
