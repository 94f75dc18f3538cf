/** What stands behind the gateway: an upstream for each server of the configuration, with what it is shown. */

import { ownFiles } from '../config/own-files.ts'
import type { CommandServer, UrlServer } from '../config/servers.ts'
import type { Fault } from '../core/denial.ts'
import type { Entry } from '../core/event.ts'
import { readUpstreamTls } from '../face/tls-files.ts'
import type { House } from '../guard/create.ts'
import { createHttpUpstream, type HttpDeps } from '../upstream/http.ts'
import { createStdioUpstream, type StdioDeps } from '../upstream/stdio.ts'
import type { Upstream } from '../upstream/upstream.ts'
import { createAdminServer } from './admin-server.ts'
import { connectedServer } from './connected.ts'
import { type ConnectLinks, createConnectionCredentials } from './connections.ts'
import { createCredentials, headersOf, type UpstreamCredentials } from './credentials.ts'
import { createRedactor, type ServerLog, serverLogFiles } from './server-log.ts'
import { Teller } from './told.ts'

export interface BehindParts {
  readonly house: House
  /** Ours, told to servers. */
  readonly version: string
  readonly links: ConnectLinks
  readonly onText: ServerLog
  /** Told of a server that does not start: once, until it has. */
  readonly onFault: (fault: Fault) => void
}

export interface Behind {
  readonly upstreams: ReadonlyMap<string, Upstream>
  /** In this order: servers before what they are shown. */
  close(): Promise<void>
}

/** @throws Fault when something that a server needs cannot be had: then nothing starts. */
export function openBehind(parts: BehindParts): Behind {
  const credentials: UpstreamCredentials[] = []
  const upstreams = new Map(Object.keys(parts.house.config.servers).map((name) => [name, open(name, parts, credentials)]))
  return {
    upstreams,
    async close() {
      await Promise.all([...upstreams.values()].map((upstream) => upstream.close()))
      await Promise.all(credentials.map((held) => held.close()))
    },
  }
}

function open(name: string, parts: BehindParts, credentials: UpstreamCredentials[]): Upstream {
  const { house, version } = parts
  const { config, clock, journal, turn } = house
  const server = config.servers[name]
  if (server === undefined) throw new RangeError(`No server ${name}`)
  const [, file] = serverLogFiles(config, name) ?? []
  const teller = new Teller({ ...parts, name, file })
  // What an upstream does of itself is told, but refuses nothing: the store's own refusal comes with the next call.
  const onEvent = (entry: Entry): void => {
    void journal.write(entry).catch(() => undefined)
    teller.event(entry)
  }
  const deps = { clock, turn, versionInfo: { name: 'portcullis', version }, onEvent }
  switch (server.kind) {
    case 'admin':
      return createAdminServer(house, server.roles, version)
    case 'url':
      return openUrl(name, server, deps, parts, credentials)
    case 'command':
      return openCommand(name, server, { ...deps, onStop: (stopped) => teller.stopped(stopped) }, parts)
  }
}

function openUrl(
  name: string,
  server: UrlServer,
  deps: HttpDeps,
  { house, links, onFault }: BehindParts,
  credentials: UpstreamCredentials[],
): Upstream {
  const { url, timeoutMs, credential, tls: written } = server
  const tls = written && (() => readUpstreamTls(name, written))
  // Once now: what cannot be used is better known before the first call.
  tls?.()
  const connected = connectedServer(name, server)
  const login = { ...house, onFault }
  const shown =
    connected === undefined ? createCredentials({ name, url }, credential, login) : createConnectionCredentials(connected, links, login)
  if (shown !== undefined) credentials.push(shown)
  const spec = {
    name,
    url,
    timeoutMs,
    maxResponseBytes: house.config.limits.response.maxBytes,
    allowLegacy: true,
    headers: headersOf(credential),
    ...(tls && { tls }),
  }
  return createHttpUpstream(spec, { ...deps, ...(shown === undefined ? {} : { credentials: shown }) })
}

function openCommand(
  name: string,
  server: CommandServer,
  deps: Omit<StdioDeps, 'environment'>,
  { house: { config }, onText }: BehindParts,
): Upstream {
  const { kind: _kind, roots: _roots, sampling: _sampling, program, arguments: rest, secrets = {}, sandbox, ...spec } = server
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
    { ...deps, environment: {}, onText, redact: createRedactor(prefixes, Object.values(secrets)) },
  )
}
