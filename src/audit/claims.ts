/** What signatures vouch for: where each chain must have stood. Memory grows with checkpoints and chains, not with events. */
import type { KeyObject } from 'node:crypto'
import type { JsonValue } from '../core/json.ts'
import type { Flaw } from './chain.ts'
import { type Checkpoint, type Head, isCheckpoint, isSigned } from './checkpoint.ts'
import type { Cut, CutChain } from './cut.ts'
import { Order } from './order.ts'

export class Claims {
  readonly #key: KeyObject
  readonly #heads = new Map<string, Map<number, string>>()
  readonly #top = new Map<string, number>()
  readonly #closedAt = new Map<string, number>()
  readonly #counts = new Map<string, number>()
  readonly #sealed = new Set<string>()
  readonly #cut: Cut | undefined
  readonly #cutChains: ReadonlyMap<string, CutChain>
  /** Of whole logs: what their writers saw of each other. */
  readonly order = new Order()
  checkpoints = 0
  flaw: Flaw | undefined

  /** @param cut what retention may have removed: whatever is said of that needs not be there */
  constructor(key: KeyObject, cut?: Cut) {
    this.#key = key
    this.#cut = cut
    this.#cutChains = new Map(cut?.chains.map((chain) => [chain.node, chain]))
    for (const chain of this.#cutChains.values()) {
      this.#claim(chain, '')
      this.#counts.set(chain.node, chain.count)
      if (chain.closed !== undefined) this.#closedAt.set(chain.node, chain.closed)
    }
  }

  /**
   * Takes one line of a checkpoint log.
   * @param isWhole the log has every checkpoint, so that one missing between two is a flaw; a rotated file has not
   */
  take(position: string, value: JsonValue, isWhole: boolean): void {
    this.checkpoints++
    if (!isCheckpoint(value)) {
      this.#found({ node: '', seq: 0 }, position, 'checkpoint_forged', 'this line is no checkpoint')
      return
    }
    if (!isSigned(value, this.#key)) {
      this.#found(value, position, 'checkpoint_forged', 'its signature is not by this key')
      return
    }
    // A copy that was kept elsewhere may tell of chains that are gone whole, and that the cut tells of no more.
    if (!isWhole && this.#cut !== undefined && value.at < this.#cut.before) return
    if (isWhole) {
      this.#count(value, position)
      this.order.note(value)
    }
    if (value.closed) this.#closedAt.set(value.node, value.seq)
    this.#claim(value, position)
    for (const chain of value.chains) this.#claim(chain, position)
  }

  /** Takes a sealed head. What the journal's key did not seal vouches for nothing. */
  takeHead(position: string, head: Head | undefined): void {
    if (head === undefined) return
    this.#sealed.add(head.node)
    this.#claim(head, position)
  }

  /** Whether somebody sealed where the chain stands now. */
  isSealed(node: string): boolean {
    return this.#sealed.has(node)
  }

  /** Takes a checkpoint that came while events were read: it vouches for a new chain, and is held against nothing. */
  takeLate(value: JsonValue): void {
    if (!isCheckpoint(value) || !isSigned(value, this.#key)) return
    if (!this.#top.has(value.node)) this.#top.set(value.node, 0)
    if (value.closed) this.#closedAt.set(value.node, value.seq)
  }

  takeLateHead(head: Head | undefined): void {
    if (head !== undefined) this.#sealed.add(head.node)
  }

  /** What retention may have removed of a chain. */
  cutOf(node: string): CutChain | undefined {
    return this.#cutChains.get(node)
  }

  /** The digest that event `seq` of a chain must have; undefined when nobody signed for just that one. */
  headAt(node: string, seq: number): string | undefined {
    return this.#heads.get(node)?.get(seq)
  }

  /** The last event that somebody signed for; undefined when nobody knows the chain. */
  topOf(node: string): number | undefined {
    return this.#top.get(node)
  }

  closedAt(node: string): number | undefined {
    return this.#closedAt.get(node)
  }

  nodes(): IterableIterator<string> {
    return this.#top.keys()
  }

  #count(checkpoint: Checkpoint, position: string): void {
    const { node, count } = checkpoint
    if (count <= (this.#cutChains.get(node)?.count ?? 0)) return
    const expected = (this.#counts.get(node) ?? 0) + 1
    this.#counts.set(node, count)
    if (count > expected) this.#found(checkpoint, position, 'checkpoint_deleted', `number ${expected} of this chain is missing before it`)
    if (count < expected) this.#found(checkpoint, position, 'checkpoint_repeated', `it is number ${count}, and ${expected} was due`)
  }

  #claim({ node, seq, head }: Head, position: string): void {
    const heads = this.#heads.get(node) ?? new Map<number, string>()
    this.#heads.set(node, heads)
    const known = heads.get(seq)
    if (known !== undefined && known !== head) {
      this.#found({ node, seq }, position, 'checkpoint_contradicts', 'another checkpoint signs another digest for the same event')
    }
    heads.set(seq, known ?? head)
    this.#top.set(node, Math.max(this.#top.get(node) ?? 0, seq))
  }

  #found({ node, seq }: Pick<Head, 'node' | 'seq'>, position: string, reason: Flaw['reason'], detail: string): void {
    this.flaw ??= { node, seq, id: '', position, reason, detail }
  }
}
