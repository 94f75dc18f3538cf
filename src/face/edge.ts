/** The edge on raw `node:http`: a request in, a Call down the line, an answer out. */
import type { IncomingMessage } from 'node:http'
import type { History } from '../audit/history.ts'
import type { Call } from '../core/call.ts'
import { Denial } from '../core/denial.ts'
import type { Principal } from '../core/principal.ts'
import { Stop } from '../core/signal.ts'
import type { Clock } from '../core/time.ts'
import type { Turn } from '../core/turn.ts'
import { pass, type Stations } from '../guard/guard.ts'
import { readCredentials } from '../identity/presented.ts'
import { METADATA_MAX_AGE_S, type Resources } from '../identity/resource.ts'
import { bodilessCall, type Envelope, parseCall } from '../mcp/parse.ts'
import { Answer, type Reply } from './answer.ts'
import type { Door } from './door.ts'
import type { Gate } from './gate.ts'
import { mediaFlaw, readBody } from './intake.ts'
import type { Relay } from './relay.ts'
import { newSessionId } from './session.ts'
import { isWaiting } from './streams.ts'
import { TurnedAway } from './turned-away.ts'
import type { Walks } from './walks.ts'

export interface Route {
  readonly server: string
  readonly relay: Relay
}

/** Paths that are answered by somebody else, before the door: an authorization server. */
export interface Annex<Res extends Reply> {
  owns(path: string): boolean
  handle(req: IncomingMessage, res: Res): void
}

export interface EdgeParts<Res extends Reply = Reply> {
  readonly house: Stations
  readonly history: History
  readonly door: Door
  readonly gate: Gate
  /** By exact path. */
  readonly routes: ReadonlyMap<string, Route>
  readonly maxBytes: number
  /** Takes a body in, where it does not come over a connection of `node:http`. Bounded as `readBody` is. */
  readonly read?: typeof readBody
  readonly parsing: Envelope['limits']
  readonly clock: Clock
  /** Bodies that came at once are looked at together. */
  readonly turn: Turn
  readonly newId: () => string
  /** Behind the name of every session that begins here. */
  readonly sessionSuffix?: string
  /** Whether calls would be let through now. Never rejects. */
  readonly isHealthy: () => boolean | Promise<boolean>
  /** What servers say of themselves as protected resources, and what a refusal needs of that. */
  readonly resources: Resources
  /** The embedded authorization server, where there is one. */
  readonly authorization?: Annex<Res>
  /** Whether what a caller was recognised by is still good. */
  readonly isStanding: (principal: Principal) => Promise<boolean>
  /** Aborted when the gateway is about to stop: streams that wait for events end. */
  readonly stopping: AbortSignal
  /** Where calls are kept while they walk, for who cuts them off. */
  readonly walks?: Walks
}

/** What does not depend on the kind of answer. */
interface Common extends Omit<EdgeParts, 'authorization'> {
  readonly away: TurnedAway
}

/** One request and the answer to it. */
interface Exchange {
  readonly route: Route
  /** Where the client asked. */
  readonly path: string
  readonly req: IncomingMessage
  readonly res: Reply
  readonly answer: Answer
  readonly stop: Stop
}

/** @param path where the client asked, when a framework has changed `req.url` since. */
export type Edge<Res extends Reply = Reply> = (req: IncomingMessage, res: Res, path?: string) => void

