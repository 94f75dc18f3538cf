/** Events of one turn of the event loop, sealed to one another: they stand or fall together. */
import type { Entry } from '../core/event.ts'
import { type KeyedHash, sha256 } from '../core/secret.ts'
import type { Head } from './checkpoint.ts'
import { eventText, type Seal, ToldEvent, withSeal } from './event-text.ts'
import type { Told } from './sinks.ts'

export class Group {
  readonly done: PromiseWithResolvers<void> = Promise.withResolvers<void>()
  readonly entries: Entry[]
  /** Those that tell of what was done already. */
  readonly owed: Entry[] = []
  readonly ids: string[]
  readonly times: number[]

  constructor(entries: Entry[] = [], ids: string[] = [], times: number[] = []) {
    this.entries = entries
    this.ids = ids
    this.times = times
  }

  add(entry: Entry, id: string, at: number, isOwed = false): void {
    this.entries.push(entry)
    if (isOwed) this.owed.push(entry)
    this.ids.push(id)
    this.times.push(at)
  }

  /** Behind `start`, each to the one before, the last with a seal of its own. */
  sealed(
    { node, seq: from, head: first }: Head,
    headHash: KeyedHash,
  ): { readonly texts: readonly string[]; readonly seals: readonly Seal[]; readonly end: Head } {
    const texts: string[] = []
    const seals: Seal[] = []
    let seq = from
    let head = first
    const last = this.entries.length - 1
    for (const [index, entry] of this.entries.entries()) {
      const place = { id: this.ids[index] ?? '', at: this.times[index] ?? 0, node, seq: ++seq, previous: head }
      const unsealed = eventText(entry, place)
      const seal = index === last ? headHash(unsealed) : undefined
      const text = seal === undefined ? unsealed : withSeal(unsealed, seal)
      head = sha256(text)
      texts.push(text)
      seals.push(seal === undefined ? place : { ...place, seal })
    }
    return { texts, seals, end: { node, seq, head } }
  }

  /** As sinks are told. */
  told(seals: readonly Seal[], texts: readonly string[]): readonly Told[] {
    const told: Told[] = []
    for (const [index, entry] of this.entries.entries()) {
      const seal = seals[index]
      const text = texts[index]
      if (seal !== undefined && text !== undefined) told.push(new ToldEvent(entry, seal, text))
    }
    return told
  }
}
