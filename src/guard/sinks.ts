/** Who is told of history, as the configuration says. */
import { setTimeout } from 'node:timers/promises'
import { logsOutlet, syslogOutlet, tracesOutlet, webhookOutlet } from '../audit/outlets.ts'
import { type Outlet, queuedSink } from '../audit/queue.ts'
import { fileSink, type Sink, streamSink } from '../audit/sinks.ts'
import type { Config } from '../config/config.ts'
import type { Fault } from '../core/denial.ts'
import type { Clock } from '../core/time.ts'
import { createGuardedFetch } from '../net/fetch.ts'

/** @param stdout whether history may be written to our standard output. @throws Fault `FAULT_SINK` */
export function sinksOf(
  { audit, telemetry }: Pick<Config, 'audit' | 'telemetry'>,
  stdout: boolean,
  clock: Clock,
  onFault: (fault: Fault) => void,
): readonly Sink[] {
  const sinks: Sink[] = outletsOf(audit, telemetry, clock).map((outlet) => queuedSink(outlet, { wait, onFault }))
  const { file } = audit
  if (file !== undefined && file !== 'stdout') sinks.push(fileSink(file))
  if (file === 'stdout' && stdout) sinks.push(streamSink('stdout', process.stdout))
  return sinks
}

function outletsOf({ webhook, otlp, syslog }: Config['audit'], { traces }: Config['telemetry'], clock: Clock): readonly Outlet[] {
  const outlets: Outlet[] = []
  // An operator names these places, so they may be private; plain http is spoken over loopback alone.
  const to = (url: string, make: (fetch: ReturnType<typeof createGuardedFetch>) => Outlet): void => {
    const fetch = createGuardedFetch({ allowPrivate: [new URL(url).origin] })
    outlets.push({ ...make(fetch), close: () => fetch.close() })
  }
  if (webhook !== undefined) to(webhook.url, (fetch) => webhookOutlet(webhook.url, webhook.secret, fetch, clock))
  if (otlp !== undefined) to(otlp, (fetch) => logsOutlet(otlp, fetch))
  if (traces !== undefined) to(traces, (fetch) => tracesOutlet(traces, fetch))
  if (syslog !== undefined) outlets.push(syslogOutlet(syslog))
  return outlets
}

/** Keeps no process alive; ends early when it is aborted. */
async function wait(ms: number, signal: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, { signal, ref: false }).catch(() => undefined)
}
