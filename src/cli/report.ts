/** `portcullis audit report`: what was tried, counted. */
import { type Command, Option } from 'commander'
import { reportOf, reportText } from '../audit/report.ts'
import { visible } from '../core/visible.ts'
import { openConfig, withExisting } from './open.ts'
import { examples, readSpan, type Shared, type Shell, shared } from './shell.ts'
import { sayJson } from './terminal.ts'

const DAY_MS = 86_400_000

interface Options extends Shared {
  readonly since: number
}

export function addReport(audit: Command, shell: Shell): void {
  const command = audit
    .command('report')
    .description('what was tried in a stretch of time, counted: by whom, from where, against what; Markdown unless told')
    .option('--since <span>', 'so long before now, such as 1h, 24h or 7d', readSpan, DAY_MS)
    .addOption(new Option('--markdown', 'answer as Markdown (default)').conflicts('json'))
  examples(shared(command), 'portcullis audit report', 'portcullis audit report --since 7d --json')
  command.action((options: Options) => report(options, shell))
}

async function report(options: Options, { terminal }: Shell): Promise<void> {
  const until = terminal.clock()
  const found = await withExisting(openConfig(options.config), terminal, ({ store }) =>
    reportOf(store, { since: until - options.since, until }),
  )
  if (options.json === true) sayJson(terminal, found)
  else terminal.output.write(reportText(found).split('\n').map(visible).join('\n'))
}
