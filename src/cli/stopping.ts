/** SIGTERM and SIGINT, as whoever lasts obeys them: the first asks for an end in order, the next one ends it at once. */
import { constants } from 'node:os'
import type { Gateway } from '../gateway/gateway.ts'

const SIGNALS = ['SIGTERM', 'SIGINT'] as const
/** What a shell makes of a program that a signal has ended: this, and the number of the signal. */
const SIGNALLED = 128

/** Resolves at the first SIGTERM or SIGINT. @param over once it is aborted, nobody listens any more. */
export function stopSignal(over?: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const forget = (): void => {
    for (const signal of SIGNALS) process.off(signal, heard)
  }
  const heard = (): void => {
    forget()
    resolve()
  }
  for (const signal of SIGNALS) process.on(signal, heard)
  over?.addEventListener('abort', forget, { once: true })
  return promise
}

/**
 * Once armed, a signal ends the process at once, and all servers with it: by its default it would leave them running, and calls without an end
 * in history.
 */
export class Halting implements Disposable {
  readonly #gateway: Pick<Gateway, 'halt'>
  #isArmed = false

  constructor(gateway: Pick<Gateway, 'halt'>) {
    this.#gateway = gateway
  }

  arm(): void {
    if (this.#isArmed) return
    this.#isArmed = true
    for (const signal of SIGNALS) process.on(signal, this.#halt)
  }

  [Symbol.dispose](): void {
    this.#isArmed = true
    for (const signal of SIGNALS) process.off(signal, this.#halt)
  }

  readonly #halt = (signal: NodeJS.Signals): void => {
    const exit = (): void => process.exit(SIGNALLED + constants.signals[signal])
    void this.#gateway.halt().then(exit, exit)
  }
}
