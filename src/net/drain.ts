/** How connections of a listener end: when it stops, or when their clients must be verified anew. */
import diagnostics from 'node:diagnostics_channel'
import { type Server, ServerResponse } from 'node:http'
import type { Server as SecureServer } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { Accepting } from './accepting.ts'

export interface Drain {
  /** @returns false when there is nothing to answer: the connection is over, or the request is kept for a moment and comes again. */
  begin(response: ServerResponse): boolean
  /** Whether an answer to this socket has begun. */
  answering(socket: Duplex): boolean
  connections(): number
  /** Every answer from now on is the last on its connection. Accepts for `ms` more, then goes on reading for a moment. At once where nobody is connected. */
  retire(ms: number): Promise<void>
  close(graceMs: number): Promise<void>
  /** Ends the connections that `concerns`: idle ones now, others when they have answered, the rest after `graceMs`. */
  renew(concerns: (socket: Socket) => boolean, graceMs: number): void
}

/** Told of each answer of every server of the process (https://nodejs.org/api/diagnostics_channel.html#http). */
const ANSWERED = 'http.server.response.finish'
const NONE = [] as const

/**
 * What is not answered yet, by connection; one that waits for its next question keeps nothing of the last.
 *
 * No response is listened to for it: with two listeners for one event of it Node keeps them in an array, V8 may learn at start that such
 * arrays live long, and then makes them in its old generation, where each keeps its whole call until the next full collection: measured, in
 * one start out of three, for a fifth of the gateway's time.
 */
class UnderWay {
  readonly #asked = new Map<Duplex, readonly ServerResponse[]>()

  begin(socket: Duplex, response: ServerResponse): void {
    const before = this.#asked.get(socket)
    // Once for a connection: with it ends what was asked on it.
    if (before === undefined) socket.once('close', () => this.#asked.delete(socket))
    this.#asked.set(socket, before === undefined || before.length === 0 ? [response] : [...before, response])
  }

  on(socket: Duplex): readonly ServerResponse[] {
    return this.#asked.get(socket) ?? NONE
  }

  all(): readonly ServerResponse[] {
    return [...this.#asked.values()].flat()
  }

  watch(server: Server | SecureServer): void {
    server.once('listening', () => diagnostics.subscribe(ANSWERED, this.#answered))
    server.once('close', () => diagnostics.unsubscribe(ANSWERED, this.#answered))
  }

  readonly #answered = (message: unknown): void => {
    const response = typeof message === 'object' && message !== null && 'response' in message ? message.response : undefined
    if (!(response instanceof ServerResponse)) return
    const { socket } = response.req
    const before = this.#asked.get(socket)
    if (before?.includes(response) === true)
      this.#asked.set(socket, before.length === 1 ? NONE : before.filter((other) => other !== response))
  }
}

export function createDrain(server: Server | SecureServer): Drain {
  const open = new Set<Socket>()
  const underWay = new UnderWay()
  /** With the bytes that the handshake took. */
  const secured = new Map<Socket, number>()
  const ending = new WeakSet<Duplex>()
  let isRetiring = false
  let isClosing = false
  const accepting = new Accepting(server)
  server.on('connection', (socket: Socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
  })
  server.on('secureConnection', (socket: TLSSocket) => {
    // Its handshake was under way when accepting ended.
    if (isClosing) socket.destroy()
    secured.set(socket, socket.bytesRead)
    socket.once('close', () => secured.delete(socket))
  })
  underWay.watch(server)
  /** Nothing more comes on its connection, which the client is told where it is not too late. */
  const isLast = (response: ServerResponse): void => {
    if (!response.headersSent) response.setHeader('connection', 'close')
    response.once('close', ended)
  }
  function ended(this: ServerResponse): void {
    if (ending.has(this.req.socket)) this.req.socket.destroySoon()
    // A connection whose answer had begun before the drain was never told to close.
    if (isClosing) server.closeIdleConnections()
  }
  const retire = (): void => {
    if (isRetiring) return
    isRetiring = true
    underWay.all().forEach(isLast)
  }
  return {
    begin(response) {
      if (accepting.puts(response)) return false
      const { socket } = response.req
      if (ending.has(socket) || socket.destroyed) {
        response.destroy()
        return false
      }
      underWay.begin(socket, response)
      if (isRetiring) isLast(response)
      return true
    },
    answering: (socket) => underWay.on(socket).some((response) => response.socket === socket && response.headersSent),
    connections: () => [...open].filter((socket) => !socket.destroyed).length,
    async retire(ms) {
      retire()
      if (open.size > 0) await accepting.endIn(ms)
    },
    async close(graceMs) {
      retire()
      await accepting.end()
      isClosing = true
      endSilent(open, secured, underWay)
      await untilEnded(server, open, graceMs)
    },
    renew(concerns, graceMs) {
      const concerned = [...secured.keys()].filter((socket) => concerns(socket))
      for (const socket of concerned) {
        if (underWay.on(socket).length > 0) ending.add(socket)
        else socket.destroy()
        underWay.on(socket).forEach(isLast)
      }
      setTimeout(() => {
        for (const socket of concerned) socket.destroy()
      }, graceMs).unref()
    },
  }
}

/** Node takes a connection that has never said anything for a busy one, and knows none whose handshake is not done. */
function endSilent(open: ReadonlySet<Socket>, secured: ReadonlyMap<Socket, number>, underWay: UnderWay): void {
  for (const socket of open) if (socket.bytesRead === 0) socket.destroy()
  for (const [socket, greeted] of secured) if (socket.bytesRead === greeted && underWay.on(socket).length === 0) socket.destroy()
}

function untilEnded(server: Server | SecureServer, open: ReadonlySet<Socket>, graceMs: number): Promise<void> {
  const patience = setTimeout(() => {
    server.closeAllConnections()
    for (const socket of open) socket.destroy()
  }, graceMs)
  return new Promise((resolve) => {
    // Its only error says that it was not listening any more, which is what is wanted.
    server.close(() => {
      clearTimeout(patience)
      resolve()
    })
  })
}
