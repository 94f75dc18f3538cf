/** What operators are told of a server that does not start, or ends by itself: callers make it happen again and again, and are told nothing of it. */
import { Fault } from '../core/denial.ts'
import type { Entry } from '../core/event.ts'
import type { Stopped } from '../upstream/seat.ts'
import type { ServerLog } from './server-log.ts'

export interface TellerParts {
  /** The server's. */
  readonly name: string
  readonly onText: ServerLog
  readonly onFault: (fault: Fault) => void
  /** Where all stands that it says; undefined where nothing is kept. */
  readonly file: string | undefined
}

/** Where people look each thing stands once, until the server has run; in the journal each time. */
export class Teller {
  readonly #parts: TellerParts
  #isFailing = false
  #hasEnded = false

  constructor(parts: TellerParts) {
    this.#parts = parts
  }

  /** A process could not be made. */
  event({ type, detail = '' }: Pick<Entry, 'type' | 'detail'>): void {
    if (type !== 'upstream.refused' || this.#isFailing) return
    this.#isFailing = true
    this.#parts.onText(this.#parts.name, `not started: ${detail}`)
    this.#tell(`it is not started: ${detail}`)
  }

  stopped({ reason, wanted, ran, said }: Stopped): void {
    const isKnown = ran ? this.#hasEnded : this.#isFailing
    if (ran) this.#isFailing = false
    if (wanted || isKnown) return
    if (ran) this.#hasEnded = true
    else this.#isFailing = true
    const { file } = this.#parts
    const words = said === undefined ? '' : `; it last said: ${said}`
    this.#tell(`it ended by itself: ${reason}${words}${file === undefined ? '' : `; what it says is kept in ${file}`}`)
  }

  #tell(sentence: string): void {
    this.#parts.onFault(new Fault('FAULT_START', `servers.${this.#parts.name}: ${sentence}`))
  }
}
