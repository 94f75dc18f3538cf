/** `npm run corpora -- FOLDER [--misses] [--json] [--file NAME]`: how much of the labelled arguments is stopped, of the labelled definitions flagged and of the labelled output redacted, by kind. The folder may also stand in CORPORA. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { DEFINITION_BARS, type DefinitionRow, isBad, judgeRow } from './definition-rows.ts'
import { isAsLabelled, type OutputRow } from './output-rows.ts'
import { createJudge, questionOfRow, type Row } from './rows.ts'

interface Tally {
  bad: { met: number; of: number }
  honest: { met: number; of: number }
}

/** What a row has come to. */
interface Judged {
  readonly kind: string
  readonly isBad: boolean
  /** Stopped, or redacted. */
  readonly isMet: boolean
  readonly shown: string
}

interface Corpus {
  /** What is done to what is bad, and must not be done to what is honest. */
  readonly verb: string
  /** At least so much of what is bad, and at most so much of what is honest. */
  readonly bars: { readonly bad: number; readonly honest: number }
  readonly judge: (lines: readonly string[]) => readonly Judged[]
}

const CORPORA: Readonly<Record<string, Corpus>> = {
  'arguments.jsonl': { verb: 'stopped', bars: { bad: 0.9, honest: 0.02 }, judge: judgeArguments },
  'definitions.jsonl': { verb: 'flagged', bars: { bad: DEFINITION_BARS.bad, honest: DEFINITION_BARS.good }, judge: judgeDefinitions },
  'outputs.jsonl': { verb: 'redacted', bars: { bad: 0.95, honest: 0.02 }, judge: judgeOutputs },
}

function judgeArguments(lines: readonly string[]): readonly Judged[] {
  const judge = createJudge()
  return lines.map((line) => {
    const row = JSON.parse(line) as Row // labelled by hand, in this very shape
    const why = judge(questionOfRow(row))
    const shown = `${row.id} ${row.param_kind}/${row.role} ${row.label}: ${why ?? 'let through'}: ${JSON.stringify(row.value ?? row.raw_json)}`
    return { kind: `${row.param_kind}/${row.role}`, isBad: row.label === 'malicious', isMet: why !== undefined, shown }
  })
}

function judgeDefinitions(lines: readonly string[]): readonly Judged[] {
  return lines.map((line) => {
    const row = JSON.parse(line) as DefinitionRow // labelled by hand, in this very shape
    const why = judgeRow(row)
    return {
      kind: row.class ?? 'definition',
      isBad: isBad(row),
      isMet: why !== undefined,
      shown: `${row.id} ${row.label}: ${why ?? 'not flagged'}`,
    }
  })
}

/** What is neutral is not scored; of what is hidden in another encoding the whole must be gone, as of what stands in clear. */
function judgeOutputs(lines: readonly string[]): readonly Judged[] {
  return lines.flatMap((line) => {
    const row = JSON.parse(line) as OutputRow // labelled by hand, in this very shape
    if (row.label === 'neutral') return []
    const isBad = row.label === 'sensitive'
    const isMet = isAsLabelled(row) === isBad
    const shown = `${row.id} ${row.category} ${row.label}: ${isMet ? 'touched' : 'left'}: ${JSON.stringify(row.text).slice(0, 160)}`
    return [{ kind: row.hidden_value === undefined ? row.category : `${row.category}, hidden`, isBad, isMet, shown }]
  })
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, misses: { type: 'boolean', default: false }, file: { type: 'string' } },
})
const folder = positionals[0] ?? process.env['CORPORA']
if (folder === undefined) {
  console.error(
    'usage: npm run corpora -- FOLDER [--misses] [--json] [--file NAME]   (or CORPORA=FOLDER): the folder that holds arguments.jsonl and outputs.jsonl',
  )
  process.exit(2)
}

const share = ({ met, of }: { readonly met: number; readonly of: number }): number => (of === 0 ? Number.NaN : met / of)
const cell = (tally: Tally[keyof Tally]): string =>
  tally.of === 0 ? '' : `${tally.met}/${tally.of} (${(100 * share(tally)).toFixed(1)} %)`

function measure(file: string, { verb, bars, judge }: Corpus): boolean {
  const judged = judge(
    readFileSync(join(folder ?? '', file), 'utf8')
      .split('\n')
      .filter((line) => line !== ''),
  )
  const tallies = new Map<string, Tally>()
  for (const { kind, isBad, isMet } of judged) {
    for (const name of [kind, 'all']) {
      const tally = tallies.get(name) ?? { bad: { met: 0, of: 0 }, honest: { met: 0, of: 0 } }
      const side = isBad ? tally.bad : tally.honest
      side.of++
      if (isMet) side.met++
      tallies.set(name, tally)
    }
  }
  const all = tallies.get('all') ?? { bad: { met: 0, of: 0 }, honest: { met: 0, of: 0 } }
  const met = share(all.bad) >= bars.bad && share(all.honest) <= bars.honest
  const misses = judged.filter(({ isBad, isMet }) => isBad !== isMet).map(({ shown }) => shown)
  if (values.json) {
    console.log(JSON.stringify({ file, kinds: Object.fromEntries(tallies), met, ...(values.misses ? { misses } : {}) }))
    return met
  }
  console.log(`${file.padEnd(24)}${`bad ${verb}`.padEnd(24)}honest ${verb}`)
  for (const [kind, tally] of [...tallies].sort(([left], [right]) => (left === 'all' ? 1 : right === 'all' ? -1 : left < right ? -1 : 1)))
    console.log(kind.padEnd(24) + cell(tally.bad).padEnd(24) + cell(tally.honest))
  if (values.misses) for (const shown of misses) console.log(shown)
  console.log(met ? 'both bars are met\n' : 'a bar is missed\n')
  return met
}

const wanted = Object.entries(CORPORA).filter(([file]) =>
  values.file === undefined ? existsSync(join(folder, file)) : file === values.file,
)
const results = wanted.map(([file, corpus]) => measure(file, corpus))
process.exitCode = results.length > 0 && results.every((met) => met) ? 0 : 1
