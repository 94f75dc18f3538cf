/** How long a server has for a call: what it took to be asked for its tools before, for this call, is part of that. */
import type { Call, Message } from '../core/call.ts'
import { Denial } from '../core/denial.ts'
import type { Principal } from '../core/principal.ts'
import { Stop } from '../core/signal.ts'
import type { Clock } from '../core/time.ts'
import type { Forward } from './guard.ts'
import type { Ask } from './inspector.ts'

/** `servers.*.timeout`, milliseconds; undefined for a server that keeps its own time. */
export type TimeoutOf = (server: string) => number | undefined

export class CallTimes {
  readonly #timeoutOf: TimeoutOf
  readonly #clock: Clock
  /** By call, milliseconds. */
  readonly #spent = new Map<string, number>()

  constructor(timeoutOf: TimeoutOf, clock: Clock) {
    this.#timeoutOf = timeoutOf
    this.#clock = clock
  }

  /** The same question, whose time is counted. One that fails refuses the call, or is passed over: then nothing is taken from it. */
  counted(ask: Ask): Ask {
    return (call, principal, forward, isAnew) => {
      const startedAt = this.#clock()
      return ask(call, principal, forward, isAnew)?.then(() => {
        this.#spent.set(call.id, (this.#spent.get(call.id) ?? 0) + Math.max(0, this.#clock() - startedAt))
      })
    }
  }

  /** Forwards within what is left, to the first word of the answer; from then on the connection keeps the time. @throws Denial `timeout` */
  forward(call: Call, principal: Principal, forward: Forward): AsyncIterable<Message> {
    const spentMs = this.#spent.get(call.id)
    const timeoutMs = spentMs === undefined ? undefined : this.#timeoutOf(call.resource.server)
    return spentMs === undefined || timeoutMs === undefined
      ? forward(call, principal)
      : within(Math.max(0, timeoutMs - spentMs), timeoutMs, call, (signal) => forward({ ...call, signal }, principal))
  }

  end({ id }: Call): void {
    this.#spent.delete(id)
  }
}

async function* within(
  leftMs: number,
  timeoutMs: number,
  { resource, signal }: Call,
  forward: (signal: Stop) => AsyncIterable<Message>,
): AsyncGenerator<Message> {
  const stop = new Stop()
  const abort = (): void => stop.abort()
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    abort()
  }, leftMs)
  signal.addEventListener('abort', abort, { once: true })
  if (signal.aborted) abort()
  try {
    for await (const message of forward(stop)) {
      clearTimeout(timer)
      yield message
    }
  } catch (error) {
    if (!isLate) throw error
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', abort)
  }
  if (isLate)
    throw new Denial('timeout', { detail: `${resource.server}: no answer in ${timeoutMs} ms, of which its list of tools took a part` })
}
