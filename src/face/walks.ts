/** The calls that walk the line now: what of them outlasts the gateway is refused, so that its caller is answered and history has its end. */
import { Denial } from '../core/denial.ts'
import { type Stop, within } from '../core/signal.ts'

export class Walks {
  readonly #stops = new Set<Pick<Stop, 'abort'>>()
  #denial: Denial | undefined
  #over: PromiseWithResolvers<void> | undefined

  begin(stop: Pick<Stop, 'abort'>): void {
    if (this.#denial === undefined) this.#stops.add(stop)
    else stop.abort(this.#denial)
  }

  /** It is written down, and answered as far as it can be. */
  end(stop: Pick<Stop, 'abort'>): void {
    this.#stops.delete(stop)
    if (this.#stops.size > 0) return
    this.#over?.resolve()
    this.#over = undefined
  }

  /** Calls off all that is under way, and all that comes. */
  cut(detail: string): void {
    this.#denial ??= new Denial('unavailable', { detail })
    for (const stop of this.#stops) stop.abort(this.#denial)
  }

  /** Waits until none is left, at most so long. */
  async ended(ms: number): Promise<void> {
    if (this.#stops.size === 0) return
    this.#over ??= Promise.withResolvers<void>()
    await within(ms, this.#over.promise)
  }
}
