/** `npm run bench`: one run, interleaved rounds, medians, ratios. `--quick` for a glance, `--json` for a program, `--only proxies|bridges|embedded|memory|tokens|sandbox|stations|release|reports|anomalies`, or `--store redis`. */
import { parseArgs } from 'node:util'
import { measureAnomalies, showAnomalies } from './anomalies.ts'
import { cpuUs, type Load, residentMib, startLoad } from './children.ts'
import type { Run } from './load.ts'
import { measureRelease } from './release.ts'
import { replicated } from './replicas.ts'
import {
  type Asked,
  median,
  type Row,
  showAsked,
  showHistory,
  showIssued,
  showLone,
  showMemory,
  showRecognition,
  showRows,
  showSandbox,
  showStations,
} from './report.ts'
import { measureHistory } from './reports.ts'
import { measureSandbox } from './sandbox.ts'
import { measureStations } from './stations.ts'
import { measureIssuing } from './token-endpoint.ts'
import { measureRecognition } from './tokens.ts'
import { bridges, credentials, embedded, proxies, type Setting, type Variant } from './variants.ts'

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    only: { type: 'string' },
    store: { type: 'string' },
  },
})

const LEVELS = [1, 8, 64]
const ROUNDS = values.quick ? 3 : 7
const ROUND_MS = values.quick ? 250 : 700
/**
 * A program of a hundred files is compiled for speed after some ten thousand calls; the figures are those of a gateway that has run for a while.
 * Counted in calls, because in the same time the slower of two would be warmed up less, and look slower still.
 */
const WARM_UP_REQUESTS = values.quick ? 6_000 : 30_000
/** What is slower than that is measured as it is. */
const WARM_UP_MS = values.quick ? 12_000 : 40_000
/** More than any variant reaches in a round: the time ends it. */
const ROUND_REQUESTS = 200_000
const MEMORY_CALLS = values.quick ? 40_000 : 200_000
const MEMORY_STEPS = 10
const HISTORY_EVENTS = values.quick ? 100_000 : 1_000_000

const say = (text: string): void => {
  if (!values.json) console.log(text)
}

interface Tally {
  readonly runs: Run[]
  /** Of each run, for one request. */
  readonly cpuUs: number[]
}

async function measure(load: Load, variant: Variant, connections: number, ms: number, requests: number, tally?: Tally): Promise<void> {
  const { name, request, pid, others = [] } = variant
  const usedUs = (): number | undefined => {
    const each = [pid, ...others].map(cpuUs).filter((used) => used !== undefined)
    return each.length > others.length ? each.reduce((sum, used) => sum + used) : undefined
  }
  const before = usedUs()
  const run = await load.run({ ...request, connections, ms, requests })
  if (run.failed > 0) throw new Error(`${name}: ${run.failed} of ${run.requests} calls failed: ${run.failure}`)
  const after = usedUs()
  tally?.runs.push(run)
  tally?.cpuUs.push(before === undefined || after === undefined ? Number.NaN : (after - before) / run.requests)
}

/** Every round visits every variant, and each round starts with another one, so that a slow moment of the machine hits them all alike. */
async function compare(load: Load, { variants }: Setting, yardstick: string, levels = LEVELS): Promise<readonly Row[]> {
  for (const variant of variants) await measure(load, variant, 64, WARM_UP_MS, WARM_UP_REQUESTS)
  const rows: Row[] = []
  for (const connections of levels) {
    const tallies = variants.map((): Tally => ({ runs: [], cpuUs: [] }))
    for (let round = 0; round < ROUNDS; round++) {
      for (let turn = 0; turn < variants.length; turn++) {
        const index = (round + turn) % variants.length
        const variant = variants[index]
        if (variant !== undefined) await measure(load, variant, connections, ROUND_MS, ROUND_REQUESTS, tallies[index])
      }
    }
    const { runs: base = [], cpuUs: baseUs = [] } = tallies[variants.findIndex(({ name }) => name === yardstick)] ?? {}
    for (const [index, { name }] of variants.entries()) {
      const { runs, cpuUs: used } = tallies[index] ?? { runs: [], cpuUs: [] }
      const rate = (run: Run): number => run.requests / run.seconds
      rows.push({
        name,
        connections,
        perSecond: median(runs.map(rate)),
        ratio: median(runs.map((run, round) => rate(run) / (base[round] === undefined ? Number.NaN : rate(base[round])))),
        medianUs: median(runs.map((run) => run.medianUs)),
        addedUs: median(runs.map((run, round) => run.medianUs - (base[round]?.medianUs ?? Number.NaN))),
        p99Us: median(runs.map((run) => run.p99Us)),
        cpuUs: median(used),
        addedCpuUs: median(used.map((us, round) => us - (baseUs[round] ?? Number.NaN))),
      })
    }
  }
  return rows
}

