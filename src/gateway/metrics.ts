/** Numbers for Prometheus on the admin listener: who may reach that may read them, for no name of a caller is among them. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { CONTENT_TYPE, exposition, type Family, gauge, processFamilies } from '../audit/exposition.ts'
import type { Metrics } from '../audit/metrics.ts'
import { DENIALS, Denial } from '../core/denial.ts'
import { createDoor, type Door } from '../face/door.ts'
import type { Sessions } from '../face/session.ts'
import type { Streams } from '../face/streams.ts'
import type { House } from '../guard/create.ts'
import { KEYS } from '../store/keys.ts'

/** What is open in a gateway now. */
export interface Open {
  readonly sessions: Pick<Sessions, 'size'>
  readonly streams: Pick<Streams, 'size'>
  /** Undefined before it listens. */
  connections(): number | undefined
  /** Closed unanswered, by the limit that they were over. */
  dropped(): Readonly<Record<string, number>> | undefined
}

/** Tells the metrics where to look when somebody asks. */
export function sampleGateway(metrics: Metrics, { journal }: Pick<House, 'journal'>, open: Open): void {
  metrics.sample(() => [
    gauge('portcullis_connections', 'Connections of clients.', open.connections() ?? 0),
    {
      name: 'portcullis_connections_dropped_total',
      help: 'Connections closed unanswered, by the setting of limits.connections that they were over.',
      type: 'counter',
      samples: Object.entries(open.dropped() ?? {}).map(([limit, value]) => ({ labels: { limit }, value })),
    },
    gauge('portcullis_sessions', 'Sessions that are open.', open.sessions.size),
    gauge('portcullis_streams', 'Streams that are open.', open.streams.size),
    gauge(
      'portcullis_journal_failing',
      '1 when the last append to the journal failed, so that nothing is done.',
      journal.isFailing ? 1 : 0,
    ),
    ofSinks('portcullis_sink_waiting_lines', 'Lines of history that wait to be handed over.', 'gauge', journal.waiting()),
    ofSinks('portcullis_sink_lost_lines_total', 'Lines of history that a sink has lost; the journal has them.', 'counter', journal.lost()),
    ...processFamilies(),
  ])
}

function ofSinks(name: string, help: string, type: Family['type'], counts: ReadonlyMap<string, number>): Family {
  return { name, help, type, samples: [...counts].map(([sink, value]) => ({ labels: { sink }, value })) }
}

/** Everything, with how long the store takes to answer at this moment. @throws nothing: a store that is away is a number too. */
async function metricsText(metrics: Metrics, { store }: Pick<House, 'store'>): Promise<string> {
  const startedAt = performance.now()
  const isUp = await store.get(KEYS.instance).then(
    () => true,
    () => false,
  )
  const seconds = (performance.now() - startedAt) / 1_000
  const probe = [
    { name: 'portcullis_store_up', help: 'Whether the store answers.', type: 'gauge', samples: [{ value: isUp ? 1 : 0 }] },
    { name: 'portcullis_store_probe_seconds', help: 'How long it took to answer.', type: 'gauge', samples: [{ value: seconds }] },
  ] as const
  return metrics.text() + exposition(probe)
}

/** `GET /metrics`, and nothing else. */
export function metricsRoute(
  url: string,
  metrics: Metrics,
  house: Pick<House, 'store' | 'journal' | 'clients'>,
): (req: IncomingMessage, res: ServerResponse) => void {
  const door = createDoor({ publicUrl: url, allowedHosts: [], allowedOrigins: [] })
  return (req, res) => {
    const denial = refusalOf(req, door)
    if (denial !== undefined) {
      const address = house.clients.addressOf(req)
      const said = { outcome: 'denied', transport: 'http', denial: denial.code, detail: `admin: ${denial.detail}` } as const
      void house.journal.write({ type: 'call.ended', ...said, ...(address !== undefined && { address }) }).catch(() => undefined)
      res.writeHead(DENIALS[denial.code].status, { 'content-type': 'text/plain; charset=utf-8' }).end(denial.message)
      return
    }
    void metricsText(metrics, house).then((text) =>
      res.writeHead(200, { 'content-type': CONTENT_TYPE, 'cache-control': 'no-store' }).end(text),
    )
  }
}

function refusalOf(req: IncomingMessage, door: Door): Denial | undefined {
  try {
    door.check(req)
  } catch (error) {
    return Denial.from(error)
  }
  if (req.url !== '/metrics') return new Denial('no_route')
  return req.method === 'GET' ? undefined : new Denial('http_method')
}
