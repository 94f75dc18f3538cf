/** What stands behind the gateway, as the line sees it: one method, `forward()`. */
import type { Call, Message } from '../core/call.ts'
import type { Principal } from '../core/principal.ts'

export interface Upstream {
  /**
   * Lets the call be done. Yields what belongs to it in order; for a request the response is last.
   * A notification or `$response` yields nothing; `$stream` and `subscriptions/listen` yield until the signal aborts.
   * @throws Denial `upstream_failed`, `timeout`, `no_session`, `unavailable`.
   */
  forward(call: Call, principal: Principal): AsyncIterable<Message>
  /** Frees what is kept for one of our sessions. */
  release(session: string): void
  close(): Promise<void>
}

/**
 * A connection to a server that speaks a revision with `initialize`.
 * In what it yields, ids and progress tokens are the asker's own again, whatever was put on the wire.
 */
export interface Peer {
  /** Yields what belongs to the request, its response last. An aborted signal sends `notifications/cancelled` and ends the iteration. */
  request(message: Message, signal: AbortSignal): AsyncIterable<Message>
  /** A notification, or the answer to a request of the server's. */
  send(message: Message): Promise<void>
  /** What belongs to no request: notifications, and requests of the server's. Answers how to stop listening. */
  onStray(listener: (message: Message) => void): () => void
  close(): Promise<void>
}
