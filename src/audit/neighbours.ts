/** What a chain knows of the others, and of itself in the log: where they stood when it last looked. Their heads go into its checkpoints. */
import { digest } from '../core/json.ts'
import { LOGS } from '../store/keys.ts'
import type { Store } from '../store/store.ts'
import { type Head, isCheckpoint } from './checkpoint.ts'
import { isEvent } from './event.ts'

/**
 * How far a new chain looks back. More checkpoints than this never stand between one and the next that covers it, since every running
 * chain reads all that came since its last; and the events tell the ends of chains that were killed before their last checkpoint.
 */
const LOOK_BACK_CHECKPOINTS = 32
const LOOK_BACK_EVENTS = 128
const PAGE_LINES = 256
/** Read at a time when looking for the last event of our own: mostly it is among the newest. */
const OWN_LINES = 128

export class Neighbours {
  readonly #store: Store
  readonly #node: string
  readonly #seen = new Map<string, Head>()
  #after: string | undefined
  /** The last line of the journal before the chain began; undefined when there was none. */
  #bornAfter: string | undefined
  #ownCount = 0
  #looked = false

  constructor(store: Store, node: string) {
    this.#store = store
    this.#node = node
  }

  /** Reads what came since the last look. */
  async look(): Promise<void> {
    if (!this.#looked) await this.#lookBack()
    this.#looked = true
    for (;;) {
      const lines = await this.#store.read(LOGS.checkpoints, {
        limit: PAGE_LINES,
        ...(this.#after !== undefined && { after: this.#after }),
      })
      for (const line of lines) this.#note(line.value)
      this.#after = lines.at(-1)?.position ?? this.#after
      if (lines.length < PAGE_LINES) return
    }
  }

  /** Heads learnt since the last checkpoint that was written. */
  heads(): readonly Head[] {
    return [...this.#seen.values()]
  }

  /** The newest checkpoint of our own that stands in the log, also one whose writing seemed to fail. */
  get ownCount(): number {
    return this.#ownCount
  }

  /** Where our own chain stands in the log; undefined where nothing of it does. */
  async ownEnd(): Promise<Head | undefined> {
    let before: string | undefined
    do {
      const lines = await this.#store.read(LOGS.audit, {
        last: OWN_LINES,
        ...(this.#bornAfter !== undefined && { after: this.#bornAfter }),
        ...(before !== undefined && { before }),
      })
      const own = lines.findLast(({ value }) => isEvent(value) && value.node === this.#node)?.value
      if (own !== undefined && isEvent(own)) return { node: this.#node, seq: own.seq, head: digest(own) }
      before = lines[0]?.position
    } while (before !== undefined)
    return undefined
  }

  /** They are in a checkpoint that was written. */
  forget(): void {
    this.#seen.clear()
  }

  async #lookBack(): Promise<void> {
    for (const line of await this.#store.read(LOGS.checkpoints, { last: LOOK_BACK_CHECKPOINTS })) {
      this.#note(line.value)
      this.#after = line.position
    }
    for (const line of await this.#store.read(LOGS.audit, { last: LOOK_BACK_EVENTS })) {
      this.#bornAfter = line.position
      if (isEvent(line.value)) this.#see({ node: line.value.node, seq: line.value.seq, head: digest(line.value) })
    }
  }

  #note(value: Parameters<typeof isCheckpoint>[0]): void {
    if (!isCheckpoint(value)) return
    if (value.node === this.#node) this.#ownCount = Math.max(this.#ownCount, value.count)
    this.#see({ node: value.node, seq: value.seq, head: value.head })
  }

  #see(head: Head): void {
    const known = this.#seen.get(head.node)
    if (head.node !== this.#node && (known === undefined || known.seq <= head.seq)) this.#seen.set(head.node, head)
  }
}
