/** Prometheus' text format (exposition format 0.0.4), and what a process says of itself in it. */

export interface Sample {
  /** Behind the name of its family: `_bucket`, `_sum`, `_count`. */
  readonly suffix?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly value: number
}

export interface Family {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly samples: readonly Sample[]
}

export const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** A label without a value is one that is not there, and is left out. */
export function exposition(families: readonly Family[]): string {
  let text = ''
  for (const { name, help, type, samples } of families) {
    text += `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n# TYPE ${name} ${type}\n`
    for (const sample of samples) text += `${name}${sample.suffix ?? ''}${labelsOf(sample)} ${sample.value}\n`
  }
  return text
}

function labelsOf({ labels = {} }: Sample): string {
  const pairs = Object.entries(labels).filter(([, value]) => value !== '')
  return pairs.length === 0 ? '' : `{${pairs.map(([name, value]) => `${name}="${escaped(value)}"`).join(',')}}`
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

/** A family with one sample. */
export function gauge(name: string, help: string, value: number): Family {
  return { name, help, type: 'gauge', samples: [{ value }] }
}

/** The names that every client library of Prometheus uses for them. */
export function processFamilies(): readonly Family[] {
  const { user, system } = process.cpuUsage()
  const { rss, heapUsed } = process.memoryUsage()
  const startedAt = Math.floor(performance.timeOrigin / 1_000)
  return [
    {
      name: 'process_cpu_seconds_total',
      help: 'CPU time of the process.',
      type: 'counter',
      samples: [{ value: (user + system) / 1e6 }],
    },
    gauge('process_resident_memory_bytes', 'Memory that the process holds.', rss),
    gauge('process_start_time_seconds', 'When the process began, seconds since the epoch.', startedAt),
    gauge('nodejs_heap_size_used_bytes', 'Heap in use.', heapUsed),
    gauge(
      'nodejs_eventloop_utilization',
      'Share of its time that the event loop was busy.',
      performance.eventLoopUtilization().utilization,
    ),
  ]
}
