/** `portcullis catalog`: what servers say of their tools, prompts and resources; what of it is withheld, what changed, and whether it may be used. */
import { type Command, Option } from 'commander'
import type { JsonValue } from '../core/json.ts'
import { type DiffLine, diffOf, linesOf } from '../core/line-diff.ts'
import { nameThing, PINNED_KINDS, type Pin } from '../guard/pins.ts'
import { type ApproveOptions, approveMany, rejectOne } from './catalog-settle.ts'
import { find, lastHeld, listOf, nothingHeld, type OneOptions, readDigest, readThing, shown, withPins } from './pinned.ts'
import { examples, type Shared, type Shell, shared } from './shell.ts'
import { type Cell, EXIT, note, type Style, say, sayJson, styled, type Terminal, table, when } from './terminal.ts'

interface ListOptions extends Shared {
  readonly held?: true
}

export function addCatalog(program: Command, shell: Shell): void {
  const catalog = program.command('catalog')
  examples(
    catalog,
    'portcullis catalog list --held',
    'portcullis catalog diff files/read_file',
    'portcullis catalog approve files/read_file',
    'portcullis catalog approve --all files',
    'portcullis catalog reject weather/get_forecast',
    'portcullis catalog export > catalog.json',
  )
  const list = catalog
    .command('list')
    .description('everything that has a definition')
    .argument('[server]', 'of this server only')
    .option('--held', 'only what is withheld')
  examples(shared(list), 'portcullis catalog list files', 'portcullis catalog list --held')
  list.action((server: string | undefined, options: ListOptions) => listAll(server, options, shell))

  const one = (name: string, description: string, ...lines: readonly string[]): Command => {
    const kind = new Option('--kind <kind>', 'where a tool is not meant').choices(PINNED_KINDS.filter((each) => each !== 'server'))
    return examples(shared(catalog.command(name).description(description).addOption(kind)), ...lines)
  }
  const thing = ['server/name, such as files/read_file; a server by its name alone: what it says of itself'] as const
  const which = ['--digest <digest>', 'which of those that are withheld; the latest unless told', readDigest] as const
  one('show', 'the definition that may be used, and those that are withheld', 'portcullis catalog show files/read_file')
    .argument('<thing>', ...thing)
    .action((text: string, options: OneOptions) => showOne(text, options, shell))
  one('diff', 'what would change by approving; ends with 1 where nothing would', 'portcullis catalog diff files/read_file')
    .argument('<thing>', ...thing)
    .option(...which)
    .action((text: string, options: OneOptions) => diffOne(text, options, shell))
  one(
    'approve',
    'from now on it may be used as it is withheld now; every gateway knows within a second',
    'portcullis catalog approve files/read_file',
    'portcullis catalog approve --all files',
    'portcullis catalog approve files/summarize --kind prompt',
  )
    .argument('[thing...]', ...thing)
    .option('--all <server>', 'everything of this server that is withheld and not rejected')
    .option(...which)
    .action((texts: readonly string[], options: ApproveOptions) => approveMany(texts, options, shell))
  one(
    'reject',
    'withheld for good, also when it comes back; where nothing is withheld: no longer approved',
    'portcullis catalog reject weather/get_forecast',
  )
    .argument('<thing>', ...thing)
    .option('--digest <digest>', 'which definition; the latest unless told', readDigest)
    .action((text: string, options: OneOptions) => rejectOne(text, options, shell))

  const out = catalog
    .command('export')
    .description('what is approved, as JSON to review and to keep')
    .argument('[server]', 'of this server only')
  examples(shared(out), 'portcullis catalog export > catalog.json', 'portcullis catalog export files')
  out.action((server: string | undefined, options: Shared) => exportAll(server, options, shell))
}

async function listAll(server: string | undefined, options: ListOptions, { terminal }: Shell): Promise<void> {
  const pins = await withPins(options, terminal, (each, _, config) => listOf(each, server, config))
  const shown = options.held === true ? pins.filter((pin) => lastHeld(pin) !== undefined) : pins
  if (options.json === true) return sayJson(terminal, shown)
  if (pins.length === 0)
    return note(terminal, server === undefined ? 'no server has listed anything yet' : `${server} has not listed anything yet`)
  if (shown.length === 0) return note(terminal, nothingHeld(pins))
  table(terminal, ['NAME', 'KIND', 'STATE', 'SINCE', 'BECAUSE OF'], shown.map(rowOf))
}

