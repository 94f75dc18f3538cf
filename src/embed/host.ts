/** A guarded server towards its clients: the edge that the gateway has, with the server of this process behind it. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { systemSchedule } from '../bridge/alarm.ts'
import { publicUrlOf } from '../config/public-url.ts'
import { Fault } from '../core/denial.ts'
import { visible } from '../core/visible.ts'
import type { Reply } from '../face/answer.ts'
import { createDoor, unserved } from '../face/door.ts'
import { createEdge, type Edge, type EdgeParts, pathOf } from '../face/edge.ts'
import { createGate } from '../face/gate.ts'
import { readBody } from '../face/intake.ts'
import { createRelay, type Destination, type Relay } from '../face/relay.ts'
import { Sessions } from '../face/session.ts'
import { Streams } from '../face/streams.ts'
import { createReadiness } from '../guard/ready.ts'
import type { Tell } from '../guard/teller.ts'
import { createHttpUpstream } from '../upstream/http.ts'
import type { Carrier } from '../upstream/http-plan.ts'
import type { Upstream } from '../upstream/upstream.ts'
import { within } from './context.ts'
import { closeWith, type Guard, type Post } from './guard.ts'

/** How often idle sessions are looked for. */
const SWEEP_MS = 30_000
/** Who we say we are to a server that is asked something on nobody's behalf. */
const VERSION_INFO = { name: 'portcullis-guard', version: '1' } as const

export interface Host<Res extends Reply> {
  readonly edge: Edge<Res>
  readonly relay: Relay
  close(): Promise<void>
}

export interface HostOptions {
  /** Waits for what is under way, before the server is closed. */
  readonly drain?: () => Promise<unknown>
  /** How a body is taken in that comes in another way than over a connection. */
  readonly read?: EdgeParts['read']
}

/** Puts the edge in front of a server. The relay is for faces that have no HTTP. */
export function host<Res extends Reply>(
  guard: Guard,
  post: Post,
  upstream: Upstream,
  { drain, read = readBody }: HostOptions = {},
): Host<Res> {
  const { house } = guard
  const { config, journal, clock, newId, turn } = house
  const { server, resources, underWay, tell } = post
  const { drainMs } = config.limits
  const publicUrl = publicUrlOf(config)
  const sessions = new Sessions(config.limits.sessions, clock, ({ id }) => {
    house.limits.sessionEnded(id)
    upstream.release(id)
  })
  const sweep = setInterval(() => sessions.sweep(), SWEEP_MS).unref()
  const stopping = new AbortController()
  const relay = relayTo(post, upstream, sessions, new Streams(config.limits.streams.perPrincipal))
  const route = { server, relay }
  const isReady = createReadiness({ config, journal, store: house.store })
  const edge = createEdge<Res>({
    house: post.steps,
    history: journal,
    gate: createGate(house, guard.onFault),
    door: createDoor({
      publicUrl,
      allowedHosts: config.allowedHosts,
      allowedOrigins: config.allowedOrigins,
      onForeignHost: (foreign) => guard.onFault(new Fault('FAULT_CONFIG', unserved(foreign, 'publicUrl, or under allowedHosts'))),
    }),
    routes: new Map(pathsOf(server).map((path) => [path, route])),
    resources,
    isStanding: house.isStanding,
    maxBytes: config.limits.request.maxBytes,
    read: (req, maxBytes) => read(req, maxBytes).catch((error: unknown) => unreadable(error, tell)),
    parsing: { maxDepth: config.limits.request.maxDepth },
    clock,
    turn,
    newId,
    isHealthy: () => !underWay.isShut && isReady(),
    stopping: stopping.signal,
  })
  const close = closeWith(guard, async () => {
    clearInterval(sweep)
    stopping.abort()
    const drained = drain?.()
    await underWay.close(drainMs, async () => {
      await drained
      await upstream.close()
    })
  })
  const pathIn = createPathIn(publicUrl, server)
  return { edge: (req, res, path = pathOf(req.url ?? '')) => edge(req, res, pathIn(path)), relay, close }
}

const pathsOf = (server: string): readonly string[] => ['/mcp', `/mcp/${server}`]

/** Where publicUrl has a path, what is asked below it is ours: whoever mounts us there is asked so, and a proxy takes that path away. */
function createPathIn(publicUrl: string, server: string): (path: string) => string {
  const prefix = new URL(publicUrl).pathname.replace(/\/$/, '')
  const paths = pathsOf(server)
  return (path) => (prefix !== '' && path.startsWith(`${prefix}/`) && !paths.includes(path) ? path.slice(prefix.length) : path)
}

/** A body that somebody else in this process has read is a mistake in it, and its author would look for it at the caller. */
function unreadable(error: unknown, tell: Tell): never {
  if (error instanceof Fault) tell('body', error)
  throw error
}

/** What goes to the server is done as part of its call: its tools may ask who is asking. */
function relayTo(post: Post, upstream: Upstream, sessions: Sessions, streams: Streams): Relay {
  const { powers, onFailure } = post
  const forward: Destination['forward'] = (call, principal, req) =>
    within({ call, principal, powers, req }, () => upstream.forward(call, principal), onFailure)
  return createRelay({ forward }, sessions, streams)
}

/** A handler of HTTP requests in this process, spoken to as the gateway speaks to a server over connections. */
export function handlerUpstream(guard: Guard, post: Post, carrier: Carrier): Upstream {
  const { config, clock, turn, journal } = guard.house
  return createHttpUpstream(
    {
      name: post.server,
      url: `http://${post.server}.invalid/mcp`,
      timeoutMs: post.timeoutMs,
      maxResponseBytes: config.limits.response.maxBytes,
      allowLegacy: true,
    },
    {
      clock,
      turn,
      versionInfo: VERSION_INFO,
      schedule: systemSchedule,
      carrier,
      onEvent: (entry) => void journal.write(entry).catch(() => undefined),
    },
  )
}

/**
 * For node:http, Express and Connect. What counts is where the client asked, whatever a framework has made of `url` since: these keep it.
 * Clients are told of URLs below publicUrl and tokens are issued for them, so nothing is served at others.
 */
export function listenerOf(
  { house }: Guard,
  { server, tell }: Post,
  edge: Edge<ServerResponse>,
): (req: IncomingMessage, res: ServerResponse) => void {
  const publicUrl = publicUrlOf(house.config)
  const pathIn = createPathIn(publicUrl, server)
  const paths = pathsOf(server)
  return (req, res) => {
    const path = pathOf(req.url ?? '')
    const asked = 'originalUrl' in req && typeof req.originalUrl === 'string' ? pathOf(req.originalUrl) : path
    if (asked !== path && asked.endsWith(path) && paths.includes(path) && !paths.includes(pathIn(asked))) {
      const mount = visible(asked.slice(0, -path.length))
      const message = `publicUrl: ${publicUrl} has not the path that ${server} is mounted under, so it is not served there; write ${new URL(publicUrl).origin}${mount}`
      tell('mount', new Fault('FAULT_CONFIG', message))
    }
    edge(req, res, asked)
  }
}
