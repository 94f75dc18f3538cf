/** `portcullis init`: a commented configuration and a first policy, in a folder that has none. */
import { cpSync, existsSync, mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
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
  const steps = [
    ...(resolve(folder) === process.cwd() ? [] : [`cd ${quoted(folder)}`]),
    'name your servers in portcullis.yaml',
    'portcullis check',
    'portcullis keys create --name me --role reader',
    'portcullis serve',
  ]
  for (const [at, step] of steps.entries()) say(terminal, `  ${at + 1}. ${step}`)
}

/** As a shell takes it for one word. */
function quoted(folder: string): string {
  return /^[\w./~+@%:,-]+$/.test(folder) ? folder : `'${folder.replaceAll("'", "'\\''")}'`
}
