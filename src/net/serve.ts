/** Listeners on `node:http`: their limits, what they refuse before a handler sees it, and how they drain. */
import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http'
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { countedAs } from '../core/cidr.ts'
import { createDrain, type Drain } from './drain.ts'
import { contextOptions, hasCertificate, type RefusedClient, refusedClient, serverOptions, type TlsMaterial } from './tls.ts'

/** Where no other host is told: reachable from this machine only. */
const LOOPBACK = '127.0.0.1'

export interface ListenLimits {
  /** From the first byte of a request to the end of its headers, milliseconds. Slow headers are how few hold many connections. */
  readonly headersTimeoutMs: number
  /** From the first byte of a request to the last of its body, milliseconds. */
  readonly requestTimeoutMs: number
  /** How long an idle connection is kept, milliseconds. Longer than the usual minute of a balancer in front, or it meets closed sockets. */
  readonly keepAliveTimeoutMs: number
  /** All header fields of a request together, bytes. */
  readonly maxHeaderBytes: number
  /** Header fields of a request. Node drops what is over its own count without a word; here such a request is refused (431). */
  readonly maxHeaders: number
  /** Connections at once. */
  readonly maxConnections: number
  /** Connections at once from one address; of IPv6, from one /64. Raise it where a proxy stands in front. */
  readonly maxConnectionsPerAddress: number
}

const LISTEN_LIMITS: ListenLimits = {
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 65_000,
  maxHeaderBytes: 16 * 1024,
  maxHeaders: 100,
  maxConnections: 4096,
  maxConnectionsPerAddress: 512,
}

/** Node looks for slow requests only this often; its default of 30 s would make the timeouts above four times as long. */
const CHECK_MS = 1_000

/** Of one address, or of all. */
export type ConnectionLimit = 'perAddress' | 'total'

export interface ListenOptions {
  /** Default: loopback. */
  readonly host?: string
  /** 0 for one that is free. */
  readonly port: number
  readonly limits?: Partial<ListenLimits>
  /** Present: TLS, and nothing else, is spoken. */
  readonly tls?: TlsMaterial
  /** Told of each connection that was closed unanswered, because there were too many. */
  readonly onDropped?: (limit: ConnectionLimit, address: string | undefined) => void
  /** Told of handshakes that failed because of the client's certificate. */
  readonly onRefusedClient?: (refused: RefusedClient) => void
}

export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => void

export interface Listener {
  readonly host: string
  readonly port: number
  /** `http://host:port` or `https://host:port`, with brackets around an IPv6 address. */
  readonly url: string
  /** Connections open now. */
  connections(): number
  /** Connections that were closed unanswered, because there were too many. */
  dropped(): Readonly<Record<ConnectionLimit, number>>
  /**
   * From now on every answer says `connection: close`. Accepts for `ms` more, then goes on reading for a moment: clients and balancers go
   * elsewhere without losing a request. Nothing is waited for where nobody is connected, nor once it is closed.
   */
  retire(ms: number): Promise<void>
  /** Reads what has arrived, accepts nobody new, tells everybody `connection: close`, waits for what is in flight, ends the rest after `graceMs`. */
  close(graceMs: number): Promise<void>
  /** What new connections are secured with from now on; those that stand are not touched. @throws Error of `node:tls` for what cannot be used. */
  secure(material: TlsMaterial): void
  /** Ends connections whose client showed a certificate: idle ones now, others when they have answered, the rest after `graceMs`. They must be verified anew. */
  renewClients(graceMs: number): void
}

/**
 * Listens, and answers once the port is bound.
 * @throws Error of `node:net` (`EADDRINUSE`, `EACCES`, …) when it cannot be bound.
 */
