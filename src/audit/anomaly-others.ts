/** What the other processes of a store write: looked at while they write, because an attack that is spread over them is one attack. */
import type { AuditEvent } from '../core/event.ts'
import { LOGS } from '../store/keys.ts'
import type { Line, Store } from '../store/store.ts'
import { isEvent } from './event.ts'
import { isBegun } from './event-text.ts'

/** So many lines of everybody's are read at a look; who is further behind passes the rest over, because calls go first. */
const LINES_MAX = 5_000
const PAGE_LINES = 1_000

export class Others {
  readonly #store: Pick<Store, 'read' | 'marks'>
  /** Our own chain, of which we are told. */
  readonly #node: string
  #after: string | undefined
  /** Where the log ended at the look before, and where the others stood. */
  #end: string | undefined
  #stood = ''

  /** @param after the last line that is known already */
  constructor(store: Pick<Store, 'read' | 'marks'>, node: string, after: string | undefined) {
    this.#store = store
    this.#node = node
    this.#after = after
  }

  /** Their events since the last look. @throws Fault `FAULT_STORE` */
  async *look(): AsyncGenerator<AuditEvent> {
    const stand = JSON.stringify((await this.#store.marks(LOGS.audit)).filter(({ by }) => by !== this.#node))
    const end = (await this.#store.read(LOGS.audit, { last: 1 }))[0]?.position
    const before = this.#end
    this.#end = end
    if (stand === this.#stood) {
      // All that was written since is ours; a mark follows its lines at once, so what stood there a look ago has its mark by now.
      if (before !== undefined) this.#after = later(this.#after, before)
      return
    }
    this.#stood = stand
    for (let read = 0; read < LINES_MAX; read += PAGE_LINES) {
      const lines = await this.#store.read(LOGS.audit, { limit: PAGE_LINES, ...(this.#after === undefined ? {} : { after: this.#after }) })
      this.#after = lines.at(-1)?.position ?? this.#after
      yield* eventsOfOthers(lines, this.#node)
      if (lines.length < PAGE_LINES) return
    }
    this.#after = later(this.#after, end)
  }
}

/** But for what says nothing to whom looks for anomalies: most lines are not even parsed. */
export function* eventsOfOthers(lines: readonly Line[], node: string): Generator<AuditEvent> {
  const own = `"node":"${node}"`
  for (const line of lines) {
    const { text } = line
    if (text !== undefined && (isBegun(text) || text.includes(own))) continue
    const { value } = line
    if (isEvent(value) && value.node !== node) yield value
  }
}

/** Positions sort as texts. */
function later(one: string | undefined, other: string | undefined): string | undefined {
  if (one === undefined || other === undefined) return one ?? other
  return one < other ? other : one
}
