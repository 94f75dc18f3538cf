/** `portcullis init`: a commented configuration and a first policy, in a folder that has none. */
import { cpSync, existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { Fault } from '../core/denial.ts'
import { examples, type Shell } from './shell.ts'
import { say, sayJson } from './terminal.ts'

/** What is written, by its place. */
const FILES = ['portcullis.yaml', 'policy/house.cedar'] as const

export function addInit(program: Command, shell: Shell): void {
  const command = program.command('init').argument('[folder]', 'where', '.').option('--json', 'answer as JSON')
  examples(command, 'portcullis init', 'portcullis init /etc/portcullis')
  command.action((folder: string, options: { readonly json?: true }) => init(folder, options.json === true, shell))
}

function init(folder: string, json: boolean, { terminal }: Shell): void {
  const present = FILES.filter((file) => existsSync(join(folder, file)))
  if (present.length > 0)
    throw new Fault('FAULT_EXISTS', `${present.map((file) => join(folder, file)).join(', ')}: is there already and is not overwritten`)
  mkdirSync(folder, { recursive: true })
  const templates = fileURLToPath(new URL('init/', import.meta.url))
  for (const file of FILES) cpSync(join(templates, file), join(folder, file), { errorOnExist: true, force: false })
  const written = FILES.map((file) => join(folder, file))
  if (json) {
    sayJson(terminal, { written })
    return
  }
  for (const file of written) say(terminal, `wrote ${file}`)
  say(terminal, '\nNext:')
  say(terminal, '  1. name your servers in portcullis.yaml')
  say(terminal, '  2. portcullis check')
  say(terminal, '  3. portcullis keys create --name me --role reader')
  say(terminal, '  4. portcullis serve')
}
