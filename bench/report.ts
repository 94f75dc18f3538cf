/** Figures as a reader wants them: medians, ratios, tables. */
import type { HistoryRun } from './reports.ts'

export interface Row {
  readonly name: string
  readonly connections: number
  readonly perSecond: number
  /** Throughput against the yardstick's of the same round; median over the rounds. */
  readonly ratio: number
  readonly medianUs: number
  /** Median latency over the yardstick's of the same round. */
  readonly addedUs: number
  readonly p99Us: number
  /** CPU time of the measured process for one request; NaN where it cannot be read. */
  readonly cpuUs: number
  /** What of it is over the yardstick's of the same round; median over the rounds. */
  readonly addedCpuUs: number
}

export interface Station {
  readonly name: string
  readonly us: number
}

/** How somebody is recognised. */
export interface Recognition {
  readonly name: string
  readonly cpuUs: number
  /** To the first of the same round; median over the rounds. */
  readonly ratio: number
}

/** How a token is issued. */
export interface Issued {
  readonly name: string
  readonly connections: number
  readonly perSecond: number
  readonly medianUs: number
  readonly cpuUs: number
}

/** What a store is asked for one call. */
export interface Asked {
  readonly name: string
  readonly connections: number
  readonly commands: number
  /** Packets of commands that it read: what one turn asks for comes in one. */
  readonly roundTrips: number
}

/** What Redis is asked for a call that is alone. */
export function showLone(rows: readonly { readonly name: string; readonly commands: number; readonly roundTrips: number }[]): string {
  const lines = rows.map(({ name, commands, roundTrips }) => [name, commands.toFixed(0), roundTrips.toFixed(0)])
  return `\nWhat Redis is asked for a call that is alone, medians\n\n${table(['', 'commands', 'round trips'], lines)}\n`
}

/** How a server is started. */
export interface Confined {
  readonly name: string
  readonly startMs: number
  /** To the first of the same round; median over the rounds. */
  readonly addedMs: number
  readonly callUs: number
}

export function median(values: readonly number[]): number {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort((left, right) => left - right)
  const middle = sorted.length >> 1
  if (sorted.length === 0) return Number.NaN
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}

function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...lines.map((line) => line[column]?.length ?? 0)))
  const show = (cells: readonly string[]): string =>
    cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  ')
  return [show(head), widths.map((width) => '-'.repeat(width)).join('  '), ...lines.map(show)].join('\n')
}

const whole = (value: number): string => (Number.isNaN(value) ? '–' : value.toFixed(0))

export function showRows(title: string, yardstick: string, rows: readonly Row[]): string {
  const head = ['', 'connections', 'calls/s', `ratio to ${yardstick}`, 'median µs', 'added µs', 'p99 µs', 'CPU µs/call', 'added CPU µs']
  const lines = rows.map((row) => [
    row.name,
    String(row.connections),
    whole(row.perSecond),
    row.ratio.toFixed(2),
    whole(row.medianUs),
    whole(row.addedUs),
    whole(row.p99Us),
    whole(row.cpuUs),
    whole(row.addedCpuUs),
  ])
  return `\n${title}\n${table(head, lines)}`
}

export function showMemory(calls: number, samples: readonly number[]): string {
  if (samples.length === 0) return '\nMemory: not readable on this system'
  const half = samples.slice(Math.floor(samples.length / 2))
  const growth = (half.at(-1) ?? 0) - (half[0] ?? 0)
  return `\nMemory of the gateway over ${calls} calls, MiB: ${samples.map(whole).join(' ')}; second half: ${growth >= 0 ? '+' : ''}${growth.toFixed(1)}`
}

export function showStations(stations: readonly Station[], title = 'Cost of each station, one call'): string {
  return `\n${title}\n${table(
    ['', 'µs'],
    stations.map(({ name, us }) => [name, us.toFixed(2)]),
  )}`
}

export function showRecognition(rows: readonly Recognition[]): string {
  return `\nCPU time to know a caller, one at a time\n${table(
    ['', 'CPU µs', `ratio to ${rows[0]?.name}`],
    rows.map(({ name, cpuUs, ratio }) => [name, cpuUs.toFixed(1), ratio.toFixed(2)]),
  )}`
}

export function showSandbox(rows: readonly Confined[]): string {
  return `\nA server over stdio, from its start to its first answer, and one call\n${table(
    ['', 'start ms', 'added ms', 'call µs'],
    rows.map(({ name, startMs, addedMs, callUs }) => [name, startMs.toFixed(1), addedMs.toFixed(1), whole(callUs)]),
  )}`
}

export function showIssued(rows: readonly Issued[]): string {
  return `\nThe token endpoint, ${rows[0]?.connections} connections\n${table(
    ['', 'tokens/s', 'median µs', 'CPU µs/token'],
    rows.map(({ name, perSecond, medianUs, cpuUs }) => [name, whole(perSecond), whole(medianUs), whole(cpuUs)]),
  )}`
}

export function showHistory({ events, reportMs, verifiedPerSecond, addedMib }: HistoryRun): string {
  return `\nA journal of ${whole(events)} events, CPU time: a report over all of it ${whole(reportMs)} ms, audit verify ${whole(verifiedPerSecond)} events/s, memory +${whole(addedMib)} MiB`
}

export function showAsked(rows: readonly Asked[]): string {
  const lines = rows.map(({ name, connections, commands, roundTrips }) => [
    name,
    String(connections),
    commands.toFixed(2),
    roundTrips.toFixed(2),
  ])
  return `\nWhat Redis is asked for a call\n\n${table(['', 'connections', 'commands', 'round trips'], lines)}\n`
}
