/** The gateway: the line with upstream servers behind it, and a table of routes in front. */
import type { ServerResponse } from 'node:http'
import type { Readable, Writable } from 'node:stream'
import type { Config } from '../config/config.ts'
import { publicUrlOf } from '../config/public-url.ts'
import { type Denial, Fault } from '../core/denial.ts'
import type { Clock } from '../core/time.ts'
import { createDoor, unserved } from '../face/door.ts'
import { type Annex, createEdge, type Edge, pathOf, type Route } from '../face/edge.ts'
import { type Front, openFront } from '../face/front.ts'
import { createGate } from '../face/gate.ts'
import { createRelay } from '../face/relay.ts'
import { Sessions } from '../face/session.ts'
import { serveStdio } from '../face/stdio-face.ts'
import { Streams } from '../face/streams.ts'
import { Walks } from '../face/walks.ts'
import { announcementOf, withAnnouncement } from '../guard/announce.ts'
import { type House, openHouse } from '../guard/create.ts'
import type { Stations } from '../guard/guard.ts'
import { checkRecords } from '../guard/open-store.ts'
import { createReadiness } from '../guard/ready.ts'
import { type LawOptions, type Watcher, watchLaw } from '../guard/watch.ts'
import { environmentCredentials } from '../identity/environment.ts'
import type { Resources } from '../identity/resource.ts'
import type { Listener } from '../net/serve.ts'
import { openAdmin } from './admin.ts'
import { type Authorization, openAuthorization } from './authorization.ts'
import { type Behind, openBehind } from './behind.ts'
import { ConnectPages } from './connect.ts'
import { connectedServers } from './connected.ts'
import { ConnectLinks } from './connections.ts'
import { drained, halted } from './ending.ts'
import { sampleGateway } from './metrics.ts'
import { openPeers, type Peers } from './peers.ts'
import { resourcesOf } from './resources.ts'
import { createServerLog } from './server-log.ts'
import { tellMoved } from './whereabouts.ts'

/** How often idle sessions are looked for. */
const SWEEP_MS = 30_000
/** Longer than an answer is on its way: what was sent before its client knew is answered. Balancers that ask seldom need a pause before SIGTERM. */
const RETIRE_MS = 1_000

/** What a gateway is told beside its configuration. `onFault`: told of what refuses nothing: a policy that was not taken, a sink that fails. Never a credential in it. */
export interface GatewayOptions extends LawOptions {
  /** Our version, told to servers as `clientInfo`. */
  readonly version: string
  /** Default: the machine's. */
  readonly clock?: Clock
  /** Milliseconds that only ever go forward; those of the process unless told. */
  readonly steady?: Clock
}

/** The gateway in this process: what `portcullis serve` and `portcullis run` start. */
export interface Gateway {
  /** The whole inside. @internal */
  readonly house: House
  /** Binds the listener. Answers the URL of each server's endpoint by its name. */
  listen(): Promise<Endpoints>
  /** Serves one client over stdin and stdout, until it closes its side. */
  serveStdio(server: string, input: Readable, output: Writable): Promise<void>
  /** Reads the law (`access:` and the policies) and the files of TLS again, and opens `audit.file` again. Answers whether all that they say is in force. */
  reload(): Promise<boolean>
  /** Before `close`: `/health` says 503 and every answer ends its connection, for a second, not longer than calls may take to end. */
  retire(): Promise<void>
  /** Stops accepting, waits for what is under way, at most `limits.drain`, refuses the rest, ends every process and closes the store. */
  close(): Promise<void>
  /** Before the process ends, at once: what is under way is refused and that written down, and the servers are killed, those of every gateway here. Takes a second at most. */
  halt(): Promise<void>
}

/** Where a gateway is reached. */
export interface Endpoints {
  /** Where the listener is bound: `http://127.0.0.1:8080`. */
  readonly url: string
  /** Where the admin listener is, if there is one. */
  readonly admin?: string
  readonly servers: Readonly<Record<string, string>>
  /** Where other replicas reach this one. */
  readonly peers?: string
}

/**
 * Opens the gateway of a configuration; it serves nobody before `listen` or `serveStdio`.
 * @throws Fault when it cannot be opened: then nothing starts.
 */
export function createGateway(config: Config, options: GatewayOptions): Gateway {
  const { onFault, clock, steady } = options
  const clocks = { ...(clock === undefined ? {} : { clock }), ...(steady === undefined ? {} : { steady }) }
  const house = openHouse(config, { node: config.node ?? 'gateway', onFault, ...clocks })
  return new RunningGateway(house, options)
}

