/** How a listener ceases to accept, and nobody who came is reset. */
import type { Server, ServerResponse } from 'node:http'
import type { Server as SecureServer } from 'node:https'
import { Server as NetServer } from 'node:net'
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises'

/** Looks in a row that find no new connection, a millisecond apart, after which nobody is taken to stand before the door. */
const QUIET_LOOKS = 3
/** Somebody always comes where the world knocks without waiting for an answer. */
const LOOKS_MAX = 50
/** Longer than what is sent over a connection that stands is on its way. */
const LAST_MS = 100

/**
 * Who was not accepted yet when accepting ends is reset by the system, and so is a connection that ends over unread bytes: its client cannot
 * know what became of its request. So nothing is answered for a moment, until all who came are in and were read.
 */
export class Accepting {
  readonly #server: Server | SecureServer
  #accepted = 0
  /** What was asked in that moment. */
  #put: ServerResponse[] | undefined
  #ended: Promise<void> | undefined
  readonly #now = new AbortController()

  constructor(server: Server | SecureServer) {
    this.#server = server
    server.on('connection', () => this.#accepted++)
  }

  /** Whether a request is put off; then it comes again. */
  puts(response: ServerResponse): boolean {
    this.#put?.push(response)
    return this.#put !== undefined
  }

  /** Accepts for `ms` more, then goes on reading for a moment. Nothing of that is waited for once it is to end now. */
  async endIn(ms: number): Promise<void> {
    await this.#pause(ms)
    this.#ended ??= this.#end()
    await this.#ended
    await this.#pause(LAST_MS)
  }

  end(): Promise<void> {
    this.#now.abort()
    this.#ended ??= this.#end()
    return this.#ended
  }

  #pause(ms: number): Promise<void> {
    return delay(ms, undefined, { signal: this.#now.signal }).catch(() => undefined)
  }

  async #end(): Promise<void> {
    const put: ServerResponse[] = []
    this.#put = put
    for (let look = 0, quiet = 0; look < LOOKS_MAX && quiet < QUIET_LOOKS; look++) {
      const before = this.#accepted
      await delay(1)
      // Behind the loop's look at its sockets, not before it.
      await nextTurn()
      quiet = this.#accepted === before ? quiet + 1 : 0
    }
    // That of HTTP would end idle connections, too.
    NetServer.prototype.close.call(this.#server)
    this.#put = undefined
    for (const response of put) this.#server.emit('request', response.req, response)
  }
}
