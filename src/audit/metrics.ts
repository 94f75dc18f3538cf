/** What happens, as numbers for Prometheus: counted from history, so a call pays nothing for it but its event. No label is a caller's to make up. */
import type { AuditEvent, Outcome } from '../core/event.ts'
import { methodRow } from '../mcp/methods.ts'
import { exposition, type Family, type Sample } from './exposition.ts'
import type { Sink, Told } from './sinks.ts'

/** Advised for `mcp.server.operation.duration` by the conventions of OpenTelemetry for MCP; seconds. */
const BUCKETS_S = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300] as const
/** Combinations of labels kept of one family. They come from closed tables and the configuration; this is for the day when one does not. */
const SERIES_MAX = 2_000
const OTHER = 'other'
/** In no value of a label. */
const SEPARATOR = '\u0000'

class Histogram {
  readonly #buckets = new Array<number>(BUCKETS_S.length + 1).fill(0)
  #sum = 0

  add(seconds: number): void {
    const found = BUCKETS_S.findIndex((most) => seconds <= most)
    const at = found === -1 ? BUCKETS_S.length : found
    this.#buckets[at] = (this.#buckets[at] ?? 0) + 1
    this.#sum += seconds
  }

  samples(labels: Readonly<Record<string, string>>): readonly Sample[] {
    let below = 0
    const buckets = this.#buckets.map((count, at): Sample => {
      below += count
      return { suffix: '_bucket', labels: { ...labels, le: String(BUCKETS_S[at] ?? '+Inf') }, value: below }
    })
    return [...buckets, { suffix: '_sum', labels, value: this.#sum }, { suffix: '_count', labels, value: below }]
  }
}

/** Series of one family, by the values of their labels. */
class Series<T> {
  readonly #names: readonly string[]
  readonly #make: () => T
  readonly #by = new Map<string, { readonly labels: Readonly<Record<string, string>>; value: T }>()

  constructor(names: readonly string[], make: () => T) {
    this.#names = names
    this.#make = make
  }

  at(...values: readonly string[]): { value: T } {
    const known = this.#by.get(values.join(SEPARATOR))
    if (known !== undefined) return known
    return this.#by.size < SERIES_MAX ? this.#add(values) : this.#rest(values)
  }

  /** All for which there was no room, as one. */
  #rest(values: readonly string[]): { value: T } {
    const rest = values.map(() => OTHER)
    return this.#by.get(rest.join(SEPARATOR)) ?? this.#add(rest)
  }

  #add(values: readonly string[]): { value: T } {
    const labels = Object.fromEntries(this.#names.map((name, index) => [name, values[index] ?? '']))
    const made = { labels, value: this.#make() }
    this.#by.set(values.join(SEPARATOR), made)
    return made
  }

  all(): readonly { readonly labels: Readonly<Record<string, string>>; readonly value: T }[] {
    return [...this.#by.values()]
  }
}

const zero = (): number => 0

export interface MetricsOptions {
  /** Names that may stand in the label `server`; every other is `other`. */
  readonly servers: readonly string[]
}

interface Cell {
  readonly calls: { value: number }
  readonly durations: { value: Histogram }
}

export class Metrics implements Sink {
  readonly name = 'metrics'
  readonly #servers: ReadonlySet<string>
  readonly #calls = new Series(['server', 'outcome', 'denial'], zero)
  readonly #durations = new Series(['server', 'mcp_method_name', 'error_type'], () => new Histogram())
  readonly #cells = new Map<string, Cell>()
  readonly #events = new Series(['type'], zero)
  readonly #findings = new Series(['label'], zero)
  readonly #anomalies = new Series(['kind', 'severity', 'reaction'], zero)
  readonly #processes = new Series(['server'], zero)
  readonly #gauges: (() => readonly Family[])[] = []

  constructor({ servers }: MetricsOptions) {
    this.#servers = new Set(servers)
  }

  write(told: readonly Told[]): void {
    for (const one of told) if (one.kind === 'event') this.#count(one.event)
  }

  /** What is looked at when somebody asks, instead of counted. */
  sample(read: () => readonly Family[]): void {
    this.#gauges.push(read)
  }

  /** Everything in Prometheus' text format 0.0.4. */
  text(): string {
    return exposition([...this.#counted(), ...this.#gauges.flatMap((read) => read())])
  }

  #count(event: AuditEvent): void {
    const { type, outcome, denial, resource, method, tookMs, findings, anomaly } = event
    this.#events.at(type).value++
    if (anomaly !== undefined) this.#anomalies.at(anomaly.kind, anomaly.severity, anomaly.reaction).value++
    if (type === 'upstream.started' || type === 'upstream.stopped') {
      const processes = this.#processes.at(this.#server(resource?.server))
      processes.value = Math.max(0, processes.value + (type === 'upstream.started' ? 1 : -1))
    }
    if (type !== 'call.ended' || outcome === undefined) return
    const cell = this.#cellOf(this.#server(resource?.server), methodOf(method), outcome, denial ?? '')
    cell.calls.value++
    if (tookMs !== undefined) cell.durations.value.add(tookMs / 1_000)
    if (findings !== undefined) for (const { label } of findings) this.#findings.at(label).value++
  }

  /** Where a call is counted, found with one look. The texts are of closed tables, so there are no more of these than of series. */
  #cellOf(server: string, method: string, outcome: Outcome, denial: string): Cell {
    const key = `${server} ${method} ${outcome} ${denial}`
    const known = this.#cells.get(key)
    if (known !== undefined) return known
    const cell = { calls: this.#calls.at(server, outcome, denial), durations: this.#durations.at(server, method, errorOf(outcome, denial)) }
    if (this.#cells.size < SERIES_MAX) this.#cells.set(key, cell)
    return cell
  }

  #server(name: string | undefined): string {
    return name === undefined ? '' : this.#servers.has(name) ? name : OTHER
  }

  #counted(): readonly Family[] {
    return [
      counter('portcullis_calls_total', 'Calls that ended, by server, outcome and why they were refused.', this.#calls),
      {
        name: 'mcp_server_operation_duration_seconds',
        help: 'From the arrival of a call to its end.',
        type: 'histogram',
        samples: this.#durations.all().flatMap(({ labels, value }) => value.samples(labels)),
      },
      counter('portcullis_events_total', 'Events of the journal, by type.', this.#events),
      counter('portcullis_findings_total', 'Facts seen in what calls carried, by label.', this.#findings),
      counter('portcullis_anomalies_total', 'What was far from usual, by kind, severity and what was done.', this.#anomalies),
      {
        name: 'portcullis_upstream_processes',
        help: 'Processes of stdio servers that run.',
        type: 'gauge',
        samples: this.#processes.all(),
      },
    ]
  }
}

function counter(name: string, help: string, series: Series<number>): Family {
  return { name, help, type: 'counter', samples: series.all() }
}

function methodOf(method: string | undefined): string {
  return method === undefined ? '' : methodRow(method) === undefined ? OTHER : method
}

function errorOf(outcome: Outcome, denial: string): string {
  return denial === '' && (outcome === 'failed' || outcome === 'cancelled') ? outcome : denial
}
