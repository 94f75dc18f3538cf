/** `portcullis audit`: what happened, asked of the journal. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { exportJournal } from '../audit/export.ts'
import { FORMATS, type Format, lineIn } from '../audit/formats.ts'
import { type Question, queryEvents } from '../audit/query.ts'
import { storeSource } from '../audit/verify.ts'
import { meant } from '../config/names.ts'
import { DENIALS } from '../core/denial.ts'
import type { AuditEvent, Outcome } from '../core/event.ts'
import { redactedText } from '../core/finding.ts'
import { parseSpan } from '../core/time.ts'
import { visible } from '../core/visible.ts'
import { isKeyId } from '../identity/key-text.ts'
import { openConfig, withExisting } from './open.ts'
import { addReport } from './report.ts'
import { examples, misuse, readCount, type Shared, type Shell, shared } from './shell.ts'
import { stopSignal } from './stopping.ts'
import { note, type Style, say, sayJson, styled, type Terminal, when } from './terminal.ts'
import { addVerify } from './verify.ts'

const OUTCOMES: readonly Outcome[] = ['permitted', 'would_deny', 'denied', 'failed', 'cancelled']
/** How often `-f` looks for more: as fast as a person reads. */
const FOLLOW_EVERY_MS = 250
const TAIL_EVENTS = 20

/** A point in time as it was written: an instant, or so long before now. */
type Moment = { readonly at: number } | { readonly beforeMs: number }

interface QueryOptions extends Shared {
  readonly since?: Moment
  readonly until?: Moment
  readonly outcome?: Outcome
  readonly principal?: string
  readonly tool?: string
  readonly method?: string
  readonly denial?: string
  readonly call?: string
  readonly last?: number
}

interface TailOptions extends Shared {
  readonly follow?: true
  readonly lines: number
}

interface ExportOptions extends Shared {
  readonly format: Format
  readonly since?: Moment
}

export function addAudit(program: Command, shell: Shell): void {
  const audit = program.command('audit')
  examples(audit, 'portcullis audit tail -f', 'portcullis audit report --since 24h', 'portcullis audit verify')

  const tail = audit
    .command('tail')
    .description('the newest events')
    .option('-f, --follow', 'go on with what happens from now on')
    .option('-n, --lines <count>', 'how many', readCount, TAIL_EVENTS)
  examples(shared(tail), 'portcullis audit tail', 'portcullis audit tail -f --json')
  tail.action((options: TailOptions) => tailEvents(options, shell))

  const query = audit
    .command('query')
    .description('events that fit; all conditions must hold')
    .option('--since <when>', 'a span before now (24h), or an instant (2026-11-21T08:00:00Z)', readMoment)
    .option('--until <when>', 'likewise', readMoment)
    .addOption(new Option('--outcome <outcome>', 'how the call ended').choices(OUTCOMES))
    .option('--principal <who>', 'issuer#subject, such as key#4fQ0aZ81bYtR; * stands for any characters', readPrincipal)
    .option('--tool <tool>', 'server/tool or tool; * stands for any characters')
    .option('--method <method>', 'such as tools/call')
    .option('--denial <code>', 'why it was refused, such as forbidden or invalid_token', readDenial)
    .option('--call <id>', 'everything about one call')
    .option('--last <count>', 'only the newest so many', readCount)
  examples(
    shared(query),
    'portcullis audit query --since 24h --outcome denied',
    "portcullis audit query --principal key#4fQ0aZ81bYtR --tool 'files/*' --json",
  )
  query.action((options: QueryOptions) => queryAll(options, shell))

  addReport(audit, shell)
  addVerify(audit, shell)

  const keep = audit
    .command('export')
    .description('the whole journal with its checkpoints, to be kept elsewhere; audit verify --file proves the copy')
    .addOption(new Option('--format <format>', 'in whose words; the text of each event rides along').choices(FORMATS).default('jsonl'))
    .option('--since <when>', 'only what is not older; such a part is verified with --partial', readMoment)
  examples(
    shared(keep),
    'portcullis audit export > journal.jsonl',
    'portcullis audit verify --file journal.jsonl',
    'portcullis audit export --format ocsf --since 24h',
  )
  keep.action((options: ExportOptions) => exportAll(options, shell))
}

