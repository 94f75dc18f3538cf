/** The gateway: the line with upstream servers behind it, and a table of routes in front. */
import type { ServerResponse } from 'node:http'
import type { Readable, Writable } from 'node:stream'
import type { CommandServer, Config, UrlServer } from '../config/config.ts'
import { ownFiles } from '../config/own-files.ts'
import { publicUrlOf } from '../config/public-url.ts'
import type { Fault } from '../core/denial.ts'
import type { Entry } from '../core/event.ts'
import type { Clock } from '../core/time.ts'
import { createDoor } from '../face/door.ts'
import { type Annex, createEdge, type Edge, pathOf, type Route } from '../face/edge.ts'
import { type Front, openFront } from '../face/front.ts'
import { createGate } from '../face/gate.ts'
import { createRelay } from '../face/relay.ts'
import { Sessions } from '../face/session.ts'
import { serveStdio } from '../face/stdio-face.ts'
import { Streams } from '../face/streams.ts'
import { readUpstreamTls } from '../face/tls-files.ts'
import { type House, openHouse } from '../guard/create.ts'
import { checkInstallation } from '../guard/open-store.ts'
import { type Watcher, watchLaw } from '../guard/watch.ts'
import { environmentCredentials } from '../identity/environment.ts'
import { createResources, type Resources } from '../identity/resource.ts'
import type { Listener } from '../net/serve.ts'
import { PROOF_ALGORITHMS } from '../trust/proof.ts'
import { createHttpUpstream, type HttpDeps } from '../upstream/http.ts'
import { createStdioUpstream } from '../upstream/stdio.ts'
import type { Upstream } from '../upstream/upstream.ts'
import { openAdmin } from './admin.ts'
import { type Authorization, openAuthorization } from './authorization.ts'
import { ConnectPages } from './connect.ts'
import { connectedServer, connectedServers } from './connected.ts'
import { ConnectLinks, createConnectionCredentials } from './connections.ts'
import { createCredentials, headersOf, type UpstreamCredentials } from './credentials.ts'
import { openPeers, type Peers } from './peers.ts'
import { createRedactor, createServerLog, type ServerLog } from './server-log.ts'

/** How often idle sessions are looked for. */
const SWEEP_MS = 30_000

export interface GatewayOptions {
  /** Our version, told to servers as `clientInfo`. */
  readonly version: string
  /** Told of what refuses nothing: a policy that was not taken, a sink that fails. Never a credential in it. */
  readonly onFault: (fault: Fault) => void
  /** Default: the machine's. */
  readonly clock?: Clock
}

export interface Gateway {
  readonly house: House
  /** Binds the listener. Answers the URL of each server's endpoint by its name. */
  listen(): Promise<Endpoints>
  /** Serves one client over stdin and stdout, until it closes its side. */
  serveStdio(server: string, input: Readable, output: Writable): Promise<void>
  /** Reads the law and the files of TLS again. Answers whether all that they say is in force. */
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
  /** Where other replicas reach this one. */
  readonly peers?: string
}

/** @throws Fault when the house cannot be opened: then nothing starts. */
export function createGateway(config: Config, options: GatewayOptions): Gateway {
  const { onFault, clock } = options
  const house = openHouse(config, { node: config.node ?? 'gateway', onFault, ...(clock === undefined ? {} : { clock }) })
  return new RunningGateway(house, options)
}

class RunningGateway implements Gateway {
  readonly house: House
  readonly #options: GatewayOptions
  readonly #upstreams: ReadonlyMap<string, Upstream>
  readonly #credentials: UpstreamCredentials[] = []
  readonly #links: ConnectLinks
  readonly #sessions: Sessions
  readonly #streams: Streams
  readonly #watcher: Watcher
  readonly #sweep: NodeJS.Timeout
  readonly #stopping = new AbortController()
  #admin: Listener | undefined
  readonly #onText: ServerLog
  #front: Front | undefined
  #authorization: Authorization | undefined
  #peers: Peers | undefined
  #annex: Annex<ServerResponse> | undefined
  #connect: ConnectPages | undefined