function rowOf(pin: Pin): readonly Cell[] {
  const held = lastHeld(pin)
  const approved = pin.pinned === undefined ? '' : `approved by ${pin.pinned.by}`
  const because = held === undefined ? approved : [...new Set(held.marks.map(({ detector }) => detector))].join(', ')
  const state: Cell =
    held === undefined ? (pin.pinned === undefined ? 'rejected' : 'approved') : { text: STATES[held.why], style: 'yellow' }
  return [
    pin.kind === 'server' ? pin.server : `${pin.server}/${shown(pin.name)}`,
    pin.kind,
    state,
    when(held?.at ?? pin.pinned?.at ?? pin.held.at(-1)?.at),
    because,
  ]
}

const STATES = { drift: 'changed', new: 'new', poisoned: 'suspect', rejected: 'rejected' } as const

async function showOne(text: string, options: OneOptions, { terminal }: Shell): Promise<void> {
  const thing = readThing(text, options.kind)
  await withPins(options, terminal, async (pins) => {
    const pin = await find(pins, thing)
    const approved = pin.pinned === undefined ? undefined : await pins.definition(pin.pinned.digest)
    const held = await Promise.all(pin.held.map(async (each) => ({ ...each, definition: await pins.definition(each.digest) })))
    if (options.json === true) {
      sayJson(terminal, { ...pin, ...(pin.pinned === undefined ? {} : { pinned: { ...pin.pinned, definition: approved } }), held })
      return
    }
    if (pin.pinned !== undefined)
      sayDefinition(terminal, `approved ${when(pin.pinned.at)} by ${pin.pinned.by}, sha256:${pin.pinned.digest}`, approved)
    for (const { why, at, digest, marks, definition } of held) {
      sayDefinition(terminal, `${STATES[why]} since ${when(at)}, sha256:${digest}`, definition)
      for (const { detector, pointer } of marks) say(terminal, `  ${detector} at ${shown(pointer || 'the whole')}`)
    }
  })
}

function sayDefinition(terminal: Terminal, title: string, definition: JsonValue | undefined): void {
  say(terminal, styled(terminal.output, 'bold', title))
  if (definition === undefined) say(terminal, '  (not kept any more)')
  for (const line of linesOf(definition)) say(terminal, `  ${shown(line)}`)
}

async function diffOne(text: string, options: OneOptions, { terminal, finish }: Shell): Promise<void> {
  const thing = readThing(text, options.kind)
  await withPins(options, terminal, async (pins) => {
    const pin = await find(pins, thing)
    const held = options.digest === undefined ? lastHeld(pin) : pin.held.find(({ digest }) => digest === options.digest)
    if (held === undefined) {
      note(terminal, `${nameThing(thing)}: nothing is withheld`)
      finish(EXIT.refused)
      return
    }
    const before = pin.pinned === undefined ? undefined : await pins.definition(pin.pinned.digest)
    const after = await pins.definition(held.digest)
    if (options.json === true)
      sayJson(terminal, { ...thing, before: before ?? null, after: after ?? null, why: held.why, marks: held.marks })
    else
      for (const line of diffOf(before, after))
        say(terminal, styled(terminal.output, STYLES[line.sign], `${line.sign} ${shown(line.text)}`.trimEnd()))
  })
}

const STYLES: Readonly<Record<DiffLine['sign'], Style>> = { ' ': 'reset', '-': 'red', '+': 'green', '…': 'dim' }

async function exportAll(server: string | undefined, options: Shared, { terminal }: Shell): Promise<void> {
  const approved = await withPins(options, terminal, async (pins, _, config) => {
    const pinned = (await listOf(pins, server, config)).filter((pin) => pin.pinned !== undefined)
    return await Promise.all(
      pinned.map(async ({ server: of, kind, name, pinned: { digest, at, by } = { digest: '', at: 0, by: '' } }) => ({
        server: of,
        kind,
        name,
        digest,
        approved: new Date(at).toISOString(),
        by,
        definition: (await pins.definition(digest)) ?? null,
      })),
    )
  })
  if (options.json === true) sayJson(terminal, approved)
  else
    say(
      terminal,
      JSON.stringify(approved, null, 2).replace(/[^\n -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`),
    )
}
