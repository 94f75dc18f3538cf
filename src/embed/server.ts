/** guardServer(): one server of the SDK v2, kept for all its callers, in both eras, over HTTP and stdio. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Readable, Writable } from 'node:stream'
import type { McpServer, Server } from '@modelcontextprotocol/server'
import { publicUrlOf } from '../config/public-url.ts'
import type { Call, Message } from '../core/call.ts'
import type { Principal } from '../core/principal.ts'
import { openFront } from '../face/front.ts'
import { serveStdio } from '../face/stdio-face.ts'
import { Walks } from '../face/walks.ts'
import { environmentCredentials } from '../identity/environment.ts'
import { InProcess } from '../upstream/in-process.ts'
import type { Upstream } from '../upstream/upstream.ts'
import { closedFault, type Guard, type Guarded, type Post, postOf } from './guard.ts'
import { host, listenerOf } from './host.ts'
import { HostedPeer } from './hosted.ts'
import { checkServer, takeServer } from './mistakes.ts'

const VERSION_INFO = { name: 'portcullis-guard', version: '1' } as const

/** What the low-level `Server` of the SDK v2 has, and one of v1 has not. Written down here: our types are read where no SDK is installed. */
interface LowServer {
  connect(transport: never): Promise<void>
  close(): Promise<void>
  getNegotiatedProtocolVersion(): string | undefined
}

/** An `McpServer` or `Server` of the SDK v2. */
export type SdkServer = LowServer | { readonly server: LowServer; connect(transport: never): Promise<void>; close(): Promise<void> }

/** A guarded server: how it is listened on, and how it ends. */
export interface GuardedServer {
  /** For `http.createServer` and Express. Answers at `/mcp` and `/mcp/<server>`. */
  readonly listener: (req: IncomingMessage, res: ServerResponse) => void
  /** Listens where the configuration says (`listen`), within its limits. Answers the URL of the endpoint. Rejects with Fault `FAULT_CLOSED`. */
  listen(): Promise<string>
  /** Serves one client, until it closes its side. The credential is in the environment (`authentication.environment`). */
  serveStdio(input?: Readable, output?: Writable): Promise<void>
  /** Stops listening, waits for what is under way, and closes the server. Closing the guard does it too. */
  close(): Promise<void>
}

/**
 * Guards a server that has not been connected, and keeps it connected: no new server for each request, which is what makes the stock handler
 * slow. Its tools speak the newest revision: a question to the caller is returned (`inputRequired`), for older clients it is asked from here.
 * Tools of one server are called by many callers at once, so they keep nothing of a caller's in it. A `Denial` that a tool throws is the
 * refusal of its call.
 * @throws RangeError for a name that no server can have; TypeError for another mistake in what is given; Fault `FAULT_CLOSED`.
 */
export function guardServer(guard: Guard, server: SdkServer, options: Guarded): GuardedServer {
  const post = postOf(guard, options)
  checkServer(server)
  const { config, clock, newId } = guard.house
  const letGo = takeServer(server)
  const listeners: { close(graceMs: number): Promise<void> }[] = []
  const drain = (): Promise<unknown> => Promise.all(listeners.splice(0).map((listening) => listening.close(config.limits.drainMs)))
  const { edge, relay, close } = host<ServerResponse>(guard, post, new HostedServer(server, post.timeoutMs, clock, letGo), { drain })
  const listener = listenerOf(guard, post, edge)
  return {
    listener,
    listen: async () => {
      checkOpen(post)
      const listening = await openFront(guard.house, listener, guard.onFault)
      listeners.push(listening)
      // It was closed meanwhile, and nobody else would close this.
      if (post.underWay.isShut) await drain()
      checkOpen(post)
      return `${publicUrlOf(config, listening.port)}/mcp`
    },
    serveStdio: async (input = process.stdin, output = process.stdout) => {
      checkOpen(post)
      await serveStdio(
        {
          house: post.steps,
          server: post.server,
          relay,
          credentials: environmentCredentials(config.authentication.environment.value),
          environment: config.authentication.environment.name,
          maxBytes: config.limits.request.maxBytes,
          drainMs: config.limits.drainMs,
          walks: new Walks(),
          parsing: { maxDepth: config.limits.request.maxDepth },
          clock,
          newId,
        },
        input,
        output,
      )
    },
    close,
  }
}

/** @throws Fault `FAULT_CLOSED` */
function checkOpen({ underWay }: Post): void {
  if (underWay.isShut) throw closedFault()
}

/** Connected when the first call comes. */
class HostedServer implements Upstream {
  readonly #peer: HostedPeer
  readonly #upstream: InProcess
  readonly #letGo: () => void

  /** @param letGo called when the server is free for another host. */
  constructor(server: McpServer | Server, timeoutMs: number, clock: () => number, letGo: () => void) {
    this.#letGo = letGo
    this.#peer = new HostedPeer(server, { clock, timeoutMs })
    this.#upstream = new InProcess(this.#peer, VERSION_INFO)
  }

  forward(call: Call, principal: Principal): AsyncIterable<Message> {
    return this.#peer.isReady ? this.#upstream.forward(call, principal) : this.#first(call, principal)
  }

  release(session: string): void {
    this.#upstream.release(session)
  }

  async close(): Promise<void> {
    await this.#upstream.close()
    this.#letGo()
  }

  async *#first(call: Call, principal: Principal): AsyncGenerator<Message> {
    await this.#peer.ready()
    yield* this.#upstream.forward(call, principal)
  }
}
