/** What stands behind the gateway, as the line sees it: one method, `forward()`. */
import type { Call, Message } from '../core/call.ts'
import type { Principal } from '../core/principal.ts'

export interface Upstream {
  /**
   * Lets the call be done. Yields what belongs to it in order; for a request the response is last.
   * A notification or `$response` yields nothing. `$stream` and `subscriptions/listen` yield until the signal aborts,
   * `$stream` yields `STANDING` (bridge/strays.ts) before anything else.
   * @throws Denial `upstream_failed`, `timeout`, `no_session`, `unavailable`; `http_method` for a `$stream` that the server does not have.
   */
  forward(call: Call, principal: Principal): AsyncIterable<Message>
  /** Frees what is kept for one of our sessions. */
  release(session: string): void
  close(): Promise<void>
}
