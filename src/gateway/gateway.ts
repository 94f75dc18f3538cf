/** The gateway: the line with upstream servers behind it, and a table of routes in front. */
import type { ServerResponse } from 'node:http'
import type { Readable, Writable } from 'node:stream'
import { type Config, publicUrlOf } from '../config/config.ts'
import type { Address } from '../config/values.ts'
import type { Fault } from '../core/denial.ts'
import type { Entry } from '../core/event.ts'
import type { Clock } from '../core/time.ts'
import { createDoor } from '../face/door.ts'
import { createEdge, type Edge, type Route } from '../face/edge.ts'
import { createGate } from '../face/gate.ts'
import { listeningOf } from '../face/listening.ts'
import { createRelay } from '../face/relay.ts'
import { Sessions } from '../face/session.ts'
import { serveStdio } from '../face/stdio-face.ts'
import { Streams } from '../face/streams.ts'
import { type House, openHouse } from '../guard/create.ts'
import { type Watcher, watchLaw } from '../guard/watch.ts'
import { environmentCredentials } from '../identity/environment.ts'
import { createResources, type Resources } from '../identity/resource.ts'
import { type Listener, listen, type RequestHandler } from '../net/serve.ts'
import { PROOF_ALGORITHMS } from '../trust/proof.ts'
import { createHttpUpstream } from '../upstream/http.ts'
import { createStdioUpstream } from '../upstream/stdio.ts'
import type { Upstream } from '../upstream/upstream.ts'
import { createAdminServer } from './admin-server.ts'
import { type Authorization, openAuthorization } from './authorization.ts'
import { metricsRoute, sampleGateway } from './metrics.ts'

/** How often idle sessions are looked for. */
const SWEEP_MS = 30_000

export interface GatewayOptions {
  /** Our version, told to servers as `clientInfo`. */
  readonly version: string
  /** Told of what refuses nothing: a policy that was not taken, a sink that fails. Never a credential in it. */
  readonly onFault: (fault: Fault) => void
  /** What a server writes to its standard error, escaped and capped. Default: it is dropped. */
  readonly onText?: (server: string, text: string) => void
  /** Default: the machine's. */
  readonly clock?: Clock
}

export interface Gateway {
  readonly house: House
  /** Binds the listener. Answers the URL of each server's endpoint by its name. */
  listen(): Promise<Endpoints>
  /** Serves one client over stdin and stdout, until it closes its side. */
  serveStdio(server: string, input: Readable, output: Writable): Promise<void>
  /** Reads the law again. Answers whether the new one is in force. */
  reload(): Promise<boolean>
  /** Stops accepting, waits for what is under way, ends every process and closes the store. */
  close(): Promise<void>
}

export interface Endpoints {
  /** Where the listener is bound: `http://127.0.0.1:8080`. */
  readonly url: string
  /** Where the admin listener is, if there is one. */
  readonly admin?: string
  readonly servers: Readonly<Record<string, string>>
}

/** @throws Fault when the house cannot be opened: then nothing starts. */
export function createGateway(config: Config, options: GatewayOptions): Gateway {
  const { onFault, clock } = options
  const house = openHouse(config, { node: 'gateway', onFault, ...(clock === undefined ? {} : { clock }) })
  return new RunningGateway(house, options)
}

class RunningGateway implements Gateway {
  readonly house: House
  readonly #options: GatewayOptions
  readonly #upstreams: ReadonlyMap<string, Upstream>
  readonly #sessions: Sessions
  readonly #streams: Streams
  readonly #watcher: Watcher
  readonly #sweep: NodeJS.Timeout
  readonly #stopping = new AbortController()
  #listener: Listener | undefined
  #admin: Listener | undefined
  #authorization: Authorization | undefined

