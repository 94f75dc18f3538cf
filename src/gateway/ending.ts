/** How a gateway ends: what is under way has its time, and what outlasts that is refused, answered and written down before anything is taken away. */
import { within } from '../core/signal.ts'
import type { Walks } from '../face/walks.ts'
import type { Listener } from '../net/serve.ts'
import { killChildren } from '../upstream/child.ts'
import type { Behind } from './behind.ts'

/** What was cut off only has to be written down and told. */
const LAST_WORD_MS = 1_000
/** Nobody who stops it at once waits longer. */
const HALT_MS = 1_000
/** Told to history of calls that outlasted us: none of their servers' doing. */
const STOPPED = 'the gateway stopped'

export interface Ending {
  /** What calls come by; none where they come over stdio, whose client has closed its side or sends us away. */
  readonly listeners: readonly (Pick<Listener, 'close'> | undefined)[]
  readonly walks: Walks
  readonly behind: Behind
  readonly drainMs: number
}

/** Nobody is accepted any more; calls may end within `drainMs`. Then the servers end, while those who are cut off are answered. */
export async function drained({ listeners, walks, behind, drainMs }: Ending): Promise<void> {
  let ended: Promise<void> | undefined
  const cut = (): void => {
    walks.cut(STOPPED)
    // Now, for some waits heed the end of their connection alone.
    ended ??= behind.close()
  }
  const cutting = setTimeout(cut, drainMs)
  await Promise.all(listeners.map((listener) => listener?.close(drainMs + LAST_WORD_MS)))
  clearTimeout(cutting)
  cut()
  await Promise.all([ended, walks.ended(LAST_WORD_MS)])
}

/** At once: calls are refused, all servers of this process are killed, and `close` has a second for the rest. */
export async function halted(walks: Walks, close: () => Promise<void>): Promise<void> {
  walks.cut(STOPPED)
  killChildren()
  await within(HALT_MS, close())
}
