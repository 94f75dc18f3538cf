/** How connections of a listener end: when it stops, or when their clients must be verified anew. */
import type { Server, ServerResponse } from 'node:http'
import type { Server as SecureServer } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { Bag } from '../core/bag.ts'

export interface Drain {
  /** @returns false when the connection is over: then there is nothing to answer. */
  begin(response: ServerResponse): boolean
  /** Whether an answer to this socket has begun. */
  answering(socket: Duplex): boolean
  connections(): number
  close(graceMs: number): Promise<void>
  /** Ends the connections that `concerns`: idle ones now, others when they have answered, the rest after `graceMs`. */
  renew(concerns: (socket: Socket) => boolean, graceMs: number): void
}

export function createDrain(server: Server | SecureServer): Drain {
  const inFlight = new Bag<ServerResponse>()
  const open = new Set<Socket>()
  /** With the bytes that the handshake took. */
  const secured = new Map<Socket, number>()
  const ending = new WeakSet<Duplex>()
  let isClosing = false
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
  function ended(this: ServerResponse): void {
    inFlight.delete(this)
    if (ending.has(this.req.socket)) this.req.socket.destroySoon()
    // A connection whose answer had begun before the drain was never told to close.
    if (isClosing) server.closeIdleConnections()
  }
  const busySockets = (): ReadonlySet<Socket> => new Set([...inFlight].map((response) => response.req.socket))
  return {
    begin(response) {
      if (ending.has(response.req.socket)) {
        response.destroy()
        return false
      }
      inFlight.add(response)
      response.once('close', ended)
      if (isClosing) response.setHeader('connection', 'close')
      return true
    },
    answering(socket) {
      for (const response of inFlight) if (response.socket === socket && response.headersSent) return true
      return false
    },
    connections: () => [...open].filter((socket) => !socket.destroyed).length,
    close(graceMs) {
      isClosing = true
      // Node takes a connection that has never said anything for a busy one, and knows none whose handshake is not done.
      for (const socket of open) if (socket.bytesRead === 0) socket.destroy()
      const busy = busySockets()
      for (const [socket, greeted] of secured) if (socket.bytesRead === greeted && !busy.has(socket)) socket.destroy()
      for (const response of inFlight) if (!response.headersSent) response.setHeader('connection', 'close')
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
    },
    renew(concerns, graceMs) {
      const concerned = [...secured.keys()].filter((socket) => concerns(socket))
      const busy = busySockets()
      for (const socket of concerned) {
        if (busy.has(socket)) ending.add(socket)
        else socket.destroy()
      }
      for (const response of inFlight)
        if (ending.has(response.req.socket) && !response.headersSent) response.setHeader('connection', 'close')
      setTimeout(() => {
        for (const socket of concerned) socket.destroy()
      }, graceMs).unref()
    },
  }
}
