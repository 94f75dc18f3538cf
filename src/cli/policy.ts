/** `portcullis policy`: the law as it stands. */
import type { Command } from 'commander'
import { DEFAULT_FILE, placeDoubts } from '../config/load.ts'
import { doubtfulPolicies } from '../guard/law.ts'
import { addExplain } from './explain.ts'
import { openLaw } from './law.ts'
import { addMatrix } from './matrix.ts'
import { openConfig } from './open.ts'
import { addReplay } from './replay.ts'
import { examples, type Shared, type Shell, shared } from './shell.ts'
import { say, sayJson, styled } from './terminal.ts'
import { doubtfulLaw, tellWarnings } from './warnings.ts'

export function addPolicy(program: Command, shell: Shell): void {
  const policy = program.command('policy')
  examples(
    policy,
    'portcullis policy show',
    'portcullis policy explain --as role:reader --tool files/write_file',
    'portcullis policy matrix',
  )

  const show = policy.command('show').description('print the law as it is written, as Cedar: what "access" became, and every policy file')
  examples(shared(show), 'portcullis policy show')
  show.action((options: Shared) => showLaw(options, shell))

  const check = policy.command('check').description('validate "access" and the policy files')
  examples(shared(check), 'portcullis policy check')
  check.action((options: Shared) => checkLaw(options, shell))

  addExplain(policy, shell)
  addMatrix(policy, shell)
  addReplay(policy, shell)
}

function showLaw(options: Shared, { terminal }: Shell): void {
  const law = openLaw(openConfig(options.config), terminal)
  if (options.json === true) sayJson(terminal, { revision: law.revision, text: law.describe() })
  else say(terminal, law.describe().trimEnd())
}

function checkLaw(options: Shared, { terminal }: Shell): void {
  const config = openConfig(options.config)
  const law = openLaw(config, terminal)
  const warnings = [...placeDoubts(options.config ?? DEFAULT_FILE, doubtfulPolicies(config)), ...doubtfulLaw(config, law.named())]
  if (options.json === true) {
    sayJson(terminal, { ok: true, revision: law.revision, warnings })
    return
  }
  tellWarnings(terminal, warnings)
  say(terminal, `${styled(terminal.output, 'green', 'ok')} the law is valid, revision ${law.revision}`)
}
