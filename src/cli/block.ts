/** `portcullis block`: addresses that are turned away, added, listed, removed; on every running gateway within a second. */
import { type Command, InvalidArgumentError } from 'commander'
import { parseCidr, showCidr } from '../core/cidr.ts'
import type { Records } from '../guard/records.ts'
import { type Block, Blocks, blockEntry, unblockEntry } from '../limit/blocks.ts'
import { openConfig, operator, withNewRecords, withRecords } from './open.ts'
import { examples, readSpan, type Shared, type Shell, shared } from './shell.ts'
import { type Cell, howLong, note, say, sayJson, type Terminal, table, when } from './terminal.ts'

interface AddOptions extends Shared {
  readonly for?: number
}

export function addBlock(program: Command, shell: Shell): void {
  const block = program.command('block')
  examples(
    block,
    'portcullis block add 203.0.113.7 --for 15m',
    'portcullis block add 2001:db8:1:2::/64',
    'portcullis block list',
    'portcullis block remove 203.0.113.7',
  )
  const add = block
    .command('add')
    .description('turn away an address or a range of them, from the next request on, on every gateway within a second')
    .argument('<cidr>', 'such as 203.0.113.7 or 203.0.113.0/24', readCidr)
    .option('--for <span>', 'for how long, such as 15m; until it is removed unless told', readSpan)
  examples(shared(add), 'portcullis block add 203.0.113.7 --for 15m', 'portcullis block add 2001:db8:1:2::/64')
  add.action((cidr: string, options: AddOptions) => addOne(cidr, options, shell))

  const list = block.command('list').description('who is turned away, and until when')
  examples(shared(list), 'portcullis block list', 'portcullis block list --json')
  list.action((options: Shared) => listAll(options, shell))

  const remove = block
    .command('remove')
    .description('let it in again, with every key')
    .argument('<cidr>', 'as "portcullis block list" shows it', readCidr)
  examples(shared(remove), 'portcullis block remove 203.0.113.0/24')
  remove.action((cidr: string, options: Shared) => removeOne(cidr, options, shell))
}

async function addOne(cidr: string, options: AddOptions, { terminal }: Shell): Promise<void> {
  const config = openConfig(options.config)
  await withNewRecords(config, terminal, async (records) => {
    const until = options.for === undefined ? undefined : terminal.clock() + options.for
    // First the deed: a journal that is away must not leave the door open.
    const block = await blocksOf(records, terminal).add(cidr, { by: operator(), ...(until === undefined ? {} : { until }) })
    await records.journal.write(blockEntry(cidr, until, operator()))
    if (options.json === true) sayJson(terminal, block)
    else say(terminal, `${cidr} is turned away ${until === undefined ? 'until it is removed' : `until ${when(until)}`}`)
  })
}

async function listAll(options: Shared, { terminal }: Shell): Promise<void> {
  const config = openConfig(options.config)
  const found = await withRecords(config, terminal, (records) => blocksOf(records, terminal).list())
  const fixed = config.limits.rates.block
  if (options.json === true) {
    sayJson(terminal, [...fixed.map((cidr) => ({ cidr, by: 'limits.block' })), ...found])
    return
  }
  if (fixed.length + found.length === 0) {
    note(terminal, 'nobody is turned away')
    return
  }
  const now = terminal.clock()
  const rows = [
    ...fixed.map((cidr): readonly Cell[] => [cidr, 'for ever', '-', 'limits.block']),
    ...found.map((block) => rowOf(block, now)),
  ]
  table(terminal, ['ADDRESSES', 'UNTIL', 'SINCE', 'BY'], rows)
}

function rowOf({ cidr, key, until, at, by }: Block, now: number): readonly Cell[] {
  return [
    key === undefined ? cidr : `${cidr} with key ${key}`,
    until === undefined ? 'it is removed' : `in ${howLong(until - now)}`,
    when(at),
    by,
  ]
}

async function removeOne(cidr: string, options: Shared, { terminal }: Shell): Promise<void> {
  const config = openConfig(options.config)
  await withRecords(config, terminal, async (records) => {
    await blocksOf(records, terminal, config.limits.rates.block).remove(cidr)
    await records.journal.write(unblockEntry(cidr, operator()))
    if (options.json === true) sayJson(terminal, { cidr })
    else say(terminal, `${cidr} is let in again`)
  })
}

function blocksOf({ store }: Records, { clock }: Terminal, fixed: readonly string[] = []): Blocks {
  return new Blocks(store, clock, fixed)
}

function readCidr(text: string): string {
  const range = parseCidr(text)
  if (range === undefined) throw new InvalidArgumentError('Write an address or a range, such as 203.0.113.7 or 203.0.113.0/24.')
  return showCidr(range)
}
