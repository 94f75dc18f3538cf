/** A connection to one server, however it is made: what the bridges stand on. */
import type { Message } from '../core/call.ts'
import type { Signal } from '../core/signal.ts'

/** In what it yields, ids and progress tokens are the asker's own again, whatever was put on the wire. */
export interface Peer {
  /** Yields what belongs to the request, its response last; never a message that is empty. An aborted signal cancels at the server and ends the iteration. */
  request(message: Message, signal: Signal): AsyncIterable<Message>
  /** A notification, or the answer to a request of the server's. */
  send(message: Message): Promise<void>
  /** What belongs to no request: notifications, and requests of the server's. Answers how to stop listening. */
  onStray(listener: (message: Message) => void): () => void
  close(): Promise<void>
}