export function createEdge<Res extends Reply>(said: EdgeParts<Res>): Edge<Res> {
  const away = new TurnedAway(said)
  const parts = { ...said, away }
  said.stopping.addEventListener('abort', () => away.flush(), { once: true })
  return (req, res, path = pathOf(req.url ?? '')) => {
    const shut = parts.gate.check(req, path)
    if (shut !== undefined) {
      void turnAway(parts, req, new Answer(res, [], parts.stopping), shut, { Connection: 'close' })
      return
    }
    if (parts.resources.documents.has(path)) {
      metadata(parts, req, res, path)
      return
    }
    if (parts.authorization?.owns(path) === true) {
      parts.authorization.handle(req, res)
      return
    }
    let cors: readonly string[]
    try {
      cors = parts.door.check(req)
    } catch (error) {
      void turnAway(parts, req, new Answer(res, [], parts.stopping), Denial.from(error))
      return
    }
    const route = parts.routes.get(path)
    if (route !== undefined) {
      serve(parts, { route, path, req, res, answer: new Answer(res, cors, parts.stopping), stop: new Stop() })
    } else if (path === '/health') {
      health(parts, req, res)
    } else {
      void turnAway(parts, req, new Answer(res, cors, parts.stopping), new Denial('no_route', { detail: 'no server at this path' }))
    }
  }
}

/** The raw path: nothing is decoded or resolved, so no spelling of a path is another path. */
export function pathOf(url: string): string {
  const query = url.indexOf('?')
  return query === -1 ? url : url.slice(0, query)
}

function health(parts: Common, req: IncomingMessage, res: Reply): void {
  if (req.method !== 'GET' && req.method !== 'HEAD') {
    void turnAway(parts, req, new Answer(res, [], parts.stopping), new Denial('http_method', { detail: `${req.method} /health` }), {
      Allow: 'GET, HEAD',
    })
    return
  }
  void Promise.resolve(parts.isHealthy()).then((healthy) => {
    const body = JSON.stringify({ status: healthy ? 'ok' : 'unavailable' })
    const headers = ['Content-Type', 'application/json', 'Content-Length', String(body.length), 'Cache-Control', 'no-store']
    res.writeHead(healthy ? 200 : 503, headers)
    res.end(req.method === 'HEAD' ? '' : body)
  })
}

/** Protected resource metadata (RFC 9728): for anybody, and for the pages of any origin. */
function metadata(parts: Common, req: IncomingMessage, res: Reply, path: string): void {
  const origin = ['Access-Control-Allow-Origin', '*']
  if (req.method === 'OPTIONS') {
    const headers = ['Access-Control-Allow-Methods', 'GET', 'Access-Control-Allow-Headers', 'mcp-protocol-version']
    res.writeHead(204, [...origin, ...headers])
    res.end()
    return
  }
  if (req.method !== 'GET' && req.method !== 'HEAD') {
    void turnAway(parts, req, new Answer(res, origin, parts.stopping), new Denial('http_method', { detail: `${req.method} of metadata` }), {
      Allow: 'GET, HEAD',
    })
    return
  }
  const body = Buffer.from(parts.resources.documents.get(path) ?? '')
  const headers = [
    'Content-Type',
    'application/json',
    'Content-Length',
    String(body.length),
    'Cache-Control',
    `max-age=${METADATA_MAX_AGE_S}`,
  ]
  res.writeHead(200, [...origin, ...headers])
  res.end(req.method === 'HEAD' ? '' : body)
}

function serve(parts: Common, exchange: Exchange): void {
  const { req, res } = exchange
  switch (req.method) {
    case 'POST':
      void post(parts, exchange)
      return
    case 'GET':
    case 'DELETE':
      if (req.headers['mcp-session-id'] === undefined) break
      void walk(parts, exchange, bodilessCall(req.method === 'GET' ? '$stream' : '$end', envelopeOf(parts, exchange, parts.clock())))
      return
    case 'OPTIONS':
      res.writeHead(204, [...parts.door.preflight(req)])
      res.end()
      return
    default:
  }
  void turnAway(parts, req, exchange.answer, new Denial('http_method', { detail: `${req.method} without a session` }), { Allow: 'POST' })
}