/** Resident memory of the gateway over many calls, after a warm-up. */
async function watchMemory(load: Load, { variants }: Setting): Promise<readonly number[]> {
  const portcullis = variants.find(({ name }) => name === 'Portcullis')
  if (portcullis === undefined) return []
  const samples: number[] = []
  for (let step = 0; step <= MEMORY_STEPS; step++) {
    const run = await load.run({ ...portcullis.request, connections: 64, ms: 600_000, requests: MEMORY_CALLS / MEMORY_STEPS })
    if (run.failed > 0) throw new Error(`${run.failed} calls failed: ${run.failure}`)
    const mib = residentMib(portcullis.pid)
    if (mib !== undefined) samples.push(mib)
  }
  return samples
}

/** What a caller costs by how they are known: in this process, at a gateway, and where tokens are issued. */
async function watchTokens(load: Load, report: Record<string, unknown>): Promise<void> {
  const recognition = await measureRecognition(values.quick)
  say(showRecognition(recognition))
  const setting = await credentials(load)
  try {
    const rows = await compare(load, setting, 'API key', [64])
    say(showRows('Known by a credential that was seen before: a 400-byte tools/call', 'API key', rows))
    const issued = await measureIssuing(setting.issuing, ROUNDS, ROUND_MS, WARM_UP_MS / 3)
    say(showIssued(issued))
    report['tokens'] = { recognition, rows, issued }
  } finally {
    await setting.end()
  }
}

/** One file against one Redis, for one, two and three replicas; and what Redis is asked for a call. */
async function watchReplicas(load: Load, report: Record<string, unknown>): Promise<void> {
  const setting = await replicated(load)
  try {
    const rows = await compare(load, setting, 'SQLite, one process', [1, 8, 64])
    say(showRows('One installation, one or more replicas: a 400-byte tools/call', 'SQLite, one process', rows))
    const asked: Asked[] = []
    for (const variant of setting.variants.slice(1)) {
      for (const connections of [1, 64]) {
        const before = await setting.asked()
        const run = await load.run({ ...variant.request, connections, ms: ROUND_MS * 3, requests: ROUND_REQUESTS })
        const after = await setting.asked()
        asked.push({
          name: variant.name,
          connections,
          commands: (after.commands - before.commands) / run.requests,
          roundTrips: (after.reads - before.reads) / run.requests,
        })
      }
    }
    say(showAsked(asked))
    const lone = await setting.lone(values.quick ? 3 : 9)
    say(showLone(lone))
    report['replicas'] = { rows, asked, lone }
  } finally {
    await setting.end()
  }
}

const wanted = (part: string): boolean => values.store === undefined && (values.only === undefined || values.only === part)

async function main(load: Load): Promise<void> {
  const report: Record<string, unknown> = { node: process.version, rounds: ROUNDS, roundMs: ROUND_MS }
  if (wanted('proxies') || wanted('memory')) {
    const setting = await proxies(load)
    try {
      if (wanted('proxies')) {
        const rows = await compare(load, setting, 'bare Node proxy')
        report['proxies'] = rows
        say(showRows('In front of an HTTP server: a 400-byte tools/call', 'bare Node proxy', rows))
      }
      if (wanted('memory')) {
        const samples = await watchMemory(load, setting)
        report['memoryMib'] = samples
        say(showMemory(MEMORY_CALLS, samples))
      }
    } finally {
      await setting.end()
    }
  }
  if (wanted('bridges')) {
    const setting = await bridges(load)
    try {
      const rows = await compare(load, setting, 'mcp-proxy to stdio')
      report['bridges'] = rows
      say(showRows('In front of a stdio server: a 400-byte tools/call', 'mcp-proxy to stdio', rows))
    } finally {
      await setting.end()
    }
  }
  if (wanted('embedded')) {
    const setting = await embedded(load)
    try {
      const rows = await compare(load, setting, 'SDK v2 handler, unguarded')
      report['embedded'] = rows
      say(showRows('Inside the server: a 400-byte tools/call', 'SDK v2 handler, unguarded', rows))
    } finally {
      await setting.end()
    }
  }
  if (values.store === 'redis') await watchReplicas(load, report)
  if (wanted('tokens')) await watchTokens(load, report)
  if (wanted('sandbox')) {
    const rows = await measureSandbox(values.quick)
    report['sandbox'] = rows
    say(showSandbox(rows))
  }
  if (wanted('stations')) {
    const stations = await measureStations(values.quick)
    report['stations'] = stations
    say(showStations(stations))
  }
  if (wanted('anomalies')) {
    const weeks = measureAnomalies()
    report['anomalies'] = weeks
    say(showAnomalies(weeks))
  }
  if (wanted('reports')) {
    const history = await measureHistory(HISTORY_EVENTS)
    report['history'] = history
    say(showHistory(history))
  }
  if (wanted('release')) {
    const rows = await measureRelease(values.quick)
    report['release'] = rows
    say(showStations(rows, 'What leaves, looked at: one answer'))
  }
  if (values.json) console.log(JSON.stringify(report, undefined, 2))
}

const load = startLoad()
try {
  await main(load)
} finally {
  await load.end()
}
