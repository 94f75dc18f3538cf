/** The way out of a sandbox: an HTTP proxy at a port inside of it, through which the hosts are reached that the operator named, and no other. */
import { lookup as systemLookup } from 'node:dns'
import { createServer, request as forwardRequest, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { connect, isIP, type Server as Listener, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { placeOf } from '../core/address.ts'
import type { Clock } from '../core/time.ts'
import { escapeText } from './noise.ts'

/** Of one server, all its processes together. */
const CONNECTIONS_MAX = 128
const HEADER_MAX_BYTES = 16 * 1024
/** For the head of a request to come, and for a name to be found. */
const TIMEOUT_MS = 10_000
/** A connection on which nothing is said for so long is ended. */
const IDLE_MS = 10 * 60_000
/** Ports of a host that was named without one. */
const PORTS: readonly number[] = [80, 443]
/** Of a name (RFC 1035 §2.3.4); a longer one is none. */
const HOST_MAX_CHARS = 253
/** Refusals told one by one in a minute: an event that a server can cause must not become a flood. The others are told as a number. */
const TOLD_MAX = 100
const WINDOW_MS = 60_000

/** Addresses of one name that are tried. */
const ADDRESSES_MAX = 4

/** How a name becomes addresses. */
export type Resolve = (name: string, done: (error: Error | null, addresses: readonly { readonly address: string }[]) => void) => void

/** The world outside, as an argument. */
export interface Outside {
  /** Default: the system's resolver. */
  readonly resolve?: Resolve
  /** Default: TCP. */
  readonly dial?: (address: string, port: number) => Socket
}

export interface EgressOptions extends Outside {
  /** `api.example.com`, `api.example.com:8443`, `[2001:db8::1]:443`; lower case. */
  readonly hosts: readonly string[]
  readonly clock: Clock
  /** What was refused and why, escaped. */
  readonly onRefused: (detail: string) => void
}

interface Target {
  readonly host: string
  readonly port: number
}

class Refused extends Error {}

/** Dials nothing but what was named, and no address but those that were looked at. */
export class Egress {
  readonly #hosts: ReadonlySet<string>
  readonly #options: EgressOptions
  readonly #open = new Set<Duplex>()
  readonly #servers = new Set<Server>()
  #inside = 0
  #windowAt: number
  #refusals = 0

  constructor(options: EgressOptions) {
    this.#options = options
    this.#windowAt = options.clock()
    this.#hosts = new Set(options.hosts.flatMap((host) => (/:\d+$/.test(host) ? [host] : PORTS.map((port) => `${host}:${port}`))))
  }

  /** Whoever connects to this port, which somebody opened in a sandbox, until what is returned is called. */
  readonly serve = (port: Listener): (() => void) => {
    const server = createServer({ maxHeaderSize: HEADER_MAX_BYTES, headersTimeout: TIMEOUT_MS, requestTimeout: 0 })
    server.on('request', (request, response) => this.#plain(request, response))
    server.on('connect', (request, socket, head) => this.#tunnel(request, socket, head))
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      if (error.code?.startsWith('HPE_') === true) this.#tell('a request that is no HTTP')
      socket.destroy()
    })
    server.on('connection', (socket) => this.#enter(socket))
    // A port that cannot be listened to leads nowhere, which is what a fault should come to.
    server.on('error', () => undefined)
    server.listen(port)
    this.#servers.add(server)
    return () => {
      this.#servers.delete(server)
      server.close()
    }
  }

  close(): void {
    for (const server of this.#servers) server.close()
    for (const stream of this.#open) stream.destroy()
  }

  #enter(socket: Socket): void {
    this.#keep(socket)
    this.#inside++
    socket.on('close', () => this.#inside--)
    if (this.#inside > CONNECTIONS_MAX) socket.destroy()
  }

  #keep(stream: Socket): void {
    this.#open.add(stream)
    stream.setTimeout(IDLE_MS, () => stream.destroy())
    stream.on('error', () => undefined).on('close', () => this.#open.delete(stream))
  }

  /** `CONNECT host:port` (RFC 9110 §9.3.6): what is said in it is between the two. */
  #tunnel(request: IncomingMessage, inside: Duplex, head: Buffer): void {
    // A server that has gone takes its connection along.
    inside.on('error', () => undefined)
    this.#reach(targetOf(request.url ?? ''), request.url ?? '')
      .then((outside) => {
        inside.write('HTTP/1.1 200 Connection established\r\n\r\n')
        outside.write(head)
        inside.pipe(outside).pipe(inside)
        inside.on('close', () => outside.destroy())
        outside.on('close', () => inside.destroy())
      })
      .catch((error: unknown) => {
        inside.end(
          `HTTP/1.1 ${error instanceof Refused ? '403 Forbidden' : '502 Bad Gateway'}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`,
        )
      })
  }

  /** `GET http://host/path`: the request, once more. */
  #plain(request: IncomingMessage, response: ServerResponse): void {
    const url = URL.parse(request.url ?? '')
    const isPlain = url?.protocol === 'http:' && url.username === '' && url.password === ''
    const target = isPlain ? targetOf(`${url.hostname}:${url.port === '' ? 80 : url.port}`) : undefined
    this.#reach(target, request.url ?? '')
      .then((outside) => {
        const { 'proxy-connection': _connection, 'proxy-authorization': _credential, ...headers } = request.headers
        const onward = forwardRequest({
          createConnection: () => outside,
          method: request.method ?? 'GET',
          path: `${url?.pathname}${url?.search}`,
          // The host that was looked at is the host that is asked for, whatever the header said.
          headers: { ...headers, host: url?.host ?? '', connection: 'close' },
        })
        onward.on('response', (answer) => {
          response.writeHead(answer.statusCode ?? 502, answer.headers)
          answer.pipe(response)
        })
        onward.on('error', () => response.destroy())
        response.on('close', () => onward.destroy())
        request.pipe(onward)
      })
      .catch((error: unknown) => {
        response.writeHead(error instanceof Refused ? 403 : 502, { connection: 'close' }).end()
      })
  }

  /** @throws Refused, told as an event. */
  async #reach(target: Target | undefined, asked: string): Promise<Socket> {
    try {
      if (target === undefined) throw new Refused('no host and port')
      const addresses = await this.#addressesOf(target)
      return await this.#dialAny(addresses.slice(0, ADDRESSES_MAX), target.port)
    } catch (error) {
      if (error instanceof Refused) this.#tell(`${escapeText(asked.slice(0, HOST_MAX_CHARS))}: ${error.message}`)
      throw error
    }
  }

  /** Every address behind a name must be fit to be dialled, and those very addresses are dialled (DNS rebinding). */
  async #addressesOf({ host, port }: Target): Promise<readonly string[]> {
    if (!this.#hosts.has(`${host}:${port}`)) throw new Refused('not one of the hosts that were named')
    const literal = host.replace(/^\[(.*)\]$/, '$1')
    if (isIP(literal) !== 0) {
      // Named by its address it cannot become another one: it may be private. Never this machine, nor its link.
      const place = placeOf(literal)
      if (place !== 'public' && place !== 'private') throw new Refused(`a ${place} address`)
      return [literal]
    }
    const { resolve = resolveBySystem } = this.#options
    const found = await new Promise<readonly { readonly address: string }[]>((settle, reject) => {
      resolve(host, (error, addresses) => (error === null ? settle(addresses) : reject(error)))
    })
    const place = found.map(({ address }) => placeOf(address)).find((one) => one !== 'public')
    if (place !== undefined) throw new Refused(`it leads to a ${place} address`)
    return found.map(({ address }) => address)
  }

  /** One after the other: of a host with two kinds of addresses only one may be reachable from here. */
  async #dialAny([first, ...others]: readonly string[], port: number): Promise<Socket> {
    if (first === undefined) throw new Error('no address')
    try {
      return await this.#dial(first, port)
    } catch (error) {
      if (others.length === 0) throw error
      return this.#dialAny(others, port)
    }
  }

  #dial(address: string, port: number): Promise<Socket> {
    const { dial = (host, at) => connect({ host, port: at }) } = this.#options
    return new Promise((settle, reject) => {
      const outside = dial(address, port)
      this.#keep(outside)
      outside.setTimeout(TIMEOUT_MS)
      outside.on('error', reject).on('close', () => reject(new Error('no connection')))
      outside.on('connect', () => {
        outside.setTimeout(IDLE_MS)
        settle(outside)
      })
    })
  }

  #tell(detail: string): void {
    const now = this.#options.clock()
    if (now - this.#windowAt >= WINDOW_MS) {
      if (this.#refusals > TOLD_MAX) this.#options.onRefused(`${this.#refusals - TOLD_MAX} more were refused in the minute before`)
      this.#windowAt = now
      this.#refusals = 0
    }
    this.#refusals++
    if (this.#refusals <= TOLD_MAX) this.#options.onRefused(detail)
  }
}

const resolveBySystem: Resolve = (name, done) => systemLookup(name, { all: true }, done)

/** `host:port` in its one spelling: no NUL, no trailing dot, no user, no number that only some readers take for an address. */
function targetOf(text: string): Target | undefined {
  const [, host = '', digits = ''] = /^([a-z0-9_.-]+|\[[0-9a-f:.]+\]):(\d{1,5})$/.exec(text.toLowerCase()) ?? []
  const port = Number(digits)
  if (host === '' || host.length > HOST_MAX_CHARS || port < 1 || port > 65_535) return undefined
  return { host, port }
}
