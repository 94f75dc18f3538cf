/** `portcullis anomaly`: what was far from usual, and what would have been told of a recorded journal. */
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { type Command, Option } from 'commander'
import { createDetector, type Sighting } from '../audit/anomaly.ts'
import { sentenceOf } from '../audit/anomaly-words.ts'
import { isEvent } from '../audit/event.ts'
import { queryEvents } from '../audit/query.ts'
import { linesSource } from '../audit/verify.ts'
import { type Anomaly, SENSITIVITIES, type Sensitivity, type Severity } from '../core/anomaly.ts'
import { Fault } from '../core/denial.ts'
import type { AuditEvent } from '../core/event.ts'
import { openConfig, withExisting } from './open.ts'
import { examples, readSpan, type Shared, type Shell, shared } from './shell.ts'
import { type Cell, note, type Style, sayJson, type Terminal, table, when } from './terminal.ts'

const DAY_MS = 86_400_000

interface ListOptions extends Shared {
  readonly since: number
}

interface ReplayOptions extends Shared {
  readonly since?: number
  readonly file?: string
  readonly sensitivity: Sensitivity
}

/** One that is shown: what was told, or would have been. */
interface Row {
  readonly at: number
  readonly principal?: string
  readonly address?: string
  readonly anomaly: Omit<Anomaly, 'reaction' | 'until'> & Partial<Pick<Anomaly, 'reaction' | 'until'>>
}

export function addAnomaly(program: Command, shell: Shell): void {
  const anomaly = program.command('anomaly')
  examples(anomaly, 'portcullis anomaly list --since 24h', 'portcullis anomaly replay --since 7d --sensitivity high')

  const list = anomaly
    .command('list')
    .description('what was told, and what was done about it')
    .option('--since <span>', 'so long before now', readSpan, DAY_MS)
  examples(shared(list), 'portcullis anomaly list --since 24h', 'portcullis anomaly list --since 7d --json')
  list.action((options: ListOptions) => listAll(options, shell))

  const replay = anomaly
    .command('replay')
    .description('what would be told of a recorded journal; changes nothing, and is learned from that journal alone')
    .option('--since <span>', 'only what would be told so long before now; what came before is learned from', readSpan)
    .option('--file <file>', 'lines of "portcullis audit export", or of "audit.file", instead of the store')
    .addOption(new Option('--sensitivity <level>', 'how far from usual is far').choices(SENSITIVITIES).default('standard'))
  examples(
    shared(replay),
    'portcullis anomaly replay --since 7d',
    'portcullis anomaly replay --file journal.jsonl --sensitivity high --json',
  )
  replay.action((options: ReplayOptions) => replayAll(options, shell))
}

async function listAll(options: ListOptions, { terminal }: Shell): Promise<void> {
  const rows: Row[] = []
  await withExisting(openConfig(options.config), terminal, async ({ store }) => {
    for await (const { event } of queryEvents(store, { type: 'anomaly.detected', since: terminal.clock() - options.since })) {
      const { at, anomaly, principal, address } = event
      if (anomaly !== undefined) rows.push({ at, ...named(principal, address), anomaly })
    }
  })
  show(rows, options, terminal)
}

async function replayAll(options: ReplayOptions, { terminal }: Shell): Promise<void> {
  const detect = createDetector(options.sensitivity)
  const since = options.since === undefined ? Number.NEGATIVE_INFINITY : terminal.clock() - options.since
  const rows: Row[] = []
  const take = (event: AuditEvent): void => {
    for (const sighting of detect(event)) if (event.at >= since) rows.push(rowOf(sighting))
  }
  const { file } = options
  if (file !== undefined) await replayFile(file, take)
  else
    await withExisting(openConfig(options.config), terminal, async ({ store }) => {
      for await (const { event } of queryEvents(store)) take(event)
    })
  show(rows, options, terminal)
}

async function replayFile(file: string, take: (event: AuditEvent) => void): Promise<void> {
  const input = createReadStream(file)
  const lines = (): AsyncIterable<string> => createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })
  try {
    for await (const { value } of linesSource(lines).events()) if (isEvent(value)) take(value)
  } catch (error) {
    throw new Fault('FAULT_FILE', `${file}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}

function rowOf({ anomaly, event, place }: Sighting): Row {
  return { at: event.at, ...named(event.principal, place === '' ? undefined : place), anomaly }
}

function named(principal: string | undefined, address: string | undefined): Pick<Row, 'principal' | 'address'> {
  return { ...(principal === undefined ? {} : { principal }), ...(address === undefined ? {} : { address }) }
}

const STYLES: Readonly<Record<Severity, Style>> = { low: 'gray', medium: 'yellow', high: 'red' }

function show(rows: readonly Row[], options: Shared, terminal: Terminal): void {
  if (options.json === true) sayJson(terminal, rows)
  else if (rows.length === 0) note(terminal, 'nothing was far from usual')
  else showTable(rows, terminal)
}

function showTable(rows: readonly Row[], terminal: Terminal): void {
  table(
    terminal,
    ['WHEN', 'SEVERITY', 'KIND', 'SUBJECT', 'ADDRESS', 'REACTION', 'WHAT'],
    rows.map(({ at, anomaly, address }): readonly Cell[] => [
      when(at),
      { text: anomaly.severity, style: STYLES[anomaly.severity] },
      anomaly.kind,
      anomaly.subject,
      address ?? '-',
      anomaly.reaction ?? '-',
      sentenceOf(anomaly),
    ]),
  )
}
