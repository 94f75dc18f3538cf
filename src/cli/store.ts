/** `portcullis store`: one memory into another. */
import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import { loadConfig, storeOf } from '../config/load.ts'
import type { StoreConfig } from '../config/store.ts'
import { Fault } from '../core/denial.ts'
import { openStore } from '../guard/open-store.ts'
import { copyStore } from '../store/copy.ts'
import { examples, misuse, type Shell } from './shell.ts'
import { say, sayJson, styled, type Terminal } from './terminal.ts'

export function addStore(program: Command, shell: Shell): void {
  const store = program.command('store')
  examples(store, 'portcullis store copy portcullis.yaml redis.yaml')
  const copy = store
    .command('copy')
    .description('copy a store into an empty one, and hold the two against each other; stop the gateways first')
    .argument('<from>', 'a configuration file, a database file, or a redis:// URL')
    .argument('<to>', 'likewise')
    .option('--json', 'answer as JSON')
  examples(
    copy,
    'portcullis store copy portcullis.yaml redis.yaml',
    'portcullis store copy .portcullis/portcullis.db redis://127.0.0.1:6379/0',
  )
  copy.addHelpText('after', '\nThe key file is not copied: both need the same one. Buckets of limits are full again.')
  copy.action((from: string, to: string, options: { readonly json?: true }) => run(from, to, options.json === true, shell.terminal))
}

async function run(fromText: string, toText: string, json: boolean, terminal: Terminal): Promise<void> {
  const [fromPlace, toPlace] = [placeOf(fromText), placeOf(toText)]
  if (fromPlace.store === toPlace.store) throw misuse(`${fromText} and ${toText} are one store, ${fromPlace.store}; name another target`)
  if (fromPlace.redis === undefined && !existsSync(fromPlace.store))
    throw new Fault('FAULT_STORE', `${fromPlace.store}: there is no such database`)
  const startedAt = terminal.clock()
  const clock = (): number => startedAt
  const from = openStore(fromPlace, { clock })
  try {
    const to = openStore(toPlace, { clock })
    try {
      const copied = await copyStore(from, to, terminal.clock)
      if (json) sayJson(terminal, { from: fromPlace.store, to: toPlace.store, ...copied })
      else {
        const { records, lines, marks } = copied
        say(
          terminal,
          `${styled(terminal.output, 'green', 'ok')} ${records} records, ${lines} lines and ${marks} marks are the same in ${toPlace.store}`,
        )
      }
    } finally {
      await to.close()
    }
  } finally {
    await from.close()
  }
}

function placeOf(text: string): StoreConfig {
  return /\.(ya?ml|json)$/.test(text) ? loadConfig(text) : storeOf(text)
}
