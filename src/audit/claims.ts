/** What signatures vouch for: where each chain must have stood. Memory grows with checkpoints and chains, not with events. */
import type { KeyObject } from 'node:crypto'
import type { JsonValue } from '../core/json.ts'
import type { Flaw } from './chain.ts'
import { type Checkpoint, type Head, isCheckpoint, isSigned } from './checkpoint.ts'

export class Claims {
  readonly #key: KeyObject
  readonly #heads = new Map<string, Map<number, string>>()
  readonly #top = new Map<string, number>()
  readonly #closedAt = new Map<string, number>()
  readonly #counts = new Map<string, number>()
  readonly #sealed = new Set<string>()
  checkpoints = 0
  flaw: Flaw | undefined

  constructor(key: KeyObject) {
    this.#key = key
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
    if (isWhole) this.#count(value, position)
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