export async function listen(options: ListenOptions, handler: RequestHandler): Promise<Listener> {
  const limits = { ...LISTEN_LIMITS, ...options.limits }
  const server = createListener(limits, options.tls)
  // One more than the limit, so that too many can be told from just enough.
  server.maxHeadersCount = limits.maxHeaders + 1
  server.maxConnections = limits.maxConnections
  const drain = createDrain(server)
  const dropped: Record<ConnectionLimit, number> = { perAddress: 0, total: 0 }
  guardConnections(server, limits.maxConnectionsPerAddress, (limit, address) => {
    dropped[limit]++
    options.onDropped?.(limit, address)
  })
  refuseTheRest(server, drain.answering, options.onRefusedClient)
  const isSecure = options.tls !== undefined
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    if (!drain.begin(response)) return
    if (isSecure && !isLocal(request.headers.host)) response.setHeader('strict-transport-security', HSTS)
    if (request.rawHeaders.length > 2 * limits.maxHeaders) {
      response.writeHead(431, { connection: 'close' }).end()
      return
    }
    handler(request, response)
  })
  await bind(server, options.host ?? LOOPBACK, options.port)
  const address = server.address()
  if (address === null || typeof address === 'string') throw new TypeError('A listener has a host and a port.')
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address
  return {
    host: address.address,
    port: address.port,
    url: `${isSecure ? 'https' : 'http'}://${host}:${address.port}`,
    connections: drain.connections,
    dropped: () => dropped,
    retire: drain.retire,
    close: drain.close,
    secure: (material) => {
      if ('setSecureContext' in server) server.setSecureContext(contextOptions(material))
    },
    renewClients: (graceMs) => drain.renew(hasCertificate, graceMs),
  }
}

/** A year (RFC 6797 §6.1.1). Not for other hosts of the domain, of which nothing is known here. */
const HSTS = 'max-age=31536000'

/** A browser would ask every other program on its machine for TLS, too. Addresses are none of its business (RFC 6797 §8.1.1). */
function isLocal(host = ''): boolean {
  return /^([^:]*\.)?localhost(:|$)/i.test(host)
}

function createListener(limits: ListenLimits, tls: TlsMaterial | undefined): Server | SecureServer {
  const options: ServerOptions = {
    insecureHTTPParser: false,
    requireHostHeader: true,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    maxHeaderSize: limits.maxHeaderBytes,
    connectionsCheckingInterval: Math.min(CHECK_MS, limits.headersTimeoutMs, limits.requestTimeoutMs),
    // Java's client offers h2c on every request; RFC 9110 §7.8 lets a server ignore an offer, and ignoring it serves them.
    shouldUpgradeCallback: (request) => request.headers.upgrade?.toLowerCase() !== 'h2c',
  }
  return tls === undefined ? createServer(options) : createSecureServer({ ...options, ...serverOptions(tls, limits.headersTimeoutMs) })
}

function bind(server: Server | SecureServer, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.removeListener('error', reject)
      resolve()
    })
  })
}

/** One client must not take every connection: the ones over its share are closed unanswered. */
function guardConnections(server: Server | SecureServer, maxPerAddress: number, onDropped: NonNullable<ListenOptions['onDropped']>): void {
  server.on('drop', (dropped) => onDropped('total', dropped?.remoteAddress))
  const open = new Map<string, number>()
  server.on('connection', (socket: Socket) => {
    const key = countedAs(socket.remoteAddress ?? '')
    const count = (open.get(key) ?? 0) + 1
    if (count > maxPerAddress) {
      onDropped('perAddress', socket.remoteAddress)
      socket.destroy()
      return
    }
    open.set(key, count)
    socket.once('close', () => {
      const left = (open.get(key) ?? 1) - 1
      if (left === 0) open.delete(key)
      else open.set(key, left)
    })
  })
}

/** What never reaches a handler is answered with a bare status, and the connection ends. */
function refuseTheRest(
  server: Server | SecureServer,
  answering: Drain['answering'],
  onRefusedClient: ListenOptions['onRefusedClient'],
): void {
  const failed = new WeakSet<Duplex>()
  // In front of the listener by which Node makes a clientError of it.
  server.prependListener('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) => {
    failed.add(socket)
    const refused = refusedClient(error, socket)
    if (refused !== undefined) onRefusedClient?.(refused)
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    // Bytes in the middle of an answer would be read as part of it; without a handshake there is nobody to read them.
    if (!socket.writable || failed.has(socket) || answering(socket)) socket.destroy()
    else refuse(socket, CLIENT_ERRORS[error.code ?? ''] ?? '400 Bad Request')
  })
  server.on('upgrade', (_request: IncomingMessage, socket: Duplex) => refuse(socket, '400 Bad Request'))
  server.on('connect', (_request: IncomingMessage, socket: Duplex) => refuse(socket, '405 Method Not Allowed'))
}

const CLIENT_ERRORS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
}

function refuse(socket: Duplex, status: string): void {
  socket.once('error', () => socket.destroy())
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`, () => socket.destroy())
}