class RunningGateway implements Gateway {
  readonly house: House
  readonly #options: GatewayOptions
  readonly #stations: Stations
  readonly #behind: Behind
  readonly #links: ConnectLinks
  readonly #sessions: Sessions
  readonly #streams: Streams
  readonly #watcher: Watcher
  readonly #sweep: NodeJS.Timeout
  readonly #stopping = new AbortController()
  readonly #walks = new Walks()
  #closing: Promise<void> | undefined
  #isRetiring = false
  #admin: Listener | undefined
  #front: Front | undefined
  #authorization: Authorization | undefined
  #peers: Peers | undefined
  #annex: Annex<ServerResponse> | undefined
  #connect: ConnectPages | undefined

  constructor(house: House, options: GatewayOptions) {
    const { config, clock } = house
    this.house = house
    this.#options = options
    this.#stations = withAnnouncement(house.stations, announcementOf(config, true))
    this.#links = new ConnectLinks(house)
    const onText = createServerLog(config, clock, options.onFault)
    this.#behind = openBehind({ house, version: options.version, links: this.#links, onText, onFault: options.onFault })
    this.#sessions = new Sessions(config.limits.sessions, clock, ({ id, server }) => {
      house.limits.sessionEnded(id)
      this.#behind.upstreams.get(server)?.release(id)
    })
    this.#streams = new Streams(config.limits.streams.perPrincipal)
    this.#watcher = watchLaw(house, options)
    const open = {
      sessions: this.#sessions,
      streams: this.#streams,
      connections: () => this.#front?.connections(),
      dropped: () => this.#front?.dropped(),
    }
    if (house.metrics !== undefined) sampleGateway(house.metrics, house, open)
    this.#sweep = setInterval(() => this.#sessions.sweep(), SWEEP_MS).unref()
  }

  async listen(): Promise<Endpoints> {
    const { config, journal, law } = this.house
    await checkRecords(this.house, this.#options.onFault)
    await this.house.start()
    if (config.peers !== undefined) this.#peers = await openPeers(config.peers, this.house, this.#walks)
    let edge: Edge<ServerResponse> | undefined
    const front = await openFront(this.house, (req, res) => edge?.(req, res), this.#options.onFault)
    this.#front = front
    const publicUrl = publicUrlOf(config, front.port)
    const routes = this.#routes()
    const resources = resourcesOf(this.house, publicUrl)
    const { oauth } = config.authentication
    if (oauth !== undefined) this.#authorization = await openAuthorization(this.house, oauth, publicUrl, resources)
    this.#links.serveAt(publicUrl)
    this.#annex = this.#openAnnex(publicUrl)
    this.house.serveAt(resources.identifiersOf, this.#authorization?.issuer)
    if (config.admin !== undefined) this.#admin = await openAdmin(this.house, config.admin, this.#options.onFault)
    edge = this.#edge(publicUrl, routes, resources)
    await journal.write({ type: 'gateway.started', law: law.revision, detail: front.url, by: 'gateway' })
    await tellMoved(this.house, this.#options.onFault)
    await this.#tellUnconfined()
    const servers = Object.fromEntries(
      [...routes].filter(([path]) => path !== '/mcp').map(([path, route]) => [route.server, publicUrl + path]),
    )
    const { url } = front
    const others = { ...(this.#admin && { admin: this.#admin.url }), ...(this.#peers && { peers: this.#peers.url }) }
    return { url, ...others, servers }
  }

  async serveStdio(server: string, input: Readable, output: Writable): Promise<void> {
    const { config, clock, newId, journal, law } = this.house
    const upstream = this.#behind.upstreams.get(server)
    if (upstream === undefined) throw new RangeError(`No server ${server}`)
    await checkRecords(this.house, this.#options.onFault)
    await journal.write({ type: 'gateway.started', law: law.revision, detail: `stdio ${server}`, by: 'gateway' })
    await this.#tellUnconfined()
    const { environment, anonymous } = config.authentication
    const tell = (message: string): void => this.#options.onFault(new Fault('FAULT_CREDENTIAL', message))
    if (environment.value === undefined && anonymous === undefined)
      tell(`${environment.name} is not set, so every call is refused: start this with a key in it ("portcullis keys create")`)
    const face = {
      house: this.#stations,
      server,
      relay: createRelay(upstream, this.#sessions, this.#streams),
      credentials: environmentCredentials(environment.value),
      environment: environment.name,
      onUnknown: ({ detail }: Denial) => {
        if (environment.value !== undefined) tell(`the credential in ${environment.name} is refused, and with it every call: ${detail}`)
      },
      maxBytes: config.limits.request.maxBytes,
      drainMs: config.limits.drainMs,
      walks: this.#walks,
      parsing: { maxDepth: config.limits.request.maxDepth },
      clock,
      newId,
    }
    await serveStdio(face, input, output)
  }

  async reload(): Promise<boolean> {
    // Whoever has moved the file away waits for this with the rest of his work.
    const isReopened = this.house.journal.reopen()
    const taken = await Promise.all([this.#watcher.reload(), this.#front?.reload() ?? true])
    return isReopened && taken.every(Boolean)
  }

  async retire(): Promise<void> {
    this.#isRetiring = true
    await this.#front?.retire(Math.min(RETIRE_MS, this.house.config.limits.drainMs))
  }

  close(): Promise<void> {
    this.#closing ??= this.#end()
    return this.#closing
  }

  halt(): Promise<void> {
    return halted(this.#walks, () => this.close())
  }

  async #end(): Promise<void> {
    clearInterval(this.#sweep)
    this.#watcher.close()
    this.#stopping.abort()
    const { drainMs } = this.house.config.limits
    await drained({ listeners: [this.#front, this.#admin, this.#peers], walks: this.#walks, behind: this.#behind, drainMs })
    this.#connect?.close()
    await this.#authorization?.close()
    await this.house.journal.write({ type: 'gateway.stopped', by: 'gateway' }).catch(() => undefined)
    await this.house.close()
  }

  /** Which servers may do whatever we may: nobody is to find that out afterwards. */
  async #tellUnconfined(): Promise<void> {
    for (const [name, server] of Object.entries(this.house.config.servers)) {
      if (server.kind !== 'command' || typeof server.sandbox === 'object') continue
      const resource = { kind: 'server', server: name, name } as const
      const detail = server.sandbox === undefined ? 'no sandbox is written' : 'sandbox: off'
      await this.house.journal.write({ type: 'upstream.unconfined', transport: 'stdio', resource, detail, by: 'gateway' })
    }
  }

  #routes(): ReadonlyMap<string, Route> {
    const routes = new Map<string, Route>()
    for (const [server, upstream] of this.#behind.upstreams) {
      const relay = createRelay(upstream, this.#sessions, this.#streams)
      const route = { server, relay: this.#peers?.around(server, relay) ?? relay }
      routes.set(`/mcp/${server}`, route)
      if (isOnly(server, this.house.config)) routes.set('/mcp', route)
    }
    return routes
  }

  /** The authorization server, and where accounts are connected. */
  #openAnnex(publicUrl: string): Annex<ServerResponse> | undefined {
    const authorization = this.#authorization?.server
    const servers = connectedServers(this.house.config)
    if (authorization === undefined || servers.size === 0) return authorization
    const pages = new ConnectPages({ house: this.house, publicUrl, servers, links: this.#links, authorization })
    this.#connect = pages
    return {
      owns: (path) => authorization.owns(path) || pages.owns(path),
      handle: (req, res) => (pages.owns(pathOf(req.url ?? '')) ? pages : authorization).handle(req, res),
    }
  }

  #edge(publicUrl: string, routes: ReadonlyMap<string, Route>, resources: Resources): Edge<ServerResponse> {
    const { config, journal, clock, newId, turn } = this.house
    const isReady = createReadiness({ config, journal, store: this.house.store, steady: this.#options.steady })
    return createEdge({
      house: this.#stations,
      history: journal,
      door: createDoor({
        publicUrl,
        allowedHosts: config.allowedHosts,
        allowedOrigins: config.allowedOrigins,
        onForeignHost: (host) => this.#options.onFault(new Fault('FAULT_CONFIG', unserved(host, 'publicUrl, or under allowedHosts'))),
      }),
      gate: createGate(this.house, this.#options.onFault),
      routes,
      resources,
      ...(this.#annex === undefined ? {} : { authorization: this.#annex }),
      isStanding: this.house.isStanding,
      maxBytes: config.limits.request.maxBytes,
      parsing: { maxDepth: config.limits.request.maxDepth },
      clock,
      turn,
      newId,
      ...(this.#peers === undefined ? {} : { sessionSuffix: this.#peers.suffix }),
      isHealthy: () => !this.#isRetiring && isReady(),
      stopping: this.#stopping.signal,
      walks: this.#walks,
    })
  }
}

/** A single server is also at `/mcp`; our own for operators does not count, and never is. */
function isOnly(name: string, { servers }: Config): boolean {
  const others = Object.keys(servers).filter((other) => servers[other]?.kind !== 'admin')
  return others.length === 1 && others[0] === name
}
