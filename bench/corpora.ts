/** `npm run corpora -- FOLDER [--misses] [--json]`: how many of the labelled arguments are stopped, by kind, and of the labelled definitions flagged. The folder may also stand in CORPORA. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type DefinitionRow, measureDefinitions } from './definition-rows.ts'
import { createJudge, questionOfRow, type Row } from './rows.ts'

/** At least so much of what is malicious, and at most so much of what is honest. */
const BARS = { malicious: 0.9, benign: 0.02 }

interface Tally {
  malicious: { stopped: number; of: number }
  benign: { stopped: number; of: number }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    misses: { type: 'boolean', default: false },
    file: { type: 'string', default: 'arguments.jsonl' },
  },
})
const folder = positionals[0] ?? process.env['CORPORA']
if (folder === undefined) {
  console.error('usage: npm run corpora -- FOLDER [--misses] [--json]   (or CORPORA=FOLDER): the folder that holds arguments.jsonl')
  process.exit(2)
}

const rows = readFileSync(join(folder, values.file), 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line) as Row) // labelled by hand, in this very shape
const judge = createJudge()
const tallies = new Map<string, Tally>()
const misses: { readonly row: Row; readonly why: string }[] = []
for (const row of rows) {
  const why = judge(questionOfRow(row))
  for (const kind of [`${row.param_kind}/${row.role}`, 'all']) {
    const tally = tallies.get(kind) ?? { malicious: { stopped: 0, of: 0 }, benign: { stopped: 0, of: 0 } }
    tally[row.label].of++
    if (why !== undefined) tally[row.label].stopped++
    tallies.set(kind, tally)
  }
  if ((row.label === 'malicious') === (why === undefined)) misses.push({ row, why: why ?? 'let through' })
}

const share = ({ stopped, of }: { readonly stopped: number; readonly of: number }): number => (of === 0 ? Number.NaN : stopped / of)
const { malicious, benign } = tallies.get('all') ?? { malicious: { stopped: 0, of: 0 }, benign: { stopped: 0, of: 0 } }
const definitions = measured(join(folder, 'definitions.jsonl'))
const isMet = share(malicious) >= BARS.malicious && share(benign) <= BARS.benign && definitions?.isMet !== false

if (values.json) {
  console.log(
    JSON.stringify({
      kinds: Object.fromEntries(tallies),
      met: isMet,
      ...(definitions === undefined ? {} : { definitions: { bad: definitions.bad, good: definitions.good } }),
      ...(values.misses ? { misses: misses.map(({ row, why }) => ({ id: row.id, why })) } : {}),
    }),
  )
} else {
  const cell = (tally: Tally[keyof Tally]): string =>
    tally.of === 0 ? '' : `${tally.stopped}/${tally.of} (${(100 * share(tally)).toFixed(1)} %)`
  console.log(`${'kind'.padEnd(24)}${'malicious stopped'.padEnd(24)}benign stopped`)
  for (const [kind, tally] of [...tallies].sort(([left], [right]) => (left === 'all' ? 1 : right === 'all' ? -1 : left < right ? -1 : 1)))
    console.log(kind.padEnd(24) + cell(tally.malicious).padEnd(24) + cell(tally.benign))
  if (values.misses)
    for (const { row, why } of misses)
      console.log(`${row.id} ${row.param_kind}/${row.role} ${row.label}: ${why}: ${JSON.stringify(row.value ?? row.raw_json)}`)
  if (definitions !== undefined) {
    const told = ({ flagged, of }: { readonly flagged: number; readonly of: number }): string => cell({ stopped: flagged, of })
    console.log(`${'definitions'.padEnd(24)}${told(definitions.bad).padEnd(24)}${told(definitions.good)}`)
    if (values.misses) for (const { row, why } of definitions.misses) console.log(`${row.id} ${row.class} ${row.label}: ${why}`)
  }
  console.log(isMet ? 'every bar is met' : 'a bar is missed')
}
process.exitCode = isMet ? 0 : 1

function measured(file: string): ReturnType<typeof measureDefinitions> | undefined {
  if (!existsSync(file)) return undefined
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
  return measureDefinitions(lines.map((line) => JSON.parse(line) as DefinitionRow)) // labelled by hand, in this very shape
}