async function tailEvents(options: TailOptions, { terminal }: Shell): Promise<void> {
  const stop = new AbortController()
  const follow = options.follow === true ? { follow: { everyMs: FOLLOW_EVERY_MS, signal: stop.signal } } : {}
  if (options.follow === true) void stopSignal().then(() => stop.abort())
  await show({ last: options.lines, ...follow }, options, terminal)
}

async function queryAll(options: QueryOptions, { terminal }: Shell): Promise<void> {
  const { config: _config, json: _json, since, until, ...rest } = options
  const now = terminal.clock()
  const question = {
    ...rest,
    ...(since === undefined ? {} : { since: instant(since, now) }),
    ...(until === undefined ? {} : { until: instant(until, now) }),
  }
  const shown = await show(question, options, terminal)
  if (shown === 0 && options.json !== true) note(terminal, 'nothing fits')
}

/** @returns how many events were shown. */
async function show(question: Question, options: Shared, terminal: Terminal): Promise<number> {
  let shown = 0
  await withExisting(openConfig(options.config), terminal, async ({ store }) => {
    for await (const { event } of queryEvents(store, question)) {
      shown++
      if (options.json === true) sayJson(terminal, event)
      else say(terminal, lineOf(event, terminal))
    }
  })
  return shown
}

async function exportAll({ config, format, since }: ExportOptions, { terminal }: Shell): Promise<void> {
  const from = since === undefined ? 0 : instant(since, terminal.clock())
  await withExisting(openConfig(config), terminal, async ({ store }) => {
    for await (const value of exportJournal(storeSource(store), from)) await flushed(terminal, lineIn(format, value))
  })
}

/** A slow reader slows the export down instead of filling the memory. */
async function flushed(terminal: Terminal, line: string): Promise<void> {
  if (terminal.output.write(`${line}\n`)) return
  await new Promise((resolve) => terminal.output.once('drain', resolve))
}

const STYLES: Readonly<Record<Outcome, Style>> = {
  permitted: 'green',
  would_deny: 'yellow',
  denied: 'red',
  failed: 'red',
  cancelled: 'gray',
}

function lineOf(event: AuditEvent, terminal: Terminal): string {
  const { at, type, outcome, principal, method, resource, denial, findings, policies, detail, tookMs } = event
  const what = type === 'call.ended' && outcome !== undefined ? outcome : type
  const words = [
    method ?? '',
    resource === undefined ? '' : resource.kind === 'server' ? resource.server : `${resource.server}/${resource.name}`,
    denial ?? '',
    redactedText(findings) ?? '',
    detail === undefined || detail === '' ? '' : `(${detail})`,
    policies === undefined || policies.length === 0 ? '' : `by ${policies.join(', ')}`,
    tookMs === undefined ? '' : `${tookMs.toFixed(1)} ms`,
  ]
  const head = outcome === undefined ? what.padEnd(17) : styled(terminal.output, STYLES[outcome], what.padEnd(17))
  return `${when(at)}  ${head}  ${visible((principal ?? '-').padEnd(16))}  ${visible(words.filter((word) => word !== '').join('  '))}`
}

function instant(moment: Moment, now: number): number {
  return 'at' in moment ? moment.at : now - moment.beforeMs
}

/** Without a "#" it is nobody's name. It is not repeated as commander would, because a whole key may have been pasted. */
function readPrincipal(text: string): string {
  if (/[#*]/.test(text)) return text
  throw misuse(`--principal takes issuer#subject, such as key#${isKeyId(text) ? text : '4fQ0aZ81bYtR'}, or *#SUBJECT for any issuer`)
}

function readDenial(text: string): string {
  if (Object.hasOwn(DENIALS, text)) return text
  const codes = Object.keys(DENIALS)
  throw new InvalidArgumentError(`There is no such code${meant(text, codes) || `; write one of ${codes.join(', ')}`}`)
}

function readMoment(text: string): Moment {
  const beforeMs = parseSpan(text)
  if (beforeMs !== undefined) return { beforeMs }
  const at = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(at)) throw new InvalidArgumentError('Write a span such as 24h, or an instant such as 2026-11-21T08:00:00Z.')
  return { at }
}