  constructor(house: House, options: GatewayOptions) {
    const { config, clock } = house
    this.house = house
    this.#options = options
    this.#upstreams = new Map(Object.keys(config.servers).map((name) => [name, this.#openUpstream(name)]))
    this.#sessions = new Sessions(config.limits.sessions, clock, (session) => this.#upstreams.get(session.server)?.release(session.id))
    this.#streams = new Streams(config.limits.streams.perPrincipal)
    this.#watcher = watchLaw(house, options.onFault)
    const open = { sessions: this.#sessions, streams: this.#streams, connections: () => this.#listener?.connections() }
    if (house.metrics !== undefined) sampleGateway(house.metrics, house, open)
    this.#sweep = setInterval(() => this.#sessions.sweep(), SWEEP_MS).unref()
  }

  async listen(): Promise<Endpoints> {
    const { config, journal, law } = this.house
    await this.house.limits.start()
    let edge: Edge<ServerResponse> | undefined
    const listener = await listen(listeningOf(config), (req, res) => edge?.(req, res))
    this.#listener = listener
    const publicUrl = publicUrlOf(config, listener.port)
    const routes = this.#routes()
    const { issuers, oauth } = config.authentication
    const resources = createResources({
      publicUrl,
      servers: Object.keys(config.servers),
      issuers: [...(oauth === undefined ? [] : [publicUrl]), ...issuers.map(({ issuer }) => issuer)],
      tools: config.access.tools,
      prompts: config.access.prompts,
      proofAlgorithms: PROOF_ALGORITHMS,
    })
    if (oauth !== undefined) this.#authorization = await openAuthorization(this.house, oauth, publicUrl, resources)
    this.house.serveAt(resources.identifiersOf, this.#authorization?.issuer)
    edge = this.#edge(publicUrl, routes, resources)
    if (config.admin !== undefined) this.#admin = await this.#openAdmin(config.admin)
    await journal.write({ type: 'gateway.started', law: law.revision, detail: listener.url, by: 'gateway' })
    const servers = Object.fromEntries(
      [...routes].filter(([path]) => path !== '/mcp').map(([path, route]) => [route.server, publicUrl + path]),
    )
    return { url: listener.url, ...(this.#admin === undefined ? {} : { admin: this.#admin.url }), servers }
  }

  async serveStdio(server: string, input: Readable, output: Writable): Promise<void> {
    const { config, stations, clock, newId, journal, law } = this.house
    const upstream = this.#upstreams.get(server)
    if (upstream === undefined) throw new RangeError(`No server ${server}`)
    await journal.write({ type: 'gateway.started', law: law.revision, detail: `stdio ${server}`, by: 'gateway' })
    const face = {
      house: stations,
      server,
      relay: createRelay(upstream, this.#sessions, this.#streams),
      credentials: environmentCredentials(config.authentication.environment.value),
      maxBytes: config.limits.request.maxBytes,
      parsing: { maxDepth: config.limits.request.maxDepth },
      clock,
      newId,
    }
    await serveStdio(face, input, output)
  }

  reload(): Promise<boolean> {
    return this.#watcher.reload()
  }

  async close(): Promise<void> {
    clearInterval(this.#sweep)
    this.#watcher.close()
    this.#stopping.abort()
    const { drainMs } = this.house.config.limits
    await Promise.all([this.#listener?.close(drainMs), this.#admin?.close(drainMs)])
    await Promise.all([...this.#upstreams.values()].map((upstream) => upstream.close()))
    await this.#authorization?.close()
    await this.house.journal.write({ type: 'gateway.stopped', by: 'gateway' }).catch(() => undefined)
    await this.house.close()
  }

  async #openAdmin({ host, port }: Address): Promise<Listener> {
    const { config, metrics } = this.house
    let handle: RequestHandler | undefined
    const listener = await listen({ ...listeningOf(config), host, port }, (req, res) => handle?.(req, res))
    if (metrics !== undefined) handle = metricsRoute(listener.url, metrics, this.house)
    return listener
  }

  #routes(): ReadonlyMap<string, Route> {
    const routes = new Map<string, Route>()
    for (const [server, upstream] of this.#upstreams) {
      const route = { server, relay: createRelay(upstream, this.#sessions, this.#streams) }
      routes.set(`/mcp/${server}`, route)
      if (isOnly(server, this.house.config)) routes.set('/mcp', route)
    }
    return routes
  }

  #edge(publicUrl: string, routes: ReadonlyMap<string, Route>, resources: Resources): Edge<ServerResponse> {
    const { config, stations, journal, clock, newId } = this.house
    return createEdge({
      house: stations,
      history: journal,
      door: createDoor({ publicUrl, allowedHosts: config.allowedHosts, allowedOrigins: config.allowedOrigins }),
      gate: createGate(this.house, this.#options.onFault),
      routes,
      resources,
      ...(this.#authorization === undefined ? {} : { authorization: this.#authorization.server }),
      isStanding: this.house.isStanding,
      maxBytes: config.limits.request.maxBytes,
      parsing: { maxDepth: config.limits.request.maxDepth },
      clock,
      newId,
      isHealthy: () => !journal.isFailing,
      stopping: this.#stopping.signal,
    })
  }

  #openUpstream(name: string): Upstream {
    const { config, clock, journal } = this.house
    const server = config.servers[name]
    if (server === undefined) throw new RangeError(`No server ${name}`)
    // What an upstream does of itself is told, but refuses nothing: the store's own refusal comes with the next call.
    const onEvent = (entry: Entry): void => void journal.write(entry).catch(() => undefined)
    const deps = { clock, versionInfo: { name: 'portcullis', version: this.#options.version }, onEvent }
    if (server.kind === 'admin') return createAdminServer(this.house, server.roles, this.#options.version)
    const { maxBytes } = config.limits.response
    if (server.kind === 'url')
      return createHttpUpstream({ name, url: server.url, timeoutMs: server.timeoutMs, maxResponseBytes: maxBytes, allowLegacy: true }, deps)
    const { kind: _kind, roots: _roots, program, arguments: rest, ...spec } = server
    const { onText } = this.#options
    return createStdioUpstream(
      { name, command: [program, ...rest], maxLineBytes: maxBytes, ...spec },
      { ...deps, environment: {}, ...(onText === undefined ? {} : { onText }) },
    )
  }
}

/** A single server is also at `/mcp`; our own for operators does not count, and never is. */
function isOnly(name: string, { servers }: Config): boolean {
  const others = Object.keys(servers).filter((other) => servers[other]?.kind !== 'admin')
  return others.length === 1 && others[0] === name
}
