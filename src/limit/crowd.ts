/** Everybody who is counted, by name, in bounded memory: whoever is idle gives way to a newcomer, whoever is busy never does. */
import { sha256 } from '../core/secret.ts'

export interface Member {
  isIdle(nowUs: number): boolean
  /** Has given way: whoever still holds on to it must look for the one that stands in its place. */
  isGone: boolean
  /** Stands for many. */
  readonly isShared: boolean
}

/** A member is some hundred bytes: this is at most 16 MB a crowd. */
export const CROWD_MAX = 32_768
/** How many are looked at for one that is idle. The next look goes on where this one ended, so that over time everybody is looked at. */
const LOOKS = 8
/** Newcomers for whom there is no place are counted together, in so many groups: strictly, and the busy keep their counts. */
const SHARES = 64
/** Names are kept; of longer ones their digest. */
const NAME_MAX_CHARS = 200

/** @param name of the member, or of the group, as a part of a key. */
export type Create<M> = (name: string, isShared: boolean) => M

export class Crowd<M extends Member> {
  readonly #create: Create<M>
  readonly #max: number
  readonly #members = new Map<string, M>()
  /** Kept: a Map that is walked from its start anew passes everything that was deleted there. */
  #round: MapIterator<[string, M]> = this.#members.entries()
  readonly #shared: (M | undefined)[] = []

  constructor(create: Create<M>, max = CROWD_MAX) {
    this.#create = create
    this.#max = max
  }

  get size(): number {
    return this.#members.size
  }

  /** The one of this name; made when there is none. */
  of(text: string, nowUs: number): M {
    const name = text.length <= NAME_MAX_CHARS ? text : sha256(text)
    const known = this.#members.get(name)
    if (known !== undefined) return known
    if (this.#members.size >= this.#max && !this.#makeRoom(nowUs)) return this.#share(name)
    const member = this.#create(name, false)
    this.#members.set(name, member)
    return member
  }

  #makeRoom(nowUs: number): boolean {
    for (let looks = 0; looks < LOOKS; looks++) {
      let next = this.#round.next()
      if (next.done === true) {
        this.#round = this.#members.entries()
        next = this.#round.next()
        if (next.done === true) return false
      }
      const [name, member] = next.value
      if (!member.isIdle(nowUs)) continue
      this.#members.delete(name)
      member.isGone = true
      return true
    }
    return false
  }

  #share(name: string): M {
    let group = 0
    for (let at = 0; at < name.length; at++) group = (group * 31 + name.charCodeAt(at)) % SHARES
    const known = this.#shared[group]
    if (known !== undefined) return known
    const member = this.#create(String(group), true)
    this.#shared[group] = member
    return member
  }
}
