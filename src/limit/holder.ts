/** One who is counted: a caller, an address, a tenant. His buckets, what he has under way, and what he was answered. */
import { KEYS } from '../store/keys.ts'
import { Bucket, type Limit } from './bucket.ts'
import type { Member } from './crowd.ts'

export class Holder implements Member {
  isGone = false
  readonly isShared: boolean
  /** Calls at once. */
  underway = 0
  /** Begun by calls that have ended, and still under way. */
  tasks = 0
  /** When all that he was answered is paid off, microseconds. */
  paidAtUs = 0
  readonly #name: string
  readonly #buckets = new Map<Limit, Bucket>()

  constructor(name: string, isShared: boolean) {
    this.#name = name
    this.isShared = isShared
  }

  bucketOf(limit: Limit): Bucket {
    const known = this.#buckets.get(limit)
    if (known !== undefined) return known
    const bucket = new Bucket(limit, KEYS.limit(limit.name, this.isShared ? 'many' : 'one', this.#name))
    this.#buckets.set(limit, bucket)
    return bucket
  }

  isIdle(nowUs: number): boolean {
    if (this.underway + this.tasks > 0 || this.paidAtUs > nowUs) return false
    for (const bucket of this.#buckets.values()) if (!bucket.isIdle(nowUs)) return false
    return true
  }
}
