/** Pages that go on by themselves: Server-Sent Events, looked for every second while somebody has the page open, and may still see it. */
import type { ServerResponse } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import { matcherOf, rowOf } from '../audit/query.ts'
import { LOGS } from '../store/keys.ts'
import { anomalyNews } from './anomalies.ts'
import { eventRow } from './event-rows.ts'
import { POSITION } from './events.ts'
import { askedIn } from './filters.ts'
import { overviewNews } from './overview.ts'
import type { DashboardParts, Route, Visit } from './parts.ts'
import type { Sessions } from './sessions.ts'
import type { Watch } from './watch.ts'

const EVERY_MS = 1_000
/** Pages open at once, of all people together. */
const OPEN_MAX = 32
/** Bytes that may wait for a browser that does not read. */
const WAITING_MAX_BYTES = 1024 * 1024
const PAGE = 1_000
/** More in a second than anybody reads: of a flood the newest are shown. */
const ROWS_MAX = 100
/** Looks without news before a sign of life is sent, so that nothing in between takes the connection for dead. */
const QUIET_LOOKS = 15

/** What there is to tell since the last look; undefined for nothing. */
type News = () => Promise<{ readonly id?: string; readonly news: object } | undefined>

export function liveRoutes(parts: DashboardParts, sessions: Sessions, watch: Watch, stop: AbortSignal): readonly Route[] {
  const open = new Set<ServerResponse>()
  const get: Route['get'] = async (visit) => {
    const { response, id = '' } = visit
    if (open.size >= OPEN_MAX) return void response.writeHead(503, { 'retry-after': '60' }).end()
    open.add(response)
    const gone = new AbortController()
    response.once('close', () => {
      open.delete(response)
      gone.abort()
    })
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
    response.flushHeaders()
    const next = newsOf(parts, watch, visit)
    const isStill = async (): Promise<boolean> => (await sessions.find(id))?.isAdmin === true
    try {
      await tell(response, next, isStill, AbortSignal.any([stop, gone.signal]))
    } finally {
      response.end()
    }
  }
  return [{ path: /^\/live$/, who: 'admin', get }]
}

async function tell(response: ServerResponse, next: News, isStill: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
  for (let quiet = 0; !signal.aborted && (await isStill()) && response.writableLength < WAITING_MAX_BYTES; ) {
    const found = await next()
    if (found !== undefined) response.write(`${found.id === undefined ? '' : `id: ${found.id}\n`}data: ${JSON.stringify(found.news)}\n\n`)
    else if (++quiet % QUIET_LOOKS === 0) response.write(': still here\n\n')
    await setTimeout(EVERY_MS, undefined, { signal }).catch(() => undefined)
  }
}

function newsOf(parts: DashboardParts, watch: Watch, visit: Visit): News {
  const view = visit.query.get('view')
  if (view === 'events') return eventNews(parts, visit)
  return changesOf(view === 'anomalies' ? () => anomalyNews(parts, watch) : () => overviewNews(visit.query, watch, parts.clock()))
}

/** All of it whenever any of it has changed. */
function changesOf(look: () => Promise<object>): News {
  let before = ''
  return async () => {
    const news = await look()
    const text = JSON.stringify(news)
    const isSame = text === before
    before = text
    return isSame ? undefined : { news }
  }
}

function eventNews({ store, clock }: DashboardParts, { query, request }: Visit): News {
  const matches = matcherOf(askedIn(query, clock()).filter)
  const said = String(request.headers['last-event-id'] ?? query.get('after') ?? '')
  let after = POSITION.test(said) ? said : undefined
  return async () => {
    const lines = await store.read(LOGS.audit, { limit: PAGE, ...(after === undefined ? {} : { after }) })
    after = lines.at(-1)?.position ?? after
    const events = lines.flatMap((line) => rowOf(line)?.event ?? []).filter(matches)
    if (events.length === 0) return undefined
    return { ...(after === undefined ? {} : { id: after }), news: { more: { events: events.slice(-ROWS_MAX).toReversed().map(eventRow) } } }
  }
}
