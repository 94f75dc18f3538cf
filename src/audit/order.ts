/** The order between chains, without asking a clock: what a writer had seen when it signed stands in front of all that it wrote afterwards. */
import type { Checkpoint, Head } from './checkpoint.ts'

/** Up to `seq` a chain should have stood in front of this event of another one. */
interface Missed {
  readonly seq: number
  readonly before: Pick<Head, 'node' | 'seq'>
}

interface Words {
  readonly said: Pick<Checkpoint, 'seq' | 'chains'>[]
  /** How many of them were looked at. */
  taken: number
}

/** Memory grows with checkpoints and chains, not with events. */
export class Order {
  readonly #words = new Map<string, Words>()
  readonly #missed = new Map<string, Missed>()

  /** Takes the checkpoints of each chain in the order in which it signed them. */
  note({ node, seq, chains }: Pick<Checkpoint, 'node' | 'seq' | 'chains'>): void {
    if (chains.length === 0) return
    const words = this.#words.get(node)
    if (words === undefined) this.#words.set(node, { said: [{ seq, chains }], taken: 0 })
    else words.said.push({ seq, chains })
  }

  /**
   * Takes the events as they stand.
   * @param endOf the last event of a chain that has come
   * @returns an event that this one stands behind, although it was there when that one was written
   */
  take(node: string, seq: number, endOf: (node: string) => number): Missed['before'] | undefined {
    const missed = this.#missed.get(node)
    const words = this.#words.get(node)
    for (let word = words?.said[words.taken]; words !== undefined && word !== undefined && word.seq < seq; ) {
      for (const head of word.chains) if (endOf(head.node) < head.seq) this.#miss(head, { node, seq })
      word = words.said[++words.taken]
    }
    return missed !== undefined && seq <= missed.seq ? missed.before : undefined
  }

  /** It may come yet, out of its place; or not at all, and then it was not moved but removed. */
  #miss({ node, seq }: Head, before: Missed['before']): void {
    if (seq > (this.#missed.get(node)?.seq ?? 0)) this.#missed.set(node, { seq, before })
  }
}