async function post(parts: Common, exchange: Exchange): Promise<void> {
  const receivedAt = parts.clock()
  let bytes: Uint8Array
  try {
    bytes = await (parts.read ?? readBody)(exchange.req, parts.maxBytes)
  } catch (error) {
    // What is left of the body is not read: the connection cannot be used again.
    await turnAway(parts, exchange.req, exchange.answer, Denial.from(error), { Connection: 'close' })
    return
  }
  await parts.turn.arrived()
  const call = parseCall(bytes, envelopeOf(parts, exchange, receivedAt))
  const flaw = mediaFlaw(exchange.req)
  await walk(parts, exchange, flaw === undefined ? call : { ...call, flaw })
}

/** A user agent is for the log; longer ones tell nothing more. */
const AGENT_MAX_CHARS = 256

function envelopeOf(parts: Common, exchange: Exchange, receivedAt: number): Envelope {
  const { headers } = exchange.req
  const session = headers['mcp-session-id']
  const lastEventId = headers['last-event-id']
  return {
    id: parts.newId(),
    server: exchange.route.server,
    transport: 'http',
    headers,
    receivedAt,
    signal: exchange.stop,
    limits: parts.parsing,
    address: parts.gate.addressOf(exchange.req),
    agent: headers['user-agent']?.slice(0, AGENT_MAX_CHARS),
    session: typeof session === 'string' ? session : undefined,
    lastEventId: typeof lastEventId === 'string' ? lastEventId : undefined,
  }
}

/** How long an open stream may outlive the credential that opened it, or its address that was let in. */
const STANDING_MS = 5_000

/** Walks the call down the line and writes out what comes. */
async function walk(parts: Common, exchange: Exchange, parsed: Call): Promise<void> {
  const { route, answer, stop, res } = exchange
  const call =
    parsed.method === 'initialize' && parsed.origin.era === 'legacy' ? { ...parsed, session: newSessionId(parts.sessionSuffix) } : parsed
  if (call !== parsed) answer.sessionId = call.session
  answer.isModern = call.origin.era === 'modern'
  answer.isRequest = call.message.body.id !== undefined && !call.method.startsWith('$')
  const abort = (): void => stop.abort()
  // Who has gone before it was read has asked for nothing, in either era; and is not told of a second time.
  if (res.destroyed) abort()
  // A legacy caller that goes away has not cancelled (2025-11-25, basic/utilities/cancellation); a modern one has, and streams end in both.
  if (call.origin.era === 'modern' || call.method === '$stream') res.on('close', () => res.writableFinished || abort())
  const waits = isWaiting(call)
  let watching: NodeJS.Timeout | undefined
  if (waits) parts.stopping.addEventListener('abort', abort, { once: true })
  parts.walks?.begin(stop)
  try {
    const credentials = readCredentials(exchange.req.rawHeaders, parts.gate.certificateOf?.(exchange.req))
    const messages = pass(parts.house, call, credentials, (asked, principal) => {
      answer.allowance = parts.gate.allowanceOf(principal, asked)
      const look = async (): Promise<void> => {
        if (parts.gate.isBlocked(asked) || !(await parts.isStanding(principal))) abort()
      }
      if (waits) watching = setInterval(() => void look(), STANDING_MS).unref()
      return route.relay(asked, principal, stop, exchange.req)
    })
    for await (const message of messages) answer.take(message)
    answer.finish()
  } catch (error) {
    const denial = Denial.from(error)
    answer.refuse(denial, call, parts.resources.challengeFor(exchange.path, denial, call.resource))
  } finally {
    clearInterval(watching)
    parts.walks?.end(stop)
    if (waits) parts.stopping.removeEventListener('abort', abort)
  }
}

/** A refusal before there was a call. It costs its address what a call does, and who has nothing left is told that. */
async function turnAway(
  parts: Common,
  req: IncomingMessage,
  answer: Answer,
  denial: Denial,
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  const told = parts.gate.charge(req) ?? denial
  const agent = req.headers['user-agent']?.slice(0, AGENT_MAX_CHARS)
  await parts.away.tell(told, { address: parts.gate.addressOf(req), agent })
  const method = req.headers['mcp-method']
  answer.refuse(told, undefined, typeof method === 'string' ? { method } : {}, headers)
}