  constructor(house: House, options: GatewayOptions) {
    const { config, clock } = house
    this.house = house
    this.#options = options
    this.#links = new ConnectLinks(house)
    this.#onText = createServerLog(config, clock, options.onFault)
    this.#upstreams = new Map(Object.keys(config.servers).map((name) => [name, this.#openUpstream(name)]))
    this.#sessions = new Sessions(config.limits.sessions, clock, (session) => this.#upstreams.get(session.server)?.release(session.id))
    this.#streams = new Streams(config.limits.streams.perPrincipal)
    this.#watcher = watchLaw(house, options.onFault)
    this.#sweep = setInterval(() => this.#sessions.sweep(), SWEEP_MS).unref()
  }

  async listen(): Promise<Endpoints> {
    const { config, journal, law } = this.house
    await checkInstallation(this.house, config)
    await this.house.limits.start()
    if (config.peers !== undefined) this.#peers = await openPeers(config.peers, this.house)
    let edge: Edge<ServerResponse> | undefined
    const front = await openFront(this.house, (req, res) => edge?.(req, res), this.#options.onFault)
    this.#front = front
    const publicUrl = publicUrlOf(config, front.port)
    const routes = this.#routes()
    const { issuers, oauth } = config.authentication
    const resources = createResources({
      publicUrl,
      servers: Object.keys(config.servers),
      issuers: [...(oauth === undefined ? [] : [publicUrl]), ...issuers.map(({ issuer }) => issuer)],
      tools: config.access.tools,
      prompts: config.access.prompts,
      proofAlgorithms: PROOF_ALGORITHMS,
      bindsCertificates: this.house.clients.certificateOf !== undefined,
    })
    if (oauth !== undefined) this.#authorization = await openAuthorization(this.house, oauth, publicUrl, resources)
    this.#links.serveAt(publicUrl)
    this.#annex = this.#openAnnex(publicUrl)
    this.house.serveAt(resources.identifiersOf, this.#authorization?.issuer)
    if (config.admin !== undefined) this.#admin = await openAdmin(this.house, config.admin, this.#options.onFault)
    edge = this.#edge(publicUrl, routes, resources)
    await journal.write({ type: 'gateway.started', law: law.revision, detail: front.url, by: 'gateway' })
    await this.#tellUnconfined()
    const servers = Object.fromEntries(
      [...routes].filter(([path]) => path !== '/mcp').map(([path, route]) => [route.server, publicUrl + path]),
    )
    const { url } = front
    const others = { ...(this.#admin && { admin: this.#admin.url }), ...(this.#peers && { peers: this.#peers.url }) }
    return { url, ...others, servers }
  }

  async serveStdio(server: string, input: Readable, output: Writable): Promise<void> {
    const { config, stations, clock, newId, journal, law } = this.house
    const upstream = this.#upstreams.get(server)
    if (upstream === undefined) throw new RangeError(`No server ${server}`)
    await checkInstallation(this.house, config)
    await journal.write({ type: 'gateway.started', law: law.revision, detail: `stdio ${server}`, by: 'gateway' })
    await this.#tellUnconfined()
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

  async reload(): Promise<boolean> {
    const taken = await Promise.all([this.#watcher.reload(), this.#front?.reload() ?? true])
    return taken.every(Boolean)
  }

  async close(): Promise<void> {
    clearInterval(this.#sweep)
    this.#watcher.close()
    this.#stopping.abort()
    const { drainMs } = this.house.config.limits
    await Promise.all([this.#front?.close(drainMs), this.#admin?.close(drainMs), this.#peers?.close(drainMs)])
    await Promise.all([...this.#upstreams.values()].map((upstream) => upstream.close()))
    await Promise.all(this.#credentials.map((credentials) => credentials.close()))
    this.#connect?.close()
    await this.#authorization?.close()
    await this.house.journal.write({ type: 'gateway.stopped', by: 'gateway' }).catch(() => undefined)
    await this.house.close()
  }

  /** Which servers may do whatever we may: nobody is to find that out afterwards. */
  async #tellUnconfined(): Promise<void> {
    for (const [name, server] of Object.entries(this.house.config.servers)) {
      if (server.kind === 'url' || typeof server.sandbox === 'object') continue
      const resource = { kind: 'server', server: name, name } as const
      const detail = server.sandbox === undefined ? 'no sandbox is written' : 'sandbox: off'
      await this.house.journal.write({ type: 'upstream.unconfined', transport: 'stdio', resource, detail, by: 'gateway' })
    }
  }

  #routes(): ReadonlyMap<string, Route> {
    const routes = new Map<string, Route>()
    for (const [server, upstream] of this.#upstreams) {
      const relay = createRelay(upstream, this.#sessions, this.#streams)
      const route = { server, relay: this.#peers?.around(server, relay) ?? relay }
      routes.set(`/mcp/${server}`, route)
      if (this.#upstreams.size === 1) routes.set('/mcp', route)
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
    const { config, stations, journal, clock, newId } = this.house
    return createEdge({
      house: stations,
      history: journal,
      door: createDoor({ publicUrl, allowedHosts: config.allowedHosts, allowedOrigins: config.allowedOrigins }),
      gate: createGate(this.house, this.#options.onFault),
      routes,
      resources,
      ...(this.#annex === undefined ? {} : { authorization: this.#annex }),
      isStanding: this.house.isStanding,
      maxBytes: config.limits.request.maxBytes,
      parsing: { maxDepth: config.limits.request.maxDepth },
      clock,
      newId,
      ...(this.#peers === undefined ? {} : { sessionSuffix: this.#peers.suffix }),
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
    return server.kind === 'url' ? this.#openUrl(name, server, deps) : this.#openCommand(name, server, deps)
  }

  #openUrl(name: string, server: UrlServer, deps: HttpDeps): Upstream {
    const { url, timeoutMs, credential, tls: written } = server
    const tls = written && (() => readUpstreamTls(name, written))
    // Once now: what cannot be used is better known before the first call.
    tls?.()
    const connected = connectedServer(name, server)
    const credentials =
      connected === undefined
        ? createCredentials({ name, url }, credential, this.house)
        : createConnectionCredentials(connected, this.#links, this.house)
    if (credentials !== undefined) this.#credentials.push(credentials)
    const { maxBytes } = this.house.config.limits.response
    const spec = {
      name,
      url,
      timeoutMs,
      maxResponseBytes: maxBytes,
      allowLegacy: true,
      headers: headersOf(credential),
      ...(tls && { tls }),
    }
    return createHttpUpstream(spec, { ...deps, ...(credentials === undefined ? {} : { credentials }) })
  }

  #openCommand(name: string, server: CommandServer, deps: HttpDeps): Upstream {
    const { config } = this.house
    const { kind: _kind, roots: _roots, program, arguments: rest, secrets = {}, sandbox, ...spec } = server
    const prefixes = ['mcp', config.authentication.apiKeys.prefix]
    const secretEnv = Object.fromEntries(Object.entries(secrets).map(([variable, secret]) => [variable, secret.reveal()]))
    return createStdioUpstream(
      {
        name,
        command: [program, ...rest],
        maxLineBytes: config.limits.response.maxBytes,
        ...spec,
        env: { ...spec.env, ...secretEnv },
        ...(sandbox === undefined || sandbox === 'off' ? {} : { sandbox: { ...sandbox, hidden: ownFiles(config) } }),
      },
      { ...deps, environment: {}, onText: this.#onText, redact: createRedactor(prefixes, Object.values(secrets)) },
    )
  }
}
