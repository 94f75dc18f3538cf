/** `portcullis check`: configuration and policies, told as file:line:column. */
import type { Command } from 'commander'
import { DEFAULT_FILE, findPlainSecrets } from '../config/load.ts'
import { configSchema } from '../config/schema.ts'
import { openConfig, openLaw } from './open.ts'
import { examples, type Shared, type Shell, shared } from './shell.ts'
import { note, say, sayJson, styled } from './terminal.ts'

interface Options extends Shared {
  readonly schema?: true
}

export function addCheck(program: Command, shell: Shell): void {
  const command = program
    .command('check')
    .description('read the configuration and the policies, and tell every mistake')
    .option('--schema', 'print the JSON Schema of the configuration, for editors')
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
  // In profile strict there are none: they are mistakes.
  const warnings = findPlainSecrets(options.config ?? DEFAULT_FILE)
  if (options.json === true) {
    sayJson(terminal, { ok: true, file: config.file, profile: config.profile, servers, roles, law: law.revision, warnings })
    return
  }
  for (const warning of warnings) note(terminal, `${styled(terminal.errors, 'yellow', 'warning')}: ${warning}`)
  say(terminal, `${styled(terminal.output, 'green', 'ok')} ${config.file}`)
  say(terminal, `  servers  ${servers.length === 0 ? 'none yet: portcullis serve has nothing to guard' : servers.join(', ')}`)
  say(terminal, `  roles    ${roles.length === 0 ? 'none' : roles.join(', ')}`)
  say(terminal, `  law      revision ${law.revision}`)
}
