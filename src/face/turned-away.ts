/** What history is told of requests that never became a call: of each address the first in a minute one by one, the others as a number, for whoever sends them may be anybody. */
import type { History } from '../audit/history.ts'
import { countedAs } from '../core/cidr.ts'
import type { Denial } from '../core/denial.ts'
import type { Clock } from '../core/time.ts'

const MINUTE_MS = 60_000
/** Enough to see what is tried; a flood of them would be a flood of the journal. */
const LINES_MAX = 60
/** Addresses that are counted at once, some 200 bytes each. Beyond, the minute of the one that came first ends early. */
const PLACES_MAX = 10_000

interface Minute {
  readonly endsAt: number
  lines: number
  /** Turned away and not told of, the last of them for this. */
  more: number
  last: Denial
}

export interface TurnedAwayParts {
  readonly history: History
  readonly clock: Clock
  readonly newId: () => string
}

export class TurnedAway {
  readonly #parts: TurnedAwayParts
  /** By address as it is counted, those first whose minute began first. */
  readonly #minutes = new Map<string, Minute>()
  #alarm: NodeJS.Timeout | undefined

  constructor(parts: TurnedAwayParts) {
    this.#parts = parts
  }

  /** Never rejects: a refusal stands also when it cannot be written. */
  async tell(
    denial: Denial,
    { address, agent }: { readonly address: string | undefined; readonly agent?: string | undefined },
  ): Promise<void> {
    const now = this.#parts.clock()
    this.#settle(now)
    const place = address === undefined ? '' : countedAs(address)
    const minute = this.#minutes.get(place) ?? { endsAt: now + MINUTE_MS, lines: 0, more: 0, last: denial }
    this.#minutes.set(place, minute)
    if (minute.lines < LINES_MAX) {
      minute.lines++
      await this.#write(denial, denial.detail, address, agent)
      return
    }
    minute.more++
    minute.last = denial
    this.#alarm ??= setTimeout(() => this.#ring(), MINUTE_MS).unref()
  }

  /** Before the end: what was counted and not told yet. */
  flush(): void {
    clearTimeout(this.#alarm)
    for (const place of this.#minutes.keys()) this.#close(place)
  }

  /** Nobody may come any more to whom the number could be told beside. */
  #ring(): void {
    this.#alarm = undefined
    this.#settle(this.#parts.clock())
    const isOpen = [...this.#minutes.values()].some(({ more }) => more > 0)
    if (isOpen) this.#alarm = setTimeout(() => this.#ring(), MINUTE_MS).unref()
  }

  #settle(now: number): void {
    for (const [place, { endsAt }] of this.#minutes) {
      // A clock that is set back must not make a minute last.
      if (endsAt > now && endsAt - now <= MINUTE_MS && this.#minutes.size < PLACES_MAX) break
      this.#close(place)
    }
  }

  #close(place: string): void {
    const minute = this.#minutes.get(place)
    this.#minutes.delete(place)
    if (minute === undefined || minute.more === 0) return
    const { more, last } = minute
    void this.#write(last, `${more} more from there within a minute, the last: ${last.detail}`, place === '' ? undefined : place)
  }

  async #write(denial: Denial, detail: string, address?: string, agent?: string): Promise<void> {
    const entry = {
      type: 'call.ended',
      outcome: 'denied',
      call: this.#parts.newId(),
      transport: 'http',
      denial: denial.code,
      detail,
    } as const
    const from = { ...(address === undefined ? {} : { address }), ...(agent === undefined ? {} : { agent }) }
    await this.#parts.history.write({ ...entry, ...from }).catch(() => undefined)
  }
}
