/** Timers as an argument: the house waits on this, tests turn it by hand. */

/** A timer that has been set. Node's own `Timeout` is one, so none is wrapped on the path of a call. */
export interface Alarm {
  /** Starts the span again from now. */
  refresh(): unknown
  /** Never rings. */
  close(): unknown
}

/** Runs `ring` once after `ms` milliseconds. */
export type Schedule = (ring: () => void, ms: number) => Alarm

/** The system's timers; none of them keeps the gateway alive. */
export const systemSchedule: Schedule = (ring, ms) => setTimeout(ring, ms).unref()
